// The order of the nodes within each layer of a layout: barycentre sweeps on arrays, the best of them by crossings.
// dagre's own step builds a graph of objects for each layer and takes most of the time of a layout; ours takes a few per cent.
import type { graphlib } from "@dagrejs/dagre";

const PATIENCE = 8; // sweeps without fewer crossings until the search ends

/** Gives each node of a layered graph, whose edges join neighbouring ranks, its `order` within its rank. */
export function orderLayers(graph: graphlib.Graph): void {
  const names = graph.nodes();
  const nodes = names.map((name) => graph.node(name) as { rank: number; order: number });
  const number = new Map(names.map((name, index) => [name, index]));
  const [above, below]: [number[][], number[][]] = [names.map(() => []), names.map(() => [])];
  for (const { v, w } of graph.edges()) {
    const [a, b] = [number.get(v)!, number.get(w)!];
    const [upper, lower] = nodes[a]!.rank < nodes[b]!.rank ? [a, b] : [b, a];
    below[upper]!.push(lower);
    above[lower]!.push(upper);
  }
  const layers = depthFirst(nodes.map((node) => node.rank), below);
  const place = new Float64Array(names.length);
  const settle = (layer: number[]): void => layer.forEach((node, index) => (place[node] = index));
  layers.forEach(settle);
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers, below, place);
  for (let sweep = 0, idle = 0; idle < PATIENCE && fewest > 0; sweep += 1, idle += 1) {
    const down = sweep % 2 === 0;
    const tie = sweep % 4 < 2 ? 1 : -1; // equal ones keep their order in two sweeps and turn it round in the next two
    for (const layer of down ? layers.slice(1) : layers.slice(0, -1).reverse()) {
      const centre = new Map(layer.map((node) => [node, barycentre((down ? above : below)[node]!, place) ?? place[node]!]));
      layer.sort((a, b) => centre.get(a)! - centre.get(b)! || tie * (place[a]! - place[b]!));
      settle(layer);
    }
    const found = crossings(layers, below, place);
    if (found > fewest) continue;
    if (found < fewest) idle = -1;
    fewest = found;
    best = layers.map((layer) => [...layer]);
  }
  for (const layer of best) layer.forEach((node, index) => (nodes[node]!.order = index));
}

/** The layers, each in the order in which a search from the upper ones meets its nodes. */
function depthFirst(ranks: number[], below: number[][]): number[][] {
  const layers: number[][] = Array.from({ length: Math.max(-1, ...ranks) + 1 }, () => []);
  const seen = new Uint8Array(ranks.length);
  for (const start of ranks.map((_, index) => index).sort((a, b) => ranks[a]! - ranks[b]!)) {
    const waiting = [start];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (seen[node]) continue;
      seen[node] = 1;
      layers[ranks[node]!]!.push(node);
      waiting.push(...below[node]!.toReversed());
    }
  }
  return layers;
}

const barycentre = (others: number[], place: Float64Array): number | undefined =>
  others.length > 0 ? others.reduce((sum, other) => sum + place[other]!, 0) / others.length : undefined;

/** How many pairs of edges between neighbouring layers cross. */
export function crossings(layers: number[][], below: number[][], place: Float64Array): number {
  let count = 0;
  for (const layer of layers) {
    const ends = layer.flatMap((node) => below[node]!.map((other) => place[other]!).sort((a, b) => a - b));
    const sorted: number[] = []; // ends of the edges further left
    for (const end of ends) {
      let [low, high] = [0, sorted.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (sorted[middle]! <= end) low = middle + 1;
        else high = middle;
      }
      count += sorted.length - low;
      sorted.splice(low, 0, end);
    }
  }
  return count;
}

const [SEPARATION, EDGE_ROOM] = [16, 6]; // of nodes beside each other, and of an edge that passes between them

/** Gives each node a `rank` so that a layer is no wider than `room` pixels, as far as single nodes and passing edges let it: each
 * as near to those that read it as there is room. dagre's ranks count half layers. */
export function rankWithin(room: number): (graph: graphlib.Graph) => void {
  return (graph) => {
    const root = (graph.graph() as { nestingRoot?: string }).nestingRoot;
    const names = graph.nodes().filter((name) => name !== root);
    const after = new Map(names.map((name) => [name, [...new Set(graph.successors(name) ?? [])]]));
    const left = new Map(names.map((name) => [name, after.get(name)!.length]));
    const level = new Map<string, number>();
    const used: number[] = [];
    const take = (at: number, width: number): void => void (used[at] = (used[at] ?? 0) + width);
    const lowest = (name: string): number => Math.max(-1, ...after.get(name)!.map((next) => level.get(next)!)) + 1;
    let ready = names.filter((name) => left.get(name) === 0);
    while (ready.length > 0) {
      const name = ready.reduce((best, other) => (lowest(other) < lowest(best) ? other : best));
      ready = ready.filter((other) => other !== name);
      const width = (graph.node(name) as { width: number }).width + SEPARATION;
      let at = lowest(name);
      while ((used[at] ?? 0) > 0 && used[at]! + width > room) at += 1;
      level.set(name, at);
      take(at, width);
      for (const next of after.get(name)!) for (let between = level.get(next)! + 1; between < at; between += 1) take(between, EDGE_ROOM);
      for (const before of new Set(graph.predecessors(name) ?? [])) {
        if (before === root) continue;
        left.set(before, left.get(before)! - 1);
        if (left.get(before) === 0) ready.push(before);
      }
    }
    const top = Math.max(0, ...level.values());
    for (const name of names) (graph.node(name) as { rank: number }).rank = 2 * (top - level.get(name)!);
    if (root !== undefined) (graph.node(root) as { rank: number }).rank = 0;
  };
}
