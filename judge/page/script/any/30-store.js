// Keep what the reader chooses: in the browser, and while the page is open.

const local = {
  read(name) {
    try {
      return JSON.parse(localStorage.getItem(`omr-judge:${name}`));
    } catch {
      return null;
    }
  },
  write(name, value) {
    try {
      localStorage.setItem(`omr-judge:${name}`, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
};

const state = {
  query: "",
  /** places that the search found; null: no search */
  hits: null,
  /** which of `SORTS` decides the order */
  sort: "item",
  /** places listed, in order */
  listed: [],
  page: 0,
  /** place of the item that is open; -1: none */
  open: -1,
  /** whether what would sway a reader is hidden; only a page of pairs has such a mode */
  blind: false,
};
