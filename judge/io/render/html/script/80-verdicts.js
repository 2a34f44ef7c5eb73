// What the judges said: both orders next to each other with their evidence, and what was sent and came back.

const WINNER_NAMES = { a: "a", b: "b", tie: "tie", cannot_judge: "cannot judge" };
const ORDER_NAMES = { forward: "a shown first", swapped: "b shown first" };

/** Say an outcome as a badge says it: whether the orders agree, and on whom. */
function consistency(outcome, place) {
  if (outcome === "missing") return "missing";
  if (index.identical.includes(place)) return "identical traces: tie";
  if (outcome === "split") return "split";
  const whom = outcome === "tie" ? "tie" : `${outcome} wins`;
  return head.orders === "both" ? `consistent: ${whom}` : whom;
}

function verdicts(item, place) {
  const judges = head.judges.filter((judge) => item.judgments.some((judgment) => judgment.judge === judge));
  return make(
    "section",
    { class: "verdicts", "aria-label": "Verdicts" },
    make("h3", {}, "What the judge said"),
    item.judgments.length === 0 && make("p", { class: "empty" }, index.identical.includes(place) ? "The traces are the same bytes: a tie that no judge was asked about." : "Not asked yet."),
    ...head.criteria.map((criterion) => onCriterion(item, place, criterion, judges)),
  );
}

function onCriterion(item, place, criterion, judges) {
  const outcome = outcomeOf(place, criterion.name);
  const several = head.judges.length > 1;
  return make(
    "section",
    { class: "criterion", "data-criterion": criterion.name, "aria-label": criterion.title },
    make("header", {}, make("h4", { title: criterion.definition }, criterion.title), badge(outcome, consistency(outcome, place))),
    ...judges.map((judge) =>
      make(
        "div",
        { class: "by-judge" },
        several && make("h5", {}, judge, " ", badge(outcomeOf(place, criterion.name, judge), consistency(outcomeOf(place, criterion.name, judge), place))),
        make("div", { class: "orders" }, ...asked(item, judge).map((judgment) => said(item, judgment, criterion.name))),
      ),
    ),
    ...labels.others(item.id, criterion.name, state.labelling ? state.reader : null).map((label) =>
      make("p", { class: "label-note" }, make("b", {}, label.reader), ` says ${WINNER_NAMES[label.winner]}`, label.reason ? `: ${label.reason}` : "")),
  );
}

/** A judge's judgments on an item, sample by sample, forward first. */
function asked(item, judge) {
  const rank = (judgment) => judgment.sample * 2 + (judgment.order === "swapped" ? 1 : 0);
  return item.judgments.filter((judgment) => judgment.judge === judge).sort((one, other) => rank(one) - rank(other));
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
    make("p", { class: "order-name" }, ORDER_NAMES[judgment.order], judgment.sample ? `, sample ${judgment.sample + 1}` : ""),
    verdict
      ? make("p", { class: "said" }, badge(verdict.winner === "cannot_judge" ? "missing" : verdict.winner, WINNER_NAMES[verdict.winner] + (verdict.winner.length === 1 ? " wins" : "")), make("span", { class: "fine" }, ` said “${verdict.said.replace("_", " ")}”`))
      : make("p", { class: "said" }, badge("missing", judgment.failure.kind.replace("_", " ")), make("span", { class: "fine", dir: "auto" }, ` ${judgment.failure.detail}`)),
    evidence && make("dl", { class: "evidence" }, ...slots.flatMap((side) => [make("dt", {}, make("span", { class: `side ${side}` }, side)), make("dd", { dir: "auto" }, evidence[side] || "(no quotation)", evidence[side] ? leadToQuote(item, side, evidence[side]) : null)])),
  );
}

function exchanges(item) {
  if (item.judgments.length === 0) return "";
  return make(
    "section",
    { class: "exchanges", "aria-label": "What was sent and what came back" },
    make("h3", {}, "What was sent, what came back"),
    ...head.judges.flatMap((judge) => asked(item, judge)).map((judgment) => exchange(item, judgment)),
  );
}

/** One request, drawn only when it is opened. */
function exchange(item, judgment) {
  const name = [head.judges.length > 1 && judgment.judge, ORDER_NAMES[judgment.order], judgment.sample && `sample ${judgment.sample + 1}`].filter(Boolean).join(", ");
  const summary = make("summary", {}, name, " ", judgment.failure ? badge("missing", judgment.failure.kind.replace("_", " ")) : "");
  const box = make("details", { class: "exchange", ontoggle: () => box.open && box.children.length === 1 && box.append(...exchanged(item, judgment)) }, summary);
  return box;
}

function exchanged(item, judgment) {
  const known = [item.question, item.a?.text, item.b?.text];
  const join = (parts) => parts.map((part) => (typeof part === "number" ? known[part] : part)).join("");
  const prompt = item.prompts[judgment.prompt];
  const file = `${item.id}-${judgment.order}`;
  const block = (title, text, end) => [make("h4", {}, title), longText(text, `${file}-${end}`)];
  return [
    ...(prompt ? [...block("System", prompt.system, "system"), ...sentImages(prompt.images), ...block("User: the item", join(prompt.shared), "item"), ...block("User: the traces", join(prompt.traces), "traces")] : [make("p", { class: "fine" }, "What was sent is not known, or is no longer what this version would send.")]),
    ...(judgment.attempts ?? []).flatMap((attempt, number) => [
      make("h4", {}, `Attempt ${number + 1} did not count`),
      make("p", { class: "fine" }, [attempt.problem, attempt.status && `status ${attempt.status}`, attempt.waited_s && `then waited ${attempt.waited_s.toFixed(1)} s`].filter(Boolean).join(", ")),
      ...(attempt.reply ? [longText(attempt.reply.text, `${file}-attempt-${number + 1}`)] : []),
      ...(attempt.note ? block("User: the correction", attempt.note, `correction-${number + 1}`) : []),
    ]),
    ...(judgment.reply ? block("Reply", judgment.reply.text, "reply") : [make("p", { class: "fine" }, "No reply.")]),
    make("p", { class: "fine" }, told(judgment)),
  ];
}

/** Name the images that stood before the item. */
function sentImages(images) {
  if (images.length === 0) return [];
  const named = images.map(([type, digest, name]) => make("li", { class: "fine", dir: "auto" }, `${name} (${type}, sha256 ${digest}…)`));
  return [make("h4", {}, images.length > 1 ? "User: images" : "User: image"), make("ul", {}, ...named)];
}

/** What else is known of a request, in one line. */
function told(judgment) {
  const usage = judgment.reply?.usage;
  return [
    judgment.time,
    judgment.latency_s !== undefined && `${judgment.latency_s.toFixed(2)} s`,
    judgment.reply?.model,
    judgment.reply?.stop && `stop: ${judgment.reply.stop}`,
    usage && `${usage.input ?? 0} tokens in, ${usage.output ?? 0} out`,
    judgment.earlier > 0 && `asked ${judgment.earlier + 1} times; this one counts`,
    `key ${judgment.key}`,
  ].filter(Boolean).join(" · ");
}
