// The pictures of the explore tab: a curve with its tangent above its slope, or a map with gradient arrows.
import { scaleLinear } from "d3-scale";
import { html, svg } from "./dom";
import { BANDS, bands, extent, middling, viridis } from "./explore_map";
import { short, tickWords } from "./plot";
import type { ExploreData } from "./types";

const EDGE = { left: 64, right: 14, top: 12, bottom: 36 };
const HEIGHT = 250;
const SLOPE_HEIGHT = 130;
export const MAP = 380;
const PIXELS = 190;
const KEY = 92; // room for the key of the colours

type Linear = ReturnType<typeof scaleLinear<number, number>>;

/** What a drag in an element does now: pictures are drawn anew while it goes on. */
const movers = new WeakMap<Element, (x: number, y: number) => void>();

/** Lets a pointer drag in `element`: its mover gets the place there. */
function draggable(element: SVGElement): void {
  const report = (event: PointerEvent): void => {
    const box = element.getBoundingClientRect();
    movers.get(element)?.(event.clientX - box.left, event.clientY - box.top);
  };
  element.addEventListener("pointerdown", (event) => {
    const pointer = event as PointerEvent;
    element.setPointerCapture(pointer.pointerId);
    report(pointer);
  });
  element.addEventListener("pointermove", (event) => {
    if ((event as PointerEvent).buttons === 1) report(event as PointerEvent);
  });
}

interface Chart {
  element: SVGSVGElement;
  x: Linear;
}

interface Curves {
  /** what was drawn: while these are the same only the marks move */
  drawn: unknown[];
  upper: Chart & { y: Linear };
  lower: Chart & { y: Linear };
  marks: [SVGGElement, SVGGElement];
}
const curves = new WeakMap<HTMLElement, Curves>();

export function drawCurve(stage: HTMLElement, data: ExploreData, width: number, set: (x: number) => void): void {
  const [name] = data.across as [string];
  const control = data.controls.find((other) => other.name === name)!;
  const drawn = [data.x, data.y, data.slope, width, name];
  let now = curves.get(stage);
  if (!now || now.upper.element.parentNode !== stage || drawn.some((part, k) => part !== now!.drawn[k])) {
    let charts = [...stage.querySelectorAll<SVGSVGElement>("svg.wgt-plot-canvas")];
    if (charts.length !== 2) {
      charts = [svg("svg", { class: "wgt-plot-canvas wgt-draggable", role: "img" }), svg("svg", { class: "wgt-plot-canvas wgt-draggable", role: "img" })];
      stage.replaceChildren(...charts);
      charts.forEach(draggable);
    }
    const left = Math.max(roomFor(data.y, HEIGHT), roomFor(data.slope, SLOPE_HEIGHT));
    const upper = axesOf(charts[0]!, data.x, data.y, left, width, HEIGHT, data.title, "");
    const lower = axesOf(charts[1]!, data.x, data.slope, left, width, SLOPE_HEIGHT, `∂${data.title}/∂${name}`, name);
    const marks: Curves["marks"] = [svg("g"), svg("g")];
    upper.element.append(...path(data.x, data.y, upper, "wgt-explore-value"), marks[0]);
    lower.element.append(...path(data.x, data.slope, lower, "wgt-explore-slope"), marks[1]);
    now = { drawn, upper, lower, marks };
    curves.set(stage, now);
  }
  const { upper, lower, marks } = now;
  const slope = data.gradient[name] ?? null;
  const dot = (chart: Chart & { y: Linear }, y: number | null, r: number): SVGElement[] =>
    y === null ? [] : [svg("circle", { class: "wgt-plot-mark", cx: chart.x(control.value), cy: chart.y(y), r })];
  const tangent = slope !== null && data.value !== null ? tangentLine(upper, control.value, data.value, slope, data.x) : [];
  marks[0].replaceChildren(...tangent, ...dot(upper, data.value, 6));
  marks[1].replaceChildren(...dot(lower, slope, 5));
  for (const chart of [upper, lower]) movers.set(chart.element, (place) => set(upper.x.invert(place)));
}

