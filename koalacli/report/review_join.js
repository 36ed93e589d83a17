// Gray and color joined, the two ways of `koala colorize` (koalacli/photograph/canvas.py): pixels with that lightness,
// or, of a gray JPEG, its luma with new chroma at half size. Each gives a function that paints rows into RGBA bytes.

const CHROMA_SHARE = 2; // sides of a luma beside those of its chroma
const CODE_VALUES = Float32Array.from({ length: CODE_STEPS }, (_, step) => 255 * toCode((step / (CODE_STEPS - 1)) ** 2));

// Between which places of a smaller line each place of a larger one lies, and how near to the second.
const linearTaps = (from, to) => keepOf(`linear ${from} ${to}`, () => {
  const [low, high, share] = [new Int32Array(to), new Int32Array(to), new Float32Array(to)];
  for (let place = 0; place < to; place += 1) {
    const at = Math.min(from - 1, Math.max(0, ((place + 0.5) * from) / to - 0.5));
    low[place] = Math.floor(at);
    high[place] = Math.min(from - 1, low[place] + 1);
    share[place] = at - low[place];
  }
  return { low, high, share };
});

// One row between two of a plane, at the plane's own width.
function mixRows(plane, width, { low, high, share }, row, line) {
  const [above, below, part] = [low[row] * width, high[row] * width, share[row]];
  for (let column = 0; column < width; column += 1) line[column] = plane[above + column] + (plane[below + column] - plane[above + column]) * part;
}

const [[RX, RY, RZ], [GX, GY, GZ], [BX, BY, BZ]] = RGB_FROM_XYZ.map((row) => row.map((weight, place) => weight * WHITE[place]));
const codeOf = (linear) => CODES[(Math.sqrt(linear) * (CODE_STEPS - 1) + 0.5) | 0];

// Linear rgb of a color into `linear`: f and y are those of its lightness (CIE 15).
function convert(f, y, a, b, linear) {
  const x = backward(f + a / 500);
  const z = backward(f - b / 200);
  linear[0] = RX * x + RY * y + RZ * z;
  linear[1] = GX * x + GY * y + GZ * z;
  linear[2] = BX * x + BY * y + BZ * z;
}

// The same, with as much of its chroma as sRGB can show.
function fitted(lightness, y, a, b, linear) {
  const f = (lightness + 16) / 116;
  convert(f, y, a, b, linear);
  if (linear[0] >= 0 && linear[1] >= 0 && linear[2] >= 0 && linear[0] <= 1 && linear[1] <= 1 && linear[2] <= 1) return;
  const scale = Math.min(1, largestChroma(lightness, a, b) / Math.max(Math.sqrt(a * a + b * b), 1e-6));
  convert(f, y, a * scale, b * scale, linear);
  for (let channel = 0; channel < 3; channel += 1) linear[channel] = Math.min(1, Math.max(0, linear[channel]));
}

// As koalacli/color/join.py and gamut.py.
function joinStill({ codes, width, height }, ab, { prepared, rows, columns }) {
  const small = prepared.width;
  const planes = ab.flatMap((plane) => {
    const { slope, offset } = guidedCoefficients(enlargeCubic(plane, rows, columns, prepared.height, small), prepared);
    return [slope, offset];
  });
  const lines = planes.map(() => new Float32Array(small));
  const [slopeA, offsetA, slopeB, offsetB] = lines;
  const [down, across] = [linearTaps(prepared.height, height), linearTaps(small, width)];
  const linear = new Float64Array(3);
  return (first, last, rgba) => {
    for (let row = first; row < last; row += 1) {
      planes.forEach((plane, kind) => mixRows(plane, small, down, row, lines[kind]));
      for (let column = 0; column < width; column += 1) {
        const code = codes[row * width + column];
        const lightness = LIGHTNESS[code];
        const [l, r, t] = [across.low[column], across.high[column], across.share[column]];
        const f = FORWARD[code];
        const y = LUMINANCE[code];
        const a = (slopeA[l] + (slopeA[r] - slopeA[l]) * t) * lightness + offsetA[l] + (offsetA[r] - offsetA[l]) * t;
        const b = (slopeB[l] + (slopeB[r] - slopeB[l]) * t) * lightness + offsetB[l] + (offsetB[r] - offsetB[l]) * t;
        // As `fitted`, spelled out for what sRGB can show, which is nearly all: it takes most of the time of a click.
        const x = backward(f + a / 500);
        const z = backward(f - b / 200);
        let red = RX * x + RY * y + RZ * z;
        let green = GX * x + GY * y + GZ * z;
        let blue = BX * x + BY * y + BZ * z;
        if (red < 0 || green < 0 || blue < 0 || red > 1 || green > 1 || blue > 1) {
          fitted(lightness, y, a, b, linear);
          [red, green, blue] = linear;
        }
        const to = 4 * (row * width + column);
        rgba[to] = codeOf(red);
        rgba[to + 1] = codeOf(green);
        rgba[to + 2] = codeOf(blue);
        rgba[to + 3] = 255;
      }
    }
  };
}

