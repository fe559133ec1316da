// The order of the nodes within each layer of a layout: barycentre sweeps on arrays, the best of them by crossings.

const PATIENCE = 8; // sweeps without fewer crossings until the search ends

/** The layers, each in an order with few crossings. ranks: of each node; below: its neighbours in the next rank. */
export function crossingsOrder(ranks: number[], below: number[][]): number[][] {
  const above: number[][] = ranks.map(() => []);
  below.forEach((others, node) => {
    for (const other of others) above[other]!.push(node);
  });
  const layers = depthFirst(ranks, below);
  const place = new Float64Array(ranks.length);
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
  return best;
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
  const widest = Math.max(0, ...layers.map((layer) => layer.length));
  for (const layer of layers) {
    const tree = new Int32Array(widest + 1); // how many ends of edges further left lie up to a place (Fenwick)
    let seen = 0;
    for (const node of layer) {
      const ends = below[node]!.map((other) => place[other]! + 1);
      for (const end of ends) {
        count += seen;
        for (let k = end; k > 0; k -= k & -k) count -= tree[k]!;
      }
      for (const end of ends) for (let k = end; k <= widest; k += k & -k) tree[k]! += 1;
      seen += ends.length;
    }
  }
  return count;
}
