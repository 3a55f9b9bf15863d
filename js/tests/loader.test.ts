import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import loader from "../loader/loader";

type Hear = (message: Record<string, unknown>, buffers: DataView[]) => void;

class Model {
  readonly ends = new Set<Hear>();
  readonly sent: unknown[] = [];
  readonly hearers = new Set<Hear>();
  constructor(private readonly values: Record<string, unknown>) {}
  get(name: string): unknown {
    return this.values[name];
  }
  send(content: unknown): void {
    this.sent.push(content);
  }
  on(event: string, hear: Hear): void {
    this.heard(event).add(hear);
  }
  off(event: string, hear: Hear): void {
    this.heard(event).delete(hear);
  }
  private heard(event: string): Set<Hear> {
    return event === "comm_live_update" ? this.ends : this.hearers;
  }
  say(message: Record<string, unknown>, buffers: DataView[] = []): void {
    [...this.hearers].forEach((hear) => hear(message, buffers));
  }
}

const CODE = `export function mount(name, el, port) {
  el.textContent = name + " " + port.twin;
  port.send({ type: "hello" });
  return () => { el.textContent = "gone"; };
}`;
const code = () => new DataView(new TextEncoder().encode(CODE).buffer as ArrayBuffer);
const model = (hash: string) => new Model({ bundle: hash, view: "dashboard", twin_id: "t1" });
const page = globalThis as { nbdlBundles?: unknown };

beforeEach(() => {
  // Node imports no Blob URLs: give the module as a data URL.
  vi.stubGlobal("Blob", class { constructor(readonly parts: DataView[]) {} });
  vi.stubGlobal("URL", {
    createObjectURL: (blob: { parts: DataView[] }) =>
      `data:text/javascript,${encodeURIComponent(new TextDecoder().decode(blob.parts[0]))}`,
  });
  vi.useFakeTimers({ toFake: ["setTimeout", "Date"] });
});

afterEach(() => {
  delete page.nbdlBundles;
  vi.unstubAllGlobals();
  vi.useRealTimers();
});


/** Let an import, which is real work, come to its end (timers are not real here). */
async function until(there: () => unknown, most = 20_000): Promise<void> {
  for (let turn = 0; turn < most && !there(); turn++) {
    await new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        done(undefined);
      };
      port2.postMessage(0);
    });
  }
}

/** Let come what may come, where nothing should. */
const rest = () => until(() => false, 40);

describe("the loader", () => {
  it("several widgets share one request, and all are drawn when the bundle comes", async () => {
    const models = [model("h1"), model("h1"), model("h1")];
    const places = models.map(() => document.createElement("div"));
    models.forEach((one, i) => loader.render({ model: one, el: places[i]! }));
    expect(models.map(({ sent }) => sent.length)).toEqual([1, 0, 0]);
    expect(models[0]!.sent[0]).toEqual({ type: "bundle", hash: "h1" });
    models[0]!.say({ type: "bundle", hash: "h1" }, [code()]);
    await until(() => places.every(({ textContent }) => textContent));
    expect(places.map(({ textContent }) => textContent)).toEqual(Array(3).fill("dashboard t1"));
  });

  it("a widget that comes later asks nothing", async () => {
    const first = model("h2");
    loader.render({ model: first, el: document.createElement("div") });
    first.say({ type: "bundle", hash: "h2" }, [code()]);
    await rest();
    const second = model("h2");
    const el = document.createElement("div");
    loader.render({ model: second, el });
    await until(() => el.textContent);
    expect(second.sent).toEqual([{ type: "hello" }]);
    expect(el.textContent).toBe("dashboard t1");
  });

  it("takes a bundle that was sent unasked to any widget, but not another version", async () => {
    const one = model("h3");
    const el = document.createElement("div");
    loader.render({ model: one, el });
    one.say({ type: "bundle", hash: "old" }, [code()]);
    await rest();
    expect(el.textContent).toBe("");
    one.say({ type: "bundle", hash: "h3" }, [code()]);
    await until(() => el.textContent);
    expect(el.textContent).toBe("dashboard t1");
  });

  it("asks again when nothing comes, and then says what is going on", () => {
    const one = model("h4");
    const el = document.createElement("div");
    loader.render({ model: one, el });
    vi.advanceTimersByTime(20_000);
    expect(one.sent.length).toBeGreaterThan(3);
    expect(one.sent.length).toBeLessThan(9);
    expect(el.textContent).toContain("waits for the kernel");
  });

  it("another widget goes on asking when the first is taken away", () => {
    const [first, second] = [model("h5"), model("h5")];
    const close = loader.render({ model: first, el: document.createElement("div") });
    loader.render({ model: second, el: document.createElement("div") });
    close();
    vi.advanceTimersByTime(5000);
    expect(first.sent.length).toBe(1);
    expect(second.sent.length).toBeGreaterThan(0);
  });

  it("a widget taken away before the bundle comes is not drawn; a drawn one is taken down", async () => {
    const [gone, kept] = [model("h6"), model("h6")];
    const places = [document.createElement("div"), document.createElement("div")];
    loader.render({ model: gone, el: places[0]! })();
    const close = loader.render({ model: kept, el: places[1]! });
    kept.say({ type: "bundle", hash: "h6" }, [code()]);
    await until(() => places[1]!.textContent);
    expect(places[0]!.textContent).toBe("");
    expect(places[1]!.textContent).toBe("dashboard t1");
    close();
    expect(places[1]!.textContent).toBe("gone");
    expect(kept.hearers.size).toBe(0);
  });

  it("says so when the bundle is broken", async () => {
    const one = model("h7");
    const el = document.createElement("div");
    loader.render({ model: one, el });
    const broken = new TextEncoder().encode("this is not javascript");
    one.say({ type: "bundle", hash: "h7" }, [new DataView(broken.buffer as ArrayBuffer)]);
    await until(() => el.textContent?.includes("could"));
    expect(el.textContent).toContain("could not start");
  });

  it("a view hears that the kernel has ended, until it is taken down", async () => {
    const one = model("h8");
    const el = document.createElement("div");
    const listening = `export function mount(name, el, port) {
      const life = new AbortController();
      port.onLost(() => { el.textContent = "lost"; }, life.signal);
      return () => life.abort();
    }`;
    const close = loader.render({ model: one, el });
    one.say({ type: "bundle", hash: "h8" }, [new DataView(new TextEncoder().encode(listening).buffer as ArrayBuffer)]);
    await until(() => one.ends.size);
    one.ends.forEach((hear) => hear({}, []));
    expect(el.textContent).toBe("lost");
    close();
    expect(one.ends.size).toBe(0);
  });
});
