// A live view hides its static twin: the picture that is the next output of the same cell, there for
// when no kernel answers. It is known by an id inside the picture, and where the host shows the PNG,
// which carries none, by its place right after the view.

// An output and the cell's outputs together, in JupyterLab and Notebook, and in VS Code.
const CHILD = ".jp-OutputArea-child, .output_container";
const AREA = ".jp-OutputArea, .cell_container";

/** Hide the twin called `id` while `host` is shown, until the signal is aborted. */
export function hideTwin(host: HTMLElement, id: string, signal: AbortSignal): void {
  if (!id || typeof ResizeObserver === "undefined") return;
  let hidden: HTMLElement | undefined;
  let watched: Element | undefined;

  const look = () => {
    const area = host.closest(AREA);
    if (!area || signal.aborted) return;
    if (watched !== area) {
      // The host draws the picture after the view, and anew at each update.
      watched = area;
      changes.disconnect();
      changes.observe(area, { childList: true, subtree: true });
    }
    const found = findTwin(host, id);
    if (found === hidden) return;
    show(hidden);
    hidden = found;
    if (hidden) hidden.style.display = "none";
  };
  const changes = new MutationObserver(look);
  const sizes = new ResizeObserver(look); // first called once the host has put us into the page
  sizes.observe(host);
  signal.addEventListener("abort", () => {
    changes.disconnect();
    sizes.disconnect();
    show(hidden);
  });
}

function show(element: HTMLElement | undefined): void {
  if (element) element.style.display = "";
}

/** The output that is the twin of the view in `host`, if the page has it. */
export function findTwin(host: HTMLElement, id: string): HTMLElement | undefined {
  const own = host.closest<HTMLElement>(CHILD);
  if (!own?.parentElement) return undefined;
  const all = [...own.parentElement.children] as HTMLElement[];
  const after = all.slice(all.indexOf(own) + 1).filter((child) => child.matches(CHILD));
  const named = after.find((child) => hasPicture(child, id));
  if (named) return named;
  const [next] = after;
  const picture = next?.querySelector<HTMLImageElement>(".jp-RenderedImage img");
  return picture?.src.startsWith("data:image/png") ? next : undefined;
}

function hasPicture(child: HTMLElement, id: string): boolean {
  if (child.querySelector(`svg[id="${id}"]`)) return true;
  return [...child.querySelectorAll("img")].some(({ src }) => src.includes(id) || decoded(src).includes(id));
}

function decoded(src: string): string {
  const [head, body] = src.split(";base64,");
  if (!body || !head?.includes("svg")) return "";
  try {
    return atob(body.slice(0, 400));
  } catch {
    return "";
  }
}
