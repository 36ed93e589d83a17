// What a person knows, carried to where it holds: the command line's solver (koalacli/control), to within rounding.

const { scopes: SCOPE_TABLE, ridge: RIDGE, smallestSpot: SMALLEST_SPOT, defaultScope: DEFAULT_SCOPE } = FACTS.solver;
const SCOPES = Object.keys(SCOPE_TABLE); // widest first: each corrects what those before it left

// What the kernel compares, between the cells around a place; x and y are shares of width and height.
function sampleAt(picture, x, y) {
  const { rows, columns, features, lengths, cells } = picture;
  const [row, column] = [Math.min(rows - 1, Math.max(0, y * rows - 0.5)), Math.min(columns - 1, Math.max(0, x * columns - 0.5))];
  const [top, left] = [Math.min(Math.floor(row), Math.max(rows - 2, 0)), Math.min(Math.floor(column), Math.max(columns - 2, 0))];
  const [bottom, right] = [Math.min(top + 1, rows - 1), Math.min(left + 1, columns - 1)];
  const [down, across] = [row - top, column - left];
  const mix = (plane) => (1 - down) * ((1 - across) * plane[top * columns + left] + across * plane[top * columns + right])
    + down * ((1 - across) * plane[bottom * columns + left] + across * plane[bottom * columns + right]);
  const mixed = features.map(mix);
  const scale = mix(lengths) / Math.max(1e-6, Math.hypot(...mixed)); // mixing shortens
  return { features: mixed.map((part) => part * scale), lightness: mix(cells) / 100, mix };
}

// How much a guess is wrong in each cell if it is at a point: one value per cell.
function reachOf(picture, point, scope, ab) {
  const { rows, columns, features, cells } = picture;
  const here = sampleAt(picture, point.x, point.y);
  const short = Math.min(rows, columns);
  const [y, x] = [(point.y * rows) / short, (point.x * columns) / short];
  const spread = 1 / Math.max(SMALLEST_SPOT, point.radius || 0) ** 2;
  const parts = scope.parts.map(({ weight, ...scales }) => ({
    weight, unlike: scales.features ? 1 / scales.features ** 2 : 0,
    place: scales.place ? 1 / scales.place ** 2 : 0, lightness: scales.lightness ? 1 / scales.lightness ** 2 : 0,
  }));
  const guess = scope.chroma ? ab.map((plane) => here.mix(plane)) : null;
  const reach = new Float32Array(rows * columns);
  for (let cell = 0; cell < reach.length; cell += 1) {
    let unlike = 0;
    for (let plane = 0; plane < features.length; plane += 1) unlike += (features[plane][cell] - here.features[plane]) ** 2;
    const far = ((Math.floor(cell / columns) + 0.5) / short - y) ** 2 + (((cell % columns) + 0.5) / short - x) ** 2;
    const lighter = (cells[cell] / 100 - here.lightness) ** 2;
    let total = scope.spot * Math.exp(-far * spread);
    if (guess) total += (scope.chroma / 100) * (ab[0][cell] * guess[0] + ab[1][cell] * guess[1]);
    for (const part of parts) total += part.weight * Math.exp(-unlike * part.unlike - far * part.place - lighter * part.lightness);
    reach[cell] = total;
  }
  return reach;
}

// Linear equations by elimination; two right sides, a and b.
function solve(matrix, wishes) {
  const size = matrix.length;
  const lines = matrix.map((line, row) => [...line, ...wishes[row]]);
  for (let step = 0; step < size; step += 1) {
    let pivot = step;
    for (let row = step + 1; row < size; row += 1) if (Math.abs(lines[row][step]) > Math.abs(lines[pivot][step])) pivot = row;
    [lines[step], lines[pivot]] = [lines[pivot], lines[step]];
    for (let row = step + 1; row < size; row += 1) {
      const factor = lines[row][step] / lines[step][step];
      for (let column = step; column < size + 2; column += 1) lines[row][column] -= factor * lines[step][column];
    }
  }
  const found = Array.from({ length: size }, () => [0, 0]);
  for (let row = size - 1; row >= 0; row -= 1) {
    for (const plane of [0, 1]) {
      let rest = lines[row][size + plane];
      for (let column = row + 1; column < size; column += 1) rest -= lines[row][column] * found[column][plane];
      found[row][plane] = rest / lines[row][row];
    }
  }
  return found;
}

// The weights of a full-size point on the small planes: what enlarging gives it is their sum (koalacli/color/probe.py).
function probeOf(picture, point) {
  const { guide, mean, precision, height, width } = picture.prepared;
  const lightness = lightnessAt(picture, point);
  const side = 2 * RADIUS + 1;
  const spread = (share, size) => {
    const at = Math.min(size - 1, Math.max(0, share * size - 0.5));
    const low = Math.min(Math.floor(at), size - 1);
    const found = new Map();
    for (const [from, weight] of [[low, 1 - (at - low)], [Math.min(low + 1, size - 1), at - low]]) {
      for (let step = -RADIUS; step <= RADIUS; step += 1) {
        const place = mirror(from + step, size);
        found.set(place, (found.get(place) || 0) + weight / side);
      }
    }
    return found;
  };
  const [downs, acrosses] = [spread(point.y, height), spread(point.x, width)];
  const onGuide = new Map();
  for (const [row, down] of downs) {
    for (const [column, across] of acrosses) {
      const place = row * width + column;
      const share = (down * across) / (side * side);
      const slope = share * (lightness - mean[place]) * precision[place];
      const rest = share - slope * mean[place];
      for (let step = -RADIUS; step <= RADIUS; step += 1) {
        const line = mirror(row + step, height) * width;
        for (let shift = -RADIUS; shift <= RADIUS; shift += 1) {
          const near = line + mirror(column + shift, width);
          onGuide.set(near, (onGuide.get(near) || 0) + slope * guide[near] + rest);
        }
      }
    }
  }
  return onCells(onGuide, picture);
}

