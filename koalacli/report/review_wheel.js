// Names for what is seen, and the wheel of colors.

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
