// The library widget's module: registers every view under the bundle's own key, so that notebooks saved by
// different versions can live on one page.
import css from "./theme.css";
import tabs from "./tabs.css";
import { renderExplore } from "./explore";
import { renderFindings } from "./findings";
import { renderGraph } from "./graph";
import { careful } from "./kernel";
import { renderLab } from "./lab";
import { renderMemory } from "./memory";
import { renderPanel } from "./panel";
import { renderPlacement } from "./placement";
import { renderPlot } from "./plot";
import { saveViews } from "./saved";
import { renderStages } from "./stages";
import { renderTiming } from "./timing";
import { renderTransfers } from "./transfers";
import type { Cleanup, RenderContext, WidgetModel } from "./types";

export interface Engine {
  render(kind: string, context: RenderContext): Cleanup;
}

const VIEWS: Record<string, (context: RenderContext) => Cleanup> = {
  explore: renderExplore,
  findings: renderFindings,
  graph: renderGraph,
  lab: (context) => renderLab(context, render),
  memory: renderMemory,
  panel: (context) => renderPanel(context, render),
  placement: renderPlacement,
  plot: renderPlot,
  stages: renderStages,
  timing: renderTiming,
  transfers: renderTransfers,
};

/** Keys that a slider, a list or a field uses itself: JupyterLab would take the arrows for its cells. */
function ownKeys(event: KeyboardEvent): void {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (plain && event.key !== "Tab" && (event.target as Element).matches("input, select")) event.stopPropagation();
}

function render(kind: string, context: RenderContext): Cleanup {
  const make = VIEWS[kind];
  if (!make) throw new Error(`wengert: no view of kind "${kind}"`);
  context.el.addEventListener("keydown", ownKeys);
  return make({ ...context, model: careful(context.model, context.el) });
}

function initialize({ model }: { model: WidgetModel }): void {
  const key = model.get<string>("_engine");
  const host = globalThis as typeof globalThis & { wengertEngines?: Record<string, Engine> };
  host.wengertEngines ??= {};
  if (!host.wengertEngines[key]) {
    host.wengertEngines[key] = { render: (kind, context) => (saveViews(context.model), render(kind, context)) };
    const style = document.createElement("style");
    style.dataset["wengert"] = key;
    style.textContent = css + tabs;
    document.head.append(style);
  }
  dispatchEvent(new Event("wengert-engine"));
}

export default { initialize };
