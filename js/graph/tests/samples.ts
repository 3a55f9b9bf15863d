// Graphs for tests: written as text, or made at any size.

import type { Shapes } from "../layout/graph";

/** From lines such as "a", "b < a", "g:", "g/c < b": a colon makes a group, < names the inputs. */
export function shapesOf(...lines: string[]): Shapes {
  const names: string[] = [];
  const parent: number[] = [];
  const group: number[] = [];
  const edges: number[] = [];
  for (const line of lines) {
    const [left, right] = line.split("<").map((part) => part.trim());
    const name = left!.replace(":", "");
    const inside = name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : "";
    const at = names.length;
    names.push(name);
    parent.push(inside ? names.indexOf(inside) : -1);
    group.push(left!.endsWith(":") ? 1 : 0);
    for (const source of right ? right.split(" ") : []) edges.push(names.indexOf(source), at, 0);
  }
  return shapes(parent, group, edges);
}

export function shapes(parent: number[], group: number[], edges: number[]): Shapes {
  const count = parent.length;
  return {
    parent: Int32Array.from(parent),
    group: Uint8Array.from(group),
    width: new Float32Array(count).fill(96),
    height: new Float32Array(count).fill(28),
    header: new Float32Array(count).fill(120),
    edges: Int32Array.from(edges),
    labels: new Float32Array(edges.length / 3).fill(40),
  };
}

export function all(graph: Shapes): Uint8Array {
  return new Uint8Array(graph.parent.length).fill(1);
}

/** A stack of transformer blocks with about `count` operations, all different in nothing. */
export function transformer(count: number, alike = true): Shapes {
  const parent: number[] = [];
  const group: number[] = [];
  const edges: number[] = [];
  const add = (inside: number, sources: number[], isGroup = 0) => {
    const node = parent.length;
    parent.push(inside);
    group.push(isGroup);
    for (const source of sources) edges.push(source, node, 0);
    return node;
  };
  let x = add(-1, []);
  while (parent.length < count) {
    const block = add(-1, [], 1);
    const norm = add(block, [x]);
    const attention = add(block, [], 1);
    const qkv = ["q", "k", "v"].map(() => add(attention, [norm]));
    const heads = qkv.map((source) => add(attention, [source]));
    const scores = add(attention, [heads[0]!, heads[1]!]);
    const soft = add(attention, [scores]);
    const mixed = add(attention, [soft, heads[2]!]);
    const out = add(attention, [mixed]);
    const sum = add(block, [x, out]);
    const mlp = add(block, [], 1);
    let y = add(mlp, [add(mlp, [sum])]);
    for (let extra = alike ? 0 : parent.length % 7; extra > 0; extra--) y = add(mlp, [y]);
    x = add(block, [sum, add(mlp, [y])]);
  }
  return shapes(parent, group, edges);
}

/** One flat level of `count` operations: a long chain with a branch and a skip here and there. */
export function flat(count: number): Shapes {
  const edges: number[] = [];
  for (let node = 1; node < count; node++) {
    edges.push(node - 1, node, 0);
    if (node % 5 === 0) edges.push(node - 4, node, 0);
    if (node % 11 === 0) edges.push(Math.max(node - 40, 0), node, 0);
    if (node % 100 === 0) edges.push(0, node, 0);
  }
  return shapes(new Array<number>(count).fill(-1), new Array<number>(count).fill(0), edges);
}
