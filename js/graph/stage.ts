// The picture itself: a canvas that shows part of a scene, and how one moves in it.

import { h } from "../lib/dom";
import type { GraphRecord } from "../lib/records";
import { between, firstView, fit, reveal, zoomAt, type Camera, type Size } from "./camera";
import type { Paint, Palette } from "./colours";
import type { LayoutClient } from "./layout/client";
import { HEADER } from "./layout/types";
import { paintScene, type Look } from "./paint";
import { CanvasPen } from "./pen";
import { Scene, edgeSizes, endsOf, tensorsOf, type Rects } from "./scene";
import { trailOf, type Direction, type Trail } from "./trail";

/** Milliseconds a change takes; none where people ask for less motion. */
const CHANGE = 220;
const LOWEST = 280;
const HIGHEST = 640;

export interface StageEvents {
  /** Another node was selected (-1: none). */
  onSelect(node: number): void;
  /** Groups were opened or closed. */
  onScene(scene: Scene): void;
  /** Another part of the picture is seen. */
  onView(camera: Camera, window: Size): void;
}

interface Change {
  start: number;
  rects: Rects | null;
  camera: Camera;
  target: Camera;
}

export class Stage {
  readonly canvas = h("canvas", { "aria-hidden": "true" });
  scene: Scene;
  selected = -1;
  hovered = -1;
  focused = false;
  found: ReadonlySet<number> | null = null;
  camera: Camera = { x: 0, y: 0, scale: 1 };
  private size: Size = { width: 0, height: 0 };
  private change: Change | null = null;
  private lit: ReadonlySet<number> = new Set();
  private onTrail: ReadonlySet<number> | null = null;
  /** Directions whose trail from the selected node is shown. */
  readonly followed = new Set<Direction>();
  private readonly sizes: Uint8Array;
  private asked = 0;
  private readonly ends: Int32Array;
  private settled = false;
  /** The height that we gave the element; another one is the person's. */
  private given = "";

  constructor(
    readonly element: HTMLElement,
    readonly record: GraphRecord,
    private readonly client: LayoutClient,
    private readonly events: StageEvents,
    public palette: Palette,
    public paintOf: (node: number) => Paint,
    private readonly font: string,
    private readonly signal: AbortSignal,
  ) {
    this.ends = endsOf(record);
    this.sizes = edgeSizes(record);
    this.scene = new Scene(record, { levels: [emptyLevel()] });
    const observer = new ResizeObserver(() => this.resized());
    observer.observe(element);
    signal.addEventListener("abort", () => {
      observer.disconnect();
      cancelAnimationFrame(this.asked);
    });
  }

  /** The first picture: given groups open, or as many as fit. */
  async start(expanded?: Uint8Array): Promise<void> {
    const width = Math.max(this.element.clientWidth, 320);
    const answer = await this.client.ask({ expanded, fit: { width, height: HIGHEST } });
    if (!answer || this.signal.aborted) return;
    this.scene = new Scene(this.record, answer.layout);
    const first = firstView(this.scene, { width, height: HIGHEST });
    this.takeHeight(first.scale);
    this.measure();
    this.camera = firstView(this.scene, this.size);
    this.settled = false;
    this.events.onScene(this.scene);
    this.draw();
  }

  /** As high as the picture needs, within bounds. */
  private takeHeight(scale: number): void {
    const { style } = this.element;
    if (style.height !== this.given) return;
    const needed = Math.round(Math.min(Math.max(this.scene.height * scale, LOWEST), HIGHEST));
    style.height = this.given = `${Math.max(needed, parseInt(this.given) || 0)}px`;
  }

  // ----- opening and closing ---------------------------------------------------------------

  /** Open or close one group; its name stays where it is on the screen. */
  async toggle(node: number): Promise<void> {
    const open = this.scene.open.slice();
    open[node] = open[node] ? 0 : 1;
    const { twin } = this.record.nodes[node]!;
    if (twin >= 0) open[twin] = open[node]!; // two models side by side open together
    await this.arrange(open, node);
  }

