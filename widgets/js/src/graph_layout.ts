// Layered layout, region by region, innermost first; no DOM, so that it is tested in Node.
import { shorten } from "./dom";
import { layOut, type Link, type Size } from "./graph_layers";
import { buildSlots, ROOT, shownPath, type SlotTree } from "./graph_tree";
import type { GraphData, GraphNode, GraphRegion, Half } from "./types";

export const CHARACTER = 7.83; // advance of a 13 px monospace glyph
const NODE_HEIGHT = 28;
const CLOSED_HEIGHT = 40;
const HEADER = 30;
const PADDING = 16;
const CELL_GAP = 8;
export const AXIS_GAP = 52;
export const LABEL_LENGTH = 22;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface PlacedItem extends Box {
  id: string;
  half: Half;
  region: boolean;
  open: boolean;
}
export interface PlacedEdge {
  source: string;
  target: string;
  kind: Half | "stored";
  points: [number, number][];
}
export interface Layout {
  items: Map<string, PlacedItem>;
  edges: PlacedEdge[];
  width: number;
  height: number;
  /** x of the mirror axis, or null without an adjoint half */
  axis: number | null;
  /** nodes and regions left out because `limit` was reached */
  omitted: number;
  tree: SlotTree;
}

interface Arrangement {
  width: number;
  height: number;
  children: Map<string, Box>;
  /** "from\nto" in slot ids -> the bends between, relative to the container */
  bends: Map<string, [number, number][]>;
}

const pair = (source: string, target: string): string => `${source}\n${target}`;

export const nodeWidth = (node: GraphNode): number =>
  Math.max(48, Math.round(shorten(node.label, LABEL_LENGTH).length * CHARACTER) + 18 + (node.stored ? 12 : 0));

export function regionTitle(region: GraphRegion): string {
  return shorten(`${region.kind} ${region.label}`.trim(), 30);
}

const closedWidth = (region: GraphRegion): number => Math.max(132, Math.round(regionTitle(region).length * CHARACTER) + 38);

/** The layout of a graph, at most `limit` of its nodes and regions, no wider than `room` pixels as far as labels let it. */
export function layoutGraph(graph: GraphData, opened: ReadonlySet<string>, limit = 200, room = Infinity): Layout {
  const tree = buildSlots(graph);
  const arrangements = new Map<string, Arrangement>();
  const lifted = liftEdges(graph, tree, opened);
  let drawn = 0;
  let omitted = 0;

  const itemSize = (id: string): { width: number; height: number } => {
    const node = tree.nodes.get(id);
    return node
      ? { width: nodeWidth(node), height: NODE_HEIGHT }
      : { width: closedWidth(tree.regions.get(id)!), height: CLOSED_HEIGHT };
  };
  const cellSize = (ids: string[]): { width: number; height: number } => {
    const sizes = ids.map(itemSize);
    const gaps = CELL_GAP * Math.max(0, sizes.length - 1);
    return {
      width: Math.max(0, ...sizes.map((size) => size.width)),
      height: sizes.reduce((sum, size) => sum + size.height, gaps),
    };
  };

  function arrange(container: string, within: number): Arrangement {
    const side = container === ROOT ? 4 : PADDING;
    const kept: string[] = [];
    const sizes: Size[] = [];
    for (const id of tree.children.get(container) ?? []) {
      const slot = tree.slots.get(id)!;
      const count = (slot.primal === null ? 0 : 1) + slot.adjoint.length;
      if (drawn + count > limit) {
        omitted += count;
        continue;
      }
      drawn += count;
      kept.push(id);
      if (slot.region && opened.has(id)) {
        const { width, height } = arrange(id, within - 2 * side);
        sizes.push({ width, height });
      } else {
        const cells = [slot.primal === null ? [] : [slot.primal], slot.adjoint].map(cellSize);
        sizes.push({ width: Math.max(...cells.map((c) => c.width)), height: Math.max(...cells.map((c) => c.height)) });
      }
    }
    const number = new Map(kept.map((id, k) => [id, k]));
    const keys = [...(lifted.get(container) ?? [])].filter((key) => key.split("\n").every((id) => number.has(id)));
    const links = keys.map((key) => key.split("\n").map((id) => number.get(id)!) as unknown as Link);
    const layers = layOut(sizes, links, within - 2 * side);
    const top = container === ROOT ? HEADER + 6 : HEADER + 8;
    const title = tree.regions.get(container);
    const inner = Math.max(layers.width, title ? closedWidth(title) - 2 * PADDING : 120);
    const shift = side + (inner - layers.width) / 2;
    const result: Arrangement = {
      width: inner + 2 * side,
      height: Math.max(layers.height, kept.length > 0 ? 0 : NODE_HEIGHT) + top + PADDING,
      children: new Map(),
      bends: new Map(keys.map((key, k) => [key, layers.bends[k]!.map(([x, y]): [number, number] => [x + shift, y + top])])),
    };
    kept.forEach((id, k) => {
      const [[x, y], { width, height }] = [layers.at[k]!, sizes[k]!];
      result.children.set(id, { x: x - width / 2 + shift, y: y - height / 2 + top, width, height });
    });
    arrangements.set(container, result);
    return result;
  }

  const root = arrange(ROOT, graph.has_adjoint ? (room - AXIS_GAP) / 2 : room);
  const width = graph.has_adjoint ? 2 * root.width + AXIS_GAP : root.width;
  const flip = (x: number): number => 2 * root.width + AXIS_GAP - x;
  const items = new Map<string, PlacedItem>();
  const origin = new Map<string, [number, number]>([[ROOT, [0, 0]]]);

  function stack(ids: string[], half: Half, slot: Box, region: boolean, open: boolean): void {
    let y = slot.y + (slot.height - (open ? slot.height : cellSize(ids).height)) / 2;
    // The adjoint runs upwards: the first of several adjoint nodes in a cell is the lowest.
    for (const id of half === "adjoint" ? [...ids].reverse() : ids) {
      const size = open ? slot : itemSize(id);
      const x = slot.x + (slot.width - size.width) / 2;
      items.set(id, { id, half, region, open, x: half === "adjoint" ? flip(x + size.width) : x, y, width: size.width, height: size.height });
      y += size.height + CELL_GAP;
    }
  }
  function place(container: string): void {
    const [left, top] = origin.get(container)!;
    for (const [id, box] of arrangements.get(container)!.children) {
      const slot = tree.slots.get(id)!;
      const placed = { ...box, x: box.x + left, y: box.y + top };
      const open = slot.region && opened.has(id);
      if (slot.primal !== null) stack([slot.primal], "primal", placed, slot.region, open);
      stack(slot.adjoint, "adjoint", placed, slot.region, open);
      if (!open) continue;
      origin.set(id, [placed.x, placed.y]);
      place(id);
    }
  }
  place(ROOT);

  const bendsBetween = (from: string[], to: string[], half: Half): [number, number][] => {
    let depth = 0;
    while (depth < from.length && from[depth] === to[depth]) depth += 1;
    const container = depth === 0 ? ROOT : from[depth - 1]!;
    const [a, b] = [from[depth], to[depth]];
    if (a === undefined || b === undefined) return [];
    const bends = arrangements.get(container)?.bends;
    const forward = half === "primal" ? pair(a, b) : pair(b, a);
    const backward = half === "primal" ? pair(b, a) : pair(a, b);
    const found = bends?.get(forward) ?? bends?.get(backward) ?? [];
    const [left, top] = origin.get(container) ?? [0, 0];
    const points = found.map(([x, y]): [number, number] => [half === "adjoint" ? flip(x + left) : x + left, y + top]);
    const reversed = (half === "adjoint") === (bends?.has(forward) ?? false);
    return reversed ? points.reverse() : points;
  };

  return {
    items,
    edges: routeEdges(graph, tree, opened, items, bendsBetween),
    width,
    height: root.height,
    axis: graph.has_adjoint ? root.width + AXIS_GAP / 2 : null,
    omitted,
    tree,
  };
}

