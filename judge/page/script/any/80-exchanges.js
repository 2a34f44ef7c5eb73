// What was sent and what came back. The page's own `ASKED` says what a request was about.

/** A judge's judgments on an item, sample by sample. */
function asked(item, judge) {
  const own = item.judgments.filter((judgment) => judgment.judge === judge);
  return own.sort((one, other) => one.sample - other.sample || ASKED.rank(one) - ASKED.rank(other));
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
  const name = [head.judges.length > 1 && judgment.judge, ASKED.name(judgment), judgment.sample && `sample ${judgment.sample + 1}`].filter(Boolean).join(", ");
  const summary = make("summary", {}, name, " ", judgment.failure ? badge("missing", judgment.failure.kind.replace("_", " ")) : "");
  const box = make("details", { class: "exchange", ontoggle: () => box.open && box.children.length === 1 && box.append(...exchanged(item, judgment)) }, summary);
  return box;
}

function exchanged(item, judgment) {
  const known = ASKED.texts(item);
  const join = (parts) => parts.map((part) => (typeof part === "number" ? known[part] : part)).join("");
  const prompt = item.prompts[judgment.prompt];
  const file = `${item.id}-${ASKED.file(judgment)}`;
  const block = (title, text, end) => [make("h4", {}, title), longText(text, `${file}-${end}`)];
  return [
    ...(prompt ? [...block("System", prompt.system, "system"), ...sentImages(prompt.images), ...block("User: the item", join(prompt.shared), "item"), ...block(ASKED.closing, join(prompt.traces), "traces")] : [make("p", { class: "fine" }, "What was sent is not known, or is no longer what this version would send.")]),
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
