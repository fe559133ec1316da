// What Python sends: the dictionaries of widgets/models, and the widget model that carries them.

export interface WidgetModel {
  get<T = unknown>(name: string): T;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(name: string, callback: (content?: unknown, buffers?: DataView[]) => void): void;
  off(name: string, callback: (content?: unknown, buffers?: DataView[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
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
  sweep: string;
  reason: string;
  device: string;
  /** index into the graph's `rules`, -1 without one */
  rule: number;
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
  starts: string[];
  ends: string[];
  rules: string[];
}
export interface GraphValuesData {
  texts?: Record<string, string>;
  sizes?: Record<string, number>;
  ended?: string;
}
export interface GraphPathData {
  source: string;
  target: string;
  steps: [string, number | null][];
  count: number;
  nodes: string[];
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
  movable: { name: string; device: string }[];
  targets: string[];
  estimates: EstimateData[];
  error: string;
}
export interface EstimateData {
  kind: "function" | "value";
  name: string;
  device: string;
  operations: number;
  bytes: number;
  compute: number;
  copies: number;
  measured: number | null;
  predicted: number;
  ratio: number | null;
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
  curves: CurvePoint[];
  sweep: SweepData | null;
  sentences: string[];
  roofline: RooflineData | null;
}
export interface RooflineData {
  ceilings: { device: string; operations: number; bytes: number }[];
  points: { label: string; device: string; operations: number; bytes: number; seconds: number; intensity: number; rate: number }[];
  failed: string[];
  sentences: string[];
}
export interface CurvePoint extends TimingRowData {
  series: string;
  run: string;
}
export interface SweepData {
  options: string[];
  chosen: string;
  sizes: number[];
  done: number;
  failed: string[];
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

export interface StageInfo {
  name: string;
  milliseconds: number | null;
  ops: number | null;
  language: string;
}
export interface StagesData {
  title: string;
  source: string[];
  first_line: number;
  stages: StageInfo[];
  milliseconds: number;
}
export interface StageTextData {
  text: string;
  lines: number[];
}

export interface FindingData {
  kind: string;
  severity: "error" | "warning" | "note";
  title: string;
  message: string;
  line: number;
  column: number;
  remedy: string;
  page: string;
}
export interface FindingsData {
  title: string;
  source: string[];
  first_line: number;
  findings: FindingData[];
  checks: [string, string][];
  unseen: string[];
  pending: string;
  summary: string;
}

export interface KeptData {
  name: string;
  type: string;
  line: number | null;
  bytes: number | null;
  scheme: string;
  reason: string;
}
export interface MemoryData {
  title: string;
  kept: KeptData[];
  budget: number | null;
  unlimited: number | null;
  budgets: number[];
  fixed: string;
  seconds: number | null;
  profile: [string, number][];
  summary: string;
}

export type LaneName = "host" | "to device" | "compute" | "to host";
export interface EventData {
  lane: LaneName;
  name: string;
  start: number;
  end: number;
  bytes: number;
  why: string;
  device: string;
  order: number;
}
export interface TransfersData {
  title: string;
  events: EventData[];
  lanes: LaneName[];
  diagnosis: string;
  overlap: number;
  recorded: string;
  recordable: boolean;
  total_bytes: number;
  total_seconds: number;
}

export interface ExploreData {
  title: string;
  controls: ControlData[];
  across: string[];
  x: (number | null)[];
  y: (number | null)[];
  slope: (number | null)[];
  heights: (number | null)[];
  arrows: (number | null)[][];
  value: number | null;
  gradient: Record<string, number | null>;
  fixed: string[];
  note: string;
}
