// Where the nodes and bends of a layered drawing stand within their rows, whose order is given.

export interface Row {
  /** from left to right; at least one */
  things: number[];
  /** the least distance of each from the first */
  offsets: number[];
  /** how far the first and the last reach beyond their centres */
  left: number;
  right: number;
}

const SWEEPS = 16;

/** The x of each of `count` things: near to what they are tied to, in their order, at their distances; all of it between 0 and
 * `width`, which is at most `room` where no row needs more. ties: two things, and how much they want to be in line. */
export function spread(rows: Row[], count: number, ties: readonly (readonly [number, number, number])[], room: number): { x: Float64Array; width: number } {
  const near: [number, number][][] = Array.from({ length: count }, () => []);
  for (const [a, b, weight] of ties) {
    near[a]!.push([b, weight]);
    near[b]!.push([a, weight]);
  }
  const x = new Float64Array(count);
  for (const { things, offsets } of rows) things.forEach((thing, k) => (x[thing] = offsets[k]! - offsets.at(-1)! / 2));
  const sweep = (low: number, high: number): void => {
    for (let round = 0; round < SWEEPS; round += 1) for (const row of round % 2 ? rows.toReversed() : rows) settle(row, near, x, low, high);
  };
  sweep(-Infinity, Infinity);
  const ends = (): [number, number] => [Math.min(...rows.map((row) => x[row.things[0]!]! - row.left)), Math.max(...rows.map((row) => x[row.things.at(-1)!]! + row.right))];
  let [low, high] = rows.length > 0 ? ends() : [0, 0];
  if (high - low > room) {
    const width = Math.max(room, ...rows.map((row) => row.left + row.offsets.at(-1)! + row.right));
    const middle = (low + high) / 2;
    const scale = width / (high - low);
    x.forEach((place, thing) => (x[thing] = middle + (place - middle) * scale));
    [low, high] = [middle - width / 2, middle + width / 2];
    sweep(low, high);
  }
  x.forEach((place, thing) => (x[thing] = place - low));
  return { x, width: high - low };
}

/** Each thing of a row as near to the mean of its neighbours as order, distances and both ends let it: the places are those of
 * the nearest sequence that grows by the distances (pool adjacent violators). */
function settle({ things, offsets, left, right }: Row, near: [number, number][][], x: Float64Array, low: number, high: number): void {
  const pools: { sum: number; weight: number; count: number }[] = [];
  things.forEach((thing, k) => {
    let [sum, weight] = [0, 0];
    for (const [other, tie] of near[thing]!) {
      sum += tie * x[other]!;
      weight += tie;
    }
    const wanted = weight > 0 ? sum / weight : x[thing]!;
    weight = Math.max(weight, 0.1);
    pools.push({ sum: weight * (wanted - offsets[k]!), weight, count: 1 });
    while (pools.length > 1 && mean(pools.at(-2)!) > mean(pools.at(-1)!)) {
      const last = pools.pop()!;
      const before = pools.at(-1)!;
      before.sum += last.sum;
      before.weight += last.weight;
      before.count += last.count;
    }
  });
  const [first, last] = [low + left, high - right - offsets.at(-1)!];
  let index = 0;
  for (const pool of pools) for (let k = 0; k < pool.count; k += 1, index += 1) x[things[index]!] = Math.max(first, Math.min(last, mean(pool))) + offsets[index]!;
}

const mean = ({ sum, weight }: { sum: number; weight: number }): number => sum / weight;
