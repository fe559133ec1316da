// What a reverse sweep keeps over its course, and a slider for the limit that plans it anew.
import { channel, hearingLine } from "./channel";
import { html, svg, uniqueId } from "./dom";
import { follow } from "./follow";
import { formatBytes, formatSeconds } from "./format";
import type { Cleanup, KeptData, MemoryData, RenderContext } from "./types";

const HEIGHT = 190;
const EDGE = { left: 74, right: 12, top: 14, bottom: 34 };

export function renderMemory({ model, el }: RenderContext): Cleanup {
  const root = html("div", { class: "wgt wgt-memory-view", "data-view": "memory" });
  el.append(root);
  const line = hearingLine();
  const questions = channel(model, line.hear);
  const summary = html("p", { class: "wgt-summary", "aria-live": "polite" });
  const id = uniqueId("limit");
  const slider = html("input", { id, type: "range", min: 0, step: 1, "data-control": "budget" });
  const words = html("output", { for: id });
  const measure = html("button", { type: "button", class: "wgt-button", onclick: () => questions.ask({ budget: budget(), measure: true }) }, "Measure one call");
  const cost = html("span", { class: "wgt-muted", "data-testid": "cost" });
  const control = html("div", { class: "wgt-control wgt-limit" }, html("label", { for: id }, "memory limit"), slider, words);
  const fixed = html("p", { class: "wgt-muted" });
  const canvas = svg("svg", { class: "wgt-plot-canvas", role: "img" });
  const table = html("div", { class: "wgt-ledger", tabindex: 0, role: "group", "aria-label": "what is kept" });
  const split = html("div", { class: "wgt-split wgt-halves" }, html("div", { class: "wgt-main" }, canvas), html("div", { class: "wgt-side wgt-side-wide" }, table));
  root.append(html("div", { class: "wgt-bar" }, summary), html("div", { class: "wgt-bar" }, control, measure, cost, line.element), fixed, split);

  const data = (): MemoryData => model.get<MemoryData>("data");
  const budget = (): number | null => {
    const position = Number(slider.value);
    return position === 0 ? null : (data().budgets[position - 1] ?? null);
  };
  const say = (): void => {
    const limit = budget();
    words.textContent = limit === null ? "none" : formatBytes(limit);
    slider.setAttribute("aria-valuetext", words.textContent);
  };
  slider.addEventListener("input", () => {
    say();
    questions.ask({ budget: budget() });
  });
  const load = (): void => {
    const now = data();
    summary.textContent = now.summary;
    slider.max = String(now.budgets.length);
    const at = now.budget === null ? 0 : now.budgets.findIndex((stop) => stop <= now.budget!) + 1;
    if (document.activeElement !== slider) slider.value = String(at);
    say();
    const can = model.get<boolean>("asks");
    control.hidden = now.budgets.length === 0 || !can;
    measure.hidden = !can;
    fixed.textContent = now.fixed;
    fixed.hidden = now.fixed === "";
    cost.textContent = now.seconds === null ? "" : `${formatSeconds(now.seconds)} a call, measured`;
    table.replaceChildren(keptTable(now.kept));
    split.hidden = now.kept.length === 0; // nothing to draw
    draw();
  };
  const draw = (): void => drawProfile(canvas, data(), Math.max(280, canvas.parentElement!.clientWidth || 600));
  load();
  return follow(model, root, { data: load }, draw, questions.close);
}

function keptTable(kept: KeptData[]): HTMLElement {
  const head = ["kept", "type", "line", "bytes", "how"].map((title) => html("th", { scope: "col", class: title === "bytes" ? "wgt-number" : null }, html("span", { class: "wgt-th" }, title)));
  const row = (value: KeptData): HTMLElement =>
    html(
      "tr",
      { title: value.reason },
      html("td", { class: "wgt-code" }, value.name),
      html("td", { class: "wgt-code wgt-nowrap" }, value.type),
      html("td", {}, value.line === null ? "" : String(value.line)),
      html("td", { class: "wgt-number" }, value.bytes === null ? "at run time" : formatBytes(value.bytes)),
      html("td", {}, value.scheme, value.reason !== "" && html("div", { class: "wgt-muted" }, value.reason)),
    );
  return html("table", {}, html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...kept.map(row)));
}

/** Steps of bytes held: forward and back, with the limit as a dashed line. */
function drawProfile(canvas: SVGSVGElement, data: MemoryData, width: number): void {
  canvas.setAttribute("width", String(width));
  canvas.setAttribute("height", String(HEIGHT));
  canvas.setAttribute("aria-label", `bytes held over the two sweeps. ${data.summary}`);
  const steps = data.profile;
  const top = Math.max(...steps.map(([, bytes]) => bytes), data.budget ?? 0, data.unlimited ?? 0, 1);
  const x = (step: number): number => EDGE.left + ((width - EDGE.left - EDGE.right) * step) / Math.max(1, steps.length);
  const y = (bytes: number): number => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.bottom - EDGE.top) * bytes) / top;
  const floor = HEIGHT - EDGE.bottom;
  const path = steps.map(([, bytes], step) => `${step === 0 ? "M" : "L"}${x(step)},${y(bytes)}H${x(step + 1)}`).join("");
  const middle = x(Math.ceil(steps.length / 2));
  canvas.replaceChildren(
    ...[0, 0.5, 1].map((share) => svg("line", { class: "wgt-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(top * share), y2: y(top * share) })),
    ...[0, 0.5, 1].map((share) => svg("text", { class: "wgt-tick", x: EDGE.left - 8, y: y(top * share) + 4, "text-anchor": "end" }, formatBytes(Math.round(top * share)))),
    svg("path", { class: "wgt-held", d: `${path}V${floor}H${x(0)}Z` }),
    svg("path", { class: "wgt-held-line", d: path }),
    svg("line", { class: "wgt-axis", x1: middle, x2: middle, y1: EDGE.top, y2: floor }),
    svg("text", { class: "wgt-tick", x: EDGE.left, y: floor + 18 }, "forward sweep"),
    svg("text", { class: "wgt-tick", x: width - EDGE.right, y: floor + 18, "text-anchor": "end" }, "reverse sweep"),
  );
  if (data.budget !== null)
    canvas.append(svg("line", { class: "wgt-limit-line", x1: EDGE.left, x2: width - EDGE.right, y1: y(data.budget), y2: y(data.budget) }), svg("text", { class: "wgt-tick", x: width - EDGE.right, y: y(data.budget) - 5, "text-anchor": "end" }, "limit"));
}
