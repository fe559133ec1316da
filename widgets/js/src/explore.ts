// Sliders for the scalar arguments of a function; its value, gradient, and a curve with its tangent or a map with arrows.
import { scaleLinear } from "d3-scale";
import { channel, hearingLine } from "./channel";
import { html, svg, uniqueId } from "./dom";
import { eachFrame, follow } from "./follow";
import { BANDS, bands, extent, middling, viridis } from "./explore_map";
import { short, sliderPosition, sliderValue } from "./plot";
import type { Cleanup, ControlData, ExploreData, RenderContext } from "./types";

const EDGE = { left: 64, right: 14, top: 12, bottom: 36 };
const HEIGHT = 250;
const SLOPE_HEIGHT = 130;
const MAP = 380;
const PIXELS = 190;
const KEY = 92; // room for the key of the colours

type Linear = ReturnType<typeof scaleLinear<number, number>>;

export function renderExplore({ model, el }: RenderContext): Cleanup {
  const line = hearingLine();
  const questions = channel(model, line.hear);
  const value = html("div", { class: "wgt-value", "aria-live": "off" });
  const axes = html("div", { class: "wgt-buttons", role: "group", "aria-label": "what the picture runs along" });
  const sliders = html("div", { class: "wgt-sliders" });
  const fixed = html("div", { class: "wgt-muted" });
  const stage = html("div", { class: "wgt-explore-stage" });
  const root = html(
    "div",
    { class: "wgt wgt-explore", "data-view": "explore" },
    html("div", { class: "wgt-explore-side" }, value, sliders, fixed, line.element),
    html("div", { class: "wgt-main" }, html("div", { class: "wgt-bar" }, html("span", { class: "wgt-muted" }, "along"), axes), stage),
  );
  el.append(root);
  let values: Record<string, number> = {};
  let across: string[] = [];
  const data = (): ExploreData => model.get<ExploreData>("data");
  const ask = (): void => questions.ask({ values, across });
  const set = (name: string, next: number): void => {
    values = { ...values, [name]: next };
    ask();
  };
  const choices = (): string[][] => {
    const names = data().controls.filter((control) => control.name in data().gradient).map((control) => control.name);
    const pairs = names.flatMap((name, index) => names.slice(index + 1).map((other) => [name, other]));
    return [...names.map((name) => [name]), ...pairs].slice(0, 8);
  };
  const build = (): void => {
    const now = data();
    values = Object.fromEntries(now.controls.map((control) => [control.name, control.value]));
    across = now.across;
    sliders.replaceChildren(...now.controls.map((control) => slider(control, set)));
    sliders.classList.toggle("wgt-dead", !model.get<boolean>("asks"));
    for (const input of sliders.querySelectorAll("input")) input.disabled = !model.get<boolean>("asks");
    axes.replaceChildren(
      ...choices().map((names) =>
        html("button", { type: "button", class: "wgt-button", "data-across": names.join(), onclick: () => {
          across = names;
          ask();
        } }, names.join(" and ")),
      ),
    );
    fixed.replaceChildren(...now.fixed.map((what) => html("div", {}, what)));
  };
  const draw = (): void => {
    const now = data();
    value.replaceChildren(html("span", { class: "wgt-muted" }, `${now.title} =`), html("strong", { "data-testid": "value" }, now.value === null ? "not finite" : precise(now.value)));
    for (const row of sliders.querySelectorAll<HTMLElement>("[data-row]")) {
      const name = row.dataset["row"]!;
      const slope = now.gradient[name];
      const control = now.controls.find((other) => other.name === name)!;
      row.querySelector(".wgt-slope")!.textContent = name in now.gradient ? `∂ ${slope === null || slope === undefined ? "not finite" : precise(slope)}` : "";
      const input = row.querySelector("input")!;
      if (document.activeElement !== input) input.value = String(sliderPosition(control, control.value));
      row.querySelector("output")!.textContent = short(control.value);
    }
    for (const button of axes.querySelectorAll<HTMLElement>("button")) button.setAttribute("aria-pressed", String(button.dataset["across"] === now.across.join()));
    const room = Math.max(300, stage.clientWidth || 620);
    if (now.across.length === 2) drawMap(stage, now, Math.min(room, MAP + 120), (x, y) => {
      values = { ...values, [now.across[0]!]: x, [now.across[1]!]: y };
      ask();
    });
    else drawCurve(stage, now, room, (x) => set(now.across[0]!, x));
  };
  build();
  draw();
  return follow(model, stage, { data: eachFrame(draw) }, draw, questions.close);
}

const precise = (value: number): string => (value === 0 ? "0" : Math.abs(value) >= 1e5 || Math.abs(value) < 1e-4 ? value.toExponential(4) : String(Number(value.toPrecision(6))));

