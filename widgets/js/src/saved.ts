// What a notebook keeps of its views, so that they are there again without a kernel.
//
// JupyterLab saves the state of widgets only where the user asked for it in the settings; without it a saved notebook that is
// opened again shows an error in place of each view. So the state of the views that are shown goes into the notebook's JSON.
// nbconvert, and hosting sites that use it, choose the widget wherever the notebook has its state, and show nothing once they
// have removed the scripts. Therefore the outputs in the file name their model by a number: JavaScript finds the state under it,
// the keys of JSON being strings, Python does not, and takes the picture.
import type { WidgetModel } from "./types";

type State = Record<string, unknown>;
interface Saved {
  state: State;
  [other: string]: unknown;
}
type States = Record<string, Saved>;
interface Output {
  data?: Record<string, unknown>;
}
export interface Notebook {
  metadata: Record<string, unknown>;
  cells: { outputs?: Output[] }[];
}
interface LabManager {
  has_model(id: string): boolean;
  get_model(id: string): Promise<unknown>;
  register_model(id: string, model: Promise<unknown>): void;
  get_state_sync?(options: { drop_defaults: boolean }): { state: States };
  context?: { model?: { toJSON(): unknown } };
}

const VIEW = "application/vnd.jupyter.widget-view+json";
const STATE = "application/vnd.jupyter.widget-state+json";

const isOurs = (saved: Saved | undefined): boolean => typeof saved?.state["_engine"] === "string";
const isView = (saved: Saved | undefined): boolean => isOurs(saved) && typeof saved!.state["_kind"] === "string";
const layoutOf = (saved: Saved): string => String(saved.state["layout"] ?? "").replace("IPY_MODEL_", "");

/** Names a model in a file: of the 32 hexadecimal digits of an id as many as a number holds exactly. */
function numberOf(id: string): number {
  return parseInt(id.replace(/[^0-9a-f]/g, "").slice(0, 13), 16);
}

/** Put the views that `notebook` shows into its metadata, with their state from `live`, or else from when it was read. */
export function withViews(notebook: Notebook, live: States): Notebook {
  const widgets = notebook.metadata["widgets"] as Record<string, { state: States }> | undefined;
  const before = widgets?.[STATE]?.state ?? {};
  const pool: States = { ...before, ...live };
  const kept: States = {};
  const keep = (id: string): void => {
    const saved = pool[id];
    if (!saved || kept[id]) return;
    kept[id] = isOurs(saved) ? packed(saved) : saved;
    keep(layoutOf(saved));
    for (const tab of (saved.state["tabs"] as { view: string }[] | undefined) ?? []) keep(tab.view);
  };
  for (const cell of notebook.cells) {
    for (const { data } of cell.outputs ?? []) {
      const view = data?.[VIEW] as { model_id: string | number } | undefined;
      if (!view) continue;
      const known = pool[view.model_id];
      const own = isView(known) ? String(known!.state["_own"] ?? view.model_id) : String(view.model_id);
      const saved = live[own] ?? known;
      if (!saved || !isView(saved)) continue;
      const number = numberOf(own);
      const lab = saved.state["_kind"] === "lab" ? { closed: true, panel: "" } : {}; // it is below its cell when it comes back
      pool[number] = { ...saved, state: { ...saved.state, ...lab, _own: own } };
      keep(String(number));
      data![VIEW] = { ...view, model_id: number };
    }
  }
  const engines = new Set(Object.values(kept).filter(isOurs).map((saved) => saved.state["_engine"]));
  for (const [id, saved] of Object.entries(pool)) if (isOurs(saved) && !isView(saved) && engines.delete(saved.state["_engine"])) keep(id);

  const gone = new Set(Object.entries(before).flatMap(([id, saved]) => (isOurs(saved) ? [id, layoutOf(saved)] : [])));
  const others = Object.entries(before).filter(([id]) => !gone.has(id));
  const state = { ...Object.fromEntries(others), ...kept };
  if (Object.keys(state).length > 0) notebook.metadata["widgets"] = { ...widgets, [STATE]: { version_major: 2, version_minor: 0, ...widgets?.[STATE], state } };
  else if (gone.size > 0) delete notebook.metadata["widgets"];
  return notebook;
}

/** What a view shows as one text: files are written with a line and its indentation for each number. */
function packed(saved: Saved): Saved {
  const data = saved.state["data"];
  return typeof data === "object" && data !== null ? { ...saved, state: { ...saved.state, data: JSON.stringify(data) } } : saved;
}

const watched = new WeakSet<object>();

/** From now on the notebook of this view is saved with its views. Front ends that have another manager are left alone. */
export function saveViews(model: WidgetModel): void {
  const manager = model.widget_manager as LabManager | undefined;
  const document = manager?.context?.model;
  if (!document?.toJSON || !manager?.get_state_sync || watched.has(document)) return;
  watched.add(document);
  const plain = document.toJSON.bind(document);
  let last: States = {}; // when the kernel has ended, nothing is live
  document.toJSON = () => {
    try {
      const live = Object.entries(manager.get_state_sync!({ drop_defaults: true }).state);
      last = { ...last, ...Object.fromEntries(live) };
      const saved = withViews(plain() as Notebook, last);
      const shown = (saved.metadata["widgets"] as Record<string, { state: States }> | undefined)?.[STATE]?.state ?? {};
      const numbers = Object.entries(shown).flatMap(([number, { state }]): [string, string][] => (typeof state["_own"] === "string" ? [[number, state["_own"]]] : []));
      // The file may be read again in this page.
      for (const [number, own] of numbers) if (manager.has_model(own) && !manager.has_model(number)) manager.register_model(number, manager.get_model(own));
      const owned = new Set(numbers.map(([, own]) => own));
      last = Object.fromEntries(Object.entries(last).filter(([id]) => id in shown || owned.has(id)));
      return saved;
    } catch (error) {
      console.warn("wengert: the notebook was saved without its views", error);
      return plain();
    }
  };
}
