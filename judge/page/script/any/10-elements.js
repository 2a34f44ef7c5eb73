// Build elements. Text of an item reaches the page through `visible` and text nodes only, never as markup.

const byId = (id) => document.getElementById(id);

const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Return text with every invisible character spelled out as ⟨U+202E⟩, but for line ends and tabs. */
function visible(text) {
  return String(text).replace(INVISIBLE, (character) =>
    character === "\n" || character === "\t"
      ? character
      : `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
}

/** Make an element. `given` holds attributes, and listeners under `onclick` and the like; children are texts or nodes. */
function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, visible(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(visible(child)))));
  return element;
}

function button(name, press, given = {}) {
  return make("button", { type: "button", ...given, onclick: press }, name);
}

/** Tell a screen reader, and nobody else. */
function say(text) {
  byId("said").textContent = text;
}

const SHOWN_CHARS = 20000;

/** Show a text of any length, marked at places: the first part at once, more on request, the original to save byte for byte. */
function longText(text, name, places = [], from = 0, to = text.length) {
  const box = make("div", { class: "text", dir: "auto" });
  if (!text) {
    box.append(make("p", { class: "empty" }, "(empty)"));
    return box;
  }
  let shown = from;
  const more = button("", () => extend());
  function extend() {
    let end = Math.min(to, shown + SHOWN_CHARS);
    if (/[\uD800-\uDBFF]/.test(text[end - 1])) end = Math.min(to, end + 1);
    more.before(make("pre", {}, ...withMarks(text, shown, end, places)));
    shown = end;
    more.hidden = shown >= to;
    more.textContent = `Show more (${(to - shown).toLocaleString("en")} characters left)`;
  }
  box.append(more);
  extend();
  INVISIBLE.lastIndex = 0;
  const hidesSome = text.length > SHOWN_CHARS || visible(text) !== text;
  if (hidesSome) box.append(button("Save original", () => save(text, `${name}.txt`, "text/plain"), { class: "quiet" }));
  return box;
}

const THINKING = "Thinking:\n";
const FINAL_TEXT = "\n\nFinal text:\n";

let thinkingShown = false;

/** Draw a trace's text: its thinking, if it has any, folded away until the reader labels or wants to see it, from then on. */
function traceText(own, name, places) {
  if (!own.final_chars) return [longText(own.text, name, places)];
  const at = own.text.length - own.final_chars;
  const end = at - FINAL_TEXT.length;
  const marks = places.filter((place) => place.start < end).length;
  const size = `${(end - THINKING.length).toLocaleString("en")} characters${marks ? `, ${marks} quoted` : ""}`;
  const thinking = make("details", { class: "thinking", open: thinkingShown || state.labelling === true }, make("summary", { onclick: unfold }, `Thinking (${size})`), longText(own.text, name, places, THINKING.length, end));
  return [thinking, make("p", { class: "fine" }, "Final text"), longText(own.text, name, places, at)];
}

/** Show or fold the thinking of all traces drawn alike. */
function unfold(event) {
  event.preventDefault();
  thinkingShown = !event.currentTarget.parentElement.open;
  for (const box of byId("item").querySelectorAll(".thinking")) box.open = thinkingShown;
}

/** Hand a file to the browser's downloads. */
function save(content, name, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name.replace(/[^\w.-]+/g, "_") }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

