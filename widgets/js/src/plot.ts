// Curves with sliders: every move asks Python for new curves, one request at a time, always for the latest values.
import { scaleLinear, scaleLog } from "d3-scale";
import { html, svg, uniqueId } from "./dom";
import type { Cleanup, ControlData, PlotData, RenderContext, SeriesData } from "./types";

const HEIGHT = 320;
const EDGE = { left: 70, right: 16, top: 22, bottom: 40 };
export const SLIDER = 1000; // positions of a slider that is not rounded

type Scale = ((value: number) => number) & { invert(position: number): number; ticks(count: number): number[] };
type Point = [number, number];

export function renderPlot({ model, el }: RenderContext): Cleanup {
  const root = html("div", { class: "wgt wgt-plot", "data-view": "plot" });
  el.append(root);
  const canvas = svg("svg", { class: "wgt-plot-canvas", role: "img" });
  const legend = html("div", { class: "wgt-legend" });
  const note = html("p", { class: "wgt-plot-note", "aria-live": "polite" });
  const sliders = html("div", { class: "wgt-controls" });
  const heading = html("h4", {});
  root.append(heading, sliders, canvas, legend, note);

  let waiting = false;
  let latest: Record<string, number> | null = null;
  const send = (name: string, value: number): void => {
    latest = { ...(latest ?? model.get<Record<string, number>>("values")), [name]: value };
    if (!waiting) flush();
  };
  const flush = (): void => {
    if (!latest) return;
    waiting = true;
    model.set("values", latest);
    model.save_changes();
    latest = null;
  };

  let dragging: ((event: PointerEvent) => void) | null = null;
  const draw = (): void => {
    const data = model.get<PlotData>("data");
    heading.textContent = data.title;
    heading.hidden = data.title === "";
    const width = Math.max(280, root.clientWidth || 720);
    const x = drawPlot(canvas, data, width);
    dragging = data.drag === "" ? null : (event) => send(data.drag, clampTo(data, data.drag, x.invert(event.clientX - canvas.getBoundingClientRect().left)));
    canvas.classList.toggle("wgt-draggable", data.drag !== "");
    legend.replaceChildren(...(data.series.length > 1 ? data.series.map((series, index) => html("span", { class: `wgt-key wgt-curve-${index % 5}` }, series.name)) : []));
    note.textContent = data.note;
    note.hidden = data.note === "";
  };
  const controls = (): void => {
    const data = model.get<PlotData>("data");
    if (sliders.childElementCount !== data.controls.length) sliders.replaceChildren(...data.controls.map((control) => slider(control, send)));
  };
  const answered = (): void => {
    waiting = false;
    draw();
    flush();
  };
  const moved = (): void => placeSliders(sliders, model.get<PlotData>("data").controls, model.get<Record<string, number>>("values"));
  const press = (event: PointerEvent): void => {
    if (!dragging) return;
    canvas.setPointerCapture(event.pointerId);
    dragging(event);
  };
  const move = (event: PointerEvent): void => {
    if (event.buttons === 1) dragging?.(event);
  };
  canvas.addEventListener("pointerdown", press);
  canvas.addEventListener("pointermove", move);
  model.on("change:data", answered);
  model.on("change:values", moved);
  const resized = new ResizeObserver(() => draw());
  resized.observe(root);
  controls();
  moved();
  draw();
  return () => {
    resized.disconnect();
    model.off("change:data", answered);
    model.off("change:values", moved);
  };
}

/** Where a value lies on its slider, and back. */
export function sliderPosition(control: ControlData, value: number): number {
  if (control.log) return (SLIDER * Math.log(value / control.low)) / Math.log(control.high / control.low);
  return control.step === null ? (SLIDER * (value - control.low)) / (control.high - control.low) : value;
}

export function sliderValue(control: ControlData, position: number): number {
  if (!control.log) return control.step === null ? control.low + ((control.high - control.low) * position) / SLIDER : position;
  const value = control.low * (control.high / control.low) ** (position / SLIDER);
  return control.step === null ? value : Math.max(control.low, Math.round(value / control.step) * control.step);
}

function clampTo(data: PlotData, name: string, value: number): number {
  const control = data.controls.find((other) => other.name === name);
  return control ? Math.min(control.high, Math.max(control.low, value)) : value;
}

function slider(control: ControlData, send: (name: string, value: number) => void): HTMLElement {
  const id = uniqueId("slider");
  const rounded = control.step !== null && !control.log;
  const input = html("input", {
    id,
    type: "range",
    min: rounded ? control.low : 0,
    max: rounded ? control.high : SLIDER,
    step: rounded ? control.step : 1,
    "data-control": control.name,
    oninput: () => {
      const value = sliderValue(control, Number(input.value));
      output.textContent = short(value);
      input.setAttribute("aria-valuetext", short(value));
      send(control.name, value);
    },
  });
  const output = html("output", { for: id });
  return html("div", { class: "wgt-control" }, html("label", { for: id }, control.label), input, output);
}

