// The buttons of the graph view.

import { h, on, svg } from "../lib/dom";

export interface ToolbarEvents {
  /** Are there groups to open at all? */
  canOpen: boolean;
  /** What nodes can be coloured by. */
  choices: { name: string; label: string }[];
  onColour(name: string): void;
  onOpenAll(open: boolean): void;
  onZoom(factor: number): void;
  onFit(): void;
  onSave(kind: "svg" | "png"): void;
}

// 12 × 12, in the text's colour.
const ICONS = {
  open: "M6 0l3 3H7v2H5V3H3zM6 12l-3-3h2V7h2v2h2zM0 5.4h4v1.2H0zM8 5.4h4v1.2H8z",
  close: "M6 5L3 2h2V0h2v2h2zM6 7l3 3H7v2H5v-2H3zM0 5.4h12v1.2H0z",
  in: "M5.2 1h1.6v4.2H11v1.6H6.8V11H5.2V6.8H1V5.2h4.2z",
  out: "M1 5.2h10v1.6H1z",
  fit: "M1 1h4v1.5H2.5V5H1zM7 1h4v4H9.5V2.5H7zM1 7h1.5v2.5H5V11H1zM9.5 7H11v4H7V9.5h2.5z",
  save: "M5.2 0h1.6v5.2L8.7 3.3l1.1 1.1L6 8.2 2.2 4.4l1.1-1.1 1.9 1.9zM0 9h1.5v1.5h9V9H12v3H0z",
};

function button(icon: keyof typeof ICONS, label: string): HTMLButtonElement {
  return h(
    "button",
    { class: "button quiet", type: "button", "aria-label": label, title: label },
    svg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("path", { d: ICONS[icon] })),
  );
}

export function toolbar(
  events: ToolbarEvents,
  signal: AbortSignal,
): { element: HTMLElement; choose(measure: string): void } {
  const press = (icon: keyof typeof ICONS, label: string, act: () => void) => {
    const made = button(icon, label);
    on(made, "click", act, signal);
    return made;
  };
  const select = colours(events, signal);
  const element = h(
    "div",
    { class: "tools row", role: "toolbar", "aria-label": "Graph" },
    select,
    events.canOpen && press("open", "Open all groups", () => events.onOpenAll(true)),
    events.canOpen && press("close", "Close all groups", () => events.onOpenAll(false)),
    press("out", "Zoom out (−)", () => events.onZoom(1 / 1.4)),
    press("in", "Zoom in (+)", () => events.onZoom(1.4)),
    press("fit", "Show everything (f)", events.onFit),
    saveMenu(events, signal),
  );
  return {
    element,
    choose: (measure) => {
      if (select) select.value = measure;
    },
  };
}

function colours(events: ToolbarEvents, signal: AbortSignal): HTMLSelectElement | null {
  if (events.choices.length === 0) return null;
  const select = h(
    "select",
    { class: "field", "aria-label": "Colour by" },
    h("option", { value: "" }, "colour: type"),
    ...events.choices.map(({ name, label }) => h("option", { value: name }, `colour: ${label}`)),
  );
  on(select, "change", () => events.onColour(select.value), signal);
  return select;
}

function saveMenu(events: ToolbarEvents, signal: AbortSignal): HTMLElement {
  const main = button("save", "Save the picture");
  const menu = h("div", { class: "menu", role: "menu" });
  const show = (open: boolean) => {
    menu.hidden = !open;
    main.setAttribute("aria-expanded", String(open));
  };
  for (const kind of ["svg", "png"] as const) {
    const item = h("button", { class: "button quiet", type: "button", role: "menuitem" }, kind.toUpperCase());
    on(item, "click", () => {
      show(false);
      events.onSave(kind);
    }, signal);
    menu.append(item);
  }
  main.setAttribute("aria-haspopup", "menu");
  show(false);
  on(main, "click", () => show(menu.hidden), signal);
  const element = h("div", { class: "save" }, main, menu);
  on(element, "focusout", (event) => {
    if (!element.contains(event.relatedTarget as Node | null)) show(false);
  }, signal);
  on(element, "keydown", (event) => {
    if (event.key === "Escape") show(false);
  }, signal);
  return element;
}
