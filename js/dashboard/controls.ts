// The run's controls. A click is acknowledged in the view at once ('pausing …'); the state that
// Python reports at the next step boundary confirms it. When Python does not answer, the view says
// why that usually is.

import { h, on } from "../lib/dom";
import { formatNumber } from "../lib/format";
import { icon } from "../lib/icons";
import type { RunState } from "../lib/records";

export type Command = "pause" | "resume" | "step" | "stop" | "set_lr" | "save" | "add_epochs";

const SAYINGS: Record<Command, string> = {
  pause: "pausing …",
  resume: "resuming …",
  step: "one step …",
  stop: "stopping …",
  set_lr: "learning rate: at the next step …",
  save: "saving …",
  add_epochs: "one more epoch …",
};
const UNHEARD_MS = 1500;
export const ENDED = ["finished", "stopped", "pruned", "interrupted", "failed", "killed"];

interface Asked {
  command: Command;
  value: number | undefined;
  time: number;
  heard: boolean;
  step: number;
}

export class Controls {
  readonly element: HTMLElement;
  readonly rate: HTMLElement;
  private readonly toggle = h("button", { class: "button", type: "button" });
  private readonly step = h("button", { class: "button", type: "button" }, icon("step"), "Step");
  private readonly stop = h("button", { class: "button danger", type: "button" });
  private readonly save = h("button", { class: "button quiet", type: "button" }, "Save");
  private readonly more = h("button", { class: "button quiet", type: "button" }, "+1 epoch");
  private readonly field: HTMLInputElement;
  private readonly asked = new Map<number, Asked>();
  private state: RunState | undefined;
  private count = 0;
  private editing = false;

  constructor(
    private readonly send: (command: Command, id: number, value?: number) => void,
    private readonly changed: () => void,
    signal: AbortSignal,
  ) {
    this.stop.append(icon("stop"), "Stop");
    this.step.title = "Train one step, then pause";
    this.element = h("div", { class: "controls live", role: "group", "aria-label": "Training controls" });
    this.save.title = "Write a checkpoint that stays";
    this.more.title = "Train one epoch more than was said";
    this.element.append(this.save, this.more, this.toggle, this.step, this.stop);
    this.field = h("input", {
      class: "field rate-field",
      type: "text",
      inputmode: "decimal",
      "aria-label": "Learning rate; Enter sets it at the next step",
      spellcheck: "false",
    });
    this.rate = h("span", { class: "rate" }, this.field);
    on(this.toggle, "click", () => this.ask(this.paused ? "resume" : "pause"), signal);
    on(this.step, "click", () => this.ask("step"), signal);
    on(this.stop, "click", () => this.ask("stop"), signal);
    on(this.save, "click", () => this.ask("save"), signal);
    on(this.more, "click", () => this.ask("add_epochs", 1), signal);
    this.listenToField(signal);
    const timer = setInterval(() => this.asked.size && this.changed(), 500);
    signal.addEventListener("abort", () => clearInterval(timer));
  }

  /** What the person asked for and has not been done: a word for the status line. */
  get saying(): string {
    const last = [...this.asked.values()].at(-1);
    return last ? SAYINGS[last.command] : "";
  }

  /** Whether Python has not even heard a click for a while: a cell keeps it busy. */
  get unheard(): boolean {
    const late = Date.now() - UNHEARD_MS;
    return [...this.asked.values()].some(({ heard, time }) => !heard && time < late);
  }

  /** Python has heard command `id`. */
  heard(id: number): void {
    const asked = this.asked.get(id);
    if (asked) asked.heard = true;
  }

  /** Python refused command `id`. */
  refused(id: number): void {
    this.asked.delete(id);
    this.editing = false;
    this.draw();
  }

  /** The run's state now: what was asked and is done is forgotten. */
  update(state: RunState): void {
    this.state = state;
    const ended = ENDED.includes(state.status);
    for (const [id, asked] of this.asked) {
      if (ended || isDone(asked, state)) this.asked.delete(id);
    }
    this.draw();
  }

  private get paused(): boolean {
    return this.state?.status === "paused";
  }

  private draw(): void {
    const state = this.state;
    if (!state) return;
    const ended = ENDED.includes(state.status);
    const waiting = new Set([...this.asked.values()].map(({ command }) => command));
    const [sign, word] = this.paused ? (["play", "Resume"] as const) : (["pause", "Pause"] as const);
    if (this.toggle.dataset["sign"] !== sign) {
      this.toggle.dataset["sign"] = sign;
      this.toggle.replaceChildren(icon(sign), word);
      this.toggle.classList.toggle("primary", sign === "play");
    }
    this.toggle.disabled = ended || waiting.has("pause") || waiting.has("resume") || waiting.has("stop");
    this.step.disabled = ended || waiting.has("step") || waiting.has("stop");
    this.stop.disabled = ended || waiting.has("stop");
    this.save.disabled = ended || waiting.has("save");
    this.more.disabled = ended || waiting.has("add_epochs");
    this.more.hidden = state.epochs === null;
    this.element.hidden = ended;
    this.field.disabled = ended;
    if (!this.editing && !waiting.has("set_lr")) this.field.value = rateText(state.lr);
  }

  private ask(command: Command, value?: number): void {
    const id = ++this.count;
    const step = this.state?.step ?? 0;
    this.asked.set(id, { command, value, time: Date.now(), heard: false, step });
    this.send(command, id, value);
    this.draw();
    this.changed();
  }

  private listenToField(signal: AbortSignal): void {
    const mark = (bad: boolean) => {
      this.field.setAttribute("aria-invalid", String(bad));
      this.field.classList.toggle("is-bad", bad);
    };
    const leave = () => {
      this.editing = false;
      mark(false);
      this.draw();
    };
    on(this.field, "input", () => {
      this.editing = true;
      mark(readRate(this.field.value) === undefined);
    }, signal);
    on(this.field, "focus", () => this.field.select(), signal);
    on(this.field, "blur", leave, signal);
    on(this.field, "keydown", (event) => {
      const value = readRate(this.field.value);
      if (event.key === "Enter" && value !== undefined) {
        this.editing = false;
        if (value !== this.state?.lr) this.ask("set_lr", value);
        this.field.blur();
      }
      if (event.key === "Escape") this.field.blur();
    }, signal);
  }
}

function isDone(asked: Asked, state: RunState): boolean {
  switch (asked.command) {
    case "pause":
      return state.status === "paused";
    case "resume":
      return state.status === "running";
    case "step":
      return asked.heard && state.status === "paused" && state.step > asked.step;
    case "set_lr":
      return asked.heard && !state.pending.includes("set_lr");
    case "save":
    case "add_epochs":
      return asked.heard;
    case "stop":
      return false;
  }
}

/** A learning rate as people type it: 1e-3, 0.001, 0,001. */
export function readRate(text: string): number | undefined {
  const value = Number(text.trim().replace(",", ".").replace("−", "-"));
  return text.trim() !== "" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function rateText(rate: number | null): string {
  return rate === null ? "" : formatNumber(rate).replace("−", "-");
}
