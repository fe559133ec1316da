// What every widget carries: a stub that waits for the engine (sent once, by the library widget) and calls it.
import type { Engine } from "./engine";
import type { Cleanup, RenderContext } from "./types";

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

export default {
  async render(context: RenderContext & { signal?: AbortSignal }): Promise<Cleanup | undefined> {
    const engine = await engineFor(context.model.get<string>("_engine"));
    if (context.signal?.aborted) return undefined;
    return engine.render(context.model.get<string>("_kind"), context);
  },
};
