// Asks the worker for layouts. Only the newest question counts: an older one still being worked on
// is given up together with its worker. Where a host allows no worker, the page itself does it.

import type { Shapes } from "./graph";
import type { Answer, Request } from "./layout.worker";
import code from "./layout.worker.ts?worker";

type Answering = (request: Request) => Answer;

export class LayoutClient {
  private worker: Worker | null = null;
  private hasGraph = false;
  private busy: ((answer: Answer | null) => void) | null = null;
  private noWorkers = typeof Worker === "undefined";

  constructor(
    private readonly shapes: Shapes,
    signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => this.stop());
  }

  /** Positions for the open groups, or null when a newer question came before the answer. */
  ask(request: Omit<Request, "shapes">): Promise<Answer | null> {
    if (this.busy) this.stop();
    const worker = this.start();
    if (!worker) return this.here(request);
    return new Promise((resolve) => {
      this.busy = resolve;
      worker.onmessage = (event: MessageEvent<Answer>) => this.done(event.data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.noWorkers = true;
        void this.here(request).then((answer) => this.done(answer));
      };
      worker.postMessage(this.hasGraph ? request : { ...request, shapes: this.shapes });
      this.hasGraph = true;
    });
  }

  private done(answer: Answer): void {
    const resolve = this.busy;
    this.busy = null;
    resolve?.(answer);
  }

  /** The same code in this page: it is text, so that the bundle carries it once. */
  private async here(request: Request): Promise<Answer> {
    const url = textUrl();
    try {
      await import(/* @vite-ignore */ url);
    } finally {
      URL.revokeObjectURL(url);
    }
    const page = globalThis as unknown as { nbdlLayout: Answering };
    return page.nbdlLayout({ ...request, shapes: this.shapes });
  }

  private start(): Worker | null {
    if (this.worker || this.noWorkers) return this.noWorkers ? null : this.worker;
    try {
      const url = textUrl();
      this.worker = new Worker(url);
      // The worker reads its code after this turn; the address can go once it has surely started.
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch {
      this.noWorkers = true;
    }
    this.hasGraph = false;
    return this.worker;
  }

  private stop(): void {
    this.worker?.terminate();
    this.worker = null;
    const resolve = this.busy;
    this.busy = null;
    resolve?.(null);
  }
}

function textUrl(): string {
  return URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
}
