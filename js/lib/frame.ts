// The frame every view is drawn in: a shadow root with the shared style sheet, the theme, and one
// calm sentence instead of a broken picture when something goes wrong.

import base from "./base.css";
import { h } from "./dom";
import type { Port } from "./port";
import { Theme } from "./theme";

const LOST =
  "The kernel of this view has ended. What is shown stays; run the cell again for a view that answers.";

/** Where a view draws. */
export interface Frame {
  /** The element to fill; it lies in a shadow root, so no style leaks in or out. */
  readonly element: HTMLElement;
  /** What the host gave: to find out about the host, not to draw in. */
  readonly host: HTMLElement;
  readonly theme: Theme;
  /** Add the view's own style sheet. */
  style(css: string): void;
}

/** A view draws itself and takes everything down when `signal` is aborted. It may be started at any
 *  time and again (hosts detach and re-attach): it begins with `{type: "hello", have: …}` through
 *  the port and draws what comes back. */
export type View = (frame: Frame, port: Port, signal: AbortSignal) => void;

/** Make the frame in `host` and start the view in it. */
export function drawInto(
  host: HTMLElement,
  view: View | undefined,
  name: string,
  port: Port,
  signal: AbortSignal,
): void {
  const shadow = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const element = h("div", { class: "nbdl", "data-view": name });
  if (port.saved) element.dataset["saved"] = "";
  shadow.replaceChildren(h("style", {}, base), element);
  // Keys pressed in our fields are not the notebook's: Lab looks for this attribute.
  host.dataset["lmSuppressShortcuts"] = "true";
  for (const type of ["keydown", "keyup", "keypress"] as const) {
    host.addEventListener(type, (event) => event.stopPropagation(), { signal });
  }
  signal.addEventListener("abort", () => {
    if (shadow.contains(element)) shadow.replaceChildren();
  });
  const lost = h("p", { class: "notice", role: "status" }, LOST);
  port.onLost?.(() => element.append(lost), signal);
  const frame: Frame = {
    element,
    host,
    theme: new Theme(element, signal),
    style: (css) => shadow.insertBefore(h("style", {}, css), element),
  };
  try {
    if (!view) throw new Error(`this front-end has no view called ${name}`);
    view(frame, port, signal);
  } catch (error) {
    sayBroken(element, error);
  }
}

/** Put one sentence where the view would be. */
export function sayBroken(element: HTMLElement, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  element.replaceChildren(
    h("p", { class: "notice bad", role: "alert" }, `This view could not be drawn: ${text}`),
  );
  console.error("nbdl", error);
}
