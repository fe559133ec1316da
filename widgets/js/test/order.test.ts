import assert from "node:assert/strict";
import { test } from "vitest";
import { layOut, rankWithin, type Link } from "../src/graph_layers";
import { crossings, crossingsOrder } from "../src/graph_order";

const random = (seed: number) => () => (seed = (seed * 16807) % 2147483647) / 2147483647;
function links(count: number, seed: number): Link[] {
  const next = random(seed);
  return Array.from({ length: 2 * (count - 1) }, (_, k): Link => [Math.max(0, (k >> 1) - Math.floor(next() * next() * 12)), (k >> 1) + 1]);
}
const places = (layers: number[][], count: number): Float64Array => {
  const place = new Float64Array(count);
  for (const layer of layers) layer.forEach((node, k) => (place[node] = k));
  return place;
};
const permutations = (of: number[]): number[][] => (of.length < 2 ? [of] : of.flatMap((first) => permutations(of.filter((other) => other !== first)).map((rest) => [first, ...rest])));

test("crossings are counted", () => {
  for (const [below, count] of [[[[3, 2], [2, 3], [], []], 1], [[[3], [2], [], []], 1], [[[2], [3], [], []], 0]] as const)
    assert.equal(crossings([[0, 1], [2, 3]], below.map((others) => [...others]), Float64Array.from([0, 1, 0, 1])), count);
});

test("layers are ordered with nearly as few crossings as can be", () => {
  let [found, fewest] = [0, 0];
  for (let seed = 1; seed <= 12; seed += 1) {
    const next = random(seed * 7919);
    const below = Array.from({ length: 12 }, (_, node) => (node < 8 ? Array.from({ length: 2 }, () => 4 * (1 + (node >> 2)) + Math.floor(4 * next())) : []));
    const ranks = below.map((_, node) => node >> 2);
    found += crossings(crossingsOrder(ranks, below), below, places(crossingsOrder(ranks, below), 12));
    const orders = [0, 4, 8].map((start) => permutations([0, 1, 2, 3].map((k) => start + k)));
    let least = Infinity;
    for (const middle of orders[1]!) {
      // given the middle layer, the layers above and below are chosen one by one
      const best = (choices: number[][], upper: boolean): number => Math.min(...choices.map((layer) => crossings(upper ? [layer, middle] : [middle, layer], below.map((others, node) => ((upper ? node < 4 : node >= 4) ? others : [])), places([layer, middle], 12))));
      least = Math.min(least, best(orders[0]!, true) + best(orders[2]!, false));
    }
    fewest += least;
  }
  assert.ok(fewest <= found && found <= 1.1 * fewest, `${found} of ${fewest}`);
});

test("ranks lead from makers to readers, each layer within the room", () => {
  const widths = Array.from({ length: 60 }, (_, k) => 50 + 10 * (k % 7));
  const ranks = rankWithin(widths, links(60, 3), 400);
  for (const [from, to] of links(60, 3)) assert.ok(ranks[from]! < ranks[to]!);
  const used = ranks.reduce<number[]>((sums, rank, node) => ((sums[rank] = (sums[rank] ?? 0) + widths[node]! + 16), sums), []);
  assert.ok(Math.max(...used) <= 416 && Math.min(...ranks) === 0);
});

test("a cycle is drawn, with one link upwards; nodes do not overlap and no edge crosses a node beside it", () => {
  const sizes = Array.from({ length: 40 }, (_, k) => ({ width: 40 + 8 * (k % 5), height: k % 9 === 4 ? 90 : 28 }));
  const all: Link[] = [...links(40, 5), [39, 0]];
  const { at, bends, width, height } = layOut(sizes, all, 500);
  const inside = (node: number, [x, y]: readonly [number, number], slack = 0): boolean => Math.abs(x - at[node]![0]) < sizes[node]!.width / 2 + slack && Math.abs(y - at[node]![1]) < sizes[node]!.height / 2;
  assert.ok(width <= 500);
  all.forEach(([from, to], k) => {
    assert.equal(at[from]![1] < at[to]![1], k < all.length - 1);
    const ys = [at[from]!, ...bends[k]!, at[to]!].map(([, y]) => y);
    assert.deepEqual(ys, [...ys].sort((a, b) => (k < all.length - 1 ? a - b : b - a)));
    for (const bend of bends[k]!) assert.ok(!sizes.some((_, node) => inside(node, bend)));
  });
  for (let a = 0; a < 40; a += 1) {
    assert.ok(at[a]![0] - sizes[a]!.width / 2 >= -1e-6 && at[a]![0] + sizes[a]!.width / 2 <= width + 1e-6 && at[a]![1] + sizes[a]!.height / 2 <= height);
    for (let b = 0; b < a; b += 1) assert.ok(Math.abs(at[a]![1] - at[b]![1]) > 1 || Math.abs(at[a]![0] - at[b]![0]) >= (sizes[a]!.width + sizes[b]!.width) / 2 + 9.9);
  }
});
