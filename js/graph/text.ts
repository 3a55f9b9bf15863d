// How wide text is and how it is cut. Estimated by the same table as in Python
// (nbdl/inspection/layout/words.py), so that the live view and the static picture agree.

// Advance widths of a plain sans-serif in thousandths of the size, from the space to the tilde.
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556,
  556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778,
  722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278,
  278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
  556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

const BOLD = 1.12;

/** Some hosts' fonts are wider than that table's: what is planned must hold theirs as well. */
const AMPLE = 1.06;

/** Estimated width of `text` in pixels at `size` pixels. */
export function textWidth(text: string, size: number, bold = false): number {
  let sum = 0;
  for (const letter of text) sum += letterWidth(letter.codePointAt(0)!);
  return (sum * size * AMPLE * (bold ? BOLD : 1)) / 1000;
}

function letterWidth(code: number): number {
  if (code >= 32 && code < 127) return WIDTHS[code - 32]!;
  return code < 0x1100 ? 584 : 1000;
}

/** The text on one line without control characters, cut in the middle to `limit` characters. */
export function oneLine(text: string, limit: number): string {
  // Directions are marked by the drawing, never by the text: a label must not turn its neighbours.
  // eslint-disable-next-line no-control-regex
  const plain = text.slice(0, 4 * limit).replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, " ");
  const letters = [...plain];
  if (letters.length <= limit && text.length <= 4 * limit) return plain;
  const head = Math.ceil((limit - 1) / 2);
  const tail = [...oneLineTail(text, limit - 1 - head)];
  return letters.slice(0, head).join("") + "…" + tail.join("");
}

function oneLineTail(text: string, count: number): string {
  // eslint-disable-next-line no-control-regex
  const plain = text.slice(-2 * count - 2).replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, " ");
  return [...plain].slice(-count).join("");
}

/** A shape as one writes it: 32×64×8×8, or 'scalar'. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? "scalar" : shape.join("×");
}
