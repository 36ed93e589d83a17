// What a person knows, carried to where it holds: the command line's solver (koalacli/control), to within rounding.
// All that leads from small planes to the picture is linear, so each point's reach is enlarged once and kept.

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

// Add to the enlarged color what one scope makes of the differences between points and color.
function correct(picture, color, pins, scope, reaches) {
  const lights = pins.map((point) => lightnessAt(picture, point));
  const response = pins.map((point, row) => reaches.map((reach) => readAt(picture, reach, point, lights[row])));
  const shared = (first, second) => first.reduce((sum, value, column) => sum + value * second[column], 0);
  const matrix = response.map((first, row) => response.map((second, column) => shared(first, second) + (row === column ? RIDGE : 0)));
  const missing = pins.map((point, row) => color.map((plane, kind) => point.ab[kind] - scope.gain * readAt(picture, plane, point, lights[row])));
  const held = solve(matrix, missing);
  const weights = reaches.map((_, number) => [0, 1].map((kind) => response.reduce((sum, line, row) => sum + line[number] * held[row][kind], 0)));
  return color.map((plane, kind) => {
    const slope = plane.slope.map((value) => scope.gain * value);
    const offset = plane.offset.map((value) => scope.gain * value);
    reaches.forEach((reach, number) => {
      const weight = weights[number][kind];
      for (let place = 0; place < slope.length; place += 1) {
        slope[place] += weight * reach.slope[place];
        offset[place] += weight * reach.offset[place];
      }
    });
    return { slope, offset };
  });
}
