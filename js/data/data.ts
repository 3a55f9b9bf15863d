// Data sets side by side: what was found, how often each class is there, the values of each field,
// and samples that are there twice.

import { h, setText } from "../lib/dom";
import { findingList } from "../lib/findings";
import { grouped } from "../lib/format";
import type { View } from "../lib/frame";
import { picture } from "../lib/image";
import type { DataPart, DataRecord } from "../lib/records";
import { decode } from "../lib/wire";
import { classBars } from "./classes";
import css from "./data.css";
import { fieldTable } from "./fields";
import { pairList } from "./pairs";

export const data: View = (frame, port, signal) => {
  frame.style(css);
  const title = h("h3", {}, "Data");
  const about = h("span", { class: "muted small" }, "waiting for the data …");
  const body = h("div", { class: "body" });
  frame.element.append(h("div", { class: "data panel" }, h("header", { class: "row" }, title, about), body));

  port.listen((message, buffers) => {
    if (message.type !== "record") return;
    const record = decode<DataRecord>(message["record"], buffers);
    setText(title, record.parts.map((part) => part.title).join(" · "));
    setText(about, record.parts.map(aboutText).join(" · "));
    body.replaceChildren(
      findingList(record.findings),
      ...sections(record, signal).map(([name, content]) =>
        h("section", { "aria-label": name }, h("h4", {}, name), content),
      ),
    );
  }, signal);
  port.send({ type: "hello", have: {} });
};

function sections(record: DataRecord, signal: AbortSignal): [string, HTMLElement][] {
  const found: [string, HTMLElement][] = [];
  const classified = record.parts.filter((part) => part.classes.length > 0);
  if (record.groups.length) found.push(["The same sample twice", pairList(record.groups, signal)]);
  if (classified.length) found.push(["Classes", classBars(classified, record.parts, signal)]);
  if (record.parts.some((part) => part.fields.length)) {
    found.push(["Values", fieldTable(record.parts, signal)]);
  }
  for (const part of record.parts) {
    if (!part.samples.length) continue;
    found.push([record.parts.length > 1 ? `Samples of ${part.title}` : "Samples", examples(part)]);
  }
  return found;
}

function aboutText(part: DataPart): string {
  if (part.total === null) return `the first ${grouped(part.seen)} samples of a stream`;
  if (part.seen === part.total) return `${grouped(part.total)} sample${part.total === 1 ? "" : "s"}`;
  return `${grouped(part.total)} samples, of which ${grouped(part.seen)} were looked at`;
}

function examples(part: DataPart): HTMLElement {
  const list = h("ul", { class: "examples" });
  for (const { image, target } of part.samples) {
    list.append(h("li", {}, picture(image, `a sample of ${target || part.title}`), h("span", { class: "muted small" }, target)));
  }
  return list;
}
