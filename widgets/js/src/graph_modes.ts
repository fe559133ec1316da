// What the colours of the graph say: each mode gives a node a colour or a heat, and has its own legend.
import { html } from "./dom";
import { formatNumber } from "./format";
import type { GraphData, GraphNode, GraphValuesData } from "./types";

export type Mode = "half" | "activity" | "sweep" | "size" | "device";
/** own: the CSS colour of a node (none: that of its half); heat: 0 to 1, how strongly it is filled; null: unknown */
export interface Paint {
  own?: string;
  heat?: number | null;
}

const SWEEPS: Record<string, [string, string]> = {
  stored: ["var(--wgt-stored)", "stored"],
  recomputed: ["var(--wgt-select)", "computed again"],
  linear: ["var(--wgt-primal)", "linear: needs no value"],
  "": ["var(--wgt-muted)", "nothing needed"],
};
const DEVICES = ["var(--wgt-primal)", "var(--wgt-adjoint)", "var(--wgt-stored)", "var(--wgt-select)"];
const DECADES = 6; // of magnitudes told apart below the largest

const TITLES: Record<Mode, string> = { half: "primal and adjoint", activity: "activity", sweep: "the reverse sweep", size: "size of the adjoint", device: "device" };

/** The modes that say something of this graph, with their titles. */
export function modesOf(data: GraphData, canMeasure: boolean): [Mode, string][] {
  const modes: Mode[] = ["half"];
  if (data.has_adjoint) modes.push("activity");
  if (data.nodes.some((node) => node.sweep !== "")) modes.push("sweep");
  if (data.has_adjoint && canMeasure) modes.push("size");
  if (data.nodes.some((node) => node.device !== "")) modes.push("device");
  return modes.map((mode) => [mode, TITLES[mode]]);
}

/** 0 to 1 for magnitudes: DECADES below the largest and less is 0. */
export function heatScale(sizes: Iterable<number>): (size: number) => number {
  const largest = Math.max(0, ...[...sizes].filter(Number.isFinite));
  return (size) => {
    if (!Number.isFinite(size)) return 1;
    if (size <= 0 || largest <= 0) return 0;
    return Math.max(0, Math.min(1, 1 + Math.log10(size / largest) / DECADES));
  };
}

export function painter(mode: Mode, data: GraphData, values: GraphValuesData): (node: GraphNode) => Paint {
  const devices = devicesOf(data);
  const scale = heatScale(Object.values(values.sizes ?? {}));
  switch (mode) {
    case "activity":
      return (node) => (node.half === "adjoint" ? {} : { own: node.active ? "var(--wgt-stored)" : "var(--wgt-muted)" });
    case "sweep":
      return (node) => (node.half === "adjoint" ? { own: "var(--wgt-line)" } : { own: (SWEEPS[node.stored ? "stored" : node.sweep] ?? SWEEPS[""]!)[0] });
    case "device":
      return (node) => (node.device === "" ? { own: "var(--wgt-muted)" } : { own: DEVICES[devices.indexOf(node.device) % DEVICES.length]! });
    case "size":
      return (node) => {
        const size = values.sizes?.[node.id];
        return { own: "var(--wgt-adjoint)", heat: size === undefined ? null : scale(size) };
      };
    default:
      return () => ({});
  }
}

const devicesOf = (data: GraphData): string[] => [...new Set(data.nodes.map((node) => node.device).filter((device) => device !== ""))];

export function legendOf(mode: Mode, data: GraphData, values: GraphValuesData): HTMLElement[] {
  const own = (colour: string, text: string): HTMLElement => html("span", { class: "wgt-key wgt-key-own", style: `--wgt-own:${colour}` }, text);
  const key = (name: string, text: string): HTMLElement => html("span", { class: `wgt-key wgt-key-${name}` }, text);
  if (mode === "activity") return [own("var(--wgt-stored)", "active: a derivative flows through"), own("var(--wgt-muted)", "inactive"), key("adjoint", "adjoint")];
  if (mode === "sweep") {
    const present = new Set(data.nodes.filter((node) => node.half === "primal").map((node) => (node.stored ? "stored" : node.sweep)));
    return Object.entries(SWEEPS).filter(([name]) => present.has(name)).map(([, [colour, text]]) => own(colour, text));
  }
  if (mode === "device") return devicesOf(data).map((device, index) => own(DEVICES[index % DEVICES.length]!, device));
  if (mode === "size") {
    const sizes = Object.values(values.sizes ?? {}).filter(Number.isFinite);
    if (sizes.length === 0) return [html("span", {}, "sizes are known after a run at the last inputs")];
    const largest = Math.max(...sizes);
    return [html("span", { class: "wgt-heat-key" }, html("span", {}, `≤ ${formatNumber(largest * 10 ** -DECADES)}`), html("span", { class: "wgt-heat-ramp", "aria-hidden": "true" }), html("span", {}, formatNumber(largest)))];
  }
  return [key("primal", "primal"), ...(data.has_adjoint ? [key("adjoint", "adjoint")] : []), ...(data.nodes.some((node) => node.stored) ? [key("stored", "stored for the reverse sweep")] : [])];
}
