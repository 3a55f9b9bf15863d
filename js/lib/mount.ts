// `mount`, which a bundle exports: it puts one of the bundle's views into an element. It keeps no
// state: hosts may load a bundle once a page or once a widget.

import { drawInto, type View } from "./frame";
import type { Port } from "./port";
import { hideTwin } from "./twin";

/** Draw the view called `name` into `host`; returns what takes it down again. */
export type Mount = (name: string, host: HTMLElement, port: Port) => () => void;

/** The `mount` of a bundle with these views. */
export function mounting(views: Record<string, View>): Mount {
  return (name, host, port) => {
    const life = new AbortController();
    hideTwin(host, port.twin ?? "", life.signal);
    drawInto(host, views[name], name, port, life.signal);
    return () => life.abort();
  };
}
