// Timings: one row for each case, one column for each device, one scale for all; and the compile time by stage.
import { scaleLinear, scaleLog } from "d3-scale";
import { html, svg, uniqueId } from "./dom";
import { formatMilliseconds, formatSeconds, plural } from "./format";
import { rooflineSection } from "./timing_roofline";
import { sweepSection } from "./timing_sweep";
import type { Cleanup, RenderContext, StageData, TimingData, TimingRowData } from "./types";

type ScaleKind = "linear" | "log";
const LOG_ABOVE = 60; // a bar shorter than 1/60 of the longest says nothing on a linear scale

/** seconds -> per cent of the bar's room */
type Scale = (seconds: number) => number;

export function renderTiming({ model, el }: RenderContext): Cleanup {
  const measured = html("div");
  const rest = html("div");
  const sweep = sweepSection(model);
  const roofline = rooflineSection(model);
  const root = html("div", { class: "wgt wgt-timing", "data-view": "timing" }, measured, sweep.element, roofline.element, rest);
  el.append(root);
  const load = (): void => {
    const data = model.get<TimingData>("data");
    const chosen = model.get<string>("scale");
    const kind: ScaleKind = chosen === "linear" || chosen === "log" ? chosen : suitableScale(data.rows);
    const choose = (scale: ScaleKind): void => {
      model.set("scale", scale);
      model.save_changes();
    };
    const timed = data.rows.length + data.unavailable.length > 0 && data.rows.length > 0;
    const nothing = data.curves.length === 0 && !model.get<boolean>("asks");
    measured.replaceChildren(
      ...(timed || (data.unavailable.length > 0 && nothing) ? [toolbar(data, kind, choose), timings(data, kind)] : nothing ? [html("p", { class: "wgt-muted" }, "No timings were taken.")] : []),
      ...(!timed && !nothing ? data.unavailable.map(({ device, reason }) => html("p", { class: "wgt-muted" }, `${device} cannot be measured: ${reason}`)) : []),
    );
    sweep.load(data);
    roofline.load(data);
    rest.replaceChildren(...(data.stages.length > 0 ? [stages(data)] : []), provenance(data));
  };
  model.on("change:data", load);
  model.on("change:scale", load);
  load();
  return () => {
    sweep.close();
    roofline.close();
    model.off("change:data", load);
    model.off("change:scale", load);
  };
}

export function suitableScale(rows: TimingRowData[]): ScaleKind {
  const medians = rows.map((row) => row.median).filter((median) => median > 0);
  return medians.length > 1 && Math.max(...medians) / Math.min(...medians) > LOG_ABOVE ? "log" : "linear";
}

function makeScale(rows: TimingRowData[], kind: ScaleKind): { position: Scale; ticks: number[] } {
  const longest = Math.max(...rows.map((row) => Math.max(row.q3, row.median)), 1e-9);
  if (kind === "linear") {
    const scale = scaleLinear([0, longest], [0, 100]);
    return { position: (seconds) => scale(Math.max(0, seconds)), ticks: scale.ticks(3) };
  }
  const positive = rows.flatMap((row) => [row.q1, row.median]).filter((seconds) => seconds > 0);
  const start = 10 ** Math.floor(Math.log10(Math.min(...positive, longest)) - 0.1);
  const scale = scaleLog([start, longest], [0, 100]).clamp(true);
  const decades: number[] = [];
  for (let tick = start; tick <= longest * 1.001; tick *= 10) decades.push(tick);
  const every = Math.ceil(decades.length / 4);
  return { position: (seconds) => scale(Math.max(seconds, start)), ticks: decades.filter((_, index) => index % every === 0) };
}

function toolbar(data: TimingData, kind: ScaleKind, choose: (scale: ScaleKind) => void): HTMLElement {
  const option = (value: ScaleKind, text: string): HTMLElement =>
    html("button", { class: "wgt-button", type: "button", "aria-pressed": String(kind === value), onclick: () => choose(value) }, text);
  const split = data.rows.some((row) => row.transfer_median !== null);
  return html(
    "div",
    { class: "wgt-bar" },
    html("span", { class: "wgt-muted" }, "median time of one call; the whisker spans the middle half of the runs"),
    split && html("span", { class: "wgt-legend" }, html("span", { class: "wgt-key wgt-key-compute" }, "compute"), html("span", { class: "wgt-key wgt-key-transfer" }, "transfer")),
    html("span", { class: "wgt-space" }),
    html("span", { class: "wgt-buttons", role: "group", "aria-label": "time scale" }, option("linear", "Linear"), option("log", "Log")),
  );
}

