// A row of the list of pairs.

function overall() {
  return head.criteria.at(-1).name;
}

function row(place) {
  const outcome = outcomeOf(place, state.criterion, state.judge);
  const begun = labels.isBegun(place, state.reader);
  return itemRow(
    place,
    { "data-outcome": outcomeOf(place, overall()) },
    begun && make("span", { class: "labelled" }, labels.isDone(place, state.reader) ? "labelled" : "label begun"),
    !state.blind && badge(outcome, outcomeName(outcome)),
  );
}
