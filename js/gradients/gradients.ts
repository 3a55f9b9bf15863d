// The gradient-flow view: what goes on in each layer over the steps of a run.

import { h, setText } from "../lib/dom";
import { Flow } from "../lib/flow";
import type { View } from "../lib/frame";
import { GradientMap } from "../lib/gradient_map";
import { redrawer } from "../lib/redraw";
import { decode } from "../lib/wire";
import type { GradientFlowRecord } from "../lib/records";
import css from "./gradients.css";

export const gradients: View = (frame, port, signal) => {
  frame.style(css);
  const flow = new Flow();
  const map = new GradientMap(frame, flow, signal);
  const title = h("h3", {}, "Gradient flow");
  const about = h("span", { class: "muted small" }, "waiting for the run …");
  let record: GradientFlowRecord | undefined;

  frame.element.append(
    h("div", { class: "gradients panel" }, h("header", { class: "row" }, title, about), map.element),
  );
  const redraw = redrawer(map.element, signal, (width) => {
    if (!record) return false;
    setText(about, aboutText(record, flow));
    map.draw(width, record.findings);
    return true;
  });
  const hello = () => port.send({ type: "hello", have: flow.have() });

  port.listen((message, buffers) => {
    if (message.type !== "record") return;
    const next = decode<GradientFlowRecord>(message["record"], buffers);
    if (!flow.merge(next)) {
      hello();
      return;
    }
    if (!record) map.choose(next.measure);
    record = next;
    redraw();
  }, signal);
  hello();
};

function aboutText(record: GradientFlowRecord, { gradients: { layers, steps } }: Flow): string {
  const parts = [record.title, `${layers.length} layers`, `${steps.length} sample${steps.length === 1 ? "" : "s"}`];
  return [...parts, record.status].filter(Boolean).join(" · ");
}
