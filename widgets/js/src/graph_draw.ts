// Draws a layout as SVG and keeps its marks: selection, search, keyboard focus.
import { curveMonotoneY, curveMonotoneX, line as lineOf } from "d3-shape";
import { shorten, svg, uniqueId } from "./dom";
import { plural } from "./format";
import { LABEL_LENGTH, regionTitle, type Layout, type PlacedEdge, type PlacedItem } from "./graph_layout";
import type { Paint } from "./graph_modes";
import type { GraphData, GraphNode } from "./types";

export interface GraphDrawing {
  select(id: string | null): void;
  mark(ids: ReadonlySet<string> | null): void;
  /** Show only what is on a path strongly, or everything. */
  trace(ids: ReadonlySet<string> | null): void;
  paint(paint: (node: GraphNode) => Paint): void;
  focus(id: string): void;
}
interface Actions {
  choose(id: string): void;
  toggle(id: string): void;
  /** The pointer or the focus is on an operation or a region, or on none any more. */
  hover(id: string | null): void;
}

const vertical = lineOf<[number, number]>().curve(curveMonotoneY);
const horizontal = lineOf<[number, number]>().curve(curveMonotoneX);

export function drawGraph(stage: SVGGElement, data: GraphData, layout: Layout, actions: Actions): GraphDrawing {
  const elements = new Map<string, SVGGElement>();
  const edges: { edge: PlacedEdge; path: SVGPathElement }[] = [];
  const layers = { regions: svg("g"), edges: svg("g", { "aria-hidden": "true" }), nodes: svg("g") };
  // An id of its own: a marker that lies in a hidden tab is not drawn anywhere.
  const arrowhead = uniqueId("arrow");
  // Outer regions first, so that inner ones lie on top.
  const items = [...layout.items.values()].sort((a, b) => b.width * b.height - a.width * a.height);
  for (const item of items) {
    const element = item.region ? drawRegion(item, data, layout, actions) : drawNode(item, layout, actions);
    for (const event of ["pointerenter", "focus"]) element.addEventListener(event, () => actions.hover(item.id));
    for (const event of ["pointerleave", "blur"]) element.addEventListener(event, () => actions.hover(null));
    elements.set(item.id, element);
    layers.nodes.append(element);
    // The frame of an open region lies below the edges, its header above them.
    if (item.open) layers.regions.append(frame(item));
  }
  for (const edge of layout.edges) {
    const path = svg("path", {
      class: `wgt-edge wgt-edge-${edge.kind}`,
      d: route(edge) ?? "",
      "marker-end": edge.kind === "stored" ? null : `url(#${arrowhead})`,
    });
    edges.push({ edge, path });
    layers.edges.append(path);
  }
  stage.replaceChildren(...backdrop(layout, arrowhead), layers.regions, layers.edges, layers.nodes);

  let current = items.find((item) => item.half === "primal" && item.y === Math.min(...items.map((other) => other.y)))?.id ?? items[0]?.id;
  const focus = (id: string | undefined, move: boolean): void => {
    if (id === undefined || !elements.has(id)) return;
    elements.get(current ?? "")?.setAttribute("tabindex", "-1");
    current = id;
    elements.get(id)!.setAttribute("tabindex", "0");
    if (move) elements.get(id)!.focus({ preventScroll: true });
  };
  focus(current, false);
  stage.onkeydown = (event) => {
    const item = layout.items.get((event.target as Element).closest<SVGGElement>("[data-item]")?.dataset["item"] ?? "");
    if (!item) return;
    if (event.key === "Enter" || event.key === " ") item.region ? actions.toggle(item.id) : actions.choose(item.id);
    else if (event.key.startsWith("Arrow") && !event.shiftKey) focus(neighbour(item, [...layout.items.values()], event.key), true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return {
    select(id) {
      const related = new Set(id === null ? [] : relatives(data, id));
      for (const [key, element] of elements) {
        element.classList.toggle("wgt-selected", key === id);
        element.classList.toggle("wgt-related", related.has(key));
        if (!layout.items.get(key)!.region) element.setAttribute("aria-pressed", String(key === id));
      }
      for (const { edge, path } of edges) path.classList.toggle("wgt-edge-on", id !== null && (edge.source === id || edge.target === id));
      if (id !== null) focus(id, false);
    },
    mark(ids) {
      stage.classList.toggle("wgt-searching", ids !== null);
      for (const [key, element] of elements) element.classList.toggle("wgt-match", ids !== null && holds(key, ids, layout));
    },
    trace(ids) {
      stage.classList.toggle("wgt-tracing", ids !== null);
      for (const [key, element] of elements) element.classList.toggle("wgt-on-path", ids !== null && (holds(key, ids, layout) || layout.items.get(key)!.open));
      for (const { edge, path } of edges) path.classList.toggle("wgt-edge-traced", ids !== null && [edge.source, edge.target].every((end) => elements.get(end)?.classList.contains("wgt-on-path")));
    },
    paint(paint) {
      for (const [key, element] of elements) {
        const item = layout.items.get(key)!;
        const painted = item.region ? strongest(inside(key, data, layout).map(paint)) : paint(layout.tree.nodes.get(key)!);
        if (painted.own && !item.region) element.style.setProperty("--wgt-own", painted.own);
        else element.style.removeProperty("--wgt-own");
        element.classList.toggle("wgt-heated", typeof painted.heat === "number" && !item.open);
        element.classList.toggle("wgt-unheated", painted.heat === null && !item.region);
        if (typeof painted.heat === "number") element.style.setProperty("--wgt-heat", `${Math.round(8 + 84 * painted.heat)}%`);
        element.classList.toggle("wgt-hot", (painted.heat ?? 0) > 0.55 && !item.open);
      }
    },
    focus: (id) => focus(id, true),
  };
}

/** The heat of a closed region: that of the hottest operation in it. */
function strongest(paints: Paint[]): Paint {
  const heats = paints.map((paint) => paint.heat).filter((heat) => typeof heat === "number");
  return heats.length > 0 ? { heat: Math.max(...heats) } : {};
}

function inside(region: string, data: GraphData, layout: Layout): GraphNode[] {
  return data.nodes.filter((node) => {
    let parent = node.parent;
    while (parent !== null && parent !== region) parent = layout.tree.regions.get(parent)?.parent ?? null;
    return parent === region;
  });
}

/** The adjoints of a primal node, or the primal node of an adjoint one. */
function relatives(data: GraphData, id: string): string[] {
  const node = data.nodes.find((entry) => entry.id === id);
  if (node?.mirror) return [node.mirror];
  return data.nodes.filter((entry) => entry.mirror === id).map((entry) => entry.id);
}

/** Whether an item is one of `ids`, or a closed region with one of them inside. */
function holds(id: string, ids: ReadonlySet<string>, layout: Layout): boolean {
  const item = layout.items.get(id)!;
  if (!item.region) return ids.has(id);
  if (item.open) return false;
  for (const wanted of ids) {
    let parent = layout.tree.nodes.get(wanted)?.parent ?? null;
    for (; parent !== null; parent = layout.tree.regions.get(parent)?.parent ?? null) if (parent === id) return true;
  }
  return false;
}

function route(edge: PlacedEdge): string | null {
  if (edge.kind === "stored") return horizontal(edge.points);
  if (edge.points.length > 2) return vertical(edge.points);
  const [[x1, y1], [x2, y2]] = edge.points as [[number, number], [number, number]];
  const middle = (y1 + y2) / 2;
  return `M${x1},${y1}C${x1},${middle} ${x2},${middle} ${x2},${y2}`;
}

function backdrop(layout: Layout, arrowhead: string): SVGElement[] {
  const found: SVGElement[] = [arrowheads(arrowhead)];
  if (layout.axis === null) return found;
  found.push(svg("line", { class: "wgt-axis", x1: layout.axis, x2: layout.axis, y1: 0, y2: layout.height }));
  for (const half of ["primal", "adjoint"] as const) {
    const x = half === "primal" ? layout.axis / 2 - 18 : layout.width - layout.axis / 2 + 18;
    const text = half === "primal" ? "primal ↓" : "adjoint ↑";
    found.push(svg("text", { class: `wgt-half wgt-half-${half}`, x, y: 16, "text-anchor": "middle" }, text));
  }
  return found;
}

function arrowheads(id: string): SVGElement {
  return svg(
    "defs",
    {},
    svg(
      "marker",
      { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" },
      svg("path", { d: "M0,0.6L7.4,4L0,7.4Z", class: "wgt-arrow" }),
    ),
  );
}

function drawNode(item: PlacedItem, layout: Layout, actions: Actions): SVGGElement {
  const node = layout.tree.nodes.get(item.id)!;
  const classes = ["wgt-node", `wgt-${item.half}`];
  if (item.half === "primal" && !node.active && layout.axis !== null) classes.push("wgt-inactive");
  const middle = (item.width - (node.stored ? 12 : 0)) / 2;
  return svg(
    "g",
    {
      class: classes.join(" "),
      "data-item": item.id,
      "data-node": item.id,
      role: "button",
      tabindex: -1,
      "aria-label": describe(node),
      transform: `translate(${item.x},${item.y})`,
      onclick: () => actions.choose(item.id),
    },
    svg("rect", { width: item.width, height: item.height, rx: 6 }),
    svg("text", { x: middle, y: item.height / 2, "text-anchor": "middle", "dominant-baseline": "central" }, shorten(node.label, LABEL_LENGTH)),
    node.stored && svg("circle", { class: "wgt-stored", cx: item.width - 12, cy: item.height / 2, r: 4 }),
    svg("title", {}, [node.ir || node.label, node.note].filter(Boolean).join("\n")),
  );
}

function describe(node: GraphNode): string {
  const facts = [node.half, node.line === null ? "" : `line ${node.line}`, node.stored ? "stored" : ""].filter(Boolean);
  return `${node.label}, ${facts.join(", ")}`;
}

function drawRegion(item: PlacedItem, data: GraphData, layout: Layout, actions: Actions): SVGGElement {
  const region = layout.tree.regions.get(item.id)!;
  const count = inside(item.id, data, layout).length;
  const toggle = (): void => actions.toggle(item.id);
  const element = svg("g", {
    class: `wgt-region wgt-${item.half}${item.open ? "" : " wgt-closed"}`,
    "data-item": item.id,
    "data-region": item.id,
    role: "button",
    tabindex: -1,
    "aria-expanded": String(item.open),
    "aria-label": `${region.kind} ${region.label}, ${plural(count, "operation")}, ${item.half}`,
    transform: `translate(${item.x},${item.y})`,
  });
  if (item.open) {
    const header = svg("g", { class: "wgt-region-header", onclick: toggle }, svg("rect", { x: 6, y: 4, width: Math.min(item.width - 12, 12 + 7.3 * (regionTitle(region).length + 2)), height: 20, rx: 4 }));
    header.append(svg("text", { x: 12, y: 18 }, `▾ ${regionTitle(region)}`), svg("title", {}, "close"));
    element.append(header);
    return element;
  }
  element.addEventListener("click", toggle);
  element.append(
    svg("rect", { class: "wgt-region-back", x: 4, y: 4, width: item.width, height: item.height, rx: 7 }),
    svg("rect", { class: "wgt-region-box", width: item.width, height: item.height, rx: 7 }),
    svg("text", { x: 12, y: 17 }, `▸ ${regionTitle(region)}`),
    svg("text", { x: 27, y: 33, class: "wgt-small" }, plural(count, "operation")),
    svg("title", {}, "open"),
  );
  return element;
}

function frame(item: PlacedItem): SVGElement {
  const { x, y, width, height } = item;
  return svg("rect", { class: `wgt-frame wgt-${item.half}`, x, y, width, height, rx: 8 });
}

/** The nearest item in the direction of an arrow key; sideways distance counts double. */
function neighbour(from: PlacedItem, items: PlacedItem[], key: string): string | undefined {
  const centre = (item: PlacedItem): [number, number] => [item.x + item.width / 2, item.y + (item.open ? 14 : item.height / 2)];
  const [x, y] = centre(from);
  const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key];
  if (!step) return undefined;
  let best: { id: string; cost: number } | undefined;
  for (const item of items) {
    const [dx, dy] = [centre(item)[0] - x, centre(item)[1] - y];
    const ahead = dx * step[0]! + dy * step[1]!;
    if (item.id === from.id || ahead < 4) continue;
    const cost = ahead + 2 * Math.abs(dx * step[1]! - dy * step[0]!);
    if (!best || cost < best.cost) best = { id: item.id, cost };
  }
  return best?.id;
}
