// Begin, once every script of the page is known.

async function start() {
  setTheme(local.read("theme") ?? "auto");
  await openHead();
  await prepare();
  makeFacets(ownFacets());
  drawFacets();
  listen();
  listenOwn();
  update();
  await follow();
  document.body.dataset.ready = "";
}

start();
