import assert from "node:assert/strict";
import { test } from "vitest";
import { withViews, type Notebook } from "../src/saved";

const VIEW = "application/vnd.jupyter.widget-view+json";
const STATE = "application/vnd.jupyter.widget-state+json";
const panel = "6ed49f2a13f04d25a5e2a48c0a7d6f11";
const live = {
  [panel]: { state: { _kind: "panel", _engine: "k", layout: "IPY_MODEL_lay", tabs: [{ view: "graph" }, { view: "" }] } },
  lay: { state: {} },
  graph: { state: { _kind: "graph", _engine: "k" } },
  other: { state: { _kind: "graph", _engine: "k" } }, // of a panel that is gone
  slider: { state: { value: 1 } },
  library: { state: { _engine: "k", _esm: "…" } },
};
const notebook = (id: string | number, metadata: Record<string, unknown> = {}): Notebook => ({
  metadata,
  cells: [{}, { outputs: [{}, { data: { [VIEW]: { model_id: id, version_major: 2 }, "image/png": "" } }] }],
});
const stateOf = (saved: Notebook): Record<string, { state: Record<string, unknown> }> => (saved.metadata["widgets"] as never)[STATE].state;
const idOf = (saved: Notebook): unknown => (saved.cells[1]!.outputs![1]!.data![VIEW] as { model_id: unknown }).model_id;

test("a saved notebook has the views it shows, under a number that is no key of the state but in JavaScript", () => {
  const saved = withViews(notebook(panel), live);
  const number = idOf(saved);
  assert.equal(typeof number, "number");
  assert.deepEqual(Object.keys(stateOf(saved)).sort(), [String(number), "graph", "lay", "library"].sort());
  assert.deepEqual(JSON.parse(JSON.stringify(saved)), saved);

  // Opened again without a kernel and saved: the same. With one that has the panel still: its state, under the same number.
  const again = withViews(structuredClone(saved), {});
  assert.deepEqual(again, saved);
  const changed = { ...live, [panel]: { state: { ...live[panel]!.state, active: "Timings" } } };
  const third = withViews(structuredClone(saved), changed);
  assert.equal(idOf(third), number);
  assert.equal(stateOf(third)[String(number)]!.state["active"], "Timings");
});

test("what belongs to others stays, and what is shown no more goes", () => {
  const foreign = { widgets: { [STATE]: { version_major: 2, version_minor: 0, state: { slider: { state: { value: 2 } } } } } };
  const saved = withViews(notebook(panel, structuredClone(foreign)), live);
  assert.deepEqual(stateOf(saved)["slider"], { state: { value: 2 } });
  saved.cells = [];
  assert.deepEqual(withViews(saved, {}).metadata, foreign);
  const alone = withViews(notebook(panel), live);
  alone.cells = [];
  assert.deepEqual(withViews(alone, {}).metadata, {});
  assert.deepEqual(withViews(notebook("slider"), live), notebook("slider"));
});
