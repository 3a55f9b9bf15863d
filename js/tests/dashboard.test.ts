import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RunState } from "../lib/records";
import { readRate } from "../dashboard/controls";
import { mount } from "../bundles/runs";
import { givePage, Packer, settle, TestPort, type Drawn } from "./page";

const STATE: RunState = {
  id: "ab12",
  name: "lenet",
  model: "Sequential",
  status: "running",
  epoch: 2,
  epochs: 5,
  step: 120,
  total_steps: 300,
  started: 1_700_000_000,
  elapsed: 12,
  eta: 18,
  throughput: 12_345,
  lr: 1e-3,
  message: "",
  error: "",
  pending: [],
  facts: [["optim", "adamw"]],
  laps: [],
  memory: [],
  kept: [],
  variable: "run",
};

let drawn: Drawn[];
let host: HTMLElement;
let port: TestPort;
let unmount: () => void;

function tell(state: Partial<RunState> = {}, more: Record<string, unknown> = {}): void {
  const packer = new Packer();
  const series = [0, 1].map((index) => ({
    name: ["loss", "val_loss"][index],
    start: 0,
    end: 3,
    steps: packer.array("float64", [1, 2, 3]),
    values: packer.array("float32", [3, 2, 1 + index]),
  }));
  const record = {
    state: { ...STATE, ...state },
    series,
    gradients: null,
    findings: null,
    log: [],
    log_start: 0,
    confusion: null,
    samples: null,
    ...more,
  };
  port.say({ type: "record", record }, packer.buffers);
}

const all = (selector: string) => [...host.shadowRoot!.querySelectorAll<HTMLElement>(selector)];
const one = <E extends HTMLElement = HTMLElement>(selector: string) => all(selector)[0] as E;
const button = (text: string) =>
  all("button").find((element) => element.textContent === text) as HTMLButtonElement;
const visible = (elements: HTMLElement[]) => elements.filter(({ hidden }) => !hidden);

beforeEach(() => {
  drawn = givePage();
  host = document.createElement("div");
  document.body.append(host);
  port = new TestPort();
  unmount = mount("dashboard", host, port);
});

afterEach(() => {
  unmount();
  host.remove();
  vi.unstubAllGlobals();
});

