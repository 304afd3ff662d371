// The live view in a notebook: what Streamlit does on the pages is done here. widget.py puts this file behind the script of the
// pages (pages/common/live_view), whose entry is drawLiveView here, and the constants MARKUP and STYLE.

const NOTEBOOK_STYLE = `
  :host { display: block; max-width: 900px;
    --st-font: var(--jp-ui-font-family, system-ui, sans-serif); --st-text-color: var(--jp-ui-font-color1, #1f2933);
    --st-background-color: var(--jp-layout-color0, #fff); --st-secondary-background-color: var(--jp-layout-color2, #eee);
    --st-primary-color: var(--jp-brand-color1, #1a6985); --st-border-color: var(--jp-border-color1, #ccc); --st-base-radius: 8px; }
  .controls { display: flex; flex-wrap: wrap; gap: 4px 24px; padding: 4px 0 10px; font: 400 13px/1.6 var(--st-font); color: var(--st-text-color); }
  .controls label { display: flex; align-items: center; gap: 8px; }
  .controls input { accent-color: var(--st-primary-color); }
  .controls .frame { flex: 1 1 260px; } .controls .frame input { flex: 1; min-width: 120px; }
  output { min-width: 3em; font-variant-numeric: tabular-nums; }`;
const NO_LIMIT = 100; // a frame beyond it stands for no limit

function render({ model, el }) {
  el.dataset.lmSuppressShortcuts = "true"; // JupyterLab's commands would take the keys
  const root = el.attachShadow({ mode: "open" });
  root.innerHTML = `<style>${STYLE}${NOTEBOOK_STYLE}</style><div class="controls">
    <label class="frame"><span></span><input type="range" min="0" step="1"><output></output></label>
    <label>Opacity <input class="opacity" type="range" min="0" max="100"></label>
    <label><input class="outlines" type="checkbox"> Outlines</label></div>${MARKUP}`;
  const holder = keepBytes(model);
  const draw = () => drawLiveView({ data: dataOf(model), parentElement: root, setTriggerValue: (_, value) => select(model, value) });
  const settle = connect(root.querySelector(".controls"), model, draw);
  for (const trait of ["frame", "opacity", "outlines", "selected", "data"]) model.on(`change:${trait}`, settle);
  settle();
  return () => letGoOfBytes(model, holder);
}

// The bytes that the view asks for by name; several views of one notebook share them.
function keepBytes(model) {
  const kept = (globalThis.encoderscopeBytes ??= new Map());
  const holder = {};
  for (const [name, view] of Object.entries(model.get("files"))) {
    const entry = kept.get(name) ?? { bytes: new Uint8Array(view.buffer, view.byteOffset, view.byteLength), holders: new Set() };
    entry.holders.add(holder);
    kept.set(name, entry);
  }
  return holder;
}

function letGoOfBytes(model, holder) {
  for (const name of Object.keys(model.get("files"))) {
    const holders = globalThis.encoderscopeBytes.get(name)?.holders;
    if (holders?.delete(holder) && holders.size === 0) globalThis.encoderscopeBytes.delete(name);
  }
}

function dataOf(model) {
  const data = model.get("data");
  const [frame, opacity, outlines, selected] = ["frame", "opacity", "outlines", "selected"].map((trait) => model.get(trait));
  const panes = data.panes.map((pane) => ({ ...pane, selected }));
  return { ...data, panes, appearance: { ...data.appearance, frame, opacity, outlines } };
}

function select(model, value) {
  if (!value.clusters) return;
  model.set("selected", value.clusters);
  model.save_changes();
}

// The sliders show the traits, and set them: at once for the picture, and for Python when they are released.
function connect(controls, model, draw) {
  const [frame, opacity, outlines] = [".frame input", ".opacity", ".outlines"].map((part) => controls.querySelector(part));
  const { frames, word } = model.get("data");
  controls.querySelector(".frame span").textContent = word;
  frame.max = frames.length - 1;
  const settle = () => {
    frame.value = frames.indexOf(model.get("frame"));
    controls.querySelector("output").textContent = model.get("frame") > NO_LIMIT ? "none" : model.get("frame");
    opacity.value = 100 * model.get("opacity");
    outlines.checked = model.get("outlines");
    draw();
  };
  frame.oninput = () => model.set("frame", frames[frame.value]);
  opacity.oninput = () => model.set("opacity", opacity.value / 100);
  outlines.onchange = () => (model.set("outlines", outlines.checked), model.save_changes());
  frame.onchange = opacity.onchange = () => model.save_changes();
  return settle;
}

export default { render };
