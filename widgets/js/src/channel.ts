// Questions to the kernel: one at a time, always the latest; and what to say when none answers.
import { html } from "./dom";
import { hasKernel, isBusy } from "./kernel";
import type { WidgetModel } from "./types";

export type Question = Record<string, unknown>;
export interface Channel {
  /** Ask, now or when the answer to the question under way is there; a later question replaces one that waits. */
  ask(question: Question): void;
  close(): void;
}
/** What the user is told: nothing, that the kernel works, that it does not answer, or what it answered with. */
export type Hearing = { state: "idle" | "waiting" | "silent" | "failed"; words: string };

const SILENCE = 4000; // milliseconds without an answer until the user is told
export const NO_KERNEL = "No kernel answers. This is what was shown last; run the cell again to go on.";

export function channel(model: WidgetModel, hear: (hearing: Hearing) => void): Channel {
  let serial = (model.get<Question>("question")["serial"] as number | undefined) ?? 0;
  let waiting = false;
  let next: Question | null = null;
  let timer = 0;
  const send = (question: Question): void => {
    serial = Math.max(serial, (model.get<Question>("question")["serial"] as number | undefined) ?? 0) + 1; // views may hold several channels
    waiting = true;
    clearTimeout(timer);
    if (!hasKernel(model)) {
      waiting = false;
      return hear({ state: "silent", words: NO_KERNEL });
    }
    hear({ state: "waiting", words: "working…" });
    const wait = (): void => {
      timer = window.setTimeout(() => {
        if (isBusy(model)) {
          hear({ state: "waiting", words: "still working…" });
          return wait();
        }
        waiting = false;
        hear({ state: "silent", words: NO_KERNEL });
      }, SILENCE);
    };
    wait();
    model.set("question", { ...question, serial });
    model.save_changes();
  };
  const answered = (): void => {
    const { serial: last, error } = model.get<{ serial?: number; error?: string }>("answered");
    if (last !== serial) return;
    waiting = false;
    clearTimeout(timer);
    hear(error ? { state: "failed", words: error } : { state: "idle", words: "" });
    if (!next) return;
    const question = next;
    next = null;
    send(question);
  };
  model.on("change:answered", answered);
  return {
    ask(question) {
      if (waiting) next = question;
      else send(question);
    },
    close() {
      clearTimeout(timer);
      model.off("change:answered", answered);
    },
  };
}

/** A line for what a channel has to say; a slow answer only shows after a moment, so that quick ones do not flicker. */
export function hearingLine(): { element: HTMLElement; hear(hearing: Hearing): void } {
  const element = html("span", { class: "wgt-hearing wgt-muted", role: "status" });
  let timer = 0;
  return {
    element,
    hear({ state, words }) {
      clearTimeout(timer);
      const say = (): void => {
        element.textContent = words;
        element.className = `wgt-hearing wgt-hearing-${state}`;
      };
      if (state === "waiting") timer = window.setTimeout(say, 250);
      else say();
    },
  };
}
