// Placement: devices as lanes, transfers as arrows between them in the order they happened, and the ledger.
import { html, shorten, svg } from "./dom";
import { follow } from "./follow";
import { formatBytes, formatMilliseconds } from "./format";
import { ledger } from "./ledger";
import { lane } from "./placement_lane";
import { whatIf } from "./whatif";
import type { Cleanup, PlacementData, RenderContext, TransferData } from "./types";

const ROW = 40; // height of one arrow with its label
const MOST_ARROWS = 24;

export function renderPlacement({ model, el }: RenderContext): Cleanup {
  const shown = html("div");
  const question = whatIf(model);
  const root = html("div", { class: "wgt wgt-placement", "data-view": "placement" }, shown);
  el.append(root);
  let draw: (() => void) | undefined;
  let table: ReturnType<typeof ledger> | undefined;

  const choose = (order: number): void => {
    model.set("selected", model.get("selected") === order ? -1 : order);
    model.save_changes();
  };
  const mark = (): void => {
    const selected = model.get<number>("selected");
    for (const arrow of root.querySelectorAll<SVGElement>("[data-order]"))
      arrow.classList.toggle("wgt-selected", Number(arrow.dataset["order"]) === selected);
    table?.select(selected);
  };
  const load = (): void => {
    const data = model.get<PlacementData>("data");
    const arrows = svg("svg", { class: "wgt-arrows", role: "group", "aria-label": "transfers in order" });
    table = ledger(data, model.get<string>("sort"), choose, (sort) => {
      model.set("sort", sort);
      model.save_changes();
    });
    const lanes = html("div", { class: "wgt-lanes", style: `--wgt-lanes:${data.devices.length}` }, ...data.devices.map((device) => lane(device, data, question)));
    shown.replaceChildren(
      html("p", { class: "wgt-summary" }, data.summary),
      question.hint,
      html("div", { class: "wgt-split" }, html("div", { class: "wgt-main wgt-scroll" }, lanes, arrows), data.transfers.length > 0 && html("div", { class: "wgt-side wgt-side-wide" }, table.element)),
    );
    draw = () => drawArrows(arrows, data, choose);
    draw();
    mark();
    question.load(data, lanes);
  };
  const sorted = (): void => {
    table?.sort(model.get<string>("sort"));
    mark();
  };
  const resized = (): void => {
    draw?.();
    mark();
  };
  load();
  return follow(model, root, { data: load, selected: mark, sort: sorted }, resized, question.close);
}

/** Width in pixels of an arrow: from 1.5 for a few bytes to 6 for the largest copy, by the logarithm. */
function thickness(bytes: number, largest: number): number {
  return 1.5 + 4.5 * (Math.log1p(bytes) / Math.log1p(Math.max(largest, 1)));
}

function drawArrows(canvas: SVGSVGElement, data: PlacementData, choose: (order: number) => void): void {
  const width = canvas.clientWidth || 480;
  const gap = 12; // of .wgt-lanes
  const laneWidth = (width - gap * (data.devices.length - 1)) / data.devices.length;
  const centre = (id: string): number => data.devices.findIndex((device) => device.id === id) * (laneWidth + gap) + laneWidth / 2;
  const ordered = data.transfers.filter((transfer) => transfer.ends !== null).sort((a, b) => a.order - b.order);
  const shown = ordered.slice(0, MOST_ARROWS);
  const height = shown.length === 0 ? 0 : shown.length * ROW + 18 + (ordered.length > shown.length ? 20 : 0);
  const largest = Math.max(...ordered.map((transfer) => transfer.bytes), 1);
  canvas.setAttribute("height", String(height));
  canvas.replaceChildren(
    ...data.devices.filter((device) => device.available && height > 0).map((device) => svg("line", { class: "wgt-lifeline", x1: centre(device.id), x2: centre(device.id), y1: 0, y2: height })),
    ...shown.map((transfer, row) => arrow(transfer, centre, row * ROW + 28, largest, choose)),
    ...(ordered.length === shown.length ? [] : [svg("text", { class: "wgt-small", x: width / 2, y: height - 6, "text-anchor": "middle" }, `${ordered.length - shown.length} more in the table`)]),
  );
}

function arrow(transfer: TransferData, centre: (id: string) => number, y: number, largest: number, choose: (order: number) => void): SVGElement {
  const [from, to] = transfer.ends!.map(centre) as [number, number];
  const weight = thickness(transfer.bytes, largest);
  const forward = to > from ? 1 : -1;
  const [start, end] = [from + 7 * forward, to - 3 * forward];
  const head = 5 + weight;
  const words = `${shorten(transfer.array, 18)} · ${formatBytes(transfer.bytes)}`;
  const act = (): void => choose(transfer.order);
  return svg(
    "g",
    {
      class: `wgt-transfer wgt-${transfer.direction.replace(" ", "-")}`,
      "data-order": transfer.order,
      role: "button",
      tabindex: 0,
      "aria-label": `${transfer.array}, ${formatBytes(transfer.bytes)} ${transfer.direction}, ${formatMilliseconds(transfer.milliseconds)}, ${transfer.why}`,
      onclick: act,
      onkeydown: (event: KeyboardEvent) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        act();
      },
    },
    svg("rect", { class: "wgt-hit", x: Math.min(from, to), y: y - 22, width: Math.abs(to - from), height: ROW - 4 }),
    svg("circle", { cx: from, cy: y, r: 4 }),
    svg("line", { x1: start, x2: end - head * forward, y1: y, y2: y, "stroke-width": weight }),
    svg("path", { d: `M${end},${y}l${-head * forward * 1.4},${-head * 0.8}v${head * 1.6}Z` }),
    svg("text", { x: (from + to) / 2, y: y - 9, "text-anchor": "middle" }, words),
    svg("title", {}, transfer.why),
  );
}
