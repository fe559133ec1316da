// A timeline of host, copies and kernels, with a table of the copies; zoom by wheel, buttons, keys or a brush.
import { scaleLinear } from "d3-scale";
import { channel, hearingLine } from "./channel";
import { html, shorten, svg } from "./dom";
import { follow } from "./follow";
import { formatBytes, formatSeconds } from "./format";
import { packLanes, panWindow, zoomWindow, type Window } from "./gantt_scale";
import type { Cleanup, EventData, LaneName, RenderContext, TransfersData } from "./types";

const ROW = 24;
const GAP = 8;
const SUM = 46; // height of the bytes copied so far
const EDGE = { left: 86, right: 12, bottom: 26 };
const LANE_CLASS: Record<LaneName, string> = { host: "host", "to device": "to-device", compute: "compute", "to host": "to-host" };
type Column = "start" | "name" | "lane" | "bytes" | "seconds" | "why";
const COLUMNS: [Column, string][] = [["start", "at"], ["name", "array"], ["lane", "direction"], ["bytes", "bytes"], ["seconds", "time"], ["why", "why"]];
const NUMBERS: ReadonlySet<Column> = new Set(["start", "bytes", "seconds"]);

export function renderTransfers({ model, el }: RenderContext): Cleanup {
  const line = hearingLine();
  const questions = channel(model, line.hear);
  const summary = html("p", { class: "wgt-summary", "data-testid": "diagnosis" });
  const record = html("button", { type: "button", class: "wgt-button", onclick: () => questions.ask({}) }, "Record a call");
  const button = (label: string, text: string, act: () => void): HTMLElement => html("button", { class: "wgt-button", type: "button", title: label, "aria-label": label, onclick: act }, text);
  const buttons = html("span", { class: "wgt-buttons", role: "group", "aria-label": "zoom" }, button("zoom out", "−", () => zoom(1.6)), button("zoom in", "+", () => zoom(1 / 1.6)), button("show all", "All", () => setWindow([0, 1])));
  const recorded = html("p", { class: "wgt-muted" });
  const canvas = svg("svg", { class: "wgt-gantt", tabindex: 0, role: "application", "aria-label": "timeline: plus and minus zoom, the arrows move, drag marks a part to zoom into" });
  const table = html("div", { class: "wgt-ledger", tabindex: 0, role: "group", "aria-label": "copies" });
  const root = html(
    "div",
    { class: "wgt wgt-transfers", "data-view": "transfers" },
    html("div", { class: "wgt-bar" }, summary, html("span", { class: "wgt-space" }), line.element, record, buttons),
    recorded,
    canvas,
    table,
  );
  el.append(root);
  const view = (): Window => model.get<number[]>("window") as Window;
  const setWindow = (next: Window): void => {
    model.set("window", next);
    model.save_changes();
  };
  const zoom = (factor: number, about = (view()[0] + view()[1]) / 2): void => setWindow(zoomWindow(view(), factor, about));
  const width = (): number => Math.max(320, root.clientWidth || 760);
  const shareAt = (event: MouseEvent): number => {
    const place = event.clientX - canvas.getBoundingClientRect().left - EDGE.left;
    const [from, to] = view();
    return from + ((to - from) * place) / (width() - EDGE.left - EDGE.right);
  };
  const draw = (): void => drawTimeline(canvas, model.get<TransfersData>("data"), view(), width());
  const fill = (): void => fillTable(table, model.get<TransfersData>("data"), model.get<string>("sort"), (sort) => {
    model.set("sort", sort);
    model.save_changes();
  });
  const load = (): void => {
    const data = model.get<TransfersData>("data");
    summary.textContent = data.diagnosis;
    recorded.textContent = [data.recorded, data.overlap > 0 ? `copies and kernels overlap for ${formatSeconds(data.overlap)}` : ""].filter(Boolean).join("; ");
    record.hidden = !model.get<boolean>("asks");
    canvas.toggleAttribute("hidden", data.events.length === 0);
    buttons.hidden = data.events.length === 0;
    draw();
    fill();
  };
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the plain wheel scrolls the notebook
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, shareAt(event));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = (view()[1] - view()[0]) / 5;
    const act: Record<string, () => void> = { "+": () => zoom(1 / 1.6), "=": () => zoom(1 / 1.6), "-": () => zoom(1.6), ArrowRight: () => setWindow(panWindow(view(), step)), ArrowLeft: () => setWindow(panWindow(view(), -step)), "0": () => setWindow([0, 1]) };
    if (!act[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    act[event.key]!();
  });
  const brush = svg("rect", { class: "wgt-brush", y: 0 });
  let from: number | null = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = event.clientX - canvas.getBoundingClientRect().left;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = event.clientX - canvas.getBoundingClientRect().left;
    brush.setAttribute("x", String(Math.min(from, to)));
    brush.setAttribute("width", String(Math.abs(to - from)));
    brush.setAttribute("height", String(canvas.clientHeight - EDGE.bottom));
    canvas.append(brush);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from === null) return;
    const to = event.clientX - canvas.getBoundingClientRect().left;
    const room = width() - EDGE.left - EDGE.right;
    const [start, end] = view();
    const share = (place: number): number => start + ((end - start) * (place - EDGE.left)) / room;
    if (Math.abs(to - from) > 6) {
      const [a, b] = [share(Math.min(from, to)), share(Math.max(from, to))];
      setWindow([Math.max(0, a), Math.min(1, Math.max(b, a + 1e-4))]);
    }
    from = null;
    brush.remove();
  });
  load();
  return follow(model, root, { data: load, window: draw, sort: fill }, draw, questions.close);
}

