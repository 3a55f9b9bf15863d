// What nodes can be coloured by besides their family: numbers, and words.

import { formatBytes, formatCount, formatSeconds } from "../lib/format";
import type { GraphNode, GraphRecord } from "../lib/records";

export interface Measure {
  name: string;
  label: string;
  /** The number of a node, null where it has none. */
  of(node: GraphNode): number | null;
  text(value: number): string;
  /** The least and the largest number over all steps of a run. */
  range?: [low: number, most: number];
  /** Whether the number of a node is none any more. */
  isBad?(node: GraphNode): boolean;
}

/** A measure of words: nodes of one word have one colour, that of a family. */
export interface Sorting {
  name: string;
  label: string;
  of(node: GraphNode): string;
  families: Map<string, string>;
}

const decimal = (value: number) => String(Number(value.toPrecision(3)));
const percent = (value: number) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
const finite = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) ? value : null;

const MEASURES: Measure[] = [
  { name: "seconds", label: "measured time", of: (node) => node.seconds, text: formatSeconds },
  { name: "params", label: "parameters", of: (node) => node.params, text: formatCount },
  { name: "flops", label: "FLOPs", of: (node) => node.flops, text: formatCount },
  { name: "memory", label: "memory", of: (node) => node.memory, text: formatBytes },
  { name: "traffic", label: "bytes moved", of: (node) => node.traffic, text: formatBytes },
  { name: "mean", label: "mean (absolute)", of: (node) => finite(Math.abs(node.values?.mean ?? NaN)), text: decimal },
  { name: "std", label: "spread", of: (node) => finite(node.values?.std), text: decimal },
  { name: "zeros", label: "zeros", of: (node) => finite(node.values?.zeros), text: percent },
  { name: "gradient", label: "gradient", of: (node) => finite(node.gradient?.norm), text: decimal },
];

/** The measures that this graph has numbers for. */
export function measuresOf(record: GraphRecord): Measure[] {
  return MEASURES.filter((measure) => record.nodes.some((node) => measure.of(node)));
}

/** Families whose colours are far from each other, for words that have none of their own. */
const FAR = ["convolution", "activation", "normalization", "attention", "pooling", "recurrent", "embedding"];

/** The words that tell this graph's nodes apart: what changed, and types of elements. */
export function sortingsOf({ nodes }: GraphRecord): Sorting[] {
  const dtypes = [...new Set(nodes.map(dtypeOf).filter(Boolean))];
  const dtype = new Map(dtypes.map((word, index) => [word, FAR[index % FAR.length]!]));
  const changes = ["added", "removed", "changed", "reshaped"].filter((word) => nodes.some(({ change }) => change === word));
  const change = new Map(changes.map((word) => [word, word]));
  return [
    { name: "change", label: "change", of: (node: GraphNode) => node.change, families: change },
    { name: "dtype", label: "dtype", of: dtypeOf, families: dtype },
  ].filter(({ name, families }) => (name === "change" ? nodes.some((node) => node.change) : families.size > 0));
}

function dtypeOf(node: GraphNode): string {
  return node.outputs[0]?.dtype ?? "";
}

/** The least and the largest number of the operations, over six powers of ten at most. */
export function rangeOf({ nodes }: GraphRecord, measure: Measure): [low: number, most: number] {
  if (measure.range) return measure.range;
  let [least, most] = [Infinity, 0];
  for (const node of nodes) {
    // A group holds the sum of its members, so it would always be the darkest: it is left out.
    const value = node.kind === "group" ? null : measure.of(node);
    if (value === null || value <= 0) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [Math.max(Math.min(least, most), most / 1e6), most];
}

/** Each node's share of the largest, on a logarithmic scale. */
export function sharesOf(record: GraphRecord, measure: Measure): Float32Array {
  const [low, most] = rangeOf(record, measure);
  const span = Math.log(most / low);
  return Float32Array.from(record.nodes, (node) => {
    const value = measure.of(node);
    if (value === null || value <= 0) return NaN;
    return span > 0 ? Math.max(0.05, Math.log(Math.max(value, low) / low) / span) : 1;
  });
}
