// Keep what the reader says: labels, in the browser or at the server that shows this page.

const labels = {
  all: [],
  /** by item, criterion and reader: the later label counts */
  latest: new Map(),

  async open() {
    const known = head.served ? await (await fetch("labels")).json() : local.read(`labels:${head.key}`);
    (known ?? []).forEach((label) => this.take(label));
  },

  take(label) {
    this.all.push(label);
    this.latest.set(JSON.stringify([label.item, label.criterion, label.reader]), label);
  },

  of(item, criterion, reader) {
    return this.latest.get(JSON.stringify([item, criterion, reader]));
  },

  others(item, criterion, reader) {
    return [...this.latest.values()].filter(
      (label) => label.item === item && label.criterion === criterion && label.reader !== reader,
    );
  },

  /** Keep a label; throws where it cannot be kept. */
  async add(label) {
    if (head.served) {
      const answer = await fetch("labels", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(label),
      });
      if (!answer.ok) throw new Error(await answer.text());
      this.take(await answer.json());
      return;
    }
    this.take(label);
    if (!local.write(`labels:${head.key}`, this.all)) {
      throw new Error("this browser keeps nothing: download the labels before you close the page");
    }
  },

  isDone(place, reader) {
    return this.latest.size > 0 && head.criteria.every((criterion) => this.of(index.ids[place], criterion.name, reader));
  },

  isBegun(place, reader) {
    return this.latest.size > 0 && head.criteria.some((criterion) => this.of(index.ids[place], criterion.name, reader));
  },

  download() {
    const file = { format: "omr-judge labels", version: 1, pairs_sha256: head.pairs_sha256, labels: this.all };
    save(`${JSON.stringify(file, null, 1)}\n`, `labels-${head.run}-${state.reader || "reader"}.json`, "application/json");
  },
};

Object.assign(state, {
  criterion: "",
  judge: "",
  labelling: false,
  reader: "",
  /** the criterion that a key labels */
  asked: 0,
  /** labels that wait for the reader's name */
  unsigned: [],
});

/** Tell whether b stands first for this reader. Without blind mode a always does. */
function isSwapped(id) {
  if (!state.blind) return false;
  let hash = 2166136261;
  for (const character of `${head.seed}|${state.reader}|${id}`) {
    hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) & 1) === 1;
}

/** Return the two models in the order in which this reader sees them. */
function sides(id) {
  return isSwapped(id) ? ["b", "a"] : ["a", "b"];
}

/** Name a side: its model, or in blind mode where it stands. */
function sideName(side, id) {
  if (!state.blind) return modelName(side);
  return sides(id)[0] === side ? "first" : "second";
}
