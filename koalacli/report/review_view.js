// A picture of the batch: its sheet decoded, its colors under the decisions of a person, and its pixels.

const SHEETS_KEPT = 5; // decoded at once: the one shown, its neighbors, and those just seen
const ENLARGED_KEPT = 64; // proposals and points of a picture whose planes are kept at the guide's size
const waiting = new Map(); // id -> what to do with its sheet
const decoded = new Map(); // id -> promise of a Picture, oldest first

window.koalaReview = { take: (held) => waiting.get(held.entry.id)?.(held) };

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

async function codesOfImage(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
  bitmap.close();
  const codes = new Uint8Array(rgba.length / 4);
  for (let place = 0; place < codes.length; place += 1) codes[place] = rgba[4 * place];
  return { width: canvas.width, height: canvas.height, codes };
}

function fetchSheet(id) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const end = () => { waiting.delete(id); script.remove(); };
    waiting.set(id, (held) => { end(); resolve(held); });
    script.addEventListener("error", () => { end(); reject(new Error(id)); });
    script.src = `pictures/${id}.js`;
    document.head.append(script);
  });
}

function pictureOf(entry) {
  const known = decoded.get(entry.id);
  if (known) {
    decoded.delete(entry.id);
    decoded.set(entry.id, known);
    return known;
  }
  const promise = fetchSheet(entry.id).then((held) => decode(entry, held));
  promise.catch(() => decoded.delete(entry.id));
  decoded.set(entry.id, promise);
  for (const id of [...decoded.keys()].slice(0, Math.max(0, decoded.size - SHEETS_KEPT))) decoded.delete(id);
  return promise;
}

async function decode(entry, held) {
  const [gray, planes] = await Promise.all([held.gray, held.planes].map((packed) => codesOfImage(new Blob([bytesOf(packed)]))));
  const [rows, columns] = held.grid;
  const values = held.scales.map(([low, step], plane) =>
    Float32Array.from(planes.codes.subarray(plane * rows * columns, (plane + 1) * rows * columns), (code) => low + step * code));
  const picture = {
    entry, rows, columns, width: gray.width, height: gray.height, codes: gray.codes, guideSize: held.guide,
    proposals: Array.from({ length: held.proposals }, (_, number) => values.slice(2 * number, 2 * number + 2)),
    features: values.slice(2 * held.proposals),
    likely: held.likely && { rows: held.cells[0], columns: held.cells[1], numbers: new Uint16Array(bytesOf(held.likely).buffer) },
    enlarged: new Map(), // of proposals and points: what is linear is made once
  };
  const lightness = new Float32Array(gray.codes.length);
  for (let place = 0; place < lightness.length; place += 1) lightness[place] = LIGHTNESS[gray.codes[place]];
  const guide = resizeArea(lightness, gray.height, gray.width, ...held.guide);
  picture.prepared = prepareGuide(guide, ...held.guide);
  picture.lengths = picture.features[0].map((_, cell) => Math.hypot(...picture.features.map((plane) => plane[cell])));
  picture.cells = resizeArea(guide, ...held.guide, rows, columns);
  return picture;
}

// Full-size gray instead of the copy, where the page is served: everything else stays as it is.
async function withFullSize(picture) {
  const answer = await fetch(`full/${picture.entry.id}.png`);
  if (!answer.ok) throw new Error(answer.statusText);
  return { ...picture, ...(await codesOfImage(await answer.blob())) };
}

function enlargedOf(picture, key, make) {
  if (!picture.enlarged.has(key)) {
    if (picture.enlarged.size >= ENLARGED_KEPT) picture.enlarged.delete(picture.enlarged.keys().next().value);
    picture.enlarged.set(key, make().map((plane) => guidedCoefficients(plane, picture.rows, picture.columns, picture.prepared)));
  }
  return picture.enlarged.get(key);
}

const lightnessAt = (picture, point) => {
  const column = Math.min(picture.width - 1, Math.floor(point.x * picture.width));
  const row = Math.min(picture.height - 1, Math.floor(point.y * picture.height));
  return LIGHTNESS[picture.codes[row * picture.width + column]];
};

