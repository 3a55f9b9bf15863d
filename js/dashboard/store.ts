// What the dashboard has heard so far, and what it would tell Python it has.

import type { DashboardRecord, LogLine } from "../lib/records";
import { GradientRows, Series } from "../lib/rows";

/** All that one dashboard knows. */
export class Store {
  record: DashboardRecord | undefined;
  readonly series = new Map<string, Series>();
  readonly gradients = new GradientRows();
  readonly log: LogLine[] = [];

  /** The greatest step of any series. */
  get lastStep(): number {
    return Math.max(1, ...[...this.series.values()].map(({ steps }) => steps.at(-1) ?? 0));
  }

  /** What to tell Python when asking for the rest, and for the weights at an earlier step. */
  have(at?: number): Record<string, unknown> {
    const series = Object.fromEntries([...this.series].map(([name, { end }]) => [name, end]));
    const samples = this.record?.samples_end ?? 0;
    return { series, gradients: this.gradients.end, log: this.log.length, samples, ...(at === undefined ? {} : { at }) };
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
    };
    let whole = true;
    for (const part of record.series) {
      const series = this.series.get(part.name) ?? new Series();
      this.series.set(part.name, series);
      whole = series.merge(part) && whole;
    }
    if (record.gradients) whole = this.gradients.merge(record.gradients) && whole;
    if (record.log_start > this.log.length) return false;
    this.log.push(...record.log.slice(this.log.length - record.log_start));
    return whole;
  }
}
