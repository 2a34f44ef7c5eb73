"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const memory = "omr-judge packet " + content.draw;
const verdicts = [["first", "Trace 1 is better"], ["second", "Trace 2 is better"], ["tie", "Tie"],
  ["cannot_judge", "Cannot judge"]];
const keys = { 1: "first", 2: "second", t: "tie", c: "cannot_judge" };
const by = (id) => document.getElementById(id);
let state = { at: 0, reader: "", answers: {} };
let current = 0;

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(memory));
    if (kept && kept.answers) state = kept;
  } catch {
    say("This browser keeps nothing: download your answers before you close the page.");
  }
}

function keep() {
  try {
    localStorage.setItem(memory, JSON.stringify(state));
  } catch {
    say("This browser keeps nothing: download your answers before you close the page.");
  }
}

function say(text) {
  by("note").textContent = text;
}

function add(parent, name, text, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

const slot = (number, criterion) => number + " " + criterion;

function answer(criterion, change) {
  const item = content.items[state.at];
  const known = state.answers[slot(item.number, criterion)] || { number: item.number, criterion, verdict: null, reason: "" };
  state.answers[slot(item.number, criterion)] = { ...known, ...change, time: new Date().toISOString() };
  keep();
  showProgress();
}

function given() {
  return Object.values(state.answers).filter((one) => one.verdict !== null);
}

function showProgress() {
  const whole = content.items.filter((item) => content.criteria.every(
    (criterion) => (state.answers[slot(item.number, criterion.name)] || {}).verdict));
  by("progress").textContent = `${state.at + 1} of ${content.items.length} (${whole.length} answered)`;
}

function showItem(item) {
  const place = by("item");
  place.replaceChildren();
  add(place, "h1", "Which trace is better?");
  for (const image of item.images) add(place, "img", undefined, { src: image, alt: "Image of the question" });
  add(place, "p", item.question, { className: "text" });
  const options = add(place, "ul");
  for (const [letter, text] of item.options) add(options, "li", `${letter}. ${text}${letter === item.right ? "  ✓ reference" : ""}`);
  if (item.reference) add(place, "p", `Reference: ${item.reference}`, { className: "text" });
  by("trace-1").textContent = item.traces[0];
  by("trace-2").textContent = item.traces[1];
}

function showCriterion(criterion, index, item) {
  const known = state.answers[slot(item.number, criterion.name)] || { verdict: null, reason: "" };
  const field = add(by("criteria"), "fieldset", undefined, { className: index === current ? "current" : "" });
  add(field, "legend", criterion.definition ? `${criterion.title}: ${criterion.definition}` : criterion.title);
  const choices = add(field, "div", undefined, { className: "choices" });
  for (const [verdict, text] of verdicts) {
    const label = add(choices, "label");
    const radio = add(label, "input", undefined,
      { type: "radio", name: criterion.name, value: verdict, checked: known.verdict === verdict });
    radio.addEventListener("change", () => { current = index; answer(criterion.name, { verdict }); mark(); });
    label.append(" " + text);
  }
  const reason = add(add(field, "label", "Reason (if you like)", { className: "reason" }), "textarea", undefined, { rows: 1, value: known.reason });
  reason.addEventListener("input", () => answer(criterion.name, { reason: reason.value }));
}

function mark() {
  [...by("criteria").children].forEach((field, index) => field.classList.toggle("current", index === current));
}

function show() {
  const item = content.items[state.at];
  showItem(item);
  by("criteria").replaceChildren();
  content.criteria.forEach((criterion, index) => showCriterion(criterion, index, item));
  by("back").disabled = state.at === 0;
  by("next").disabled = state.at === content.items.length - 1;
  showProgress();
}

function go(step) {
  const at = Math.min(content.items.length - 1, Math.max(0, state.at + step));
  if (at === state.at) return;
  state.at = at;
  current = 0;
  keep();
  show();
  scrollTo(0, 0);
}

function choose(verdict) {
  const fields = by("criteria").children;
  fields[current].querySelector(`input[value="${verdict}"]`).checked = true;
  answer(content.criteria[current].name, { verdict });
  if (current < fields.length - 1) {
    current += 1;
    mark();
  } else {
    go(1);
  }
}

function download() {
  if (!state.reader.trim()) {
    say("Give your name or initials first.");
    by("reader").focus();
    return;
  }
  const file = { format: "omr-judge packet answers", version: 1, pairs_sha256: content.pairs_sha256,
    draw: content.draw, reader: state.reader.trim(), answers: given() };
  const address = URL.createObjectURL(new Blob([JSON.stringify(file, null, 2)], { type: "application/json" }));
  const link = add(document.body, "a", undefined, { href: address, download: `answers-${content.draw}.json` });
  link.click();
  link.remove();
  URL.revokeObjectURL(address);
  const asked = content.items.length * content.criteria.length;
  say(`${file.answers.length} of ${asked} answers are in the file. Send it back.`);
}

addEventListener("keydown", (event) => {
  const writing = event.target.matches("textarea, input:not([type=radio])");
  if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key in keys) choose(keys[key]);
  else if (key === "j") go(1);
  else if (key === "k") go(-1);
  else return;
  event.preventDefault();
});
by("reader").addEventListener("input", (event) => { state.reader = event.target.value; keep(); });
by("back").addEventListener("click", () => go(-1));
by("next").addEventListener("click", () => go(1));
by("download").addEventListener("click", download);
function start() {
  restore();
  by("reader").value = state.reader;
  show();
}

// What another window of this page keeps is taken over, so that neither overwrites the other's answers.
addEventListener("storage", (event) => { if (event.key === memory) start(); });
start();
