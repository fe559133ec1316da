// Timings over problem sizes: measuring one size after another with a bar and a Stop button, curves on log axes, and
// recorded runs beside them.
import { scaleLog } from "d3-scale";
import { channel, hearingLine, type Channel } from "./channel";
import { html, svg, keepFocus } from "./dom";
import { formatCount, formatSeconds } from "./format";
import { download } from "./graph_export";
import type { CurvePoint, TimingData, WidgetModel } from "./types";

const [WIDTH, HEIGHT] = [680, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 16, 12, 40];
const TONES = 5;
const DASHES = ["", "6 4", "2 3"];

export interface Sweep {
  element: HTMLElement;
  load(data: TimingData): void;
  close(): void;
}

export function sweepSection(model: WidgetModel): Sweep {
  const line = hearingLine();
  let running: { vary: string; point: number } | null = null;
  let data: TimingData;
  const asked: Channel = channel(model, (hearing) => {
    line.hear(hearing.state === "waiting" && running ? { ...hearing, words: "" } : hearing);
    if (hearing.state === "idle" && running) step();
    else if (hearing.state !== "waiting") stop();
  });
  const vary = html("select", { class: "wgt-select", "aria-label": "what to vary" });
  const start = html("button", { class: "wgt-button", type: "button", onclick: () => begin() }, "Measure");
  const hint = html("span", { class: "wgt-muted" }, "times every function, for some seconds");
  const bar = html("progress", { class: "wgt-progress", "aria-label": "sizes measured" });
  const halt = html("button", { class: "wgt-button", type: "button", onclick: () => stop() }, "Stop");
  const file = html("input", { type: "file", accept: ".json", hidden: true, "aria-label": "recorded run" });
  const open = html("button", { class: "wgt-button", type: "button", onclick: () => file.click() }, "Compare with a recorded run…");
  const save = html("button", { class: "wgt-button", type: "button", onclick: () => download(JSON.stringify(data), `${data.title.split(":")[0]}_timings.json`, "application/json") }, "Save");
  const form = html("div", { class: "wgt-bar" }, html("label", { class: "wgt-label" }, "Over ", vary), start, hint, bar, halt, line.element, html("span", { class: "wgt-space" }), open, save, file);
  const body = html("div", { class: "wgt-sweep-body" });
  const element = html("section", { class: "wgt-sweep", "data-testid": "sweep" }, form, body);
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    if (chosen) void chosen.text().then((text) => asked.ask({ what: "load", text }));
    file.value = "";
  });

  function begin(): void {
    running = { vary: vary.value, point: 0 };
    asked.ask({ what: "measure", ...running });
    show();
  }
  function step(): void {
    if (!running) return;
    running.point += 1;
    const total = model.get<TimingData>("data").sweep?.sizes.length ?? 0;
    if (running.point >= total) return stop();
    asked.ask({ what: "measure", ...running });
    show();
  }
  function stop(): void {
    running = null;
    show();
  }
  function show(): void {
    keepFocus(form, () => {
      bar.hidden = halt.hidden = running === null;
      start.hidden = running !== null;
      hint.hidden = running !== null || (data?.curves.length ?? 0) > 0;
    });
    bar.max = data?.sweep?.sizes.length || 5;
    bar.value = running?.point ?? 0;
  }
  return {
    element,
    load(next) {
      data = next;
      const options = data.sweep?.options ?? [];
      const before = vary.value || data.sweep?.chosen;
      vary.replaceChildren(...options.map((name) => html("option", { value: name, selected: name === before }, name)));
      const can = model.get<boolean>("asks");
      element.hidden = !can && data.curves.length === 0;
      for (const part of [start, vary.parentElement!]) part.hidden = !can || options.length === 0;
      open.hidden = !can;
      save.hidden = data.curves.length === 0;
      show();
      const failed = data.sweep?.failed ?? [];
      body.replaceChildren(
        ...(data.curves.length > 0 ? [html("div", { class: "wgt-sweep-split" }, chart(data), html("div", { class: "wgt-sweep-words" }, ...data.sentences.map((said) => html("p", { class: "wgt-said" }, said))))] : []),
        ...failed.map((said) => html("p", { class: "wgt-muted" }, `not measured: ${said}`)),
      );
    },
    close: () => asked.close(),
  };
}

