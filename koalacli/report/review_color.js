// Color: the formulas of koalacli/color, to within rounding. Planes are Float32Array, row by row.

const WHITE = [0.95047, 1.0, 1.08883]; // D65, 2 degree observer
const XYZ_FROM_RGB = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];
const RGB_FROM_XYZ = inverse3(XYZ_FROM_RGB);
const RADIUS = 3; // of the guided filter, pixels of the guide
const FLAT = 60; // variance of L* below which an area counts as flat

function inverse3([[a, b, c], [d, e, f], [g, h, i]]) {
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const whole = a * A + b * B + c * C;
  return [
    [A / whole, (c * h - b * i) / whole, (b * f - c * e) / whole],
    [B / whole, (a * i - c * g) / whole, (c * d - a * f) / whole],
    [C / whole, (b * g - a * h) / whole, (a * e - b * d) / whole],
  ];
}

const toLinear = (code) => (code > 0.04045 ? ((code + 0.055) / 1.055) ** 2.4 : code / 12.92);
const toCode = (linear) => (linear > 0.0031308 ? 1.055 * linear ** (1 / 2.4) - 0.055 : 12.92 * Math.max(linear, 0));
const forward = (t) => (t > 0.008856 ? Math.cbrt(t) : (903.3 * t + 16) / 116);
const backward = (f) => (f > 0.2068966 ? f * f * f : (f - 16 / 116) / 7.787);

const LIGHTNESS = Float32Array.from({ length: 256 }, (_, code) => 116 * forward(toLinear(code / 255)) - 16);
const FORWARD = LIGHTNESS.map((lightness) => (lightness + 16) / 116);
const LUMINANCE = FORWARD.map(backward);
const CODE_STEPS = 4096;
const CODES = Uint8Array.from({ length: CODE_STEPS }, (_, step) => Math.round(255 * toCode((step / (CODE_STEPS - 1)) ** 2)));

function linearOf(lightness, a, b) {
  const f = (lightness + 16) / 116;
  const [x, y, z] = [backward(f + a / 500) * WHITE[0], backward(f), backward(f - b / 200) * WHITE[2]];
  return RGB_FROM_XYZ.map((row) => row[0] * x + row[1] * y + row[2] * z);
}

