// From points to what is drawn: smoothing, thinning to the width of the screen, and what goes into
// which chart.

export interface Points {
  steps: ArrayLike<number>;
  values: ArrayLike<number>;
}

/** Exponential moving average without the start-up bias (as TensorBoard's): weight 0 is the raw
 *  curve. NaN and infinities pass through and are not averaged in. */
export function smooth(values: ArrayLike<number>, weight: number): Float64Array {
  const out = new Float64Array(values.length);
  let mean = 0;
  let seen = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) {
      out[i] = value;
      continue;
    }
    mean = weight * mean + (1 - weight) * value;
    seen++;
    out[i] = weight === 0 ? value : mean / (1 - weight ** seen);
  }
  return out;
}

/** The first index whose step is at least `step`. */
export function indexAt(steps: ArrayLike<number>, step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** At most about 2·`columns` points: of each column its least and its greatest, so no spike is
 *  lost. Only points from `from` to `to` (one beyond on each side, so lines reach the edge). */
export function thin(points: Points, columns: number, from = -Infinity, to = Infinity): Points {
  const { steps, values } = points;
  const first = Math.max(0, indexAt(steps, from) - 1);
  const last = Math.min(steps.length, indexAt(steps, to) + 1);
  const count = last - first;
  const [xs, ys]: [number[], number[]] = [[], []];
  const size = count <= 2 * columns ? 1 : count / columns;
  const push = (index: number) => {
    xs.push(steps[index]!);
    ys.push(values[index]!);
  };
  if (size === 1) {
    for (let i = first; i < last; i++) push(i);
    return { steps: xs, values: ys };
  }
  for (let column = 0; column < columns; column++) {
    const start = first + Math.floor(column * size);
    const end = Math.min(last, first + Math.floor((column + 1) * size));
    let [low, high] = [start, start];
    for (let i = start + 1; i < end; i++) {
      if (values[i]! < values[low]! || Number.isNaN(values[low]!)) low = i;
      if (values[i]! > values[high]! || Number.isNaN(values[high]!)) high = i;
    }
    push(Math.min(low, high));
    if (low !== high) push(Math.max(low, high));
  }
  return { steps: xs, values: ys };
}

/** A quantity that was set, not measured: it holds its value until the next point, and to the end. */
export function hold({ steps, values }: Points, end: number): Points {
  const [xs, ys]: [number[], number[]] = [[], []];
  for (let i = 0; i < steps.length; i++) {
    xs.push(steps[i]!, Math.max(steps[i]!, (steps[i + 1] ?? end + 1) - 1));
    ys.push(values[i]!, values[i]!);
  }
  return { steps: xs, values: ys };
}

/** The index of the step nearest to `step`; −1 where there is none. */
export function nearest(steps: ArrayLike<number>, step: number): number {
  const index = indexAt(steps, step);
  if (index === steps.length) return steps.length - 1;
  return index > 0 && step - steps[index - 1]! < steps[index]! - step ? index - 1 : index;
}

/** The names that share a chart: loss with val_loss. First losses, then other metrics as they came,
 *  last what is about the machine or the schedule. */
export function group(names: readonly string[]): { title: string; names: string[] }[] {
  const charts = new Map<string, string[]>();
  for (const name of names) {
    const title = name.replace(/^(val|train)_/, "");
    charts.set(title, [...(charts.get(title) ?? []), name]);
  }
  const rank = (title: string) => {
    if (title === "loss") return 0;
    if (title.includes("loss")) return 1;
    return isSecondary(title) ? 3 : 2;
  };
  return [...charts]
    .map(([title, members]) => ({ title, names: members.sort((a, b) => order(a) - order(b)) }))
    .sort((a, b) => rank(a.title) - rank(b.title));
}

/** Whether a series says more than its last value: a constant learning rate does not. */
export function isWorthAChart(name: string, length: number): boolean {
  return length > (isSecondary(name) ? 1 : 0);
}

function order(name: string): number {
  return name.startsWith("val_") ? 1 : 0;
}

/** Whether a chart is about the machine or the schedule rather than about learning. */
export function isSecondary(title: string): boolean {
  return ["lr", "throughput", "memory", "gpu_memory", "time"].includes(title);
}
