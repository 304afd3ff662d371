// An image on which a box is drawn: with the pointer, or with the keys (arrows move it, Shift and arrows change its size).
// data: {url, alt, box: [left, top, right, bottom] in shares of the sides, or null}; the server hears of a box when it is drawn.
const STEP = 0.02;
const LEAST = 0.01; // of a side: what is smaller was a click
const drawings = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".drawing");
  const drawing = drawings.get(parentElement) ?? listen({ root, box: null, image: root.querySelector("img") });
  drawings.set(parentElement, drawing);
  drawing.tell = () => setStateValue("box", drawing.box);
  if (drawing.url !== data.url) {
    Object.assign(drawing, { url: data.url, box: data.box, from: null });
    drawing.image.src = data.url;
    drawing.image.alt = data.alt;
  }
  root.setAttribute("aria-label", `${data.alt}. Arrow keys move the box, Shift and arrow keys change its size.`);
  draw(drawing);
}

function listen(drawing) {
  const { root } = drawing;
  root.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    root.focus();
    root.setPointerCapture(event.pointerId);
    drawing.from = place(drawing, event);
  });
  root.addEventListener("pointermove", (event) => {
    if (!drawing.from) return;
    drawing.box = between(drawing.from, place(drawing, event));
    draw(drawing);
  });
  for (const end of ["pointerup", "pointercancel"]) root.addEventListener(end, () => finish(drawing));
  root.addEventListener("keydown", (event) => press(drawing, event));
  return drawing;
}

function place({ image }, event) {
  const { left, top, width, height } = image.getBoundingClientRect();
  return [clamp((event.clientX - left) / width), clamp((event.clientY - top) / height)];
}

function between([x, y], [u, v]) {
  return [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
}

function finish(drawing) {
  if (!drawing.from) return;
  drawing.from = null;
  const { box } = drawing;
  if (box && (box[2] - box[0] < LEAST || box[3] - box[1] < LEAST)) drawing.box = null;
  draw(drawing);
  drawing.tell();
}

function press(drawing, event) {
  const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
  if (x === undefined) return;
  event.preventDefault();
  const [left, top, right, bottom] = drawing.box ?? [0.25, 0.25, 0.75, 0.75];
  const [dx, dy] = [x * STEP, y * STEP];
  const moved = event.shiftKey
    ? [left, top, Math.max(left + STEP, clamp(right + dx)), Math.max(top + STEP, clamp(bottom + dy))]
    : [left + dx, top + dy, right + dx, bottom + dy];
  if (moved.some((side) => side < 0 || side > 1)) return;
  drawing.box = moved;
  draw(drawing);
  clearTimeout(drawing.waiting);
  drawing.waiting = setTimeout(drawing.tell, 400); // one message for a row of keys
}

function draw({ root, box }) {
  const [left, top, right, bottom] = box ?? [0, 0, 0, 0];
  const frame = root.querySelector(".box");
  frame.hidden = !box;
  Object.assign(frame.style, {
    left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
  });
}

function clamp(share) {
  return Math.min(1, Math.max(0, share));
}
