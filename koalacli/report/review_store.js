// Decisions: what is decided about each picture, kept in the browser at once, saved and opened as a file.

const LARGEST_FILE = 20e6; // bytes of a decisions file that is opened
const MOST_POINTS = 500; // per picture
const MOST_AREAS = 100;
const MOST_PROPOSALS = 8;
const LARGEST_AB = 130; // CIELAB units
const VERDICTS = FACTS.film ? ["keep", "gray", "flag"] : ["keep", "gray", "reject", "flag"]; // a scene stays in its film
const KEY = `koala-review ${FACTS.batch}`;
const KNOWN = ["sha256", "verdict", "saturation", "vividness", "proposal", "points", "polygons", "reviewer", "date"];
const SERVED = location.protocol.startsWith("http");

const decisions = new Map(); // name -> {proposal, vividness, saturation, verdict, points, areas, reviewer, date}
const byName = new Map(ENTRIES.map((entry) => [entry.name, entry]));
const undone = [];
const done = [];
let reviewer = "";
let unsaved = false;
let keptHere = true; // whether the browser keeps decisions at all
let folderFile = null; // where the browser may write, once it was asked

const decisionOf = (entry) => decisions.get(entry.name) || {};
const isPlain = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const within = (value, low, high) => typeof value === "number" && value >= low && value <= high;

function decide(entry, change, { keepHistory = true } = {}) {
  const before = decisions.get(entry.name);
  const after = { ...before, ...change, date: new Date().toISOString() };
  if (reviewer) after.reviewer = reviewer;
  for (const key of Object.keys(after)) if (after[key] === undefined) delete after[key];
  if (keepHistory) {
    done.push({ entry, before, after });
    undone.length = 0;
  } else if (done.length) {
    done[done.length - 1].after = after;
  }
  decisions.set(entry.name, after);
  keep();
}

function revert(from, to, side) {
  const step = from.pop();
  if (!step) return null;
  to.push(step);
  if (step[side]) decisions.set(step.entry.name, step[side]);
  else decisions.delete(step.entry.name);
  keep();
  return step.entry;
}
const undo = () => revert(done, undone, "before");
const redo = () => revert(undone, done, "after");

// Decisions as they are written: the hints format, and what was decided beside. Of a film, scene by scene.
function asFile() {
  const pictures = [...decisions].map(([name, decision]) => {
    const { points = [], areas = [], ...rest } = decision;
    const { sha256, at } = byName.get(name);
    const written = FACTS.film ? { at, ...rest } : { sha256, ...rest };
    const colorOfItem = (ab) => ab.map((part) => part.toFixed(1)).join(",");
    if (points.length) written.points = points.map(({ ab, ...point }) => ({ ...point, color: colorOfItem(ab) }));
    if (areas.length) written.polygons = areas.map(({ ab, corners, strength }) => ({ points: corners, color: colorOfItem(ab), strength }));
    return [name, written];
  });
  const head = { "koala-hints": 1, "koala-decisions": 1, batch: FACTS.batch, weights: FACTS.weights, settings: FACTS.settings, date: new Date().toISOString() };
  if (reviewer) head.reviewer = reviewer;
  const { film } = FACTS;
  const held = film ? { [film.name]: { sha256: film.sha256, frames: pictures.map(([, frame]) => frame) } } : Object.fromEntries(pictures);
  return `${JSON.stringify({ ...head, pictures: held }, null, 1)}\n`;
}

function parseColor(point) {
  if (point.gray === true) return [0, 0];
  if (typeof point.color !== "string") return null;
  const pair = /^\s*(-?\d{1,3}(?:\.\d{1,6})?)\s*,\s*(-?\d{1,3}(?:\.\d{1,6})?)\s*$/.exec(point.color);
  if (pair) return [Number(pair[1]), Number(pair[2])];
  const name = point.color.trim().toLowerCase();
  const code = Object.hasOwn(FACTS.cssColors, name) ? FACTS.cssColors[name] : name;
  const digits = /^#[0-9a-f]{3}$/.test(code) ? code.replace(/[0-9a-f]/g, "$&$&") : code;
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/.exec(digits);
  if (!hex) return null;
  const codes = hex.slice(1).map((part) => parseInt(part, 16));
  return codes[0] === codes[1] && codes[1] === codes[2] ? [0, 0] : labOf(...codes).slice(1);
}

function parsePoint(point) {
  if (!isPlain(point) || !within(point.x, 0, 1) || !within(point.y, 0, 1)) return null;
  const ab = parseColor(point);
  if (!ab || !ab.every((part) => within(part, -LARGEST_AB, LARGEST_AB))) return null;
  if (point.scope !== undefined && !SCOPES.includes(point.scope)) return null;
  const parsed = { x: point.x, y: point.y, ab, scope: point.scope ?? DEFAULT_SCOPE };
  if (within(point.radius, 0, 1)) parsed.radius = point.radius;
  return parsed;
}

const isCorner = (corner) => Array.isArray(corner) && corner.length === 2 && corner.every((share) => within(share, 0, 1));
function parsePolygon(polygon) {
  if (!isPlain(polygon) || !Array.isArray(polygon.points) || !within(polygon.points.length, 3, MOST_CORNERS)) return null;
  const ab = parseColor({ color: polygon.color });
  if (!ab || !ab.every((part) => within(part, -LARGEST_AB, LARGEST_AB)) || !polygon.points.every(isCorner)) return null;
  if (polygon.strength !== undefined && !within(polygon.strength, 0, 1)) return null;
  return { corners: polygon.points, ab, strength: polygon.strength ?? 1 };
}

