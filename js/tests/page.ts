// What jsdom lacks and views need: a width, canvases that note what is drawn, and a host's port.

import { vi } from "vitest";
import type { Buffers, Message, Port } from "../lib/port";

export interface Drawn {
  name: string;
  args: unknown[];
}

/** Give every element a width and every canvas a context; returns what is drawn. */
export function givePage(width = 800): Drawn[] {
  const drawn: Drawn[] = [];
  const context = new Proxy(
    {},
    {
      get: (target: Record<string, unknown>, name: string) => {
        if (name in target) return target[name];
        if (name === "measureText") return (text: string) => ({ width: 6 * text.length });
        if (name === "createImageData") {
          return (w: number, h: number) => ({ data: new Uint8ClampedArray(4 * w * h) });
        }
        return (...args: unknown[]) => drawn.push({ name, args });
      },
    },
  );
  const getContext = (() => context) as unknown as HTMLCanvasElement["getContext"];
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(getContext);
  vi.spyOn(Element.prototype, "clientWidth", "get").mockReturnValue(width);
  vi.stubGlobal("requestAnimationFrame", (call: () => void) => setTimeout(call, 0));
  return drawn;
}

/** A port whose other end is the test. */
export class TestPort implements Port {
  readonly sent: Message[] = [];
  private readonly hearers = new Set<(message: Message, buffers: Buffers) => void>();

  send(message: Message): void {
    this.sent.push(message);
  }
  listen(hear: (message: Message, buffers: Buffers) => void, signal: AbortSignal): void {
    this.hearers.add(hear);
    signal.addEventListener("abort", () => this.hearers.delete(hear));
  }
  /** As if Python had said it. */
  say(message: Message, buffers: DataView[] = []): void {
    this.hearers.forEach((hear) => hear(message, buffers));
  }
  get listeners(): number {
    return this.hearers.size;
  }
}

/** Packs numbers as records.py does: `array` gives the place-holder, `buffers` collects the bytes. */
export class Packer {
  readonly buffers: DataView[] = [];

  array(dtype: "float32" | "float64" | "uint8" | "int32", values: number[], shape = [values.length]): unknown {
    const kinds = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, int32: Int32Array };
    const typed = new kinds[dtype](values);
    // One byte of offset, as buffers inside a message may have.
    const bytes = new Uint8Array(typed.byteLength + 1);
    bytes.set(new Uint8Array(typed.buffer), 1);
    this.buffers.push(new DataView(bytes.buffer, 1));
    return { $array: this.buffers.length - 1, dtype, shape };
  }
}

/** Let timers of 0 ms and promises run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((done) => setTimeout(done, 2));
}
