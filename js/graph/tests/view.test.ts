// @vitest-environment jsdom
// The view's parts that can be told without a canvas: words, search, keys, the tree for screen
// readers, and that labels are never markup.

import { beforeEach, describe, expect, it } from "vitest";
import type { GraphRecord } from "../../lib/records";
import { between, firstView, fit, reveal, zoomAt } from "../camera";
import { palette, parse } from "../colours";
import { Colouring } from "../colouring";
import { detailsOf, type Doors } from "../details";
import { Finder } from "../finder";
import { describe as inWords, edgeLabel, nodeWidth, shapesOf, totals, wordsOf } from "../labels";
import { layoutGraph } from "../layout/graph";
import { measuresOf, sharesOf } from "../measures";
import { Outline, step } from "../outline";
import { overviewOf } from "../overview";
import { paintScene, type Look } from "../paint";
import { SvgPen, type Pen } from "../pen";
import { Scene, edgeSizes, endsOf, tensorsOf } from "../scene";
import { search } from "../search";
import { oneLine, textWidth } from "../text";
import { trailOf } from "../trail";
import { Maker, gpt, hostile, lenet, resnet18, unet } from "./records";

const HOSTILE = [
  '<img src=x onerror="window.__pwned=1">',
  "</script><script>window.__pwned=1</script>",
  '"><svg/onload=window.__pwned=1>',
  "<style>*{display:none}</style>",
  "name\nwith newline",
  "nul\u0000byte",
  "\u202Egnp.exe",
  "שלום עולם",
  "مرحبا بالعالم",
  "🙂".repeat(50),
  "__proto__",
  "constructor",
  "",
  " ",
  "0".repeat(5000),
];

const colours = palette(false, () => "rgb(255, 255, 255)");

function sceneOf(record: GraphRecord, open: "all" | "none" = "none"): Scene {
  const expanded = new Uint8Array(record.nodes.length).fill(open === "all" ? 1 : 0);
  return new Scene(record, layoutGraph(shapesOf(record), expanded, new Map()));
}

function doors(go: Doors["go"] = () => {}): Doors {
  return { go, trail: () => ({ count: 1, shown: false }), follow: () => {} };
}

function lookAt(scene: Scene): Look {
  return {
    palette: colours, rects: scene.rects, edgeAlpha: 1, scale: 1, selected: -1, hovered: -1,
    window: { left: 0, top: 0, right: scene.width, bottom: scene.height },
    paintOf: (node) => colours.family(scene.record.nodes[node]!.family),
    focused: false, found: null, lit: new Set(), onTrail: null, sizes: edgeSizes(scene.record),
  };
}

function drawn(scene: Scene, more: Partial<Look> = {}): SVGSVGElement {
  const root = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  paintScene(new SvgPen(root, "sans-serif"), scene, { ...lookAt(scene), ...more });
  return root;
}

describe("words on nodes", () => {
  it("say first what a layer is and what a group is called", () => {
    const { nodes } = resnet18();
    const conv = nodes.find((node) => node.id === "conv1")!;
    expect(wordsOf(conv)).toEqual({ title: "Conv2d", name: "conv1", detail: "3→64, 7×7" });
    const layer = nodes.find((node) => node.id === "layer1")!;
    expect(wordsOf(layer)).toEqual({ title: "layer1", name: "Sequential", detail: "148k" });
    const block = nodes.find((node) => node.id === "layer1.0")!;
    expect(wordsOf(block)).toMatchObject({ title: "BasicBlock 0", name: "" });
  });

  it("count identical blocks", () => {
    const stack = gpt().nodes.find((node) => node.repeat > 1)!;
    expect(wordsOf(stack)).toMatchObject({ title: "h", name: "12× Block" });
    expect(inWords(stack)).toContain("2.38M parameters");
  });

  it("are cut in the middle and never longer than their room", () => {
    expect(oneLine("a".repeat(100), 9)).toBe("aaaa…aaaa");
    expect([...oneLine("🙂".repeat(50), 9)]).toHaveLength(9);
    expect(oneLine("a\nb\u202Ec", 9)).toBe("a b c");
    expect(textWidth("Conv2d", 12, true)).toBeGreaterThan(textWidth("Conv2d", 12));
    for (const node of hostile(HOSTILE).nodes) expect(nodeWidth(node)).toBeLessThan(1200);
  });

  it("give the totals that a model is known by", () => {
    const record = resnet18();
    expect(record.params).toBe(11_689_512);
    expect(totals(record)).toContain("11.7M parameters");
    expect(edgeLabel(record.nodes[0]!, 0)).toBe("1×3×224×224");
    expect(edgeLabel(record.nodes[0]!, 3)).toBe("");
  });
});

