// The roofline: what the device can compute and move at best, on log axes, and the functions under it.
import { scaleLog } from "d3-scale";
import { channel, hearingLine } from "./channel";
import { html, svg } from "./dom";
import { formatNumber, formatRate } from "./format";
import { decades, spread } from "./timing_sweep";
import type { RooflineData, TimingData, WidgetModel } from "./types";

const [WIDTH, HEIGHT] = [680, 280];
const [LEFT, RIGHT, TOP, BOTTOM] = [76, 16, 16, 40];

export interface RooflineSection {
  element: HTMLElement;
  load(data: TimingData): void;
  close(): void;
}

export function rooflineSection(model: WidgetModel): RooflineSection {
  const line = hearingLine();
  const asked = channel(model, (hearing) => line.hear(hearing));
  const button = html("button", { class: "wgt-button", type: "button", onclick: () => asked.ask({ what: "roofline" }) }, "Measure the roofline");
  const hint = html("span", { class: "wgt-muted" }, "how near to what this machine can compute and move at best");
  const body = html("div", { class: "wgt-sweep-body" });
  const element = html("section", { class: "wgt-sweep", "data-testid": "roofline" }, html("div", { class: "wgt-bar" }, button, hint, line.element), body);
  return {
    element,
    load(data) {
      const can = model.get<boolean>("asks");
      const found = data.roofline;
      element.hidden = !can && !found;
      button.hidden = !can;
      if (!found) return body.replaceChildren();
      const words = html("div", { class: "wgt-sweep-words" }, ...found.sentences.map((said) => html("p", { class: "wgt-said" }, said)));
      body.replaceChildren(
        ...(found.points.length > 0 ? [html("div", { class: "wgt-sweep-split" }, html("div", { class: "wgt-scroll" }, roof(found)), words)] : []),
        ...found.failed.map((said) => html("p", { class: "wgt-muted" }, `not placed: ${said}`)),
      );
    },
    close: () => asked.close(),
  };
}

/** Where the slope of the memory meets the flat of the arithmetic, in operations a byte. */
export const ridge = (ceiling: { operations: number; bytes: number }): number => ceiling.operations / ceiling.bytes;

function roof(data: RooflineData): SVGSVGElement {
  const [low, high] = spread([...data.points.map((point) => point.intensity), ...data.ceilings.map(ridge)]);
  const x = scaleLog([low / 2, high * 4], [LEFT, WIDTH - RIGHT]);
  const [start, end] = x.domain() as [number, number];
  const tops = data.ceilings.map((ceiling) => ceiling.operations);
  const feet = data.ceilings.map((ceiling) => Math.min(ceiling.operations, ceiling.bytes * start));
  const y = scaleLog(spread([...data.points.map((point) => point.rate), ...tops, ...feet]), [HEIGHT - BOTTOM, TOP]);
  const canvas = svg("svg", { class: "wgt-sweep-canvas wgt-roofline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": `roofline: ${data.sentences.join(" ")}` });
  for (const tick of decades(y.domain() as [number, number]))
    canvas.append(svg("line", { class: "wgt-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }), svg("text", { class: "wgt-tick", x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, `${formatRate(tick)}op/s`));
  for (const tick of decades([start, end]))
    canvas.append(svg("line", { class: "wgt-grid", x1: x(tick), x2: x(tick), y1: TOP, y2: HEIGHT - BOTTOM }), svg("text", { class: "wgt-tick", x: x(tick), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, formatNumber(tick)));
  canvas.append(svg("text", { class: "wgt-axis-label", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 5, "text-anchor": "middle" }, "operations for each byte of arguments and results"));
  data.ceilings.forEach((ceiling) => {
    const bend = Math.min(end, Math.max(start, ridge(ceiling)));
    const points = [[start, Math.min(ceiling.operations, start * ceiling.bytes)], [bend, Math.min(ceiling.operations, bend * ceiling.bytes)], [end, ceiling.operations]] as const;
    canvas.append(
      svg("path", { class: "wgt-roof", d: points.map(([at, high], k) => `${k ? "L" : "M"}${x(at).toFixed(1)},${y(high).toFixed(1)}`).join("") }),
      svg("text", { class: "wgt-tick", x: WIDTH - RIGHT - 4, y: y(ceiling.operations) - 6, "text-anchor": "end" }, `${ceiling.device}: ${formatRate(ceiling.operations)}op/s, ${formatRate(ceiling.bytes)}B/s`),
    );
  });
  data.points.forEach((point, index) => {
    const right = x(point.intensity) < WIDTH - 220;
    canvas.append(
      svg("g", { class: `wgt-sweep-curve wgt-curve-${index % 5}` },
        svg("circle", { cx: x(point.intensity), cy: y(point.rate), r: 5 }, svg("title", {}, data.sentences[index] ?? "")),
        svg("text", { class: "wgt-roof-name", x: x(point.intensity) + (right ? 9 : -9), y: y(point.rate) + (index % 2 ? 16 : 4), "text-anchor": right ? "start" : "end" }, `${point.label} · ${point.device}`)),
    );
  });
  return canvas;
}
