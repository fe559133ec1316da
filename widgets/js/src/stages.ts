// The stages of a compilation: a strip to choose from, and the chosen stage beside the one before it, with the source.
import { alignLines, type Row } from "./diff";
import { html } from "./dom";
import { formatCount, formatMilliseconds, plural } from "./format";
import { sourcePane, type SourcePane } from "./source_pane";
import type { Cleanup, RenderContext, StagesData, StageTextData } from "./types";
import { virtualList } from "./virtual";

const IR = /(%[\w.]+)|(#\w+)|("[^"]*"|'[^']*')|\b(f64|f32|i64|i32|i8|bool|c128|c64|double|float|i1|ptr)\b|(-?\b\d[\w.+-]*)/g;
const KINDS = ["value", "role", "string", "type", "number"];

export function colourIr(line: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const match of line.matchAll(IR)) {
    if (match.index > end) parts.push(line.slice(end, match.index));
    parts.push(html("span", { class: `wgt-ir-${KINDS[match.slice(1).findIndex((group) => group !== undefined)]}` }, match[0]));
    end = match.index + match[0].length;
  }
  if (end < line.length) parts.push(line.slice(end));
  return parts;
}

interface Side {
  lines: string[];
  places: number[];
}
const sideOf = (text: StageTextData | undefined): Side => ({ lines: text ? text.text.split("\n") : [], places: text?.lines ?? [] });

