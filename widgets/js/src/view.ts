// What every widget carries: a stub that waits for the engine (sent once, by the library widget) and calls it.
import type { Engine } from "./engine";
import type { Cleanup, RenderContext, WidgetModel } from "./types";

type Host = typeof globalThis & { wengertEngines?: Record<string, Engine> };

function engineFor(key: string): Promise<Engine> {
  const ready = (globalThis as Host).wengertEngines?.[key];
  if (ready) return Promise.resolve(ready);
  return new Promise((resolve) => {
    const listener = (): void => {
      const engine = (globalThis as Host).wengertEngines?.[key];
      if (!engine) return;
      removeEventListener("wengert-engine", listener);
      resolve(engine);
    };
    addEventListener("wengert-engine", listener);
  });
}

/** The model to show for one that was read from a file: that of the running kernel, where it still has it. */
async function ofKernel(model: WidgetModel): Promise<WidgetModel> {
  const own = model.get<string | undefined>("_own");
  const manager = model.widget_manager as { has_model?(id: string): boolean; get_model(id: string): Promise<WidgetModel> } | undefined;
  return own && manager?.has_model?.(own) ? manager.get_model(own) : model;
}

export default {
  async render(context: RenderContext & { signal?: AbortSignal }): Promise<Cleanup | undefined> {
    const model = await ofKernel(context.model);
    if (model !== context.model) context.el.classList.remove("jupyter-widgets-disconnected"); // the mark of one without a kernel
    const engine = await engineFor(model.get<string>("_engine"));
    if (context.signal?.aborted) return undefined;
    return engine.render(context.model.get<string>("_kind"), { ...context, model });
  },
};
