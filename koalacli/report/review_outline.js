// Areas of a color: drawn corner by corner, by mouse or with the cross, and shown as outlines.

const CLOSE = 12; // pixels around the first corner within which a click closes the outline
const MOST_CORNERS = 1000;
let outline = null; // corners of the area that is being drawn, [x, y] each

const isDrawing = () => outline !== null;

function startOutline() {
  leavePoint();
  outline = [];
  setDropper(false);
  byId("outline").setAttribute("aria-pressed", true);
  report(say("drawing"));
}

function endOutline() {
  outline = null;
  byId("outline").setAttribute("aria-pressed", false);
  showOutlines();
}

function addCorner(x, y) {
  const box = byId("sheet").getBoundingClientRect();
  const first = outline[0];
  const closes = first && outline.length > 2 && Math.hypot((first[0] - x) * box.width, (first[1] - y) * box.height) < CLOSE;
  if (closes) return closeOutline();
  if (outline.length < MOST_CORNERS) outline.push([Number(x.toFixed(4)), Number(y.toFixed(4))]);
  report(say("corners", { count: outline.length }));
  return showOutlines();
}

function closeOutline() {
  const corners = outline;
  endOutline();
  if (corners.length > 2) startItem("areas", { corners });
  else report(say("tooFew"));
}

function takeBackCorner() {
  outline.pop();
  showOutlines();
}

// Start an area, or close the one that is being drawn.
function toggleOutline() {
  if (isDrawing()) {
    setAim(null);
    closeOutline();
  } else {
    startOutline();
  }
}

function shapeOf(corners, open) {
  const shape = document.createElementNS(byId("outlines").namespaceURI, open ? "polyline" : "polygon");
  shape.setAttribute("points", corners.map(([x, y]) => `${x},${y}`).join(" "));
  shape.setAttribute("vector-effect", "non-scaling-stroke");
  return shape;
}

function showOutlines() {
  const shapes = itemsOf("areas").map(({ corners }, number) => {
    const shape = shapeOf(corners, false);
    shape.classList.toggle("chosen", kind === "areas" && number === chosen);
    return shape;
  });
  if (draft && isArea(draft)) shapes.push(shapeOf(draft.corners, false));
  if (outline?.length) shapes.push(shapeOf(aim ? [...outline, [aim.x, aim.y]] : outline, true));
  byId("outlines").replaceChildren(...shapes);
}
