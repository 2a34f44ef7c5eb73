// Filters with live counts: a facet's counts are over the items that all other facets, and the search, let through.

let facets = [];

/** Take the page's own facets: each has a title, its values with their names, the values of an item, and may sway a blind reader. */
function makeFacets(own) {
  facets = own.filter((facet) => Object.keys(facet.names).length > 1 || facet.title === "Failure");
  facets.forEach((facet) => Object.assign(facet, { chosen: new Set(), boxes: new Map() }));
}

/** The value of each item in a column of the index. */
function coded(column) {
  return (place) => (column.codes[place] < 0 ? [] : [column.values[column.codes[place]]]);
}

/** The facets of the items' fields. */
function fieldFacets() {
  return Object.entries(index.fields).map(([title, column]) => ({ title, names: named(column.values), of: coded(column) }));
}


function named(values) {
  return Object.fromEntries(values.map((value) => [value, value.replaceAll("_", " ")]));
}

function onlyUsed(names, column) {
  return Object.fromEntries(Object.entries(names).filter(([value]) => column.values.includes(value)));
}

function drawFacets() {
  const groups = facets.filter((facet) => Object.keys(facet.names).length > 0).map((facet, number) => {
    const boxes = Object.entries(facet.names).map(([value, name]) => {
      const input = make("input", { type: "checkbox", onchange: () => choose(facet, value, input.checked) });
      const count = make("span", { class: "number" });
      facet.boxes.set(value, { input, count });
      return make("label", { class: "choice" }, input, make("span", { dir: "auto" }, name), count);
    });
    facet.element = make(
      "details",
      { open: number === 0, class: "facet" },
      make("summary", {}, facet.title),
      make("fieldset", {}, make("legend", { class: "unseen" }, facet.title), ...boxes),
    );
    return facet.element;
  });
  byId("facets").replaceChildren(groups[0]);
  byId("more-facets").replaceChildren(...groups.slice(1));
}

function isNarrow() {
  return matchMedia("(max-width: 60rem)").matches;
}

function choose(facet, value, wanted) {
  if (wanted) facet.chosen.add(value);
  else facet.chosen.delete(value);
  refilter();
}

function clearFilters(which = () => true) {
  for (const facet of facets.filter(which)) {
    facet.chosen.clear();
    for (const { input } of facet.boxes.values()) input.checked = false;
  }
}

/** List the items that every facet and the search let through, and count for each value of each facet. */
function filterItems() {
  const counts = facets.map(() => new Map());
  state.listed = [];
  for (let place = 0; place < index.ids.length; place += 1) {
    if (state.hits && !state.hits.has(place)) continue;
    const values = facets.map((facet) => facet.of(place));
    const against = facets.flatMap((facet, number) =>
      facet.chosen.size && !values[number].some((value) => facet.chosen.has(value)) ? [number] : [],
    );
    if (against.length === 0) state.listed.push(place);
    for (let number = 0; number < facets.length; number += 1) {
      if (against.length > 1 || (against.length === 1 && against[0] !== number)) continue;
      for (const value of values[number]) counts[number].set(value, (counts[number].get(value) ?? 0) + 1);
    }
  }
  if (SORTS[state.sort]) state.listed.sort(SORTS[state.sort]);
  facets.forEach((facet, number) => {
    for (const [value, { input, count }] of facet.boxes) {
      const found = counts[number].get(value) ?? 0;
      count.textContent = found.toLocaleString("en");
      input.closest("label").classList.toggle("none", found === 0 && !input.checked);
    }
    if (facet.element) facet.element.hidden = state.blind && facet.sways === true;
  });
}

function refilter() {
  state.page = 0;
  update();
}

function update() {
  filterItems();
  const active = state.query !== "" || facets.some((facet) => facet.chosen.size > 0);
  byId("clear").hidden = !active;
  const total = index.ids.length.toLocaleString("en");
  byId("count").textContent = active ? `${state.listed.length.toLocaleString("en")} of ${total} ${NOUN}` : `${total} ${NOUN}`;
  drawRows();
}
