import assert from "node:assert/strict";
import { test } from "vitest";
import { alignLines, comparable, matches } from "../src/diff";
import { bands, middling, viridis } from "../src/explore_map";
import { clampWindow, packLanes, panWindow, zoomWindow } from "../src/gantt_scale";
import { runningBytes } from "../src/transfers";
import { windowOf } from "../src/virtual";
import type { EventData } from "../src/types";

test("a line is compared without the numbers of its values", () => {
  assert.equal(comparable("    %12 = multiply %a.3, %4 : f64"), comparable("%7 = multiply %x, %99 : f64"));
  assert.notEqual(comparable("%1 = add %2, %3"), comparable("%1 = multiply %2, %3"));
});

test("the diff keeps both texts in order and pairs what is equal", () => {
  const left = ["a", "b", "c", "d", "e"];
  const right = ["a", "x", "c", "e", "f"];
  const rows = alignLines(left, right);
  assert.deepEqual(rows.flatMap((row) => (row.left === null ? [] : [row.left])), [0, 1, 2, 3, 4]);
  assert.deepEqual(rows.flatMap((row) => (row.right === null ? [] : [row.right])), [0, 1, 2, 3, 4]);
  const equal = rows.filter((row) => row.left !== null && row.right !== null && left[row.left] === right[row.right]);
  assert.deepEqual(equal.map((row) => left[row.left!]), ["a", "c", "e"]);
});

test("the diff finds a longest common part", () => {
  const random = (seed: number): (() => number) => () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  for (let seed = 1; seed < 40; seed += 1) {
    const next = random(seed);
    const make = (): string[] => Array.from({ length: 8 }, () => "abc"[Math.floor(3 * next())]!);
    const [a, b] = [make(), make()];
    const best = a.map(() => new Array<number>(b.length + 1).fill(0)).concat([new Array<number>(b.length + 1).fill(0)]);
    for (let i = a.length - 1; i >= 0; i -= 1)
      for (let j = b.length - 1; j >= 0; j -= 1) best[i]![j] = a[i] === b[j] ? best[i + 1]![j + 1]! + 1 : Math.max(best[i + 1]![j]!, best[i]![j + 1]!);
    const found = matches(a, b);
    assert.equal(found.length, best[0]![0], `${a.join("")} and ${b.join("")}`);
    assert.ok(found.every(([i, j], k) => a[i] === b[j] && (k === 0 || (found[k - 1]![0] < i && found[k - 1]![1] < j))));
  }
});

test("two texts of thousands of lines are aligned at once", () => {
  const text = (shift: number): string[] => Array.from({ length: 4000 }, (_, k) => (k % 40 === shift ? `changed ${shift} ${k}` : `%${k + shift} = op ${k}`));
  assert.ok(alignLines(text(0), text(1)).length >= 4000);
  assert.ok(alignLines(text(0), Array.from({ length: 4000 }, (_, k) => `other ${k}`)).length >= 4000);
}, 60_000);

test("only lines in sight are drawn", () => {
  const [from, to] = windowOf(20_000, 400, 5000);
  assert.ok(from > 900 && from <= 1000 && to >= 1020 && to < 1100);
  assert.deepEqual(windowOf(0, 400, 5), [0, 5]);
});

test("zooming keeps its point and stays inside", () => {
  const [from, to] = zoomWindow([0, 1], 0.5, 0.4);
  assert.ok(Math.abs((0.4 - from) / (to - from) - 0.4) < 1e-9);
  assert.deepEqual(zoomWindow([0.2, 0.4], 100, 0.3), [0, 1]);
  assert.deepEqual(panWindow([0.25, 0.75], 0.5), [0.5, 1]);
  assert.deepEqual(clampWindow([-1, 3]), [0, 1]);
});

test("events of one lane that overlap are drawn below each other", () => {
  const event = (start: number, end: number): EventData => ({ lane: "compute", name: "k", start, end, bytes: 0, why: "", device: "", order: 0 });
  const events = [event(0, 2), event(1, 3), event(2, 4)];
  const [track] = packLanes(events, ["compute"]);
  assert.equal(track!.count, 2);
  assert.deepEqual(events.map((e) => track!.rows.get(e)), [0, 1, 0]);
});

test("bytes add up in the order in which copies end", () => {
  const copy = (end: number, bytes: number): EventData => ({ lane: "to device", name: "u", start: 0, end, bytes, why: "", device: "", order: 0 });
  assert.deepEqual(runningBytes([copy(3, 10), copy(1, 5), copy(2, 1)]), [{ time: 1, bytes: 5 }, { time: 2, bytes: 6 }, { time: 3, bytes: 16 }]);
});

test("the map has the colours of its heights and nothing where there is no value", () => {
  const heights = [0, 1, 2, 3];
  const pixels = bands(heights, 2, 2, 8);
  const at = (x: number, y: number): number[] => [...pixels.slice(4 * (y * 8 + x), 4 * (y * 8 + x) + 4)];
  assert.deepEqual(at(0, 7), [...viridis(0), 255]); // the first value is at the bottom left
  assert.deepEqual(at(7, 0), [...viridis(1), 255]);
  assert.deepEqual(middling([]), [0, 1]);
  assert.equal(bands([null, null, null, null], 2, 2, 4)[3], 0);
});
