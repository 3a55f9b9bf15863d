// The graph view: a model, or the computation behind a tensor, as boxes one can open.

import { h, on, setText } from "../lib/dom";
import { formatCount } from "../lib/format";
import type { Frame, View } from "../lib/frame";
import type { Port } from "../lib/port";
import type { FlowFrames, GraphRecord } from "../lib/records";
import { Tooltip, facts } from "../lib/tooltip";
import { decode } from "../lib/wire";
import { Colouring } from "./colouring";
import { paletteOf, type Palette } from "./colours";
import { detailsOf, type Doors } from "./details";
import { overviewOf } from "./overview";
import { pngBlob, save, svgText } from "./export";
import { Film } from "./film";
import { Finder } from "./finder";
import { listenTo } from "./gestures";
import css from "./graph.css";
import { describe, shapesOf, totals, wordsOf } from "./labels";
import { LayoutClient } from "./layout/client";
import { Minimap } from "./minimap";
import { Outline } from "./outline";
import { Stage } from "./stage";
import { oneLine, shapeText } from "./text";
import { toolbar } from "./toolbar";

/** What stays when a new record replaces the one shown. */
interface Kept {
  open: Set<string>;
  selected: string;
  /** null: the run's first measure, which has only now come. */
  measure: string | null;
}

export const graph: View = (frame: Frame, port: Port, signal: AbortSignal) => {
  frame.style(css);
  const holder = h("div", {}, h("p", { class: "muted waiting" }, "waiting for the graph …"));
  frame.element.append(holder);
  let life: AbortController | null = null;
  let shown: GraphPicture | null = null;
  signal.addEventListener("abort", () => life?.abort());
  let heard = "";
  let record: GraphRecord | null = null;
  const draw = (next: GraphRecord) => {
    const kept = shown?.keep() ?? null;
    if (kept && next.frames && !record?.frames) kept.measure = null;
    record = next;
    life?.abort();
    life = new AbortController();
    shown = new GraphPicture(frame, next, kept, life.signal);
    holder.replaceChildren(shown.element);
    void shown.start();
  };
  port.listen((message, buffers) => {
    if (message.type !== "record") return;
    if (message["kind"] === "FlowFrames") {
      const frames = decode<FlowFrames>(message["record"], buffers);
      if (record && !shown?.follow(frames)) draw({ ...record, frames });
      return;
    }
    // A kernel may send the same record more than once; the picture in use stays.
    const said = JSON.stringify(message["record"]);
    if (said === heard) return;
    heard = said;
    draw(decode<GraphRecord>(message["record"], buffers));
  }, signal);
  port.send({ type: "hello", have: {} });
};

class GraphPicture {
  readonly element = h("div", { class: "graph panel" });
  private readonly prefix = `nbdl-graph-${Math.random().toString(36).slice(2, 9)}`;
  private readonly stage: Stage;
  private readonly outline: Outline;
  private readonly pane = h("aside", { class: "details", "aria-label": "Details of the selected node" });
  private readonly minimap: Minimap;
  private readonly hint = h("div", { class: "hint", "aria-hidden": "true" });
  private readonly tooltip: Tooltip;
  private readonly finder: Finder;
  private readonly colouring: Colouring;
  private readonly film: Film;
  private readonly status = h("span", { class: "unseen", role: "status" });
  private palette: Palette;

  constructor(
    private readonly frame: Frame,
    private readonly record: GraphRecord,
    private readonly kept: Kept | null,
    signal: AbortSignal,
  ) {
    this.palette = paletteOf(frame.theme);
    this.film = new Film(record, signal);
    this.colouring = new Colouring(record, this.film.measures);
    const area = h("div", {
      class: "stage",
      tabindex: 0,
      role: "tree",
      "aria-label": `Graph of ${oneLine(record.title, 80)}: arrow keys walk, Enter opens, slash finds`,
    });
    this.stage = new Stage(
      area,
      record,
      new LayoutClient(shapesOf(record), signal),
      {
        onSelect: (node) => this.selected(node),
        onScene: () => this.changed(),
        onView: (camera, window) => this.minimap.frame(this.stage, camera, window),
      },
      this.palette,
      (node) => this.colouring.paintOf(node, this.palette),
      getComputedStyle(frame.element).fontFamily || "sans-serif",
      signal,
    );
    this.outline = new Outline(area, this.prefix);
    this.minimap = new Minimap(signal);
    this.minimap.onPoint = (x, y) => this.stage.centre(x, y);
    area.append(this.stage.canvas, this.minimap.element, this.outline.element, this.colouring.key, this.hint);
    this.tooltip = new Tooltip(this.element);
    this.finder = new Finder(record.nodes, this.prefix, {
      onFound: (found) => this.show(found),
      onChoose: (node) => void this.stage.goTo(node),
      onLeave: () => area.focus({ preventScroll: true }),
    }, signal);
    this.describe(-1);
    this.assemble(area, signal);
    this.listen(signal);
  }

