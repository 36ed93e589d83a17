// The tools of one point: the likely colors, the wheel, the sliders; and names for what is seen.

const HUES = [12, 42, 56, 78, 104, 122, 150, 175, 215, 265, 305, 322, 350]; // CIELAB degrees at which each name ends
const BROWN = { from: 42, to: 95, below: 52 };
const WHEEL_CHROMA = 100; // at the rim
const WHEEL_STEP = 8; // L* units from one wheel that is kept to the next
const SWATCH_LIGHTNESS = [42, 82]; // L* between which a color can be told from others: swatches keep to it

function hueName(degrees) {
  const place = HUES.findIndex((end) => degrees < end);
  return say("hues").split(",")[place < 0 ? 0 : place];
}

function colorName(lightness, a, b) {
  const chroma = Math.hypot(a, b);
  const shade = lightness < 25 ? "dark" : lightness > 80 ? "light" : "";
  const shaded = (color) => (shade ? say(shade, { color }) : color);
  if (chroma < 6) return shaded(say("grayName"));
  const degrees = hueOf(a, b);
  const brown = degrees >= BROWN.from && degrees < BROWN.to && lightness < BROWN.below;
  const hue = brown ? say("brown") : hueName(degrees);
  return shaded(say(chroma < 16 ? "pale" : chroma < 34 ? "muted" : chroma > 62 ? "vivid" : "plain", { hue }));
}

const hueOf = (a, b) => ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360;
const fromHue = (degrees, chroma) => [chroma * Math.cos((degrees * Math.PI) / 180), chroma * Math.sin((degrees * Math.PI) / 180)];
const rounded = (ab) => ab.map((part) => Math.round(part * 10) / 10 + 0);

const wheels = new Map(); // L* -> ImageData: it takes longer to make than all else that a click does

function wheelAt(lightness, width) {
  if (wheels.has(lightness)) return wheels.get(lightness);
  const image = new ImageData(width, width);
  const middle = (width - 1) / 2;
  for (let row = 0; row < width; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const [x, y] = [(column - middle) / middle, (middle - row) / middle];
      const far = Math.hypot(x, y);
      if (far > 1) continue;
      const to = 4 * (row * width + column);
      image.data.set(codesOf(lightness, x * WHEEL_CHROMA, y * WHEEL_CHROMA), to);
      image.data[to + 3] = 255 * Math.min(1, (1 - far) * middle);
    }
  }
  wheels.set(lightness, image);
  return image;
}

