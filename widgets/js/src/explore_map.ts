// Contours of a function of two arguments: bands of colour between equal steps of height.

/** Five colours of matplotlib's viridis, which keeps its order in grey and for colour-blind eyes. */
const VIRIDIS: [number, number, number][] = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
export const BANDS = 12;

export function viridis(share: number): [number, number, number] {
  const at = Math.min(0.9999, Math.max(0, share)) * (VIRIDIS.length - 1);
  const [a, b, rest] = [VIRIDIS[Math.floor(at)]!, VIRIDIS[Math.floor(at) + 1]!, at % 1];
  return [0, 1, 2].map((k) => Math.round(a[k]! + (b[k]! - a[k]!) * rest)) as [number, number, number];
}

export function extent(values: (number | null)[]): [number, number] {
  const finite = values.filter((value): value is number => value !== null);
  return finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
}

/** The extent without the outermost hundredths on either side: one peak does not take all colours. */
export function middling(values: (number | null)[]): [number, number] {
  const sorted = values.filter((value): value is number => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return [0, 1];
  const cut = Math.floor(sorted.length / 50);
  return [sorted[cut]!, sorted[sorted.length - 1 - cut]!];
}

/** RGBA pixels of `size` by `size`: `heights` between the grid's points, in bands; row 0 is the top, the last y. */
export function bands(heights: (number | null)[], columns: number, rows: number, size: number): Uint8ClampedArray<ArrayBuffer> {
  const [low, high] = middling(heights);
  const range = high - low || 1;
  const colours = Array.from({ length: BANDS }, (_, band) => viridis(band / (BANDS - 1)));
  const pixels = new Uint8ClampedArray(4 * size * size);
  const at = (i: number, j: number): number => heights[j * columns + i] ?? NaN;
  for (let row = 0; row < size; row += 1) {
    const y = ((size - 1 - row) / (size - 1)) * (rows - 1);
    const j = Math.min(rows - 2, Math.floor(y));
    for (let column = 0; column < size; column += 1) {
      const x = (column / (size - 1)) * (columns - 1);
      const i = Math.min(columns - 2, Math.floor(x));
      const [u, v] = [x - i, y - j];
      const height = (1 - v) * ((1 - u) * at(i, j) + u * at(i + 1, j)) + v * ((1 - u) * at(i, j + 1) + u * at(i + 1, j + 1));
      if (Number.isNaN(height)) continue; // left transparent: no value there
      const band = Math.min(BANDS - 1, Math.max(0, Math.floor((BANDS * (height - low)) / range)));
      const place = 4 * (row * size + column);
      pixels.set(colours[band]!, place);
      pixels[place + 3] = 255;
    }
  }
  return pixels;
}
