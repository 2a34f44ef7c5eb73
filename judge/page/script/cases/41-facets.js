// What a list of traces can be filtered and sorted by.

const ANSWERS = { right: "right", wrong: "wrong", unread: "cannot be read", unknown: "no right answer known" };

state.group = "";

/** The score of an item: of the chosen group, or of the whole trace. */
function scoreOf(place) {
  return index.scores[state.group][place];
}

/** Compare by score, items without one at the end. */
function byScore(direction) {
  return (one, other) => {
    const [mine, theirs] = [scoreOf(one), scoreOf(other)];
    if (mine === null || theirs === null) return (mine === null) - (theirs === null);
    return direction * (mine - theirs);
  };
}

/** How two places compare; as in the run without one. */
const SORTS = { low: byScore(1), high: byScore(-1) };

function ownFacets() {
  const failures = [...new Set(index.failures.flat())].sort();
  const found = head.modes.filter((mode) => index.ids.some((_, place) => modesOf(place, "").includes(mode)));
  return [
    { title: "Failure mode", names: Object.fromEntries(found.map((mode) => [mode, mode === "ok" ? "nothing wrong" : inWords(mode)])), of: (place) => faultsOf(place, state.group) },
    { title: "Final answer", names: onlyUsed(ANSWERS, index.answers), of: coded(index.answers) },
    { title: "Failure", names: named(failures), of: (place) => index.failures[place] },
    ...fieldFacets(),
  ];
}

/** Of the traces listed, the one to look at first. */
const toLookAt = () => state.listed[0] ?? -1;
