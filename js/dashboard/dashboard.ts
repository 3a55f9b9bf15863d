// The training dashboard: head, then tabs of curves, gradient flow, results and messages.

import { h, on, setText } from "../lib/dom";
import { formatClock, formatNumber } from "../lib/format";
import type { Frame, View } from "../lib/frame";
import { GradientMap } from "../lib/gradient_map";
import type { Port } from "../lib/port";
import type { DashboardRecord } from "../lib/records";
import { redrawer } from "../lib/redraw";
import { decode } from "../lib/wire";
import { Chart, type ChartHost } from "./chart";
import { Compare } from "./compare";
import { Controls } from "./controls";
import { group, isWorthAChart } from "./curves";
import css from "./dashboard.css";
import { Header } from "./header";
import { confusionTable, sampleCards } from "./results";
import { Timeline } from "./past";
import { Store } from "./store";
import { Tabs } from "./tabs";

const REST_MS = 120;

export const dashboard: View = (frame, port, signal) => {
  frame.style(css);
  begin(frame, port, signal);
};

/** Show the run that the first record is of. When one of another run comes, as the trials of a sweep
 * do, all begins anew. */
function begin(frame: Frame, port: Port, signal: AbortSignal, first?: DashboardRecord): void {
  const ending = new AbortController();
  signal.addEventListener("abort", () => ending.abort(), { signal: ending.signal });
  const another = (record: DashboardRecord) => {
    ending.abort();
    begin(frame, port, signal, record);
  };
  const shown = new Dashboard(frame, port, ending.signal, another);
  if (first) shown.take(first);
}

class Dashboard {
  private readonly store = new Store();
  private readonly controls: Controls;
  private readonly header: Header;
  private readonly grid = h("div", { class: "charts" });
  private readonly results = h("div", {});
  private readonly samples = h("div", {});
  private readonly log = h("ol", { class: "log", tabindex: 0, "aria-live": "polite", "aria-label": "Messages" });
  private readonly gradients: GradientMap;
  private readonly tabs: Tabs;
  private readonly past: Timeline;
  private readonly compare: Compare;
  private readonly zoomed = h("button", { class: "button quiet", type: "button", hidden: true });
  private readonly host: ChartHost;
  private readonly redraw: () => void;
  private charts: Chart[] = [];
  private heardAt = 0;
  private asking = 0;
  private resting: ReturnType<typeof setTimeout> | undefined;
  private shownResults: unknown;
  private shownSamples: unknown;

  constructor(
    private readonly frame: Frame,
    private readonly port: Port,
    private readonly signal: AbortSignal,
    private readonly another: (record: DashboardRecord) => void,
  ) {
    const soon = () => this.redraw?.();
    this.controls = new Controls(
      (command, id, value) => port.send({ type: "command", command, id, value: value ?? null }),
      soon,
      signal,
    );
    this.controls.rate.inert = Boolean(port.saved);
    this.header = new Header(this.controls);
    this.gradients = new GradientMap(frame, this.store.flow, signal);
    this.host = {
      theme: frame.theme,
      settings: { smoothing: 0.6, log: false, window: undefined },
      lastStep: () => this.store.lastStep,
      detail: (name) => this.store.detail(name, this.host.settings.window),
      other: (name) => this.compare.of(name),
      marks: () => this.store.log.filter(({ step }) => step !== null),
      hover: (step) => this.charts.forEach((chart) => chart.point(step ?? this.past.step)),
      choose: (window) => this.zoom(window),
      signal,
    };
    this.compare = new Compare(() => {
      this.ask({});
      this.redraw();
    }, signal);
    this.past = new Timeline({
      mark: (step) => this.host.hover(step),
      ask: (step) => this.askSoon({ at: step }, () => this.past.step === step),
      signal,
    });
    const pages = [
      { name: "curves", title: "Curves", element: h("div", { class: "curves" }, this.past.element, this.grid) },
      { name: "gradients", title: "Gradient flow", element: this.gradients.element },
      { name: "confusion", title: "Confusion", element: this.results },
      { name: "samples", title: "Predictions", element: this.samples },
      { name: "log", title: "Messages", element: h("div", {}, this.log) },
    ];
    this.tabs = new Tabs(pages, this.tools(), soon, signal);
    const body = h("div", { class: "body" }, ...pages.map(({ element }) => element));
    const parts = [this.header.element, this.tabs.element, body];
    const panel = h("section", { class: "dashboard panel", "aria-label": "Training" }, ...parts);
    frame.element.append(panel);
    signal.addEventListener("abort", () => panel.remove());
    this.redraw = redrawer(body, signal, (width) => this.draw(width));
    this.follow();
  }

  private follow(): void {
    const { port, signal } = this;
    port.listen((message, buffers) => {
      if (message.type === "record") this.take(decode(message["record"], buffers));
      else if (message.type === "heard") this.controls.heard(Number(message["id"]));
      else if (message.type === "refused") this.refused(message);
    }, signal);
    this.frame.theme.onChange(() => {
      this.shownResults = undefined;
      this.redraw();
    }, signal);
    const clock = setInterval(() => this.drawHead(), 1000);
    signal.addEventListener("abort", () => clearInterval(clock));
    this.hello();
  }

  private hello(): void {
    if (Date.now() - this.asking < 500) return; // an answer is on its way
    this.asking = Date.now();
    this.ask({});
  }

  /** Ask for what is new, and for `more`. */
  private ask(more: Record<string, unknown>): void {
    this.port.send({ type: "hello", have: this.store.have({ compare: this.compare.wanted, ...more }) });
  }

