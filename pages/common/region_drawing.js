// An image on which a region is drawn: a box, or a free-hand line that closes itself. Keys make a box with either tool (arrows move
// it, Shift and arrows change its size).
// data: {url, alt, tool: "box" | "line", box: what is drawn at first, or null}; the server hears of {box: [left, top, right, bottom]}
// or {line: [[x, y], ...]}, all in shares of the sides, when it is drawn.
const STEP = 0.02;
const LEAST = 0.01; // of a side: what is smaller was a click
const SPACING = 0.004; // between points of a line
const MOST = 1000; // points of a line
const FRAME = "M0 0H1V1H0Z";
const drawings = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".drawing");
  const drawing = drawings.get(parentElement) ?? listen({ root, image: root.querySelector("img") });
  drawings.set(parentElement, drawing);
  drawing.tell = () => setStateValue("drawn", drawing.box ? { box: drawing.box } : drawing.line ? { line: drawing.line } : null);
  drawing.tool = data.tool;
  if (drawing.url !== data.url) {
    Object.assign(drawing, { url: data.url, box: data.box ?? null, line: null, from: null });
    drawing.image.src = data.url;
    drawing.image.alt = data.alt;
  }
  root.setAttribute("aria-label", `${data.alt}. Arrow keys move a box, Shift and arrow keys change its size.`);
  draw(drawing);
}

function listen(drawing) {
  const { root } = drawing;
  root.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    root.focus();
    root.setPointerCapture(event.pointerId);
    drawing.from = place(drawing, event);
    Object.assign(drawing, { box: null, line: drawing.tool === "line" ? [drawing.from] : null });
  });
  root.addEventListener("pointermove", (event) => {
    if (!drawing.from) return;
    if (drawing.tool === "line") lengthen(drawing, place(drawing, event));
    else drawing.box = between(drawing.from, place(drawing, event));
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

function lengthen({ line }, [x, y]) {
  const [u, v] = line.at(-1);
  if (Math.hypot(x - u, y - v) >= SPACING && line.length < MOST) line.push([x, y]);
}

function finish(drawing) {
  if (!drawing.from) return;
  drawing.from = null;
  const [left, top, right, bottom] = drawing.box ?? around(drawing.line ?? [[0, 0]]);
  if (right - left < LEAST || bottom - top < LEAST) Object.assign(drawing, { box: null, line: null });
  draw(drawing);
  drawing.tell();
}

function around(line) {
  const [xs, ys] = [line.map(([x]) => x), line.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
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
  Object.assign(drawing, { box: moved, line: null });
  draw(drawing);
  clearTimeout(drawing.waiting);
  drawing.waiting = setTimeout(drawing.tell, 400); // one message for a row of keys
}

function draw({ root, box, line }) {
  const [left, top, right, bottom] = box ?? [];
  const shape = box ? `M${left} ${top}H${right}V${bottom}H${left}Z` : line?.length > 1 ? `M${line.map((at) => at.join(" ")).join("L")}Z` : "";
  root.querySelector(".outside").setAttribute("d", shape && FRAME + shape);
  for (const edge of root.querySelectorAll(".edge")) edge.setAttribute("d", shape);
}

function clamp(share) {
  return Math.min(1, Math.max(0, share));
}