function paintWheel(canvas, lightness, ab) {
  const context = canvas.getContext("2d");
  const middle = (canvas.width - 1) / 2;
  context.putImageData(wheelAt(Math.round(lightness / WHEEL_STEP) * WHEEL_STEP, canvas.width), 0, 0);
  const [x, y] = [middle + (ab[0] / WHEEL_CHROMA) * middle, middle - (ab[1] / WHEEL_CHROMA) * middle];
  for (const [radius, style] of [[7, "#000"], [5.5, "#fff"]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = style;
    context.stroke();
  }
}

function wheelColor(event) {
  const box = byId("wheel").getBoundingClientRect();
  const x = (2 * (event.clientX - box.left)) / box.width - 1;
  const y = 1 - (2 * (event.clientY - box.top)) / box.height;
  const far = Math.max(1, Math.hypot(x, y));
  return [(x / far) * WHEEL_CHROMA, (y / far) * WHEEL_CHROMA];
}

// --- points of the picture shown; `chosen` is the number of one, or -1 for the new one that has no color yet

let draft = null; // {x, y}
let chosen = null;
let taken = null; // [a, b] from the eyedropper
let lightHere = 50;

const pointsNow = () => decisionOf(entryNow()).points || [];
const pointNow = () => (chosen === -1 ? draft : pointsNow()[chosen]);

function startPoint(x, y) {
  draft = { x: Number(x.toFixed(4)), y: Number(y.toFixed(4)) };
  chosen = -1;
  showPoints();
  byId("editor-title").focus({ preventScroll: true });
  byId("editor").scrollIntoView({ block: "nearest" });
}

function choosePoint(number) {
  draft = null;
  chosen = number;
  showPoints();
}

function leavePoint() {
  const had = chosen !== null;
  draft = chosen = null;
  showPoints();
  return had;
}

// Give the chosen point a color. While a slider or the wheel is held, one step of history is enough.
function colorPoint(ab, going = false) {
  const color = rounded(ab);
  if (chosen === -1) {
    const points = [...pointsNow(), { ...draft, ab: color, scope: DEFAULT_SCOPE }];
    draft = null;
    chosen = points.length - 1;
    decide(entryNow(), { points });
  } else if (chosen !== null) {
    changePoint({ ab: color }, going);
    return;
  }
  changed();
}

function changePoint(change, going = false) {
  const points = pointsNow().map((point, number) => (number === chosen ? { ...point, ...change } : point));
  decide(entryNow(), { points }, { keepHistory: !going });
  changed();
}

function removePoint() {
  if (chosen === -1 || chosen === null) return leavePoint();
  const points = pointsNow().filter((_, number) => number !== chosen);
  draft = chosen = null;
  decide(entryNow(), { points: points.length ? points : undefined });
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

function markerOf(point, number) {
  const marker = document.createElement("button");
  marker.type = "button";
  marker.className = "marker";
  marker.style.left = `${100 * point.x}%`;
  marker.style.top = `${100 * point.y}%`;
  marker.textContent = number + 1 || "+";
  const color = point.ab && colorName(lightnessAt(picture, point), ...point.ab);
  marker.setAttribute("aria-label", point.ab ? say("point", { number: number + 1, color }) : say("newPoint"));
  marker.setAttribute("aria-pressed", number === chosen);
  if (point.ab) marker.style.setProperty("--chip", cssOf(Math.max(35, lightnessAt(picture, point)), ...point.ab));
  marker.addEventListener("click", (event) => { event.stopPropagation(); choosePoint(number); });
  return marker;
}

function showPoints() {
  const points = pointsNow();
  if (typeof chosen === "number" && chosen >= points.length) chosen = null;
  byId("markers").replaceChildren(...points.map(markerOf), ...(draft ? [markerOf(draft, -1)] : []));
  byId("points").replaceChildren(...points.map((point, number) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    const chip = document.createElement("i");
    const lightness = Math.min(SWATCH_LIGHTNESS[1], Math.max(SWATCH_LIGHTNESS[0], lightnessAt(picture, point)));
    chip.style.background = cssOf(lightness, ...point.ab);
    button.append(chip, say("point", { number: number + 1, color: colorName(lightness, ...point.ab) }));
    button.setAttribute("aria-pressed", number === chosen);
    button.addEventListener("click", () => (chosen === number ? leavePoint() : choosePoint(number)));
    item.append(button);
    return item;
  }));
  byId("no-points").hidden = points.length > 0 || chosen !== null;
  byId("editor").hidden = chosen === null;
  if (chosen !== null) showEditor();
}

function showEditor() {
  const point = pointNow();
  lightHere = Math.min(SWATCH_LIGHTNESS[1], Math.max(SWATCH_LIGHTNESS[0], lightnessAt(picture, point)));
  const ab = point.ab || colorAt(picture, decisionOf(entryNow()), point).slice(1);
  byId("editor-title").textContent = point.ab
    ? say("point", { number: chosen + 1, color: colorName(lightHere, ...point.ab) }) : say("newPoint");
  const likely = likelyAt(picture, point);
  byId("likely-part").hidden = !likely.length;
  byId("likely").replaceChildren(...likely.map((each, number) => swatch(each, number + 1)));
  paintWheel(byId("wheel"), lightHere, ab);
  const chroma = Math.hypot(...ab);
  byId("chroma").value = Math.round(chroma);
  if (chroma > 1) byId("hue").value = Math.round(hueOf(...ab));
  for (const id of ["hue", "chroma"]) byId(id).setAttribute("aria-valuetext", `${byId(id).value}: ${colorName(lightHere, ...ab)}`);
  byId("paste").hidden = !taken;
  if (taken) byId("paste").replaceChildren(...swatchParts(taken));
  byId("remove").hidden = chosen === -1;
  byId("scopes").parentElement.hidden = chosen === -1;
  for (const option of byId("scopes").querySelectorAll("input")) option.checked = option.value === point.scope;
}

function swatchParts(ab) {
  const chip = document.createElement("i");
  chip.style.background = cssOf(lightHere, ...ab);
  return [chip, say("paste")];
}

function prepareTools() {
  const names = { thing: "scopeThing", place: "scopePlace", picture: "scopeAll" };
  byId("scopes").replaceChildren(...[...SCOPES].reverse().map((scope) => {
    const label = document.createElement("label");
    const option = document.createElement("input");
    [option.type, option.name, option.value] = ["radio", "scope", scope];
    option.addEventListener("change", () => changePoint({ scope }));
    label.append(option, say(names[scope]));
    return label;
  }));
  let holding = false;
  const wheel = byId("wheel");
  wheel.addEventListener("pointerdown", (event) => {
    wheel.setPointerCapture(event.pointerId);
    colorPoint(wheelColor(event));
    holding = true;
  });
  wheel.addEventListener("pointermove", (event) => { if (holding) colorPoint(wheelColor(event), true); });
  wheel.addEventListener("lostpointercapture", () => { holding = false; });
  let sliding = false;
  for (const id of ["hue", "chroma"]) {
    byId(id).addEventListener("input", () => {
      const strength = Number(byId("chroma").value) || (id === "hue" ? 30 : 0);
      colorPoint(fromHue(Number(byId("hue").value), strength), sliding);
      sliding = true;
    });
    byId(id).addEventListener("change", () => { sliding = false; });
  }
  byId("paste").addEventListener("click", () => colorPoint(taken));
  byId("remove").addEventListener("click", removePoint);
  byId("dropper").addEventListener("click", () => setDropper(!isDropping()));
}
