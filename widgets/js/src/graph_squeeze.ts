// A layered layout made narrower: its layers and their order stay, nodes and bends move sideways.
import type { graphlib } from "@dagrejs/dagre";

const SWEEPS = 16;
const [BEND, GAP, CLOSE] = [2, 16, 4]; // widths of a bend, and distances between nodes and to bends

interface Thing {
  x: number;
  width: number;
  at: { x: number };
  near: Thing[];
}

/** Move the nodes and bends of a graph that dagre has laid out into `room` pixels, or into as little as its layers take. */
export function squeeze(graph: graphlib.Graph, room: number): void {
  const label = graph.graph() as { width: number };
  const rows = new Map<number, Thing[]>();
  const add = (at: { x: number; y: number }, width: number): Thing => {
    const thing = { x: at.x, width, at, near: [] };
    const row = rows.get(Math.round(at.y)) ?? [];
    row.push(thing);
    rows.set(Math.round(at.y), row);
    return thing;
  };
  const things = new Map(graph.nodes().map((name) => [name, add(graph.node(name) as { x: number; y: number }, (graph.node(name) as { width: number }).width)]));
  for (const edge of graph.edges()) {
    const { points } = graph.edge(edge) as { points: { x: number; y: number }[] };
    const chain = [things.get(edge.v)!, ...points.slice(1, -1).map((point) => add(point, BEND)), things.get(edge.w)!];
    chain.slice(1).forEach((thing, k) => {
      thing.near.push(chain[k]!);
      chain[k]!.near.push(thing);
    });
  }
  const ordered = [...rows.entries()].sort(([a], [b]) => a - b).map(([, row]) => row.sort((a, b) => a.x - b.x));
  const width = Math.max(room, ...ordered.map(leastWidth));
  for (const thing of ordered.flat()) thing.x *= width / label.width;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) for (const row of sweep % 2 ? ordered : ordered.toReversed()) settle(row, width);
  for (const thing of ordered.flat()) thing.at.x = thing.x;
  label.width = width;
}

const distance = (a: Thing, b: Thing): number => (a.width + b.width) / 2 + (a.width === BEND || b.width === BEND ? CLOSE : GAP);

function leastWidth(row: Thing[]): number {
  return row.reduce((sum, thing, k) => sum + (k ? distance(row[k - 1]!, thing) : 0), (row[0]!.width + row.at(-1)!.width) / 2);
}

/** Each thing of a row as near to the mean of its neighbours as order, distances and the edges at 0 and `width` let it: the
 * places are those of the nearest sequence that grows by the distances (pool adjacent violators). */
function settle(row: Thing[], width: number): void {
  const offsets = [0];
  row.slice(1).forEach((thing, k) => offsets.push(offsets[k]! + distance(row[k]!, thing)));
  const pools: { sum: number; count: number }[] = [];
  row.forEach((thing, k) => {
    const wanted = thing.near.length > 0 ? thing.near.reduce((sum, other) => sum + other.x, 0) / thing.near.length : thing.x;
    pools.push({ sum: wanted - offsets[k]!, count: 1 });
    while (pools.length > 1 && mean(pools.at(-2)!) > mean(pools.at(-1)!)) {
      const { sum, count } = pools.pop()!;
      pools.at(-1)!.sum += sum;
      pools.at(-1)!.count += count;
    }
  });
  const [low, high] = [row[0]!.width / 2, width - row.at(-1)!.width / 2 - offsets.at(-1)!];
  let index = 0;
  for (const pool of pools) for (let k = 0; k < pool.count; k += 1, index += 1) row[index]!.x = Math.max(low, Math.min(high, mean(pool))) + offsets[index]!;
}

const mean = ({ sum, count }: { sum: number; count: number }): number => sum / count;
