// Everything that leads to a node, and everything that it leads to.

import type { GraphRecord } from "../lib/records";
import { tensorOf } from "./scene";

export type Direction = "up" | "down";

export interface Trail {
  /** Nodes on the way, and the groups they lie in. */
  nodes: Set<number>;
  tensors: Set<number>;
  /** Operations, inputs and outputs on the way, without the node itself. */
  count: number;
}

/** The trail of a node or a group, which ends before `end`. Linear in the edges. */
export function trailOf(record: GraphRecord, node: number, end: number, direction: Direction): Trail {
  const { nodes, edges } = record;
  const reached = new Uint8Array(nodes.length).fill(1, node, end);
  const tensors = new Set<number>();
  const pass = (edge: number, from: number, to: number) => {
    if (!reached[from]) return;
    reached[to] = 1;
    tensors.add(tensorOf(record, edge));
  };
  // Edges stand in the order of their readers, so one walk through them is enough.
  const count = edges.data.length / 3;
  for (let i = 0; i < count; i++) {
    if (direction === "down") pass(i, edges.data[3 * i]!, edges.data[3 * i + 1]!);
    else pass(count - 1 - i, edges.data[3 * (count - 1 - i) + 1]!, edges.data[3 * (count - 1 - i)]!);
  }
  const on = new Set<number>();
  let others = 0;
  reached.forEach((is, at) => {
    if (!is) return;
    if (nodes[at]!.kind !== "group" && (at < node || at >= end)) others++;
    for (let above = at; above >= 0 && !on.has(above); above = nodes[above]!.parent) on.add(above);
  });
  return { nodes: on, tensors, count: others };
}
