// The search field with its list of hits.

import { h, on, setText } from "../lib/dom";
import type { GraphNode } from "../lib/records";
import { describe } from "./labels";
import { LISTED, search } from "./search";
import { oneLine } from "./text";

export interface FinderEvents {
  /** The hits changed (null: nothing is searched for). */
  onFound(found: number[] | null): void;
  onChoose(node: number): void;
  /** The person is done with the field. */
  onLeave(): void;
}

export class Finder {
  readonly element: HTMLElement;
  readonly field: HTMLInputElement;
  private readonly list: HTMLElement;
  private readonly status = h("span", { class: "unseen", role: "status" });
  private hits: number[] = [];
  private at = -1;

  constructor(
    private readonly nodes: readonly GraphNode[],
    private readonly prefix: string,
    private readonly events: FinderEvents,
    signal: AbortSignal,
  ) {
    this.list = h("ul", { class: "hits", id: `${prefix}-hits`, role: "listbox", "aria-label": "Found" });
    this.list.hidden = true;
    this.field = h("input", {
      class: "field",
      type: "search",
      placeholder: "Find … ( / )",
      "aria-label": "Find in the graph by name, type or shape",
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": `${prefix}-hits`,
      "aria-autocomplete": "list",
      spellcheck: "false",
      autocomplete: "off",
    });
    this.element = h("div", { class: "finder" }, this.field, this.list, this.status);
    on(this.field, "input", () => this.look(), signal);
    on(this.field, "keydown", (event) => this.press(event), signal);
    on(this.field, "focus", () => this.look(), signal);
    on(this.element, "focusout", (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.show(false);
    }, signal);
    on(this.list, "pointerdown", (event) => {
      event.preventDefault();
      const item = (event.target as Element).closest("[data-at]");
      if (item instanceof HTMLElement) this.choose(Number(item.dataset["at"]));
    }, signal);
  }

  private look(): void {
    const query = this.field.value.trim();
    this.hits = search(this.nodes, query);
    this.at = -1;
    this.events.onFound(query ? this.hits : null);
    const items = this.hits.slice(0, LISTED).map((node, index) => this.item(node, index));
    const more = this.hits.length - items.length;
    if (more > 0) items.push(h("li", { class: "muted", role: "option", "aria-disabled": "true" }, `${more} more`));
    if (query && items.length === 0) items.push(h("li", { class: "muted", role: "option", "aria-disabled": "true" }, "nothing found"));
    this.list.replaceChildren(...items);
    this.show(query !== "");
    setText(this.status, query ? `${this.hits.length} found` : "");
  }

  private item(node: number, index: number): HTMLElement {
    const it = this.nodes[node]!;
    return h(
      "li",
      { role: "option", id: `${this.prefix}-hit-${index}`, "data-at": index, "aria-selected": "false" },
      h("span", {}, describe(it)),
      h("span", { class: "muted small mono" }, oneLine(it.id, 60)),
    );
  }

  private show(open: boolean): void {
    this.list.hidden = !open;
    this.field.setAttribute("aria-expanded", String(open));
    if (!open) this.field.removeAttribute("aria-activedescendant");
  }

  private press(event: KeyboardEvent): void {
    event.stopPropagation();
    const listed = Math.min(this.hits.length, LISTED);
    if (event.key === "Escape") {
      event.preventDefault();
      if (this.field.value) {
        this.field.value = "";
        this.look();
      } else this.events.onLeave();
    } else if (event.key === "Enter" && listed > 0) {
      event.preventDefault();
      const next = this.list.hidden ? this.at + (event.shiftKey ? -1 : 1) : Math.max(this.at, 0);
      this.choose((next + listed) % listed);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && listed > 0) {
      event.preventDefault();
      this.show(true);
      this.mark((this.at + (event.key === "ArrowDown" ? 1 : -1) + listed) % listed);
    }
  }

  private mark(index: number): void {
    this.list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
    const item = this.list.children[index];
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView?.({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", `${this.prefix}-hit-${index}`);
    this.at = index;
  }

  /** Enter again goes on to the next hit. */
  private choose(index: number): void {
    this.mark(index);
    this.show(false);
    this.events.onChoose(this.hits[index]!);
  }
}
