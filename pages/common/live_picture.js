// Draws one segmentation over its photo in the browser, from the maps of every k, so that the picture follows the
// sliders while they are being dragged; the server hears of the value when they are released.
// data: {id, photo, maps, shape: [nK, h, w], ks, palette, k, opacity, outlines, only, alt, follow: {k, opacity}}
//   photo  data URL;  maps  base64 of deflated uint8 labels;  follow  CSS class of the widget behind a value
const stages = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const stage = stages.get(parentElement) ?? newStage(parentElement);
  stages.set(parentElement, stage);
  stage.pick = (label) => setTriggerValue("picked", label);
  show(stage, data);
  return () => stage.observer.disconnect();
}

function newStage(parent) {
  const stage = { canvas: parent.querySelector("canvas"), tip: parent.querySelector(".tip") };
  stage.observer = new MutationObserver(() => follow(stage));
  stage.canvas.onclick = (event) => stage.pick(labelAt(stage, event));
  stage.canvas.onpointermove = (event) => showTip(stage, event);
  stage.canvas.onpointerleave = () => stage.tip.classList.remove("seen");
  return stage;
}

async function show(stage, data) {
  stage.wanted = data;
  if (stage.id !== data.id) {
    const [photo, maps] = await Promise.all([photoPixels(data.photo), inflated(data.maps)]);
    if (stage.wanted.id !== data.id) return; // a newer picture came meanwhile
    Object.assign(stage, { id: data.id, photo, maps });
  }
  stage.data = stage.wanted;
  stage.canvas.setAttribute("aria-label", stage.data.alt);
  stage.observer.disconnect();
  for (const name of Object.values(stage.data.follow)) {
    const widget = document.querySelector(`.${name}`);
    if (widget) stage.observer.observe(widget, { subtree: true, attributeFilter: ["aria-valuetext"] });
  }
  stage.drawn = null;
  follow(stage);
}

function follow(stage) {
  const { k, opacity } = stage.data.follow;
  const look = { k: sliderValue(k) ?? stage.data.k, opacity: stage.data.opacity };
  if (opacity) look.opacity = (sliderValue(opacity) ?? 100 * look.opacity) / 100;
  const key = JSON.stringify(look);
  if (key === stage.drawn || !stage.data.ks.includes(look.k)) return;
  stage.drawn = key;
  stage.look = look;
  draw(stage);
}

function sliderValue(name) {
  const input = name && document.querySelector(`.${name} input[type="range"]`);
  return input ? Number(input.value) : null;
}

function draw({ canvas, photo, maps, data, look }) {
  const { width, height } = photo;
  const [, h, w] = data.shape;
  const labels = maps.subarray(data.ks.indexOf(look.k) * h * w).subarray(0, h * w);
  const picture = new ImageData(new Uint8ClampedArray(photo.data), width, height);
  tint(picture, labels, data, look.opacity);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.putImageData(picture, 0, 0);
  if (data.outlines) trace(context, labels, data, width / w, height / h);
  Object.assign(canvas.dataset, { k: look.k, only: data.only ?? "all" }); // for whoever watches from outside
}

// The same rules as explainers/overlay.py: a tint in the cluster's colour; with `only`, the others fade to pale grey.
function tint({ data: pixels, width, height }, labels, { shape: [, h, w], palette, only }, opacity) {
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(((2 * y + 1) * h) / (2 * height)) * w;
    for (let x = 0; x < width; x++, i += 4) {
      const label = labels[row + Math.floor(((2 * x + 1) * w) / (2 * width))];
      if (only === null || label === only) {
        const colour = palette[label % palette.length];
        for (let c = 0; c < 3; c++) pixels[i + c] += (colour[c] - pixels[i + c]) * opacity;
      } else {
        const grey = 0.299 * pixels[i] + 0.587 * pixels[i + 1] + 0.114 * pixels[i + 2];
        pixels[i] = pixels[i + 1] = pixels[i + 2] = grey + 0.75 * (235 - grey);
      }
    }
  }
}

function trace(context, labels, { shape: [, h, w], only }, sx, sy) {
  const side = (i) => (only === null ? labels[i] : labels[i] === only);
  const path = new Path2D();
  for (let y = 0, i = 0; y < h; y++) {
    for (let x = 0; x < w; x++, i++) {
      if (x + 1 < w && side(i) !== side(i + 1)) segment(path, (x + 1) * sx, y * sy, (x + 1) * sx, (y + 1) * sy);
      if (y + 1 < h && side(i) !== side(i + w)) segment(path, x * sx, (y + 1) * sy, (x + 1) * sx, (y + 1) * sy);
    }
  }
  const width = Math.max(1, Math.min(w * sx, h * sy) / 450);
  context.lineCap = "round";
  for (const [colour, factor] of [["rgb(20, 20, 20)", 2.4], ["rgb(255, 255, 255)", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = factor * width;
    context.stroke(path);
  }
}

function segment(path, x0, y0, x1, y1) {
  path.moveTo(x0, y0);
  path.lineTo(x1, y1);
}

function labelAt({ canvas, maps, data, look }, event) {
  const [, h, w] = data.shape;
  const box = canvas.getBoundingClientRect();
  const at = (position, size, n) => Math.min(n - 1, Math.max(0, Math.floor((position / size) * n)));
  const x = at(event.clientX - box.left, box.width, w);
  const y = at(event.clientY - box.top, box.height, h);
  return maps[data.ks.indexOf(look.k) * h * w + y * w + x];
}

function showTip(stage, event) {
  if (!stage.look) return;
  const label = labelAt(stage, event);
  const box = stage.canvas.getBoundingClientRect();
  const swatch = document.createElement("i");
  swatch.style.background = `rgb(${stage.data.palette[label % stage.data.palette.length]})`;
  stage.tip.replaceChildren(swatch, `cluster ${label}, ${areaOf(stage, label)} % of the photo`);
  stage.tip.style.left = `${Math.min(box.width - 90, Math.max(90, event.clientX - box.left))}px`;
  stage.tip.style.top = `${Math.max(44, event.clientY - box.top)}px`;
  stage.tip.classList.add("seen");
}

function areaOf({ maps, data: { ks, shape: [, h, w] }, look }, label) {
  const start = ks.indexOf(look.k) * h * w;
  let n = 0;
  for (let i = start; i < start + h * w; i++) n += maps[i] === label;
  return ((100 * n) / (h * w)).toFixed(n > 0.1 * h * w ? 0 : 1);
}

async function photoPixels(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

async function inflated(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
