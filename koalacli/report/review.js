// The page: which picture is shown, how, and what is decided about it.

let current = 0;
let picture = null;
let frame = 0;
let painted = null; // the decision under which the picture was painted last

const entryNow = () => ENTRIES[current];

// Hints are for files of one picture.
function takesColors() {
  if (!entryNow().single) report(say("verdictsOnly"));
  return entryNow().single;
}

async function show(number) {
  current = number;
  picture = null;
  draft = chosen = null;
  endOutline();
  setAim(null);
  fit();
  showState();
  try {
    localStorage.setItem(`${KEY} at`, entryNow().id);
  } catch { /* told when something is to be kept */ }
  const entry = entryNow();
  byId("stage").setAttribute("aria-busy", "true");
  byId("trouble").hidden = true;
  let ready;
  try {
    ready = await pictureOf(entry);
  } catch {
    byId("trouble").textContent = say("broken");
    byId("trouble").hidden = false;
    return;
  }
  if (entry !== entryNow()) return;
  picture = ready;
  document.body.style.setProperty("--shape", picture.width / picture.height);
  layOut();
  paintGray(picture, byId("gray"));
  paint();
  showProposals();
  showPoints();
  byId("stage").setAttribute("aria-busy", "false");
  ahead();
}

// Decode the neighbors while a person looks at this one.
function ahead() {
  const order = matching();
  const place = order.findIndex((number) => number >= current);
  for (const number of [order[place + 1], order[place - 1]]) {
    if (number !== undefined && number !== current) setTimeout(() => pictureOf(ENTRIES[number]).catch(() => {}), 60);
  }
}

function paint() {
  cancelAnimationFrame(frame);
  frame = 0;
  painted = decisionOf(entryNow());
  return picture ? paintSoon(picture, decisionOf(entryNow()), byId("color")) : null;
}

// After any change of a decision: words now, pixels with the next frame.
function changed() {
  showState();
  if (!picture) return;
  showPoints();
  if (!frame && !looksAlike(decisionOf(entryNow()), painted)) frame = requestAnimationFrame(paint);
}

