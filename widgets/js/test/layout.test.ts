import assert from "node:assert/strict";
import { test } from "vitest";
import { layoutGraph } from "../src/graph_layout";
import { buildSlots, drawnCount, matchRegions, openRegion } from "../src/graph_tree";
import { nextSort } from "../src/ledger";
import { formatBytes, formatSeconds } from "../src/format";
import type { GraphData, GraphNode, GraphRegion, Half } from "../src/types";

const node = (id: string, half: Half, parent: string | null, mirror: string | null = null): GraphNode => ({
  id, label: id, half, parent, mirror, line: null, column: null, ir: "", type: "", active: true, stored: false, note: "", sweep: "", reason: "", device: "", rule: -1,
});
const region = (id: string, half: Half, parent: string | null = null): GraphRegion => ({ id, kind: "for", label: id, parent, half, line: null });

const graph: GraphData = {
  title: "f",
  source: [],
  first_line: 1,
  has_adjoint: true,
  starts: [],
  ends: [],
  rules: [],
  nodes: [
    node("x", "primal", null), node("a", "primal", "loop"), node("b", "primal", "loop"), node("y", "primal", null),
    node("seed", "adjoint", null), node("dy", "adjoint", null, "y"), node("db", "adjoint", "back", "b"),
    node("da1", "adjoint", "back", "a"), node("da2", "adjoint", "back", "a"), node("acc", "adjoint", "back"), node("dx", "adjoint", null, "x"),
  ],
  regions: [region("loop", "primal"), region("back", "adjoint")],
  edges: ["x a", "a b", "b y", "seed dy", "dy db", "db da1", "db da2", "da1 acc", "da2 acc", "acc dx", "a da1"].map((link) => {
    const [source, target] = link.split(" ") as [string, string];
    return { source, target };
  }),
};

test("an adjoint loop is matched with the loop it reverses", () => {
  assert.deepEqual([...matchRegions(graph)], [["back", "loop"]]);
});

test("the adjoint half mirrors the primal half, open and closed", () => {
  for (const opened of [new Set<string>(), new Set(["loop"])]) {
    const { items, axis } = layoutGraph(graph, opened);
    const pairs = [["x", "dx"], ["y", "dy"], ["loop", "back"], ...(opened.size ? [["b", "db"]] : [])];
    for (const [primal, adjoint] of pairs) {
      const [p, q] = [items.get(primal!)!, items.get(adjoint!)!];
      assert.ok(Math.abs(axis! - (p.x + p.width / 2) - (q.x + q.width / 2 - axis!)) < 0.01, `${primal} and ${adjoint} are mirror images`);
      assert.ok(Math.abs(p.y + p.height / 2 - q.y - q.height / 2) < 0.01, `${primal} and ${adjoint} are level`);
    }
  }
});

test("closed regions hide their nodes, and edges end at the region", () => {
  const { items, edges } = layoutGraph(graph, new Set());
  assert.equal(items.has("a"), false);
  assert.ok(edges.some((edge) => edge.source === "x" && edge.target === "loop"));
  assert.ok(edges.some((edge) => edge.source === "loop" && edge.target === "back" && edge.kind === "stored"));
});

test("no two nodes overlap, and none leaves the picture", () => {
  const { items, width, height } = layoutGraph(graph, new Set(["loop"]));
  const nodes = [...items.values()].filter((item) => !item.region);
  for (const a of nodes) {
    assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height);
    for (const b of nodes)
      if (a !== b) assert.ok(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y, `${a.id} overlaps ${b.id}`);
  }
});

test("the primal runs down and the adjoint up", () => {
  const { items } = layoutGraph(graph, new Set(["loop"]));
  const y = (id: string): number => items.get(id)!.y;
  assert.ok(y("x") < y("a") && y("a") < y("b") && y("b") < y("y"));
  assert.ok(y("seed") > y("dy") && y("dy") > y("db") && y("db") > y("da1"));
});

test("opening a region closes the oldest ones above the budget", () => {
  const many: GraphData = { ...graph, has_adjoint: false, edges: [], regions: [], nodes: [] };
  for (let r = 0; r < 10; r += 1) {
    many.regions.push(region(`r${r}`, "primal"));
    for (let n = 0; n < 10; n += 1) many.nodes.push(node(`n${r}_${n}`, "primal", `r${r}`));
  }
  const tree = buildSlots(many);
  let opened: string[] = [];
  for (let r = 0; r < 10; r += 1) opened = openRegion(tree, opened, `r${r}`, 45);
  assert.deepEqual(opened, ["r7", "r8", "r9"]);
  assert.equal(drawnCount(tree, new Set(opened)), 40);
  assert.equal(layoutGraph(many, new Set(many.regions.map((r) => r.id)), 30).items.size, 30);
});

test("a column turns round, and a number starts with the largest", () => {
  assert.equal(nextSort("order:ascending", "bytes"), "bytes:descending");
  assert.equal(nextSort("bytes:descending", "bytes"), "bytes:ascending");
  assert.equal(nextSort("bytes:ascending", "why"), "why:ascending");
});

test("units", () => {
  assert.deepEqual([8, 1500, 134217728, 999_999].map(formatBytes), ["8 B", "1.5 kB", "134 MB", "1 MB"]);
  assert.deepEqual([1.5, 0.0123, 9.3e-4, 2e-8].map(formatSeconds), ["1.5 s", "12.3 ms", "930 µs", "20 ns"]);
});

test("a wide graph is laid out in the width there is, without overlaps", () => {
  const names = Array.from({ length: 30 }, (_, k) => `value number ${k}`);
  const wide: GraphData = {
    ...graph,
    nodes: [...names.map((name) => node(name, "primal", null)), ...names.map((name) => node(`d ${name}`, "adjoint", null, name))],
    regions: [],
    edges: names.slice(1).flatMap((name, k) => [k, Math.floor(k / 4)].map((from) => ({ source: names[from]!, target: name }))),
  };
  const free = layoutGraph(wide, new Set());
  for (const room of [0.9 * free.width, 0.75 * free.width]) {
    const { width, items, edges, omitted } = layoutGraph(wide, new Set(), 200, room);
    assert.ok(width <= room + 1 && omitted === 0, `${width}`);
    const all = [...items.values()];
    for (const a of all) {
      assert.ok(a.x >= -1 && a.x + a.width <= width + 1);
      for (const b of all) assert.ok(a === b || a.x + a.width <= b.x + 1 || b.x + b.width <= a.x + 1 || a.y + a.height <= b.y || b.y + b.height <= a.y, `${a.id} on ${b.id}`);
    }
    for (const { points } of edges) for (const [x] of points) assert.ok(x >= -1 && x <= width + 1);
  }
});