describe("search", () => {
  const { nodes } = resnet18();

  it("finds by type, name and path, best first", () => {
    const found = search(nodes, "conv1");
    expect(nodes[found[0]!]!.id).toBe("conv1");
    expect(found.length).toBe(9);
    expect(search(nodes, "layer2 batchnorm").every((node) => nodes[node]!.id.startsWith("layer2"))).toBe(true);
  });

  it.each(["64x56x56", "64×56×56", "(1, 64, 56, 56)", "64 × 56 × 56"])("finds the shape %s", (query) => {
    const found = search(nodes, query);
    expect(found.length).toBeGreaterThan(5);
    expect(found.every((node) => nodes[node]!.outputs[0]!.shape[1] === 64)).toBe(true);
  });

  it("finds nothing for nothing", () => {
    expect(search(nodes, "  ")).toEqual([]);
    expect(search(nodes, "no such layer")).toEqual([]);
  });
});

describe("the scene", () => {
  it("knows what lies under a point", () => {
    const scene = sceneOf(resnet18(), "all");
    const conv = scene.record.nodes.findIndex((node) => node.id === "layer1.0.conv2");
    const [x, y] = scene.rects.subarray(4 * conv, 4 * conv + 2);
    expect(scene.hit(x! + 5, y! + 5)).toBe(conv);
    const group = scene.record.nodes.findIndex((node) => node.id === "layer1");
    expect(scene.hit(scene.rects[4 * group]! + 4, scene.rects[4 * group + 1]! + 4)).toBe(group);
    expect(scene.onHeader(group, scene.rects[4 * group + 1]! + 4)).toBe(true);
    expect(scene.hit(-5, -5)).toBe(-1);
  });

  it("shows the closed group instead of what is hidden in it", () => {
    const scene = sceneOf(resnet18());
    const conv = scene.record.nodes.findIndex((node) => node.id === "layer1.0.conv2");
    expect(scene.shows(conv)).toBe(false);
    expect(scene.record.nodes[scene.shown(conv)]!.id).toBe("layer1");
  });

  it("lets what was hidden grow out of its group", () => {
    const record = resnet18();
    const [before, after] = [sceneOf(record), sceneOf(record, "all")];
    const group = record.nodes.findIndex((node) => node.id === "layer1");
    const start = after.blend(before.rects, 0);
    const box = [...before.rects.subarray(4 * group, 4 * group + 4)] as [number, number, number, number];
    const inner = start.subarray(4 * (group + 1), 4 * (group + 1) + 4);
    expect(inner[0]).toBeGreaterThanOrEqual(box[0]);
    expect(inner[1]! + inner[3]!).toBeLessThanOrEqual(box[1] + box[3]);
    expect([...after.blend(before.rects, 1)]).toEqual([...after.rects]);
  });

  it("lights the tensors that enter and leave a group", () => {
    const record = unet();
    const ends = endsOf(record);
    const group = record.nodes.findIndex((node) => node.id === "down0");
    expect(tensorsOf(record, ends, group).size).toBe(2);
    const concat = record.nodes.findIndex((node) => node.id === "concat0");
    expect(tensorsOf(record, ends, concat).size).toBe(3);
  });
});

describe("the camera", () => {
  const window = { width: 800, height: 400 };

  it("shows all of a small picture, and the readable top of a tall one", () => {
    expect(fit({ width: 400, height: 200 }, window).scale).toBe(1);
    const tall = firstView({ width: 300, height: 4000 }, window);
    expect(tall.scale).toBeGreaterThan(0.6);
    expect(tall.y).toBe(0);
  });

  it("zooms about the pointer", () => {
    const before = { x: 10, y: 20, scale: 1 };
    const after = zoomAt(before, 2, 100, 50);
    expect(after.x + 100 / after.scale).toBeCloseTo(before.x + 100 / before.scale);
    expect(after.y + 50 / after.scale).toBeCloseTo(before.y + 50 / before.scale);
    expect(zoomAt(before, 1e9, 0, 0).scale).toBeLessThan(10);
  });

  it("moves only as far as needed, and passes evenly from one view to another", () => {
    const camera = { x: 0, y: 0, scale: 1 };
    expect(reveal(camera, window, { x: 100, y: 100, w: 50, h: 50 })).toEqual(camera);
    expect(reveal(camera, window, { x: 100, y: 600, w: 50, h: 50 }).y).toBe(274);
    const there = { x: 500, y: 300, scale: 2 };
    expect(between(camera, there, 0).x).toBeCloseTo(0);
    expect(between(camera, there, 1).x).toBeCloseTo(500);
    expect(between(camera, there, 0.5).scale).toBeCloseTo(Math.SQRT2);
  });
});

