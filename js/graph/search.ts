// Finding nodes by name, type, shape or dtype.

import type { GraphNode } from "../lib/records";
import { shapeText } from "./text";

/** More hits than this are counted but not listed. */
export const LISTED = 200;

/**
 * Nodes that have every word of the query in their name, type, path, detail, shape or dtype. A shape may
 * be written 64x8x8, 64×8×8 or (64, 8, 8). Best first: names that begin with the query.
 */
export function search(nodes: readonly GraphNode[], query: string): number[] {
  const words = normalize(query).split(" ").filter(Boolean);
  if (words.length === 0) return [];
  const found: { node: number; rank: number }[] = [];
  nodes.forEach((node, index) => {
    const text = textOf(node);
    if (words.every((word) => text.includes(word))) found.push({ node: index, rank: rankOf(node, words[0]!) });
  });
  return found.sort((a, b) => a.rank - b.rank || a.node - b.node).map(({ node }) => node);
}

function textOf(node: GraphNode): string {
  const specs = node.outputs.map((spec) => `${shapeText(spec.shape)} ${spec.dtype}`);
  return normalize([node.label, node.type, node.id, node.detail, node.family, ...specs].join(" "));
}

/** Lower case, one sign for 'times', shapes without brackets and blanks. */
function normalize(text: string): string {
  return text
    .toLowerCase()
    .replace(/[([]\s*(\d+(?:\s*,\s*\d+)*)\s*,?\s*[)\]]/g, (_, sizes: string) => sizes.replace(/\s*,\s*/g, "×"))
    .replace(/(\d)\s*[x*]\s*(?=\d)/g, "$1×")
    .replace(/\s+/g, " ");
}

function rankOf(node: GraphNode, word: string): number {
  const label = node.label.toLowerCase();
  const type = node.type.toLowerCase();
  if (label === word || type === word) return 0;
  if (label.startsWith(word) || type.startsWith(word)) return 1;
  return label.includes(word) || type.includes(word) ? 2 : 3;
}
