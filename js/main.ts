// The bundle: every view by name, and `mount`, which puts one into an element. It keeps no state:
// hosts may load it once a page or once a widget.

import { dashboard } from "./dashboard/dashboard";
import { gradients } from "./gradients/gradients";
import { graph } from "./graph/graph";
import { drawInto, type View } from "./lib/frame";
import type { Port } from "./lib/port";
import { hideTwin } from "./lib/twin";
import { tensor } from "./tensor/tensor";

const VIEWS: Record<string, View> = { dashboard, gradients, graph, tensor };

/** Draw the view called `name` into `host`; returns what takes it down again. */
export function mount(name: string, host: HTMLElement, port: Port): () => void {
  const life = new AbortController();
  hideTwin(host, port.twin ?? "", life.signal);
  drawInto(host, VIEWS[name], name, port, life.signal);
  return () => life.abort();
}
