// The list of items, a page of rows at a time. The `data-` attributes of a row are a documented contract.

const PAGE_ROWS = 200;

function badge(kind, text) {
  return make("span", { class: `badge ${kind}` }, text);
}

/** One row: a link to the item, with what stands beside its id. */
function itemRow(place, given, ...beside) {
  const id = index.ids[place];
  return make(
    "li",
    { "data-item": id, ...given },
    make(
      "a",
      { href: `#item=${encodeURIComponent(id)}`, "aria-current": place === state.open && "true" },
      make("span", { class: "row-head" }, make("span", { class: "id", dir: "auto" }, id), ...beside),
      make("span", { class: "snippet", dir: "auto" }, index.snippets[place]),
    ),
  );
}

function drawRows() {
  const pages = Math.max(1, Math.ceil(state.listed.length / PAGE_ROWS));
  state.page = Math.min(state.page, pages - 1);
  const start = state.page * PAGE_ROWS;
  const rows = byId("rows");
  rows.replaceChildren(...state.listed.slice(start, start + PAGE_ROWS).map(row));
  rows.setAttribute("start", String(start + 1));
  byId("pager").hidden = pages === 1;
  byId("page-back").disabled = state.page === 0;
  byId("page-on").disabled = state.page === pages - 1;
  byId("page-now").textContent = `Page ${state.page + 1} of ${pages}`;
}

function turnPage(by) {
  state.page += by;
  drawRows();
  byId("rows").scrollTop = 0;
}

/** Mark the open item in the list, on whichever page it is. */
function markOpen() {
  const at = state.listed.indexOf(state.open);
  if (at >= 0 && Math.floor(at / PAGE_ROWS) !== state.page) {
    state.page = Math.floor(at / PAGE_ROWS);
    drawRows();
  }
  for (const link of byId("rows").querySelectorAll("a[aria-current]")) link.removeAttribute("aria-current");
  const mine = byId("rows").children[at - state.page * PAGE_ROWS];
  if (at >= 0 && mine) {
    mine.firstChild.setAttribute("aria-current", "true");
    mine.scrollIntoView({ block: "nearest" });
  }
}

/** Open the next (1) or previous (-1) item of those listed. */
function step(by) {
  if (state.listed.length === 0) return;
  const at = state.previewed ? -1 : state.listed.indexOf(state.open);
  const next = at < 0 ? (by > 0 ? 0 : state.listed.length - 1) : at + by;
  if (next < 0 || next >= state.listed.length) {
    say(by > 0 ? `This is the last of the ${NOUN} listed` : `This is the first of the ${NOUN} listed`);
    return;
  }
  location.hash = `item=${encodeURIComponent(index.ids[state.listed[next]])}`;
}
