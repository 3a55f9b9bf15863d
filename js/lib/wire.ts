// Records as they come over the wire (nbdl/inspection/wire.py, `pack`) made into objects.

import type { Buffers } from "./port";
import type { Numbers } from "./records";

type Typed = Float32Array | Float64Array | Int32Array | Uint8Array;

const ARRAYS: Record<string, new (buffer: ArrayBuffer) => Typed> = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
};

const NUMBERS: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity };

/** A packed record as the record it was; arrays become `{data, shape}`. */
export function decode<T>(packed: unknown, buffers: Buffers): T {
  return restore(packed, buffers) as T;
}

function restore(value: unknown, buffers: Buffers): unknown {
  if (Array.isArray(value)) return value.map((entry) => restore(entry, buffers));
  if (value === null || typeof value !== "object") return value;
  const object = value as Record<string, unknown>;
  if ("$array" in object) return numbers(object, buffers);
  if ("$number" in object) return NUMBERS[String(object["$number"])] ?? NaN;
  const entries = Object.entries(object).map(([key, entry]) => [key, restore(entry, buffers)]);
  return Object.fromEntries(entries);
}

function numbers(object: Record<string, unknown>, buffers: Buffers): Numbers<Typed> {
  const make = ARRAYS[String(object["dtype"])];
  const view = buffers[Number(object["$array"])];
  if (!make || !view) throw new Error(`a message came without its array: ${JSON.stringify(object)}`);
  // Copied, because a view into a message may start at any byte and typed arrays want alignment.
  const bytes = new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength).slice();
  return { data: new make(bytes.buffer), shape: object["shape"] as number[] };
}