describe("keys", () => {
  it("walk the program, into groups and out of them", () => {
    const scene = sceneOf(resnet18(), "all");
    const { nodes } = scene.record;
    const go = (from: string, key: string) =>
      nodes[step(scene, nodes.findIndex((node) => node.id === from), key)]!.id;
    expect(go("input", "ArrowDown")).toBe("conv1");
    expect(go("layer1", "ArrowRight")).toBe("layer1.0");
    expect(go("layer1.0.conv1", "ArrowLeft")).toBe("layer1.0");
    expect(go("layer1.0.relu_1", "ArrowDown")).toBe("layer1.1");
    expect(go("layer1.1.relu_1", "ArrowDown")).toBe("layer2");
    expect(go("layer1.0", "ArrowUp")).toBe("layer1");
    expect(go("conv1", "End")).toBe("output");
    expect(step(scene, -1, "ArrowDown")).toBe(0);
  });
});

describe("the tree for screen readers", () => {
  it("tells level, position, count and state of the node one is on", () => {
    const scene = sceneOf(resnet18(), "all");
    const owner = document.createElement("div");
    const outline = new Outline(owner, "test");
    owner.append(outline.element);
    const conv = scene.record.nodes.findIndex((node) => node.id === "layer1.0.conv2");
    outline.update(scene, conv);
    const active = owner.querySelector(`#${owner.getAttribute("aria-activedescendant")}`)!;
    expect(active.getAttribute("role")).toBe("treeitem");
    expect(active.getAttribute("aria-level")).toBe("3");
    expect(active.getAttribute("aria-posinset")).toBe("4");
    expect(active.getAttribute("aria-setsize")).toBe("7");
    expect(active.getAttribute("aria-selected")).toBe("true");
    expect(active.textContent).toBe("Conv2d, conv2, 64→64, 3×3, output 1×64×56×56, 36.9k parameters");
    expect(owner.querySelectorAll('[aria-expanded="true"]').length).toBeGreaterThan(1);
  });

  it("keeps only the surroundings in the page", () => {
    const scene = sceneOf(gpt(400), "all");
    const owner = document.createElement("div");
    const outline = new Outline(owner, "test");
    outline.update(scene, scene.record.nodes.length - 1);
    expect(outline.element.children.length).toBeLessThan(20);
  });
});

describe("labels are text, whatever they say", () => {
  beforeEach(() => {
    document.body.replaceChildren();
    delete (window as unknown as Record<string, unknown>)["__pwned"];
  });

  const clean = (element: Element) => {
    document.body.append(element);
    expect(element.querySelectorAll("img, script, style, iframe, form, a, foreignObject")).toHaveLength(0);
    expect((window as unknown as Record<string, unknown>)["__pwned"]).toBeUndefined();
  };

  it("in the drawing", () => {
    const root = drawn(sceneOf(hostile(HOSTILE), "all"));
    clean(root);
    expect(root.textContent).toContain("<img src=x");
    const text = new XMLSerializer().serializeToString(root);
    expect(text).not.toContain("<img");
    expect(text).not.toContain("\u0000");
    expect(new DOMParser().parseFromString(text, "image/svg+xml").querySelector("parsererror")).toBeNull();
  });

  it("in the details, the overview and the list of hits", () => {
    const record = hostile(HOSTILE);
    record.nodes.forEach((_, node) => clean(detailsOf(record, node, colours, doors())));
    clean(overviewOf(record, colours, () => {}));
    let found: number[] | null = null;
    const events = { onFound: (hits: number[] | null) => (found = hits), onChoose: () => {}, onLeave: () => {} };
    const finder = new Finder(record.nodes, "test", events, new AbortController().signal);
    document.body.append(finder.element);
    finder.field.value = "window";
    finder.field.dispatchEvent(new Event("input"));
    expect(found!.length).toBeGreaterThan(2);
    clean(finder.element);
    expect(finder.element.querySelectorAll("[role=option]").length).toBe(found!.length);
  });
});

