// What stands on a node, how much room that takes, and a graph's record as the layout needs it.

import { formatBytes, formatCount, formatSeconds } from "../lib/format";
import type { GraphNode, GraphRecord } from "../lib/records";
import type { Shapes } from "./layout/graph";
import { oneLine, shapeText, textWidth } from "./text";

export const FONT = 12;
export const SMALL = 10.5;
export const EDGE_FONT = 9.5;
export const NODE_HEIGHT = 28;
const PADDING = 12;
const SPACE = 7;
const LIMIT = 28;

/** The three pieces of text on a node, from left to right. */
export interface Words {
  /** Bold. */
  title: string;
  /** Dim. */
  name: string;
  /** Dim, at the right end. */
  detail: string;
}

/** What is written on a node. A layer shows what it is first, a group what it is called. */
export function wordsOf(node: GraphNode): Words {
  const label = oneLine(node.label, LIMIT);
  const type = oneLine(node.type, LIMIT);
  if (node.kind === "group") return groupWords(node, label, type);
  const detail = oneLine(node.detail, LIMIT);
  if (node.kind !== "op") return { title: label || type, name: "", detail };
  return { title: type || label, name: label === type || !type ? "" : label, detail };
}

function groupWords(node: GraphNode, label: string, type: string): Words {
  const detail = node.params > 0 ? formatCount(node.params) : node.traffic > 0 ? formatSeconds(node.seconds) : "";
  if (node.repeat > 1) return { title: label, name: `${node.repeat}× ${type}`, detail };
  // A bare number says little: '3' is better called 'Block 3'.
  if (/^\d+$/.test(label) && type) return { title: `${type} ${label}`, name: "", detail };
  return { title: label || type, name: label === type ? "" : type, detail };
}

/** Room for the sign that opens a group. */
export const CHEVRON = 14;

/** Width a node needs, in steps that let similar nodes share a layout. */
export function nodeWidth(node: GraphNode): number {
  const { title, name, detail } = wordsOf(node);
  let width = 2 * PADDING + textWidth(title, FONT, true);
  if (node.kind === "group") width += CHEVRON;
  if (name) width += SPACE + textWidth(name, SMALL);
  if (detail) width += 2 * SPACE + textWidth(detail, SMALL);
  return Math.max(64, Math.ceil(width / 8) * 8);
}

/** The text on the edge that leaves output `output` of a node. */
export function edgeLabel(node: GraphNode, output: number): string {
  const spec = node.outputs[output];
  return spec ? oneLine(shapeText(spec.shape), LIMIT) : "";
}

/** Closed at first: a layer that is itself made of operations, and a stack of identical blocks. */
function groupKind(node: GraphNode): number {
  if (node.kind !== "group") return 0;
  return node.family || node.repeat > 1 ? 2 : 1;
}

/** Only the numbers of a record that decide positions. */
export function shapesOf(record: GraphRecord): Shapes {
  const { nodes } = record;
  const edges = record.edges.data;
  const labels = new Float32Array(edges.length / 3);
  for (let edge = 0; edge < labels.length; edge++) {
    const label = edgeLabel(nodes[edges[3 * edge]!]!, edges[3 * edge + 2]!);
    if (label) labels[edge] = Math.ceil(textWidth(label, EDGE_FONT) / 4) * 4 + 8;
  }
  return {
    parent: Int32Array.from(nodes, (node) => node.parent),
    group: Uint8Array.from(nodes, groupKind),
    width: Float32Array.from(nodes, nodeWidth),
    height: new Float32Array(nodes.length).fill(NODE_HEIGHT),
    header: Float32Array.from(nodes, (node) => (node.kind === "group" ? nodeWidth(node) : 0)),
    edges,
    labels,
  };
}

/** One line for a screen reader or a tooltip. */
export function describe(node: GraphNode): string {
  const words = wordsOf(node);
  const parts = [words.title, words.name, words.detail && node.kind !== "group" ? words.detail : ""];
  if (node.outputs[0]) parts.push(`output ${shapeText(node.outputs[0].shape)}`);
  if (node.params) parts.push(`${formatCount(node.params)} parameters`);
  if (node.status) parts.push(node.status === "failed" ? "failed here" : "incomplete");
  return parts.filter(Boolean).join(", ");
}

/** Totals under the title: parameters, FLOPs, memory. */
export function totals(record: GraphRecord): string {
  const parts: string[] = [];
  if (record.params) parts.push(`${formatCount(record.params)} parameters`);
  if (record.flops) parts.push(`${formatCount(record.flops)} FLOPs`);
  if (record.memory) parts.push(`${formatBytes(record.memory)} of activations`);
  return parts.join(" · ");
}
