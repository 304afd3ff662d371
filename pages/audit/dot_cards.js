// A card beside a dot of a plotly chart: under the pointer, tapped, or reached by arrow keys. All of it is here, so the server hears
// only of a part that was chosen by Enter.
// data: {chart: class of the chart's element, sheet: name of the bytes of a WebP sheet, side: of a picture, px, across: pictures in
// a row, photos: [[name, label, predicted]], dots: [[photo, part, area, evidence]]}; a dot's customdata is [part, place in dots].
const GAP = 14; // px between a dot and its card
const MARGIN = 8; // px between a card and the window
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const view = views.get(parentElement) ?? listen(parentElement);
  views.set(parentElement, view);
  Object.assign(view, { data, choose: (part) => setTriggerValue("part", part) });
  return () => !parentElement.host.isConnected && leave(view);
}

function listen(parent) {
  const view = { over: parent.querySelector(".over"), keys: parent.querySelector(".keys"), by: "", sheet: {}, end: new AbortController() };
  const everywhere = { capture: true, passive: true, signal: view.end.signal };
  document.addEventListener("pointerover", (event) => event.target.closest?.(`.${view.data.chart}`) && follow(view), everywhere);
  document.addEventListener("pointerdown", (event) => reached(view, event), everywhere);
  document.addEventListener("scroll", () => (view.by === "pointer" ? hide(view) : view.by && show(view, view.dot, view.by)), everywhere);
  view.keys.addEventListener("focus", () => step(view, [0, 0]));
  view.keys.addEventListener("blur", () => hide(view));
  view.keys.addEventListener("keydown", (event) => press(view, event));
  return view;
}

function leave(view) {
  view.end.abort();
  hide(view);
  if (view.sheet.url) URL.revokeObjectURL(view.sheet.url);
}

// A finger rests on nothing, so what it tapped stays until it taps elsewhere.
function reached(view, event) {
  view.isTouch = event.pointerType !== "mouse";
  hide(view);
  if (event.target.closest?.(`.${view.data.chart}`)) follow(view);
}

// Plotly forgets who listens when its chart is drawn anew.
function follow(view) {
  const chart = chartOf(view);
  if (!chart?.on || chart._ev === view.followed) return;
  view.followed = chart._ev;
  const pointed = ({ points: [point] }) => show(view, { x: point.x, y: point.y, place: point.customdata[1] }, view.isTouch ? "touch" : "pointer");
  chart.on("plotly_hover", pointed);
  chart.on("plotly_click", pointed);
  chart.on("plotly_unhover", () => view.by === "pointer" && hide(view));
}

function chartOf(view) {
  return document.querySelector(`.${view.data.chart} .js-plotly-plot`);
}

function hide(view) {
  view.by = "";
  if (view.over.matches(":popover-open")) view.over.hidePopover();
}

function show(view, dot, by) {
  const [photo, part, area, evidence] = view.data.dots[dot.place] ?? [];
  const at = onScreen(view, dot);
  if (photo === undefined || !at) return hide(view);
  Object.assign(view, { dot, by });
  const [name, label, predicted] = view.data.photos[photo];
  write(view, ".name", name);
  write(view, ".label", label && label !== predicted ? `${label}, predicted as ${predicted}` : label || `predicted as ${predicted}`);
  write(view, ".part", `Part ${part}, ${area} of the photo`);
  write(view, ".evidence", `${evidence} of its evidence`);
  picture(view, dot.place);
  view.over.dataset.place = dot.place; // for whoever watches
  if (!view.over.matches(":popover-open")) view.over.showPopover();
  put(view, at);
}

function write({ over }, where, text) {
  over.querySelector(where).textContent = text;
}