/** A scale for values upwards; around values that differ by rounding alone there is room as around a constant. */
export function upwards(values: (number | null)[], height: number): Linear {
  const [low, high] = extent(values);
  const size = Math.max(Math.abs(low), Math.abs(high));
  const pad = high - low > 1e-9 * size ? 0 : 0.2 * size || 1;
  return scaleLinear([low - pad, high + pad], [height - EDGE.bottom, EDGE.top + 16]).nice(4);
}
const ticksUp = (scale: Linear, height: number): number[] => scale.ticks(height > 200 ? 5 : 3);

/** How much room the words of the ticks need on the left. */
function roomFor(values: (number | null)[], height: number): number {
  const words = tickWords(ticksUp(upwards(values, height), height));
  return Math.max(EDGE.left, 14 + 7.2 * Math.max(0, ...words.map((word) => word.length)));
}

function axesOf(canvas: SVGSVGElement, xs: (number | null)[], ys: (number | null)[], left: number, width: number, height: number, title: string, below: string): Chart & { y: Linear } {
  const [low, high] = extent(ys);
  const x = scaleLinear(extent(xs), [left, width - EDGE.right]).clamp(true);
  const y = upwards(ys, height);
  const [across, up] = [x.ticks(6), ticksUp(y, height)];
  const [acrossWords, upWords] = [tickWords(across), tickWords(up)];
  canvas.setAttribute("width", String(width));
  canvas.setAttribute("height", String(height));
  canvas.setAttribute("aria-label", `${title}, from ${short(low)} to ${short(high)}`);
  canvas.replaceChildren(
    ...up.flatMap((tick, k) => [svg("line", { class: "wgt-grid", x1: left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) }), svg("text", { class: "wgt-tick", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, upWords[k]!)]),
    ...across.flatMap((tick, k) => [svg("line", { class: "wgt-grid", x1: x(tick), x2: x(tick), y1: EDGE.top + 8, y2: height - EDGE.bottom }), svg("text", { class: "wgt-tick", x: x(tick), y: height - EDGE.bottom + 16, "text-anchor": "middle" }, acrossWords[k]!)]),
    svg("text", { class: "wgt-axis-label", x: left, y: 11 }, title),
    svg("text", { class: "wgt-axis-label", x: width - EDGE.right, y: height - 4, "text-anchor": "end" }, below),
  );
  return { element: canvas, x, y };
}

function path(xs: (number | null)[], ys: (number | null)[], chart: { x: Linear; y: Linear }, name: string): SVGElement[] {
  let pen = "M";
  let route = "";
  xs.forEach((x, index) => {
    const y = ys[index] ?? null;
    if (x === null || y === null) pen = "M";
    else {
      route += `${pen}${chart.x(x).toFixed(1)},${chart.y(y).toFixed(1)}`;
      pen = "L";
    }
  });
  return [svg("path", { class: name, d: route })];
}

function tangentLine(chart: { x: Linear; y: Linear }, at: number, value: number, slope: number, xs: (number | null)[]): SVGElement[] {
  const [low, high] = extent(xs);
  const half = (high - low) / 6;
  const end = (x: number): [number, number] => [chart.x(x), chart.y(value + slope * (x - at))];
  const [[x1, y1], [x2, y2]] = [end(Math.max(low, at - half)), end(Math.min(high, at + half))];
  return [svg("line", { class: "wgt-tangent", x1, x2, y1, y2 })];
}

const maps = new WeakMap<HTMLElement, unknown[]>();

