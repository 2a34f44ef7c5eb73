// What a list of pairs can be filtered and sorted by.

const STRATA = {
  both_right: "both right",
  only_a_right: "only a right",
  only_b_right: "only b right",
  both_wrong: "both wrong",
  unreadable: "an answer unreadable",
  no_answer: "no right answer known",
};

const OUTCOME_NAMES = { a: "a wins", b: "b wins", tie: "tie", split: "split", missing: "missing" };

/** How two places compare; as in the run without one. */
const SORTS = { doubt: (one, other) => index.points[other] - index.points[one] };

function ownFacets() {
  const failures = [...new Set(index.failures.flat())].sort();
  return [
    { title: "Outcome", names: OUTCOME_NAMES, of: (place) => [outcomeOf(place, state.criterion, state.judge)], sways: true },
    { title: "Failure", names: named(failures), of: (place) => index.failures[place], sways: true },
    {
      title: "Judges",
      names: head.judges.length > 1 ? { differ: "disagree", agree: "agree" } : {},
      of: (place) => [judgesDiffer(place, state.criterion) ? "differ" : "agree"],
      sways: true,
    },
    { title: "Final answers", names: onlyUsed(STRATA, index.strata), of: coded(index.strata), sways: true },
    {
      title: "Your labels",
      names: { done: "complete", begun: "begun", none: "none" },
      of: (place) => [labels.isDone(place, state.reader) ? "done" : labels.isBegun(place, state.reader) ? "begun" : "none"],
    },
    ...fieldFacets(),
  ];
}