// What enlarged planes are worth at a point of the picture.
function readAt(picture, { slope, offset }, point, lightness) {
  const { height, width } = picture.prepared;
  const across = Math.min(width - 1, Math.max(0, point.x * width - 0.5));
  const down = Math.min(height - 1, Math.max(0, point.y * height - 0.5));
  const [left, top] = [Math.floor(across), Math.floor(down)];
  const [right, bottom] = [Math.min(width - 1, left + 1), Math.min(height - 1, top + 1)];
  const [s, t] = [across - left, down - top];
  const mix = (plane) => (1 - t) * ((1 - s) * plane[top * width + left] + s * plane[top * width + right])
    + t * ((1 - s) * plane[bottom * width + left] + s * plane[bottom * width + right]);
  return mix(slope) * lightness + mix(offset);
}

// Which coloring a decision takes: the first is the run's own.
const coloringOf = (decision) => Math.max(0, FACTS.colorings.findIndex(([, vividness]) => vividness === (decision.vividness ?? null)));
const proposalOf = (picture, decision) => Math.min(coloringOf(decision), picture.proposals.length - 1);

// Coefficients of a picture's color under a decision.
function coefficientsOf(picture, decision) {
  const [proposal, saturation] = [proposalOf(picture, decision), decision.saturation ?? 1];
  const base = enlargedOf(picture, `proposal ${proposal}`, () => picture.proposals[proposal]);
  const scaled = (plane) => (saturation === 1 ? plane : plane.map((value) => saturation * value));
  let color = base.map(({ slope, offset }) => ({ slope: scaled(slope), offset: scaled(offset) }));
  const pins = [];
  for (const [name, scope] of Object.entries(SCOPE_TABLE)) {
    const fresh = (decision.points || []).filter((point) => point.scope === name);
    if (!fresh.length) continue;
    pins.push(...fresh);
    const ab = scope.chroma ? picture.proposals[proposal].map(scaled) : null;
    const key = scope.chroma ? `${name} ${proposal} ${saturation}` : name;
    const reaches = pins.map((point) => enlargedOf(picture, `${key} ${point.x} ${point.y} ${point.radius}`, () => [reachOf(picture, point, scope, ab)])[0]);
    color = correct(picture, color, [...pins], scope, reaches);
  }
  return color;
}

const isGray = (decision) => decision.verdict === "gray";

function colorAt(picture, decision, point) {
  const lightness = lightnessAt(picture, point);
  if (isGray(decision)) return [lightness, 0, 0];
  return [lightness, ...coefficientsOf(picture, decision).map((each) => readAt(picture, each, point, lightness))];
}

// The likeliest colors at a place, as [a, b].
function likelyAt(picture, point) {
  const { likely } = picture;
  if (!likely) return [];
  const row = Math.min(likely.rows - 1, Math.floor(point.y * likely.rows));
  const column = Math.min(likely.columns - 1, Math.floor(point.x * likely.columns));
  const each = likely.numbers.length / (likely.rows * likely.columns);
  const first = (row * likely.columns + column) * each;
  return [...likely.numbers.subarray(first, first + each)].map((number) => FACTS.bins[number]);
}

function paintGray(picture, canvas) {
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const image = new ImageData(picture.width, picture.height);
  const words = new Uint32Array(image.data.buffer);
  for (let place = 0; place < words.length; place += 1) words[place] = 0xff000000 | (picture.codes[place] * 0x010101);
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
}

let rgba = null; // the pixels that were painted last: made anew only where the size changes
function paintColor(picture, decision, canvas) {
  if (isGray(decision)) {
    paintGray(picture, canvas);
    return;
  }
  if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
  if (rgba?.width !== picture.width || rgba.height !== picture.height) rgba = new ImageData(picture.width, picture.height);
  joinColor(picture.codes, picture.height, picture.width, coefficientsOf(picture, decision), picture.prepared, rgba.data);
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(rgba, 0, 0);
}
