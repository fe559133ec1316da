// What the pitfall detector found, each finding at its line.
import { channel, hearingLine } from "./channel";
import { html } from "./dom";
import { sourcePane, type SourcePane } from "./source_pane";
import type { Cleanup, FindingData, FindingsData, RenderContext } from "./types";

const SIGN = { error: "✕", warning: "▲", note: "●" } as const;

export function renderFindings({ model, el }: RenderContext): Cleanup {
  const line = hearingLine();
  const questions = channel(model, line.hear);
  const summary = html("p", { class: "wgt-summary" });
  const check = html("button", { type: "button", class: "wgt-button", onclick: () => questions.ask({}) }, "Check again");
  const list = html("div", { class: "wgt-findings-list", role: "listbox", "aria-label": "findings", tabindex: 0 });
  const checks = html("div", { class: "wgt-checks" });
  const main = html("div", { class: "wgt-main" }, list);
  const side = html("div", { class: "wgt-side wgt-side-wide" });
  el.append(
    html(
      "div",
      { class: "wgt wgt-findings", "data-view": "findings" },
      html("div", { class: "wgt-bar" }, summary, html("span", { class: "wgt-space" }), line.element, check),
      html("div", { class: "wgt-split" }, main, side),
      checks,
    ),
  );
  let source: SourcePane | undefined;
  const select = (index: number): void => {
    model.set("selected", model.get("selected") === index ? -1 : index);
    model.save_changes();
  };
  const mark = (): void => {
    const selected = model.get<number>("selected");
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === selected)));
    const finding = model.get<FindingsData>("data").findings[selected];
    source?.light(finding && finding.line > 0 ? finding.line : null);
  };
  const load = (): void => {
    const data = model.get<FindingsData>("data");
    summary.textContent = data.summary;
    check.textContent = data.pending ? "Check" : "Check again";
    check.hidden = !model.get<boolean>("asks");
    main.hidden = data.findings.length === 0;
    list.replaceChildren(...data.findings.map((finding, index) => card(finding, () => select(index))));
    checks.replaceChildren(
      ...(data.checks.length > 0 ? [html("h4", {}, "Derivative checks"), html("dl", {}, ...data.checks.flatMap(([name, result]) => [html("dt", {}, name), html("dd", {}, result)]))] : []),
      ...data.unseen.map((what) => html("p", { class: "wgt-muted" }, `Not looked at: ${what}`)),
    );
    const lines = new Set(data.findings.map((finding) => finding.line));
    source = sourcePane(data.source, data.first_line, data.title, lines, (number) => select(data.findings.findIndex((finding) => finding.line === number)));
    for (const finding of data.findings) source.element.querySelector(`[data-line="${finding.line}"]`)?.classList.add(`wgt-at-${finding.severity}`);
    side.replaceChildren(...(data.source.length > 0 ? [source.element] : []));
    mark();
  };
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || list.childElementCount === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(list.childElementCount - 1, Math.max(0, model.get<number>("selected") + step));
    if (next !== model.get("selected")) select(next);
  });
  model.on("change:data", load);
  model.on("change:selected", mark);
  load();
  return () => {
    questions.close();
    model.off("change:data", load);
    model.off("change:selected", mark);
  };
}

function card(finding: FindingData, choose: () => void): HTMLElement {
  return html(
    "div",
    { class: `wgt-finding wgt-is-${finding.severity}`, role: "option", "data-kind": finding.kind, onclick: choose },
    html(
      "div",
      { class: "wgt-finding-head" },
      html("span", { class: "wgt-sign", "aria-hidden": "true" }, SIGN[finding.severity]),
      html("strong", {}, finding.title),
      html("span", { class: "wgt-muted" }, finding.severity),
      html("span", { class: "wgt-space" }),
      finding.line > 0 && html("span", { class: "wgt-muted" }, `line ${finding.line}`),
    ),
    html("p", {}, finding.message),
    finding.remedy !== "" && html("p", { class: "wgt-remedy" }, html("strong", {}, "Instead: "), finding.remedy),
  );
}