describe("the finder", () => {
  it("is worked by keys alone", () => {
    const chosen: number[] = [];
    const events = { onFound: () => {}, onChoose: (node: number) => chosen.push(node), onLeave: () => {} };
    const record = lenet();
    const finder = new Finder(record.nodes, "test", events, new AbortController().signal);
    const press = (key: string) => finder.field.dispatchEvent(new KeyboardEvent("keydown", { key }));
    finder.field.value = "relu";
    finder.field.dispatchEvent(new Event("input"));
    press("ArrowDown");
    press("ArrowDown");
    press("Enter");
    press("Enter");
    expect(chosen.map((node) => record.nodes[node]!.id)).toEqual(["4", "8"]);
    press("Escape");
    expect(finder.field.value).toBe("");
  });
});

describe("painting", () => {
  it("leaves out what is not in sight", () => {
    const scene = sceneOf(resnet18(), "all");
    const top = { left: 0, top: 0, right: scene.width, bottom: 200 };
    const all = drawn(scene).querySelectorAll("text").length;
    expect(drawn(scene, { window: top }).querySelectorAll("text").length).toBeLessThan(all / 4);
  });

  it("draws no letters that are too small to read", () => {
    const texts: string[] = [];
    const pen: Pen = {
      alpha: () => {}, rect: () => {}, stroke: () => {}, fill: () => {},
      text: (_x, _y, text) => void texts.push(text),
    };
    const scene = sceneOf(lenet());
    paintScene(pen, scene, { ...lookAt(scene), scale: 0.3 });
    expect(texts).toEqual([]);
  });

  it("marks the failed operation and the groups around it", () => {
    const record = lenet();
    record.nodes[5]!.status = "failed";
    const root = drawn(sceneOf(record));
    expect(root.querySelectorAll(`[stroke="${colours.bad}"]`).length).toBeGreaterThan(0);
  });
});

describe("the details", () => {
  it("lead to what stands beside: an operation, or the group that another one lies in", () => {
    const record = resnet18();
    const at = (id: string) => record.nodes.findIndex((node) => node.id === id);
    const ways = (id: string) => {
      const gone: string[] = [];
      const pane = detailsOf(record, at(id), colours, doors((node) => gone.push(record.nodes[node]!.id)));
      pane.querySelectorAll<HTMLElement>(".link").forEach((link) => link.click());
      return gone;
    };
    expect(ways("layer1.0")).toEqual(["maxpool", "layer1.1"]);
    expect(ways("layer2")).toEqual(["layer1", "layer3"]);
    expect(ways("fc")).toEqual(["flatten", "output"]);
  });
});

describe("the overview", () => {
  it("ranks operations, one of identical blocks standing for all", () => {
    const rows = overviewOf(gpt(), colours, () => {}).querySelectorAll(".ranking button");
    expect(rows[0]!.textContent).toBe("Linear h.0.mlp.c_fc12× 66k");
    expect([...rows].every((row) => !row.textContent!.includes("h.1."))).toBe(true);
  });
});

describe("graphs of unusual form", () => {
  const odd = (count: number, reader: boolean) => {
    const make = new Maker();
    const inputs = Array.from({ length: count }, (_, i) => make.op(`x${i}`, "Input", [4], []));
    if (reader) make.op("all", "concat", [4 * count], inputs);
    return make.record("odd");
  };

  it.each([
    ["one node", odd(1, false), 1],
    ["no edges", odd(30, false), 30],
    ["a thousand inputs", odd(1000, true), 1001],
  ])("%s: every node is drawn, none upon another", (_, record, count) => {
    const scene = sceneOf(record);
    const words = [...drawn(scene).querySelectorAll("text")].map((text) => text.textContent);
    expect(words.filter((word) => word === "Input" || word === "concat")).toHaveLength(count);
    const lefts = new Map<number, number[]>();
    record.nodes.forEach((__, node) => {
      const [x, y] = [scene.rects[4 * node]!, scene.rects[4 * node + 1]!];
      lefts.set(y, [...(lefts.get(y) ?? []), x]);
    });
    for (const row of lefts.values()) {
      row.sort((a, b) => a - b);
      row.forEach((x, i) => i > 0 && expect(x - row[i - 1]!).toBeGreaterThan(60));
    }
    expect(search(record.nodes, "x0")[0]).toBe(0);
    expect(trailOf(record, 0, 1, "down").count).toBe(count > 1000 ? 1 : 0);
  });
});

