// Draws segmentations over their photo in the browser. The server hears of a slider when it is released, and of a selection.
// data: {panes, frames, appearance: {frame, opacity, outlines, clusters_only, blink}, follow: {role: CSS class of a widget},
//        heard, selectable, palette, faded: [grey, share]}; a pane as in live_view.py, its photo and maps named as in live_bytes.js.
// Selections and pins are counted; heard is the last that the server knew of, and data from before it decides neither.
// Views that compare places have data.places instead of clusters, and draw by live_places.js.
//
// A pane is four layers: the photo at its full resolution; a canvas of tints with one pixel per position of the map; outlines
// at the resolution of the screen; and the mark around the cluster under the pointer.

const HOLD_MS = 350; // a picture pressed for longer shows the original
const TELL_AGAIN_MS = 3000, TELL_TIMES = 3; // a selection that the server does not say it has heard
const KEYS =
  "Up and down go through the clusters, Enter selects one, left and right move the slider, O held down shows the original.";
const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const view = views.get(parentElement) ?? newView(parentElement);
  views.set(parentElement, view);
  view.send = setTriggerValue;
  view.select = (pane, clusters) => report(view, "picked", { pane, clusters });
  view.reportPin = (pin) => report(view, "pinned", { pane: pin?.pane ?? "", place: pin?.place ?? null });
  view.wanted = data;
  listen(view);
  show(view);
  return () => !parentElement.host.isConnected && stopListening(view);
}

function newView(parent) {
  const view = { root: parent.querySelector(".view"), panes: new Map(), moving: {}, marked: null, pin: null, pointed: null };
  view.gestures = 0;
  view.grid = view.root.querySelector(".panes");
  view.spoken = view.root.querySelector(".spoken");
  view.widgets = new MutationObserver(() => settle(view));
  view.sizes = new ResizeObserver(() => {
    for (const pane of view.panes.values()) pane.finer = null;
    redraw(view);
  });
  return view;
}

function listen(view) {
  if (view.listeners) return;
  view.listeners = new AbortController();
  const { signal } = view.listeners;
  const options = { signal, capture: true, passive: true };
  document.addEventListener("encoderscope-bytes", () => show(view), { signal });
  document.addEventListener("pointerdown", (event) => grasp(view, event), options);
  document.addEventListener("pointermove", (event) => drag(view, event), options);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => release(view), options);
  window.visualViewport?.addEventListener("resize", () => redraw(view), { signal });
}

function stopListening(view) {
  view.listeners?.abort();
  view.listeners = null;
  for (const timer of [view.preparing, view.trust, view.holding]) clearTimeout(timer);
  cancelAnimationFrame(view.followers);
  view.followers = null;
  view.widgets.disconnect();
  view.sizes.disconnect();
  for (const pane of view.panes.values()) URL.revokeObjectURL(pane.photo.src);
}

// ---- What is shown -------------------------------------------------------------------------------------------------

async function show(view) {
  const data = view.wanted;
  const panes = await Promise.all(data.panes.map((pane) => readied(view.panes.get(pane.id), pane)));
  if (view.wanted !== data || panes.includes(null)) return; // a newer call, or the bytes still to come, will show it
  view.data = data;
  view.gestures = Math.max(view.gestures, data.heard ?? 0);
  if (panes.some(({ pane, described }) => pane.mapsName !== described.maps)) forget(view);
  if (data.places && isHeard(view)) view.pin = data.places.pin;
  place(view, panes);
  watchWidgets(view);
  view.drawn = null;
  settle(view);
  prepare(view);
}

// Tells the server of a selection or a pin. What arrives while it begins another run can get lost: unless the server says that it
// has heard, or something newer was done, it is told again.
function report(view, name, value) {
  const gesture = ++view.gestures;
  const tell = (nTimes) => {
    view.send(name, { ...value, gesture });
    clearTimeout(view.telling);
    const isUnheard = () => view.gestures === gesture && !isHeard(view);
    if (nTimes > 1) view.telling = setTimeout(() => isUnheard() && tell(nTimes - 1), TELL_AGAIN_MS);
  };
  tell(TELL_TIMES);
}