/** container -> edges between its direct children, adjoint ones turned round to point the primal way. */
function liftEdges(graph: GraphData, tree: SlotTree, opened: ReadonlySet<string>): Map<string, Set<string>> {
  const lifted = new Map<string, Set<string>>();
  for (const edge of graph.edges) {
    const half = tree.nodes.get(edge.source)!.half;
    if (half !== tree.nodes.get(edge.target)!.half) continue;
    const [from, to] = [shownPath(tree, edge.source, opened), shownPath(tree, edge.target, opened)];
    let depth = 0;
    while (depth < from.length && from[depth] === to[depth]) depth += 1;
    const [a, b] = [from[depth], to[depth]];
    if (a === undefined || b === undefined) continue;
    const container = depth === 0 ? ROOT : from[depth - 1]!;
    const edges = lifted.get(container) ?? new Set<string>();
    edges.add(half === "primal" ? pair(a, b) : pair(b, a));
    lifted.set(container, edges);
  }
  return lifted;
}

type Bends = (from: string[], to: string[], half: Half) => [number, number][];

function routeEdges(
  graph: GraphData,
  tree: SlotTree,
  opened: ReadonlySet<string>,
  items: Map<string, PlacedItem>,
  bendsBetween: Bends,
): PlacedEdge[] {
  const found = new Map<string, PlacedEdge>();
  const shown = (id: string): PlacedItem | undefined => {
    const node = tree.nodes.get(id)!;
    const slot = tree.slots.get(shownPath(tree, id, opened).at(-1)!)!;
    if (!slot.region) return items.get(id);
    return items.get((node.half === "primal" ? slot.primal : slot.adjoint[0]) ?? "");
  };
  for (const edge of graph.edges) {
    const [source, target] = [shown(edge.source), shown(edge.target)];
    if (!source || !target || source === target || found.has(pair(source.id, target.id))) continue;
    const kind = source.half === target.half ? source.half : "stored";
    found.set(pair(source.id, target.id), {
      source: source.id,
      target: target.id,
      kind,
      points:
        kind === "stored"
          ? across(source, target)
          : along(source, target, bendsBetween(shownPath(tree, edge.source, opened), shownPath(tree, edge.target, opened), kind)),
    });
  }
  return [...found.values()];
}

function along(source: Box, target: Box, bends: [number, number][]): [number, number][] {
  const down = source.y + source.height / 2 < target.y + target.height / 2;
  const start: [number, number] = [source.x + source.width / 2, down ? source.y + source.height : source.y];
  const end: [number, number] = [target.x + target.width / 2, down ? target.y : target.y + target.height];
  const inside = bends.filter(([, y]) => (down ? y > start[1] && y < end[1] : y < start[1] && y > end[1]));
  return [start, ...inside, end];
}

function across(source: Box, target: Box): [number, number][] {
  const right = source.x < target.x;
  return [
    [right ? source.x + source.width : source.x, source.y + source.height / 2],
    [right ? target.x : target.x + target.width, target.y + target.height / 2],
  ];
}