  private assemble(area: HTMLElement, signal: AbortSignal): void {
    const { record } = this;
    const title = h(
      "div",
      { class: "graph-title" },
      h("h3", {}, oneLine(record.title, 60)),
      h("span", { class: "muted small" }, oneLine(record.subtitle, 80)),
      h("span", { class: "muted small totals" }, totals(record)),
    );
    const tools = toolbar({
      canOpen: record.nodes.some((node) => node.kind === "group"),
      choices: this.colouring.choices,
      onColour: (name) => this.colourBy(name),
      onOpenAll: (open) => void this.stage.setAll(open),
      onZoom: (factor) => this.stage.zoom(factor),
      onFit: () => this.stage.fitAll(),
      onSave: (kind) => void this.save(kind),
    }, signal);
    this.element.append(
      h("div", { class: "graph-head" }, title, h("div", { class: "row" }, this.finder.element, tools.element)),
    );
    if (record.error) this.element.append(h("p", { class: "notice bad", role: "alert" }, record.error));
    for (const finding of record.findings) {
      const kind = { good: "good", warning: "warning", bad: "bad" }[finding.level] ?? "";
      this.element.append(
        h("p", { class: `notice ${kind}` }, h("strong", {}, finding.title), ` ${finding.text}`),
      );
    }
    if (record.nodes.length === 0) {
      this.element.append(h("p", { class: "muted waiting" }, "This graph has no operations."));
    } else this.element.append(this.film.element, h("div", { class: "graph-body" }, area, this.pane), this.status);
    this.film.onStep = () => this.colourBy(this.colouring.name);
    // Two models beside each other: what differs is what one wants to see.
    const wanted = this.kept?.measure ?? this.film.measures[0]?.name ?? "change";
    if (this.colouring.choices.some(({ name }) => name === wanted)) {
      tools.choose(wanted);
      this.colourBy(wanted);
    }
  }

  /** Show what the run has come to since; false where the picture must be made anew for it. */
  follow(frames: FlowFrames): boolean {
    return this.record.frames !== null && this.film.update(frames);
  }

  private listen(signal: AbortSignal): void {
    let timer = 0;
    listenTo(this.stage, {
      onHover: (node, event) => this.hover(node, event),
      onKey: (event) => this.key(event),
      onWheelPassed: () => {
        setText(this.hint, "Click the graph, or hold Ctrl, to zoom with the wheel");
        this.hint.classList.add("on");
        clearTimeout(timer);
        timer = window.setTimeout(() => this.hint.classList.remove("on"), 1200);
      },
    }, signal);
    this.frame.theme.onChange(() => {
      this.palette = paletteOf(this.frame.theme);
      this.stage.palette = this.palette;
      this.colouring.explain(this.palette);
      this.minimap.redraw(this.stage);
      this.stage.draw();
      this.describe(this.stage.selected);
    }, signal);
    // Whoever shows this view inside another one says so which node it talks of.
    on(this.frame.element, "nbdl-go" as "input", (event) => {
      const { detail } = event as unknown as CustomEvent<string>;
      const node = this.record.nodes.findIndex(({ id }) => id === detail);
      if (node >= 0 && node !== this.stage.selected) void this.stage.goTo(node);
    }, signal);
    on(this.pane, "keydown", (event) => {
      if (event.key === "Escape") this.close();
    }, signal);
  }

  async start(): Promise<void> {
    const { nodes } = this.record;
    if (nodes.length === 0) return;
    const open = this.kept && Uint8Array.from(nodes, (node) => Number(this.kept!.open.has(node.id)));
    await this.stage.start(open ?? undefined);
    const failed = nodes.findIndex((node) => node.status === "failed");
    const selected = failed >= 0 ? failed : nodes.findIndex((node) => node.id === this.kept?.selected);
    if (selected >= 0) await this.stage.goTo(selected);
  }

