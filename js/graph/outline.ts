// The picture for those who do not see it: a tree of the shown nodes. Only the node one is on, its
// neighbours and the groups around it are in the page; the counts say how many there are.

import { h } from "../lib/dom";
import { describe } from "./labels";
import type { Scene } from "./scene";

const NEAR = 3;

export class Outline {
  /** Put it inside the element that has the focus. */
  readonly element = h("div", { class: "unseen" });

  constructor(
    private readonly owner: HTMLElement,
    private readonly prefix: string,
  ) {}

  /** Show the surroundings of `node`; the owner's active descendant becomes it. */
  update(scene: Scene, node: number): void {
    const { nodes } = scene.record;
    const members = childrenOf(scene);
    const path: number[] = [];
    for (let at = node; at >= 0; at = nodes[at]!.parent) path.unshift(at);
    const build = (parent: number, level: number): HTMLElement[] => {
      const list = members.get(parent) ?? [];
      const on = path[level - 1];
      const centre = on === undefined ? 0 : Math.max(list.indexOf(on), 0);
      const items: HTMLElement[] = [];
      for (let i = Math.max(centre - NEAR, 0); i < Math.min(centre + NEAR + 1, list.length); i++) {
        items.push(this.item(scene, list[i]!, level, i, list.length, list[i] === node));
        if (on !== undefined && list[i] === on && scene.open[on]) items.push(...build(on, level + 1));
      }
      return items;
    };
    this.element.replaceChildren(...build(-1, 1));
    if (node >= 0) this.owner.setAttribute("aria-activedescendant", this.idOf(node));
    else this.owner.removeAttribute("aria-activedescendant");
  }

  private item(
    scene: Scene,
    node: number,
    level: number,
    position: number,
    total: number,
    selected: boolean,
  ): HTMLElement {
    const it = scene.record.nodes[node]!;
    return h(
      "div",
      {
        id: this.idOf(node),
        role: "treeitem",
        "aria-level": level,
        "aria-posinset": position + 1,
        "aria-setsize": total,
        "aria-selected": String(selected),
        "aria-expanded": it.kind === "group" ? String(scene.open[node] === 1) : null,
      },
      describe(it),
    );
  }

  private idOf(node: number): string {
    return `${this.prefix}-${node}`;
  }
}

/** The shown members of each open group, and of the root (-1). */
export function childrenOf(scene: Scene): Map<number, number[]> {
  return new Map(scene.layout.levels.map(({ group, children }) => [group, children]));
}

/** Where an arrow key leads from `node`: along the program, into a group, out of it. */
export function step(scene: Scene, node: number, key: string): number {
  const { nodes } = scene.record;
  const members = childrenOf(scene);
  if (node < 0) return members.get(-1)![0] ?? -1;
  const parent = nodes[node]!.parent;
  const row = members.get(parent)!;
  const at = row.indexOf(node);
  switch (key) {
    case "ArrowDown":
      return row[at + 1] ?? (parent >= 0 ? step(scene, parent, key) : node);
    case "ArrowUp":
      return row[at - 1] ?? (parent >= 0 ? parent : node);
    case "ArrowRight":
      return members.get(node)?.[0] ?? node;
    case "ArrowLeft":
      return parent >= 0 ? parent : node;
    case "Home":
      return members.get(-1)![0]!;
    case "End":
      return members.get(-1)!.at(-1)!;
    default:
      return node;
  }
}
