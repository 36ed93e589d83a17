// The stage: gray and color over each other, the edge between them, zoom; what a pointer does there.

const LARGEST_ZOOM = 12;
const FULL_SIZE_FROM = 1.6; // zoom from which a served page shows full size
let view = { scale: 1, x: 0, y: 0 };

const wipeNow = () => Number(byId("wipe").value);
function setWipe(share) {
  byId("wipe").value = share;
  byId("wipe").setAttribute("aria-valuetext", say("wipeValue", { share: wipeNow() }));
  byId("sheet").style.setProperty("--at", `${wipeNow()}%`);
  byId("edge").hidden = wipeNow() === 0;
}
function setGray(on) {
  byId("show-gray").setAttribute("aria-pressed", on);
  byId("sheet").classList.toggle("only-gray", on);
}

function layOut() {
  if (!picture) return;
  const [stage, sheet] = [byId("stage"), byId("sheet")];
  const width = Math.min(stage.clientWidth, (stage.clientHeight * picture.width) / picture.height);
  sheet.style.width = `${width}px`;
  sheet.style.height = `${(width * picture.height) / picture.width}px`;
}

function setView(scale, x, y) {
  const sheet = byId("sheet");
  const limit = (size, whole) => Math.max(0, (size * scale - whole) / 2);
  const [across, down] = [limit(sheet.offsetWidth, byId("stage").clientWidth), limit(sheet.offsetHeight, byId("stage").clientHeight)];
  view = { scale, x: Math.min(across, Math.max(-across, x)), y: Math.min(down, Math.max(-down, y)) };
  sheet.style.transform = `translate(${view.x}px, ${view.y}px) scale(${scale})`;
  sheet.style.setProperty("--zoom", scale);
  byId("stage").classList.toggle("zoomed", scale > 1);
  if (SERVED && !FACTS.film && scale >= FULL_SIZE_FROM) sharpen();
}
const fit = () => setView(1, 0, 0);

// Zoom around a place of the stage, in pixels from its middle.
function zoomBy(factor, at = [0, 0]) {
  const scale = Math.min(LARGEST_ZOOM, Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  setView(scale, at[0] - (at[0] - view.x) * ratio, at[1] - (at[1] - view.y) * ratio);
}

let sharpening = false;
async function sharpen() {
  if (!picture || picture.full || sharpening) return;
  sharpening = true;
  const before = picture;
  try {
    const full = await withFullSize(before);
    if (picture === before) {
      picture = { ...full, full: true };
      paintGray(picture, byId("gray"));
      paint();
    }
  } catch {
    before.full = true; // not to be had: the copy is what there is
  }
  sharpening = false;
}

function prepareStage() {
  const stage = byId("stage");
  const pointers = new Map();
  let moved = 0;
  let wiping = false;
  const fromMiddle = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };
  const inSheet = (event) => {
    const box = byId("sheet").getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".marker")) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 1) moved = 0;
    wiping = event.target.id === "edge";
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const [across, down] = [event.clientX - before.clientX, event.clientY - before.clientY];
    moved += Math.abs(across) + Math.abs(down);
    if (pointers.size === 2) {
      const other = [...pointers.values()].find((each) => each.pointerId !== event.pointerId);
      const far = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
      zoomBy(far(event) / Math.max(1, far(before)), fromMiddle(event));
    } else if (wiping) {
      setWipe(Math.round(100 * inSheet(event)[0]));
    } else if (view.scale > 1 && moved > 5) {
      setView(view.scale, view.x + across, view.y + down);
    }
    pointers.set(event.pointerId, event);
  });
  const lift = (event) => {
    const was = pointers.delete(event.pointerId);
    if (!was || event.type === "pointercancel" || moved > 5 || wiping || !picture || event.button > 0) return;
    const [x, y] = inSheet(event);
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return;
    if (isDropping()) pickAt(x, y);
    else if (isDrawing()) addCorner(x, y);
    else startPoint(x, y);
  };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomBy(1.0015 ** -event.deltaY, fromMiddle(event));
  }, { passive: false });
  new ResizeObserver(() => { layOut(); setView(view.scale, view.x, view.y); }).observe(stage);
}