// Whether the data knows of every selection and pin made here; what was on its way when one was made must not take it back.
function isHeard({ data, gestures }) {
  return (data.heard ?? gestures) >= gestures;
}

// The pane with its photo and its maps at hand; null while their bytes have not arrived.
async function readied(before, described) {
  const [photo, packed] = [described.photo, described.maps].map((name) => globalThis.encoderscopeBytes?.get(name)?.bytes);
  const pane = before ?? newPane();
  const isNew = pane.mapsName !== described.maps;
  if ((!photo && pane.photoName !== described.photo) || (described.maps && isNew && !packed)) return null;
  const maps = !described.maps ? [] : isNew ? await opened(packed, described) : pane.maps;
  return { pane, described, photo, maps };
}

// The maps of a pane that shows clusters; of one that compares places, its field.
async function opened(packed, { at, shape }) {
  return at ? unpacked(await inflated(packed), shape) : [fieldOf(packed, shape)];
}

function place(view, panes) {
  const before = [...view.panes.values()];
  view.panes = new Map(panes.map(({ pane, described, photo, maps }) => {
    if (pane.photoName !== described.photo) {
      URL.revokeObjectURL(pane.photo.src);
      pane.photo.src = URL.createObjectURL(new Blob([photo], { type: "image/jpeg" }));
    }
    if (isHeard(view) || !before.includes(pane)) pane.selected = described.selected;
    Object.assign(pane, { described, maps, photoName: described.photo, mapsName: described.maps });
    dress(view, pane);
    return [described.id, pane];
  }));
  const elements = [...view.panes.values()].map((pane) => pane.element);
  for (const pane of before) if (!elements.includes(pane.element)) discard(view, pane);
  if (elements.length !== view.grid.childElementCount || elements.some((element, i) => view.grid.children[i] !== element)) {
    view.grid.replaceChildren(...elements);
  }
  view.grid.style.setProperty("--columns", elements.length === 4 ? 2 : elements.length);
}

function discard(view, pane) {
  view.sizes.unobserve(pane.stage);
  URL.revokeObjectURL(pane.photo.src);
}

function newPane() {
  const element = document.createElement("figure");
  element.innerHTML = `
    <figcaption><b></b><span></span></figcaption>
    <div class="stage"><div class="layers" role="img"><img class="photo" alt="" draggable="false">
      <div class="cover"><canvas class="tint"></canvas><canvas class="lines"></canvas><canvas class="mark"></canvas></div></div>
      <p class="sentence"></p><div class="tip" aria-hidden="true"></div></div>
    <p class="overlap" aria-hidden="true"></p>`;
  const part = (selector) => element.querySelector(selector);
  const pane = { element, maps: [], selected: [], hovered: null };
  for (const name of ["stage", "layers", "photo", "tint", "lines", "mark", "sentence", "tip", "overlap"]) pane[name] = part(`.${name}`);
  [pane.title, pane.counts] = [part("figcaption b"), part("figcaption span")];
  return pane;
}

function dress(view, pane) {
  const { title, size, sentence, maps } = pane.described;
  pane.title.textContent = title;
  pane.element.classList.toggle("untitled", !title);
  pane.element.classList.toggle("waiting", !maps);
  pane.sentence.textContent = sentence ?? "";
  pane.stage.style.aspectRatio = `${size[1]} / ${size[0]}`;
  pane.stage.dataset.pane = pane.described.id;
  pane.overlap.hidden = view.data.places ? view.data.places.mode === "colours" : view.data.panes.length < 2 || view.data.together;
  if (maps) makeLive(view, pane);
  else pane.layers.setAttribute("aria-label", `${title}: ${sentence}`);
  view.sizes.observe(pane.stage);
}