// Cb and Cr of small color at the guide's size (koalacli/color/cbcr_jpeg.py).
function chromaOf(ab, { prepared, rows, columns }) {
  const { guide, height, width } = prepared;
  const [as, bs] = ab.map((plane) => enlargeCubic(plane, rows, columns, height, width));
  const [cb, cr] = [new Float32Array(guide.length), new Float32Array(guide.length)];
  const linear = new Float64Array(3);
  const valueOf = (light) => CODE_VALUES[(Math.sqrt(light) * (CODE_STEPS - 1) + 0.5) | 0];
  for (let place = 0; place < guide.length; place += 1) {
    fitted(guide[place], backward((guide[place] + 16) / 116), as[place], bs[place], linear);
    const [red, green, blue] = [valueOf(linear[0]), valueOf(linear[1]), valueOf(linear[2])];
    cb[place] = -0.168736 * red - 0.331264 * green + 0.5 * blue;
    cr[place] = 0.5 * red - 0.418688 * green - 0.081312 * blue;
  }
  return [cb, cr].map((plane) => guidedCoefficients(plane, prepared));
}

// The luma at the size of its chroma; the same where the picture is shown at half its size or less.
function lumaForChroma(shown, entry) {
  const [height, width] = [entry.height, entry.width].map((side) => Math.ceil(side / CHROMA_SHARE));
  if (width >= shown.width || height >= shown.height) return shown;
  return shrinkCodes(shown, height, width);
}

function joinGraft(shown, ab, picture) {
  shown.luma ??= lumaForChroma(shown, picture.entry);
  const { prepared } = picture;
  const { codes, width, height } = shown.luma;
  const coefficients = chromaOf(ab, picture).flatMap(({ slope, offset }) => [slope, offset]);
  const lines = coefficients.map(() => new Float32Array(prepared.width));
  const [slopeB, offsetB, slopeR, offsetR] = lines;
  const [down, across] = [linearTaps(prepared.height, height), linearTaps(prepared.width, width)];
  const [cbs, crs] = [new Float32Array(codes.length), new Float32Array(codes.length)];
  for (let row = 0; row < height; row += 1) {
    coefficients.forEach((plane, kind) => mixRows(plane, prepared.width, down, row, lines[kind]));
    for (let column = 0; column < width; column += 1) {
      const place = row * width + column;
      const luma = codes[place];
      const lightness = LIGHTNESS[luma];
      const [l, r, t] = [across.low[column], across.high[column], across.share[column]];
      const cb = (slopeB[l] + (slopeB[r] - slopeB[l]) * t) * lightness + offsetB[l] + (offsetB[r] - offsetB[l]) * t;
      const cr = (slopeR[l] + (slopeR[r] - slopeR[l]) * t) * lightness + offsetR[l] + (offsetR[r] - offsetR[l]) * t;
      const [red, green, blue] = [1.402 * cr, -0.344136 * cb - 0.714136 * cr, 1.772 * cb];
      const above = Math.max(red, green, blue) + 1e-6;
      const below = Math.min(red, green, blue) - 1e-6;
      const scale = Math.min(1, (255 - luma) / above, luma / -below);
      cbs[place] = cb * scale;
      crs[place] = cr * scale;
    }
  }
  return (first, last, rgba) => mergeChroma(shown, [cbs, crs], shown.luma, first, last, rgba);
}

// Y'CbCr to RGB as decoders do it: chroma enlarged linearly.
function mergeChroma({ codes, width, height }, chroma, { width: small, height: rows }, first, last, rgba) {
  const [down, across] = [linearTaps(rows, height), linearTaps(small, width)];
  const [lineB, lineR] = chroma.map(() => new Float32Array(small));
  for (let row = first; row < last; row += 1) {
    mixRows(chroma[0], small, down, row, lineB);
    mixRows(chroma[1], small, down, row, lineR);
    for (let column = 0; column < width; column += 1) {
      const [l, r, t] = [across.low[column], across.high[column], across.share[column]];
      const cb = lineB[l] + (lineB[r] - lineB[l]) * t;
      const cr = lineR[l] + (lineR[r] - lineR[l]) * t;
      const luma = codes[row * width + column];
      const to = 4 * (row * width + column);
      rgba[to] = luma + 1.402 * cr; // the array rounds and clips
      rgba[to + 1] = luma - 0.344136 * cb - 0.714136 * cr;
      rgba[to + 2] = luma + 1.772 * cb;
      rgba[to + 3] = 255;
    }
  }
}

const joinOf = (shown, ab, picture) => (picture.entry.graft ? joinGraft : joinStill)(shown, ab, picture);
