import assert from "node:assert/strict";
import { test } from "vitest";
import { upwards } from "../src/explore_charts";
import { runs, short, sliderPosition, sliderValue, tickWords } from "../src/plot";
import { rowOf } from "../src/source_pane";
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
  assert.deepEqual([0, 0.1234567, 123456, 1e-5].map(short), ["0", "0.1235", "1.23e5", "1e-5"]);
  assert.deepEqual(tickWords([0, 5e9, 1e10]), ["0", "5e9", "1e10"]);
  assert.deepEqual(tickWords([1.00001, 1.00002, 1.00003]), ["1.00001", "1.00002", "1.00003"]);
});

test("a constant, also one with rounding, has room around it and ticks that differ", () => {
  for (const values of [[3, 3], [3, 3 + 4e-16], [-1e9, -1e9], [0, 0]]) {
    const scale = upwards(values, 250);
    const [low, high] = scale.domain() as [number, number];
    assert.ok(low < values[0]! && values[1]! < high);
    assert.equal(new Set(tickWords(scale.ticks(5))).size, scale.ticks(5).length);
  }
  assert.deepEqual(upwards([0, 10], 250).domain(), [0, 10]);
});

test("the source of a cell with several functions begins at the one that is shown", () => {
  const lines = ["# %%autodiff", "def f(x):", "    return x", "def f_f(x):", "    return f(x)"];
  assert.deepEqual(["grad_f", "grad_f_f", "f_f_cuda0", "g"].map((title) => rowOf(lines, title)), [1, 3, 3, 0]);
});
