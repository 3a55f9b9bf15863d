// When to draw: at most once a frame, at the element's real width, again when it changes, and not
// while nobody can see it.

/** Make `draw(width)` of an element's width; the function returned asks for a drawing soon. `draw`
 *  says whether there was something to draw: the first picture is made even where nobody sees it
 *  yet, so that it does not grow under the reader who scrolls to it. */
export function redrawer(
  element: HTMLElement,
  signal: AbortSignal,
  draw: (width: number) => boolean,
): () => void {
  let asked = false;
  let visible = true;
  let drawn = false;
  let drawnWidth = -1;

  const now = () => {
    asked = false;
    if (signal.aborted || (drawn && !visible)) return;
    const width = Math.floor(element.clientWidth);
    if (width === 0) return;
    drawnWidth = width;
    drawn = draw(width) || drawn;
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