function makeLive(view, pane) {
  const { stage } = pane;
  if (stage.onclick) return;
  stage.tabIndex = 0;
  stage.setAttribute("role", "application");
  stage.setAttribute("aria-roledescription", "live picture");
  stage.setAttribute("aria-description", KEYS);
  stage.onkeyup = (event) => event.key === "o" && hold(view, false);
  stage.onpointerdown = (event) => event.button === 0 && startHolding(view);
  stage.oncontextmenu = (event) => view.held && event.preventDefault();
  if (view.data.places) return makePlacesLive(view, pane);
  stage.onclick = (event) => click(view, pane, event);
  stage.onkeydown = (event) => press(view, pane, event);
  stage.onblur = () => leave(view, pane);
  stage.onpointermove = (event) => event.pointerType !== "touch" && point(view, pane, event);
  stage.onpointerleave = (event) => event.pointerType !== "touch" && leave(view, pane);
}

// ---- Following the widgets -----------------------------------------------------------------------------------------

function watchWidgets(view) {
  view.widgets.disconnect();
  for (const name of Object.values(view.data.follow)) {
    const widget = document.querySelector(`.${name}`);
    if (widget) view.widgets.observe(widget, { subtree: true, childList: true, attributeFilter: ["aria-valuetext", "data-selected"] });
  }
}

// The appearance that the widgets show; a slider under a finger is ahead of them.
function currentAppearance({ data, moving }) {
  const appearance = { ...data.appearance };
  for (const [role, name] of Object.entries(data.follow)) {
    const input = document.querySelector(`.${name} input`);
    if (input) appearance[role] = READ[role](input, moving[role] ?? input.value, data);
  }
  return appearance;
}

// What the value of a widget means. A slider of options counts them from 0, so a frame is known by its place on the slider.
const isOn = (input) => input.checked;
const READ = {
  frame: (input, value, { frames }) => frames[Math.round((value - input.min) / input.step)],
  opacity: (_, value) => value / 100,
  threshold: (_, value) => value / 100,
  outlines: isOn,
  clusters_only: isOn,
  blink: isOn,
};

function settle(view) {
  if (!view.data) return;
  const appearance = currentAppearance(view);
  const key = JSON.stringify(appearance);
  if (key === view.drawn || !view.data.frames.includes(appearance.frame)) return;
  view.drawn = key;
  if (view.appearance?.frame !== appearance.frame) forget(view);
  view.appearance = appearance;
  view.root.classList.toggle("blinking", appearance.blink);
  view.root.classList.toggle("places", Boolean(view.data.places));
  redraw(view);
}

// Streamlit's slider draws itself a little after the pointer moved, too late for the frame that is being made. So its value
// is foreseen by the rule it follows: it moves as far as the pointer does. Whatever it says in the end is what counts.
function grasp(view, event) {
  if (!view.data || event.button !== 0) return;
  const role = Object.keys(view.data.follow).find((key) => event.target.closest?.(`.${view.data.follow[key]}`));
  const thumb = role && document.querySelector(`.${view.data.follow[role]} [data-testid="stSliderThumbValue"]`)?.parentElement;
  const input = thumb?.querySelector("input");
  if (input && !input.disabled && thumb.offsetParent.contains(event.target)) {
    view.grasp = { role, input, width: thumb.offsetParent.getBoundingClientRect().width, x: event.clientX, from: null };
  }
}

function drag(view, event) {
  if (!view.grasp) return;
  const { role, input, width, x } = view.grasp;
  const [min, max, step] = [input.min, input.max, input.step].map(Number);
  const from = (view.grasp.from ??= Number(input.value));
  const moved = ((event.clientX - x) / width) * (max - min);
  view.moving[role] = Math.min(max, Math.max(min, min + Math.round((from + moved - min) / step) * step));
  settle(view);
  trustWidgetSoon(view);
}

function release(view) {
  stopHolding(view);
  if (!view.grasp) return;
  view.grasp = null;
  trustWidgetSoon(view);
}

function trustWidgetSoon(view) {
  clearTimeout(view.trust);
  view.trust = setTimeout(() => {
    view.moving = {};
    settle(view);
  }, 120);
}

// ---- Drawing -------------------------------------------------------------------------------------------------------

function redraw(view) {
  if (!view.appearance) return;
  for (const pane of view.panes.values()) if (pane.maps.length) drawPane(view, pane);
}

function shownMap({ data, appearance }, pane) {
  return pane.maps[pane.described.at[data.frames.indexOf(appearance.frame)]];
}

