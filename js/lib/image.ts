// A picture out of bytes.

import { h } from "./dom";
import type { Numbers } from "./records";

/** A canvas with the pixels of `image` (height, width, 1 or 3), said to be `words`. */
export function picture(image: Numbers<Uint8Array>, words: string): HTMLCanvasElement {
  const [height = 1, width = 1, channels = 1] = image.shape;
  const canvas = h("canvas", { width, height, role: "img", "aria-label": words });
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const pixels = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    for (let channel = 0; channel < 3; channel++) {
      pixels.data[4 * at + channel] = image.data[at * channels + Math.min(channel, channels - 1)]!;
    }
    pixels.data[4 * at + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