  /** Ask for `more` once nothing else was asked for a moment, if it is still wanted then. */
  private askSoon(more: Record<string, unknown>, isWanted: () => boolean): void {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => isWanted() && this.ask(more), REST_MS);
    this.signal.addEventListener("abort", () => clearTimeout(this.resting), { once: true });
  }

  take(record: DashboardRecord): void {
    const run = this.store.record?.state.id ?? record.state.id;
    if (record.state.id !== run) return this.another(record);
    this.heardAt = performance.now();
    if (!this.store.merge(record)) this.hello();
    if (record.others) this.compare.take(record.others);
    this.controls.update(record.state);
    this.redraw();
  }

  private refused(message: Record<string, unknown>): void {
    this.controls.refused(Number(message["id"]));
    const { record } = this.store;
    if (record) {
      const state = { ...record.state, message: String(message["text"]) };
      this.store.record = { ...record, state };
    }
    this.redraw();
  }

  private tools(): HTMLElement {
    const { settings } = this.host;
    const said = h("output", { class: "tool-value" }, formatNumber(settings.smoothing));
    const slider = h("input", { type: "range", min: 0, max: 0.99, step: 0.01, "aria-label": "Smoothing" });
    slider.value = String(settings.smoothing);
    const log = h("button", { class: "button quiet", type: "button", "aria-pressed": "false" }, "log");
    log.title = "Logarithmic vertical axis";
    on(slider, "input", () => {
      settings.smoothing = Number(slider.value);
      setText(said, formatNumber(settings.smoothing, 2));
      this.redraw();
    }, this.signal);
    on(log, "click", () => {
      settings.log = !settings.log;
      log.setAttribute("aria-pressed", String(settings.log));
      this.redraw();
    }, this.signal);
    this.zoomed.append("show all steps");
    on(this.zoomed, "click", () => this.zoom(undefined), this.signal);
    const label = h("label", { class: "row small muted" }, "smoothing", slider, said);
    return h("div", { class: "row tools" }, this.zoomed, this.compare.element, label, log);
  }

  private zoom(window: readonly [number, number] | undefined): void {
    this.host.settings.window = window;
    this.zoomed.hidden = window === undefined;
    if (window && this.store.isThinned) {
      this.askSoon({ window: [...window] }, () => this.host.settings.window === window);
    }
    this.redraw();
  }

  private drawHead(): void {
    const heardAt = this.port.saved ? performance.now() : this.heardAt; // no clock runs on a saved page
    if (this.store.record) this.header.draw(this.store.record.state, heardAt);
  }

  private draw(width: number): boolean {
    const { record } = this.store;
    if (!record) return false;
    this.drawHead();
    this.tabs.offer("gradients", this.store.flow.gradients.steps.length > 0);
    this.tabs.offer("confusion", record.confusion !== null);
    this.tabs.offer("samples", (record.samples?.length ?? 0) > 0);
    this.tabs.offer("log", this.store.log.length > 0);
    this.frame.element.dataset["tab"] = this.tabs.current;
    if (this.tabs.current === "curves") {
      this.past.draw(record.state, record.past);
      this.drawCharts(width);
    }
    if (this.tabs.current === "gradients") this.gradients.draw(width - 32, record.findings ?? []);
    if (this.tabs.current === "confusion") this.drawResults(record);
    if (this.tabs.current === "samples") this.drawSamples(record);
    if (this.tabs.current === "log") this.drawLog();
    return true;
  }

  private drawCharts(width: number): void {
    const worthy = [...this.store.series].filter(([name, { length }]) => isWorthAChart(name, length));
    const groups = group(worthy.map(([name]) => name));
    const same = groups.length === this.charts.length;
    if (!same || groups.some(({ names }, at) => !this.charts[at]!.shows(names))) this.arrange(groups);
    if (width > 0) for (const chart of this.charts) chart.draw(chart.element.clientWidth);
  }

  /** Charts for these groups of series. One that is there stays where a person may be pointing. */
  private arrange(groups: readonly { title: string; names: string[] }[]): void {
    const before = this.charts;
    this.charts = groups.map(({ title, names }) => {
      const series = names.map((name) => ({ name, series: this.store.series.get(name)! }));
      return before.find((chart) => chart.shows(names)) ?? new Chart(title, series, this.host);
    });
    for (const { element } of before.filter((chart) => !this.charts.includes(chart))) element.remove();
    this.charts.forEach(({ element }, at) => {
      const there = this.grid.children[at] ?? null;
      if (there !== element) this.grid.insertBefore(element, there);
    });
    // Two beside each other; where one of a kind is left over, it takes the whole width.
    for (const small of [false, true]) {
      const kind = this.charts.filter((chart) => chart.small === small);
      kind.forEach(({ element }, at) => {
        element.classList.toggle("is-wide", at === kind.length - 1 && at % 2 === 0);
      });
    }
  }

  private drawResults(record: DashboardRecord): void {
    if (!record.confusion || this.shownResults === record.confusion) return;
    this.shownResults = record.confusion;
    this.results.replaceChildren(confusionTable(record.confusion, this.frame.theme.dark));
  }

  private drawSamples(record: DashboardRecord): void {
    if (!record.samples || this.shownSamples === record.samples) return;
    this.shownSamples = record.samples;
    this.samples.replaceChildren(sampleCards(record.samples));
  }

  private drawLog(): void {
    const { log } = this.store;
    for (const line of log.slice(this.log.childElementCount)) {
      const time = h("time", { class: "muted mono" }, formatClock(line.time));
      this.log.append(h("li", { class: line.kind }, time, h("span", {}, line.text)));
    }
  }
}
