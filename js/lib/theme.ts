// Light or dark, as the host shows it: JupyterLab, Notebook, VS Code, Colab, marimo and plain pages
// each say it in their own way; the operating system has the last word.

/** Whether the host shows a dark page now. */
export function hostIsDark(page: Document = document): boolean {
  const { body, documentElement: html } = page;
  const lab = body.dataset["jpThemeLight"];
  if (lab !== undefined) return lab === "false";
  if (body.classList.contains("vscode-light")) return false;
  if (["vscode-dark", "vscode-high-contrast"].some((name) => body.classList.contains(name))) {
    return true;
  }
  for (const element of [body, html]) {
    const said = element.dataset["theme"] ?? element.getAttribute("theme");
    if (said) return said.toLowerCase().includes("dark");
    if (element.classList.contains("dark")) return true;
    if (element.classList.contains("light")) return false;
  }
  const system = page.defaultView?.matchMedia?.("(prefers-color-scheme: dark)");
  return system?.matches ?? false;
}

/** What canvases need to know of the theme; elements get it from the style sheet alone. */
export class Theme {
  private readonly listeners = new Set<() => void>();
  private readonly known = new Map<string, string>();

  /** Follows the host and keeps `element`'s data-theme right until the signal is aborted. */
  constructor(
    private readonly element: HTMLElement,
    signal: AbortSignal,
  ) {
    this.element.dataset["theme"] = hostIsDark() ? "dark" : "light";
    const look = () => this.look();
    const observer = new MutationObserver(look);
    const options = {
      attributes: true,
      attributeFilter: ["class", "theme", "data-theme", "data-jp-theme-light", "data-jp-theme-name"],
    };
    observer.observe(document.body, options);
    observer.observe(document.documentElement, options);
    const system = window.matchMedia?.("(prefers-color-scheme: dark)");
    system?.addEventListener?.("change", look, { signal });
    signal.addEventListener("abort", () => observer.disconnect());
  }

  get dark(): boolean {
    return this.element.dataset["theme"] === "dark";
  }

  /** Call when colours may have changed, until the signal is aborted. */
  onChange(listener: () => void, signal: AbortSignal): void {
    this.listeners.add(listener);
    signal.addEventListener("abort", () => this.listeners.delete(listener));
  }

  /** The value of a design token now: `theme.color("text")` for --nbdl-text. A token may be made of
   *  others (var, color-mix), so the browser is asked what it comes to. */
  color(token: string): string {
    const known = this.known.get(token);
    if (known) return known;
    const probe = document.createElement("span");
    probe.style.cssText = `display:none;color:var(--nbdl-${token})`;
    this.element.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    // An element that is not in the page has no colours yet: ask again another time.
    if (value && this.element.isConnected) this.known.set(token, value);
    return value || "#808080";
  }

  private look(): void {
    this.element.dataset["theme"] = hostIsDark() ? "dark" : "light";
    // The host's variables change with its style sheet, which may arrive a moment later.
    requestAnimationFrame(() => this.tell());
    setTimeout(() => this.tell(), 300);
  }

  private tell(): void {
    this.known.clear();
    this.listeners.forEach((listener) => listener());
  }
}
