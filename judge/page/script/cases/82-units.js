// The checklist: each unit with what every reading says of it, and where it quotes the trace.

const PRESENCE = ["absent", "vague", "asserted"];
const CORRECTNESS = { "-1": "wrong", 0: "undecided", 1: "right" };
const CONSISTENCY = { "-1": "contradicted", 0: "not taken up", 1: "consistent" };

/** How much a failure mode weighs to the eye. */
function toneOf(mode) {
  return { ok: "ok", judge_error: "missing", omission: "tie" }[mode] ?? "fault";
}

function checklist(item) {
  const asked = Object.entries(item.groups).filter(([, group]) => group.units.length > 0);
  return make("section", { class: "checklist", "aria-label": "Checklist" }, ...asked.map(([name, group]) => unitsOf(item, name, group)));
}

function unitsOf(item, name, group) {
  const readings = head.judges.flatMap((judge) => asked(item, judge)).filter((judgment) => judgment.group === name);
  return make(
    "section",
    { class: "units", "data-group": name, "aria-label": `${name}: units` },
    make("header", {}, make("h3", {}, name), make("span", { class: "fine" }, group.standing === "scored" ? `score ${percent(group.score)} %` : "")),
    readings.length === 0 && make("p", { class: "empty" }, group.standing === "unseen" ? "Not asked: no judge could be shown the images." : "Not asked yet."),
    ...group.units.map((unit) => unitCard(item, unit, readings)),
  );
}

function unitCard(item, unit, readings) {
  return make(
    "section",
    { class: "unit", "data-unit": unit.id, "aria-label": `Unit ${unit.id}` },
    make("p", { class: "claim-text", dir: "auto" }, unit.claim),
    make("p", { class: "fine" }, [unit.id, unit.importance, unit.topic].filter(Boolean).join(" · ")),
    ...readings.map((judgment) => readingOf(item, unit, judgment)),
  );
}

/** What one judge says of a unit in one sample. */
function readingOf(item, unit, judgment) {
  const who = ASKED.who(judgment);
  const verdict = judgment.units?.[unit.id];
  const quotation = judgment.evidence?.[unit.id]?.trace;
  const mode = verdict?.mode ?? "judge_error";
  return make(
    "div",
    { class: "unit-reading", "data-mode": mode },
    who && make("p", { class: "order-name" }, who),
    make("p", { class: "said" }, badge(toneOf(mode), mode === "ok" ? "in order" : inWords(mode)), ...(verdict ? verdictBadges(verdict) : [make("span", { class: "fine", dir: "auto" }, judgment.failure ? `${inWords(judgment.failure.kind)}: ${judgment.failure.detail}` : "")])),
    quotation && make("blockquote", { dir: "auto" }, quotation, leadToQuote(item, "trace", quotation)),
  );
}

/** Presence, correctness, consistency and grounding; what is absent is neither right nor consistent. */
function verdictBadges(verdict) {
  const grounded = { true: "grounded", false: "not grounded" }[String(verdict.grounded)];
  const said = [
    [PRESENCE[verdict.presence], ["fault", "tie", "ok"][verdict.presence]],
    ...(verdict.presence === 0 ? [] : [
      [CORRECTNESS[verdict.correctness], toneOfSign(verdict.correctness)],
      [CONSISTENCY[verdict.consistency], toneOfSign(verdict.consistency)],
      ...(grounded ? [[grounded, verdict.grounded ? "ok" : "fault"]] : []),
    ]),
  ];
  return said.map(([word, tone]) => make("span", { class: `told ${tone}` }, word));
}

function toneOfSign(value) {
  return { "-1": "fault", 0: "tie", 1: "ok" }[value];
}

/** What a request was about, where it stands among a judge's, its name in a file, and the texts that its prompt shows. */
const ASKED = {
  who: (judgment) => [head.judges.length > 1 && judgment.judge, judgment.sample > 0 && `sample ${judgment.sample + 1}`].filter(Boolean).join(", "),
  name: (judgment) => judgment.group,
  rank: (judgment) => head.groups.indexOf(judgment.group),
  file: (judgment) => judgment.group,
  texts: (item) => [item.question, item.trace.text],
  closing: "User: the trace and the units",
};
