// What is known of the picture shown, points and areas, and the tools of the one that is chosen.

let kind = "points"; // or "areas": of what is chosen
let draft = null; // a new one that has no color yet: {x, y} or {corners}
let chosen = null; // number of one, or -1 for the new one
let taken = null; // [a, b] from the eyedropper
let lightHere = 50;

const itemsOf = (what) => decisionOf(entryNow())[what] || [];
const itemNow = () => (chosen === -1 ? draft : itemsOf(kind)[chosen]);
const isArea = (item) => Boolean(item.corners);
const clampLight = (lightness) => Math.min(SWATCH_LIGHTNESS[1], Math.max(SWATCH_LIGHTNESS[0], lightness));

// Where an item is marked, and where its likely colors are asked for.
function middleOf(item) {
  if (!isArea(item)) return item;
  const mean = (axis) => item.corners.reduce((sum, corner) => sum + corner[axis], 0) / item.corners.length;
  return { x: mean(0), y: mean(1) };
}

const letterOf = (number) => String.fromCharCode(65 + (number % 26)) + (number >= 26 ? Math.floor(number / 26) : "");
function nameOf(item, number) {
  if (!item.ab) return say(isArea(item) ? "newArea" : "newPoint");
  const color = colorName(lightnessAt(picture, middleOf(item)), ...item.ab);
  return isArea(item) ? say("area", { letter: letterOf(number), color }) : say("point", { number: number + 1, color });
}

function startItem(what, item) {
  if (!takesColors()) return;
  kind = what;
  draft = item;
  chosen = -1;
  showPoints();
  byId("editor-title").focus({ preventScroll: true });
  byId("editor").scrollIntoView({ block: "nearest" });
}
const startPoint = (x, y) => startItem("points", { x: Number(x.toFixed(4)), y: Number(y.toFixed(4)) });

function chooseItem(what, number) {
  [kind, draft, chosen] = [what, null, number];
  showPoints();
}

function leavePoint() {
  const had = chosen !== null;
  draft = chosen = null;
  showPoints();
  return had;
}

// Give what is chosen a color. While a slider or the wheel is held, one step of history is enough.
function colorPoint(ab, going = false) {
  const color = rounded(ab);
  if (chosen === -1) {
    const fresh = isArea(draft) ? { ...draft, ab: color, strength: 1 } : { ...draft, ab: color, scope: DEFAULT_SCOPE };
    const items = [...itemsOf(kind), fresh];
    draft = null;
    chosen = items.length - 1;
    decide(entryNow(), { [kind]: items });
    changed();
  } else if (chosen !== null) {
    changeItem({ ab: color }, going);
  }
}

function changeItem(change, going = false) {
  const items = itemsOf(kind).map((item, number) => (number === chosen ? { ...item, ...change } : item));
  decide(entryNow(), { [kind]: items }, { keepHistory: !going });
  changed();
}

function removePoint() {
  if (chosen === -1 || chosen === null) return leavePoint();
  const items = itemsOf(kind).filter((_, number) => number !== chosen);
  draft = chosen = null;
  decide(entryNow(), { [kind]: items.length ? items : undefined });
  return changed();
}

function pickAt(x, y) {
  const [lightness, a, b] = colorAt(picture, decisionOf(entryNow()), { x, y });
  taken = rounded([a, b]);
  report(say("colorTaken", { color: colorName(lightness, a, b) }));
  setDropper(false);
  if (chosen !== null) colorPoint(taken);
  else showPoints();
}

function setDropper(on) {
  byId("dropper").setAttribute("aria-pressed", on);
  byId("stage").classList.toggle("dropping", on);
  if (on) report(say("eyedropperOn"));
}
const isDropping = () => byId("dropper").getAttribute("aria-pressed") === "true";

function swatch(ab, key) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "swatch";
  const name = colorName(lightHere, ...ab);
  const [chip, label] = [document.createElement("i"), document.createElement("span")];
  chip.style.background = cssOf(lightHere, ...ab);
  label.textContent = name;
  button.append(chip, label);
  if (key) {
    const hint = document.createElement("kbd");
    hint.textContent = key;
    button.append(hint);
  }
  button.addEventListener("click", () => colorPoint(ab));
  return button;
}

function markerOf(what, item, number) {
  const marker = document.createElement("button");
  const { x, y } = middleOf(item);
  marker.type = "button";
  marker.className = `marker ${what}`;
  [marker.style.left, marker.style.top] = [`${100 * x}%`, `${100 * y}%`];
  marker.textContent = number < 0 ? "+" : isArea(item) ? letterOf(number) : number + 1;
  marker.setAttribute("aria-label", nameOf(item, number));
  marker.setAttribute("aria-pressed", what === kind && number === chosen);
  if (item.ab) marker.style.setProperty("--chip", cssOf(Math.max(35, lightnessAt(picture, { x, y })), ...item.ab));
  marker.addEventListener("click", (event) => { event.stopPropagation(); chooseItem(what, number); });
  return marker;
}

function lineOf(what, item, number) {
  const [line, button, chip] = ["li", "button", "i"].map((tag) => document.createElement(tag));
  button.type = "button";
  chip.style.background = cssOf(clampLight(lightnessAt(picture, middleOf(item))), ...item.ab);
  button.append(chip, nameOf(item, number));
  const pressed = what === kind && chosen === number;
  button.setAttribute("aria-pressed", pressed);
  button.addEventListener("click", () => (pressed ? leavePoint() : chooseItem(what, number)));
  line.append(button);
  return line;
}

