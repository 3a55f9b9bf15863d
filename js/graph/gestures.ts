// Pointer, wheel and keys on the picture.

import { on } from "../lib/dom";
import { step } from "./outline";
import type { Stage } from "./stage";

const CLICK = 4;

export interface GestureEvents {
  /** The pointer rests on a node (-1: on none). */
  onHover(node: number, event: PointerEvent): void;
  /** A key that the picture itself has no use for. */
  onKey(event: KeyboardEvent): void;
  /** The wheel turned over a picture that nobody is in: it belongs to the page. */
  onWheelPassed(): void;
}

export function listenTo(stage: Stage, events: GestureEvents, signal: AbortSignal): void {
  drag(stage, events, signal);
  wheel(stage, events, signal);
  keys(stage, events, signal);
  on(stage.element, "focus", () => focus(stage, true), signal);
  on(stage.element, "blur", () => focus(stage, false), signal);
}

function focus(stage: Stage, focused: boolean): void {
  stage.focused = focused;
  stage.draw();
}

function place(stage: Stage, event: MouseEvent): [number, number] {
  const { left, top } = stage.element.getBoundingClientRect();
  return [event.clientX - left, event.clientY - top];
}

function drag(stage: Stage, events: GestureEvents, signal: AbortSignal): void {
  const pointers = new Map<number, [number, number]>();
  let moved = 0;
  const { element } = stage;
  on(element, "pointerdown", (event) => {
    if (event.button !== 0 || event.target !== stage.canvas) return;
    moved = 0;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    element.setPointerCapture(event.pointerId);
  }, signal);
  on(element, "pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.target === stage.canvas) hover(stage, events, event);
      return;
    }
    const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved < CLICK) return;
    element.classList.add("dragging");
    events.onHover(-1, event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) pinch(stage, event, before, other);
    else stage.pan(-dx, -dy);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
  }, signal);
  const end = (event: PointerEvent) => {
    if (!pointers.delete(event.pointerId)) return;
    element.classList.remove("dragging");
    if (moved < CLICK && event.type === "pointerup") click(stage, event);
  };
  on(element, "pointerup", end, signal);
  on(element, "pointercancel", end, signal);
  on(element, "pointerleave", (event) => events.onHover(-1, event), signal);
  on(element, "dblclick", (event) => {
    const node = stage.nodeAt(...place(stage, event));
    if (node >= 0 && stage.record.nodes[node]!.kind === "group") return;
    stage.zoom(event.shiftKey ? 0.5 : 2, ...place(stage, event));
  }, signal);
}

/** Two fingers: zoom by the change of their distance, about their middle. */
function pinch(
  stage: Stage,
  event: PointerEvent,
  before: [number, number],
  other: [number, number],
): void {
  const length = (x: number, y: number) => Math.hypot(x - other[0], y - other[1]);
  const factor = length(event.clientX, event.clientY) / Math.max(length(...before), 1);
  const [x, y] = place(stage, event);
  const [dx, dy] = [(other[0] - event.clientX) / 2, (other[1] - event.clientY) / 2];
  stage.zoom(factor, x + dx, y + dy, false);
}

function hover(stage: Stage, events: GestureEvents, event: PointerEvent): void {
  const node = stage.nodeAt(...place(stage, event));
  if (node !== stage.hovered) {
    stage.hovered = node;
    const group = node >= 0 && stage.record.nodes[node]!.kind === "group";
    stage.element.classList.toggle("clickable", node >= 0 && (group || !stage.scene.open[node]));
    stage.draw();
  }
  events.onHover(node, event);
}

/** A closed group opens, the name of an open one closes it; everything else is selected. */
function click(stage: Stage, event: PointerEvent): void {
  stage.element.focus({ preventScroll: true });
  const [x, y] = place(stage, event);
  const node = stage.nodeAt(x, y);
  stage.select(node);
  if (node < 0 || stage.record.nodes[node]!.kind !== "group") return;
  if (!stage.scene.open[node] || stage.isOnHeader(node, y)) void stage.toggle(node);
}

function wheel(stage: Stage, events: GestureEvents, signal: AbortSignal): void {
  const turn = (event: WheelEvent) => {
    // A page is scrolled more often than a picture is zoomed: first click it, or hold Ctrl.
    const wanted = event.ctrlKey || event.metaKey || stage.focused;
    if (!wanted) {
      events.onWheelPassed();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    if (event.shiftKey) {
      stage.pan((event.deltaX || event.deltaY) * unit, 0);
      return;
    }
    const speed = event.ctrlKey && Math.abs(event.deltaY) < 40 ? 0.01 : 0.0016;
    stage.zoom(Math.exp(-event.deltaY * unit * speed), ...place(stage, event), false);
  };
  stage.canvas.addEventListener("wheel", turn, { signal, passive: false });
}

const PAN = 60;

function keys(stage: Stage, events: GestureEvents, signal: AbortSignal): void {
  on(stage.element, "keydown", (event) => {
    if (event.target !== stage.element) return;
    if (!press(stage, event)) {
      events.onKey(event);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }, signal);
}

/** Do what the key means; false when it means nothing here. */
function press(stage: Stage, event: KeyboardEvent): boolean {
  if (event.altKey || event.ctrlKey || event.metaKey) return false;
  const { key } = event;
  if (event.shiftKey && key.startsWith("Arrow")) {
    const along = { ArrowLeft: [-PAN, 0], ArrowRight: [PAN, 0], ArrowUp: [0, -PAN], ArrowDown: [0, PAN] };
    const [dx, dy] = along[key as keyof typeof along] as [number, number];
    stage.pan(dx, dy);
    return true;
  }
  switch (key) {
    case "+":
    case "=":
      stage.zoom(1.3);
      return true;
    case "-":
      stage.zoom(1 / 1.3);
      return true;
    case "0":
    case "f":
      stage.fitAll();
      return true;
    case "Enter":
    case " ":
      return toggle(stage);
    case "ArrowUp":
    case "ArrowDown":
    case "ArrowLeft":
    case "ArrowRight":
    case "Home":
    case "End":
      return walk(stage, key);
    default:
      return false;
  }
}

function isGroup(stage: Stage, node: number): boolean {
  return node >= 0 && stage.record.nodes[node]!.kind === "group";
}

function toggle(stage: Stage): boolean {
  if (!isGroup(stage, stage.selected)) return false;
  void stage.toggle(stage.selected);
  return true;
}

/** Right opens a closed group and then enters it; left closes an open one and then leaves. */
function walk(stage: Stage, key: string): boolean {
  const { selected, scene } = stage;
  const open = selected >= 0 && scene.open[selected] === 1;
  if (isGroup(stage, selected) && ((key === "ArrowRight" && !open) || (key === "ArrowLeft" && open))) {
    return toggle(stage);
  }
  const next = step(scene, selected, key);
  if (next >= 0) {
    stage.select(next);
    stage.bringIntoSight(next);
  }
  return true;
}