function showState() {
  const entry = entryNow();
  const decision = decisionOf(entry);
  const state = decision.verdict ? say(STATES[decision.verdict]) : say("open0");
  byId("name").textContent = byId("name").title = entry.name;
  byId("state").textContent = decision.reviewer && decision.verdict ? `${state} (${decision.reviewer})` : state;
  byId("state").dataset.verdict = decision.verdict || "";
  byId("place").textContent = say("place", { number: current + 1, all: ENTRIES.length });
  byId("stage").setAttribute("aria-label", say("stage", { name: entry.name, number: current + 1, all: ENTRIES.length, verdict: state }));
  for (const button of document.querySelectorAll("[data-verdict]")) {
    if (button.matches("button")) button.setAttribute("aria-pressed", button.dataset.verdict === decision.verdict);
  }
  const percent = Math.round(100 * (decision.saturation ?? 1));
  byId("saturation").value = percent;
  byId("saturation-value").textContent = say("saturationValue", { percent });
  byId("sheet").classList.toggle("rejected", decision.verdict === "reject");
  byId("undo").disabled = !done.length;
  byId("redo").disabled = !undone.length;
  byId("reset").disabled = !decisions.has(entry.name);
  byId("tools").hidden = !entry.single;
  byId("verdicts-only").hidden = entry.single;
  byId("vividness-section").hidden = !hasVividness();
  byId("vividness").value = positionOf(decision.vividness);
  byId("vividness-value").textContent = vividnessText(positionOf(decision.vividness));
  byId("vividness").setAttribute("aria-valuetext", vividnessText(positionOf(decision.vividness)));
  for (const option of byId("proposals").children) option.setAttribute("aria-checked", Number(option.dataset.number) === (decision.proposal ?? 1));
  showFrame(current);
  showProgress();
  strip.forEach(({ button }, number) => button.setAttribute("aria-current", number === current));
  strip[current].button.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function vividnessText(position) {
  if (!position) return say("usual");
  return say(position > 0 ? "moreVivid" : "calmer", { percent: Math.abs(position) });
}

function showProgress() {
  const all = [...decisions.values()];
  const decided = all.filter((decision) => decision.verdict).length;
  const flagged = all.filter((decision) => decision.verdict === "flag").length;
  byId("progress").textContent = say("progress", { decided, all: ENTRIES.length }) + (flagged ? ` · ${say("flagged", { count: flagged })}` : "");
  byId("track").style.width = `${(100 * decided) / ENTRIES.length}%`;
  document.title = `${decided}/${ENTRIES.length} · koala review`;
}

function step(by) {
  const order = matching().filter((number) => (by > 0 ? number > current : number < current));
  if (order.length) show(by > 0 ? order[0] : order[order.length - 1]);
  else if (!matching().length) report(say("filterNone"));
}

function stepToOpen() {
  const open = ENTRIES.map((_, number) => number).filter((number) => !decisionOf(ENTRIES[number]).verdict);
  if (open.length) show(open.find((number) => number > current) ?? open[0]);
}

function setVerdict(verdict, firm = false) {
  if (!VERDICTS.includes(verdict)) return;
  const same = decisionOf(entryNow()).verdict === verdict;
  if (same && firm) return;
  decide(entryNow(), { verdict: same ? undefined : verdict });
  changed();
}

let turning = false;
function setSaturation(percent) {
  if (!takesColors()) return;
  const saturation = Math.min(200, Math.max(0, percent)) / 100;
  decide(entryNow(), { saturation: saturation === 1 ? undefined : saturation }, { keepHistory: !turning });
  changed();
}
const turn = (id, set, by) => set(Number(byId(id).value) + by);

// Right of the middle of the slider is more vivid than the network's own reading, left of it calmer.
const VIVID_STEPS = 100;
function vividnessAt(position) {
  const { known, own } = FACTS.vividness;
  const end = position > 0 ? Math.min(own, known[known.length - 1]) : Math.max(own, known[0]);
  return Number((own * (end / own) ** (Math.abs(position) / VIVID_STEPS)).toFixed(3));
}
function positionOf(vividness) {
  const { known, own } = FACTS.vividness;
  if (vividness === undefined || vividness === own) return 0;
  const end = vividness < own ? known[known.length - 1] : known[0];
  return Math.round((Math.sign(own - vividness) * VIVID_STEPS * Math.log(vividness / own)) / Math.log(end / own));
}
const hasVividness = () => FACTS.vividness.known.length > 1;

function setVividness(position) {
  if (!hasVividness() || !takesColors()) return;
  const held = Math.min(VIVID_STEPS, Math.max(-VIVID_STEPS, position));
  decide(entryNow(), { vividness: held ? vividnessAt(held) : undefined, proposal: undefined }, { keepHistory: !turning });
  changed();
}

function takeProposal(number) {
  if (number > picture.proposals.length + 1 || !takesColors()) return;
  decide(entryNow(), { proposal: number > 1 ? number : undefined, vividness: undefined });
  changed();
}

function proposalName(place) {
  if (!place) return say("usual");
  const [a, b] = picture.toward[place - 1];
  return a || b ? say("toward", { hue: hueName(hueOf(a, b)) }) : say("another");
}

function showProposals() {
  byId("proposals-section").hidden = !picture.proposals.length;
  const small = shrinkCodes(picture, ...picture.guideSize.map((side) => Math.ceil(side / 2))); // they are shown so small
  byId("proposals").replaceChildren(...[null, ...picture.proposals].map((_, place) => {
    const option = document.createElement("button");
    option.type = "button";
    option.dataset.number = place + 1;
    option.setAttribute("role", "radio");
    option.setAttribute("aria-checked", proposalOf(picture, decisionOf(entryNow())) === place);
    const canvas = document.createElement("canvas");
    paintColor(picture, { proposal: place + 1 }, canvas, small);
    const label = document.createElement("span");
    label.textContent = proposalName(place);
    option.append(canvas, label);
    option.addEventListener("click", () => takeProposal(place + 1));
    return option;
  }));
}

function goBack(way) {
  const entry = way();
  if (!entry) return;
  draft = chosen = null;
  const number = ENTRIES.indexOf(entry);
  report(say("undid", { name: entry.name }));
  showFrame(number);
  if (number === current) changed();
  else show(number);
}

function prepareButtons() {
  const press = (id, action) => byId(id).addEventListener("click", (event) => {
    action();
    if (event.detail) byId("stage").focus({ preventScroll: true }); // the mouse pressed it: keys go on with the picture
  });
  for (const button of document.querySelectorAll("button[data-verdict]:not(.film button)")) {
    button.addEventListener("click", (event) => {
      setVerdict(button.dataset.verdict);
      if (event.detail) byId("stage").focus({ preventScroll: true });
    });
  }
  for (const [id, action] of Object.entries({
    previous: () => step(-1), next: () => step(1), "zoom-in": () => zoomBy(1.5), "zoom-out": () => zoomBy(1 / 1.5), fit,
    "show-gray": () => setGray(byId("show-gray").getAttribute("aria-pressed") !== "true"), undo: () => goBack(undo), redo: () => goBack(redo),
    reset: resetPicture, save, add: startAim,
  })) press(id, action);
  byId("wipe").addEventListener("input", () => setWipe(wipeNow()));
  for (const [id, set] of [["saturation", setSaturation], ["vividness", setVividness]]) {
    byId(id).addEventListener("input", () => { set(Number(byId(id).value)); turning = true; });
    byId(id).addEventListener("change", () => { turning = false; });
  }
  byId("filter").addEventListener("change", () => {
    showStrip();
    const order = matching();
    if (order.length && !order.includes(current)) show(order[0]);
  });
}

function resetPicture() {
  draft = chosen = null;
  done.push({ entry: entryNow(), before: decisions.get(entryNow().name), after: undefined });
  undone.length = 0;
  decisions.delete(entryNow().name);
  keep();
  changed();
}

function prepareMenu() {
  for (const [button, dialog] of [["help", "keys"], ["more", "menu"]]) byId(button).addEventListener("click", () => byId(dialog).showModal());
  for (const button of document.querySelectorAll("dialog .close")) button.addEventListener("click", () => button.closest("dialog").close());
  byId("reviewer").value = reviewer;
  byId("reviewer").addEventListener("input", () => { reviewer = byId("reviewer").value.trim(); keep(); });
  byId("save-to").hidden = SERVED || !window.showSaveFilePicker;
  byId("save-to").addEventListener("click", chooseFile);
  byId("open").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", async () => {
    const [file] = byId("file").files;
    byId("file").value = "";
    if (file) tell(await opened(file));
  });
  window.addEventListener("beforeunload", (event) => { if (unsaved && !keptHere) event.preventDefault(); });
}

