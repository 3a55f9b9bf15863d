// What the heat map of a run's layers can show, and how its rows are grouped.

import type { Flow } from "./flow";

/** Marks a cell without a number. */
export const NONE = -1;

export interface FlowMeasure {
  name: string;
  label: string;
  /** Between 0 and 1, and not shown by its logarithm. */
  share?: boolean;
  from: "gradients" | "activations";
  /** Whose histogram belongs to it: 0 weights, 1 gradients, 2 activations. */
  kind: 0 | 1 | 2;
  /** Magnitudes: [sample][layer]. */
  values(flow: Flow): Float32Array[];
}

const ratios = ({ gradients: { tables } }: Flow) =>
  tables["updates"]!.map((row, at) =>
    row.map((update, layer) => {
      const weight = tables["weights"]![at]![layer]!;
      return weight === 0 ? NONE : update / weight;
    }),
  );
const outputs = (table: string) => ({ activations: { tables } }: Flow) =>
  tables[table]!.map((row, at) =>
    row.map((value, layer) => (Number.isNaN(tables["zeros"]![at]![layer]!) ? NONE : Math.abs(value))),
  );

// The same names are in nbdl/inspection/gradient_flow.py.
export const MEASURES: FlowMeasure[] = [
  { name: "gradient", label: "gradient norm", from: "gradients", kind: 1, values: (flow) => flow.gradients.tables["norms"]! },
  { name: "weight", label: "weight norm", from: "gradients", kind: 0, values: (flow) => flow.gradients.tables["weights"]! },
  { name: "ratio", label: "update / weight", from: "gradients", kind: 0, values: ratios },
  { name: "mean", label: "activation mean", from: "activations", kind: 2, values: outputs("means") },
  { name: "std", label: "activation std", from: "activations", kind: 2, values: outputs("stds") },
  { name: "zeros", label: "fraction of zeros", share: true, from: "activations", kind: 2, values: outputs("zeros") },
];

export interface Row {
  label: string;
  members: number[];
  /** The module's path, where the row stands for several layers. */
  group: string;
}

const FEW = 40;

/** A row a layer; where they are many, neighbours of one module share one until it is opened. */
export function rowsOf(layers: readonly string[], open: ReadonlySet<string>): Row[] {
  const single = (layer: number, indent = ""): Row => ({ label: indent + layers[layer]!, members: [layer], group: "" });
  if (layers.length <= FEW) return layers.map((_, layer) => single(layer));
  const paths = layers.map((layer) => layer.split("."));
  let groups: { name: string; members: number[] }[] = [];
  for (let depth = Math.max(...paths.map((path) => path.length)); depth > 0; depth--) {
    groups = [];
    paths.forEach((path, layer) => {
      const name = path.slice(0, depth).join(".");
      const last = groups.at(-1);
      if (last?.name === name) last.members.push(layer);
      else groups.push({ name, members: [layer] });
    });
    if (groups.length <= FEW) break;
  }
  return groups.flatMap(({ name, members }): Row[] => {
    if (members.length === 1) return [single(members[0]!)];
    const isOpen = open.has(name);
    const head = { label: `${isOpen ? "▾" : "▸"} ${name} (${members.length})`, members, group: name };
    return isOpen ? [head, ...members.map((layer) => single(layer, "· "))] : [head];
  });
}

/** The number that matters most: what is no number, else the greatest. */
export function worst(values: Float32Array, members: readonly number[]): number {
  let found = NONE;
  for (const layer of members) {
    const value = values[layer]!;
    if (!Number.isFinite(value)) return value;
    if (value > found) found = value;
  }
  return found;
}
