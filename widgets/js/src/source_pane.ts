// The cell's source beside the graph: one line per row, the selected one lit, lines with operations clickable.
import { html } from "./dom";

const TOKENS =
  /(#.*$)|("""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|\b(def|return|for|while|in|if|elif|else|and|or|not|is|import|from|as|with|pass|break|continue|lambda|None|True|False|class|raise|assert)\b|(\b\d[\w.]*)|(@[\w.]+|%%?\w+)/g;
const CLASSES = ["comment", "string", "keyword", "number", "decorator"];

function colour(line: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const match of line.matchAll(TOKENS)) {
    if (match.index > end) parts.push(line.slice(end, match.index));
    const kind = CLASSES[match.slice(1).findIndex((group) => group !== undefined)];
    parts.push(html("span", { class: `wgt-py-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  if (end < line.length) parts.push(line.slice(end));
  return parts;
}

export interface SourcePane {
  element: HTMLElement;
  /** Light up line number `line`, or none, and bring it into view inside the pane. */
  light(line: number | null): void;
}

/** The row where the function is defined that `title` is made of: "grad_heat_cuda0" is of `def heat(`. */
export function rowOf(lines: string[], title: string): number {
  const names = lines.map((text) => /^\s*def (\w+)/.exec(text)?.[1] ?? "");
  const made = names.filter((name) => name !== "" && `_${title}_`.includes(`_${name}_`));
  const longest = Math.max(0, ...made.map((name) => name.length));
  return Math.max(0, names.findIndex((name) => name.length === longest && made.includes(name)));
}

/** The pane begins at the function that `title` names. */
export function sourcePane(lines: string[], firstLine: number, title: string, withNodes: ReadonlySet<number>, choose: (line: number) => void): SourcePane {
  const rows = new Map<number, HTMLElement>();
  const element = html("div", { class: "wgt-source", role: "group", "aria-label": withNodes.size > 0 ? "source code: the up and down arrow keys choose a line" : "source code", tabindex: 0 });
  lines.forEach((text, index) => {
    const number = firstLine + index;
    const clickable = withNodes.has(number);
    const row = html(
      "div",
      {
        class: clickable ? "wgt-line wgt-line-active" : "wgt-line",
        "data-line": number,
        title: clickable ? "show the operations of this line" : null,
        onclick: clickable ? () => choose(number) : null,
      },
      html("span", { class: "wgt-line-number", "aria-hidden": "true" }, String(number)),
      html("code", {}, ...colour(text)),
    );
    rows.set(number, row);
    element.append(row);
  });
  element.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const numbers = [...rows.keys()].filter((number) => withNodes.has(number));
    if (step === undefined || numbers.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const lit = numbers.findIndex((number) => rows.get(number)!.classList.contains("wgt-lit"));
    const next = numbers[lit < 0 ? (step > 0 ? 0 : numbers.length - 1) : lit + step];
    if (next !== undefined) choose(next);
  });
  const start = rowOf(lines, title);
  if (start > 3) requestAnimationFrame(() => (element.scrollTop = (rows.get(firstLine + start - 1)?.offsetTop ?? 0) - 6)); // once it is in the page
  return {
    element,
    light(line) {
      for (const row of rows.values()) {
        row.classList.remove("wgt-lit");
        row.removeAttribute("aria-current");
      }
      const row = line === null ? undefined : rows.get(line);
      if (!row) return;
      row.classList.add("wgt-lit");
      row.setAttribute("aria-current", "true");
      const [top, bottom] = [row.offsetTop, row.offsetTop + row.offsetHeight];
      if (top < element.scrollTop || bottom > element.scrollTop + element.clientHeight)
        element.scrollTop = Math.max(0, top - element.clientHeight / 2);
    },
  };
}