  /** Open every group, or close all. */
  async setAll(open: boolean): Promise<void> {
    await this.arrange(new Uint8Array(this.record.nodes.length).fill(open ? 1 : 0), -1);
    this.animate(firstView(this.scene, this.size), null);
  }

  /** Open what hides `node`, select it and bring it into sight. */
  async goTo(node: number): Promise<void> {
    if (!this.scene.shows(node)) {
      const open = this.scene.open.slice();
      for (let at = this.record.nodes[node]!.parent; at >= 0; at = this.record.nodes[at]!.parent) {
        open[at] = 1;
      }
      await this.arrange(open, -1);
    }
    this.select(node);
    this.bringIntoSight(node);
  }

  private async arrange(expanded: Uint8Array, anchor: number): Promise<void> {
    const answer = await this.client.ask({ expanded });
    if (!answer || this.signal.aborted) return;
    const before = this.scene;
    this.scene = new Scene(this.record, answer.layout);
    this.takeHeight(this.camera.scale);
    this.measure();
    const target = anchor < 0 ? this.camera : this.keepInPlace(before, anchor);
    this.animate(target, before.rects);
    if (this.selected >= 0 && !this.scene.shows(this.selected)) {
      this.select(this.scene.shown(this.selected));
    }
    this.events.onScene(this.scene);
  }

  /** The camera that shows the node's upper left corner where it is now; or the node at all. */
  private keepInPlace(before: Scene, node: number): Camera {
    const at = 4 * node;
    const camera = {
      x: this.camera.x + this.scene.rects[at]! - before.rects[at]!,
      y: this.camera.y + this.scene.rects[at + 1]! - before.rects[at + 1]!,
      scale: this.camera.scale,
    };
    return reveal(camera, this.size, this.rectOf(node, this.scene.open[node] ? HEADER : undefined));
  }

  private rectOf(node: number, height?: number): { x: number; y: number; w: number; h: number } {
    const [x, y, w, h] = this.scene.rects.subarray(4 * node, 4 * node + 4);
    return { x: x!, y: y!, w: w!, h: height ?? h! };
  }

  // ----- selection -------------------------------------------------------------------------

  select(node: number): void {
    this.selected = node;
    const trails = node < 0 ? [] : [...this.followed].map((direction) => this.trail(direction));
    if (trails.length === 0) {
      this.lit = node < 0 ? new Set() : tensorsOf(this.record, this.ends, node);
      this.onTrail = null;
    } else {
      this.lit = new Set(trails.flatMap(({ tensors }) => [...tensors]));
      this.onTrail = new Set(trails.flatMap(({ nodes }) => [...nodes]));
    }
    this.events.onSelect(node);
    this.draw();
  }

  /** What leads to the selected node, or what it leads to. */
  trail(direction: Direction): Trail {
    return trailOf(this.record, this.selected, this.ends[this.selected]!, direction);
  }

  /** Show the trail in a direction, or show it no more. */
  follow(direction: Direction): void {
    if (!this.followed.delete(direction)) this.followed.add(direction);
    this.select(this.selected);
  }

  bringIntoSight(node: number): void {
    if (node < 0 || !this.scene.shows(node)) return;
    let camera = this.change?.target ?? this.camera;
    if (camera.scale < 0.5) camera = zoomAt(camera, 0.8 / camera.scale, 0, 0);
    this.animate(reveal(camera, this.size, this.rectOf(node)), null);
  }

  // ----- moving ----------------------------------------------------------------------------

  fitAll(): void {
    this.animate(fit(this.scene, this.size), null);
  }

  zoom(factor: number, x = this.size.width / 2, y = this.size.height / 2, smooth = true): void {
    const camera = zoomAt(this.change?.target ?? this.camera, factor, x, y);
    if (smooth) this.animate(camera, null);
    else this.jump(camera);
  }

  pan(dx: number, dy: number): void {
    const { x, y, scale } = this.camera;
    this.jump({ x: x + dx / scale, y: y + dy / scale, scale });
  }

  /** Bring a point of the picture into the middle. */
  centre(x: number, y: number): void {
    const { scale } = this.camera;
    const { width, height } = this.size;
    this.jump({ x: x - width / scale / 2, y: y - height / scale / 2, scale });
  }

