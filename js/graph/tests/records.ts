// Records of well-known models, made by hand as Python would make them.

import type { GraphNode, GraphRecord, TensorStats } from "../../lib/records";

const FAMILIES: Record<string, string> = {
  Conv2d: "convolution", Linear: "linear", matmul: "linear", softmax: "activation", ReLU: "activation",
  GELU: "activation", relu: "activation", BatchNorm2d: "normalization", LayerNorm: "normalization",
  MaxPool2d: "pooling", AdaptiveAvgPool2d: "pooling", Dropout: "random", Embedding: "embedding",
  scaled_dot_product_attention: "attention", cross_entropy: "loss",
};

export class Maker {
  readonly nodes: GraphNode[] = [];
  private readonly edges: number[] = [];
  private readonly within: number[] = [];

  add(node: Partial<GraphNode> & { label: string }, sources: number[] = []): number {
    const at = this.nodes.length;
    const parent = this.within.at(-1) ?? -1;
    const path = parent < 0 ? "" : `${this.nodes[parent]!.id}.`;
    this.nodes.push({
      id: `${path}${node.label}`, kind: "op", parent, type: "", family: FAMILIES[node.type ?? ""] ?? "",
      detail: "", outputs: [], params: 0, flops: 0, memory: 0, repeat: 0, status: "", note: "",
      attributes: [], source: null, values: null, gradient: null, seconds: 0, traffic: 0,
      parameters: [], change: "", twin: -1, ...node,
    });
    for (const source of sources) this.edges.push(source, at, 0);
    return at;
  }

  op(label: string, type: string, shape: number[], sources: number[], more: Partial<GraphNode> = {}): number {
    const size = shape.reduce((a, b) => a * b, 1);
    const outputs = [{ shape, dtype: "float32" }];
    return this.add({ label, type, outputs, memory: 4 * size, flops: size * 10, ...more }, sources);
  }

  group(label: string, type: string, inside: () => number, more: Partial<GraphNode> = {}): number {
    const at = this.add({ label, type, kind: "group", ...more });
    this.within.push(at);
    const result = inside();
    this.within.pop();
    const members = this.nodes.slice(at + 1).filter((node) => node.kind !== "group");
    const sum = (name: "params" | "flops" | "memory") => members.reduce((total, node) => total + node[name], 0);
    Object.assign(this.nodes[at]!, { params: sum("params"), flops: sum("flops"), memory: sum("memory") });
    return result;
  }

  record(title: string, subtitle = ""): GraphRecord {
    const leaves = this.nodes.filter((node) => node.kind !== "group");
    const sum = (name: "params" | "flops" | "memory") => leaves.reduce((total, node) => total + node[name], 0);
    const edges = { data: Int32Array.from(this.edges), shape: [this.edges.length / 3, 3] };
    return {
      title, subtitle, nodes: this.nodes, edges, params: sum("params"), trainable: sum("params"),
      flops: sum("flops"), memory: sum("memory"), seconds: 0, error: "", findings: [], frames: null,
    };
  }
}

function input(make: Maker, shape: number[], dtype = "float32"): number {
  return make.add({ label: "input", kind: "input", family: "input", outputs: [{ shape, dtype }] });
}

function output(make: Maker, source: number): void {
  make.add({ label: "output", kind: "output", family: "output" }, [source]);
}

export function stats(norm: number): TensorStats {
  const data = Float32Array.from({ length: 24 }, (_, i) => Math.round(900 * Math.exp(-(((i - 11) / 4) ** 2))));
  return {
    mean: 0.012, std: 0.84, low: -2.91, high: 3.4, norm, zeros: 0.031, nans: 0, infinities: 0,
    histogram: { data, shape: [24] },
  };
}