function placeSliders(root: HTMLElement, controls: ControlData[], values: Record<string, number>): void {
  for (const control of controls) {
    const input = root.querySelector<HTMLInputElement>(`[data-control="${CSS.escape(control.name)}"]`);
    if (!input) continue;
    const value = values[control.name] ?? control.value;
    if (document.activeElement !== input) input.value = String(sliderPosition(control, value));
    input.nextElementSibling!.textContent = short(value);
    input.setAttribute("aria-valuetext", short(value));
  }
}

/** A number of an axis or a slider: 0.1235, 12340, 1.23e5. */
export const short = (value: number): string =>
  value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3) ? value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e") : String(Number(value.toPrecision(4)));

/** The words for the ticks of one axis: as many digits as tell them apart. */
export function tickWords(values: number[]): string[] {
  let words = values.map(short);
  for (let digits = 5; digits <= 15 && new Set(words).size < values.length; digits += 1) words = values.map((value) => String(Number(value.toPrecision(digits))));
  return words;
}

function makeScale(axis: PlotData["x"], start: number, end: number): Scale {
  const scale = axis.log ? scaleLog(axis.range, [start, end]) : scaleLinear(axis.range, [start, end]).nice();
  return scale.clamp(true) as unknown as Scale;
}

function ticks(axis: PlotData["x"], scale: Scale): number[] {
  if (!axis.log) return scale.ticks(6);
  const decades = scale.ticks(6).filter((tick) => Math.abs(Math.log10(tick) - Math.round(Math.log10(tick))) < 1e-9);
  const every = Math.ceil(decades.length / 7);
  return decades.length > 1 ? decades.filter((_, index) => index % every === 0) : axis.range;
}

/** Draws the plot and returns its scale of x. */
function drawPlot(canvas: SVGElement, data: PlotData, width: number): Scale {
  const x = makeScale(data.x, EDGE.left, width - EDGE.right);
  const y = makeScale(data.y, HEIGHT - EDGE.bottom, EDGE.top);
  const floor = HEIGHT - EDGE.bottom;
  canvas.setAttribute("width", String(width));
  canvas.setAttribute("height", String(HEIGHT));
  canvas.setAttribute("aria-label", [data.title, data.series.map((series) => series.name).join(", "), data.note].filter(Boolean).join(". "));
  canvas.replaceChildren(
    ...ticks(data.x, x).flatMap((tick) => [
      svg("line", { class: "wgt-grid", x1: x(tick), x2: x(tick), y1: EDGE.top, y2: floor }),
      svg("text", { class: "wgt-tick", x: x(tick), y: floor + 16, "text-anchor": "middle" }, short(tick)),
    ]),
    ...ticks(data.y, y).flatMap((tick) => [
      svg("line", { class: "wgt-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "wgt-tick", x: EDGE.left - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick)),
    ]),
    svg("text", { class: "wgt-axis-label", x: (EDGE.left + width - EDGE.right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, data.x.label),
    svg("text", { class: "wgt-axis-label", x: EDGE.left, y: 13 }, data.y.label),
    ...data.series.map((series, index) => curve(series, index, x, y, data)),
  );
  const [mx, my] = data.mark ?? [null, null];
  if (mx !== null && my !== null) canvas.append(svg("circle", { class: "wgt-plot-mark", cx: x(mx), cy: y(my), r: 6 }));
  return x;
}

/** The runs of points that can be drawn: broken where a value is missing, or not positive on a log axis. */
export function runs(series: SeriesData, xLog: boolean, yLog: boolean): Point[][] {
  const found: Point[][] = [[]];
  series.x.forEach((x, index) => {
    const y = series.y[index] ?? null;
    if (x !== null && y !== null && (x > 0 || !xLog) && (y > 0 || !yLog)) found.at(-1)!.push([x, y]);
    else if (found.at(-1)!.length > 0) found.push([]);
  });
  return found.filter((run) => run.length > 0);
}

function curve(series: SeriesData, index: number, x: Scale, y: Scale, data: PlotData): SVGElement {
  const group = svg("g", { class: `wgt-curve wgt-curve-${index % 5} wgt-style-${series.style}`, "data-series": series.name });
  const [left, right] = [x(data.x.range[0]), x(data.x.range[1])];
  const wide = Math.max(2, (0.8 * (right - left)) / Math.max(1, series.x.length));
  const ground = y(data.y.log ? data.y.range[0] : 0);
  for (const run of runs(series, data.x.log, data.y.log)) {
    if (series.style === "bars")
      for (const [a, b] of run) group.append(svg("rect", { x: x(a) - wide / 2, width: wide, y: Math.min(y(b), ground), height: Math.abs(ground - y(b)) }));
    else if (series.style === "dots" || run.length === 1) for (const [a, b] of run) group.append(svg("circle", { cx: x(a), cy: y(b), r: 3.5 }));
    else {
      const path = run.map(([a, b], at) => (at === 0 ? `M${x(a)},${y(b)}` : series.style === "steps" ? `H${x(a)}V${y(b)}` : `L${x(a)},${y(b)}`));
      group.append(svg("path", { d: path.join("") }));
    }
  }
  return group;
}
