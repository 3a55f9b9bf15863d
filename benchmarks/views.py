"""The graph view at 100 to 100,000 operations: layout, first picture, panning, sizes.

    python -m benchmarks.views [--write] [--most 10000]

The graphs are stacks of transformer blocks, every group open. Layout runs in Node.js, beside dagre
and elkjs on the same operations; the rest in a Chromium without a window, from the JSON of the
record to the painted frame. No kernel and no notebook take part.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.drawings.engines import ENGINES, EngineFailed, lay_out, prepare
from benchmarks.drawings.graphs import stack
from benchmarks.drawings.models import MODELS, graph_of
from benchmarks.harness import machine, show, table
from nbdl.inspection.layout.words import shapes_of
from nbdl.inspection.records import GraphRecord
from nbdl.inspection.wire import pack
from nbdl.magics.show import graph_view
from nbdl.widgets.bundle import BUNDLES, bundle, loader
from scripts import chromium

SIZES = (100, 1_000, 10_000, 100_000)
FOREIGN = 10_000
"""Operations beyond which dagre and elkjs are not tried: at this many they do not end in time."""
ROUNDS = 7
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-dev-shm-usage")  # fmt: skip

# Mounts the view, gives it the record, and tells when the first letters were painted.
FIRST = """async ([code, text, buffers]) => {
  const url = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
  const {mount} = await import(url);
  const binary = (s) => new DataView(Uint8Array.from(atob(s), (c) => c.charCodeAt(0)).buffer);
  const data = buffers.map(binary);
  const host = document.body.appendChild(document.createElement("div"));
  let hear;
  mount("graph", host, {send: () => {}, listen: (listener) => { hear = listener; }});
  const proto = CanvasRenderingContext2D.prototype;
  const draw = proto.fillText;
  const painted = () => new Promise((resolve) => {
    proto.fillText = function (...args) {
      if (this.canvas.isConnected && this.canvas.width > 200) {
        proto.fillText = draw;
        requestAnimationFrame(() => resolve(performance.now()));
      }
      return draw.apply(this, args);
    };
  });
  window.nbdlPainted = painted;
  window.nbdlRoot = host.shadowRoot;
  const seen = painted();
  const start = performance.now();
  hear({type: "record", record: JSON.parse(text)}, data);
  const first = await seen - start;
  await new Promise((resolve) => setTimeout(resolve, 400));
  const opening = painted();
  const clicked = performance.now();
  const button = host.shadowRoot.querySelector('[aria-label="Open all groups"]');
  button.click();
  return [first, await opening - clicked];
}"""

# Drags the picture for `frames` frames and tells how long scripts ran for each of them.
PAN = """async ([frames, zoom]) => {
  const stage = window.nbdlRoot.querySelector(".stage");
  const canvas = stage.querySelector("canvas");
  const label = zoom ? "Zoom in (+)" : "Show everything (f)";
  const button = window.nbdlRoot.querySelector(`[aria-label="${label}"]`);
  for (let i = 0; i < (zoom || 1); i++) button.click();
  await new Promise((resolve) => setTimeout(resolve, 700));
  const real = window.requestAnimationFrame;
  let spent = 0;
  window.requestAnimationFrame = (call) => real((now) => {
    const start = performance.now();
    call(now);
    spent += performance.now() - start;
  });
  const times = [];
  const {left, top, width, height} = canvas.getBoundingClientRect();
  const fire = (type, i) => canvas.dispatchEvent(new PointerEvent(type, {
    bubbles: true, composed: true, pointerId: 1, isPrimary: true, button: 0, buttons: 1,
    clientX: left + width / 2 + 60 * Math.sin(i / 9),
    clientY: top + height / 2 + 80 * Math.sin(i / 13),
  }));
  stage.setPointerCapture = () => {};
  fire("pointerdown", 0);
  for (let i = 1; i <= frames; i++) {
    spent = 0;
    const start = performance.now();
    fire("pointermove", i);
    spent += performance.now() - start;
    await new Promise((resolve) => real(() => real(resolve)));
    times.push(spent);
  }
  fire("pointerup", frames);
  window.requestAnimationFrame = real;
  return times.sort((a, b) => a - b);
}"""


def main() -> None:
    """Measure and print; with --write also on the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="operations at most")
    given = parser.parse_args()
    prepare()
    sizes = [size for size in SIZES if size <= given.most]
    graphs = {size: stack(size) for size in sizes}
    parts = [
        layout_table(graphs),
        "All groups open, nothing from a cache. The first layout warms up the engine's code. dagre "
        "and elkjs get the same operations without groups.",
        picture_table(graphs),
        "From the record's JSON to the frame, the main thread and the layout's worker together; "
        "scripting is that of one frame while the picture is dragged, everything open.",
        sizes_table(),
        # What it says of rounds is of other measurements.
        f"{machine('nbdl', rounds=ROUNDS, threads=1).partition('; ')[0]}; shared with other work, "
        f"load average at the end {os.getloadavg()[0]:.1f}.",
    ]
    show("views", "\n\n".join(parts), given.write)