export function lenet(): GraphRecord {
  const make = new Maker();
  let x = input(make, [64, 1, 8, 8]);
  const source = { file: "cell lenet", line: 2, text: "Conv2d(1, 32, 3, padding=1), ReLU(), MaxPool2d(2)," };
  const layers: [string, number[], string, number][] = [
    ["Conv2d", [64, 32, 8, 8], "1→32, 3×3", 320], ["ReLU", [64, 32, 8, 8], "", 0],
    ["MaxPool2d", [64, 32, 4, 4], "2×2", 0], ["Conv2d", [64, 64, 4, 4], "32→64, 3×3", 18496],
    ["ReLU", [64, 64, 4, 4], "", 0], ["MaxPool2d", [64, 64, 2, 2], "2×2", 0], ["Flatten", [64, 256], "", 0],
    ["Linear", [64, 128], "256→128", 32896], ["ReLU", [64, 128], "", 0], ["Dropout", [64, 128], "p=0.2", 0],
    ["Linear", [64, 10], "128→10", 1290],
  ];
  layers.forEach(([type, shape, detail, params], index) => {
    const attributes: [string, string][] = params ? [["weight", "32×1×3×3"], ["bias", "32"]] : [];
    const values = stats(index + 1);
    x = make.op(String(index), type, shape, [x], { detail, params, attributes, source, values });
  });
  output(make, x);
  return make.record("lenet", "Sequential");
}

export function resnet18(): GraphRecord {
  const make = new Maker();
  let x = input(make, [1, 3, 224, 224]);
  const conv = (label: string, from: number, to: number, size: number, kernel: number, source: number) =>
    make.op(label, "Conv2d", [1, to, size, size], [source], {
      detail: `${from}→${to}, ${kernel}×${kernel}`, params: from * to * kernel * kernel,
      flops: 2 * from * to * kernel * kernel * size * size,
    });
  const norm = (label: string, to: number, size: number, source: number) =>
    make.op(label, "BatchNorm2d", [1, to, size, size], [source], { params: 2 * to });
  x = norm("bn1", 64, 112, conv("conv1", 3, 64, 112, 7, x));
  x = make.op("relu", "ReLU", [1, 64, 112, 112], [x]);
  x = make.op("maxpool", "MaxPool2d", [1, 64, 56, 56], [x], { detail: "3×3, s2" });
  let channels = 64;
  [64, 128, 256, 512].forEach((to, stage) => {
    const size = 56 >> stage;
    x = make.group(`layer${stage + 1}`, "Sequential", () => {
      for (const block of [0, 1]) {
        const before = x;
        x = make.group(String(block), "BasicBlock", () => {
          let y = norm("bn1", to, size, conv("conv1", channels, to, size, 3, before));
          y = make.op("relu", "ReLU", [1, to, size, size], [y]);
          y = norm("bn2", to, size, conv("conv2", to, to, size, 3, y));
          let skip = before;
          if (channels !== to) {
            skip = make.group("downsample", "Sequential", () =>
              norm("1", to, size, conv("0", channels, to, size, 1, before)));
          }
          y = make.op("add", "add", [1, to, size, size], [y, skip]);
          return make.op("relu_1", "ReLU", [1, to, size, size], [y]);
        });
        channels = to;
      }
      return x;
    });
  });
  x = make.op("avgpool", "AdaptiveAvgPool2d", [1, 512, 1, 1], [x], { detail: "1×1" });
  x = make.op("flatten", "flatten", [1, 512], [x]);
  x = make.op("fc", "Linear", [1, 1000], [x], { detail: "512→1000", params: 513000 });
  output(make, x);
  return make.record("resnet18", "ResNet");
}

