// Sliders for the scalar arguments of a function; its value, gradient, and a curve with its tangent or a map with arrows.
// While a slider moves, the places it may come to are computed ahead (explore_steps); at rest the whole picture is asked for
// once more, which is what a saved notebook keeps.
import { channel, hearingLine } from "./channel";
import { html, uniqueId } from "./dom";
import { drawCurve, drawMap, MAP } from "./explore_charts";
import { around, steps, type Move, type Step } from "./explore_steps";
import { eachFrame, follow } from "./follow";
import { hasKernel } from "./kernel";
import { short, SLIDER, sliderPosition, sliderValue } from "./plot";
import type { Cleanup, ControlData, ExploreData, RenderContext } from "./types";

const REST = 250; // milliseconds after the last move

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
  /** what is shown: that of the model, and what steps have changed since */
  let shown = model.get<ExploreData>("data");
  let values: Record<string, number> = {};
  let across: string[] = [];
  let moving = 0; // timer of the rest
  let last: Record<string, number> = {};
  const ask = (): void => {
    clearTimeout(moving);
    moving = 0;
    questions.ask({ values, across });
  };
  const draw = eachFrame(() => redraw());
  const step = ({ numbers, place }: Step, move: Move): void => {
    shown = stepped(shown, move, place, numbers);
    draw();
  };
  const ahead = steps(model, step, (words) => line.hear({ state: "failed", words }));
  /** One or two arguments have moved to positions of their sliders. */
  const move = (moved: Record<string, number>): void => {
    const names = Object.keys(moved);
    const controls = names.map((name) => controlOf(shown, name));
    const place = controls.map((control) => sliderValue(control, moved[control.name]!));
    values = { ...values, ...Object.fromEntries(names.map((name, k) => [name, place[k]!])) };
    if (!model.get<boolean>("moves") || !hasKernel(model)) return ask();
    const [control] = controls as [ControlData];
    const positions = names.length > 1 ? [] : nearby(control, moved[control.name]!, moved[control.name]! - (last[control.name] ?? 0));
    last = moved;
    ahead.go({ names, values, across: shown.across }, place, positions.map((position) => [sliderValue(control, position)]));
    clearTimeout(moving);
    moving = window.setTimeout(ask, REST);
  };
  const choices = (): string[][] => {
    const names = shown.controls.filter((control) => control.name in shown.gradient).map((control) => control.name);
    const pairs = names.flatMap((name, index) => names.slice(index + 1).map((other) => [name, other]));
    return [...names.map((name) => [name]), ...pairs].slice(0, 8);
  };
  const build = (): void => {
    values = Object.fromEntries(shown.controls.map((control) => [control.name, control.value]));
    across = shown.across;
    sliders.replaceChildren(...shown.controls.map((control) => slider(control, (position) => move({ [control.name]: position }))));
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
    fixed.replaceChildren(...shown.fixed.map((what) => html("div", {}, what)));
  };
  function redraw(): void {
    value.replaceChildren(html("span", { class: "wgt-muted" }, `${shown.title} =`), html("strong", { "data-testid": "value" }, shown.value === null ? "not finite" : precise(shown.value)));
    for (const row of sliders.querySelectorAll<HTMLElement>("[data-row]")) {
      const name = row.dataset["row"]!;
      const slope = shown.gradient[name];
      const control = controlOf(shown, name);
      row.querySelector(".wgt-slope")!.textContent = name in shown.gradient ? `∂ ${slope === null || slope === undefined ? "not finite" : precise(slope)}` : "";
      const input = row.querySelector("input")!;
      if (document.activeElement !== input) input.value = String(sliderPosition(control, control.value));
      row.querySelector("output")!.textContent = short(control.value);
    }
    for (const button of axes.querySelectorAll<HTMLElement>("button")) button.setAttribute("aria-pressed", String(button.dataset["across"] === shown.across.join()));
    const room = Math.max(300, stage.clientWidth || 620);
    const position = (name: string, at: number): number => Math.round(sliderPosition(controlOf(shown, name), at));
    const [first, second] = shown.across as [string, string?];
    if (second === undefined) drawCurve(stage, shown, room, (x) => move({ [first]: position(first, x) }));
    else drawMap(stage, shown, Math.min(room, MAP + 120), (x, y) => move({ [first]: position(first, x), [second]: position(second, y) }));
  }
  const answered = (): void => {
    if (moving !== 0) return; // the slider went on: what is shown is newer
    shown = model.get<ExploreData>("data");
    draw();
  };
  build();
  redraw();
  return follow(model, stage, { data: answered }, draw, () => {
    clearTimeout(moving);
    ahead.close();
    questions.close();
  });
}

const controlOf = (data: ExploreData, name: string): ControlData => data.controls.find((control) => control.name === name)!;

/** What is shown with the numbers of a step in place of its own. */
export function stepped(data: ExploreData, move: Move, place: number[], numbers: Float64Array): ExploreData {
  const finite = (from: number, count?: number): (number | null)[] => Array.from(numbers.subarray(from, count === undefined ? undefined : from + count), (x) => (Number.isFinite(x) ? x : null));
  const names = Object.keys(data.gradient);
  const values = { ...move.values, ...Object.fromEntries(move.names.map((name, k) => [name, place[k]!])) };
  const [value, ...gradient] = finite(0, 1 + names.length);
  const next: ExploreData = {
    ...data,
    controls: data.controls.map((control) => ({ ...control, value: values[control.name] ?? control.value })),
    value: value!,
    gradient: Object.fromEntries(names.map((name, k) => [name, gradient[k]!])),
  };
  const start = 1 + names.length;
  if (numbers.length === start) return next;
  if (move.across.length === 1) return { ...next, y: finite(start, data.x.length), slope: finite(start + data.x.length) };
  const size = data.x.length * data.y.length;
  const [across, up] = [finite(start + size, data.arrows.length), finite(start + size + data.arrows.length)];
  return { ...next, heights: finite(start, size), arrows: data.arrows.map(([x, y], k) => [x!, y!, across[k]!, up[k]!]) };
}

/** The positions of a slider around one of them. */
function nearby(control: ControlData, position: number, direction: number): number[] {
  if (control.step === null) return around(position, SLIDER, direction);
  return around(position - control.low, control.high - control.low, direction).map((place) => place + control.low);
}

const precise = (value: number): string => (value === 0 ? "0" : Math.abs(value) >= 1e5 || Math.abs(value) < 1e-4 ? value.toExponential(4) : String(Number(value.toPrecision(6))));

function slider(control: ControlData, moved: (position: number) => void): HTMLElement {
  const id = uniqueId("explore");
  const whole = control.step !== null;
  const input = html("input", { id, type: "range", min: whole ? control.low : 0, max: whole ? control.high : SLIDER, step: 1, "data-control": control.name });
  const output = html("output", { for: id }, short(control.value));
  input.addEventListener("input", () => {
    const value = sliderValue(control, Number(input.value));
    output.textContent = short(value);
    input.setAttribute("aria-valuetext", short(value));
    moved(Number(input.value));
  });
  input.value = String(sliderPosition(control, control.value));
  return html("div", { class: "wgt-slider-row", "data-row": control.name }, html("label", { for: id }, control.label), input, output, html("span", { class: "wgt-slope" }));
}
