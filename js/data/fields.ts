// The values of each field: range, mean, what is missing, and a histogram of each data set over the
// same numbers, which can be opened and read bar by bar.

import { h, on, svg } from "../lib/dom";
import { formatNumber, formatPercent, grouped } from "../lib/format";
import type { DataPart, FieldRecord } from "../lib/records";
import { chooser, colourOf, dot, key, more } from "./parts";

const SHOWN = 30;
const SEARCHED = 12;

/** A field in each of the data sets; null where one has it not. */
interface Row {
  name: string;
  column: boolean;
  fields: (FieldRecord | null)[];
}

export function fieldTable(parts: DataPart[], signal: AbortSignal): HTMLElement {
  const rows = rowsOf(parts);
  const body = h("tbody", {});
  const find = h("input", { class: "field small", type: "search", placeholder: "Find a field", "aria-label": "Find a field" });
  const order = chooser("Order of the fields", ["as they are", "most shifted first"]);
  const rest = more(rows.length, SHOWN, "fields");
  const fill = () => {
    const wanted = find.value.trim().toLowerCase();
    let found = rows.filter((row) => row.name.toLowerCase().includes(wanted));
    if (order.selectedIndex === 1) found = [...found].sort((a, b) => Math.abs(shift(b)) - Math.abs(shift(a)));
    rest.element.hidden = found.length <= SHOWN;
    const shown = rest.all ? found : found.slice(0, SHOWN);
    body.replaceChildren(...shown.flatMap((row) => line(row, parts, signal)));
  };
  on(find, "input", fill, signal);
  on(order, "change", fill, signal);
  on(rest.element, "click", () => (rest.toggle(), fill()), signal);
  on(body, "keydown", (event) => move(body, event), signal);
  fill();
  const heads = ["field", "each", "range", "mean ± std", ...(parts.length > 1 ? ["shift"] : []), "missing", "values"];
  const hidden = parts.reduce((sum, part) => Math.max(sum, part.more_columns), 0);
  return h(
    "div",
    {},
    h(
      "div",
      { class: "row tools" },
      key(parts, parts),
      h("span", { class: "spread" }),
      rows.length > SEARCHED && find,
      parts.length > 1 && rows.length > 2 && order,
    ),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "The values of each field" },
      h("table", { class: "fields small" }, h("thead", {}, h("tr", {}, ...heads.map((name) => h("th", { scope: "col" }, name)))), body),
    ),
    rest.element,
    hidden > 0 && h("p", { class: "muted small" }, `The ${grouped(hidden)} columns are not shown one by one.`),
  );
}

function rowsOf(parts: DataPart[]): Row[] {
  const rows = new Map<string, Row>();
  parts.forEach((part, at) => {
    for (const field of part.fields) {
      const id = `${field.column} ${field.name}`;
      const row = rows.get(id) ?? { name: field.name, column: field.column, fields: parts.map(() => null) };
      row.fields[at] = field;
      rows.set(id, row);
    }
  });
  return [...rows.values()];
}

/** How far the second data set's mean lies from the first's, in the first's standard deviations. */
function shift({ fields: [first, second] }: Row): number {
  if (!first || !second || !(first.std > 0)) return 0;
  const found = (second.mean - first.mean) / first.std;
  return Number.isFinite(found) ? found : 0;
}

function line(row: Row, parts: DataPart[], signal: AbortSignal): HTMLElement[] {
  const { name, column, fields } = row;
  const drawn = fields.some((field) => field?.histogram.data.length);
  const opener = h("button", { class: "button quiet", type: "button", "aria-expanded": "false" }, name);
  const cells = (say: (field: FieldRecord) => string, bad = false) =>
    h(
      "td",
      {},
      ...fields.map((field, at) => {
        const words = field ? say(field) : "not there";
        const mark = parts.length > 1 ? [dot(at), h("span", { class: "unseen" }, `${parts[at]!.title}: `)] : [];
        return h("div", { class: !field || (bad && words !== "–") ? "bad" : null }, ...mark, words);
      }),
    );
  const first = fields.find((field) => field !== null)!;
  const detail = h("tr", { class: "detail" });
  detail.hidden = true;
  const columns = parts.length > 1 ? 7 : 6;
  on(opener, "click", () => {
    detail.hidden = !detail.hidden;
    opener.setAttribute("aria-expanded", String(!detail.hidden));
    if (!detail.hasChildNodes()) detail.append(h("td", { colspan: columns }, large(row, parts, signal)));
  }, signal);
  const moved = shift(row);
  return [
    h(
      "tr",
      {},
      h("th", { scope: "row", class: column ? "column" : null }, drawn ? opener : name),
      h("td", {}, `${first.shape.join("×")} ${first.dtype}`.trim()),
      cells(rangeText),
      cells((field) => (field.kind === "number" ? `${formatNumber(field.mean, 3)} ± ${formatNumber(field.std, 3)}` : "")),
      parts.length > 1 && h("td", { class: Math.abs(moved) > 0.5 ? "warned" : null }, moved ? `${moved > 0 ? "+" : ""}${formatNumber(moved, 2)} σ` : "–"),
      cells(missingText, true),
      h("td", { class: "sketch" }, histogram(fields, 84, 18 * fields.length, true)),
    ),
    detail,
  ];
}