export function gpt(blocks = 12, tokens = 64, width = 128): GraphRecord {
  const make = new Maker();
  const ids = input(make, [8, tokens], "int64");
  const wide = [8, tokens, width];
  const linear = (label: string, from: number, to: number, source: number) =>
    make.op(label, "Linear", [8, tokens, to], [source], { detail: `${from}→${to}`, params: from * to + to });
  const norm = (label: string, source: number) =>
    make.op(label, "LayerNorm", wide, [source], { detail: String(width), params: 2 * width });
  const place = make.op("arange", "arange", [tokens], []);
  const token = make.op("wte", "Embedding", wide, [ids], { detail: `65→${width}`, params: 65 * width });
  const position = make.op("wpe", "Embedding", [tokens, width], [place], { params: tokens * width });
  let x = make.op("add", "add", wide, [token, position]);
  x = make.op("drop", "Dropout", wide, [x], { detail: "p=0.1" });
  const one = (label: string) => make.group(label, "Block", () => {
    const before = x;
    const normed = norm("ln_1", x);
    const mixed = make.group("attn", "CausalSelfAttention", () => {
      const qkv = linear("c_attn", width, 3 * width, normed);
      const heads = ["q", "k", "v"].map((name) => {
        const part = make.op(name, "getitem", wide, [qkv]);
        const view = make.op(`${name}_view`, "reshape", [8, tokens, 4, width / 4], [part]);
        return make.op(`${name}_heads`, "permute_dims", [8, 4, tokens, width / 4], [view]);
      });
      const shape = [8, 4, tokens, width / 4];
      const y = make.op("sdpa", "scaled_dot_product_attention", shape, heads, { detail: "causal" });
      const joined = make.op("join", "reshape", wide, [make.op("back", "permute_dims", wide, [y])]);
      return linear("c_proj", width, width, joined);
    });
    x = make.op("add", "add", wide, [before, mixed]);
    const second = norm("ln_2", x);
    const fed = make.group("mlp", "MLP", () => {
      const wider = linear("c_fc", width, 4 * width, second);
      return linear("c_proj", 4 * width, width, make.op("gelu", "GELU", [8, tokens, 4 * width], [wider]));
    });
    return make.op("add_1", "add", wide, [x, fed]);
  });
  x = make.group("h", "Block", () => {
    for (let block = 0; block < blocks; block++) x = one(String(block));
    return x;
  }, { repeat: blocks });
  x = norm("ln_f", x);
  x = make.op("lm_head", "Linear", [8, tokens, 65], [x], { detail: `${width}→65`, params: 65 * width });
  output(make, x);
  return make.record("gpt", "GPT");
}

export function unet(): GraphRecord {
  const make = new Maker();
  let x = input(make, [1, 3, 64, 64]);
  const skips: number[] = [];
  const double = (label: string, to: number, size: number, source: number) =>
    make.group(label, "DoubleConv", () => {
      let y = source;
      for (const part of [1, 2]) {
        y = make.op(`conv${part}`, "Conv2d", [1, to, size, size], [y], { detail: `→${to}, 3×3`, params: 9 * to * to });
        y = make.op(`relu${part}`, "ReLU", [1, to, size, size], [y]);
      }
      return y;
    });
  [16, 32, 64].forEach((to, index) => {
    x = double(`down${index}`, to, 64 >> index, x);
    skips.push(x);
    x = make.op(`pool${index}`, "MaxPool2d", [1, to, 32 >> index, 32 >> index], [x]);
  });
  x = double("middle", 128, 8, x);
  [64, 32, 16].forEach((to, index) => {
    const size = 16 << index;
    x = make.op(`up${index}`, "ConvTranspose2d", [1, to, size, size], [x], { family: "convolution" });
    x = make.op(`concat${index}`, "concat", [1, 2 * to, size, size], [skips.pop()!, x]);
    x = double(`dec${index}`, to, size, x);
  });
  output(make, make.op("head", "Conv2d", [1, 2, 64, 64], [x], { detail: "16→2, 1×1", params: 34 }));
  return make.record("unet", "UNet");
}

export function hostile(labels: string[]): GraphRecord {
  const make = new Maker();
  let x = input(make, [1]);
  for (const label of labels) {
    x = make.op(label, label, [1, 2], [x], { detail: label, note: label, attributes: [[label, label]] });
  }
  return make.record(labels[0] ?? "");
}
