// One pair: its question, what the judge said beside the two traces, and what was sent and came back.

function itemParts(item, place) {
  const doubts = !state.blind && item.doubts.length > 0 && make("p", { class: "fine doubts" }, `Worth a look: ${item.doubts.join(", ")}`);
  return [
    itemHead(item, place, doubts),
    item.question !== undefined
      ? make("div", { class: "about" }, ...pictures(item, place), question(item, (letter) => choosers(item, letter)))
      : make("p", { class: "empty" }, "Only the judgments of this item are known."),
    state.blind ? "" : outcomeChips(item, place),
    state.blind && make("p", { class: "hidden-judges" }, "Blind mode: what the judges said is hidden."),
    make(
      "div",
      { class: "compared" },
      !state.blind && verdicts(item, place),
      item.a && make("section", { class: "traces", "aria-label": "Traces" }, ...sides(item.id).map((side) => trace(item, side))),
      state.labelling && labelPanel(item),
    ),
    state.blind ? "" : exchanges(item),
  ].filter(Boolean);
}

/** Every criterion with its outcome, in the colour of its marks in the traces. */
function outcomeChips(item, place) {
  if (item.judgments.length === 0) return "";
  return make(
    "ul",
    { class: "chips outcomes", "aria-label": "Outcomes" },
    ...head.criteria.map((criterion, number) =>
      make("li", {}, make("span", { class: `key c${number % MARK_COLOURS}` }, criterion.title), " ", badge(outcomeOf(place, criterion.name), outcomeName(outcomeOf(place, criterion.name))))),
  );
}

/** The marks of the traces that chose an option. */
function choosers(item, letter) {
  const by = sides(item.id).filter((side) => item[side].chosen.includes(letter));
  return by.map((side) => make("span", { class: `side ${state.blind ? "blind" : side}` }, sideName(side, item.id)));
}

function trace(item, side) {
  const own = item[side];
  const model = own.model ?? head.models[side];
  const right = { true: "✓ right", false: "✗ wrong" }[String(own.right)] ?? "cannot be read";
  const said = own.answer ?? (own.chosen.length ? own.chosen.join(", ") : null);
  return make(
    "article",
    { class: `trace ${state.blind ? "blind" : side}`, "data-side": side, "aria-label": `Trace ${sideName(side, item.id)}` },
    make(
      "header",
      {},
      make("h3", {}, make("span", { class: `side ${state.blind ? "blind" : side}` }, sideName(side, item.id)), " ", !state.blind && model !== head.names[side] && make("span", { class: "model", dir: "auto" }, model)),
      make("p", { class: "answer" }, "Answer: ", make("b", { dir: "auto" }, said ?? "none stated"), item.answer && said !== null ? make("span", { class: `is-${own.right}` }, ` ${right}`) : ""),
    ),
    ...traceText(own, `${item.id}-${side}`, state.blind ? [] : quotedPlaces(item, side)),
    make("p", { class: "fine" }, `${own.text.length.toLocaleString("en")} characters${own.cut ? ", cut at the limit of its length" : ""}`),
  );
}