function rangeText(field: FieldRecord): string {
  if (field.kind === "number") return `${formatNumber(field.low, 3)} … ${formatNumber(field.high, 3)}`;
  return field.distinct === null ? "" : `${grouped(field.distinct)} different`;
}

function missingText({ nans, infinities }: FieldRecord): string {
  const words = [nans && `${grouped(nans)} NaN`, infinities && `${grouped(infinities)} ∞`];
  return words.filter(Boolean).join(", ") || "–";
}

/** Up and down go from field to field. */
function move(body: HTMLElement, event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const buttons = [...body.querySelectorAll<HTMLElement>("button")];
  const at = buttons.indexOf(event.target as HTMLElement);
  if (!step || at < 0) return;
  event.preventDefault();
  buttons[Math.min(buttons.length - 1, Math.max(0, at + step))]!.focus();
}

// ----- histograms

function sharesOf(field: FieldRecord | null): number[] {
  const counts = Array.from(field?.histogram.data ?? []);
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  return counts.map((count) => count / total);
}

/** Bars of the first data set, and lines of the others over the same numbers. */
function histogram(fields: (FieldRecord | null)[], width: number, height: number, rooted: boolean): SVGElement {
  const all = fields.map(sharesOf);
  const most = Math.max(...all.flat(), 0) || 1;
  // In the small picture the square root shows rare values, too.
  const high = (share: number) => (height - 1) * (rooted ? Math.sqrt(share / most) : share / most);
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  all.forEach((shares, at) => {
    if (!shares.length) return;
    const wide = width / shares.length;
    const tops = shares.map((share, i) => `V${(height - high(share)).toFixed(2)}H${((i + 1) * wide).toFixed(2)}`);
    const path = svg("path", { d: `M0 ${height}${tops.join("")}V${height}` });
    path.style.cssText = at === 0 ? `fill:${colourOf(0)};opacity:0.55` : `fill:none;stroke:${colourOf(at)};stroke-width:1.5`;
    path.setAttribute("vector-effect", "non-scaling-stroke");
    drawing.append(path);
  });
  return drawing;
}

/** A histogram to read: the pointer or the arrow keys choose a bar, whose shares are said below. */
function large(row: Row, parts: DataPart[], signal: AbortSignal): HTMLElement {
  const { fields } = row;
  const all = fields.map(sharesOf);
  const bins = Math.max(...all.map((shares) => shares.length));
  const { start, stop } = fields.find((field) => field?.histogram.data.length)!;
  const mark = h("i", { class: "mark", "aria-hidden": "true" });
  const said = h("div", { class: "small reading" });
  const area = h(
    "div",
    { class: "histogram", tabindex: 0, role: "slider", "aria-label": `Values of ${row.name}`, "aria-valuemin": 0, "aria-valuemax": bins - 1 },
    histogram(fields, 600, 120, false),
    mark,
  );
  const read = (at: number) => {
    const bin = Math.min(bins - 1, Math.max(0, at));
    const [low, high] = [bin, bin + 1].map((edge) => start + (edge / bins) * (stop - start));
    const shares = all.map((shares, i) => `${parts.length > 1 ? `${parts[i]!.title} ` : ""}${formatPercent(shares[bin] ?? 0)}`);
    const words = `${formatNumber(low, 3)} … ${formatNumber(high, 3)}: ${shares.join(", ")}`;
    said.textContent = words;
    area.setAttribute("aria-valuenow", String(bin));
    area.setAttribute("aria-valuetext", words);
    mark.style.left = `${(100 * bin) / bins}%`;
    mark.style.width = `${100 / bins}%`;
    return bin;
  };
  let chosen = read(Math.floor(bins / 2));
  on(area, "pointermove", (event) => {
    const box = area.getBoundingClientRect();
    if (box.width) chosen = read(Math.floor(((event.clientX - box.left) / box.width) * bins));
  }, signal);
  on(area, "keydown", (event) => {
    const to = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: bins - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    chosen = read(to);
  }, signal);
  const ends = h("div", { class: "ends muted small", "aria-hidden": "true" }, h("span", {}, formatNumber(start, 3)), h("span", {}, formatNumber(stop, 3)));
  return h("div", {}, area, ends, said);
}
