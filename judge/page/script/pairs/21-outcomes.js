// What a page of pairs knows of each item.

const NOUN = "pairs";

/** What a reader calls a model: never a or b, which are labels of files. */
const modelName = (side) => head.names[side];

/** Say who won, by name. */
const outcomeName = (outcome) => (outcome.length === 1 ? `${modelName(outcome)} wins` : outcome);

const OUTCOMES = { a: "a", b: "b", t: "tie", s: "split", m: "missing" };

/** Return the outcome of an item on a criterion, as the report counts it; `judge` is "" for all together. */
function outcomeOf(place, criterion, judge = "") {
  return OUTCOMES[index.outcomes[judge][criterion][place]];
}

/** Tell whether the judges of a panel come to different outcomes. */
function judgesDiffer(place, criterion) {
  return new Set(head.judges.map((judge) => index.outcomes[judge][criterion][place])).size > 1;
}

/** All texts of an item that a search looks through. */
function textsOf(item) {
  const replies = item.judgments.map((judgment) => [judgment.reply?.text, judgment.failure?.detail]);
  const traces = [item.a, item.b].map((trace) => [trace?.text, trace?.answer]);
  return [item.id, item.question, item.options, item.reference, traces, replies].flat(3).filter(Boolean);
}
