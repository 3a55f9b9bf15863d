// What nodes can be coloured by besides their family.

import { formatBytes, formatCount } from "../lib/format";
import type { GraphNode, GraphRecord } from "../lib/records";

export interface Measure {
  name: string;
  label: string;
  /** The number of a node, null where it has none. */
  of(node: GraphNode): number | null;
  text(value: number): string;
}

const decimal = (value: number) => String(Number(value.toPrecision(3)));
const percent = (value: number) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;
const finite = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) ? value : null;

const MEASURES: Measure[] = [
  { name: "params", label: "parameters", of: (node) => node.params, text: formatCount },
  { name: "flops", label: "FLOPs", of: (node) => node.flops, text: formatCount },
  { name: "memory", label: "memory", of: (node) => node.memory, text: formatBytes },
  { name: "std", label: "spread", of: (node) => finite(node.values?.std), text: decimal },
  { name: "zeros", label: "zeros", of: (node) => finite(node.values?.zeros), text: percent },
  { name: "gradient", label: "gradient", of: (node) => finite(node.gradient?.norm), text: decimal },
];

/** The measures that this graph has numbers for. */
export function measuresOf(record: GraphRecord): Measure[] {
  return MEASURES.filter((measure) => record.nodes.some((node) => measure.of(node)));
}

/** Each node's share of the largest, on a logarithmic scale over six powers of ten at most. */
export function sharesOf(record: GraphRecord, measure: Measure): Float32Array {
  const values = record.nodes.map((node) => measure.of(node));
  // A group holds the sum of its members, so it would always be the darkest: it is left out.
  const leaves = values.filter((v, i) => v !== null && v > 0 && record.nodes[i]!.kind !== "group");
  const most = leaves.reduce<number>((a, b) => Math.max(a, b!), 0);
  const least = leaves.reduce<number>((a, b) => Math.min(a, b!), most);
  const low = Math.max(least, most / 1e6);
  const span = Math.log(most / low);
  return Float32Array.from(values, (value) => {
    if (value === null || value <= 0) return NaN;
    return span > 0 ? Math.max(0.05, Math.log(Math.max(value, low) / low) / span) : 1;
  });
}
