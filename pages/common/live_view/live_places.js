// Draws which places of a photo are similar to the one under the pointer, and activations as colours.
// packing.py puts this file before live_view.js, so that all are one module; a view with data.places comes here.
// data.places: {mode: "similar" or "colours", pin: {pane, place: [x, y], codes} or null, scale: 256 colours of similarities 0 to 1}
//
// A field is what is known of the positions of one photo: {components: Float32Array (h * w * q), steps: Float32Array (q), colours:
// Uint8Array (h * w * 3), similar: Float32Array (h * w), w, h, q}, as in explainers/nave/components.py.
// A place is [x, y], shares of the photo's width and height. view.pin is the one that stays, view.pointed the one that moves.

const FINEST = 4; // pixels that are drawn along a position of the field at most; small panes get fewer
const FOLLOWERS = 3; // panes that follow the pointer elsewhere in one frame
const PLACE_KEYS =
  "Arrow keys move the place, with Shift farther. Enter pins it, Escape takes the pin away, O held down shows the original.";

// ---- Similarity ----------------------------------------------------------------------------------------------------

// Undoes Components.packed: the first components have a byte each, of the others two share one.
function fieldOf(bytes, [h, w, q, nFine]) {
  const [n, nBytes] = [h * w, nFine + Math.ceil((q - nFine) / 2)];
  const steps = new Float32Array(bytes.slice(0, 4 * q).buffer);
  const codes = bytes.subarray(4 * q, 4 * q + n * nBytes);
  const components = new Float32Array(n * q);
  for (let i = 0, at = 0, to = 0; i < n; i++, at += nBytes) {
    for (let c = 0; c < nFine; c++) components[to++] = steps[c] * ((codes[at + c] << 24) >> 24);
    for (let c = nFine; c < q; c++) {
      const pair = codes[at + nFine + ((c - nFine) >> 1)];
      components[to++] = steps[c] * (((c - nFine) % 2 ? pair >> 4 : pair & 15) - 7);
    }
  }
  return { components, steps, colours: bytes.subarray(4 * q + n * nBytes), similar: new Float32Array(n), w, h, q };
}

function positionAt({ w, h }, [x, y]) {
  const at = (share, n) => Math.min(n - 1, Math.max(0, Math.floor(share * n)));
  return at(y, h) * w + at(x, w);
}

function componentsAt({ components, q }, position) {
  return components.subarray(position * q, (position + 1) * q);
}

// Fills field.similar with the similarity of every position to one with these components; the same ones are the same activation.
function compareWith({ components, similar, q }, other) {
  const own = productAt(other, 0, other, q);
  for (let i = 0, at = 0; i < similar.length; i++, at += q) {
    const product = productAt(components, at, other, q);
    const isSame = product >= own && own > 0 && isSameAt(components, at, other);
    similar[i] = isSame ? 1 : Math.min(1, Math.max(-1, product));
  }
}

function productAt(components, at, other, q) {
  let sum = 0;
  for (let c = 0; c < q; c++) sum += components[at + c] * other[c];
  return sum;
}

function isSameAt(components, at, other) {
  return other.every((component, c) => components[at + c] === component);
}

// Mixes the similarities of a field bilinearly to ``finer`` times as many rows and columns, each of which becomes a pixel.
function spread({ similar, w, h }, finer, pixels, { threshold, colours }) {
  const [rows, columns, line] = [taps(h, finer), taps(w, finer), new Float32Array(w)];
  for (let y = 0, i = 0; y < rows.first.length; y++) {
    const [above, below, share] = [rows.first[y] * w, rows.second[y] * w, rows.share[y]];
    for (let x = 0; x < w; x++) line[x] = similar[above + x] + share * (similar[below + x] - similar[above + x]);
    for (let x = 0; x < columns.first.length; x++, i++) {
      const left = line[columns.first[x]];
      const value = left + columns.share[x] * (line[columns.second[x]] - left);
      pixels[i] = value < threshold ? 0 : colours[value > 0 ? (value * 255 + 0.5) | 0 : 0];
    }
  }
}