  keep(): Kept {
    const { nodes } = this.record;
    const { scene, selected } = this.stage;
    return {
      open: new Set(nodes.filter((_, index) => scene.open[index]).map((node) => node.id)),
      selected: nodes[selected]?.id ?? "",
      measure: this.colouring.name,
    };
  }

  // ----- colours ---------------------------------------------------------------------------

  private colourBy(name: string): void {
    this.colouring.choose(name, this.palette);
    this.film.offer(this.colouring.measure);
    this.minimap.redraw(this.stage);
    this.stage.draw();
  }

  // ----- what the person does --------------------------------------------------------------

  private show(found: number[] | null): void {
    // What is hidden in a closed group is found there: the group lights up.
    this.stage.found = found && new Set([...found, ...found.map((node) => this.stage.scene.shown(node))]);
    this.stage.draw();
  }

  private selected(node: number): void {
    this.tell();
    this.tooltip.hide();
    this.describe(node);
    const detail = this.record.nodes[node]?.id ?? "";
    this.frame.element.dispatchEvent(new CustomEvent("nbdl-select", { detail }));
  }

  /** The pane: the selected node, or the whole graph. */
  private describe(node: number): void {
    const go = (other: number) => void this.stage.goTo(other);
    this.pane.classList.toggle("overview", node < 0);
    if (node < 0) {
      this.pane.replaceChildren(overviewOf(this.record, this.palette, go));
      return;
    }
    const close = h("button", { class: "button quiet close", type: "button", "aria-label": "Close" }, "×");
    close.addEventListener("click", () => this.close());
    const doors: Doors = {
      go,
      trail: (direction) => ({ count: this.stage.trail(direction).count, shown: this.stage.followed.has(direction) }),
      follow: (direction) => this.stage.follow(direction),
    };
    this.pane.replaceChildren(close, detailsOf(this.record, node, this.palette, doors));
  }

  private close(): void {
    this.stage.select(-1);
    this.stage.element.focus({ preventScroll: true });
  }

  private changed(): void {
    this.minimap.redraw(this.stage);
    this.tell();
  }

  /** Keep the tree for screen readers, and the list of what is found, beside the picture. */
  private tell(): void {
    this.outline.update(this.stage.scene, this.stage.selected);
    const { selected } = this.stage;
    if (selected >= 0) setText(this.status, describe(this.record.nodes[selected]!));
  }

  private key(event: KeyboardEvent): void {
    const find = event.key === "/" || ((event.ctrlKey || event.metaKey) && event.key === "f");
    if (find) {
      event.preventDefault();
      event.stopPropagation();
      this.finder.field.focus();
      this.finder.field.select();
    } else if ((event.key === "u" || event.key === "d") && this.stage.selected >= 0 && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.stage.follow(event.key === "u" ? "up" : "down");
    } else if (event.key === "Escape" && this.stage.selected >= 0) {
      event.preventDefault();
      this.stage.select(-1);
    }
  }

  private hover(node: number, event: PointerEvent): void {
    const known = node === this.stage.selected; // the pane tells it
    if (node < 0 || known || event.pointerType === "touch" || this.stage.scene.open[node]) {
      this.tooltip.hide();
      return;
    }
    const it = this.record.nodes[node]!;
    const words = wordsOf(it);
    const rows: [string, string][] = it.outputs.map((spec) => ["output", shapeText(spec.shape)]);
    if (it.params) rows.push(["parameters", formatCount(it.params)]);
    if (it.flops) rows.push(["FLOPs", formatCount(it.flops)]);
    const { measure } = this.colouring;
    const value = measure?.of(it);
    if (measure && value !== null && value !== undefined) rows.push([measure.label, measure.text(value)]);
    if (it.source) rows.push(["source", `${oneLine(it.source.file, 40)}, line ${it.source.line}`]);
    const title = [words.title, words.name].filter(Boolean).join(" · ");
    this.tooltip.show(event.clientX, event.clientY, ...facts(title, rows));
  }

  private async save(kind: "svg" | "png"): Promise<void> {
    const name = `${this.record.title}.${kind}`;
    if (kind === "svg") save(new Blob([svgText(this.stage)], { type: "image/svg+xml" }), name);
    else {
      const blob = await pngBlob(this.stage);
      if (blob) save(blob, name);
    }
  }
}
