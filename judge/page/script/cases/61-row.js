// A row of the list of traces.

const ANSWER_MARKS = { right: "✓", wrong: "✗", unread: "?" };

function row(place) {
  const answer = index.answers.values[index.answers.codes[place]];
  const score = scoreOf(place);
  return itemRow(
    place,
    { "data-mode": faultsOf(place, "").join(" ") },
    ANSWER_MARKS[answer] && make("span", { class: `answer-mark is-${answer}`, role: "img", "aria-label": `answer ${ANSWERS[answer]}`, title: `Answer ${ANSWERS[answer]}` }, ANSWER_MARKS[answer]),
    badge(score === null ? "missing" : "score", score === null ? "no score" : percent(score)),
  );
}