function drawTimeline(canvas: SVGSVGElement, data: TransfersData, [from, to]: Window, width: number): void {
  const total = Math.max(...data.events.map((event) => event.end), 1e-9);
  const room = width - EDGE.left - EDGE.right;
  const scale = scaleLinear([from * total, to * total], [EDGE.left, width - EDGE.right]);
  const tracks = packLanes(data.events, data.lanes, (2 * total * (to - from)) / room);
  let y = 4;
  const parts: SVGElement[] = [];
  for (const track of tracks) {
    const height = track.count * ROW;
    parts.push(svg("rect", { class: "wgt-lane-ground", x: EDGE.left, y, width: room, height, rx: 3 }), svg("text", { class: "wgt-lane-name", x: EDGE.left - 10, y: y + ROW / 2 + 4, "text-anchor": "end" }, track.lane));
    for (const [event, row] of track.rows) {
      const [a, b] = [Math.max(EDGE.left, scale(event.start)), Math.min(width - EDGE.right, scale(event.end))];
      if (b < EDGE.left || a > width - EDGE.right) continue;
      parts.push(bar(event, a, Math.max(2, b - a), y + row * ROW + 3));
    }
    y += height + GAP;
  }
  const copies = data.events.filter((event) => event.bytes > 0 && (event.lane === "to device" || event.lane === "to host"));
  if (copies.length > 0) {
    parts.push(...cumulated(copies, scale, y, width));
    y += SUM + GAP;
  }
  const ticks = scale.ticks(Math.max(3, Math.floor(room / 130)));
  for (const tick of ticks)
    parts.push(svg("line", { class: "wgt-grid", x1: scale(tick), x2: scale(tick), y1: 0, y2: y }), svg("text", { class: "wgt-tick", x: scale(tick), y: y + 15, "text-anchor": "middle" }, tick === 0 ? "0" : formatSeconds(tick)));
  canvas.setAttribute("width", String(width));
  canvas.setAttribute("height", String(y + EDGE.bottom));
  canvas.replaceChildren(...parts);
}

/** Bytes copied until each moment, as steps over the timeline. */
function cumulated(copies: EventData[], scale: (time: number) => number, top: number, width: number): SVGElement[] {
  const right = width - EDGE.right;
  const steps = runningBytes(copies);
  const all = steps.at(-1)!.bytes;
  const place = (time: number): number => Math.min(right, Math.max(EDGE.left, scale(time)));
  const level = (bytes: number): number => top + SUM - (SUM - 14) * (bytes / all);
  const route = steps.map(({ time, bytes }) => `H${place(time).toFixed(1)}V${level(bytes).toFixed(1)}`).join("");
  return [
    svg("rect", { class: "wgt-lane-ground", x: EDGE.left, y: top, width: right - EDGE.left, height: SUM, rx: 3 }),
    svg("text", { class: "wgt-lane-name", x: EDGE.left - 10, y: top + SUM / 2 + 4, "text-anchor": "end" }, "copied"),
    svg("path", { class: "wgt-cumulated", d: `M${EDGE.left},${level(0)}${route}H${right}` }),
    svg("text", { class: "wgt-tick", x: right - 6, y: top + 11, "text-anchor": "end" }, `${formatBytes(all)} in all`),
  ];
}

