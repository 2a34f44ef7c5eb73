// Search all texts, chunk by chunk, so that the page stays alive meanwhile.

let searching = 0;

async function search(query) {
  searching += 1;
  const own = searching;
  state.query = query.trim();
  if (state.query === "") {
    state.hits = null;
    refilter();
    return;
  }
  const wanted = state.query.toLocaleLowerCase();
  const hits = new Set();
  const last = Math.ceil(index.ids.length / index.chunk_items);
  for (let number = 0; number < last; number += 1) {
    const items = await (chunks.get(number) ?? unpack(document.querySelector(`script[data-chunk="${number}"]`)));
    if (own !== searching) return;
    items.forEach((item, offset) => {
      const found = textsOf(item).some((text) => text.toLocaleLowerCase().includes(wanted));
      if (found) hits.add(number * index.chunk_items + offset);
    });
    if (number % 20 === 19) byId("count").textContent = `Searching: ${Math.round((100 * number) / last)} %`;
  }
  state.hits = hits;
  refilter();
}
