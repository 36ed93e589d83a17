"use strict";

const byId = (id) => document.getElementById(id);
const study = JSON.parse(byId("study").textContent);
const session = [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(16)).join("");
const answers = [];
let trials = [];
let shownAt = 0;

// A fair draw below a bound: values beyond the last whole multiple are drawn again.
function below(bound) {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  for (;;) {
    const [value] = crypto.getRandomValues(new Uint32Array(1));
    if (value < limit) return value % bound;
  }
}

function shuffle(items) {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = below(last + 1);
    [items[last], items[other]] = [items[other], items[last]];
  }
  return items;
}

function show() {
  const trial = trials[answers.length];
  byId("progress").textContent = `Picture ${answers.length + 1} of ${trials.length}`;
  byId("bar").style.width = `${(100 * answers.length) / trials.length}%`;
  const image = byId("picture");
  image.alt = `Photograph ${answers.length + 1}`;
  image.src = trial.source;
  byId("trial").setAttribute("aria-busy", "true");
  image.decode().then(() => {
    shownAt = performance.now();
    byId("trial").setAttribute("aria-busy", "false");
  });
}

function answer(judgedReal) {
  if (!shownAt) return; // not on the screen yet
  const trial = trials[answers.length];
  const seconds = Number(((performance.now() - shownAt) / 1000).toFixed(3));
  answers.push({ picture: trial.picture, recolored: trial.recolored, judged_real: judgedReal, seconds });
  shownAt = 0;
  if (answers.length < trials.length) show();
  else finish();
}

function finish() {
  byId("trial").hidden = true;
  byId("end").hidden = false;
  const right = answers.filter((each) => each.recolored !== each.judged_real).length;
  byId("summary").textContent = `You told ${right} of ${answers.length} right. Half of the pictures were recolored.`;
  const result = JSON.stringify({ ...study, session, answers }, null, 1);
  byId("save").href = URL.createObjectURL(new Blob([result], { type: "application/json" }));
  byId("save").download = `koala-study-${session.slice(0, 8)}.json`;
  byId("thanks").focus();
}

byId("begin").addEventListener("click", () => {
  const pictures = shuffle(JSON.parse(byId("pictures").textContent));
  const half = Math.floor(pictures.length / 2) + (pictures.length % 2 ? below(2) : 0);
  trials = shuffle(pictures.map((each, place) => ({
    picture: each.picture,
    recolored: place < half,
    source: place < half ? each.recolored : each.original,
  })));
  byId("intro").hidden = true;
  byId("trial").hidden = false;
  byId("progress").focus(); // on no answer: a key still held down, or pressed in passing, must not give one
  show();
});
byId("real").addEventListener("click", () => answer(true));
byId("recolored").addEventListener("click", () => answer(false));
document.addEventListener("keydown", (event) => {
  if (byId("trial").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() === "r") answer(true);
  if (event.key.toLowerCase() === "f") answer(false);
});
