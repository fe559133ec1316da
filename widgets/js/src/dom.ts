// Small helpers to build HTML and SVG; text always goes in as text nodes, never as markup.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

const SVG = "http://www.w3.org/2000/svg";

function fill(element: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) element.append(child);
}

/** An HTML element; an attribute named on<event> with a function is a listener. */
export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/** The same for SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  fill(element, attributes, children);
  return element;
}

/** `text` cut to `length` characters, with an ellipsis where something was cut. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, Math.max(1, length - 1)) + "…";
}

let counter = 0;
/** An id for ARIA references, unique on the page. */
export function uniqueId(stem: string): string {
  counter += 1;
  return `wgt-${stem}-${counter}`;
}

const FOCUSABLE = "button, input, select, [tabindex]";
const shown = (element: Element): boolean => element.isConnected && !element.closest("[hidden]"); // without a layout of the page
const nameOf = (element: Element): string => `${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent}`;

/** Draw something anew: the focus stays on what had it, or goes to what now has its name or stands in its place. */
export function keepFocus(root: Element, draw: () => void): void {
  const had = document.activeElement;
  if (!had || had === root || !root.contains(had)) return draw();
  const place = had.parentElement;
  draw();
  if (shown(had)) return;
  const name = nameOf(had);
  const found = [...root.querySelectorAll(FOCUSABLE)].filter(shown);
  const next = found.find((element) => nameOf(element) === name) ?? found.find((element) => element.parentElement === place);
  (next as HTMLElement | SVGElement | undefined)?.focus();
}