function onCells(onGuide, { rows, columns, prepared: { height, width } }) {
  const [down, across] = [cubicTaps(rows, height), cubicTaps(columns, width)];
  const found = new Map();
  for (const [place, weight] of onGuide) {
    const [row, column] = [down[Math.floor(place / width)], across[place % width]];
    row.places.forEach((line, n) => column.places.forEach((at, m) => {
      const cell = line * columns + at;
      found.set(cell, (found.get(cell) || 0) + weight * row.weights[n] * column.weights[m]);
    }));
  }
  return { cells: Int32Array.from(found.keys()), weights: Float64Array.from(found.values()) };
}

function readProbe({ cells, weights }, plane) {
  let sum = 0;
  for (let place = 0; place < cells.length; place += 1) sum += weights[place] * plane[cells[place]];
  return sum;
}

// Add to small color what one scope makes of the differences between points and color. The last `fresh` points are its
// own; those before them are only held.
function correct(picture, ab, pins, scope, reaches, fresh) {
  const probes = pins.map((point) => keptOf(picture, `probe ${point.x} ${point.y}`, () => probeOf(picture, point)));
  let guess = ab.map((plane) => plane.map((value) => scope.gain * value));
  const response = probes.map((probe) => reaches.map((reach) => readProbe(probe, reach)));
  const shared = (first, second) => first.reduce((sum, value, column) => sum + value * second[column], 0);
  const matrix = response.map((first, row) => response.map((second, column) => shared(first, second) + (row === column ? RIDGE : 0)));
  // Two values at each point, carried to where the points reach: two planes.
  const spread = (wished) => {
    const held = solve(matrix, wished);
    const planes = [0, 1].map(() => new Float32Array(ab[0].length));
    reaches.forEach((reach, number) => planes.forEach((plane, kind) => {
      const weight = response.reduce((sum, line, row) => sum + line[number] * held[row][kind], 0);
      for (let cell = 0; cell < plane.length; cell += 1) plane[cell] += weight * reach[cell];
    }));
    return planes;
  };
  if (scope.own < 1) {
    const [belongs] = spread(pins.map((_, row) => [row >= pins.length - fresh ? 1 : 0, 0]));
    const kept = belongs.map((value) => 1 - (1 - scope.own) * Math.min(1, Math.max(0, value)));
    guess = guess.map((plane) => plane.map((value, cell) => value * kept[cell]));
  }
  const moved = spread(pins.map((point, row) => guess.map((plane, kind) => point.ab[kind] - readProbe(probes[row], plane))));
  return guess.map((plane, kind) => plane.map((value, cell) => value + moved[kind][cell]));
}

const POLYGON_SIDE = 512; // pixels of the square on which polygons are drawn, as koalacli/control/book.py draws them

// How much of each cell a polygon covers.
function coverageOf(corners, rows, columns) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [POLYGON_SIDE, POLYGON_SIDE];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.beginPath();
  for (const corner of corners) context.lineTo(...corner.map((share) => Math.round(share * POLYGON_SIDE - 0.5) + 0.5));
  context.closePath();
  context.fill("evenodd");
  context.stroke(); // the pixels of its border belong to it
  const rgba = context.getImageData(0, 0, POLYGON_SIDE, POLYGON_SIDE).data;
  const drawn = Float32Array.from({ length: POLYGON_SIDE ** 2 }, (_, place) => rgba[4 * place + 3] / 255);
  return resizeArea(drawn, POLYGON_SIDE, POLYGON_SIDE, rows, columns);
}

function paintAreas(picture, ab, areas) {
  for (const area of areas) {
    const coverage = keptOf(picture, `area ${area.corners}`, () => coverageOf(area.corners, picture.rows, picture.columns));
    ab.forEach((plane, kind) => {
      for (let cell = 0; cell < plane.length; cell += 1) plane[cell] += coverage[cell] * area.strength * (area.ab[kind] - plane[cell]);
    });
  }
}

// Small color of a picture under a decision (koalacli/control/solver.py): its two planes.
function colorOf(picture, decision) {
  const saturation = decision.saturation ?? 1;
  let ab = guessOf(picture, decision).map((plane) => plane.map((value) => saturation * value));
  paintAreas(picture, ab, decision.areas || []);
  const places = ab;
  const pins = [];
  for (const [name, scope] of Object.entries(SCOPE_TABLE)) {
    const fresh = (decision.points || []).filter((point) => point.scope === name);
    if (!fresh.length) continue;
    pins.push(...fresh);
    const make = (point) => reachOf(picture, point, scope, scope.chroma ? places : null);
    // What looks at the color of all changes with it; other reaches are of the point alone.
    const reaches = pins.map((point) => (scope.chroma ? make(point)
      : keptOf(picture, `${name} ${point.x} ${point.y} ${point.radius}`, () => make(point))));
    ab = correct(picture, ab, pins, scope, reaches, fresh.length);
  }
  return ab;
}