const each = (make) => ["points", "areas"].flatMap((what) => itemsOf(what).map((item, number) => make(what, item, number)));

function showPoints() {
  if (typeof chosen === "number" && chosen >= itemsOf(kind).length) chosen = null;
  byId("markers").replaceChildren(...each(markerOf), ...(draft ? [markerOf(kind, draft, -1)] : []));
  byId("points").replaceChildren(...each(lineOf));
  byId("no-points").hidden = byId("points").children.length > 0 || chosen !== null;
  byId("editor").hidden = chosen === null;
  showOutlines();
  if (chosen !== null) showEditor();
}

function showEditor() {
  const item = itemNow();
  const place = middleOf(item);
  lightHere = clampLight(lightnessAt(picture, place));
  const ab = item.ab || colorAt(picture, decisionOf(entryNow()), place).slice(1);
  byId("editor-title").textContent = nameOf(item, chosen);
  const likely = likelyAt(picture, place);
  byId("likely-part").hidden = !likely.length;
  byId("likely").replaceChildren(...likely.map((each, number) => swatch(each, number + 1)));
  paintWheel(byId("wheel"), lightHere, ab);
  const chroma = Math.hypot(...ab);
  byId("chroma").value = Math.round(chroma);
  if (chroma > 1) byId("hue").value = Math.round(hueOf(...ab));
  for (const id of ["hue", "chroma"]) byId(id).setAttribute("aria-valuetext", `${byId(id).value}: ${colorName(lightHere, ...ab)}`);
  byId("paste").hidden = !taken;
  if (taken) byId("paste").replaceChildren(...swatchParts(taken));
  if (document.activeElement !== byId("color-field")) byId("color-field").value = item.ab ? item.ab.join(", ") : "";
  byId("color-wrong").hidden = true;
  byId("remove").hidden = chosen === -1;
  byId("of-point").hidden = chosen === -1 || isArea(item);
  byId("of-area").hidden = chosen === -1 || !isArea(item);
  for (const option of byId("scopes").querySelectorAll("input")) option.checked = option.value === item.scope;
  showShare("radius", Math.round(100 * (item.radius ?? 0)));
  showShare("strength", Math.round(100 * (item.strength ?? 1)));
}

function showShare(id, percent) {
  byId(id).value = percent;
  byId(id).setAttribute("aria-valuetext", say("share", { percent }));
}

function swatchParts(ab) {
  const chip = document.createElement("i");
  chip.style.background = cssOf(lightHere, ...ab);
  return [chip, say("paste")];
}

// A color as people write it: taken over when it is understood.
function takeField(firm) {
  const text = byId("color-field").value;
  const ab = parseColor({ color: text });
  const wrong = Boolean(text.trim()) && !ab;
  byId("color-wrong").hidden = !(wrong && firm);
  byId("color-field").setAttribute("aria-invalid", wrong && firm);
  if (firm && ab) colorPoint(ab);
}

function prepareTools() {
  const names = { thing: "scopeThing", place: "scopePlace", picture: "scopeAll" };
  byId("scopes").replaceChildren(...[...SCOPES].reverse().map((scope) => {
    const label = document.createElement("label");
    const option = document.createElement("input");
    [option.type, option.name, option.value] = ["radio", "scope", scope];
    option.addEventListener("change", () => changeItem({ scope }));
    label.append(option, say(names[scope]));
    return label;
  }));
  prepareWheel();
  let sliding = false;
  const onSlide = (id, act) => {
    byId(id).addEventListener("input", () => { act(Number(byId(id).value), sliding); sliding = true; });
    byId(id).addEventListener("change", () => { sliding = false; });
  };
  onSlide("hue", (hue, going) => colorPoint(fromHue(hue, Number(byId("chroma").value) || 30), going));
  onSlide("chroma", (chroma, going) => colorPoint(fromHue(Number(byId("hue").value), chroma), going));
  onSlide("radius", (percent, going) => changeItem({ radius: percent ? percent / 100 : undefined }, going));
  onSlide("strength", (percent, going) => changeItem({ strength: percent / 100 }, going));
  byId("color-field").addEventListener("input", () => takeField(false));
  byId("color-field").addEventListener("change", () => takeField(true));
  byId("color-names").replaceChildren(...Object.keys(FACTS.cssColors).map((name) => new Option("", name)));
  byId("paste").addEventListener("click", () => colorPoint(taken));
  byId("remove").addEventListener("click", removePoint);
  byId("dropper").addEventListener("click", () => setDropper(!isDropping()));
  byId("outline").addEventListener("click", toggleOutline);
}

function prepareWheel() {
  let holding = false;
  const wheel = byId("wheel");
  wheel.addEventListener("pointerdown", (event) => {
    wheel.setPointerCapture(event.pointerId);
    colorPoint(wheelColor(event));
    holding = true;
  });
  wheel.addEventListener("pointermove", (event) => { if (holding) colorPoint(wheelColor(event), true); });
  wheel.addEventListener("lostpointercapture", () => { holding = false; });
}
