// Find what the judges quoted within the traces, by letters and digits alone, and lead from the one to the other.

/** The colours that marks have by criterion; where several criteria quote the same words there is none. */
const MARK_COLOURS = 6;

/** Say on which criteria a place is quoted. */
function quotedOn(by) {
  return `quoted on ${by.map((number) => head.criteria?.[number]?.title ?? "a unit").join(", ")}`;
}

const QUOTE_CHARS = 12;
const QUOTE_PARTS = /\.{3}|…|\[[^\]]*\]|["“”«»;]/u;
/** Longer traces have no marks: to fold them would hold the page up. */
const MARKED_CHARS = 200000;

/** Fold a text to its letters and digits, with the place of each in the text: case, spaces and signs do not count. */
function folded(text) {
  const starts = [];
  const ends = [];
  const plain = [];
  let place = 0;
  for (const character of text) {
    const end = place + character.length;
    const kept = character.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
    for (let unit = 0; unit < kept.length; unit += 1) {
      plain.push(kept[unit]);
      starts.push(place);
      ends.push(end);
    }
    place = end;
  }
  return { plain: plain.join(""), starts, ends };
}

const foldedTraces = new WeakMap();

/** Fold a trace as the judge saw it, its final answer at the end; null for one too long. */
function foldedTrace(trace) {
  if (trace.text.length > MARKED_CHARS) return null;
  if (!foldedTraces.has(trace)) foldedTraces.set(trace, folded(`${trace.text}\n\nFinal answer: ${trace.answer ?? ""}`));
  return foldedTraces.get(trace);
}

/** Return the folded parts of a quotation that are long enough to be looked up. */
function quotedParts(quotation) {
  return quotation.split(QUOTE_PARTS).map((part) => folded(part).plain).filter((part) => part.length >= QUOTE_CHARS);
}

/** Return where a side's trace is quoted: { start, end } that neither touch nor overlap, by rising start. */
function quotedPlaces(item, side) {
  const trace = item[side];
  const quotations = item.judgments.flatMap((judgment) => Object.entries(judgment.evidence ?? {}).map(([criterion, quoted]) => [criterion, quoted[side]]));
  const fold = quotations.length > 0 && foldedTrace(trace);
  if (!fold) return [];
  const places = [];
  const criteria = (head.criteria ?? []).map((criterion) => criterion.name);
  const seen = new Set();
  for (const [criterion, quotation] of quotations) {
    for (const part of quotation ? quotedParts(quotation) : []) {
      const at = seen.has(`${criterion} ${part}`) ? -1 : fold.plain.indexOf(part);
      seen.add(`${criterion} ${part}`);
      if (at >= 0 && fold.starts[at] < trace.text.length) {
        places.push({ start: fold.starts[at], end: Math.min(trace.text.length, fold.ends[at + part.length - 1]), by: [criteria.indexOf(criterion)] });
      }
    }
  }
  return merged(places.sort((one, other) => one.start - other.start));
}

function merged(places) {
  const apart = [];
  for (const place of places) {
    const last = apart.at(-1);
    if (last && place.start <= last.end) {
      last.end = Math.max(last.end, place.end);
      last.by = [...new Set([...last.by, ...place.by])];
    } else apart.push({ ...place });
  }
  return apart;
}

/** Cut text[from, to) into plain texts and marks. */
function withMarks(text, from, to, places) {
  const parts = [];
  let done = from;
  for (const { start, end, by } of places.filter((place) => place.end > from && place.start < to)) {
    const own = [Math.max(start, from), Math.min(end, to)];
    parts.push(text.slice(done, own[0]), make("mark", { tabindex: "-1", class: by.length === 1 && by[0] >= 0 ? `c${by[0] % MARK_COLOURS}` : "", title: quotedOn(by), "data-start": start, "data-end": end }, text.slice(...own)));
    done = own[1];
  }
  return [...parts, text.slice(done, to)];
}

/** Lead from a quotation to its place in the trace, or say that it does not stand there. */
function leadToQuote(item, side, quotation) {
  const parts = quotedParts(quotation);
  const fold = item[side] && parts.length > 0 && foldedTrace(item[side]);
  if (!fold) return null;
  if (!parts.every((part) => fold.plain.includes(part))) return make("span", { class: "fine" }, " (not word for word in the trace)");
  const place = fold.starts[fold.plain.indexOf(parts[0])];
  if (place >= item[side].text.length) return null;
  return [" ", button("show in trace", () => showQuote(side, place), { class: "quiet to-quote" })];
}

/** Move to the mark at a place of a side's trace, with as much of the trace drawn as that takes. */
function showQuote(side, place) {
  const trace = byId("item").querySelector(`.trace[data-side="${side}"]`);
  const found = () => [...trace.querySelectorAll(".text mark")].find(({ dataset }) => Number(dataset.start) <= place && place < Number(dataset.end));
  for (const box of trace.querySelectorAll(".text")) {
    box.closest("details")?.setAttribute("open", "");
    const more = box.querySelector("button");
    while (!found() && !more.hidden) more.click();
  }
  found()?.scrollIntoView({ block: "center" });
  found()?.focus({ preventScroll: true });
}