function chart(data: TimingData): HTMLElement {
  const names = [...new Set(data.curves.map((point) => point.series))];
  const runs = [...new Set(data.curves.map((point) => point.run))];
  const sizes = data.curves.map((point) => point.size ?? 1);
  const times = data.curves.flatMap((point) => [point.q1, point.q3, point.median]).filter((time) => time > 0);
  const x = scaleLog(spread(sizes), [LEFT, WIDTH - RIGHT]);
  const y = scaleLog(spread(times), [HEIGHT - BOTTOM, TOP]);
  const xTicks = [...new Set(sizes)].sort((a, b) => a - b).filter((_, index, all) => all.length <= 7 || index % Math.ceil(all.length / 7) === 0);
  // A recorded run has the colours of this one, with broken lines and open circles.
  const kinds = [...new Set(data.curves.map(kindOf))];
  const tones = names.map((name) => kinds.indexOf(kindOf(data.curves.find((point) => point.series === name)!)));
  const canvas = svg("svg", { class: "wgt-sweep-canvas", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": `time of a call over the size: ${data.sentences.join(" ")}` });
  for (const tick of decades(y.domain() as [number, number]))
    canvas.append(svg("line", { class: "wgt-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }), svg("text", { class: "wgt-tick", x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, formatSeconds(tick)));
  for (const tick of xTicks) canvas.append(svg("line", { class: "wgt-grid", x1: x(tick), x2: x(tick), y1: TOP, y2: HEIGHT - BOTTOM }), svg("text", { class: "wgt-tick", x: x(tick), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, formatCount(tick)));
  canvas.append(svg("text", { class: "wgt-axis-label", x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 5, "text-anchor": "middle" }, data.sweep?.chosen || "size"));
  names.forEach((name, index) => {
    const points = data.curves.filter((point) => point.series === name).sort((a, b) => a.size! - b.size!);
    canvas.append(curve(points, tones[index]!, runs, (size) => x(size), (time) => y(time)));
  });
  const recorded = (name: string): boolean => data.curves.find((point) => point.series === name)!.run !== "";
  const legend = html("div", { class: "wgt-legend wgt-sweep-legend" }, ...names.map((name, index) => html("span", { class: `wgt-key wgt-curve-${tones[index]! % TONES}${runs.length > 1 && recorded(name) ? " wgt-key-open" : ""}` }, name)));
  return html("div", { class: "wgt-scroll" }, legend, canvas);
}

const kindOf = (point: CurvePoint): string => `${point.label} · ${point.device}`;

function curve(points: CurvePoint[], index: number, runs: string[], x: (size: number) => number, y: (time: number) => number): SVGGElement {
  const group = svg("g", { class: `wgt-sweep-curve wgt-curve-${index % TONES}` });
  const path = points.map((point, k) => `${k ? "L" : "M"}${x(point.size ?? 1).toFixed(1)},${y(point.median).toFixed(1)}`).join("");
  const dash = DASHES[Math.max(0, runs.indexOf(points[0]!.run)) % DASHES.length]!;
  group.append(svg("path", { d: path, "stroke-dasharray": dash || null }));
  for (const point of points) {
    const at = x(point.size ?? 1);
    const [low, high] = [y(point.q1), y(point.q3)];
    group.append(
      svg("line", { class: "wgt-iqr", x1: at, x2: at, y1: low, y2: high }),
      svg("line", { class: "wgt-iqr", x1: at - 4, x2: at + 4, y1: low, y2: low }),
      svg("line", { class: "wgt-iqr", x1: at - 4, x2: at + 4, y1: high, y2: high }),
      svg("circle", { cx: at, cy: y(point.median), r: 3.5, class: points[0]!.run !== "" && runs.length > 1 ? "wgt-open" : null }, svg("title", {}, `${point.series}, ${formatCount(point.size ?? 1)}: ${formatSeconds(point.median)}, middle half ${formatSeconds(point.q1)} to ${formatSeconds(point.q3)}`)),
    );
  }
  return group;
}

/** The span of positive numbers, a little wider on a log axis. */
export function spread(values: number[]): [number, number] {
  const positive = values.filter((value) => value > 0);
  const [low, high] = [Math.min(...positive), Math.max(...positive)];
  return [low / 1.3, high * 1.3];
}

export function decades([low, high]: [number, number]): number[] {
  const found: number[] = [];
  for (let power = Math.ceil(Math.log10(low)); power <= Math.floor(Math.log10(high)); power += 1) found.push(Number(`1e${power}`));
  const every = Math.ceil(found.length / 7);
  return found.length > 0 ? found.filter((_, index) => index % every === 0) : [low, high];
}