const keptTaps = new Map();

// Which two of n values every one of finer * n is mixed from, and how much of the second.
function taps(n, finer) {
  const key = `${n} ${finer}`;
  if (!keptTaps.has(key)) {
    const at = Float32Array.from({ length: n * finer }, (_, i) => Math.min(n - 1, Math.max(0, (i + 0.5) / finer - 0.5)));
    const first = Uint16Array.from(at, Math.floor);
    const second = first.map((i) => Math.min(n - 1, i + 1));
    keptTaps.set(key, { first, second, share: at.map((position, i) => position - first[i]) });
  }
  return keptTaps.get(key);
}

// ---- Drawing -------------------------------------------------------------------------------------------------------

function shownPlace(view) {
  const wanted = view.data.places.mode === "similar" ? view.pin ?? view.pointed : null;
  return wanted && (wanted.codes?.length || view.panes.get(wanted.pane)?.maps.length) ? wanted : null;
}

function drawPlaces(view, pane) {
  const [field] = pane.maps;
  const { mode } = view.data.places;
  const shown = shownPlace(view);
  view.root.classList.toggle("similar", shown !== null);
  pane.sentence.textContent = mode === "similar" && !shown && pane === view.panes.values().next().value ? "Point at the picture" : "";
  if (mode === "colours") tintColours(view, pane, field);
  else if (shown) tintSimilar(view, pane, field, shown);
  else pane.tint.getContext("2d").clearRect(0, 0, pane.tint.width, pane.tint.height);
  markPlace(view, pane, shown);
  describePlaces(view, pane, field, shown);
  pane.drawnPlace = view.placeNumber;
  Object.assign(pane.stage.dataset, { frame: 0, mode, place: shown ? shown.place.join() : "", pinned: view.pin !== null }); // for whoever watches
}

function tintColours({ appearance }, pane, { colours, w, h }) {
  const pixels = canvasPixels(pane, w, h);
  const alpha = Math.round(255 * appearance.opacity) << 24;
  for (let i = 0, at = 0; i < pixels.length; i++) pixels[i] = alpha | colours[at++] | (colours[at++] << 8) | (colours[at++] << 16);
  pane.tint.getContext("2d").putImageData(pane.image, 0, 0);
}

function tintSimilar(view, pane, field, shown) {
  const { threshold } = view.appearance;
  compareWith(field, comparedWith(view, pane, shown));
  const finer = (pane.finer ??= fineness(pane, field));
  const pixels = canvasPixels(pane, finer * field.w, finer * field.h);
  spread(field, finer, pixels, { threshold, colours: similarityColours(view) });
  pane.tint.getContext("2d").putImageData(pane.image, 0, 0);
}

// A pixel is drawn for every two of the screen. Kept until the size changes: asking for it between two panes makes the browser lay
// out the whole page again.
function fineness({ stage }, { w }) {
  return Math.min(FINEST, Math.max(1, Math.round((stage.clientWidth * devicePixelRatio) / (2 * w))));
}

// What a pane is compared with: the shown place of the pane that has it, or its codes where that pane is on another page, which are
// in the same steps; where components mean something else in every pane, its own activation there.
function comparedWith(view, pane, shown) {
  const [field] = (view.data.together ? view.panes.get(shown.pane)?.maps : pane.maps) ?? [];
  if (field) return componentsAt(field, positionAt(field, shown.place));
  return pane.maps[0].steps.map((step, c) => step * shown.codes[c]);
}

// The scale with the opacity that is wanted, as pixels.
function similarityColours(view) {
  const { data, appearance } = view;
  if (view.scaleOpacity !== appearance.opacity) {
    const bytes = new Uint8ClampedArray(data.places.scale.flatMap((colour) => [...colour, 255 * appearance.opacity]));
    Object.assign(view, { scaleOpacity: appearance.opacity, scale: new Uint32Array(bytes.buffer) });
  }
  return view.scale;
}

