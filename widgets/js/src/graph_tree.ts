// Slots: the places of the common layout of both halves. A primal item and the adjoint items derived from it
// share one slot, so that the adjoint half is the exact mirror image of the primal half.
import type { GraphData, GraphNode, GraphRegion } from "./types";

export const ROOT = "";

export interface Slot {
  id: string;
  container: string;
  region: boolean;
  primal: string | null;
  adjoint: string[];
}

export interface SlotTree {
  slots: Map<string, Slot>;
  children: Map<string, string[]>;
  /** node or region id -> the slot it is drawn in */
  slotOf: Map<string, string>;
  nodes: Map<string, GraphNode>;
  regions: Map<string, GraphRegion>;
  /** slot of a region -> nodes inside it, at any depth and in both halves */
  size: Map<string, number>;
}

/** For each adjoint region the primal region it reverses: the one most of its nodes are derived from. */
export function matchRegions(graph: GraphData): Map<string, string> {
  const regions = new Map(graph.regions.map((region) => [region.id, region]));
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const path = (parent: string | null): string[] => {
    const found: string[] = [];
    for (; parent !== null; parent = regions.get(parent)?.parent ?? null) found.unshift(parent);
    return found;
  };
  const adjoint = graph.regions.filter((region) => region.half === "adjoint");
  adjoint.sort((a, b) => path(a.parent).length - path(b.parent).length);
  const matched = new Map<string, string>();
  const taken = new Set<string>();
  for (const region of adjoint) {
    const outer = region.parent === null ? ROOT : matched.get(region.parent);
    if (outer === undefined) continue;
    const votes = new Map<string, number>();
    for (const node of graph.nodes) {
      if (node.mirror === null || !path(node.parent).includes(region.id)) continue;
      const around = path(nodes.get(node.mirror)?.parent ?? null);
      const candidate = around[outer === ROOT ? 0 : around.indexOf(outer) + 1];
      if (candidate === undefined || (outer !== ROOT && !around.includes(outer))) continue;
      votes.set(candidate, (votes.get(candidate) ?? 0) + 1);
    }
    const best = [...votes].filter(([id]) => !taken.has(id)).sort((a, b) => b[1] - a[1])[0];
    if (!best) continue;
    matched.set(region.id, best[0]);
    taken.add(best[0]);
  }
  return matched;
}

export function buildSlots(graph: GraphData): SlotTree {
  const matched = matchRegions(graph);
  const tree: SlotTree = {
    slots: new Map(),
    children: new Map([[ROOT, []]]),
    slotOf: new Map(),
    nodes: new Map(graph.nodes.map((node) => [node.id, node])),
    regions: new Map(graph.regions.map((region) => [region.id, region])),
    size: new Map(),
  };
  const containerOf = (item: GraphNode | GraphRegion): string =>
    item.parent === null ? ROOT : (matched.get(item.parent) ?? item.parent);
  const add = (item: GraphNode | GraphRegion, id: string, region: boolean): void => {
    let slot = tree.slots.get(id);
    if (!slot) {
      slot = { id, container: containerOf(item), region, primal: null, adjoint: [] };
      tree.slots.set(id, slot);
      const siblings = tree.children.get(slot.container);
      if (siblings) siblings.push(id);
      else tree.children.set(slot.container, [id]);
    }
    if (item.half === "primal") slot.primal = item.id;
    else slot.adjoint.push(item.id);
    tree.slotOf.set(item.id, id);
  };
  const halves = [...graph.regions, ...graph.nodes];
  for (const item of halves.filter((entry) => entry.half === "primal")) add(item, item.id, tree.regions.has(item.id));
  for (const item of halves.filter((entry) => entry.half === "adjoint")) {
    if (tree.regions.has(item.id)) {
      add(item, matched.get(item.id) ?? item.id, true);
      continue;
    }
    const mirror = tree.nodes.get((item as GraphNode).mirror ?? "");
    const shared = mirror?.half === "primal" && containerOf(mirror) === containerOf(item);
    add(item, shared ? mirror.id : item.id, false);
  }
  for (const node of graph.nodes)
    for (const id of slotPath(tree, node.id).slice(0, -1)) tree.size.set(id, (tree.size.get(id) ?? 0) + 1);
  return tree;
}

/** The slots around and of an item, outermost first. */
export function slotPath(tree: SlotTree, itemId: string): string[] {
  const path: string[] = [];
  for (let id = tree.slotOf.get(itemId); id !== undefined && id !== ROOT; id = tree.slots.get(id)?.container) path.unshift(id);
  return path;
}

/** The slot path of an item as far as it is drawn: it ends at the first region that is closed. */
export function shownPath(tree: SlotTree, itemId: string, opened: ReadonlySet<string>): string[] {
  const path = slotPath(tree, itemId);
  const end = path.findIndex((id) => tree.slots.get(id)?.region && !opened.has(id));
  return end < 0 ? path : path.slice(0, end + 1);
}

/** How many nodes and regions are drawn when the regions in `opened` are open. */
export function drawnCount(tree: SlotTree, opened: ReadonlySet<string>, container = ROOT): number {
  let count = 0;
  for (const id of tree.children.get(container) ?? []) {
    const slot = tree.slots.get(id)!;
    count += (slot.primal === null ? 0 : 1) + slot.adjoint.length;
    if (slot.region && opened.has(id)) count += drawnCount(tree, opened, id);
  }
  return count;
}

/**
 * Open region slot `id` and all around it, closing the longest-open others while more than `budget` items
 * would be drawn. `opened` is in the order of opening; returns the new order.
 */
export function openRegion(tree: SlotTree, opened: readonly string[], id: string, budget: number): string[] {
  const wanted: string[] = [];
  for (let at: string | undefined = id; at !== undefined && at !== ROOT; at = tree.slots.get(at)?.container) wanted.unshift(at);
  let others = opened.filter((other) => !wanted.includes(other));
  while (others.length > 0 && drawnCount(tree, new Set([...others, ...wanted])) > budget) others = others.slice(1);
  return [...others, ...wanted];
}
