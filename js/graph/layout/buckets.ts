// Lists of many elements in two arrays: a list of its own for each would keep the collector busy.

/** The items of bucket b are `items[start[b]]` to `items[start[b + 1] - 1]`, in the order given. */
export interface Buckets {
  start: Int32Array;
  items: Int32Array;
}

/** Put each of `items` (left out: 0, 1, 2 ...) into the bucket that `keys` has for it. */
export function fillBuckets(keys: ArrayLike<number>, count: number, items?: number[]): Buckets {
  const total = items === undefined ? keys.length : items.length;
  const start = new Int32Array(count + 1);
  for (let i = 0; i < total; i++) start[keys[items === undefined ? i : items[i]!]! + 1]!++;
  for (let b = 0; b < count; b++) start[b + 1]! += start[b]!;
  const next = start.slice();
  const sorted = new Int32Array(total);
  for (let i = 0; i < total; i++) {
    const item = items === undefined ? i : items[i]!;
    sorted[next[keys[item]!]!++] = item;
  }
  return { start, items: sorted };
}

/** What is in one bucket. */
export function listOf({ start, items }: Buckets, bucket: number): number[] {
  const from = start[bucket]!;
  const end = start[bucket + 1]!;
  return end - from === 1 ? [items[from]!] : Array.from(items.subarray(from, end));
}

/** So many lists without anything in them, to grow by `append` alone: they are one and the same list. */
export function emptyLists<T>(count: number): T[][] {
  return new Array<T[]>(count).fill([]);
}

/** Put an item at the end of a list. Most lists get one, for which `push` would make room for 17. */
export function append<T>(lists: T[][], index: number, item: T): void {
  const list = lists[index]!;
  if (list.length === 0) lists[index] = [item];
  else list.push(item);
}
