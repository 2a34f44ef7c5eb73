// Bring the page to life: keys, and what the address says. The page's own scripts give `ownFacets`, `SORTS`, `row`,
// `itemParts` and `ASKED`, and what is done when it starts, when an item is opened and when a key is pressed.

const THEMES = ["auto", "light", "dark"];

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = `Theme: ${theme}`;
  local.write("theme", theme);
}

async function redraw() {
  update();
  await drawItem();
  markOpen();
}

/** Show what the address names: the report, the list, or one item. */
async function follow() {
  const hash = location.hash.slice(1);
  const view = hash === NOUN || hash.startsWith("item=") ? "list" : "report";
  document.body.dataset.view = view;
  byId("report").hidden = view !== "report";
  byId("browse").hidden = view !== "list";
  byId("to-report").toggleAttribute("aria-current", view === "report");
  byId("to-list").toggleAttribute("aria-current", view === "list");
  state.open = -1;
  if (hash.startsWith("item=")) {
    const id = decoded(hash.slice(5));
    state.open = placeOf.get(id) ?? -1;
    if (state.open < 0) say(`No item ${id} in this run`);
  }
  state.previewed = hash === NOUN && !isNarrow();
  if (state.previewed) state.open = toLookAt();
  document.body.toggleAttribute("data-open", state.open >= 0);
  opening();
  if (view === "report") return;
  await drawItem();
  markOpen();
  if (state.open >= 0 && !state.previewed) {
    byId("item").scrollTop = 0;
    if (isNarrow()) scrollTo(0, 0);
    byId("item-title").focus({ preventScroll: true });
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
  "?": () => byId("help").showModal(),
  "/": () => {
    if (document.body.dataset.view !== "list") location.hash = NOUN;
    setTimeout(() => byId("search").focus());
  },
};

function press(event) {
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape" && typing) typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (!pressedOwn(event.key)) {
    if (!Object.hasOwn(KEYS, event.key)) return;
    KEYS[event.key]();
  }
  event.preventDefault();
}

function listen() {
  let typed = null;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(typed);
    typed = setTimeout(() => search(event.target.value), 150);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("sort").addEventListener("change", (event) => {
    state.sort = event.target.value;
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
  addEventListener("hashchange", follow);
  addEventListener("keydown", press);
}