/** The bytes copied by the end of each copy. */
export function runningBytes(copies: EventData[]): { time: number; bytes: number }[] {
  let bytes = 0;
  return [...copies].sort((a, b) => a.end - b.end).map((event) => ({ time: event.end, bytes: (bytes += event.bytes) }));
}

function bar(event: EventData, x: number, width: number, y: number): SVGElement {
  const words = [event.name, event.bytes > 0 ? formatBytes(event.bytes) : "", formatSeconds(event.end - event.start), event.why].filter(Boolean).join(", ");
  const fits = Math.floor((width - 8) / 7);
  return svg(
    "g",
    { class: `wgt-event wgt-event-${LANE_CLASS[event.lane]}`, "data-event": event.name },
    svg("rect", { x, y, width, height: ROW - 6, rx: 2 }),
    fits >= 3 && svg("text", { x: x + 5, y: y + 13 }, shorten(event.name, fits)),
    svg("title", {}, words),
  );
}

function emptyTable(sorted: (sort: string) => void): HTMLTableElement {
  const head = COLUMNS.map(([column, title]) => {
    const cell: HTMLElement = html("th", { scope: "col", "data-column": column, class: NUMBERS.has(column) ? "wgt-number" : null }, html("button", { type: "button", onclick: () => sorted(cell.dataset["next"]!) }, title));
    return cell;
  });
  return html("table", {}, html("thead", {}, html("tr", {}, ...head)), html("tbody"), html("tfoot"));
}

function fillTable(element: HTMLElement, data: TransfersData, sort: string, sorted: (sort: string) => void): void {
  const copies = data.events.filter((event) => event.lane === "to device" || event.lane === "to host");
  const [by, way] = sort.split(":") as [Column, string];
  const value = (event: EventData, column: Column): string | number => (column === "seconds" ? event.end - event.start : event[column]);
  const sign = way === "descending" ? -1 : 1;
  const ordered = [...copies].sort((a, b) => {
    const [x, y] = [value(a, by), value(b, by)];
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y)));
  });
  const next = (column: Column): string => `${column}:${by === column ? (way === "ascending" ? "descending" : "ascending") : NUMBERS.has(column) && column !== "start" ? "descending" : "ascending"}`;
  const table = element.querySelector("table") ?? emptyTable(sorted); // its heads stay, and with them the focus
  for (const head of table.querySelectorAll("th")) {
    const column = head.dataset["column"] as Column;
    head.setAttribute("aria-sort", column === by ? way! : "none");
    head.dataset["next"] = next(column);
  }
  const row = (event: EventData): HTMLElement =>
    html(
      "tr",
      {},
      html("td", { class: "wgt-number wgt-muted" }, formatSeconds(event.start)),
      html("td", { class: "wgt-code" }, event.name),
      html("td", { class: "wgt-nowrap" }, html("span", { class: `wgt-dot wgt-event-${LANE_CLASS[event.lane]}`, "aria-hidden": "true" }), event.lane),
      html("td", { class: "wgt-number" }, formatBytes(event.bytes)),
      html("td", { class: "wgt-number" }, formatSeconds(event.end - event.start)),
      html("td", { class: "wgt-why" }, event.why),
    );
  const total = html("tr", {}, html("td"), html("td", {}, "in all"), html("td"), html("td", { class: "wgt-number" }, formatBytes(data.total_bytes)), html("td", { class: "wgt-number" }, formatSeconds(data.total_seconds)), html("td"));
  element.hidden = copies.length === 0;
  table.tBodies[0]!.replaceChildren(...ordered.map(row));
  table.tFoot!.replaceChildren(total);
  if (!table.isConnected) element.replaceChildren(table);
}
