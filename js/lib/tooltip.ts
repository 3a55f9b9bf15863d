// One tooltip a view: follows the pointer, stays on the screen, never takes clicks.

import { h, type Child } from "./dom";

export class Tooltip {
  // A popover lies in the page's top layer: no output area clips it. Where a host's browser has
  // none it is an ordinary fixed box.
  private readonly element = h("div", { class: "tooltip", role: "tooltip", popover: "manual" });

  constructor(parent: HTMLElement) {
    this.element.hidden = true;
    parent.append(this.element);
  }

  /** Show these lines beside a point of the window (clientX, clientY). */
  show(x: number, y: number, ...content: Child[]): void {
    this.element.replaceChildren(...content.filter((part): part is Node | string => !!part));
    if (this.element.hidden) {
      this.element.hidden = false;
      this.element.showPopover?.();
    }
    const { width, height } = this.element.getBoundingClientRect();
    const left = x + 16 + width > window.innerWidth ? x - 16 - width : x + 16;
    const top = y + 16 + height > window.innerHeight ? y - 16 - height : y + 16;
    this.element.style.left = `${Math.max(4, left)}px`;
    this.element.style.top = `${Math.max(4, top)}px`;
  }

  hide(): void {
    if (this.element.hidden) return;
    this.element.hidePopover?.();
    this.element.hidden = true;
  }
}

/** A table of name and value for a tooltip. */
export function facts(title: string, rows: readonly (readonly [string, string])[]): HTMLElement[] {
  const head = h("div", { class: "tip-title" }, title);
  const table = h("dl", { class: "facts" });
  for (const [name, value] of rows) table.append(h("dt", {}, name), h("dd", {}, value));
  return [head, table];
}
