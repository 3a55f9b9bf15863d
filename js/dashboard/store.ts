// What the dashboard has heard so far, and what it would tell Python it has.

import type { DashboardRecord, LogLine } from "../lib/records";
import type { Points } from "./curves";
import { Flow } from "../lib/flow";
import { Series } from "../lib/rows";

/** All that one dashboard knows. */
export class Store {
  record: DashboardRecord | undefined;
  readonly series = new Map<string, Series>();
  readonly flow = new Flow();
  readonly log: LogLine[] = [];

  /** The greatest step of any series. */
  get lastStep(): number {
    return Math.max(1, ...[...this.series.values()].map(({ steps }) => steps.at(-1) ?? 0));
  }

  /** Points of a series in these steps as Python gave them for just these, or undefined. */
  detail(name: string, window: readonly [number, number] | undefined): Points | undefined {
    const { detail } = this.record ?? {};
    if (!detail || !window || detail.low !== window[0] || detail.high !== window[1]) return undefined;
    const part = detail.series.find((each) => each.name === name);
    return part && { steps: part.steps.data, values: part.values.data };
  }

  /** Whether some series came thinned: there is more to see of a part of it. */
  get isThinned(): boolean {
    return [...this.series.values()].some(({ length, end }) => length < end);
  }

  /** What to tell Python when asking for the rest, and for `more`. */
  have(more: Record<string, unknown> = {}): Record<string, unknown> {
    const series = Object.fromEntries([...this.series].map(([name, { end }]) => [name, end]));
    const samples = this.record?.samples_end ?? 0;
    return { series, ...this.flow.have(), log: this.log.length, samples, ...more };
  }

  /** Take in a message; false when something between is missing. */
  merge(record: DashboardRecord): boolean {
    const before = this.record;
    this.record = {
      ...record,
      findings: record.findings ?? before?.findings ?? null,
      confusion: record.confusion ?? before?.confusion ?? null,
      samples: record.samples ?? before?.samples ?? null,
      past: record.past ?? before?.past ?? null,
      detail: record.detail ?? before?.detail ?? null,
    };
    let whole = true;
    for (const part of record.series) {
      const series = this.series.get(part.name) ?? new Series();
      this.series.set(part.name, series);
      whole = series.merge(part) && whole;
    }
    whole = this.flow.merge(record) && whole;
    if (record.log_start > this.log.length) return false;
    this.log.push(...record.log.slice(this.log.length - record.log_start));
    return whole;
  }
}