export function drawMap(stage: HTMLElement, data: ExploreData, width: number, set: (x: number, y: number) => void): void {
  let canvas = stage.querySelector("canvas");
  if (!canvas) {
    canvas = html("canvas", { class: "wgt-map", width: PIXELS, height: PIXELS, role: "img" });
    const over = svg("svg", { class: "wgt-map-over wgt-draggable", role: "img", "aria-label": "gradient arrows" });
    stage.replaceChildren(html("div", { class: "wgt-map-box" }, canvas, over));
    draggable(over);
  }
  const side = Math.min(MAP, width - EDGE.left - KEY);
  const over = stage.querySelector<SVGSVGElement>(".wgt-map-over")!;
  const [first, second] = data.across as [string, string];
  const x = scaleLinear(extent(data.x), [EDGE.left, EDGE.left + side]).clamp(true);
  const y = scaleLinear(extent(data.y), [EDGE.top + side, EDGE.top]).clamp(true);
  Object.assign(canvas.style, { left: `${EDGE.left}px`, top: `${EDGE.top}px`, width: `${side}px`, height: `${side}px` });
  const at = (name: string): number => data.controls.find((control) => control.name === name)!.value;
  movers.set(over, (px, py) => set(x.invert(px), y.invert(py)));
  const drawn = [data.heights, data.arrows, side, first, second];
  const before = maps.get(stage);
  const mark = over.querySelector(".wgt-plot-mark");
  if (mark && before && drawn.every((part, k) => part === before[k])) {
    mark.setAttribute("cx", String(x(at(first))));
    mark.setAttribute("cy", String(y(at(second))));
    return;
  }
  maps.set(stage, drawn);
  canvas.getContext("2d")!.putImageData(new ImageData(bands(data.heights, data.x.length, data.y.length, PIXELS), PIXELS, PIXELS), 0, 0);
  const [low, high] = middling(data.heights);
  canvas.setAttribute("aria-label", `${data.title} over ${first} and ${second}, from ${short(low)} to ${short(high)}`);
  const longest = Math.max(...data.arrows.map(([, , a, b]) => Math.hypot((a ?? 0) * (x.domain()[1]! - x.domain()[0]!), (b ?? 0) * (y.domain()[1]! - y.domain()[0]!))), 1e-300);
  over.setAttribute("width", String(EDGE.left + side + KEY));
  over.setAttribute("height", String(EDGE.top + side + EDGE.bottom));
  over.replaceChildren(
    ...x.ticks(5).map((tick) => svg("text", { class: "wgt-tick", x: x(tick), y: EDGE.top + side + 16, "text-anchor": "middle" }, short(tick))),
    ...y.ticks(5).map((tick) => svg("text", { class: "wgt-tick", x: EDGE.left - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick))),
    svg("text", { class: "wgt-axis-label", x: EDGE.left + side, y: EDGE.top + side + 32, "text-anchor": "end" }, first),
    svg("text", { class: "wgt-axis-label", x: 4, y: EDGE.top + 4 }, second),
    ...data.arrows.flatMap((arrow) => gradientArrow(arrow, x, y, longest)),
    svg("circle", { class: "wgt-plot-mark", cx: x(at(first)), cy: y(at(second)), r: 6 }),
    ...key(low, high, EDGE.left + side + 18, side),
  );
}

/** What the colours stand for. */
function key(low: number, high: number, x: number, height: number): SVGElement[] {
  const step = height / BANDS;
  const colour = (band: number): string => `rgb(${viridis(band / (BANDS - 1)).join()})`;
  return [
    ...Array.from({ length: BANDS }, (_, band) => svg("rect", { x, width: 12, y: EDGE.top + height - (band + 1) * step, height: step + 0.5, fill: colour(band) })),
    svg("text", { class: "wgt-tick", x: x + 17, y: EDGE.top + 11 }, short(high)),
    svg("text", { class: "wgt-tick", x: x + 17, y: EDGE.top + height }, short(low)),
  ];
}

function gradientArrow([px, py, a, b]: (number | null)[], x: Linear, y: Linear, longest: number): SVGElement[] {
  if (px == null || py == null || a == null || b == null) return [];
  const [du, dv] = [(a * (x.domain()[1]! - x.domain()[0]!)) / longest, (b * (y.domain()[1]! - y.domain()[0]!)) / longest];
  const size = Math.hypot(du, dv);
  if (size < 0.03) return [];
  const length = 8 + 16 * size;
  const [ux, uy] = [du / size, -dv / size];
  const [x1, y1] = [x(px) - (ux * length) / 2, y(py) - (uy * length) / 2];
  const [x2, y2] = [x1 + ux * length, y1 + uy * length];
  const head = `M${x2},${y2}l${-6 * ux + 3.5 * uy},${-6 * uy - 3.5 * ux}M${x2},${y2}l${-6 * ux - 3.5 * uy},${-6 * uy + 3.5 * ux}`;
  const route = `M${x1},${y1}L${x2},${y2}${head}`;
  return [svg("path", { class: "wgt-gradient-back", d: route }), svg("path", { class: "wgt-gradient", d: route })];
}
