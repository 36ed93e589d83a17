// A picture of the batch: its sheet decoded, its colors under the decisions of a person, and its pixels.

const SHEETS_KEPT = 5; // decoded at once: the one shown, its neighbors, and those just seen
const RESULTS_KEPT = 256; // of a picture: probes and reaches of its points, coverage of its areas
const PREVIEW_FROM = 250_000; // pixels from which a change is first shown at half the size
const BAND = 120_000; // pixels that are painted in one go, so that the page stays at hand
const SHAPES = ["proposal", "vividness", "saturation", "points", "areas"]; // what of a decision shapes color
const waiting = new Map(); // id -> what to do with its sheet
const decoded = new Map(); // id -> promise of a Picture, oldest first

window.koalaReview = { take: (held, ...parts) => waiting.get(held.entry.id)?.([held, parts.map(bytesOf)]) };

// Sheets are read as x-user-defined: one sign per byte, in its lower eight bits.
function bytesOf(text) {
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < bytes.length; place += 1) bytes[place] = text.charCodeAt(place);
  return bytes;
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
    script.charset = "x-user-defined";
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

async function decode(entry, [held, [gray, packed, likely]]) {
  const [shown, planes] = await Promise.all([gray, packed].map((part) => codesOfImage(new Blob([part]))));
  const [rows, columns] = held.grid;
  const values = held.scales.map(([low, step], plane) => {
    const found = new Float32Array(rows * columns);
    for (let cell = 0; cell < found.length; cell += 1) found[cell] = low + step * planes.codes[plane * found.length + cell];
    return found;
  });
  const pairs = (first, count) => Array.from({ length: count }, (_, number) => values.slice(first + 2 * number, first + 2 * number + 2));
  const colors = held.readings + held.proposals.length;
  const [own, ...others] = pairs(0, colors); // the others as what they differ by
  const added = others.map((ab) => ab.map((plane, kind) => plane.map((value, cell) => value + own[kind][cell])));
  const readings = added.slice(0, held.readings - 1);
  readings.splice(held.own, 0, own);
  const picture = {
    entry, rows, columns, ...shown, guideSize: held.guide,
    readings, proposals: added.slice(held.readings - 1), toward: held.proposals,
    features: values.slice(2 * colors),
    likely: likely && { rows: held.cells[0], columns: held.cells[1], numbers: new Uint16Array(likely.buffer) },
    kept: new Map(),
  };
  const lightness = new Float32Array(shown.codes.length);
  for (let place = 0; place < lightness.length; place += 1) lightness[place] = LIGHTNESS[shown.codes[place]];
  const guide = resizeArea(lightness, shown.height, shown.width, ...held.guide);
  picture.prepared = prepareGuide(guide, ...held.guide);
  picture.lengths = picture.features[0].map((_, cell) => Math.hypot(...picture.features.map((plane) => plane[cell])));
  picture.cells = resizeArea(guide, ...held.guide, rows, columns);
  return picture;
}

// Full-size gray instead of the copy, where the page is served: everything else stays as it is.
async function withFullSize(picture) {
  const answer = await fetch(`full/${picture.entry.id}.png`);
  if (!answer.ok) throw new Error(answer.statusText);
  return { ...picture, ...(await codesOfImage(await answer.blob())), kept: new Map(), half: undefined, luma: undefined };
}

function keptOf(picture, key, make) {
  const { kept: results } = picture;
  if (!results.has(key)) {
    if (results.size >= RESULTS_KEPT) results.delete(results.keys().next().value);
    results.set(key, make());
  }
  return results.get(key);
}

const lightnessAt = (picture, point) => {
  const column = Math.min(picture.width - 1, Math.floor(point.x * picture.width));
  const row = Math.min(picture.height - 1, Math.floor(point.y * picture.height));
  return LIGHTNESS[picture.codes[row * picture.width + column]];
};

// What the network says, read as a decision asks: a proposal, or its color at a vividness, between two that are known.
function guessOf(picture, decision) {
  const number = proposalOf(picture, decision);
  if (number) return picture.proposals[number - 1];
  const { known, own } = FACTS.vividness;
  const value = decision.vividness ?? own;
  const vivid = Math.max(1, known.findIndex((each) => each <= value)); // from calm to vivid
  if (known.length < 2) return picture.readings[0];
  const last = value < known[known.length - 1] ? known.length - 1 : vivid;
  const [from, to] = [Math.log(known[last - 1]), Math.log(known[last])];
  const share = Math.min(1, Math.max(0, (Math.log(value) - from) / (to - from)));
  const [calmer, stronger] = [picture.readings[last - 1], picture.readings[last]];
  return calmer.map((plane, kind) => plane.map((each, cell) => each + (stronger[kind][cell] - each) * share));
}
const proposalOf = (picture, decision) => Math.min((decision.proposal ?? 1) - 1, picture.proposals.length);

const looksAlike = (one, other) => isGray(one) === isGray(other) && SHAPES.every((key) => one[key] === other[key]);
const isGray = (decision) => decision.verdict === "gray";

function colorAt(picture, decision, point) {
  const lightness = lightnessAt(picture, point);
  if (isGray(decision)) return [lightness, 0, 0];
  const probe = probeOf(picture, point);
  return [lightness, ...colorOf(picture, decision).map((plane) => readProbe(probe, plane))];
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

// A coarser copy of what is shown: every second pixel of every second row.
function halfOf(picture) {
  if (!picture.half) {
    const [width, height] = [picture.width, picture.height].map((side) => Math.ceil(side / 2));
    const codes = new Uint8Array(width * height);
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) codes[row * width + column] = picture.codes[2 * row * picture.width + 2 * column];
    }
    picture.half = { codes, width, height };
  }
  return picture.half;
}

let rgba = null; // the pixels that were painted last: made anew only where the size changes
function sizeTo(canvas, { width, height }) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  if (rgba?.width !== width || rgba.height !== height) rgba = new ImageData(width, height);
}

// Paint a picture, or a coarser copy of it, at once.
function paintColor(picture, decision, canvas, shown = picture) {
  if (isGray(decision)) {
    paintGray(shown, canvas);
    return;
  }
  const join = joinOf(shown, colorOf(picture, decision), picture);
  sizeTo(canvas, shown);
  join(0, shown.height, rgba.data);
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(rgba, 0, 0);
}

let round = 0;
// Paint a large picture soon: coarsely now, band by band after; whatever is asked for meanwhile comes first.
async function paintSoon(picture, decision, canvas) {
  round += 1;
  const mine = round;
  const coarse = picture.width * picture.height >= PREVIEW_FROM && !isGray(decision);
  paintColor(picture, decision, canvas, coarse ? halfOf(picture) : picture);
  if (!coarse) return;
  await pause(120);
  if (mine !== round) return;
  const join = joinOf(picture, colorOf(picture, decision), picture);
  const image = new ImageData(picture.width, picture.height);
  const step = Math.max(1, Math.round(BAND / picture.width));
  for (let row = 0; row < picture.height; row += step) {
    join(row, Math.min(picture.height, row + step), image.data);
    if (row + step < picture.height) await pause(0);
    if (mine !== round) return;
  }
  rgba = image;
  sizeTo(canvas, picture);
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
}
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
