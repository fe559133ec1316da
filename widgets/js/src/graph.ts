// The derivative graph: primal and adjoint halves mirrored, beside the source and the selected operation.
import { select } from "d3-selection";
import { zoom, zoomIdentity, type D3ZoomEvent } from "d3-zoom";
import { channel, hearingLine, type Channel } from "./channel";
import { html, svg } from "./dom";
import { formatCount, plural } from "./format";
import { detailPane } from "./graph_detail";
import { drawGraph, type GraphDrawing } from "./graph_draw";
import { download, pngOf, svgText } from "./graph_export";
import { layoutGraph, type Layout } from "./graph_layout";
import { legendOf, modesOf, painter, type Mode } from "./graph_modes";
import { pathBar } from "./graph_paths";
import { openRegion, slotPath } from "./graph_tree";
import { sourcePane, type SourcePane } from "./source_pane";
import type { Cleanup, GraphData, GraphNode, GraphPathData, GraphValuesData, RenderContext } from "./types";

const LIMIT = 200; // nodes and regions drawn at most
const SMALLEST_FIT = 0.93; // below this a 13 px label would fall under 12 px
const MARGINS = 24; // left and right of the drawing
const RELAYOUT = 24; // pixels by which the width changes until the layout is made anew
const MAXIMUM_HEIGHT = 560;
const MINIMUM_HEIGHT = 260;

const PAN: Record<string, [number, number]> = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

interface Detail {
  node?: string;
  text?: string;
}

export function renderGraph({ model, el }: RenderContext): Cleanup {
  const view = new GraphView(model, el);
  return () => view.unmount();
}

class GraphView {
  private data!: GraphData;
  private layout!: Layout;
  private drawing: GraphDrawing | undefined;
  private source!: SourcePane;
  private readonly detail = detailPane((id) => this.choose(id));
  private readonly canvas = svg("svg", { class: "wgt-canvas" });
  private readonly stage = svg("g");
  private readonly count = html("span", { class: "wgt-muted", role: "status" });
  private readonly search = html("input", { type: "search", class: "wgt-search", placeholder: "Find operation", "aria-label": "find an operation" });
  private readonly side = html("div", { class: "wgt-side" });
  private readonly legend = html("div", { class: "wgt-legend" });
  private readonly mode = html("select", { class: "wgt-select", "aria-label": "colour by" });
  private readonly measure = html("button", { class: "wgt-button", type: "button", title: "run it once, operation by operation, at the arguments of the last call", onclick: () => this.asked.ask({ what: "values" }) }, "Values at the last call");
  private readonly exports = html("span", { class: "wgt-buttons", role: "group", "aria-label": "save as" });
  private readonly paths = pathBar(
    (source, target) => this.asked.ask({ what: "path", source, target }),
    () => this.setPath({}),
    (line) => this.chooseLine(line),
  );
  private readonly line = hearingLine();
  private readonly asked: Channel;
  private readonly zoom = zoom<SVGSVGElement, unknown>();
  private readonly observer = new ResizeObserver(() => this.resized());
  private touched = false;
  private laidOut = 0;
  private matches: string[] = [];
  private match = -1;
  private readonly listeners: [string, (content?: unknown) => void][];

