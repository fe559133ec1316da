// A layered drawing of a graph (Sugiyama, Tagawa, Toda 1981): ranks, an order within each, places; no DOM.
import { crossingsOrder } from "./graph_order";
import { spread, type Row } from "./graph_spread";

export interface Size {
  width: number;
  height: number;
}
export type Link = readonly [from: number, to: number];
export interface Layers {
  width: number;
  height: number;
  /** the centre of each node */
  at: [number, number][];
  /** the points between the ends of each link, in the order of the links */
  bends: [number, number][][];
}

const [NODE_GAP, BEND_GAP, BEND, RANK_GAP] = [16, 4, 2, 30];
const STRAIGHT = 4; // how much more two bends of an edge want to be in line than an edge wants to be straight

/** Nodes with the links between them, drawn downwards, no wider than `room` as far as single layers let it. */
export function layOut(sizes: Size[], links: readonly Link[], room: number): Layers {
  const downwards = turnedDown(sizes.length, links);
  const ranks = rankWithin(sizes.map(({ width }) => width), downwards, room);
  const trunks = trunksOf(sizes.length, downwards, ranks);
  const count = sizes.length + trunks.bends.length;
  const rankOf = [...ranks, ...trunks.bends];
  const isBend = (thing: number): boolean => thing >= sizes.length;
  const below: number[][] = Array.from({ length: count }, () => []);
  for (const [from, to] of trunks.steps) below[from]!.push(to);

  const rows: Row[] = crossingsOrder(rankOf, below).map((layer) => {
    const offsets = [0];
    layer.slice(1).forEach((thing, k) => {
      const gap = isBend(thing) || isBend(layer[k]!) ? BEND_GAP : NODE_GAP;
      offsets.push(offsets[k]! + (widthOf(layer[k]!) + widthOf(thing)) / 2 + gap);
    });
    return { things: layer, offsets, left: widthOf(layer[0]!) / 2, right: widthOf(layer.at(-1)!) / 2 };
  });
  function widthOf(thing: number): number {
    return isBend(thing) ? BEND : sizes[thing]!.width;
  }
  const weight = ([from, to]: Link): number => (isBend(from) && isBend(to) ? STRAIGHT : 1);
  const { x, width } = spread(rows, count, trunks.steps.map((step) => [...step, weight(step)] as const), room);

  let y = 0;
  const [tops, heights] = [[] as number[], [] as number[]];
  for (const { things } of rows) {
    const height = Math.max(...things.map((thing) => (isBend(thing) ? 0 : sizes[thing]!.height)));
    tops.push(y);
    heights.push(height);
    y += height + RANK_GAP;
  }
  const point = (bend: number): [number, number][] => {
    const rank = rankOf[bend]!; // straight through its layer, so that the edge crosses none of the nodes beside it
    return [[x[bend]!, tops[rank]!], [x[bend]!, tops[rank]! + heights[rank]!]];
  };
  return {
    width,
    height: Math.max(0, y - RANK_GAP),
    at: sizes.map((_, node) => [x[node]!, tops[ranks[node]!]! + heights[ranks[node]!]! / 2]),
    bends: links.map(([from], number) => {
      const points = trunks.through[number]!.flatMap(point);
      return downwards[number]![0] === from ? points : points.reverse();
    }),
  };
}

/** The links, those against a depth-first order turned round: there is no cycle then. */
function turnedDown(count: number, links: readonly Link[]): Link[] {
  const after: number[][] = Array.from({ length: count }, () => []);
  for (const [from, to] of links) after[from]!.push(to);
  const finished = new Int32Array(count).fill(-1);
  const entered = new Uint8Array(count);
  let time = 0;
  for (let root = 0; root < count; root += 1) {
    const path: [number, number][] = entered[root] ? [] : [[root, 0]];
    entered[root] = 1;
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const next = after[top[0]]![top[1]++];
      if (next === undefined) finished[path.pop()![0]] = time++;
      else if (!entered[next]) {
        entered[next] = 1;
        path.push([next, 0]);
      }
    }
  }
  return links.map(([from, to]) => (finished[from]! < finished[to]! ? [to, from] : [from, to]));
}

/** A rank for each node so that a layer is no wider than `room`, as far as single nodes and passing edges let it: each as near
 * to those that read it as there is room, those that nothing reads as near to what they read. */
export function rankWithin(widths: number[], links: readonly Link[], room: number): number[] {
  const [after, before] = [widths.map(() => new Set<number>()), widths.map(() => new Set<number>())];
  for (const [from, to] of links) {
    after[from]!.add(to);
    before[to]!.add(from);
  }
  const left = after.map((readers) => readers.size);
  const level: number[] = widths.map(() => -1);
  const used: number[] = [];
  const take = (at: number, width: number): void => void (used[at] = (used[at] ?? 0) + width);
  const lowest = (node: number): number => Math.max(-1, ...[...after[node]!].map((reader) => level[reader]!)) + 1;
  const ready = left.flatMap((readers, node) => (readers === 0 ? [node] : []));
  while (ready.length > 0) {
    const best = ready.reduce((found, _, k) => (lowest(ready[k]!) < lowest(ready[found]!) ? k : found), 0);
    const [node] = ready.splice(best, 1) as [number];
    const width = widths[node]! + NODE_GAP;
    let at = lowest(node);
    while ((used[at] ?? 0) > 0 && used[at]! + width > room) at += 1;
    level[node] = at;
    take(at, width);
    const furthest = Math.min(at, ...[...after[node]!].map((reader) => level[reader]!));
    for (let between = furthest + 1; between < at; between += 1) take(between, BEND + BEND_GAP);
    for (const maker of before[node]!) if (--left[maker]! === 0) ready.push(maker);
  }
  const top = Math.max(0, ...level);
  return level.map((from) => top - from);
}

/** Edges of one node to several ranks share one trunk of bends. bends: their ranks; steps: pairs of neighbours, bends counted
 * on from the nodes; through: the bends of each link. */
function trunksOf(nodes: number, links: readonly Link[], ranks: number[]): { bends: number[]; steps: Link[]; through: number[][] } {
  const bends: number[] = [];
  const steps: Link[] = [];
  const trunks = new Map<number, number[]>();
  const through = links.map(([from, to]) => {
    const trunk = trunks.get(from) ?? [];
    trunks.set(from, trunk);
    const passed = ranks[to]! - ranks[from]! - 1;
    while (trunk.length < passed) {
      const bend = nodes + bends.length;
      steps.push([trunk.at(-1) ?? from, bend]);
      bends.push(ranks[from]! + trunk.length + 1);
      trunk.push(bend);
    }
    steps.push([trunk[passed - 1] ?? from, to]);
    return trunk.slice(0, passed);
  });
  return { bends, steps, through };
}
