// The whole picture in small, with the part in sight framed; dragging the frame moves the picture.

import { h, on } from "../lib/dom";
import type { Camera, Size } from "./camera";
import { paintScene } from "./paint";
import { CanvasPen } from "./pen";
import type { Stage } from "./stage";

const WIDE = 112;
const HIGH = 144;
/** A very long picture is widened to so many pixels, to be seen at all. */
const THIN = 28;

export class Minimap {
  private readonly canvas = h("canvas", {});
  private readonly seen = h("div", { class: "seen" });
  readonly element = h("div", { class: "minimap", "aria-hidden": "true" }, this.canvas, this.seen);
  private sx = 1;
  private sy = 1;

  constructor(signal: AbortSignal) {
    this.element.hidden = true;
    on(this.element, "pointerdown", (event) => {
      event.preventDefault();
      event.stopPropagation();
      this.element.setPointerCapture(event.pointerId);
      this.point(event);
    }, signal);
    on(this.element, "pointermove", (event) => {
      if (event.buttons & 1) this.point(event);
    }, signal);
  }

  /** Where the person points: the middle of what is to be seen. */
  onPoint: (x: number, y: number) => void = () => {};

  private point(event: PointerEvent): void {
    const { left, top } = this.canvas.getBoundingClientRect();
    this.onPoint((event.clientX - left) / this.sx, (event.clientY - top) / this.sy);
  }

  /** Draw the picture anew: groups were opened, colours changed. */
  redraw(stage: Stage): void {
    const { scene } = stage;
    this.sy = Math.min(HIGH / scene.height, WIDE / scene.width, 0.25);
    this.sx = Math.min(Math.max(this.sy, THIN / scene.width), WIDE / scene.width, 0.25);
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    const [width, height] = [scene.width * this.sx, scene.height * this.sy];
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.fillStyle = stage.palette.background;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(this.sx * ratio, 0, 0, this.sy * ratio, 0, 0);
    const all = { left: 0, top: 0, right: scene.width, bottom: scene.height };
    const look = stage.look(scene.rects, 1, this.sy, all);
    const plain = { ...look, selected: -1, hovered: -1, lit: new Set<number>() };
    paintScene(new CanvasPen(context, "sans-serif"), scene, plain);
  }

  /** Frame what is in sight; when that is everything there is nothing to show. */
  frame(stage: Stage, camera: Camera, window: Size): void {
    const { width, height } = stage.scene;
    const [w, h] = [window.width / camera.scale, window.height / camera.scale];
    const inside = camera.x <= 1 && camera.y <= 1 && camera.x + w >= width - 1 && camera.y + h >= height - 1;
    this.element.hidden = inside || window.width < 360;
    const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), most);
    const [left, top] = [clamp(camera.x, width), clamp(camera.y, height)];
    const { style } = this.seen;
    style.left = `${left * this.sx}px`;
    style.top = `${top * this.sy}px`;
    style.width = `${(clamp(camera.x + w, width) - left) * this.sx}px`;
    style.height = `${(clamp(camera.y + h, height) - top) * this.sy}px`;
  }
}
