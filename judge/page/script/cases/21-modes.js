// What a page of traces knows of each item.

const NOUN = "traces";

/** The failure modes of an item in a group; in all groups for "". Those that apply first stand first. */
function modesOf(place, group) {
  const digits = group === "" ? Object.values(index.modes).map((own) => own[place]).join("") : index.modes[group][place];
  return head.modes.filter((_, number) => digits.includes(String(number)));
}

/** What is wrong somewhere in an item; `ok` alone where nothing is, and nothing where no unit was judged. */
function faultsOf(place, group) {
  const modes = modesOf(place, group);
  return modes.length > 1 ? modes.filter((mode) => mode !== "ok") : modes;
}

/** Write a share as percent; a dash where there is none. */
function percent(share) {
  return share === null || share === undefined ? "–" : (100 * share).toFixed(1);
}

function inWords(word) {
  return word.replaceAll("_", " ");
}

/** All texts of an item that a search looks through. */
function textsOf(item) {
  const replies = item.judgments.map((judgment) => [judgment.reply?.text, judgment.failure?.detail]);
  const claims = Object.values(item.groups).map((group) => group.units.map((unit) => [unit.claim, unit.topic]));
  return [item.id, item.question, item.options, item.reference, item.trace.text, item.trace.answer, claims, replies]
    .flat(4)
    .filter(Boolean);
}
