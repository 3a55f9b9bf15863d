// When to draw: at most once a frame, at the element's real width, again when it changes, and not
// while nobody can see it.

/** Make `draw(width)` of an element's width; the function returned asks for a drawing soon. */
export function redrawer(
  element: HTMLElement,
  signal: AbortSignal,
  draw: (width: number) => void,
): () => void {
  let asked = false;
  let visible = true;
  let drawnWidth = -1;

  const now = () => {
    asked = false;
    if (signal.aborted || !visible) return;
    const width = Math.floor(element.clientWidth);
    if (width === 0) return;
    drawnWidth = width;
    draw(width);
  };
  const ask = () => {
    if (asked || signal.aborted) return;
    asked = true;
    requestAnimationFrame(now);
  };
  if (typeof ResizeObserver !== "undefined") {
    const sizes = new ResizeObserver(() => {
      if (Math.floor(element.clientWidth) !== drawnWidth) ask();
    });
    sizes.observe(element);
    signal.addEventListener("abort", () => sizes.disconnect());
  }
  if (typeof IntersectionObserver !== "undefined") {
    const sights = new IntersectionObserver((entries) => {
      visible = entries.at(-1)?.isIntersecting ?? true;
      if (visible) ask();
    });
    sights.observe(element);
    signal.addEventListener("abort", () => sights.disconnect());
  }
  return ask;
}