function slider(control: ControlData, set: (name: string, value: number) => void): HTMLElement {
  const id = uniqueId("explore");
  const whole = control.step !== null;
  const input = html("input", { id, type: "range", min: whole ? control.low : 0, max: whole ? control.high : 1000, step: 1, "data-control": control.name });
  const output = html("output", { for: id }, short(control.value));
  input.addEventListener("input", () => {
    const value = sliderValue(control, Number(input.value));
    output.textContent = short(value);
    input.setAttribute("aria-valuetext", short(value));
    set(control.name, value);
  });
  input.value = String(sliderPosition(control, control.value));
  return html("div", { class: "wgt-slider-row", "data-row": control.name }, html("label", { for: id }, control.label), input, output, html("span", { class: "wgt-slope" }));
}

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

function drawCurve(stage: HTMLElement, data: ExploreData, width: number, set: (x: number) => void): void {
  let charts = [...stage.querySelectorAll<SVGSVGElement>("svg")];
  if (charts.length !== 2) {
    charts = [svg("svg", { class: "wgt-plot-canvas wgt-draggable", role: "img" }), svg("svg", { class: "wgt-plot-canvas wgt-draggable", role: "img" })];
    stage.replaceChildren(...charts);
    charts.forEach(draggable);
  }
  const [name] = data.across as [string];
  const control = data.controls.find((other) => other.name === name)!;
  const slope = data.gradient[name] ?? null;
  const upper = axesOf(charts[0]!, data.x, data.y, width, HEIGHT, data.title, "");
  const tangent = slope !== null && data.value !== null ? tangentLine(upper, control.value, data.value, slope, data.x) : [];
  upper.element.append(
    ...path(data.x, data.y, upper, "wgt-explore-value"),
    ...tangent,
    ...(data.value === null ? [] : [svg("circle", { class: "wgt-plot-mark", cx: upper.x(control.value), cy: upper.y(data.value), r: 6 })]),
  );
  const lower = axesOf(charts[1]!, data.x, data.slope, width, SLOPE_HEIGHT, `∂${data.title}/∂${name}`, name);
  lower.element.append(...path(data.x, data.slope, lower, "wgt-explore-slope"), ...(slope === null ? [] : [svg("circle", { class: "wgt-plot-mark", cx: lower.x(control.value), cy: lower.y(slope), r: 5 })]));
  for (const chart of charts) movers.set(chart, (place) => set(Math.min(control.high, Math.max(control.low, upper.x.invert(place)))));
}

function axesOf(canvas: SVGSVGElement, xs: (number | null)[], ys: (number | null)[], width: number, height: number, title: string, below: string): Chart & { y: Linear } {
  const [low, high] = extent(ys);
  const x = scaleLinear(extent(xs), [EDGE.left, width - EDGE.right]).clamp(true);
  const y = scaleLinear(low < high ? [low, high] : [low - 1, high + 1], [height - EDGE.bottom, EDGE.top + 16]).nice(4);
  canvas.setAttribute("width", String(width));
  canvas.setAttribute("height", String(height));
  canvas.setAttribute("aria-label", `${title}, from ${short(low)} to ${short(high)}`);
  canvas.replaceChildren(
    ...y.ticks(height > 200 ? 5 : 3).flatMap((tick) => [svg("line", { class: "wgt-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(tick), y2: y(tick) }), svg("text", { class: "wgt-tick", x: EDGE.left - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick))]),
    ...x.ticks(6).flatMap((tick) => [svg("line", { class: "wgt-grid", x1: x(tick), x2: x(tick), y1: EDGE.top + 8, y2: height - EDGE.bottom }), svg("text", { class: "wgt-tick", x: x(tick), y: height - EDGE.bottom + 16, "text-anchor": "middle" }, short(tick))]),
    svg("text", { class: "wgt-axis-label", x: EDGE.left, y: 11 }, title),
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

function drawMap(stage: HTMLElement, data: ExploreData, width: number, set: (x: number, y: number) => void): void {
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
  canvas.getContext("2d")!.putImageData(new ImageData(bands(data.heights, data.x.length, data.y.length, PIXELS), PIXELS, PIXELS), 0, 0);
  const [low, high] = middling(data.heights);
  canvas.setAttribute("aria-label", `${data.title} over ${first} and ${second}, from ${short(low)} to ${short(high)}`);
  const longest = Math.max(...data.arrows.map(([, , a, b]) => Math.hypot((a ?? 0) * (x.domain()[1]! - x.domain()[0]!), (b ?? 0) * (y.domain()[1]! - y.domain()[0]!))), 1e-300);
  const at = (name: string): number => data.controls.find((control) => control.name === name)!.value;
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
  movers.set(over, (px, py) => set(x.invert(px), y.invert(py)));
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
