// From numbers to places on an axis, and the round numbers that are written there.

import { formatCount, formatNumber } from "./format";

export interface Axis {
  /** The ends, as numbers. */
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
  /** Only whole numbers have a meaning here: steps. */
  readonly whole?: boolean;
}

/** Where a value lies: 0 at the low end, 1 at the high end. NaN where it has no place. */
export function placeOn(axis: Axis, value: number): number {
  if (!axis.log) return (value - axis.low) / (axis.high - axis.low);
  if (value <= 0) return NaN;
  return Math.log(value / axis.low) / Math.log(axis.high / axis.low);
}

/** The value at a place, the inverse of `placeOn`. */
export function valueOn(axis: Axis, place: number): number {
  if (axis.log) return axis.low * (axis.high / axis.low) ** place;
  return axis.low + place * (axis.high - axis.low);
}

/** About `count` round numbers between the ends. */
export function ticksOf(axis: Axis, count: number): number[] {
  const { low, high, log, whole = false } = axis;
  if (!(high > low)) return [low];
  if (log) {
    const powers = logTicks(low, high, count);
    if (powers.length >= 2) return powers;
  }
  const ticks = linearTicks(low, high, count, whole);
  return ticks.length >= 2 ? ticks : linearTicks(low, high, 2 * count, whole);
}

/** Ticks as texts with as many digits as tell them apart: 2.25, 2.275, 2.3. */
export function tickTexts(ticks: readonly number[]): string[] {
  const exact = (digits: number) =>
    ticks.every((tick) => Math.abs(Number(tick.toPrecision(digits)) - tick) <= 1e-9 * Math.abs(tick));
  const digits = [3, 4, 5, 6, 7].find(exact) ?? 8;
  return ticks.map((tick) => {
    const size = Math.abs(tick);
    if (size >= 1e4) return formatCount(tick, digits);
    return formatNumber(tick, size < 1e-3 ? digits + 1 : digits);
  });
}

/** The round distance between about `count` ticks over a span. */
export function spacing(span: number, count: number, whole: boolean): number {
  const rough = span / Math.max(1, count);
  const natural = 10 ** Math.floor(Math.log10(rough));
  const power = whole ? Math.max(1, natural) : natural;
  const marks = whole && power < 10 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  return marks.map((mark) => mark * power).find((distance) => distance >= rough) ?? rough;
}

function linearTicks(low: number, high: number, count: number, whole: boolean): number[] {
  const step = spacing(high - low, count, whole);
  const ticks: number[] = [];
  for (let n = Math.ceil(low / step - 1e-9); n <= high / step + 1e-9; n++) {
    ticks.push(Number((n * step).toPrecision(12)));
  }
  return ticks;
}

function logTicks(low: number, high: number, count: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const inside = (value: number) => value >= low * 0.999 && value <= high * 1.001;
  for (const marks of [[1, 2, 5], [1, 3], [1]]) {
    const ticks: number[] = [];
    for (let power = first; power <= last; power++) {
      ticks.push(...marks.map((mark) => mark * 10 ** power).filter(inside));
    }
    if (ticks.length <= count + 2) return ticks;
  }
  const every = Math.ceil((last - first) / count);
  const powers = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  return powers.filter((power) => (power - first) % every === 0).map((power) => 10 ** power);
}

/** The axis for values between two: a little margin, and not below zero without need. */
export function axisFor(low: number, high: number, log: boolean): Axis {
  if (!(low <= high)) return { low: log ? 0.1 : 0, high: 1, log };
  if (log) {
    const margin = Math.max(1.05, (high / low) ** 0.05);
    return { low: low / margin, high: high * margin, log };
  }
  const margin = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.5;
  return { low: low >= 0 ? Math.max(0, low - margin) : low - margin, high: high + margin, log };
}
