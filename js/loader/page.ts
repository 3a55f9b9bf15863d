// The script of a saved page (nbdl/widgets/page.py): its views show records that lie in the page,
// and a port that answers from them stands where the kernel would.

import type { Mount } from "../lib/mount";
import type { Buffers, Message, Port } from "../lib/port";

interface SavedView {
  view: string;
  bundle: string;
  message: Message;
  /** Binary parts, as base64. */
  buffers: string[];
}

interface Saved {
  views: SavedView[];
  /** Name of a bundle -> its code. */
  bundles: Record<string, string>;
}

/** A port whose other end is what was saved: every greeting gets the same record. */
export function savedPort(message: Message, buffers: Buffers): Port {
  const hearers = new Set<(message: Message, buffers: Buffers) => void>();
  return {
    saved: true,
    send(said) {
      if (said.type === "hello") queueMicrotask(() => hearers.forEach((hear) => hear(message, buffers)));
    },
    listen(hear, signal) {
      hearers.add(hear);
      signal.addEventListener("abort", () => hearers.delete(hear));
    },
  };
}

function bytes(base64: string): DataView {
  return new DataView(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
}

/** Draw the views that are saved in `page`, each in the element of its number. */
export async function open(page: Document): Promise<void> {
  const saved = JSON.parse(page.getElementById("nbdl-saved")!.textContent!) as Saved;
  const loaded = new Map<string, Promise<{ mount: Mount }>>();
  for (const [name, code] of Object.entries(saved.bundles)) {
    loaded.set(name, import(URL.createObjectURL(new Blob([code], { type: "text/javascript" }))));
  }
  for (const [number, { view, bundle, message, buffers }] of saved.views.entries()) {
    const { mount } = await loaded.get(bundle)!;
    mount(view, page.getElementById(`nbdl-view-${number}`)!, savedPort(message, buffers.map(bytes)));
  }
}

if (document.getElementById("nbdl-saved")) void open(document);
