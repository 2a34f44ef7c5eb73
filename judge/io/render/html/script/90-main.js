// Bring the page to life: modes, keys, and what the address says.

const THEMES = ["auto", "light", "dark"];

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Theme: ${theme}`;
  local.write("theme", theme);
}

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

async function redraw() {
  update();
  await drawPair();
  markOpen();
}

/** Show what the address names: the report, the list, or one pair. */
async function follow() {
  const hash = location.hash.slice(1);
  const view = hash === "pairs" || hash.startsWith("item=") ? "pairs" : "report";
  document.body.dataset.view = view;
  byId("report").hidden = view !== "report";
  byId("pairs").hidden = view !== "pairs";
  byId("to-report").toggleAttribute("aria-current", view === "report");
  byId("to-pairs").toggleAttribute("aria-current", view === "pairs");
  state.open = -1;
  if (hash.startsWith("item=")) {
    const id = decoded(hash.slice(5));
    state.open = placeOf.get(id) ?? -1;
    if (state.open < 0) say(`No item ${id} in this run`);
  }
  document.body.toggleAttribute("data-open", state.open >= 0);
  state.asked = state.open < 0 ? 0 : Math.max(0, head.criteria.findIndex((own) => !labels.of(index.ids[state.open], own.name, state.reader)));
  if (view === "report") return;
  await drawPair();
  markOpen();
  if (state.open >= 0) {
    byId("pair").scrollTop = 0;
    if (isNarrow()) scrollTo(0, 0);
    byId("pair-title").focus({ preventScroll: true });
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  b: () => byId("blind-mode").click(),
  l: () => byId("label-mode").click(),
  "?": () => byId("help").showModal(),
  "/": () => {
    if (document.body.dataset.view !== "pairs") location.hash = "pairs";
    setTimeout(() => byId("search").focus());
  },
};

function press(event) {
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape" && typing) typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const answer = state.labelling && state.open >= 0 && answers(index.ids[state.open]).find((one) => one.key === event.key);
  if (answer && state.asked < head.criteria.length) label(state.asked, answer.winner);
  else if (Object.hasOwn(KEYS, event.key)) KEYS[event.key]();
  else return;
  event.preventDefault();
}

function fillLens() {
  state.criterion = overall();
  byId("criterion").append(...head.criteria.map((own) => make("option", { value: own.name, selected: own.name === state.criterion }, own.title)));
  byId("judge").append(make("option", { value: "" }, "all together"), ...head.judges.map((judge) => make("option", { value: judge }, judge)));
  byId("judge-choice").hidden = head.judges.length < 2;
}

function listen() {
  let typed = null;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(typed);
    typed = setTimeout(() => search(event.target.value), 150);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("criterion").addEventListener("change", (event) => {
    state.criterion = event.target.value;
    refilter();
  });
  byId("judge").addEventListener("change", (event) => {
    state.judge = head.judges[event.target.selectedIndex - 1] ?? "";
    refilter();
  });
  byId("sort").addEventListener("change", (event) => {
    state.byDoubt = event.target.value === "doubt";
    refilter();
  });
  byId("clear").addEventListener("click", () => {
    clearFilters();
    byId("search").value = "";
    search("");
  });
  byId("page-back").addEventListener("click", () => turnPage(-1));
  byId("page-on").addEventListener("click", () => turnPage(1));
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  byId("theme").addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(local.read("theme") ?? "auto") + 1) % 3]));
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
  byId("reader").addEventListener("change", (event) => {
    state.reader = event.target.value.trim();
    local.write("reader", state.reader);
    redraw();
    drawProgress();
  });
  addEventListener("hashchange", follow);
  addEventListener("keydown", press);
}

async function start() {
  setTheme(local.read("theme") ?? "auto");
  await openHead();
  state.reader = local.read("reader") ?? "";
  byId("reader").value = state.reader;
  await labels.open();
  makeFacets();
  drawFacets();
  fillLens();
  listen();
  setBlind(local.read(`blind:${head.key}`) === true);
  setLabelling(local.read(`labelling:${head.key}`) === true);
  update();
  await follow();
  document.body.dataset.ready = "";
}

start();
