// One pair: its images, question and options, the two traces, then verdicts and what was sent and came back.

let drawing = 0;

async function drawPair() {
  drawing += 1;
  const own = drawing;
  const box = byId("pair");
  if (state.open < 0) {
    box.replaceChildren(make("p", { class: "empty" }, "Choose a pair from the list."));
    return;
  }
  const item = await itemAt(state.open);
  if (own !== drawing) return;
  const place = state.open;
  box.replaceChildren(
    pairHead(item, place),
    ...pictures(item, place),
    item.question !== undefined ? question(item) : make("p", { class: "empty" }, "Only the judgments of this item are known."),
    item.a ? make("section", { class: "traces", "aria-label": "Traces" }, ...sides(item.id).map((side) => trace(item, side))) : "",
    state.labelling ? labelPanel(item) : "",
    state.blind
      ? make("p", { class: "hidden-judges" }, "Blind mode: what the judges said is hidden.")
      : make("div", { class: "judged" }, verdicts(item, place), exchanges(item)),
  );
}

function pairHead(item, place) {
  const at = state.listed.indexOf(place);
  const where = at < 0 ? "not among those listed" : `${(at + 1).toLocaleString("en")} of ${state.listed.length.toLocaleString("en")} listed`;
  const fields = Object.entries(item.fields).filter(([, value]) => value !== null && typeof value !== "object");
  return make(
    "header",
    { class: "pair-head" },
    make(
      "div",
      { class: "pair-nav" },
      make("a", { class: "back", href: "#pairs" }, "All pairs"),
      make("span", { class: "where" }, where),
      button("Previous", () => step(-1), { "aria-keyshortcuts": "k", class: "quiet" }),
      button("Next", () => step(1), { "aria-keyshortcuts": "j", class: "quiet" }),
    ),
    make("h2", { id: "pair-title", tabindex: "-1", dir: "auto" }, item.id),
    !state.blind && item.doubts.length > 0 && make("p", { class: "fine doubts" }, `Worth a look: ${item.doubts.join(", ")}`),
    make("ul", { class: "chips" }, ...fields.map(([name, value]) => make("li", {}, make("span", {}, `${name.replaceAll("_", " ")} `), make("b", { dir: "auto" }, value)))),
  );
}

function pictures(item, place) {
  const shown = (item.images ?? []).map((image, number) => {
    if (image.source === null && !head.served) return make("p", { class: "fine" }, `${image.name}: ${image.note}`);
    const full = head.served ? `image/${place}/${number}` : image.source;
    const name = `Image ${number + 1} of the question`;
    const picture = make("img", { src: image.source ?? full, alt: name, loading: "lazy" });
    return make(
      "figure",
      {},
      button(picture, () => zoom(full, name), { class: "picture", "aria-label": `${name}: enlarge` }),
      make("figcaption", { dir: "auto" }, image.name, image.scaled && !head.served ? " (scaled down)" : ""),
    );
  });
  const missing = (item.missing_images ?? []).map((path) => make("p", { class: "fine" }, `Missing image: ${path}`));
  return shown.length + missing.length ? [make("div", { class: "pictures" }, ...shown, ...missing)] : [];
}

function zoom(source, name) {
  const image = byId("zoom-image");
  image.src = source;
  image.alt = name;
  byId("zoom").showModal();
}

function question(item) {
  const options = item.options.map(([letter, text]) => {
    const right = item.right.includes(letter);
    const by = sides(item.id).filter((side) => item[side].chosen.includes(letter));
    return make(
      "li",
      { class: right ? "right" : "" },
      make("span", { class: "letter" }, letter),
      make("span", { class: "option", dir: "auto" }, text),
      right && make("span", { class: "mark-right" }, "✓ reference"),
      ...by.map((side) => make("span", { class: `side ${state.blind ? "blind" : side}` }, sideName(side, item.id))),
    );
  });
  return make(
    "section",
    { class: "question", "aria-label": "Question" },
    make("h3", {}, "Question"),
    make("div", { class: "stem" }, longText(item.question, `${item.id}-question`)),
    options.length > 0 && make("ul", { class: "options" }, ...options),
    options.length === 0 && item.answer && make("p", {}, make("b", {}, "Reference answer: "), make("span", { dir: "auto" }, item.answer)),
    item.reference && make("details", {}, make("summary", {}, "Reference reasoning"), longText(item.reference, `${item.id}-reference`)),
  );
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
      make("h3", {}, make("span", { class: `side ${state.blind ? "blind" : side}` }, sideName(side, item.id)), " ", !state.blind && make("span", { class: "model", dir: "auto" }, model)),
      make("p", { class: "answer" }, "Answer: ", make("b", { dir: "auto" }, said ?? "none stated"), item.answer && said !== null ? make("span", { class: `is-${own.right}` }, ` ${right}`) : ""),
    ),
    longText(own.text, `${item.id}-${side}`, state.blind ? [] : quotedPlaces(item, side)),
    make("p", { class: "fine" }, `${own.text.length.toLocaleString("en")} characters`),
  );
}
