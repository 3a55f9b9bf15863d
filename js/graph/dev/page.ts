// A page that shows the graph view without Jupyter: `node graph/dev/build.mjs`, then open
// graph/dev/dist/index.html#resnet18 (any name of tests/records.ts; add ,dark for the dark theme).

import { mount } from "../../bundles/graphs";
import type { Message } from "../../lib/port";
import type { GraphRecord } from "../../lib/records";
import * as records from "../tests/records";

function made(name: string): GraphRecord {
  if (name === "failed") {
    const record = records.lenet();
    record.nodes = record.nodes.slice(0, 9);
    record.edges = { data: record.edges.data.slice(0, 24), shape: [8, 3] };
    const note = "Linear expected 512 features in the last axis, got 256";
    Object.assign(record.nodes[8]!, { status: "failed", note });
    return { ...record, error: note };
  }
  if (name === "hostile") {
    const labels = ['<img src=x onerror="window.__pwned=1">', "</script><b>", "שלום עולם", "🙂".repeat(50)];
    return records.hostile([...labels, "\u202Egnp.exe", "a\nb\u0000c", "0".repeat(5000), "", "__proto__"]);
  }
  if (name === "wide") {
    const make = new records.Maker();
    const inputs = Array.from({ length: 1000 }, (_, i) => make.op(`x${i}`, "Input", [i], []));
    make.op("sum", "concat", [1000], inputs);
    return make.record("wide");
  }
  if (name === "empty") return new records.Maker().record("empty");
  if (name.startsWith("big")) return records.gpt(Number(name.slice(3)) || 400);
  const make = (records as unknown as Record<string, () => GraphRecord>)[name] ?? records.lenet;
  return make();
}

/** The record as it comes over the wire. */
function packed(record: GraphRecord): { record: unknown; buffers: DataView[] } {
  const buffers: DataView[] = [];
  const arrays: Record<string, string> = { Int32Array: "int32", Float32Array: "float32" };
  const pack = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(pack);
    if (value === null || typeof value !== "object") return value;
    const { data, shape } = value as { data?: Int32Array; shape?: number[] };
    if (data && ArrayBuffer.isView(data)) {
      buffers.push(new DataView(data.buffer, data.byteOffset, data.byteLength));
      return { $array: buffers.length - 1, dtype: arrays[data.constructor.name], shape };
    }
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, pack(entry)]));
  };
  return { record: pack(record), buffers };
}

const [name = "lenet", theme = ""] = location.hash.slice(1).split(",");
document.body.dataset["jpThemeLight"] = String(theme !== "dark");
document.body.style.background = theme === "dark" ? "#111" : "#fff";
const host = document.body.appendChild(document.createElement("div"));
let hear: ((message: Message, buffers: DataView[]) => void) | undefined;
mount("graph", host, {
  send: () => {
    const { record, buffers } = packed(made(name));
    const start = performance.now();
    setTimeout(() => {
      hear?.({ type: "record", record }, buffers);
      requestAnimationFrame(() => console.log(`first frame after ${performance.now() - start} ms`));
    });
  },
  listen: (listener) => {
    hear = listener as typeof hear;
  },
});
