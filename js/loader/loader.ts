// A widget's _esm: small, because hosts send it (and may save it) with every widget. It gets the
// bundle once a page: from the page if some widget already has it, else from Python, which also
// sends it unasked while a cell runs (a request would wait behind that cell).

interface Model {
  get(name: string): unknown;
  send(content: unknown): void;
  on(event: string, hear: Hear): void;
  off(event: string, hear: Hear): void;
}
type Hear = (message: Record<string, unknown>, buffers: DataView[]) => void;
type Mount = (name: string, el: HTMLElement, port: unknown) => () => void;
interface Slot {
  /** When the page last asked. */
  asked: number;
  ready: Promise<{ mount: Mount }>;
  /** Where the first copy that arrives goes. */
  take?: ((code: DataView) => void) | undefined;
}

function slotOf(hash: string): Slot {
  const page = globalThis as { nbdlBundles?: Record<string, Slot> };
  return ((page.nbdlBundles ??= {})[hash] ??= makeSlot());
}

function makeSlot(): Slot {
  const slot: Slot = { asked: 0, ready: undefined as never };
  slot.ready = new Promise((done) => {
    slot.take = (code) => {
      slot.take = undefined;
      const url = URL.createObjectURL(new Blob([code as BlobPart], { type: "text/javascript" }));
      done(import(url));
    };
  });
  return slot;
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const hash = String(model.get("bundle"));
  const slot = slotOf(hash);
  let gone = false;
  let stop = () => {};
  let tries = 0;

  const hear: Hear = (message, buffers) => {
    if (message["type"] === "bundle" && message["hash"] === hash) slot.take?.(buffers[0]!);
  };
  const ask = () => {
    if (!slot.take || gone) return;
    if (Date.now() - slot.asked > 900) {
      slot.asked = Date.now();
      model.send({ type: "bundle", hash });
    }
    if (++tries === 4) {
      el.textContent =
        "This view waits for the kernel, which is busy or not connected. It appears by itself.";
    }
    setTimeout(ask, Math.min(1000 * tries, 10000));
  };
  model.on("msg:custom", hear);
  ask();

  const start = ({ mount }: { mount: Mount }) => {
    model.off("msg:custom", hear);
    if (gone) return;
    el.textContent = "";
    const port = {
      twin: model.get("twin_id"),
      send: (message: unknown) => model.send(message),
      listen(heard: Hear, signal: AbortSignal) {
        model.on("msg:custom", heard);
        signal.addEventListener("abort", () => model.off("msg:custom", heard));
      },
      onLost(tell: Hear, signal: AbortSignal) {
        model.on("comm_live_update", tell);
        signal.addEventListener("abort", () => model.off("comm_live_update", tell));
      },
    };
    stop = mount(String(model.get("view")), el, port);
  };
  slot.ready.then(start).catch((error) => {
    el.textContent = `This view could not start: ${error}`;
  });
  return () => {
    gone = true;
    model.off("msg:custom", hear);
    stop();
  };
}

export default { render };
