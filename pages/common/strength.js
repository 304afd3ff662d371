// A slider from removed to doubled, and what the classes become: every strength is here, so nothing is sent while it moves.
// data: {title, strengths, strength, classes: [{name, logits, probabilities, low, high, verdict, significant}]}; lists are per
// strength, low and high bound what chance gives. The server hears of a strength when the slider is released.
const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const view = views.get(parentElement) ?? newView(parentElement);
  views.set(parentElement, view);
  view.tell = (strength) => setTriggerValue("strength", strength);
  const shown = JSON.stringify([data.title, data.classes]);
  const isNew = view.shown !== shown;
  Object.assign(view, { data, shown });
  if (isNew) dress(view);
  if (isNew || view.told !== data.strength) view.slider.value = data.strengths.indexOf(data.strength);
  view.told = data.strength;
  draw(view);
}

function newView(parent) {
  const root = parent.querySelector(".taken");
  const view = { root, slider: root.querySelector("input"), word: root.querySelector("output"), rows: root.querySelector(".rows") };
  view.title = root.querySelector(".title");
  view.slider.addEventListener("input", () => draw(view));
  view.slider.addEventListener("change", () => {
    view.told = view.data.strengths[view.slider.value];
    view.tell(view.told);
  });
  return view;
}

function dress(view) {
  const { title, strengths, classes } = view.data;
  view.slider.max = strengths.length - 1;
  view.title.textContent = title;
  view.slider.setAttribute("aria-label", view.title.textContent);
  view.rows.replaceChildren(...classes.map(newRow));
}

function newRow({ name, verdict, significant }) {
  const row = document.createElement("div");
  row.className = "row";
  row.innerHTML = `
    <p><b></b><span class="share"></span></p>
    <div class="track"><i class="band"></i><i class="fill"></i><i class="before"></i></div>
    <p class="small"><span class="logit"></span><span class="verdict"></span></p>`;
  row.querySelector("b").textContent = name;
  row.querySelector(".verdict").textContent = verdict;
  row.classList.toggle("significant", significant);
  return row;
}

function draw(view) {
  const { strengths, classes } = view.data;
  const place = Number(view.slider.value);
  const unchanged = strengths.indexOf(1);
  view.word.textContent = inWords(strengths[place]);
  view.slider.setAttribute("aria-valuetext", view.word.textContent);
  view.slider.style.setProperty("--at", place / (strengths.length - 1));
  classes.forEach((described, n) => drawRow(view.rows.children[n], described, place, unchanged));
  view.root.dataset.strength = strengths[place]; // for whoever watches
}

function drawRow(row, { logits, probabilities, low, high }, place, unchanged) {
  const part = (name) => row.querySelector(`.${name}`);
  part("share").textContent = `${percent(probabilities[place])}${change(100 * (probabilities[place] - probabilities[unchanged]), 1, " pp")}`;
  part("logit").textContent = `logit ${number(logits[place], 2)}${change(logits[place] - logits[unchanged], 2)}`;
  part("fill").style.width = `${100 * probabilities[place]}%`;
  part("before").style.left = `${100 * probabilities[unchanged]}%`;
  part("band").style.left = `${100 * low[place]}%`;
  part("band").style.width = `${100 * (high[place] - low[place])}%`;
}

function inWords(strength) {
  return { 0: "removed", 1: "unchanged", 2: "doubled" }[strength] ?? `× ${strength}`;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

const number = (value, digits) => value.toFixed(digits).replace("-", "−");

function change(difference, digits, unit = "") {
  const rounded = number(difference, digits);
  return Number(difference.toFixed(digits)) === 0 ? "" : ` (${difference > 0 ? "+" : ""}${rounded}${unit})`;
}
