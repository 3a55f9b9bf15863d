// What the model got right and wrong: the confusion matrix and single predictions.

import { css, inkOn, mix, parseHex } from "../lib/color";
import { h } from "../lib/dom";
import { formatNumber, formatPercent } from "../lib/format";
import { picture } from "../lib/image";
import type { Confusion, Sample } from "../lib/records";

/** A table (so readers can walk it), each row shaded by its share of the true class. */
export function confusionTable(confusion: Confusion, dark: boolean): HTMLElement {
  const { labels, counts } = confusion;
  const size = labels.length;
  const [paper, ink] = [parseHex(dark ? "16181d" : "ffffff"), parseHex(dark ? "6aa5ff" : "1f66d1")];
  const wrong = parseHex(dark ? "ff9d4d" : "c4560b");
  const table = h("table", { class: "confusion" });
  const right = labels.reduce((sum, _, i) => sum + counts.data[i * size + i]!, 0);
  const all = counts.data.reduce((sum, count) => sum + count, 0);
  const head = h("tr", {}, h("th", { scope: "col" }, "true ╲ predicted"));
  for (const label of labels) head.append(h("th", { scope: "col" }, label));
  table.append(
    h("caption", {}, `${formatNumber(right)} of ${formatNumber(all)} right (${formatPercent(right / all)})`),
    h("thead", {}, h("tr", {}, ...head.children)),
  );
  const body = h("tbody");
  for (let row = 0; row < size; row++) {
    const cells = Array.from(counts.data.subarray(row * size, (row + 1) * size));
    const total = cells.reduce((sum, count) => sum + count, 0) || 1;
    const line = h("tr", {}, h("th", { scope: "row" }, labels[row]!));
    cells.forEach((count, column) => {
      const shade = mix(paper, row === column ? ink : wrong, count === 0 ? 0 : 0.12 + 0.88 * (count / total));
      const says = `${labels[row]} taken for ${labels[column]}: ${count} (${formatPercent(count / total)})`;
      const style = `background:${css(shade)};color:${inkOn(shade)}`;
      line.append(h("td", count === 0 ? {} : { style, title: says }, count ? formatNumber(count) : "·"));
    });
    body.append(line);
  }
  table.append(body);
  return h("div", { class: "scroll", tabindex: 0 }, table);
}

/** Cards of samples, the wrong ones marked. */
export function sampleCards(samples: readonly Sample[]): HTMLElement {
  const list = h("ul", { class: "samples" });
  for (const sample of samples) {
    const verdict = sample.correct === null ? "" : sample.correct ? "right" : "wrong";
    const mark = { right: "✓ ", wrong: "✕ ", "": "" }[verdict];
    const sure = sample.confidence === null ? "" : ` ${formatPercent(sample.confidence)}`;
    const card = h("li", { class: `sample panel ${verdict}` });
    if (sample.image.data.length) card.append(picture(sample.image, `an image of ${sample.target}`));
    if (sample.text) card.append(h("p", { class: "sample-text mono small" }, sample.text));
    card.append(
      h("div", { class: "sample-said" }, h("strong", {}, mark + sample.predicted), h("span", { class: "muted" }, sure)),
    );
    const told = verdict === "wrong" || (sample.text !== "" && verdict === "");
    if (told) card.append(h("div", { class: "muted small sample-true" }, `is ${sample.target}`));
    list.append(card);
  }
  return list;
}