function canvasPixels(pane, width, height) {
  if (pane.image?.width !== width || pane.image.height !== height) {
    pane.image = new ImageData(width, height);
    pane.pixels = new Uint32Array(pane.image.data.buffer);
  }
  if (pane.tint.width !== width || pane.tint.height !== height) Object.assign(pane.tint, { width, height });
  return pane.pixels;
}

// A ring around the place; a pinned one has a dot in it.
function markPlace(view, pane, shown) {
  const isHere = shown && (!view.data.together || view.panes.get(shown.pane) === pane);
  if (!isHere && !pane.isMarked) return;
  const context = cleared(pane.mark, pane.stage);
  pane.isMarked = isHere;
  if (!isHere) return;
  const { width, height } = context.canvas;
  const [x, y] = [shown.place[0] * width, shown.place[1] * height];
  const unit = Math.max(context.zoom, Math.min(width, height) / 400);
  for (const [colour, weight] of [["rgb(20, 20, 20)", 4], ["rgb(255, 255, 255)", 1.8]]) {
    Object.assign(context, { strokeStyle: colour, fillStyle: colour, lineWidth: weight * unit });
    context.beginPath();
    context.arc(x, y, 7 * unit, 0, 2 * Math.PI);
    context.stroke();
    if (!view.pin) continue;
    context.beginPath();
    context.arc(x, y, (weight / 2 + 0.6) * unit, 0, 2 * Math.PI);
    context.fill();
  }
}

// ---- Words ---------------------------------------------------------------------------------------------------------

function describePlaces(view, pane, field, shown) {
  const { threshold } = view.appearance;
  const said = shown ? `${percent(shareOf(field, threshold))} of the photo is at least ${threshold.toFixed(2)} similar` : "";
  const isElsewhere = view.data.together && shown?.pane !== pane.described.id;
  pane.overlap.textContent = said && !isElsewhere ? `${said} to ${inWords(shown.place)}${view.pin ? ", pinned" : ""}` : said;
  const what = view.data.places.mode === "colours" ? "activations as colours" : said || "point at a place";
  pane.layers.setAttribute("aria-label", `${pane.described.alt}: ${what}`);
  pane.stage.setAttribute("aria-label", pane.described.alt);
}

function shareOf({ similar }, threshold) {
  let n = 0;
  for (let i = 0; i < similar.length; i++) if (similar[i] >= threshold) n++;
  return n / similar.length;
}

function percent(share) {
  return `${(100 * share).toFixed(share > 0.1 || share === 0 ? 0 : 1)} %`;
}

function inWords([x, y]) {
  return `the place ${Math.round(100 * x)} % across, ${Math.round(100 * y)} % down`;
}

// ---- Pointing and pinning ------------------------------------------------------------------------------------------

function makePlacesLive(view, pane) {
  const { stage } = pane;
  stage.setAttribute("aria-description", PLACE_KEYS);
  stage.onclick = (event) => clickPlace(view, pane, event);
  stage.onkeydown = (event) => pressPlace(view, pane, event);
  stage.onblur = () => pointTo(view, null);
  stage.onpointermove = (event) => event.pointerType !== "touch" && pointTo(view, placeUnder(pane, event));
  stage.onpointerleave = (event) => event.pointerType !== "touch" && pointTo(view, null);
}

function placeUnder(pane, event) {
  const box = pane.stage.getBoundingClientRect();
  const share = (at, length) => Math.min(1, Math.max(0, Number((at / length).toFixed(3))));
  return { pane: pane.described.id, place: [share(event.clientX - box.left, box.width), share(event.clientY - box.top, box.height)] };
}

function pointTo(view, pointed) {
  if (!view.appearance || view.data.places.mode !== "similar") return;
  view.pointed = pointed;
  if (view.pin) tellPointed(view, pointed);
  else drawPointed(view);
}