  private jump(camera: Camera): void {
    this.settled = true;
    if (this.change) this.change = this.change.rects ? { ...this.change, camera, target: camera } : null;
    this.camera = this.bounded(camera);
    this.draw();
  }

  /** At least a corner of the picture stays in sight. */
  private bounded(camera: Camera): Camera {
    const edge = 48 / camera.scale;
    const within = (at: number, room: number, length: number) =>
      Math.min(Math.max(at, edge - room), length - edge);
    return {
      x: within(camera.x, this.size.width / camera.scale, this.scene.width),
      y: within(camera.y, this.size.height / camera.scale, this.scene.height),
      scale: camera.scale,
    };
  }

  private animate(target: Camera, rects: Rects | null): void {
    this.settled = true;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (still || this.record.nodes.length > 20_000) {
      this.camera = target;
      this.change = null;
    } else {
      const start = performance.now();
      this.change = { start, rects: rects ?? this.change?.rects ?? null, camera: this.camera, target };
    }
    this.draw();
  }

  /** What lies under a point of the window. */
  nodeAt(px: number, py: number): number {
    return this.scene.hit(this.camera.x + px / this.camera.scale, this.camera.y + py / this.camera.scale);
  }

  isOnHeader(node: number, py: number): boolean {
    return this.scene.onHeader(node, this.camera.y + py / this.camera.scale);
  }

  // ----- drawing ---------------------------------------------------------------------------

  /** Draw at the next frame. */
  draw(): void {
    if (this.asked || this.signal.aborted) return;
    this.asked = requestAnimationFrame((now) => {
      this.asked = 0;
      this.paint(now);
    });
  }

  private measure(): boolean {
    const width = this.element.clientWidth;
    const height = this.element.clientHeight;
    const same = width === this.size.width && height === this.size.height;
    this.size = { width, height };
    return !same;
  }

  private resized(): void {
    const before = this.size;
    if (!this.measure() || this.size.width === 0) return;
    // Until someone has moved the picture it is shown as at first, in the room there is now.
    if (!this.settled || before.width === 0) this.camera = firstView(this.scene, this.size);
    this.paint(performance.now());
  }

  private paint(now: number): void {
    const { width, height } = this.size;
    if (width === 0 || height === 0) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.height = Math.round(height * ratio);
    }
    const context = this.canvas.getContext("2d");
    if (!context) return;
    let rects = this.scene.rects;
    let edgeAlpha = 1;
    if (this.change) {
      const t = Math.min(Math.max((now - this.change.start) / CHANGE, 0), 1);
      const eased = 1 - (1 - t) ** 3;
      this.camera = between(this.change.camera, this.change.target, eased);
      if (this.change.rects && t < 1) {
        rects = this.scene.blend(this.change.rects, eased);
        edgeAlpha = Math.max(0, 2 * t - 1);
      }
      if (t >= 1) this.change = null;
      else this.draw();
    }
    const { x, y, scale } = this.camera;
    this.events.onView(this.camera, this.size);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = this.palette.background;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const k = scale * ratio;
    context.setTransform(k, 0, 0, k, -x * k, -y * k);
    const seen = { left: x, top: y, right: x + width / scale, bottom: y + height / scale };
    paintScene(new CanvasPen(context, this.font), this.scene, this.look(rects, edgeAlpha, scale, seen));
  }

  /** Everything the painter must know; for export with a scale of 1 and the whole in sight. */
  look(rects: Rects, edgeAlpha: number, scale: number, seen: Look["window"]): Look {
    const { palette, paintOf, selected, hovered, focused, found, lit, onTrail, sizes } = this;
    return {
      palette, rects, edgeAlpha, scale, window: seen, paintOf, selected, hovered, focused, found, lit,
      onTrail, sizes,
    };
  }
}

function emptyLevel() {
  const none = new Float64Array();
  const box = { w: 1, h: 1, rects: none, routes: none, labels: none, inX: none, outX: none };
  return { group: -1, children: [], box, nets: [] };
}
