// Blind mode, label mode, and whose outcome the list counts.

function setBlind(blind) {
  state.blind = blind;
  document.body.toggleAttribute("data-blind", blind);
  byId("blind-mode").setAttribute("aria-pressed", String(blind));
  document.title = blind ? "Blind · omr-judge" : `${head.run} · omr-judge`;
  local.write(`blind:${head.key}`, blind);
  if (blind) clearFilters((facet) => facet.sways);
}

function setLabelling(labelling) {
  state.labelling = labelling;
  byId("label-mode").setAttribute("aria-pressed", String(labelling));
  local.write(`labelling:${head.key}`, labelling);
  drawProgress();
}

function fillLens() {
  state.criterion = overall();
  byId("criterion").append(...head.criteria.map((own) => make("option", { value: own.name, selected: own.name === state.criterion }, own.title)));
  byId("judge").append(make("option", { value: "" }, "all together"), ...head.judges.map((judge) => make("option", { value: judge }, judge)));
  byId("judge-choice").hidden = head.judges.length < 2;
}

async function prepare() {
  state.reader = local.read("reader") ?? "";
  byId("reader").value = state.reader;
  await labels.open();
  fillLens();
}

function listenOwn() {
  byId("criterion").addEventListener("change", (event) => {
    state.criterion = event.target.value;
    refilter();
  });
  byId("judge").addEventListener("change", (event) => {
    state.judge = head.judges[event.target.selectedIndex - 1] ?? "";
    refilter();
  });
  byId("blind-mode").addEventListener("click", () => {
    setBlind(!state.blind);
    redraw();
  });
  byId("label-mode").addEventListener("click", () => {
    setLabelling(!state.labelling);
    if (state.labelling) setBlind(true);
    redraw();
  });
  byId("download")?.addEventListener("click", () => labels.download());
  byId("reader").addEventListener("change", async (event) => {
    state.reader = event.target.value.trim();
    local.write("reader", state.reader);
    await sign();
    redraw();
    drawProgress();
  });
  setBlind(local.read(`blind:${head.key}`) === true);
  setLabelling(local.read(`labelling:${head.key}`) === true);
}

/** Ask for the first criterion of the open pair that has no label yet. */
function opening() {
  state.asked = state.open < 0 ? 0 : Math.max(0, head.criteria.findIndex((own) => !labels.of(index.ids[state.open], own.name, state.reader)));
}

/** Do what a key means on this page alone; tell whether it means anything. */
function pressedOwn(key) {
  const answer = state.labelling && state.open >= 0 && answers(index.ids[state.open]).find((one) => one.key === key);
  if (answer && state.asked < head.criteria.length) label(state.asked, answer.winner);
  else if (key === "b") byId("blind-mode").click();
  else if (key === "l") byId("label-mode").click();
  else return false;
  return true;
}
