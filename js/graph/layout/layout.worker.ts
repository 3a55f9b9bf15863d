// The worker: gets a graph once, then which groups are open, and answers with positions.

import { expandToFit } from "./expand";
import { layoutGraph, type Cache, type GraphLayout, type Shapes } from "./graph";

export interface Request {
  /** The graph; left out when it is the one of the last request. */
  shapes?: Shapes;
  /** Open groups; left out: choose them to fit the given size. */
  expanded?: Uint8Array;
  fit?: { width: number; height: number };
}

export interface Answer {
  layout: GraphLayout;
  expanded: Uint8Array;
}

let shapes: Shapes | undefined;
let cache: Cache = new Map();

/** Lay out as asked; boxes are kept for the next request on the same graph. */
function answer(request: Request): Answer {
  if (request.shapes) {
    shapes = request.shapes;
    cache = new Map();
  }
  if (!shapes) throw new Error("the first request must carry the graph");
  const fit = request.fit ?? { width: 800, height: 600 };
  const expanded = request.expanded ?? expandToFit(shapes, fit.width, fit.height, cache);
  return { layout: layoutGraph(shapes, expanded, cache), expanded };
}

// Where a page may start no worker it loads this very text itself and finds the function here.
if (typeof document === "undefined") {
  self.onmessage = (event: MessageEvent<Request>) => self.postMessage(answer(event.data));
} else {
  (globalThis as Record<string, unknown>)["nbdlLayout"] = answer;
}