// The clusters that are shown alone. Those that this map does not have are none; if none is left, all are shown.
function selection(map, pane) {
  const { areas } = factsOf(map);
  return pane.selected.filter((label) => areas[label] > 0);
}

function drawPane(view, pane) {
  if (view.data.places) return drawPlaces(view, pane);
  const map = shownMap(view, pane);
  tint(view, pane, map);
  trace(view, pane, map);
  mark(view, pane);
  describe(view, pane, map);
  Object.assign(pane.stage.dataset, { frame: view.appearance.frame, only: selection(map, pane).join() || "all" }); // for whoever watches
}

function tint(view, pane, map) {
  const { tint: canvas } = pane;
  if (canvas.width !== map.w || canvas.height !== map.h) {
    Object.assign(canvas, { width: map.w, height: map.h });
    pane.image = new ImageData(map.w, map.h);
    pane.pixels = new Uint32Array(pane.image.data.buffer);
  }
  const { labels } = map;
  const { pixels } = pane;
  const colours = tints(view, pane, map);
  for (let i = 0; i < labels.length; i++) pixels[i] = colours[labels[i]];
  if (pane.compared) veil(pixels, labels, pane.compared.inside, tints(view, pane, map, pane.compared.covered));
  canvas.getContext("2d").putImageData(pane.image, 0, 0);
}

// Around what is marked in another pane, the clusters that it covers least are the palest.
function veil(pixels, labels, inside, colours) {
  for (let i = 0; i < labels.length; i++) if (!inside[i]) pixels[i] = colours[labels[i]];
}

// Per cluster, what lies over the photo: its colour, or the pale grey that all but the selected ones fade to. And over that,
// where something in another pane covers a share of each cluster, a veil.
function tints(view, pane, map, covered = null) {
  const { appearance, data } = view;
  const colours = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(colours.buffer);
  const selected = selection(map, pane);
  const opacity = appearance.clusters_only ? 1 : appearance.opacity;
  const [grey, fading] = data.faded;
  for (let label = 0; label < 256; label++) {
    const isFaded = selected.length > 0 && !selected.includes(label);
    const colour = isFaded ? [grey, grey, grey] : data.palette[colourIdx(view, pane, label) % data.palette.length];
    const veiled = covered ? fading * (1 - covered[label]) : 0;
    const alpha = veiled + (isFaded ? fading : opacity) * (1 - veiled);
    const share = alpha > 0 ? veiled / alpha : 0;
    for (let c = 0; c < 3; c++) bytes[4 * label + c] = colour[c] + share * (grey - colour[c]);
    bytes[4 * label + 3] = 255 * alpha;
  }
  return colours;
}

function colourIdx({ data, appearance }, { described }, label) {
  return described.colours[data.frames.indexOf(appearance.frame)]?.[label] ?? label;
}

function trace(view, pane, map) {
  const context = cleared(pane.lines, pane.stage);
  if (view.appearance.outlines) stroke(context, outline(map, selection(map, pane)), map, 1);
}

// A canvas of the stage's size with as many pixels as the screen has there, also when it is zoomed with two fingers.
function cleared(canvas, stage) {
  const zoom = Math.min(4, (window.visualViewport?.scale ?? 1) * devicePixelRatio, 4096 / Math.max(stage.clientWidth, 1));
  const [width, height] = [stage.clientWidth, stage.clientHeight].map((side) => Math.max(1, Math.round(side * zoom)));
  const context = canvas.getContext("2d");
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  else context.resetTransform(), context.clearRect(0, 0, width, height);
  context.zoom = zoom;
  return context;
}

