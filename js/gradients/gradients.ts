// The gradient-flow view: how strongly each layer is told to change, over the steps of a run.

import { h, setText } from "../lib/dom";
import type { View } from "../lib/frame";
import { GradientMap } from "../lib/gradient_map";
import { redrawer } from "../lib/redraw";
import { GradientRows } from "../lib/rows";
import { decode } from "../lib/wire";
import type { GradientFlowRecord } from "../lib/records";
import css from "./gradients.css";

export const gradients: View = (frame, port, signal) => {
  frame.style(css);
  const rows = new GradientRows();
  const map = new GradientMap(frame, rows, signal);
  const title = h("h3", {}, "Gradient flow");
  const about = h("span", { class: "muted small" }, "waiting for the run …");
  let record: GradientFlowRecord | undefined;

  frame.element.append(
    h("div", { class: "gradients panel" }, h("header", { class: "row" }, title, about), map.element),
  );
  const redraw = redrawer(map.element, signal, (width) => {
    if (!record) return false;
    setText(about, aboutText(record, rows));
    map.draw(width, record.findings);
    return true;
  });
  const hello = () => port.send({ type: "hello", have: { gradients: rows.end } });

  port.listen((message, buffers) => {
    if (message.type !== "record") return;
    const next = decode<GradientFlowRecord>(message["record"], buffers);
    if (!rows.merge(next.gradients)) {
      hello();
      return;
    }
    record = next;
    redraw();
  }, signal);
  hello();
};

function aboutText(record: GradientFlowRecord, rows: GradientRows): string {
  const parts = [record.title, `${rows.layers.length} layers`, `${rows.steps.length} samples`];
  return [...parts, record.status].filter(Boolean).join(" · ");
}
