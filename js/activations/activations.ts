// A model on a given input: its graph (of a small network its neurons), and a walk through it layer
// by layer, forward and backward, with formulas, numbers, and the tensors of each step.

import { h, on, setText } from "../lib/dom";
import type { View } from "../lib/frame";
import type { Buffers, Message, Port } from "../lib/port";
import type { ActivationRecord } from "../lib/records";
import { redrawer } from "../lib/redraw";
import { decode } from "../lib/wire";
import css from "./activations.css";
import { Network } from "./network";

type Hear = (message: Message, buffers: Buffers) => void;

/** The view, made of the view of a graph and the view of a tensor. */
export const walkThrough = (graph: View, tensor: View): View => (frame, port, signal) => {
  frame.style(css);
  let record: ActivationRecord | undefined;
  let at = 0;
  let looked = "";
  let toGraph: Hear | undefined;

  const about = h("span", { class: "muted small" }, "waiting for the model …");
  const place = h("span", { class: "small", role: "status" });
  const lines = h("div", { class: "lines", "aria-live": "polite" });
  const looks = h("div", { class: "looks row live" });
  const below = h("div", {});
  const picture = h("div", { class: "picture" });
  const examples = h("input", { type: "range", min: 0, value: 0, "aria-label": "example" });
  const example = h("label", { class: "row small live" }, "example", examples);
  const network = new Network(frame.theme, (column, neuron) => {
    const { walk } = record!;
    const found = walk.flatMap((s, i) => (s.column === column && s.neuron === neuron ? [i] : []));
    go(found.find((i) => i > at) ?? found[0] ?? at);
  });
  const button = (text: string, label: string, move: () => number) => {
    const made = h("button", { class: "button", type: "button", "aria-label": label }, text);
    on(made, "click", () => go(move()), signal);
    return made;
  };
  const stepper = h(
    "div",
    { class: "stepper row" },
    button("Start", "Start: first step", () => 0),
    button("◀", "Step back", () => at - 1),
    button("Next ▶", "Next step", () => at + 1),
    button("End", "End: last step", () => Infinity),
    place,
    h("span", { class: "spread" }),
    example,
  );
  const walk = h("section", { class: "walk panel" }, picture, stepper, lines, looks);
  const graphHost = h("div", {});
  const whole = h("div", { class: "activations" }, about, graphHost, walk, below);
  frame.element.append(whole);

  const go = (to: number) => {
    if (!record?.walk.length) return;
    at = Math.max(0, Math.min(record.walk.length - 1, to));
    tell();
    const { node } = record.walk[at]!;
    if (node) graphHost.dispatchEvent(new CustomEvent("nbdl-go", { detail: node }));
  };

  const tell = () => {
    if (!record) return;
    const step = record.walk[at];
    walk.hidden = !step;
    if (!step) return;
    setText(place, `step ${at + 1} of ${record.walk.length} · ${step.phase}`);
    lines.replaceChildren(h("strong", {}, step.title), ...step.lines.map((line) => h("div", {}, line)));
    looks.replaceChildren(...step.looks.map((what) => look(step.node, what)));
    redraw();
  };

  const look = (node: string, what: string) => {
    const key = JSON.stringify([node, what]);
    const made = h("button", { class: "button", type: "button", "aria-pressed": String(key === looked) }, what);
    on(made, "click", () => {
      looked = key;
      const host = h("div", { class: "inner" });
      below.replaceChildren(host);
      tensor({ ...frame, element: host }, tensorPort(port, [node, what]), signal);
      tell();
    }, signal);
    return made;
  };

  const redraw = redrawer(picture, signal, (width) => {
    if (!record?.network) return false;
    network.draw(record.network, record.walk, at, width);
    return true;
  });
  frame.theme.onChange(redraw, signal);
  on(walk, "keydown", (event) => {
    const moves: Record<string, number> = {
      ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: Infinity,
    };
    const to = moves[event.key];
    if (to === undefined || event.target === examples) return;
    event.preventDefault();
    go(to);
  }, signal);
  on(examples, "input", () => port.send({ type: "hello", have: { example: Number(examples.value) } }), signal);
  on(graphHost, "nbdl-select" as "input", (event) => {
    const node = (event as unknown as CustomEvent<string>).detail;
    const phase = record?.walk[at]?.phase;
    const found = record?.walk.findIndex((step) => step.node === node && step.phase === phase) ?? -1;
    if (found < 0 || record!.walk[at]!.node === node) return;
    at = found;
    tell();
  }, signal);

  port.listen((message, buffers) => {
    if (message.type !== "record" || message["kind"] === "TensorRecord") return;
    const packed = message["record"] as Record<string, unknown>;
    record = decode<ActivationRecord>(packed, buffers);
    const small = record.network;
    setText(about, small ? "" : record.objective);
    whole.classList.toggle("small-network", Boolean(small));
    picture.replaceChildren(...(small ? [heading(record), network.element] : []));
    example.hidden = !small || small.examples < 2;
    examples.max = String((small?.examples ?? 1) - 1);
    toGraph?.({ type: "record", record: packed["graph"] }, buffers);
    tell();
  }, signal);

  const graphPort: Port = {
    send: () => port.send({ type: "hello", have: {} }),
    listen: (hear) => (toGraph = hear),
  };
  graph({ ...frame, element: graphHost }, graphPort, signal);
};

function heading({ graph, network, objective }: ActivationRecord): HTMLElement {
  const { example, examples } = network!;
  return h(
    "header",
    { class: "row" },
    h("h3", {}, graph.title),
    h("span", { class: "muted small" }, `${objective}, example ${example + 1} of ${examples}`),
    h("span", { class: "muted small" }, "values; "),
    h("span", { class: "small d" }, "∂L/∂ derivatives"),
  );
}

/** The port of the viewer of one tensor: it asks for that tensor alone and hears of tensors alone. */
function tensorPort(port: Port, wanted: [string, string]): Port {
  return {
    send: (message) => port.send({ ...message, have: { ...(message["have"] as object), tensor: wanted } }),
    listen: (hear, signal) =>
      port.listen((message, buffers) => {
        const { title } = (message["record"] ?? {}) as { title?: string };
        if (message["kind"] === "TensorRecord" && title === wanted.join(": ")) hear(message, buffers);
      }, signal),
  };
}
