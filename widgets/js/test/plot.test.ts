import assert from "node:assert/strict";
import { test } from "vitest";
import { runs, short, sliderPosition, sliderValue } from "../src/plot";
import type { ControlData } from "../src/types";

const control = (changes: Partial<ControlData>): ControlData => ({ name: "c", label: "c", low: 1, high: 1000, value: 1, step: null, log: false, ...changes });

test("a slider's position leads back to its value", () => {
  for (const one of [control({}), control({ log: true }), control({ step: 1 })])
    for (const value of [1, 10, 500, 1000]) assert.ok(Math.abs(sliderValue(one, sliderPosition(one, value)) - value) < 1e-9 * value);
});

test("a rounded logarithmic slider gives multiples of its step", () => {
  const one = control({ log: true, step: 1 });
  assert.equal(sliderValue(one, 500), 32);
  assert.equal(sliderValue(one, 0), 1);
});

test("curves break where a value is missing or has no logarithm", () => {
  const series = { name: "s", style: "line" as const, x: [0, 1, 2, 3, 4], y: [1, null, 2, -1, 3] };
  assert.deepEqual(runs(series, false, false), [[[0, 1]], [[2, 2], [3, -1], [4, 3]]]);
  assert.deepEqual(runs(series, true, true), [[[2, 2]], [[4, 3]]]);
});

test("numbers are short", () => {
  assert.deepEqual([0, 0.1234567, 123456, 1e-5].map(short), ["0", "0.1235", "1.23e+5", "1.00e-5"]);
});