function picture(view, place) {
  const { sheet, side, across } = view.data;
  const bytes = globalThis.encoderscopeBytes?.get(sheet)?.bytes;
  if (bytes && view.sheet.name !== sheet) {
    if (view.sheet.url) URL.revokeObjectURL(view.sheet.url);
    view.sheet = { name: sheet, url: URL.createObjectURL(new Blob([bytes], { type: "image/webp" })) };
  }
  Object.assign(view.over.querySelector(".picture").style, {
    width: `${side}px`,
    height: `${side}px`,
    backgroundImage: bytes ? `url(${view.sheet.url})` : "none",
    backgroundPosition: `${-side * (place % across)}px ${-side * Math.floor(place / across)}px`,
  });
}

// Where a dot is in the window, [x, y]; nothing where it is outside of the chart or of the window.
function onScreen(view, { x, y }) {
  const chart = chartOf(view);
  const { xaxis, yaxis } = chart?._fullLayout ?? {};
  if (!xaxis) return null;
  const [across, down] = [xaxis.d2p(x), yaxis.d2p(y)];
  if (across < 0 || across > xaxis._length || down < 0 || down > yaxis._length) return null;
  const { left, top } = chart.getBoundingClientRect();
  const [inX, inY] = [left + xaxis._offset + across, top + yaxis._offset + down];
  return inY < 0 || inY > document.documentElement.clientHeight ? null : [inX, inY];
}

// Beside the dot where there is room, else below or above it, and never beyond the window.
function put({ over }, [x, y]) {
  const card = over.querySelector(".card");
  const { offsetWidth: width, offsetHeight: height } = card;
  const { clientWidth: right, clientHeight: bottom } = document.documentElement;
  const sides = [x + GAP, x - GAP - width].filter((left) => left >= MARGIN && left + width <= right - MARGIN);
  const below = y + GAP + height <= bottom - MARGIN ? y + GAP : y - GAP - height;
  const [left, top] = sides.length ? [sides[0], y - height / 2] : [x - width / 2, below];
  card.style.left = `${within(left, MARGIN, right - MARGIN - width)}px`;
  card.style.top = `${within(top, MARGIN, bottom - MARGIN - height)}px`;
  Object.assign(over.querySelector(".ring").style, { left: `${x}px`, top: `${y}px` });
}

function within(value, least, most) {
  return Math.max(least, Math.min(value, most));
}

function press(view, event) {
  if (event.key === "Escape") hide(view);
  if (event.key === "Enter" && view.dot) view.choose(view.data.dots[view.dot.place][1]);
  if (!STEPS[event.key]) return;
  event.preventDefault();
  step(view, STEPS[event.key]);
}

// To a dot that lies in a direction, the nearest one where those count as farther that are off it; at first to one in the middle.
function step(view, [right, down]) {
  const chart = chartOf(view);
  if (!chart?._fullLayout?.xaxis) return;
  chart.scrollIntoView({ block: "nearest" });
  const dots = dotsOf(view, chart);
  const from = dots.find(({ place }) => place === view.dot?.place) ?? middleOf(chart);
  const isFirst = from.place === undefined;
  if (!isFirst && !right && !down) return show(view, from, "keys");
  const far = ({ at: [x, y] }) => Math.hypot(x - from.at[0], y - from.at[1]);
  const along = ({ at: [x, y] }) => (x - from.at[0]) * right + (y - from.at[1]) * down;
  const cost = (dot) => (isFirst ? far(dot) : far(dot) ** 2 / along(dot));
  const possible = dots.filter((dot) => isFirst || along(dot) > 0.5);
  const nearest = possible.reduce((best, dot) => (!best || cost(dot) < cost(best) ? dot : best), null);
  if (nearest) show(view, nearest, "keys");
}

function dotsOf(view, chart) {
  const traces = chart._fullData.filter(({ visible }) => visible === true);
  const dots = traces.flatMap(({ x, y, customdata }) => Array.from(customdata, ([, place], n) => ({ x: x[n], y: y[n], place })));
  return dots.map((dot) => ({ ...dot, at: onScreen(view, dot) })).filter(({ at }) => at);
}

function middleOf(chart) {
  const { left, top, width, height } = chart.getBoundingClientRect();
  return { at: [left + width / 2, top + height / 2] };
}