def layout_table(graphs: dict[int, GraphRecord]) -> str:
    """Milliseconds of a layout: the first, and the median of those that follow."""
    head = ["layout, ms", "nbdl, first", "nbdl"]
    head += [f"{title}{more}" for title in list(ENGINES.values())[1:] for more in (", first", "")]
    rows = []
    for size, record in graphs.items():
        shapes = shapes_of(record)
        cells = [f"{size:,} operations"]
        for engine in ENGINES:
            if engine != "nbdl" and size > FOREIGN:
                cells += ["–", "–"]
                continue
            try:
                rounds = ROUNDS if engine == "nbdl" or size < 1000 else 2
                first, *later = lay_out(engine, shapes, rounds, limit=90.0).ms
                cells += [f"{first:,.0f}", f"{statistics.median(later):,.1f}"]
            except EngineFailed as failed:
                cells += [str(failed), "–"]
        rows.append(cells)
        print(*cells, flush=True)
    return table(head, rows)


def picture_table(graphs: dict[int, GraphRecord]) -> str:
    """First picture, everything opened, scripting of a frame."""
    from playwright.sync_api import sync_playwright

    head = ["in the browser, ms", "first picture", "all groups opened",
            "a frame, everything in sight", "95 %", "a frame, readable size", "95 %"]  # fmt: skip
    rows = []
    with sync_playwright() as playwright:
        path = chromium.find(Path(sys.executable))
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        for size, record in graphs.items():
            packed, buffers = pack(record)
            data = [base64.b64encode(bytes(buffer)).decode() for buffer in buffers]
            job = [bundle("graph").code.decode(), json.dumps(packed), data]
            cells = [_pictured(browser, job) for _ in range(3 if size <= 10_000 else 1)]
            middle = [statistics.median(column) for column in zip(*cells, strict=True)]
            rows.append([f"{size:,} operations", *(f"{value:,.1f}" for value in middle)])
            print(*rows[-1], flush=True)
        browser.close()
    return table(head, rows)


def _pictured(browser: Any, job: list[Any]) -> list[float]:
    page = browser.new_page(viewport={"width": 1180, "height": 760})
    page.set_default_timeout(180_000)
    page.set_content("<!doctype html><body></body>")
    result = [*page.evaluate(FIRST, job)]
    for zoom in (0, 8):
        times = page.evaluate(PAN, [60, zoom])
        result += [times[len(times) // 2], times[int(0.95 * len(times))]]
    page.close()
    return result


def sizes_table() -> str:
    """Bytes: of the front-end, and of ten views in a saved notebook."""
    kinds: dict[str, str] = {}
    for view, kind in BUNDLES.items():
        kinds.setdefault(kind, view)
    rows = [
        [f"the bundle of {kind}, sent once a page that shows some", f"{len(bundle(view).code):,}"]
        for kind, view in kinds.items()
    ]
    rows.append(["the loader, in each widget", f"{len(loader().encode()):,}"])
    rows.append(["ten views in a saved notebook, of the ten small models", f"{_saved():,}"])
    return table(["size", "bytes"], rows)


def _saved() -> int:
    """What a notebook grows by: widgets, their saved state, and twins (SVG, PNG and text)."""
    size = 0
    for name in MODELS:
        made = graph_view(graph_of(name))
        dead = {"model_id": made.model_id, "version_major": 2, "version_minor": 0}
        data = {"text/plain": repr(made), "application/vnd.jupyter.widget-view+json": dead}
        parts = (data, made.twin(), made.get_state())
        size += sum(len(json.dumps(part, default=str, ensure_ascii=False)) for part in parts)
        made.close()
    return size


if __name__ == "__main__":
    begun = time.time()
    main()
    print(f"{time.time() - begun:.0f} s")
