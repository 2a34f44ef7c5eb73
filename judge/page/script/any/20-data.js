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
