// Numbers in words short enough for a chart, a tile or a tooltip.

const MINUS = "−";

/** A number in at most `digits` significant digits: 0.0312, 1,204, 3.1e−8, NaN, ∞. */
export function formatNumber(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  const sign = value < 0 ? MINUS : "";
  if (size < 1e-3 || size >= 1e7) {
    const [mantissa, exponent] = size.toExponential(Math.max(0, digits - 2)).split("e");
    const short = mantissa!.includes(".") ? mantissa!.replace(/\.?0+$/, "") : mantissa!;
    return `${sign}${short}e${exponent!.replace("+", "").replace("-", MINUS)}`;
  }
  if (size >= 1000) return sign + grouped(Math.round(size));
  const fixed = size.toPrecision(digits);
  return sign + (fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed);
}

/** Digits in groups of three: 1,234,567. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** A count with a letter: 950, 12.3k, 4.5M. */
export function formatCount(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    // From 999.5 up three digits would round to the next unit.
    if (size >= unit * 0.9995) return formatNumber(value / unit, digits) + letter;
  }
  return formatNumber(value, digits);
}

/** A number of bytes: 512 B, 1.5 kB, 3 MB. */
export function formatBytes(value: number): string {
  for (const [unit, letter] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]] as const) {
    if (value >= unit * 0.9995) return `${formatNumber(value / unit, 3)} ${letter}`;
  }
  return `${Math.round(value)} B`;
}

/** A short time: 12 µs, 3.4 ms, 1.2 s. */
export function formatSeconds(value: number): string {
  for (const [unit, letter] of [[1, "s"], [1e-3, "ms"]] as const) {
    if (value >= unit * 0.9995) return `${formatNumber(value / unit, 3)} ${letter}`;
  }
  return `${formatNumber(value * 1e6, 3)} µs`;
}

/** A time span: 0.4 s, 12 s, 3:07, 1:02:30. */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A part of a whole: 97.3 %. */
export function formatPercent(part: number | null | undefined): string {
  if (part === null || part === undefined || !Number.isFinite(part)) return "–";
  return `${(100 * part).toFixed(part === 1 || part === 0 ? 0 : 1)} %`;
}

/** The time of day of a Unix time: 14:03:22. */
export function formatClock(unix: number): string {
  return new Date(unix * 1000).toTimeString().slice(0, 8);
}

/** A text cut in the middle, so that both ends of a dotted path stay readable. */
export function shorten(text: string, length: number): string {
  const letters = [...text];
  if (letters.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${letters.slice(0, head).join("")}…${letters.slice(letters.length - (length - 1 - head)).join("")}`;
}