function timings(data: TimingData, kind: ScaleKind): HTMLElement {
  const devices = [...new Set(data.rows.map((row) => row.device))];
  const cases = [...new Map(data.rows.map((row) => [`${row.label}\n${row.size}`, row])).values()];
  const { position, ticks } = makeScale(data.rows, kind);
  const columns = devices.length + data.unavailable.length;
  const grid = html("div", { class: "wgt-timings wgt-scroll", role: "table", "aria-label": "timings", style: `--wgt-devices:${columns}` });
  const head = html("div", { role: "row", class: "wgt-row" }, html("div", { role: "columnheader", class: "wgt-case" }));
  devices.forEach((device, index) => head.append(html("div", { role: "columnheader", class: `wgt-device wgt-tone-${index % 4}` }, device)));
  data.unavailable.forEach(({ device }) => head.append(html("div", { role: "columnheader", class: "wgt-device wgt-tone-none" }, device)));
  grid.append(head);
  cases.forEach((entry, index) => {
    const line = html("div", { role: "row", class: "wgt-row" });
    line.append(
      html("div", { role: "rowheader", class: "wgt-case" }, html("strong", {}, entry.label), entry.size !== null && html("span", { class: "wgt-muted" }, plural(entry.size, "element"))),
    );
    devices.forEach((device, column) => {
      const row = data.rows.find((other) => other.device === device && other.label === entry.label && other.size === entry.size);
      line.append(row ? bar(row, position, ticks, column) : html("div", { role: "cell", class: "wgt-cell wgt-muted" }, "not timed"));
    });
    data.unavailable.forEach(({ device, reason }) =>
      line.append(html("div", { role: "cell", class: "wgt-cell wgt-unavailable-cell", "data-unavailable": device }, index === 0 && html("p", { class: "wgt-reason" }, `Not available: ${reason}`))),
    );
    grid.append(line);
  });
  if (cases.length === 0)
    grid.append(
      html("div", { role: "row", class: "wgt-row" }, html("div", { role: "cell" }), ...data.unavailable.map(({ reason }) => html("div", { role: "cell", class: "wgt-cell" }, html("p", { class: "wgt-reason" }, `Not available: ${reason}`)))),
    );
  const axis = html("div", { class: "wgt-row wgt-axis-row", "aria-hidden": "true" }, html("div", { class: "wgt-case wgt-muted" }, kind === "log" ? "log scale" : ""));
  for (let column = 0; column < devices.length; column += 1)
    axis.append(html("div", { class: "wgt-cell" }, html("div", { class: "wgt-ticks" }, ...ticks.map((tick) => html("span", { style: `left:${position(tick).toFixed(2)}%` }, formatSeconds(tick))))));
  for (const _ of data.unavailable) axis.append(html("div", { class: "wgt-cell" }));
  grid.append(axis);
  return grid;
}

function bar(row: TimingRowData, position: Scale, ticks: number[], column: number): HTMLElement {
  const at = (seconds: number): string => `${position(seconds).toFixed(2)}%`;
  const split = row.transfer_median !== null && row.transfer_median > 0;
  // The transfer is the tail of the bar, so that on a log scale, too, the bar ends at the median.
  const compute = split ? Math.max(0, row.median - row.transfer_median!) : row.median;
  const ends = position(row.median);
  const words = `${formatSeconds(row.median)}, middle half ${formatSeconds(row.q1)} to ${formatSeconds(row.q3)}`;
  const canvas = svg(
    "svg",
    { class: "wgt-bars", "aria-hidden": "true" },
    ...ticks.map((tick) => svg("line", { class: "wgt-grid", x1: at(tick), x2: at(tick), y1: 0, y2: 22 })),
    svg("rect", { class: "wgt-compute", x: 0, y: 4, width: at(compute), height: 14, rx: 2 }),
    split && svg("rect", { class: "wgt-moved", x: at(compute), y: 4, width: `${Math.max(0, ends - position(compute)).toFixed(2)}%`, height: 14, rx: 2 }),
    svg("line", { class: "wgt-whisker", x1: at(row.q1), x2: at(row.q3), y1: 11, y2: 11 }),
    svg("line", { class: "wgt-whisker", x1: at(row.q1), x2: at(row.q1), y1: 7, y2: 15 }),
    svg("line", { class: "wgt-whisker", x1: at(row.q3), x2: at(row.q3), y1: 7, y2: 15 }),
  );
  const parts =
    row.compute_median !== null && row.transfer_median !== null
      ? `compute ${formatSeconds(row.compute_median)} + transfer ${formatSeconds(row.transfer_median)}`
      : "";
  return html(
    "div",
    { role: "cell", class: `wgt-cell wgt-tone-${column % 4}`, title: words, "data-device": row.device },
    canvas,
    html("div", { class: "wgt-figures" }, html("strong", {}, formatSeconds(row.median)), html("span", { class: row.comparison.endsWith("faster") ? "wgt-gain" : "wgt-muted" }, row.comparison)),
    parts !== "" && html("div", { class: "wgt-muted" }, parts),
    row.note !== "" && html("div", { class: "wgt-muted" }, row.note),
  );
}

function stages(data: TimingData): HTMLElement {
  const total = data.compile_milliseconds || 1;
  const title = uniqueId("stages");
  let left = 0;
  const canvas = svg("svg", { class: "wgt-stack", role: "img", "aria-labelledby": title });
  data.stages.forEach((stage, index) => {
    const share = (100 * stage.milliseconds) / total;
    canvas.append(
      svg("rect", { class: `wgt-stage wgt-stage-${index % 8}`, x: `${left.toFixed(3)}%`, y: 0, width: `${share.toFixed(3)}%`, height: 20 }, svg("title", {}, `${stage.name}: ${formatMilliseconds(stage.milliseconds)}`)),
    );
    left += share;
  });
  const entry = (stage: StageData, index: number): HTMLElement =>
    html(
      "li",
      {},
      html("span", { class: `wgt-swatch wgt-stage-${index % 8}`, "aria-hidden": "true" }),
      html("span", { class: "wgt-stage-name" }, stage.name),
      html("span", { class: "wgt-amount" }, formatMilliseconds(stage.milliseconds)),
      html("span", { class: "wgt-muted wgt-amount" }, stage.ops > 0 ? plural(stage.ops, "op") : ""),
    );
  return html(
    "section",
    { class: "wgt-compile" },
    html("h4", { id: title }, "Where the compile time went ", html("span", { class: "wgt-muted" }, `${formatMilliseconds(data.compile_milliseconds)} in all`)),
    canvas,
    html("ul", {}, ...data.stages.map(entry)),
  );
}

function provenance(data: TimingData): HTMLElement {
  const versions = Object.entries(data.versions).map(([name, version]) => `${name} ${version}`);
  return html("footer", { class: "wgt-muted" }, [data.machine, data.date, ...versions].filter(Boolean).join(" · "));
}
