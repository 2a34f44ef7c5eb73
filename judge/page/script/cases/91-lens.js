// Whose failure modes and score the list counts.

async function prepare() {
  byId("group").append(...head.groups.map((group) => make("option", { value: group }, group)));
}

function listenOwn() {
  byId("group").addEventListener("change", (event) => {
    state.group = event.target.value;
    refilter();
  });
}

function opening() {}

/** No key means anything on this page alone. */
function pressedOwn() {
  return false;
}
