// One trace: its question, the trace beside its checklist, and what was sent and came back.

function itemParts(item, place) {
  return [
    itemHead(item, place, figures(item)),
    make("div", { class: "about" }, ...pictures(item, place), question(item, (letter) => (item.trace.chosen.includes(letter) ? [make("span", { class: "side blind" }, "chosen")] : []))),
    make("div", { class: "reading" }, trace(item), checklist(item)),
    make("div", { class: "judged" }, exchanges(item)),
  ];
}

/** The figures of each group, and of the whole trace. */
function figures(item) {
  const rows = Object.entries(item.groups).filter(([, group]) => group.units.length > 0).map(([name, group]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      group.standing === "scored"
        ? ["presence", "correctness", "consistency", "score"].map((part) => make("td", { class: "numbers" }, percent(group[part])))
        : make("td", { colspan: "4", class: "numbers" }, group.standing === "unseen" ? "images not seen" : group.standing),
    ));
  const heads = ["presence", "correctness", "consistency", "score"].map((part) => make("th", { scope: "col", class: "numbers" }, part));
  return make(
    "div",
    { class: "scroll figures", role: "region", tabindex: "0", "aria-label": "Figures, percent" },
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "percent"), ...heads)),
      make("tbody", {}, ...rows, make("tr", { class: "total" }, make("th", { scope: "row" }, "trace score"), make("td", { colspan: "4", class: "numbers" }, percent(item.trace_score)))),
    ),
  );
}

function trace(item) {
  const own = item.trace;
  const said = own.answer ?? (own.chosen.length ? own.chosen.join(", ") : null);
  const right = { true: "✓ right", false: "✗ wrong" }[String(own.right)] ?? "cannot be read";
  return make(
    "article",
    { class: "trace", "data-side": "trace", "aria-label": "Trace" },
    make(
      "header",
      {},
      make("h3", {}, make("span", { class: "model", dir: "auto" }, own.model ?? head.model)),
      make("p", { class: "answer" }, "Answer: ", make("b", { dir: "auto" }, said ?? "none stated"), item.answer ? make("span", { class: `is-${own.right}` }, ` ${right}`) : ""),
    ),
    ...traceText(own, `${item.id}-trace`, quotedPlaces(item, "trace")),
    make("p", { class: "fine" }, `${own.text.length.toLocaleString("en")} characters${own.cut ? ", cut at the limit of its length" : ""}`),
  );
}