// A light line in a dark casing shows on every background.
function stroke(context, path, map, weight) {
  const { width, height } = context.canvas;
  context.setTransform(width / map.w, 0, 0, height / map.h, 0, 0);
  const line = (weight * Math.max(1.25 * context.zoom, Math.min(width, height) / 400) * map.w) / width;
  context.lineJoin = "round";
  for (const [colour, factor] of [["rgb(20, 20, 20)", 2.4], ["rgb(255, 255, 255)", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = factor * line;
    context.stroke(path);
  }
}

function describe(view, pane, map) {
  const { areas, regions } = factsOf(map);
  const clusters = areas.filter((area) => area > 0).length;
  const counted = `${clusters} clusters · ${regions.reduce((sum, n) => sum + n, 0)} regions`;
  pane.counts.textContent = counted;
  pane.layers.setAttribute("aria-label", `${pane.described.alt}: ${counted}`);
  pane.stage.setAttribute("aria-label", pane.described.alt);
}

// What the first drag would have to work out is worked out while nothing else happens, nearest frames first.
function prepare(view) {
  const from = view.data.frames.indexOf(view.appearance?.frame);
  const frames = view.data.frames.map((_, i) => i).sort((a, b) => Math.abs(a - from) - Math.abs(b - from));
  const maps = frames.flatMap((i) => [...view.panes.values()].map((pane) => pane.maps[pane.described.at?.[i]])).filter(Boolean);
  clearTimeout(view.preparing);
  const next = () => {
    const map = maps.shift();
    if (!map) return;
    const isNew = !map.facts || !map.paths.has("");
    factsOf(map);
    outline(map);
    view.preparing = setTimeout(next, isNew ? 15 : 0);
  };
  view.preparing = setTimeout(next, 100);
}

// ---- Clusters under the pointer ------------------------------------------------------------------------------------

function clusterAt(view, pane, event) {
  const box = pane.stage.getBoundingClientRect();
  return labelAt(shownMap(view, pane), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}

function point(view, pane, event) {
  if (!view.appearance) return;
  const box = pane.stage.getBoundingClientRect();
  hover(view, pane, clusterAt(view, pane, event));
  moveTip(pane, event.clientX - box.left, event.clientY - box.top, box.width);
}

function leave(view, pane) {
  pane.tip.classList.remove("seen");
  hover(view, pane, null);
}

// Marks a cluster, names it, and shows in the other panes what overlaps it; of other photos, what is the same.
function hover(view, pane, cluster) {
  const map = view.appearance && shownMap(view, pane);
  if (!map || (pane.hovered === cluster && pane.hoveredMap === map)) return;
  Object.assign(pane, { hovered: cluster, hoveredMap: map });
  view.marked = cluster === null ? null : { map, cluster };
  if (cluster !== null) name(view, pane, map, cluster);
  for (const other of view.panes.values()) {
    if (other !== pane && other.maps.length) compare(view, other, cluster === null ? null : alike(view, map, cluster, shownMap(view, other)));
    if (other.maps.length) mark(view, other);
  }
}

function alike({ data }, map, cluster, other) {
  return data.together ? sameCluster(cluster, other) : overlap(map, cluster, other);
}

function compare(view, pane, shares) {
  const map = shownMap(view, pane);
  pane.compared = shares;
  tint(view, pane, map);
  pane.overlap.replaceChildren(...(shares ? parts(view, pane, shares.within) : []));
}

// The clusters that make up the marked one here, largest share first.
function parts(view, pane, within) {
  const order = [...within.keys()].filter((label) => within[label] >= 0.05).sort((a, b) => within[b] - within[a]).slice(0, 3);
  return order.flatMap((label) => [swatch(view, pane, label), `${Math.round(100 * within[label])} % in cluster ${label}`]);
}

// Another frame has other clusters.
function forget(view) {
  view.marked = null;
  for (const pane of view.panes.values()) {
    Object.assign(pane, { hovered: null, hoveredMap: null, compared: null });
    pane.tip.classList.remove("seen");
    pane.overlap.replaceChildren();
  }
}

function mark(view, pane) {
  if (!view.marked && !pane.isMarked) return;
  pane.isMarked = view.marked !== null;
  const context = cleared(pane.mark, pane.stage);
  if (!view.marked) return;
  const map = view.data.together ? shownMap(view, pane) : view.marked.map;
  stroke(context, outline(map, [view.marked.cluster]), map, 1.8);
}

function name(view, pane, map, cluster) {
  const sentence = sayable(pane, map, cluster);
  const title = document.createElement("b");
  title.textContent = called(pane, map, cluster);
  pane.tip.replaceChildren(swatch(view, pane, cluster), title, ` ${sentence}`);
  view.spoken.textContent = `${title.textContent}: ${sentence}`;
}

// The name that somebody gave the cluster, or its number.
function called({ maps, described: { names } }, map, cluster) {
  return names[names.length === 1 ? 0 : maps.indexOf(map)]?.[cluster] || `cluster ${cluster}`;
}

function sayable({ maps, described }, map, cluster) {
  const { areas, regions } = factsOf(map);
  const percent = (100 * areas[cluster]).toFixed(areas[cluster] > 0.1 ? 0 : 1);
  const note = described.notes[maps.indexOf(map)]?.[cluster];
  const facts = [`${percent} % of the photo`, `${regions[cluster]} ${regions[cluster] === 1 ? "region" : "regions"}`];
  return [...facts, ...(note ? [note] : [])].join(", ");
}

// The colour as it looks on the photo: over the mean of what lies below the cluster.
function swatch(view, pane, cluster) {
  const { data: { palette }, appearance } = view;
  const colour = palette[colourIdx(view, pane, cluster) % palette.length];
  const opacity = appearance.clusters_only ? 1 : appearance.opacity;
  const ground = groundsOf(shownMap(view, pane), pane.photo, pane.photoName)[cluster];
  const element = document.createElement("i");
  element.style.background = `rgb(${colour.map((c, i) => Math.round(ground[i] + opacity * (c - ground[i])))})`;
  return element;
}

function moveTip(pane, x, y, width) {
  pane.tip.classList.add("seen");
  const half = Math.min(pane.tip.offsetWidth, width) / 2;
  pane.tip.style.left = `${Math.min(width - half, Math.max(half, x))}px`;
  pane.tip.style.top = `${Math.max(pane.tip.offsetHeight + 14, y)}px`;
}

// ---- Selecting, and the original -----------------------------------------------------------------------------------

function click(view, pane, event) {
  if (view.wasHeld || !view.appearance) return (view.wasHeld = false);
  if (event.pointerType === "touch") point(view, pane, event);
  toggle(view, pane, clusterAt(view, pane, event), event.shiftKey);
}

function toggle(view, pane, cluster, several) {
  if (!view.data.selectable) return;
  const before = selection(shownMap(view, pane), pane);
  const others = before.filter((label) => label !== cluster);
  const isIn = others.length < before.length;
  if (several) pane.selected = isIn ? others : [...before, cluster];
  else pane.selected = isIn && before.length === 1 ? [] : [cluster];
  drawPane(view, pane);
  view.select(pane.described.id, pane.selected);
}

function press(view, pane, event) {
  const { key } = event;
  if (key === "o") return hold(view, true);
  if (key === "ArrowLeft" || key === "ArrowRight") return event.preventDefault(), moveSlider(view, key);
  if (key === "ArrowDown" || key === "ArrowUp") return event.preventDefault(), walk(view, pane, key === "ArrowDown" ? 1 : -1);
  if (key === "Escape") return leave(view, pane);
  if ((key === "Enter" || key === " ") && pane.hovered !== null) {
    event.preventDefault();
    toggle(view, pane, pane.hovered, event.shiftKey);
  }
}

function moveSlider({ data }, key) {
  const slider = document.querySelector(`.${data.follow.frame} input`);
  for (const type of ["keydown", "keyup"]) slider?.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true, cancelable: true }));
}

// The next cluster, from the largest to the smallest.
function walk(view, pane, step) {
  const { areas } = factsOf(shownMap(view, pane));
  const order = [...areas.keys()].filter((label) => areas[label] > 0).sort((a, b) => areas[b] - areas[a]);
  const at = order.indexOf(pane.hovered);
  hover(view, pane, order[at < 0 ? 0 : (at + step + order.length) % order.length]);
  moveTip(pane, 0, 0, pane.stage.clientWidth);
}

function startHolding(view) {
  view.wasHeld = false;
  view.holding = setTimeout(() => hold(view, true), HOLD_MS);
}

function stopHolding(view) {
  clearTimeout(view.holding);
  if (view.held) {
    view.wasHeld = true; // the click that follows is not meant to select
    hold(view, false);
  }
}

function hold(view, held) {
  view.held = held;
  view.root.classList.toggle("original", held);
}
