// Icons of the controls, 12 × 12, drawn as paths so that they take the text's colour.

import { svg } from "./dom";

const PATHS = {
  pause: "M2 1h3v10H2zM7 1h3v10H7z",
  play: "M2.5 1l8 5-8 5z",
  step: "M1.5 1.5l6 4.5-6 4.5zM8.5 1.5h2v9h-2z",
  stop: "M1.5 1.5h9v9h-9z",
  reset: "M6 1.5A4.5 4.5 0 1 1 1.6 5h1.5A3 3 0 1 0 6 3v2L2.8 2.5 6 0z",
} as const;

export function icon(name: keyof typeof PATHS): SVGSVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 12 12", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
