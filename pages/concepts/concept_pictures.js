// Draws small pictures in rows. Where they can be selected, a click marks one at once, and the server hears of all marked.
// data: {tiles: [{id, url, title, note}], alt, selectable, selected: [id], columns}
//   columns  how many in a row whatever the width; null lets the width decide
const grids = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".tiles");
  const grid = grids.get(parentElement) ?? { root };
  grids.set(parentElement, grid);
  grid.tell = (ids) => setTriggerValue("picked", { ids });
  root.setAttribute("aria-label", data.alt);
  root.style.gridTemplateColumns = data.columns ? `repeat(${data.columns}, minmax(0, 1fr))` : "";
  const shown = JSON.stringify([data.selectable, data.tiles.map(({ id, note, title }) => [id, note, title])]);
  if (grid.shown !== shown) {
    grid.shown = shown;
    root.replaceChildren(...data.tiles.map((tile) => newTile(grid, tile, data.selectable)));
  }
  for (const element of root.children) {
    if (data.selectable) press(element, data.selected.includes(element.dataset.id));
  }
}

function newTile(grid, tile, selectable) {
  const element = document.createElement(selectable ? "button" : "div");
  element.className = "tile";
  element.dataset.id = tile.id;
  element.title = tile.title;
  element.append(picture(tile));
  if (tile.note) element.append(note(tile.note));
  if (selectable) element.onclick = () => toggle(grid, element);
  return element;
}

function picture(tile) {
  const element = document.createElement(tile.url ? "img" : "span");
  if (tile.url) {
    element.src = tile.url;
    element.alt = tile.title;
    element.loading = "lazy";
  } else {
    element.className = "gone";
    element.textContent = "?";
  }
  return element;
}

function note(text) {
  const element = document.createElement("span");
  element.className = "note";
  element.textContent = text;
  return element;
}

function toggle(grid, element) {
  press(element, element.getAttribute("aria-pressed") !== "true");
  grid.tell([...grid.root.children].filter((e) => e.getAttribute("aria-pressed") === "true").map((e) => e.dataset.id));
}

function press(element, pressed) {
  element.setAttribute("aria-pressed", String(pressed));
}
