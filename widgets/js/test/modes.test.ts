import assert from "node:assert/strict";
import { test } from "vitest";
import { heatScale } from "../src/graph_modes";
import { decades, spread } from "../src/timing_sweep";

test("heat spans six decades below the largest", () => {
  const scale = heatScale([1e-9, 1e-3, 10, NaN]);
  assert.deepEqual([10, 1e-2, 1e-5, 1e-9, 0, Infinity].map((size) => Number(scale(size).toFixed(3))), [1, 0.5, 0, 0, 0, 1]);
  assert.equal(heatScale([])(1), 0);
});

test("the axes of times are powers of ten, a few of them", () => {
  assert.deepEqual(decades([3e-6, 2e-3]), [1e-5, 1e-4, 1e-3]);
  assert.ok(decades([1e-9, 1e9]).length <= 7);
  assert.deepEqual(decades([2, 3]), [2, 3]);
  assert.deepEqual(spread([0, 10, 1000]).map(Math.round), [8, 1300]);
});
