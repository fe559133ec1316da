// Two texts side by side: which lines are the same, and which stand on one side only. Myers' O(ND) algorithm (1986)
// between the lines that both begin and end with; values are compared without their numbers, which every pass renews.

export interface Row {
  left: number | null;
  right: number | null;
}

/** A line without what differs from pass to pass only: numbers of values, hints' counters, white space. */
export const comparable = (line: string): string => line.trim().replace(/%[\w.]+/g, "%").replace(/\s+/g, " ");

const MOST_EDITS = 1500; // beyond it two texts have too little in common for a diff to say anything

/** Rows of the common view: equal lines beside each other, changed ones beside each other as far as they go. */
export function alignLines(left: string[], right: string[]): Row[] {
  const [a, b] = [left.map(comparable), right.map(comparable)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const rows: Row[] = [];
  for (let k = 0; k < start; k += 1) rows.push({ left: k, right: k });
  const pairs = matches(a.slice(start, a.length - end), b.slice(start, b.length - end));
  let [i, j] = [start, start];
  const gap = (toLeft: number, toRight: number): void => {
    while (i < toLeft || j < toRight) {
      rows.push({ left: i < toLeft ? i : null, right: j < toRight ? j : null });
      if (i < toLeft) i += 1;
      if (j < toRight) j += 1;
    }
  };
  for (const [x, y] of pairs) {
    gap(x + start, y + start);
    rows.push({ left: i, right: j });
    i += 1;
    j += 1;
  }
  gap(a.length - end, b.length - end);
  for (; i < a.length; i += 1, j += 1) rows.push({ left: i, right: j });
  return rows;
}

/** Pairs of equal lines, in order, of a shortest edit; none where the two are too different. */
export function matches(a: string[], b: string[]): [number, number][] {
  const limit = Math.min(a.length + b.length, MOST_EDITS);
  const furthest = new Int32Array(2 * limit + 3); // x by diagonal, from -limit - 1 on
  const middle = limit + 1;
  const trace: Int32Array[] = [];
  for (let d = 0; d <= limit; d += 1) {
    trace.push(furthest.slice(middle - d - 1, middle + d + 2));
    for (let k = -d; k <= d; k += 2) {
      let x = goesDown(furthest, middle + k, k, d) ? furthest[middle + k + 1]! : furthest[middle + k - 1]! + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x += 1;
        y += 1;
      }
      furthest[middle + k] = x;
      if (x >= a.length && y >= b.length) return backtrack(trace, a.length, b.length);
    }
  }
  return [];
}

/** Whether the furthest path on diagonal k, at `at` of the array, comes from the one above it. */
const goesDown = (furthest: Int32Array, at: number, k: number, d: number): boolean => k === -d || (k !== d && furthest[at - 1]! < furthest[at + 1]!);

function backtrack(trace: Int32Array[], x: number, y: number): [number, number][] {
  const found: [number, number][] = [];
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const before = trace[d]!;
    const k = x - y;
    const from = goesDown(before, d + 1 + k, k, d) ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : before[d + 1 + from]!;
    const fromY = d === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      found.push([x, y]);
    }
    [x, y] = [fromX, fromY];
  }
  return found.reverse();
}