// One picture's decision of a file that anyone may have written: null where any part of it is not understood.
function parseDecision(given) {
  if (!isPlain(given) || !Object.keys(given).every((key) => KNOWN.includes(key))) return null;
  const decision = {};
  if (given.proposal !== undefined && !(Number.isInteger(given.proposal) && within(given.proposal, 1, MOST_PROPOSALS))) return null;
  if (given.proposal > 1 && given.vividness !== undefined) return null;
  if (given.date !== undefined && Number.isNaN(Date.parse(given.date))) return null;
  if (given.verdict !== undefined && !VERDICTS.includes(given.verdict)) return null;
  if (given.saturation !== undefined && !within(given.saturation, 0, 10)) return null;
  const { known } = FACTS.vividness;
  if (given.vividness !== undefined && !within(given.vividness, known[known.length - 1], known[0])) return null;
  for (const key of ["verdict", "saturation", "vividness", "proposal"]) if (given[key] !== undefined) decision[key] = given[key];
  for (const key of ["reviewer", "date"]) {
    if (given[key] === undefined) continue;
    if (typeof given[key] !== "string" || given[key].length > 200) return null;
    decision[key] = given[key];
  }
  if (given.points !== undefined) {
    if (!Array.isArray(given.points) || given.points.length > MOST_POINTS) return null;
    decision.points = given.points.map(parsePoint);
    if (decision.points.includes(null)) return null;
  }
  if (given.polygons !== undefined) {
    if (!Array.isArray(given.polygons) || given.polygons.length > MOST_AREAS) return null;
    decision.areas = given.polygons.map(parsePolygon);
    if (decision.areas.includes(null)) return null;
  }
  return decision;
}

// What a file says, as [name, decision] of each picture, or of each scene of the film.
function itemsOfFile(pictures) {
  if (!FACTS.film) return Object.entries(pictures);
  return Object.entries(pictures).flatMap(([name, given]) => {
    if (name !== FACTS.film.name || !isPlain(given) || !Array.isArray(given.frames)) return [[name, given]];
    const { sha256, frames } = given;
    return frames.map((frame) => {
      const { at, ...rest } = isPlain(frame) ? frame : {};
      const entry = ENTRIES.find((each) => each.at === at);
      const changed = sha256 !== undefined && sha256 !== FACTS.film.sha256;
      return [entry?.name ?? `${name} at ${at}`, changed ? { ...rest, sha256 } : rest];
    });
  });
}

const dateOf = (decision) => Date.parse(decision.date) || 0;

// Take over a file; the later decision about a picture counts. Returns what to tell, as lines of text.
function takeFile(text) {
  if (text.length > LARGEST_FILE) throw new Error(say("fileTooLarge"));
  let held;
  try {
    held = JSON.parse(text);
  } catch {
    throw new Error(say("fileNoJson"));
  }
  if (!isPlain(held) || held["koala-hints"] !== 1 || !isPlain(held.pictures)) throw new Error(say("fileOther"));
  const refused = [];
  let [taken, older] = [0, 0];
  for (const [name, given] of itemsOfFile(held.pictures)) {
    const entry = byName.get(name);
    const decision = entry && parseDecision(given);
    if (!entry) refused.push(say("fileUnknown", { name }));
    else if (!decision) refused.push(say("fileWrong", { name }));
    else if (given.sha256 !== undefined && given.sha256 !== entry.sha256) refused.push(say("fileChanged", { name }));
    else if (decisions.has(name) && dateOf(decisions.get(name)) >= dateOf(decision)) older += 1;
    else {
      decisions.set(name, decision);
      taken += 1;
    }
  }
  done.length = undone.length = 0;
  keep();
  const lines = [say("fileTaken", { count: taken })];
  if (older) lines.push(say("fileOlder", { count: older }));
  return [...lines, ...refused.slice(0, 20), ...(refused.length > 20 ? [say("fileMore", { count: refused.length - 20 })] : [])];
}

let sending = 0;
function keep() {
  unsaved = true;
  try {
    localStorage.setItem(KEY, asFile());
    keptHere = true;
  } catch {
    keptHere = false;
    report(say("notKept"));
  }
  clearTimeout(sending);
  if (SERVED || folderFile) sending = setTimeout(writeBack, 250);
}

// Straight to the folder: by koala where it serves the page, by the browser where it was allowed to.
async function writeBack() {
  try {
    if (SERVED) {
      const answer = await fetch("decisions.json", { method: "PUT", body: asFile(), headers: { "Content-Type": "application/json" } });
      if (!answer.ok) throw new Error(answer.statusText);
    } else {
      const stream = await folderFile.createWritable();
      await stream.write(asFile());
      await stream.close();
    }
    unsaved = false;
    report(say("written"));
  } catch {
    report(say("notWritten"));
  }
}

async function chooseFile() {
  try {
    folderFile = await window.showSaveFilePicker({ suggestedName: "decisions.json", types: [{ accept: { "application/json": [".json"] } }] });
  } catch {
    return; // the person changed their mind
  }
  await writeBack();
}

const save = () => (SERVED || folderFile ? writeBack() : download());

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asFile()], { type: "application/json" }));
  link.download = "decisions.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  unsaved = false;
  report(say("downloaded"));
}

async function restore() {
  const texts = [];
  try {
    texts.push(localStorage.getItem(KEY));
  } catch { /* told when something is to be kept */ }
  if (SERVED) {
    const answer = await fetch("decisions.json");
    if (answer.ok) texts.push(await answer.text());
  }
  for (const text of texts.filter(Boolean)) {
    try {
      const refused = takeFile(text).slice(1);
      if (refused.length) report(refused.join(" "));
      const held = JSON.parse(text).reviewer;
      if (typeof held === "string") reviewer = held.slice(0, 200);
    } catch (error) {
      report(error.message);
    }
  }
  unsaved = false;
}
