// The tensor viewer: a part of a tensor as heat maps, images or points, with its numbers. The kernel
// keeps the tensor: each look asks it for the part that is seen.

import { h, on, setText } from "../lib/dom";
import type { View } from "../lib/frame";
import type { TensorRecord } from "../lib/records";
import { redrawer } from "../lib/redraw";
import { decode } from "../lib/wire";
import { axisOf } from "./cells";
import { Controls, type Look } from "./controls";
import type { Place } from "./panels";
import { Picture } from "./picture";
import { aboutText, legendOf, sideOf } from "./side";
import css from "./tensor.css";

const MOST_PINS = 12;

export const tensor: View = (frame, port, signal) => {
  frame.style(css);
  const title = h("h3", {}, "");
  const about = h("span", { class: "muted small" }, "waiting for the tensor …");
  const side = h("aside", { "aria-label": "Statistics" });
  const legend = h("div", { class: "legend small" });
  const pins = h("ul", { class: "pins", "aria-label": "Numbers that were kept" });
  const notes = h("div", { class: "muted small notes" });
  let record: TensorRecord | undefined;
  let look: Look = {};
  let asked = false;
  let again = false;
  let late = 0;

  const ask = (change: Look) => {
    if (port.saved) {
      setText(about, "this page has one part of the tensor; the notebook shows the others");
      return;
    }
    look = { ...look, ...change };
    again = asked; // one question at a time: the last wish is asked when the answer is there
    if (asked) return;
    asked = true;
    late = window.setTimeout(() => setText(about, "waiting for the kernel, which is busy or not connected …"), 1500);
    port.send({ type: "hello", have: { look } });
  };
  const controls = new Controls(ask, signal);
  const picture = new Picture(frame.theme, {
    onPin: (address, value) => pin(pins, address, value, signal),
    onZoom: (from, to) => ask({ window: windowOf(record!, from, to) }),
    onWhole: () => ask({ window: null }),
  }, signal);
  const left = h("div", { class: "seen" }, picture.element);
  frame.element.append(
    h(
      "div",
      { class: "tensor panel" },
      h("header", { class: "row" }, title, about),
      controls.element,
      h("div", { class: "body" }, left, side),
      legend,
      pins,
      notes,
    ),
  );

  const fill = () => {
    if (!record) return;
    side.replaceChildren(...(sideOf(record, frame.theme).filter(Boolean) as Node[]));
    legend.replaceChildren(...(legendOf(record, frame.theme).filter(Boolean) as (Node | string)[]));
  };
  const redraw = redrawer(left, signal, (width) => {
    if (!record) return false;
    picture.show(record, width);
    return true;
  });
  frame.theme.onChange(() => {
    fill();
    picture.draw();
  }, signal);

  port.listen((message, buffers) => {
    if (message.type !== "record") return;
    clearTimeout(late);
    record = decode<TensorRecord>(message["record"], buffers);
    setText(title, record.title || record.kind);
    setText(about, aboutText(record));
    notes.replaceChildren(...record.notes.map((note) => h("p", {}, note)));
    left.hidden = record.size === 0;
    controls.update(record);
    fill();
    redraw();
    asked = false;
    if (again) ask({});
  }, signal);
  port.send({ type: "hello", have: {} });
};

/** Cells from one corner to the other as places of the tensor. */
function windowOf(record: TensorRecord, from: Place, to: Place): number[] {
  const range = (role: string, a: number, b: number): [number, number] => {
    const axis = axisOf(record, role);
    if (!axis) return [0, 1];
    const [first, last] = [Math.min(a, b), Math.max(a, b)];
    return [axis.start + first * axis.every, Math.min(axis.stop, axis.start + (last + 1) * axis.every)];
  };
  return [...range("rows", from.row, to.row), ...range("columns", from.column, to.column)];
}

function pin(list: HTMLElement, address: string, value: string, signal: AbortSignal): void {
  const known = [...list.children].find((item) => item.firstChild?.textContent === address);
  if (known) {
    known.remove();
    return;
  }
  const remove = h("button", { class: "button quiet", type: "button", "aria-label": `Drop ${address}` }, "×");
  const item = h("li", {}, h("span", { class: "mono" }, address), h("strong", {}, value), remove);
  on(remove, "click", () => item.remove(), signal);
  list.append(item);
  while (list.children.length > MOST_PINS) list.firstChild!.remove();
}
