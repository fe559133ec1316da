// The library widget's module: registers every view under the bundle's own key, so that notebooks saved by
// different versions can live on one page.
import css from "./theme.css";
import { renderGraph } from "./graph";
import { renderPanel } from "./panel";
import { renderPlacement } from "./placement";
import { renderPlot } from "./plot";
import { renderTiming } from "./timing";
import type { Cleanup, RenderContext, WidgetModel } from "./types";

export interface Engine {
  render(kind: string, context: RenderContext): Cleanup;
}

function render(kind: string, context: RenderContext): Cleanup {
  switch (kind) {
    case "graph":
      return renderGraph(context);
    case "placement":
      return renderPlacement(context);
    case "plot":
      return renderPlot(context);
    case "timing":
      return renderTiming(context);
    case "panel":
      return renderPanel(context, render);
    default:
      throw new Error(`wengert: no view of kind "${kind}"`);
  }
}

function initialize({ model }: { model: WidgetModel }): void {
  const key = model.get<string>("_engine");
  const host = globalThis as typeof globalThis & { wengertEngines?: Record<string, Engine> };
  host.wengertEngines ??= {};
  if (!host.wengertEngines[key]) {
    host.wengertEngines[key] = { render };
    const style = document.createElement("style");
    style.dataset["wengert"] = key;
    style.textContent = css;
    document.head.append(style);
  }
  dispatchEvent(new Event("wengert-engine"));
}

export default { initialize };
