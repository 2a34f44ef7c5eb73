// One item of any page: its head, images, question and options.

let drawing = 0;

/** Draw the item that is open, by the page's own `itemParts`. */
async function drawItem() {
  drawing += 1;
  const own = drawing;
  const box = byId("item");
  if (state.open < 0) {
    box.replaceChildren(make("p", { class: "empty" }, "Choose one from the list."));
    return;
  }
  const item = await itemAt(state.open);
  if (own === drawing) box.replaceChildren(...itemParts(item, state.open));
}

function itemHead(item, place, ...notes) {
  const at = state.listed.indexOf(place);
  const where = at < 0 ? "not among those listed" : `${(at + 1).toLocaleString("en")} of ${state.listed.length.toLocaleString("en")} listed`;
  const fields = Object.entries(item.fields).filter(([, value]) => value !== null && typeof value !== "object");
  return make(
    "header",
    { class: "item-head" },
    make(
      "div",
      { class: "item-nav" },
      make("a", { class: "back", href: `#${NOUN}` }, `All ${NOUN}`),
      make("span", { class: "where" }, where),
      button("Previous", () => step(-1), { "aria-keyshortcuts": "k", class: "quiet" }),
      button("Next", () => step(1), { "aria-keyshortcuts": "j", class: "quiet" }),
    ),
    make("h2", { id: "item-title", tabindex: "-1", dir: "auto" }, item.id),
    ...notes,
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

/** The question; `choosers` gives the marks of those who chose an option. */
function question(item, choosers) {
  const options = item.options.map(([letter, text]) => {
    const right = item.right.includes(letter);
    return make(
      "li",
      { class: right ? "right" : "" },
      make("span", { class: "letter" }, letter),
      make("span", { class: "option", dir: "auto" }, text),
      right && make("span", { class: "mark-right" }, "✓ reference"),
      ...choosers(letter),
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
