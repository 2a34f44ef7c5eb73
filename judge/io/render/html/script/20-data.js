// Unpack the page's data: the head at once, a chunk of items when one of them is wanted.

const KEPT_CHUNKS = 24;

async function unpack(element) {
  const packed = atob(element.textContent);
  const bytes = new Uint8Array(packed.length);
  for (let place = 0; place < packed.length; place += 1) bytes[place] = packed.charCodeAt(place);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

let head = null;
let index = null;
const placeOf = new Map();
const chunks = new Map();

async function openHead() {
  head = await unpack(byId("head"));
  index = head.index;
  index.ids.forEach((id, place) => placeOf.set(id, place));
}

/** Return the items of a chunk; the chunks used last are kept. */
function chunk(number) {
  const known = chunks.get(number);
  if (known) {
    chunks.delete(number);
    chunks.set(number, known);
    return known;
  }
  const opened = unpack(document.querySelector(`script[data-chunk="${number}"]`));
  chunks.set(number, opened);
  if (chunks.size > KEPT_CHUNKS) chunks.delete(chunks.keys().next().value);
  return opened;
}

async function itemAt(place) {
  const items = await chunk(Math.floor(place / index.chunk_items));
  return items[place % index.chunk_items];
}

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
