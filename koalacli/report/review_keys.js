// Everything by keyboard: what a key does, and the list that tells it.

const KEYS = [
  ["← →", "keyMove"], ["Enter", "keyOpen"], [FACTS.film ? "K G F" : "K G X F", FACTS.film ? "keyVerdictsFilm" : "keyVerdicts"], ["1 … 5", "keyProposal"], ["S  Shift+S", "keySaturation"], ["C  Shift+C", "keyVividness"],
  ["Space", "keyGray"], [",  .", "keyWipe"], ["+  −  0", "keyZoom"], ["P", "keyPoint"], ["A", "keyArea"], ["E", "keyDropper"], ["V", "keyPaste"],
  ["Del", "keyDelete"], ["Z  Y", "keyUndo"], ["Ctrl+S", "keySave"], ["Esc", "keyEscape"],
];
const AIM = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let aim = null; // {x, y} of the cross while it is moved

function setAim(at) {
  aim = at;
  const cross = byId("cross");
  cross.hidden = !at;
  if (isDrawing()) showOutlines();
  if (!at) return;
  cross.style.left = `${100 * at.x}%`;
  cross.style.top = `${100 * at.y}%`;
  const color = colorName(...colorAt(picture, decisionOf(entryNow()), at));
  report(say("aimAt", { across: Math.round(100 * at.x), down: Math.round(100 * at.y), color }));
}

function startAim() {
  leavePoint();
  byId("stage").focus();
  setAim({ x: 0.5, y: 0.5 });
  report(say("aiming"));
}

function aimKey(event) {
  const step = event.shiftKey ? 0.05 : 0.01;
  if (AIM[event.key]) {
    const [across, down] = AIM[event.key];
    const move = (value, by) => Math.min(0.999, Math.max(0.001, value + by * step));
    setAim({ x: move(aim.x, across), y: move(aim.y, down) });
  } else if (event.key === "Enter" || event.key === " ") {
    const at = aim;
    if (isDrawing()) {
      addCorner(at.x, at.y);
      if (!isDrawing()) setAim(null);
      return true;
    }
    setAim(null);
    if (isDropping()) pickAt(at.x, at.y);
    else startPoint(at.x, at.y);
  } else if (isDrawing() && (event.key === "Backspace" || event.key === "Delete")) {
    takeBackCorner();
  } else if (event.key === "Escape") {
    endOutline();
    setAim(null);
    setDropper(false);
  } else {
    return false;
  }
  return true;
}

function pickNumber(number) {
  const swatches = byId("likely").querySelectorAll(".swatch");
  if (chosen !== null) swatches[number - 1]?.click();
  else takeProposal(number);
}

const ACTIONS = {
  ArrowLeft: () => step(-1), ArrowRight: () => step(1), Enter: () => { setVerdict("keep", true); stepToOpen(); },
  k: () => setVerdict("keep"), g: () => setVerdict("gray"), x: () => setVerdict("reject"), f: () => setVerdict("flag"),
  s: () => turn("saturation", setSaturation, -5), S: () => turn("saturation", setSaturation, 5),
  c: () => turn("vividness", setVividness, -10), C: () => turn("vividness", setVividness, 10),
  " ": () => setGray(true), ",": () => setWipe(wipeNow() - 5), ".": () => setWipe(wipeNow() + 5),
  "+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: () => fit(),
  p: () => startAim(), a: () => { toggleOutline(); if (isDrawing()) { byId("stage").focus(); setAim({ x: 0.5, y: 0.5 }); report(say("drawing")); } },
  v: () => { if (taken && chosen !== null) colorPoint(taken); }, e: () => { setDropper(!isDropping()); if (isDropping()) setAim({ x: 0.5, y: 0.5 }); },
  Delete: () => (isDrawing() ? takeBackCorner() : removePoint()), Backspace: () => (isDrawing() ? takeBackCorner() : removePoint()),
  z: () => goBack(undo), y: () => goBack(redo), "?": () => byId("keys").showModal(),
  Escape: () => { setDropper(false); endOutline(); leavePoint(); byId("stage").focus(); },
};
for (const number of [1, 2, 3, 4, 5]) ACTIONS[number] = () => pickNumber(number);

function takeKey(event) {
  if (document.querySelector("dialog[open]")) return;
  const { target } = event;
  const control = event.ctrlKey || event.metaKey;
  const own = { s: save, z: () => goBack(event.shiftKey ? redo : undo), y: () => goBack(redo) };
  if (control || event.altKey) {
    if (!control || !own[event.key.toLowerCase()]) return;
    own[event.key.toLowerCase()]();
    event.preventDefault();
    return;
  }
  if (target.matches("select, input[type=text]")) return;
  const moves = target.matches("input") && (event.key.startsWith("Arrow") || event.key === " ");
  const presses = target.matches("button, summary, a") && (event.key === "Enter" || event.key === " ");
  if (moves || presses || !picture) return;
  if (aim && aimKey(event)) {
    event.preventDefault();
    return;
  }
  const action = ACTIONS[event.key] || ACTIONS[event.key.toLowerCase()];
  if (!action || (event.repeat && event.key === " ")) return;
  action();
  event.preventDefault();
}

function prepareKeys() {
  document.addEventListener("keydown", takeKey);
  document.addEventListener("keyup", (event) => { if (event.key === " ") setGray(false); });
  byId("key-list").replaceChildren(...KEYS.flatMap(([keys, meaning]) => {
    const [term, told] = [document.createElement("dt"), document.createElement("dd")];
    term.append(...keys.split(/\s+/).map((key) => {
      const sign = document.createElement("kbd");
      sign.textContent = key;
      return sign;
    }));
    told.textContent = say(meaning);
    return [term, told];
  }));
}
