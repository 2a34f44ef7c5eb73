// Label mode: one keypress a criterion, beside what the judges said and never over it.

/** The answers by their keys, which are the same in a packet and in the terminal, as the reader sees the traces. */
function answers(id) {
  const [left, right] = sides(id);
  return [
    { key: "1", winner: left, name: `${sideName(left, id)} is better` },
    { key: "2", winner: right, name: `${sideName(right, id)} is better` },
    { key: "t", winner: "tie", name: "tie" },
    { key: "c", winner: "cannot_judge", name: "cannot judge" },
  ];
}

function labelPanel(item) {
  return make(
    "section",
    { class: "label-panel", "aria-label": "Your labels" },
    make("h3", {}, "Your labels"),
    ...head.criteria.map((criterion, number) => {
      const mine = labels.of(item.id, criterion.name, state.reader);
      return make(
        "fieldset",
        { class: number === state.asked ? "asked" : "", "data-criterion": criterion.name },
        make("legend", {}, criterion.title),
        make("p", { class: "fine", dir: "auto" }, criterion.definition),
        make(
          "div",
          { class: "answers" },
          ...answers(item.id).map(({ key, winner, name }) =>
            make("button", { type: "button", "aria-pressed": String(mine?.winner === winner), onclick: () => label(number, winner) }, make("kbd", {}, key), ` ${name}`)),
        ),
        make("input", { "aria-label": `Reason, ${criterion.title}`, placeholder: "Reason (optional)", value: mine?.reason ?? "", maxlength: "2000", onchange: (event) => mine && label(number, mine.winner, event.target.value) }),
      );
    }),
  );
}

/** Say something of the open pair on a criterion, and go on to the next criterion that has no label yet. */
async function label(number, winner, reason = null) {
  const id = index.ids[state.open];
  const criterion = head.criteria[number].name;
  const given = byId("item").querySelector(`.label-panel [data-criterion="${criterion}"] input`)?.value ?? "";
  const one = {
    item: id,
    criterion,
    winner,
    order: isSwapped(id) ? "swapped" : "forward",
    reader: state.reader,
    time: new Date().toISOString().replace(/Z$/, "+00:00"),
    reason: reason ?? given,
  };
  if (state.reader === "") {
    state.unsigned.push(one);
    byId("reader").focus();
    say("Give your name or initials: the label is kept as soon as it has one");
    byId("progress").textContent = "One label waits for your name or initials";
    return;
  }
  await keep(one);
}

/** Give the labels that were made without a name the reader's, and keep them. */
async function sign() {
  const waiting = state.reader === "" ? [] : state.unsigned.splice(0);
  for (const one of waiting) await keep({ ...one, reader: state.reader });
}

async function keep(one) {
  const id = one.item;
  try {
    await labels.add(one);
  } catch (problem) {
    say(`Not kept: ${problem.message}`);
    byId("progress").textContent = `Not kept: ${problem.message}`;
    return;
  }
  if (index.ids[state.open] === id) {
    const open = head.criteria.findIndex((own) => !labels.of(id, own.name, state.reader));
    state.asked = open < 0 ? head.criteria.length : open;
    say(open < 0 ? "All criteria of this pair are labelled" : `Next: ${head.criteria[open].title}`);
  }
  drawProgress();
  update();
  await drawItem();
  byId("item").querySelector(".asked")?.scrollIntoView({ block: "nearest" });
}

function drawProgress() {
  const done = index.ids.filter((_, place) => labels.isDone(place, state.reader)).length;
  byId("progress").textContent = `${done.toLocaleString("en")} of ${index.ids.length.toLocaleString("en")} pairs labelled`;
  byId("label-box").hidden = !state.labelling;
}