// The pane under the pointer is drawn at once, so that it keeps up with the pointer however many panes there are. The others follow
// a few in a frame, those first that have waited longest: what changes in a frame has to be painted in it, too.
function drawPointed(view) {
  view.placeNumber = (view.placeNumber ?? 0) + 1;
  const here = view.panes.get(view.pointed?.pane);
  const shown = shownPlace(view);
  if (view.data.together) for (const pane of view.panes.values()) if (pane.isMarked && pane !== here) markPlace(view, pane, shown);
  if (here?.maps.length) drawPlaces(view, here);
  drawFollowersSoon(view);
}

// After the next frame, when what was waiting for it is done.
function drawFollowersSoon(view) {
  view.followers ??= requestAnimationFrame(() => setTimeout(() => drawFollowers(view)));
}

function drawFollowers(view) {
  view.followers = null;
  const waiting = [...view.panes.values()].filter((pane) => pane.maps.length && pane.drawnPlace !== view.placeNumber);
  waiting.sort((a, b) => (a.drawnPlace ?? 0) - (b.drawnPlace ?? 0));
  for (const pane of waiting.slice(0, FOLLOWERS)) drawPlaces(view, pane);
  if (waiting.length > FOLLOWERS) drawFollowersSoon(view);
}

// With a pin, the place under the pointer is only compared with it.
function tellPointed(view, pointed) {
  for (const pane of view.panes.values()) {
    if (pane.described.id !== pointed?.pane || !pane.maps.length) {
      pane.tip.classList.remove("seen");
      continue;
    }
    const [field] = pane.maps;
    pane.tip.textContent = `${field.similar[positionAt(field, pointed.place)].toFixed(2)} similar to the pinned place`;
    const { clientWidth, clientHeight } = pane.stage;
    moveTip(pane, pointed.place[0] * clientWidth, pointed.place[1] * clientHeight, clientWidth);
  }
}

function clickPlace(view, pane, event) {
  if (view.wasHeld || !view.appearance) return (view.wasHeld = false);
  if (view.data.places.mode !== "similar") return;
  const clicked = placeUnder(pane, event);
  const [field] = pane.maps;
  const isPinned = view.pin?.pane === clicked.pane && positionAt(field, view.pin.place) === positionAt(field, clicked.place);
  pinTo(view, isPinned ? null : clicked);
}

function pinTo(view, pin) {
  view.pin = pin;
  tellPointed(view, null);
  redraw(view);
  const { textContent } = view.panes.get(pin?.pane)?.overlap ?? {};
  view.spoken.textContent = textContent ?? "No place is pinned.";
  view.reportPin(pin);
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function pressPlace(view, pane, event) {
  const { key } = event;
  if (key === "o") return hold(view, true);
  if (view.data.places.mode !== "similar" || !view.appearance) return;
  if (key === "Escape" && view.pin) pinTo(view, null);
  else if (key === "Escape") pointTo(view, null);
  else if (key === "Enter" || key === " ") pinTo(view, view.pin ? null : view.pointed ?? centreOf(pane));
  else if (STEPS[key]) step(view, pane, STEPS[key], event.shiftKey ? 5 : 1);
  else return;
  event.preventDefault();
}

function centreOf(pane) {
  return { pane: pane.described.id, place: [0.5, 0.5] };
}

// From the middle of a position to that of one some columns and rows away. A pinned place goes along.
function step(view, pane, [right, down], far) {
  const from = [view.pin, view.pointed].find((place) => place?.pane === pane.described.id);
  const [{ w, h }] = pane.maps;
  const moved = (share, n, by) => Number(((Math.min(n - 1, Math.max(0, Math.floor(share * n) + by)) + 0.5) / n).toFixed(4));
  const [x, y] = from ? [moved(from.place[0], w, right * far), moved(from.place[1], h, down * far)] : [0.5, 0.5];
  const place = { pane: pane.described.id, place: [x, y] };
  if (view.pin) return pinTo(view, place);
  pointTo(view, place);
  view.spoken.textContent = pane.overlap.textContent;
}
