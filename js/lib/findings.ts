// Findings in words, each as one notice; the level is said by colour, by mark and in the text.

import { h } from "./dom";
import type { Finding } from "./records";

const MARKS: Record<string, string> = { good: "✓", note: "i", warning: "!", bad: "✕" };

export function findingList(findings: readonly Finding[]): HTMLElement {
  const list = h("ul", { class: "findings" });
  for (const { level, title, text } of findings) {
    list.append(
      h(
        "li",
        { class: `notice ${level}` },
        h("span", { class: "finding-mark", "aria-hidden": "true" }, MARKS[level] ?? "i"),
        h("span", {}, h("strong", {}, title), text ? ` ${text}` : ""),
      ),
    );
  }
  return list;
}
