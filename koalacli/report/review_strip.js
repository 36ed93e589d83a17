// The strip of all pictures, what is said of each there, and the filter that shows a part of them.

const FILTERS = {
  filterAll: () => true,
  filterOpen: (decision) => !decision.verdict,
  filterFlag: (decision) => decision.verdict === "flag",
  filterKeep: (decision) => decision.verdict === "keep",
  filterGray: (decision) => decision.verdict === "gray",
  filterReject: (decision) => decision.verdict === "reject",
  filterPoints: (decision) => Boolean(decision.points?.length || decision.areas?.length),
};
const SIGNS = { keep: "✓", gray: "◐", reject: "✕", flag: "⚑" };
const STATES = { keep: "isKeep", gray: "isGray", reject: "isReject", flag: "isFlag" };

const strip = []; // {button, sign} of each picture
const matching = () => ENTRIES.map((_, number) => number).filter((number) => FILTERS[byId("filter").value](decisionOf(ENTRIES[number])));

function showFrame(number) {
  const { verdict, points = [], areas = [] } = decisionOf(ENTRIES[number]);
  const known = points.length + areas.length;
  const { button, sign } = strip[number];
  button.dataset.verdict = verdict || "";
  sign.textContent = (SIGNS[verdict] || "") + (known ? ` •${known}` : "");
  button.setAttribute("aria-label", `${number + 1}: ${ENTRIES[number].name}. ${verdict ? say(STATES[verdict]) : say("open0")}`);
}

function showStrip() {
  const order = new Set(matching());
  strip.forEach(({ button }, number) => { button.hidden = !order.has(number); });
  if (!order.size) report(say("filterNone"));
}

function makeStrip() {
  ENTRIES.forEach((entry, number) => {
    const button = document.createElement("button");
    button.type = "button";
    const image = document.createElement("img");
    [image.alt, image.decoding, image.src] = ["", "async", entry.thumb];
    const sign = document.createElement("b");
    sign.setAttribute("aria-hidden", "true");
    button.append(image, sign);
    button.addEventListener("click", () => { show(number); });
    strip.push({ button, sign });
    showFrame(number);
  });
  byId("strip").replaceChildren(...strip.map(({ button }) => button));
}

function prepareStrip() {
  byId("filter").replaceChildren(...Object.keys(FILTERS).map((key) => new Option(say(key), key)));
  for (const verdict of Object.keys(SIGNS).filter((each) => !VERDICTS.includes(each))) {
    document.querySelector(`button[data-verdict="${verdict}"]`).remove();
    byId("filter").querySelector(`[value=filter${verdict[0].toUpperCase()}${verdict.slice(1)}]`).remove();
  }
  makeStrip();
}
