import assert from "node:assert/strict";
import { test } from "vitest";
import { stepped } from "../src/explore";
import { around, steps, type Move } from "../src/explore_steps";
import type { ExploreData, WidgetModel } from "../src/types";

const MOVE: Move = { names: ["x"], values: { x: 0, k: 2 }, across: ["x"] };

/** A model whose kernel is the test: `asked` are the questions, `answer` gives value 10 × place for the first `rows` places. */
function kernel() {
  let hear: (content?: unknown, buffers?: DataView[]) => void = () => undefined;
  const asked: { steps: number; places: number[] }[] = [];
  const model = {
    on: (_: string, callback: typeof hear) => (hear = callback),
    off: () => (hear = () => undefined),
    send: (content: { steps: number }, _: unknown, [buffer]: ArrayBuffer[]) => asked.push({ steps: content.steps, places: [...new Float64Array(buffer!)] }),
  } as unknown as WidgetModel;
  const answer = (question: number, rows: number, error = ""): void => {
    const { steps: serial, places } = asked[question]!;
    const numbers = Float64Array.from(places.slice(0, rows).flatMap((place) => [10 * place, 1]));
    hear({ steps: serial, rows, error }, rows ? [new DataView(numbers.buffer)] : []);
  };
  return { model, asked, answer };
}
const places = (...positions: number[]): number[][] => positions.map((position) => [position]);

test("a place that is known is shown without a question", () => {
  const { model, asked, answer } = kernel();
  const shown: number[][] = [];
  const ahead = steps(model, ({ place, numbers }) => shown.push([place[0]!, numbers[0]!]), () => assert.fail());
  ahead.go(MOVE, [1], places(2, 3));
  assert.deepEqual(asked[0]!.places, [1, 2, 3]);
  answer(0, 2);
  ahead.go(MOVE, [2], []);
  assert.deepEqual(shown, [[1, 10], [2, 20]]);
  assert.equal(asked.length, 1);
  ahead.go({ ...MOVE, values: { x: 0, k: 3 } }, [2], []); // what stays has another value: nothing is known
  assert.equal(asked.length, 2);
});

test("three questions are under way at most, and of later ones the last counts", () => {
  const { model, asked, answer } = kernel();
  const shown: number[] = [];
  const ahead = steps(model, ({ place }) => shown.push(place[0]!), () => assert.fail());
  for (const position of [1, 2, 3, 4, 5]) ahead.go(MOVE, [position], []);
  assert.deepEqual(asked.map((question) => question.places), [[1], [2], [3]]);
  answer(0, 1);
  assert.deepEqual(asked[3]!.places, [5]);
  assert.deepEqual(shown, [1]); // the picture moves along until 5 is known
  answer(3, 1);
  assert.deepEqual(shown, [1, 5]);
});

test("an error is told and not asked for again", () => {
  const { model, asked, answer } = kernel();
  const told: string[] = [];
  const ahead = steps(model, () => assert.fail(), (words) => told.push(words));
  ahead.go(MOVE, [1], []);
  answer(0, 0, "OverflowError: too large");
  assert.deepEqual([told, asked.length], [["OverflowError: too large"], 1]);
});

test("places ahead come before those behind", () => {
  assert.deepEqual(around(3, 6, 1), [4, 5, 2, 6, 1, 0]);
  assert.deepEqual(around(1, 3, -1), [0, 2, 3]);
});

test("a step takes the place of value, gradient and picture", () => {
  const control = (name: string, value: number) => ({ name, label: name, low: 0, high: 1, value, step: null, log: false });
  const data: ExploreData = { title: "f", controls: [control("x", 0), control("k", 2)], across: ["x"], x: [0, 1], y: [0, 0], slope: [0, 0], heights: [], arrows: [], value: 0, gradient: { x: 0, k: 0 }, fixed: [], note: "" };
  const moved = stepped(data, { ...MOVE, names: ["k"] }, [0.5], Float64Array.from([7, 1, NaN, 3, 4, 5, 6]));
  assert.deepEqual([moved.value, moved.gradient, moved.y, moved.slope], [7, { x: 1, k: null }, [3, 4], [5, 6]]);
  assert.equal(moved.controls[1]!.value, 0.5);
  assert.equal(stepped(data, MOVE, [0.5], Float64Array.from([7, 1, 2])).y, data.y); // along its own axis the curve stays
});