async function opened(file) {
  if (file.size > LARGEST_FILE) return [say("fileTooLarge")];
  try {
    const lines = takeFile(await file.text());
    ENTRIES.forEach((_, number) => showFrame(number));
    changed();
    return lines;
  } catch (error) {
    return [error.message];
  }
}

function tell(lines) {
  byId("told").replaceChildren(...lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  }));
}

async function start() {
  await restore();
  prepareStrip();
  prepareTools();
  prepareKeys();
  prepareStage();
  prepareButtons();
  prepareMenu();
  setWipe(0);
  let at = null;
  try {
    at = localStorage.getItem(`${KEY} at`);
  } catch { /* told when something is to be kept */ }
  await show(Math.max(0, ENTRIES.findIndex((entry) => entry.id === at)));
}
// What the first click needs is made ready while nobody waits for it.
function warmUp() {
  if (!picture) return;
  colorAt(picture, { points: [{ x: 0.5, y: 0.5, ab: [0, 0], scope: DEFAULT_SCOPE }] }, { x: 0.5, y: 0.5 });
  for (let lightness = SWATCH_LIGHTNESS[0]; lightness <= SWATCH_LIGHTNESS[1]; lightness += WHEEL_STEP) {
    setTimeout(() => paintWheel(byId("wheel"), lightness, [0, 0]), 10 * lightness);
  }
}

start().then(() => setTimeout(warmUp, 300));