  constructor(
    private readonly model: RenderContext["model"],
    el: HTMLElement,
  ) {
    const button = (label: string, text: string, act: () => void): HTMLElement =>
      html("button", { class: "wgt-button", type: "button", title: label, "aria-label": label, onclick: act }, text);
    const tools = html(
      "div",
      { class: "wgt-bar" },
      this.search,
      html("label", { class: "wgt-label" }, "Colour ", this.mode),
      this.legend,
      html("span", { class: "wgt-space" }),
      this.count,
    );
    const zoomed = html(
      "span",
      { class: "wgt-buttons", role: "group", "aria-label": "zoom" },
      button("zoom out", "−", () => this.zoomBy(1 / 1.3)),
      button("zoom in", "+", () => this.zoomBy(1.3)),
      button("show all", "Fit", () => this.fit(true)),
    );
    const second = html("div", { class: "wgt-bar wgt-bar-second" }, this.measure, this.paths.element, this.line.element, html("span", { class: "wgt-space" }), this.exports, zoomed);
    this.asked = channel(model, this.line.hear);
    this.mode.addEventListener("change", () => this.setMode(this.mode.value as Mode));
    this.canvas.append(this.stage);
    el.append(html("div", { class: "wgt wgt-graph", "data-view": "graph" }, tools, second, html("div", { class: "wgt-split" }, html("div", { class: "wgt-main" }, this.canvas), this.side)));
    this.prepareZoom();
    this.search.addEventListener("input", () => this.find(this.search.value));
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.nextMatch(event.shiftKey ? -1 : 1);
      if (event.key === "Escape") this.find((this.search.value = ""));
    });
    this.listeners = [
      ["change:data", () => this.load()],
      ["change:opened", () => this.draw()],
      ["change:selected", () => this.showSelection()],
      ["change:detail", () => this.showSelection()],
      ["change:colour", () => this.paint()],
      ["change:values", () => (this.paint(), this.showSelection())],
      ["change:path", () => this.showPath()],
      ["msg:custom", (content) => this.save((content as { ir?: string } | undefined)?.ir)],
    ];
    for (const [name, listener] of this.listeners) model.on(name, listener);
    this.load();
    this.observer.observe(this.canvas);
  }

  unmount(): void {
    this.observer.disconnect();
    this.asked.close();
    for (const [name, listener] of this.listeners) this.model.off(name, listener);
  }

  private load(): void {
    this.data = this.model.get<GraphData>("data");
    const lines = new Set(this.data.nodes.flatMap((node) => (node.line === null ? [] : [node.line])));
    this.source = sourcePane(this.data.source, this.data.first_line, this.data.title, lines, (line) => this.chooseLine(line));
    const offers = this.model.get<string[]>("offers");
    this.mode.replaceChildren(...modesOf(this.data, offers.includes("values")).map(([mode, title]) => html("option", { value: mode }, title)));
    this.measure.hidden = !offers.includes("values");
    this.paths.load(this.data, offers.includes("path"));
    const save = (text: string, title: string, act: () => void): HTMLElement => html("button", { class: "wgt-button", type: "button", title, "aria-label": title, onclick: act }, text);
    this.exports.replaceChildren(
      save("SVG", "save the picture as SVG", () => download(this.picture(), `${this.data.title}.svg`, "image/svg+xml")),
      save("PNG", "save the picture as PNG", () => void pngOf(this.picture()).then((blob) => download(blob, `${this.data.title}.png`))),
      ...(offers.includes("ir") ? [save("IR", "save the program as text", () => this.asked.ask({ what: "ir" }))] : []),
    );
    this.side.replaceChildren(...(this.data.source.length > 0 ? [this.source.element] : []), this.detail.element);
    this.touched = false;
    this.draw();
  }

  private draw(): void {
    const opened = new Set(this.model.get<string[]>("opened"));
    [this.laidOut] = this.size();
    this.layout = layoutGraph(this.data, opened, LIMIT, (this.laidOut - MARGINS) / SMALLEST_FIT);
    this.drawing = drawGraph(this.stage, this.data, this.layout, {
      choose: (id) => this.choose(id),
      toggle: (id) => this.toggle(id),
      hover: (id) => this.hover(id),
    });
    this.canvas.setAttribute("role", "group");
    this.canvas.setAttribute("aria-label", `${this.data.title}: derivative graph; arrow keys move, Enter opens, plus, minus and 0 zoom, Shift and arrows pan`);
    const total = this.data.nodes.length;
    const shown = [...this.layout.items.values()].filter((item) => !item.region).length;
    const omitted = this.layout.omitted > 0 ? `, ${this.layout.omitted} too many to draw: use the search` : "";
    this.count.textContent = shown === total ? plural(total, "operation") : `${shown} of ${formatCount(total)} shown${omitted}`;
    this.count.title = `${plural(total, "operation")}; regions are closed until they are clicked`;
    this.find(this.search.value, false);
    this.paint();
    this.showPath();
    this.showSelection();
    this.fit();
  }

  private values(): GraphValuesData {
    return this.model.get<GraphValuesData>("values");
  }

  private setMode(mode: Mode): void {
    this.model.set("colour", mode);
    this.model.save_changes();
    if (mode === "size" && !this.values().sizes) this.asked.ask({ what: "values" });
  }

  private paint(): void {
    const mode = this.model.get<Mode>("colour");
    this.mode.value = mode;
    this.drawing?.paint(painter(mode, this.data, this.values()));
    const ended = this.values().ended;
    this.legend.replaceChildren(...legendOf(mode, this.data, this.values()), ...(ended ? [html("span", {}, ended)] : []));
  }

  private setPath(path: GraphPathData | Record<string, never>): void {
    this.model.set("path", path);
    this.model.save_changes();
  }

  private showPath(): void {
    const path = this.model.get<Partial<GraphPathData>>("path");
    const shown = path.source === undefined ? null : (path as GraphPathData);
    this.drawing?.trace(shown && shown.steps.length > 0 ? new Set(shown.nodes) : null);
    this.paths.show(shown);
  }

  private picture(): string {
    return svgText(this.stage, this.layout.width, this.layout.height, getComputedStyle(this.canvas).backgroundColor, this.data.title);
  }

  private save(text: string | undefined): void {
    if (text !== undefined) download(text, `${this.data.title}.ir.txt`);
  }

  private choose(id: string): void {
    this.reveal(id);
    if (this.model.get("selected") === id) return this.showSelection();
    this.model.set("selected", id);
    this.model.save_changes();
  }

  private chooseLine(line: number): void {
    const node = this.data.nodes.find((entry) => entry.line === line && entry.half === "primal") ?? this.data.nodes.find((entry) => entry.line === line);
    if (node) this.choose(node.id);
  }

  private toggle(regionId: string): void {
    const slot = this.layout.tree.slotOf.get(regionId)!;
    const opened = this.model.get<string[]>("opened");
    const open = opened.includes(slot);
    // A closed region forgets what was open inside it, so that it opens calm again.
    const inside = (id: string): boolean => slotPath(this.layout.tree, id).includes(slot);
    this.setOpened(open ? opened.filter((id) => !inside(id)) : openRegion(this.layout.tree, opened, slot, LIMIT));
    this.drawing?.focus(regionId);
  }

  private setOpened(opened: string[]): void {
    this.touched = false;
    this.model.set("opened", opened);
    this.model.save_changes();
  }

  /** Open the regions around a node that is not drawn. */
  private reveal(id: string): void {
    if (this.layout.items.has(id)) return;
    const around = slotPath(this.layout.tree, id).slice(0, -1);
    const innermost = around.at(-1);
    if (innermost !== undefined) this.setOpened(openRegion(this.layout.tree, this.model.get<string[]>("opened"), innermost, LIMIT));
  }

  private showSelection(): void {
    const node = this.layout.tree.nodes.get(this.model.get<string>("selected"));
    this.drawing?.select(node?.id ?? null);
    this.source.light(node?.line ?? null);
    this.describe(node);
  }

  /** The line and what is known here of an operation under the pointer; the selected one again when it leaves. */
  private hover(id: string | null): void {
    const node = id === null ? undefined : this.layout.tree.nodes.get(id);
    const line = node?.line ?? (id === null ? null : (this.layout.tree.regions.get(id)?.line ?? null));
    if (id === null || (!node && line === null)) return this.showSelection();
    this.source.light(line);
    if (node) this.describe(node);
  }

  private describe(node: GraphNode | undefined): void {
    const detail = this.model.get<Detail>("detail");
    this.detail.show(node, this.data, node && detail.node === node.id ? (detail.text ?? "") : "", (node && this.values().texts?.[node.id]) || "");
  }

  private find(text: string, jump = true): void {
    const wanted = text.trim().toLowerCase();
    this.matches =
      wanted === ""
        ? []
        : this.data.nodes.filter((node) => [node.id, node.label, node.ir, node.type].some((field) => field.toLowerCase().includes(wanted))).map((node) => node.id);
    if (jump) this.match = -1;
    this.drawing?.mark(wanted === "" ? null : new Set(this.matches));
    this.search.classList.toggle("wgt-nothing", wanted !== "" && this.matches.length === 0);
    this.search.title = wanted === "" ? "" : `${plural(this.matches.length, "match")}; Enter shows the next one`.replace("matchs", "matches");
  }

  private nextMatch(step: number): void {
    if (this.matches.length === 0) return;
    this.match = (this.match + step + this.matches.length) % this.matches.length;
    const id = this.matches[this.match]!;
    this.choose(id);
    this.centre(id);
  }

  private size(): [number, number] {
    return [this.canvas.clientWidth || 720, this.canvas.clientHeight || MINIMUM_HEIGHT];
  }

  private prepareZoom(): void {
    this.zoom
      .extent(() => [[0, 0], this.size()])
      .scaleExtent([0.1, 3])
      .clickDistance(5) // a hand moves a little between pressing and letting go
      // The plain wheel scrolls the notebook; with Ctrl or Command it zooms.
      .filter((event: MouseEvent) => (event.type === "wheel" ? event.ctrlKey || event.metaKey : event.button === 0))
      .on("zoom", (event: D3ZoomEvent<SVGSVGElement, unknown>) => {
        if (event.sourceEvent) this.touched = true;
        this.stage.setAttribute("transform", event.transform.toString());
      });
    select(this.canvas).call(this.zoom).on("dblclick.zoom", null);
    this.canvas.addEventListener("keydown", (event) => {
      const [dx, dy] = (event.shiftKey && PAN[event.key]) || [0, 0];
      if (event.key === "+" || event.key === "=") this.zoomBy(1.3);
      else if (event.key === "-") this.zoomBy(1 / 1.3);
      else if (event.key === "0") this.fit(true);
      else if (dx || dy) this.panBy(dx, dy);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  private panBy(dx: number, dy: number): void {
    this.touched = true;
    select(this.canvas).call(this.zoom.translateBy, dx, dy);
  }

  private zoomBy(factor: number): void {
    this.touched = true;
    select(this.canvas).call(this.zoom.scaleBy, factor);
  }

  private resized(): void {
    if (this.touched || this.canvas.clientWidth === 0) return; // 0: its tab is hidden
    if (Math.abs(this.size()[0] - this.laidOut) > RELAYOUT) this.draw();
    else this.fit();
  }

  /** Fit the graph; unless `whole`, never smaller than its labels can be read. */
  private fit(whole = false): void {
    const [width] = this.size();
    const wanted = (width - MARGINS) / this.layout.width;
    const scale = Math.min(1, whole ? Math.min(wanted, MAXIMUM_HEIGHT / this.layout.height) : Math.max(SMALLEST_FIT, wanted));
    const height = Math.min(MAXIMUM_HEIGHT, Math.max(MINIMUM_HEIGHT, this.layout.height * scale + 16));
    this.canvas.style.height = `${Math.round(height)}px`;
    this.side.style.setProperty("--wgt-height", `${Math.round(height)}px`);
    const left = Math.max(12, (width - this.layout.width * scale) / 2);
    select(this.canvas).call(this.zoom.transform, zoomIdentity.translate(left, 8).scale(scale));
    this.touched = whole;
  }

  private centre(id: string): void {
    const item = this.layout.items.get(id);
    if (!item) return;
    this.touched = true;
    select(this.canvas).call(this.zoom.translateTo, item.x + item.width / 2, item.y + item.height / 2);
  }
}

