// Tabs as the ARIA practice has them: arrows move between them, one panel is shown.

import { h, on } from "../lib/dom";

export interface Page {
  name: string;
  title: string;
  element: HTMLElement;
}

export class Tabs {
  readonly element: HTMLElement;
  private readonly list = h("div", { class: "tabs", role: "tablist", "aria-label": "Views of the run" });
  private readonly buttons = new Map<string, HTMLButtonElement>();
  current: string;

  constructor(
    private readonly pages: readonly Page[],
    tools: HTMLElement,
    private readonly changed: () => void,
    signal: AbortSignal,
  ) {
    this.current = pages[0]!.name;
    for (const page of pages) {
      const button = h("button", { class: "tab", type: "button", role: "tab", id: `tab-${page.name}` });
      button.append(page.title);
      button.hidden = page !== pages[0];
      button.setAttribute("aria-controls", `page-${page.name}`);
      page.element.id = `page-${page.name}`;
      page.element.setAttribute("role", "tabpanel");
      page.element.setAttribute("aria-labelledby", button.id);
      on(button, "click", () => this.show(page.name), signal);
      this.buttons.set(page.name, button);
      this.list.append(button);
    }
    on(this.list, "keydown", (event) => this.key(event), signal);
    this.element = h("div", { class: "tab-row" }, this.list, tools);
    this.show(this.current);
  }

  show(name: string): void {
    this.current = name;
    for (const page of this.pages) {
      const chosen = page.name === name;
      page.element.hidden = !chosen;
      const button = this.buttons.get(page.name)!;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
    }
    this.changed();
  }

  /** Offer only pages that have something to show. */
  offer(name: string, has: boolean): void {
    this.buttons.get(name)!.hidden = !has;
    if (!has && this.current === name) this.show(this.pages[0]!.name);
  }

  private key(event: KeyboardEvent): void {
    const names = this.pages.map(({ name }) => name).filter((name) => !this.buttons.get(name)!.hidden);
    const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1 };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const next = names[(names.indexOf(this.current) + move + names.length) % names.length]!;
    this.show(next);
    this.buttons.get(next)!.focus();
  }
}