describe("the dashboard", () => {
  it("greets, saying that it has nothing", () => {
    expect(port.sent).toEqual([{ type: "hello", have: { series: {}, gradients: 0, activations: 0, histograms: 0, log: 0, samples: 0, compare: [] } }]);
  });

  it("looks back: the chosen step in all charts, its weights, and the code to branch there", async () => {
    tell({ kept: [0] });
    await settle();
    expect(one(".past").hidden).toBe(true);
    tell({ kept: [0, 2, 3], variable: "mine" });
    await settle();
    expect(one(".past").hidden).toBe(false);
    const slider = one<HTMLInputElement>(".past input");
    expect([slider.max, slider.value]).toEqual(["2", "2"]);
    slider.value = "1";
    slider.dispatchEvent(new Event("input"));
    expect(one(".past output").textContent).toBe("step 2");
    expect(one(".past code").textContent).toBe("mine.branch(2)");
    expect(one(".chart-step").textContent).toBe("step 2");
    await vi.waitFor(() => expect(port.sent.at(-1)).toMatchObject({ type: "hello", have: { at: 2 } }));
    const tensors = [
      { name: "<b>.weight", shape: "2 × 3", mean: 0.5, std: 1, low: -2, high: 2, moved: 0.25 },
    ];
    tell({ kept: [0, 2, 3] }, { past: { step: 2, tensors } });
    await settle();
    expect(one(".past tbody th").textContent).toBe("<b>.weight");
    expect(one(".past tbody tr").textContent).toContain("25.0 %");
    one(".plot").dispatchEvent(new Event("pointerleave"));
    expect(one(".chart-step").textContent).toBe("step 2"); // it stays when the pointer goes
    button("back to now").click();
    expect(one(".chart-step").textContent).toBe("");
    expect(one(".past-details").hidden).toBe(true);
  });

  it("copies the code of a branch, or selects it where the browser does not allow that", async () => {
    const copied: string[] = [];
    vi.stubGlobal("navigator", { clipboard: { writeText: async (text: string) => void copied.push(text) } });
    tell({ kept: [0, 2] });
    await settle();
    one<HTMLInputElement>(".past input").value = "0";
    one(".past input").dispatchEvent(new Event("input"));
    const copy = button("copy");
    copy.click();
    await vi.waitFor(() => expect(copy.textContent).toBe("copied"));
    expect(copied).toEqual(["run.branch(0)"]);
    vi.stubGlobal("navigator", {});
    copy.click();
    await settle();
  });

  it("marks edits and branches on the curves, with what they were", async () => {
    const log = [
      { time: 1, kind: "note", text: "a note", step: null },
      { time: 2, kind: "edit", text: "step 2: <i>edited</i>", step: 2 },
    ];
    tell({}, { log });
    await settle();
    expect(all(".plot-mark").map(({ title }) => title)).toEqual(["step 2: <i>edited</i>"]);
  });

  it("shows where the time of a step goes, and how much memory is in use", async () => {
    const laps: RunState["laps"] = [["data", 0.001], ["forward", 0.003], ["backward", 0.004]];
    tell({ laps, memory: [["memory", 2 * 2 ** 20]] });
    await settle();
    expect(all(".lap").map(({ textContent }) => textContent)).toEqual([
      "data 12.5 %", "forward 37.5 %", "backward 50.0 %",
    ]);
    expect(one(".lap-words").textContent).toContain("a step takes 8 ms");
    expect(all(".lap-bar i").map(({ style }) => Number(style.flexGrow))).toEqual([0.125, 0.375, 0.5]);
    const facts = all(".run-facts div").map(({ textContent }) => textContent);
    expect(facts.some((text) => /^memory2/.test(text!))).toBe(true);
    tell({ laps: [], memory: [] });
    await settle();
    expect(one(".laps").hidden).toBe(true);
  });

  it("begins anew with the records of another run, as the trials of a sweep", async () => {
    tell({ status: "finished" });
    await settle();
    expect(all(".dashboard")).toHaveLength(1);
    tell({ id: "cd34", status: "running" }, { series: [] });
    await settle();
    expect(all(".dashboard")).toHaveLength(1);
    expect(one(".status").textContent).toBe("Training");
    expect(all(".chart")).toHaveLength(0);
    tell({ id: "cd34", status: "pruned" });
    await settle();
    expect(one(".status").textContent).toBe("Pruned");
    expect(one(".controls").hidden).toBe(true);
    expect(all(".chart").length).toBeGreaterThan(0);
    unmount();
    expect(all(".dashboard")).toHaveLength(0);
  });

  it("has no controls for a run whose kernel is gone", async () => {
    tell({ status: "killed" });
    await settle();
    expect(one(".status").textContent).toBe("Killed");
    expect(one(".controls").hidden).toBe(true);
  });

  it("shows state, facts and a chart with both curves", async () => {
    tell();
    await settle();
    expect(one(".status").textContent).toBe("Training");
    expect(one(".run-name").textContent).toBe("lenet");
    expect(all(".run-facts dd").map(({ textContent }) => textContent)).toEqual([
      "2 / 5", "120 / 300", "18 s", "12 s", "12.3k", "",
    ]);
    expect(one<HTMLInputElement>(".rate-field").value).toBe("0.001");
    expect(one(".chart").getAttribute("aria-label")).toBe("loss, latest: train 1, val 2");
    expect(drawn.filter(({ name }) => name === "lineTo").length).toBeGreaterThan(4);
    expect(one(".progress").getAttribute("aria-valuenow")).toBe("120");
  });

  it("gives a chart that is alone in its kind the whole width, and leaves charts where they are", async () => {
    tell();
    await settle();
    const loss = one(".chart");
    loss.focus();
    expect(one(".chart").classList.contains("is-wide")).toBe(true);
    const packer = new Packer();
    const accuracy = {
      name: "accuracy",
      start: 0,
      end: 1,
      steps: packer.array("float64", [1]),
      values: packer.array("float32", [0.5]),
    };
    const record = {
      state: STATE, series: [accuracy], gradients: null, findings: null, log: [], log_start: 0,
      confusion: null, samples: null,
    };
    port.say({ type: "record", record }, packer.buffers);
    await settle();
    expect(all(".chart").map(({ className }) => className)).toEqual(["chart", "chart"]);
    expect(one(".chart")).toBe(loss);
    expect(host.shadowRoot!.activeElement).toBe(loss);
  });

  it("says at once what a click asks for, then what Python confirms", async () => {
    tell();
    await settle();
    button("Pause").click();
    await settle();
    expect(one(".status").textContent).toBe("pausing …");
    expect(port.sent.at(-1)).toEqual({ type: "command", command: "pause", id: 1, value: null });
    port.say({ type: "heard", id: 1 });
    tell({ status: "paused" });
    await settle();
    expect(one(".status").textContent).toBe("Paused");
    expect(button("Resume").disabled).toBe(false);
  });

  it("says why nothing happens when Python does not hear a click", async () => {
    tell();
    await settle();
    const start = Date.now();
    button("Stop").click();
    vi.spyOn(Date, "now").mockReturnValue(start + 2000);
    tell();
    await settle();
    expect(one(".head > .notice").textContent).toContain("■ Stop button");
  });

  it("shows a refusal in the message line and lets the person try again", async () => {
    tell();
    await settle();
    button("Pause").click();
    port.say({ type: "refused", id: 1, text: "This run is over." });
    await settle();
    expect(one(".head > .notice").textContent).toBe("This run is over.");
    expect(button("Pause").disabled).toBe(false);
  });

  it("sets the learning rate by Enter, and marks what is none", async () => {
    tell();
    await settle();
    const field = one<HTMLInputElement>(".rate-field");
    field.value = "fast";
    field.dispatchEvent(new Event("input"));
    expect(field.getAttribute("aria-invalid")).toBe("true");
    field.value = "3e-4";
    field.dispatchEvent(new Event("input"));
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
    expect(port.sent.at(-1)).toMatchObject({ command: "set_lr", value: 3e-4 });
  });

  it("draws another run's curves over its own, dashed, and says both values", async () => {
    const choices = [["ef56", "wide · ef56"], ["aa00", "<b>deep</b>"]];
    tell({}, { others: { choices, chosen: [] } });
    await settle();
    const select = one<HTMLSelectElement>(".compare");
    expect([...select.options].map(({ text }) => text)).toEqual(["compare with …", "wide · ef56", "<b>deep</b>"]);
    select.value = "ef56";
    select.dispatchEvent(new Event("change"));
    expect(port.sent.at(-1)).toMatchObject({ type: "hello", have: { compare: ["ef56"] } });
    const packer = new Packer();
    const series = [{
      name: "loss", start: 0, end: 3,
      steps: packer.array("float64", [1, 2, 3]), values: packer.array("float32", [9, 8, 7]),
    }];
    const others = { choices, chosen: [{ id: "ef56", label: "wide", series }] };
    port.say({ type: "record", record: { state: STATE, series: [], gradients: null, log: [], log_start: 0, others } }, packer.buffers);
    drawn.length = 0;
    await settle();
    expect(one(".chart").getAttribute("aria-label")).toBe("loss, latest: train 1 ⁄ 7, val 2");
    expect(drawn.some(({ name, args }) => name === "setLineDash" && (args[0] as number[]).length > 0)).toBe(true);
    select.value = "";
    select.dispatchEvent(new Event("change"));
    await settle();
    expect(one(".chart").getAttribute("aria-label")).toBe("loss, latest: train 1, val 2");
  });

  it("asks for the points between two steps when it zooms into a series that came thinned", async () => {
    vi.useFakeTimers();
    const packer = new Packer();
    const thinned = {
      name: "loss", start: 0, end: 1000,
      steps: packer.array("float64", [1, 500, 1000]), values: packer.array("float32", [3, 2, 1]),
    };
    port.say({ type: "record", record: { state: STATE, series: [thinned], gradients: null, log: [], log_start: 0 } }, packer.buffers);
    await vi.advanceTimersByTimeAsync(300);
    one(".chart").dispatchEvent(new KeyboardEvent("keydown", { key: "+", bubbles: true }));
    await vi.advanceTimersByTimeAsync(300);
    const asked = port.sent.at(-1) as unknown as { have: { window: [number, number] } };
    expect(asked.have.window[1] - asked.have.window[0]).toBeLessThan(1000);
    const [low, high] = asked.have.window;
    const more = new Packer();
    const part = {
      name: "loss", start: 700, end: 703,
      steps: more.array("float64", [700, 701, 702]), values: more.array("float32", [5, 6, 7]),
    };
    const detail = { low, high, series: [part] };
    port.say({ type: "record", record: { state: STATE, series: [], gradients: null, log: [], log_start: 0, detail } }, more.buffers);
    await vi.advanceTimersByTimeAsync(300);
    expect(one(".chart").getAttribute("aria-label")).toContain("train 7");
    button("show all steps").click();
    await vi.advanceTimersByTimeAsync(300);
    expect(one(".chart").getAttribute("aria-label")).toContain("train 1");
    vi.useRealTimers();
  });

  it("saves, and trains an epoch more", async () => {
    tell();
    await settle();
    button("Save").click();
    expect(port.sent.at(-1)).toMatchObject({ command: "save" });
    await settle();
    expect(one(".status").textContent).toBe("saving …");
    port.say({ type: "heard", id: 1 });
    button("+1 epoch").click();
    expect(port.sent.at(-1)).toMatchObject({ command: "add_epochs", value: 1 });
    port.say({ type: "heard", id: 2 });
    tell({ epochs: 6 });
    await settle();
    expect(one(".status").textContent).toBe("Training");
    expect(button("Save").disabled).toBe(false);
  });

  it("asks again when a message leaves a hole", async () => {
    tell();
    const packer = new Packer();
    const late = {
      name: "loss",
      start: 9,
      end: 10,
      steps: packer.array("float64", [10]),
      values: packer.array("float32", [1]),
    };
    const later = Date.now() + 1000;
    vi.spyOn(Date, "now").mockReturnValue(later);
    port.say(
      { type: "record", record: { state: STATE, series: [late], gradients: null, log: [], log_start: 0 } },
      packer.buffers,
    );
    expect(port.sent.at(-1)).toEqual({
      type: "hello",
      have: { series: { loss: 3, val_loss: 3 }, gradients: 0, activations: 0, histograms: 0, log: 0, samples: 0, compare: [] },
    });
  });

  it("shows labels as text, never as markup", async () => {
    const evil = "<img src=x onerror=alert(1)>";
    const confusion = { labels: [evil, "b"], counts: undefined as unknown };
    const packer = new Packer();
    confusion.counts = packer.array("float64", [4, 1, 0, 5], [2, 2]);
    const log = [{ time: 0, kind: "note", text: evil }];
    const samples = [
      { target: evil, predicted: evil, confidence: 0.5, correct: false, image: packer.array("uint8", []), text: "" },
    ];
    port.say(
      {
        type: "record",
        record: {
          state: { ...STATE, name: evil, message: evil, error: evil, facts: [["loss", evil]] },
          series: [], gradients: null, findings: null, log, log_start: 0, confusion, samples,
        },
      },
      packer.buffers,
    );
    await settle();
    for (const tab of ["Confusion", "Predictions", "Messages"]) {
      button(tab).click();
      await settle();
    }
    expect(all("img")).toEqual([]);
    expect(one(".run-name").textContent).toBe(evil);
    expect(one(".confusion tbody th").textContent).toBe(evil);
    expect(one(".sample strong").textContent).toContain(evil);
  });

  it("offers only the tabs that have something to show, and arrows move between them", async () => {
    tell();
    await settle();
    expect(visible(all(".tab")).map(({ textContent }) => textContent)).toEqual(["Curves"]);
    tell({}, { log: [{ time: 0, kind: "note", text: "hello" }] });
    await settle();
    one(".tabs").dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
    await settle();
    expect(one(".log").hidden).toBe(false);
    expect(one(".log").textContent).toContain("hello");
  });

  it("a run that is over has no controls; a failed one shows its error", async () => {
    tell({ status: "failed", error: "ShapeError: Linear got 64 features" });
    await settle();
    expect(one(".controls").hidden).toBe(true);
    expect(one(".error").textContent).toContain("ShapeError");
    expect(one(".error").getAttribute("role")).toBe("alert");
  });

  it("keyboard: arrows walk the crosshair of all charts, Escape leaves it", async () => {
    tell();
    await settle();
    const chart = one(".chart");
    const press = (key: string) => {
      chart.dispatchEvent(new KeyboardEvent("keydown", { key }));
      return chart.getAttribute("aria-label");
    };
    expect(press("ArrowLeft")).toBe("loss, step 2: train 2, val 2");
    expect(press("Home")).toContain("step 1");
    expect(press("ArrowLeft")).toContain("step 1");
    expect(press("End")).toContain("step 3");
    expect(press("Escape")).toContain("latest");
  });

  it("every control has a name for screen readers", async () => {
    tell();
    await settle();
    for (const control of all("button, input")) {
      const name = control.getAttribute("aria-label") ?? control.textContent?.trim();
      expect(name, control.outerHTML).toBeTruthy();
    }
  });

  it("takes everything down, and can be drawn again into the same element", async () => {
    unmount();
    expect(host.shadowRoot!.childNodes.length).toBe(0);
    expect(port.listeners).toBe(0);
    unmount = mount("dashboard", host, port);
    tell();
    await settle();
    expect(one(".status").textContent).toBe("Training");
  });
});

it("an unknown view is one sentence, not an exception", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const place = document.createElement("div");
  mount("nothing", place, new TestPort())();
  const other = document.createElement("div");
  mount("nothing", other, new TestPort());
  expect(other.shadowRoot!.textContent).toContain("no view called nothing");
});

it("readRate reads what people type", () => {
  expect(["1e-3", "0,01", " 0.5 ", "", "fast", "-1"].map(readRate)).toEqual([
    0.001, 0.01, 0.5, undefined, undefined, undefined,
  ]);
});
