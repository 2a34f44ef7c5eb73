// What a list of pairs can be filtered and sorted by.

const strata = () => ({
  both_right: "both right",
  only_a_right: `only ${modelName("a")} right`,
  only_b_right: `only ${modelName("b")} right`,
  both_wrong: "both wrong",
  unreadable: "an answer unreadable",
  no_answer: "no right answer known",
});

const outcomeNames = () => Object.fromEntries(["a", "b", "tie", "split", "missing"].map((one) => [one, outcomeName(one)]));

/** How two places compare; as in the run without one. */
const SORTS = { doubt: (one, other) => index.points[other] - index.points[one] };

/** Of the pairs listed, the one to look at first: the most doubtful. */
const toLookAt = () => [...state.listed].sort(SORTS.doubt)[0] ?? -1;

function ownFacets() {
  const failures = [...new Set(index.failures.flat())].sort();
  return [
    { title: "Outcome", names: outcomeNames(), of: (place) => [outcomeOf(place, state.criterion, state.judge)], sways: true },
    { title: "Failure", names: named(failures), of: (place) => index.failures[place], sways: true },
    {
      title: "Judges",
      names: head.judges.length > 1 ? { differ: "disagree", agree: "agree" } : {},
      of: (place) => [judgesDiffer(place, state.criterion) ? "differ" : "agree"],
      sways: true,
    },
    { title: "Final answers", names: onlyUsed(strata(), index.strata), of: coded(index.strata), sways: true },
    {
      title: "Your labels",
      names: { done: "complete", begun: "begun", none: "none" },
      of: (place) => [labels.isDone(place, state.reader) ? "done" : labels.isBegun(place, state.reader) ? "begun" : "none"],
    },
    ...fieldFacets(),
  ];
}
