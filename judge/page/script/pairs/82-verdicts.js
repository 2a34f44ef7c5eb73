// What the judges said on each criterion, in both orders and with their evidence: unfolded where it stands beside the traces.

/** As wide as the style needs it to put the verdicts beside the traces. */
const isWide = () => matchMedia("(min-width: 84rem)").matches;

const winnerName = (winner) => (winner.length === 1 ? modelName(winner) : winner.replace("_", " "));
const orderName = (order) => `${modelName(order === "forward" ? "a" : "b")} shown first`;

/** Say an outcome as a badge says it: whether the orders agree, and on whom. */
function consistency(outcome, place) {
  if (outcome === "missing") return "missing";
  if (index.identical.includes(place)) return "identical traces: tie";
  if (outcome === "split") return "split";
  const whom = outcomeName(outcome);
  return head.orders === "both" ? `consistent: ${whom}` : whom;
}

function verdicts(item, place) {
  const judges = head.judges.filter((judge) => item.judgments.some((judgment) => judgment.judge === judge));
  return make(
    "section",
    { class: "verdicts", "aria-label": "Verdicts" },
    make("h3", {}, head.judges.length > 1 ? "What the judges said" : "What the judge said"),
    item.judgments.length === 0 && make("p", { class: "empty" }, index.identical.includes(place) ? "The traces are the same bytes: a tie that no judge was asked about." : "Not asked yet."),
    ...head.criteria.map((criterion, number) => onCriterion(item, place, criterion, number, judges)),
  );
}

function onCriterion(item, place, criterion, number, judges) {
  const outcome = outcomeOf(place, criterion.name);
  const several = head.judges.length > 1;
  return make(
    "details",
    { class: "criterion", "data-criterion": criterion.name, open: isWide() },
    make("summary", {}, make("h4", { class: `key c${number % MARK_COLOURS}`, title: criterion.definition }, criterion.title), badge(outcome, consistency(outcome, place))),
    ...judges.map((judge) =>
      make(
        "div",
        { class: "by-judge" },
        several && make("h5", {}, judge, " ", badge(outcomeOf(place, criterion.name, judge), consistency(outcomeOf(place, criterion.name, judge), place))),
        make("div", { class: "orders" }, ...asked(item, judge).map((judgment) => said(item, judgment, criterion.name))),
      ),
    ),
    ...labels.others(item.id, criterion.name, state.labelling ? state.reader : null).map((label) =>
      make("p", { class: "label-note" }, make("b", {}, label.reader), ` says ${winnerName(label.winner)}`, label.reason ? `: ${label.reason}` : "")),
  );
}

/** The probabilities of a soft verdict, as text. */
function chances(verdict) {
  if (verdict.p_first === undefined) return "";
  const [first, tie, second] = [verdict.p_first, verdict.p_tie, verdict.p_second].map((p) => (100 * p).toFixed(1));
  return `: first ${first} %, tie ${tie} %, second ${second} %`;
}

function said(item, judgment, criterion) {
  const verdict = judgment.verdicts?.[criterion];
  const failed = judgment.failure && (judgment.failure.criterion ?? criterion) === criterion;
  if (!verdict && !failed) return null;
  const evidence = judgment.evidence?.[criterion];
  const slots = judgment.order === "forward" ? ["a", "b"] : ["b", "a"];
  return make(
    "div",
    { class: "order", "data-order": judgment.order },
    make("p", { class: "order-name" }, orderName(judgment.order), judgment.sample ? `, sample ${judgment.sample + 1}` : ""),
    verdict
      ? make("p", { class: "said" }, badge(verdict.winner === "cannot_judge" ? "missing" : verdict.winner, winnerName(verdict.winner) + (verdict.winner.length === 1 ? " wins" : "")), make("span", { class: "fine" }, ` said “${verdict.said.replace("_", " ")}”${chances(verdict)}`))
      : make("p", { class: "said" }, badge("missing", judgment.failure.kind.replace("_", " ")), make("span", { class: "fine", dir: "auto" }, ` ${judgment.failure.detail}`)),
    evidence && make("dl", { class: "evidence" }, ...slots.flatMap((side) => [make("dt", {}, make("span", { class: `side ${side}` }, modelName(side))), make("dd", { dir: "auto" }, evidence[side] || "(no quotation)", evidence[side] ? leadToQuote(item, side, evidence[side]) : null)])),
  );
}

/** What a request was about, where it stands among a judge's, its name in a file, and the texts that its prompt shows. */
const ASKED = {
  name: (judgment) => orderName(judgment.order),
  rank: (judgment) => (judgment.order === "swapped" ? 1 : 0),
  file: (judgment) => judgment.order,
  texts: (item) => [item.question, item.a?.text, item.b?.text],
  closing: "User: the traces",
};