describe("trails", () => {
  const ids = (record: GraphRecord, nodes: Iterable<number>) => [...nodes].map((node) => record.nodes[node]!.id).sort();

  it("hold all that leads to a node, and all that it leads to, with the groups around them", () => {
    const make = new Maker();
    const x = make.op("x", "Input", [4], []);
    const left = make.group("g", "Block", () => make.op("a", "Linear", [4], [x]));
    const right = make.op("b", "Linear", [4], [x]);
    make.op("sum", "add", [4], [left, right]);
    make.op("alone", "relu", [4], [x]);
    const record = make.record("trails");
    const at = (id: string) => record.nodes.findIndex((node) => node.id === id);
    const up = trailOf(record, at("g"), endsOf(record)[at("g")]!, "up");
    expect(ids(record, up.nodes)).toEqual(["g", "g.a", "x"]);
    const down = trailOf(record, at("g"), endsOf(record)[at("g")]!, "down");
    expect(ids(record, down.nodes)).toEqual(["g", "g.a", "sum"]);
    expect([up.count, down.count]).toEqual([1, 1]);
    expect(down.tensors.size).toBe(1);
    expect(ids(record, trailOf(record, at("sum"), at("sum") + 1, "up").nodes)).toEqual(["b", "g", "g.a", "sum", "x"]);
  });

  it("leave the picture's other nodes in the background", () => {
    const scene = sceneOf(lenet());
    const faded = drawn(scene, { onTrail: new Set([0, 1]) }).querySelectorAll('rect[opacity="0.3"]').length;
    expect(faded).toBeGreaterThan(scene.record.nodes.length - 3);
    expect(drawn(scene).querySelectorAll('[opacity="0.3"]')).toHaveLength(0);
  });
});

describe("edges", () => {
  it("are as wide as their tensors are large", () => {
    const make = new Maker();
    const big = make.op("x", "Input", [64, 64, 64], []);
    const small = make.op("w", "Input", [64], []);
    make.op("y", "add", [64], [big, small]);
    const record = make.record("widths");
    expect([...edgeSizes(record)]).toEqual([3, 0]);
    const widths = [...drawn(sceneOf(record)).querySelectorAll("path[stroke-width]")].map((path) => path.getAttribute("stroke-width"));
    expect(widths).toEqual(["1", "3.25"]);
  });
});

describe("measures", () => {
  it("offers what the graph has numbers for, on a logarithmic scale", () => {
    const record = resnet18();
    expect(measuresOf(record).map((measure) => measure.name)).toEqual(["params", "flops", "memory"]);
    const shares = sharesOf(record, measuresOf(record)[0]!);
    const most = record.nodes.findIndex((node) => node.id === "layer4.1.conv2");
    expect(shares[most]).toBeCloseTo(1);
    expect(shares[0]).toBeNaN();
    expect(measuresOf(lenet()).map((measure) => measure.name)).toContain("std");
  });
});

describe("words as colours", () => {
  it("tell types of elements and changes apart, and say so in the key", () => {
    const record = lenet();
    record.nodes[1]!.outputs = [{ shape: [1], dtype: "float16" }];
    record.nodes[2]!.change = "added";
    const colouring = new Colouring(record);
    expect(colouring.choices.map(({ name }) => name).slice(0, 2)).toEqual(["change", "dtype"]);
    colouring.choose("dtype", colours);
    expect(colouring.paintOf(1, colours)).not.toEqual(colouring.paintOf(2, colours));
    expect(colouring.key.textContent).toBe("float32float16");
    colouring.choose("change", colours);
    expect(colouring.paintOf(2, colours)).toEqual(colours.family("added"));
    expect(colouring.paintOf(1, colours)).toEqual(colours.group(0));
    colouring.choose("", colours);
    expect(colouring.key.hidden).toBe(true);
  });

  it("a measure's key tells the least and the most", () => {
    const record = lenet();
    record.nodes.forEach((node, index) => (node.seconds = index * 1e-3));
    const colouring = new Colouring(record);
    colouring.choose("seconds", colours);
    expect(colouring.key.textContent).toBe(`1 ms${record.nodes.length - 1} ms`);
  });
});

describe("colours", () => {
  it("are read as browsers write them", () => {
    expect(parse("rgb(1, 2, 3)", [0, 0, 0])).toEqual([1, 2, 3]);
    expect(parse("#0a0b0c", [0, 0, 0])).toEqual([10, 11, 12]);
    expect(parse("color(srgb 1 0.5 0)", [0, 0, 0])).toEqual([255, 127.5, 0]);
    expect(parse("", [7, 8, 9])).toEqual([7, 8, 9]);
  });
});
