// What Python sends: the dictionaries of widgets/models, and the widget model that carries them.

export interface WidgetModel {
  get<T = unknown>(name: string): T;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(name: string, callback: () => void): void;
  off(name: string, callback: () => void): void;
  widget_manager?: { get_model(id: string): Promise<WidgetModel> };
}

export interface RenderContext {
  model: WidgetModel;
  el: HTMLElement;
}
export type Cleanup = () => void;

export type Half = "primal" | "adjoint";

export interface GraphNode {
  id: string;
  label: string;
  half: Half;
  parent: string | null;
  mirror: string | null;
  line: number | null;
  column: number | null;
  ir: string;
  type: string;
  active: boolean;
  stored: boolean;
  note: string;
}
export interface GraphRegion {
  id: string;
  kind: string;
  label: string;
  parent: string | null;
  half: Half;
  line: number | null;
}
export interface GraphEdge {
  source: string;
  target: string;
}
export interface GraphData {
  title: string;
  source: string[];
  first_line: number;
  nodes: GraphNode[];
  regions: GraphRegion[];
  edges: GraphEdge[];
  has_adjoint: boolean;
}

export interface DeviceData {
  id: string;
  name: string;
  kind: string;
  memory_total: number;
  memory_used: number;
  available: boolean;
  reason: string;
}
export interface ArrayData {
  name: string;
  bytes: number;
  shape: number[];
  dtype: string;
  device: string;
}
export interface KernelData {
  name: string;
  device: string;
  launches: number;
  line: number | null;
}
export interface TransferData {
  array: string;
  bytes: number;
  direction: "to device" | "to host";
  milliseconds: number;
  why: string;
  order: number;
  ends: [string, string] | null;
}
export interface PlacementData {
  title: string;
  devices: DeviceData[];
  arrays: ArrayData[];
  kernels: KernelData[];
  transfers: TransferData[];
  summary: string;
  total_bytes: number;
  total_milliseconds: number;
}

export interface TimingRowData {
  device: string;
  label: string;
  size: number | null;
  median: number;
  q1: number;
  q3: number;
  compute_median: number | null;
  transfer_median: number | null;
  note: string;
  comparison: string;
}
export interface StageData {
  name: string;
  milliseconds: number;
  ops: number;
}
export interface TimingData {
  title: string;
  rows: TimingRowData[];
  unavailable: { device: string; reason: string }[];
  stages: StageData[];
  machine: string;
  date: string;
  versions: Record<string, string>;
  compile_milliseconds: number;
}

export interface SeriesData {
  name: string;
  style: "line" | "dashed" | "dots" | "steps" | "bars";
  x: (number | null)[];
  y: (number | null)[];
}
export interface ControlData {
  name: string;
  label: string;
  low: number;
  high: number;
  value: number;
  step: number | null;
  log: boolean;
}
export interface PlotAxis {
  label: string;
  log: boolean;
  range: [number, number];
}
export interface PlotData {
  title: string;
  series: SeriesData[];
  x: PlotAxis;
  y: PlotAxis;
  mark: [number | null, number | null] | null;
  drag: string;
  note: string;
  controls: ControlData[];
}