function labOf(red, green, blue) {
  const linear = [red, green, blue].map((code) => toLinear(code / 255));
  const [x, y, z] = XYZ_FROM_RGB.map((row, place) => forward(row.reduce((sum, weight, at) => sum + weight * linear[at], 0) / WHITE[place]));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

// Largest chroma that sRGB can show, in cells of lightness and hue: the least of a cell's corners; found when asked for.
const CORNERS = new Float32Array(202 * 360).fill(NaN);
const LIMITS = new Float32Array(201 * 360).fill(NaN);
function cornerChroma(row, column) {
  const place = row * 360 + column;
  if (Number.isNaN(CORNERS[place])) {
    const [cos, sin] = [Math.cos((column * Math.PI) / 180), Math.sin((column * Math.PI) / 180)];
    let [low, high] = [0, 150];
    for (let step = 0; step < 14; step += 1) {
      const middle = (low + high) / 2;
      if (linearOf(row / 2, cos * middle, sin * middle).every((part) => part >= 0 && part <= 1)) low = middle;
      else high = middle;
    }
    CORNERS[place] = low;
  }
  return CORNERS[place];
}
function largestChroma(lightness, a, b) {
  const row = Math.min(200, Math.max(0, Math.floor(lightness * 2)));
  const column = Math.floor(((Math.atan2(b, a) * 180) / Math.PI + 360) % 360) % 360;
  const place = row * 360 + column;
  if (Number.isNaN(LIMITS[place])) {
    const [below, beside] = [Math.min(row + 1, 200), (column + 1) % 360];
    LIMITS[place] = Math.min(cornerChroma(row, column), cornerChroma(row, beside), cornerChroma(below, column), cornerChroma(below, beside));
  }
  return LIMITS[place];
}

function codesOf(lightness, a, b) {
  const chroma = Math.hypot(a, b);
  const linear = linearOf(lightness, a, b);
  const outside = linear.some((part) => part < 0 || part > 1);
  const scale = outside ? Math.min(1, largestChroma(lightness, a, b) / Math.max(chroma, 1e-6)) : 1;
  const inside = outside ? linearOf(lightness, a * scale, b * scale) : linear;
  return inside.map((part) => Math.round(255 * toCode(Math.min(1, Math.max(0, part)))));
}
const cssOf = (lightness, a, b) => `rgb(${codesOf(lightness, a, b).join(" ")})`;

// Beyond the borders lies the mirror image without the outermost pixel (as in OpenCV).
function mirror(place, size) {
  if (size === 1) return 0;
  const turned = Math.abs(place) % (2 * size - 2);
  return turned < size ? turned : 2 * size - 2 - turned;
}

// Means over squares.
function blur(plane, height, width) {
  const side = 2 * RADIUS + 1;
  const across = new Float32Array(plane.length);
  const columns = Int32Array.from({ length: width + 2 * RADIUS }, (_, place) => mirror(place - RADIUS, width));
  for (let row = 0; row < height; row += 1) {
    const from = row * width;
    let sum = 0;
    for (let place = 0; place < side - 1; place += 1) sum += plane[from + columns[place]];
    for (let column = 0; column < width; column += 1) {
      sum += plane[from + columns[column + side - 1]];
      across[from + column] = sum;
      sum -= plane[from + columns[column]];
    }
  }
  const done = new Float32Array(plane.length);
  const sums = new Float64Array(width);
  const rows = Int32Array.from({ length: height + 2 * RADIUS }, (_, place) => mirror(place - RADIUS, height));
  for (let place = 0; place < side - 1; place += 1) {
    for (let column = 0; column < width; column += 1) sums[column] += across[rows[place] * width + column];
  }
  const share = 1 / (side * side);
  for (let row = 0; row < height; row += 1) {
    const [entering, leaving] = [rows[row + side - 1] * width, rows[row] * width];
    for (let column = 0; column < width; column += 1) {
      sums[column] += across[entering + column];
      done[row * width + column] = sums[column] * share;
      sums[column] -= across[leaving + column];
    }
  }
  return done;
}

const SIZES_KEPT = 60;
const kept = new Map(); // what depends on sizes alone, oldest first
function keepOf(key, make) {
  if (!kept.has(key)) {
    if (kept.size >= SIZES_KEPT) kept.delete(kept.keys().next().value);
    kept.set(key, make());
  }
  return kept.get(key);
}

// Places and weights of cubic convolution with a = -0.75, as OpenCV does: four per place of the larger size.
const cubicTaps = (from, to) => keepOf(`cubic ${from} ${to}`, () => Array.from({ length: to }, (_, place) => {
  const at = ((place + 0.5) * from) / to - 0.5;
  const first = Math.floor(at);
  const t = at - first;
  const A = -0.75;
  const outer = (x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
  const inner = (x) => ((A + 2) * x - (A + 3)) * x * x + 1;
  const weights = [outer(t + 1), inner(t), inner(1 - t)];
  weights.push(1 - weights[0] - weights[1] - weights[2]);
  return { weights, places: [-1, 0, 1, 2].map((step) => Math.min(from - 1, Math.max(0, first + step))) };
}));

function enlargeCubic(plane, height, width, toHeight, toWidth) {
  const wide = new Float32Array(height * toWidth);
  cubicTaps(width, toWidth).forEach(({ weights, places }, column) => {
    for (let row = 0; row < height; row += 1) {
      const from = row * width;
      wide[row * toWidth + column] = weights[0] * plane[from + places[0]] + weights[1] * plane[from + places[1]]
        + weights[2] * plane[from + places[2]] + weights[3] * plane[from + places[3]];
    }
  });
  const done = new Float32Array(toHeight * toWidth);
  cubicTaps(height, toHeight).forEach(({ weights, places }, row) => {
    const [first, second, third, fourth] = places.map((place) => place * toWidth);
    for (let column = 0; column < toWidth; column += 1) {
      done[row * toWidth + column] = weights[0] * wide[first + column] + weights[1] * wide[second + column]
        + weights[2] * wide[third + column] + weights[3] * wide[fourth + column];
    }
  });
  return done;
}

// Which places of a line each place of another covers, and by what part of it; between two of them where it is longer.
const areaTaps = (from, to) => keepOf(`area ${from} ${to}`, () => {
  const [starts, places, shares] = [[0], [], []];
  const take = (place, share) => { places.push(place); shares.push(share); };
  for (let place = 0; place < to; place += 1) {
    if (from === 1) {
      take(0, 1);
    } else if (to >= from) {
      const at = Math.min(from - 1, Math.max(0, ((place + 0.5) * from) / to - 0.5));
      const first = Math.min(Math.floor(at), from - 2);
      take(first, 1 - (at - first));
      take(first + 1, at - first);
    } else {
      const [start, end] = [(place * from) / to, ((place + 1) * from) / to];
      for (let at = Math.floor(start); at < Math.min(from, Math.ceil(end - 1e-9)); at += 1) {
        take(at, (Math.min(end, at + 1) - Math.max(start, at)) / (end - start));
      }
    }
    starts.push(places.length);
  }
  return { starts: Int32Array.from(starts), places: Int32Array.from(places), shares: Float32Array.from(shares) };
});

// Means over the pixels that a smaller one covers, parts of pixels by their part; enlarges linearly where it must.
function resizeArea(plane, height, width, toHeight, toWidth) {
  const { starts, places, shares } = areaTaps(width, toWidth);
  const wide = new Float32Array(height * toWidth);
  for (let row = 0; row < height; row += 1) {
    const from = row * width;
    for (let column = 0; column < toWidth; column += 1) {
      let sum = 0;
      for (let tap = starts[column]; tap < starts[column + 1]; tap += 1) sum += shares[tap] * plane[from + places[tap]];
      wide[row * toWidth + column] = sum;
    }
  }
  const down = areaTaps(height, toHeight);
  const done = new Float32Array(toHeight * toWidth);
  for (let row = 0; row < toHeight; row += 1) {
    for (let tap = down.starts[row]; tap < down.starts[row + 1]; tap += 1) {
      const [from, share] = [down.places[tap] * toWidth, down.shares[tap]];
      for (let column = 0; column < toWidth; column += 1) done[row * toWidth + column] += share * wide[from + column];
    }
  }
  return done;
}

// The same of codes, as codes.
function shrinkCodes({ codes, height, width }, toHeight, toWidth) {
  const mean = resizeArea(codes, height, width, toHeight, toWidth);
  const smaller = new Uint8Array(mean.length);
  for (let place = 0; place < mean.length; place += 1) smaller[place] = mean[place] + 0.5;
  return { codes: smaller, height: toHeight, width: toWidth };
}

// What the guided filter needs of a guide, made once per picture.
function prepareGuide(guide, height, width) {
  const mean = blur(guide, height, width);
  const variance = blur(guide.map((value) => value * value), height, width);
  for (let place = 0; place < variance.length; place += 1) {
    variance[place] = 1 / (Math.max(0, variance[place] - mean[place] * mean[place]) + FLAT);
  }
  return { guide, height, width, mean, precision: variance };
}

// Slope and offset of a plane at the guide's size, with color = slope * lightness + offset (koalacli/color/upsample.py).
function guidedCoefficients(color, prepared) {
  const { guide, height, width, mean, precision } = prepared;
  const meanColor = blur(color, height, width);
  const slope = blur(color.map((value, place) => value * guide[place]), height, width);
  for (let place = 0; place < slope.length; place += 1) {
    slope[place] = (slope[place] - meanColor[place] * mean[place]) * precision[place];
    meanColor[place] -= slope[place] * mean[place];
  }
  return { slope: blur(slope, height, width), offset: blur(meanColor, height, width) };
}