export function renderStages({ model, el }: RenderContext): Cleanup {
  const strip = html("div", { class: "wgt-strip", role: "radiogroup", "aria-label": "stages" });
  const heads = [html("div", { class: "wgt-stage-head" }), html("div", { class: "wgt-stage-head" })];
  const panes = [virtualList("the stage before"), virtualList("the chosen stage")];
  const column = (side: number): HTMLElement => html("div", { class: "wgt-stage-side" }, heads[side]!, panes[side]!.element);
  const sourceSide = html("div", { class: "wgt-stage-side wgt-stage-source" }, html("div", { class: "wgt-stage-head" }, html("strong", {}, "source")));
  const body = html("div", { class: "wgt-stage-body" }, sourceSide, column(0), column(1));
  el.append(html("div", { class: "wgt wgt-stages", "data-view": "stages" }, strip, body));

  let source: SourcePane | undefined;
  let rows: Row[] = [];
  let sides: [Side, Side] = [sideOf(undefined), sideOf(undefined)];
  let scrolling = false;
  panes.forEach((pane, side) =>
    pane.element.addEventListener("scroll", () => {
      if (scrolling) return;
      scrolling = true;
      panes[1 - side]!.element.scrollTop = pane.element.scrollTop;
      requestAnimationFrame(() => (scrolling = false));
    }),
  );

  const choose = (number: number): void => {
    model.set("shown", [Math.max(0, number - 1), number]);
    model.save_changes();
  };
  const light = (line: number): void => {
    if (line === model.get<number>("line")) return;
    model.set("line", line);
    model.save_changes();
  };

  function drawRow(side: 0 | 1, index: number): HTMLElement {
    const at = rows[index]![side === 0 ? "left" : "right"];
    const other = rows[index]![side === 0 ? "right" : "left"];
    const classes = ["wgt-text-line"];
    const compared = strip.dataset["compared"] === "true";
    if (at === null) return html("div", { class: compared ? "wgt-text-line wgt-absent" : "wgt-text-line" });
    if (compared && other === null) classes.push(side === 0 ? "wgt-removed" : "wgt-added");
    else if (other !== null && differs(at, other, side)) classes.push("wgt-changed");
    const place = sides[side].places[at] ?? 0;
    if (place > 0 && place === model.get<number>("line")) classes.push("wgt-lit");
    const row = html("div", { class: classes.join(" "), "data-place": place || null }, ...colourIr(sides[side].lines[at]!));
    if (place > 0) {
      row.addEventListener("click", () => light(place));
      row.addEventListener("mouseenter", () => source?.light(place));
      row.addEventListener("mouseleave", () => source?.light(model.get<number>("line") || null));
    }
    return row;
  }
  const differs = (at: number, other: number, side: 0 | 1): boolean =>
    strip.dataset["compared"] === "true" && unnumbered(sides[side].lines[at]!) !== unnumbered(sides[1 - side]!.lines[other]!);

  function showTexts(): void {
    const data = model.get<StagesData>("data");
    const shown = model.get<number[]>("shown");
    const texts = model.get<Record<string, StageTextData>>("texts");
    const [left, right] = shown as [number, number];
    if (right === undefined) return;
    const first = left === right;
    sides = [sideOf(first ? undefined : texts[String(left)]), sideOf(texts[String(right)])];
    const comparable = !first && data.stages[left]!.language === data.stages[right]!.language;
    strip.dataset["compared"] = String(comparable);
    const count = Math.max(sides[0].lines.length, sides[1].lines.length);
    rows = comparable ? alignLines(sides[0].lines, sides[1].lines) : Array.from({ length: count }, (_, k) => ({ left: k < sides[0].lines.length ? k : null, right: k < sides[1].lines.length ? k : null }));
    const changes = rows.filter((row) => row.left === null || row.right === null || differs(row.left, row.right, 0)).length;
    heads.forEach((head, side) => {
      const stage = data.stages[side === 0 ? left : right]!;
      const missing = texts[String(side === 0 ? left : right)] === undefined;
      head.replaceChildren(
        html("strong", {}, stage.name),
        html("span", { class: "wgt-muted" }, missing ? "not loaded: the kernel has this text" : `${formatCount(sides[side]!.lines.length)} lines`),
        ...(side === 1 && comparable ? [html("span", { class: "wgt-muted wgt-changes" }, changes === 0 ? "no change" : `${formatCount(changes)} changed`)] : []),
      );
    });
    (body.children[1] as HTMLElement).hidden = first;
    panes.forEach((pane, side) => pane.show(rows.length, (index) => drawRow(side as 0 | 1, index)));
    const buttons = [...strip.querySelectorAll<HTMLElement>("button")];
    buttons.forEach((button, number) => {
      button.setAttribute("aria-checked", String(number === right));
      button.tabIndex = number === right ? 0 : -1;
      button.classList.toggle("wgt-beside", number === left && !first);
    });
  }
  function showLine(): void {
    const line = model.get<number>("line");
    source?.light(line || null);
    for (const pane of panes) pane.redraw();
    if (line === 0) return;
    const found = rows.findIndex((row) => row.right !== null && sides[1].places[row.right] === line);
    if (found >= 0) for (const pane of panes) pane.reveal(found);
  }
  function load(): void {
    const data = model.get<StagesData>("data");
    const longest = Math.max(...data.stages.map((stage) => stage.milliseconds ?? 0), 1e-9);
    strip.replaceChildren(
      ...data.stages.map((stage, number) =>
        html(
          "button",
          { type: "button", role: "radio", class: "wgt-stage-button", "data-stage": number, onclick: () => choose(number) },
          html("span", { class: "wgt-stage-title" }, stage.name),
          html("span", { class: "wgt-stage-bar", "aria-hidden": "true" }, html("span", { style: `width:${((100 * (stage.milliseconds ?? 0)) / longest).toFixed(1)}%` })),
          html("span", { class: "wgt-muted wgt-stage-facts" }, stage.milliseconds !== null && html("span", {}, formatMilliseconds(stage.milliseconds)), stage.ops !== null && html("span", {}, plural(stage.ops, "op"))),
        ),
      ),
    );
    const active = new Set(data.source.map((_, index) => data.first_line + index));
    source = sourcePane(data.source, data.first_line, data.title, active, (line) => light(line === model.get<number>("line") ? 0 : line));
    sourceSide.replaceChildren(sourceSide.firstElementChild!, source.element);
    showTexts();
    showLine();
  }
  strip.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const count = model.get<StagesData>("data").stages.length;
    const next = Math.min(count - 1, Math.max(0, (model.get<number[]>("shown")[1] ?? 0) + step));
    choose(next);
    strip.querySelectorAll<HTMLElement>("button")[next]!.focus();
  });
  const both = (): void => {
    showTexts();
    showLine();
  };
  const listeners: [string, () => void][] = [["change:data", load], ["change:shown", both], ["change:texts", both], ["change:line", showLine]];
  for (const [name, listener] of listeners) model.on(name, listener);
  load();
  const resized = new ResizeObserver(() => panes.forEach((pane) => pane.redraw()));
  resized.observe(body);
  return () => {
    resized.disconnect();
    for (const [name, listener] of listeners) model.off(name, listener);
  };
}

const unnumbered = (line: string): string => line.trim().replace(/%[\w.]+/g, "%");
