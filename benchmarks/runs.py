"""What keeping a run costs: its store, views, statistics and checkpoints; and reading it again.

    python -m benchmarks.runs [--write] [--threads 2]

- **Around a step**: ``nbdl.train`` is given a step of the user's that takes exactly 5 ms, once with
  the run store, checkpoints, samples of gradient norms and an open dashboard, and once bare: then
  what lies between two steps is the next batch and the loop itself. The target: what the rest
  takes of processors, in the training's thread and in others, is under 2 % of the step.
- **A checkpoint** of a state of 100 MB (parameters and AdamW's two moments): how long the training
  waits for it, when it is taken and before the next update (the target: 5 ms); and how much longer
  than the others that step is, because the copy that runs beside it needs memory, too. The file is
  written meanwhile.
- **Going on**: from the call of ``nbdl.train(resume=...)`` in a new process to the end of the first
  step, with the same state on disk, and the same without a checkpoint to read.
- **A long run**: a run of a million points, opened: listed, all its numbers read, and made into
  what the dashboard shows. The target: 1 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import (
    ROOT,
    Timing,
    Timings,
    arguments,
    both,
    compare,
    machine,
    milli,
    report,
    show,
    table,
)

STEP, SHARE = 5e-3, 0.02
STALL, OPEN = 5e-3, 1.0
STEPS = 2000
BATCH = 64
POINTS = 1_000_000
OWN, OTHERS = "between steps, processor (mean)", "other threads, processor (mean)"
BARE = "between steps of a bare loop, processor (mean)"
WIDTH, LAYERS = 2048, 2
"""Of the model whose state takes 100 MB."""


def _network(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10),
    )  # fmt: skip


# ----- around a step ------------------------------------------------------------------------------


def _around() -> Timings:
    """What lies between steps of 5 ms, and what other threads compute, for each step."""
    bare, full = _steps(watched=False), _steps(watched=True)
    return {**full, BARE: bare[OWN]}


def _steps(watched: bool) -> Timings:
    import nbdl
    from nbdl import events, widgets

    began: list[tuple[float, float]] = []  # by the clock, and of this thread's processor
    ended: list[tuple[float, float]] = []
    others: list[float] = []

    def step(x: Any, y: Any) -> float:
        began.append((time.perf_counter(), time.thread_time()))
        others.append(time.process_time() - began[-1][1])
        while time.perf_counter() - began[-1][0] < STEP:
            pass
        ended.append((time.perf_counter(), time.thread_time()))
        return 0.5

    def show_it(event: Any) -> None:
        view = widgets.dashboard(event.run)
        view.send = lambda *_: None  # a page that only listens
        view._hear({"type": "hello", "have": {}}, [])

    unsubscribe = events.subscribe(events.RunStarted, show_it) if watched else lambda: None
    random = np.random.default_rng(0)
    x = random.random((BATCH * STEPS // 2, 1, 8, 8), np.float32)
    y = random.integers(0, 10, len(x))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / ".nbdl" / "runs.sqlite"
        nbdl.train(
            data=(x, y), step=step, model=_network(nbdl.nn) if watched else None, epochs=2,
            batch_size=BATCH, store=store if watched else False, progress=False,
        )  # fmt: skip
    unsubscribe()
    clock, own = (
        [b[i] - e[i] for b, e in zip(began[1:], ended[:-1], strict=True)] for i in (0, 1)
    )
    rest = (others[-1] - others[0]) / (len(others) - 1)
    return {
        "between steps, by the clock": Timing(statistics.median(clock), min(clock)),
        OWN: Timing(statistics.fmean(own), min(own)),
        OTHERS: Timing(rest, rest),
    }


# ----- checkpoints --------------------------------------------------------------------------------


def _large(nn: Any) -> Any:
    return nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))


def _large_data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).random((2048, WIDTH), np.float32)
    return x, x


def _train_large(compiled: bool, steps: int, **more: Any) -> Any:
    import nbdl

    return nbdl.train(
        _large(nbdl.nn), _large_data(), loss="mse", batch_size=32, max_steps=steps, epochs=50,
        compile=compiled, progress=False, **more,
    )  # fmt: skip


def _stall(compiled: bool) -> tuple[Timing, Timing]:
    """How long the training waits for a checkpoint, and how much longer than usual that step is."""
    from nbdl import events
    from nbdl.training.checkpointing.checkpoints import Checkpoints

    every, ends, waits, take = 30, [], [], Checkpoints._take

    def timed(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        try:
            return function(*args, **options)
        finally:
            waits[-1] += time.perf_counter() - begun

    def taken(self: Any, *args: Any, **options: Any) -> None:
        waits.append(0.0)
        timed(take, self, *args, **options)
        copied = self.run.abort.copying
        if copied is not None:
            self.run.abort.copying = lambda: timed(copied)

    Checkpoints._take = taken  # type: ignore[method-assign]
    stop = events.subscribe(events.StepDone, lambda _: ends.append(time.perf_counter()))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / ".nbdl" / "runs.sqlite"
        _train_large(compiled, 5 * every + 2, checkpoint=every, store=store)
    stop()
    Checkpoints._take = take  # type: ignore[method-assign]
    gaps = np.diff(ends)
    after = gaps[every - 1 :: every]  # the state is taken when the step before has ended
    calm = [gaps[i + 1 :][every // 2 : every - 1] for i in range(every, len(gaps) - every, every)]
    extra = after - np.median(np.concatenate(calm))
    waits = waits[1:-1]  # neither that of the start nor that of the end
    return (
        Timing(float(np.median(waits)), float(np.min(waits))),
        Timing(float(np.median(extra)), float(extra.min())),
    )


def _checkpoints() -> Timings:
    found = {}
    for how, compiled in (("eager", False), ("compiled", True)):
        found[f"waiting for a checkpoint, {how}"], longer = _stall(compiled)
        found[f"that step longer by, {how}"] = longer
    return found


_GO_ON = """
import time
from benchmarks.runs import _large, _large_data
import nbdl
from nbdl import events
ends = []
events.subscribe(events.StepDone, lambda _: ends.append(time.perf_counter()))
model, data = _large(nbdl.nn), _large_data()
begun = time.perf_counter()
nbdl.train(model, data, {options}, progress=False, compile=False)
print("first step", ends[0] - begun)
"""
_ANEW = 'loss="mse", batch_size=32, max_steps=3, epochs=50, store=False'


def _first_step(options: str, folder: str) -> float:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _GO_ON.format(options=options)], cwd=folder, env=env,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


def _going_on() -> Timings:
    """Seconds to the end of the first step, of a resumed run and of a new one."""
    found: dict[str, list[float]] = {"resumed": [], "begun anew": []}
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            options = 'loss="mse", batch_size=32, max_steps=5, epochs=50'
            _first_step(options, folder)
            found["resumed"].append(_first_step("resume=True, max_steps=8", folder))
            found["begun anew"].append(_first_step(_ANEW, folder))
    return {
        f"to the first step, {name}": Timing(statistics.median(s), min(s))
        for name, s in found.items()
    }


# ----- a long run ---------------------------------------------------------------------------------


def _long() -> Timings:
    import nbdl
    from nbdl.inspection.dashboard import PastRun, dashboard_record
    from nbdl.training.archive.store import Store

    def timed(function: Callable[[], Any]) -> tuple[float, Any]:
        begun = time.perf_counter()
        value = function()
        return time.perf_counter() - begun, value

    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / ".nbdl" / "runs.sqlite")
        store.add_run("long", "long", {"epochs": 1})
        numbers = np.random.default_rng(0).random(POINTS)
        rows = np.stack([np.arange(POINTS, dtype=float), numbers], axis=1)
        for part in np.array_split(rows, 100):
            store.write("long", {"loss": (["step", "value"], part)})
        store.update_run("long", status="finished", finished=time.time())
        store.close()
        for _ in range(5):
            listing, (run, *_) = timed(lambda: nbdl.runs(folder))
            reading, history = timed(lambda run=run: run.history())
            assert history.count("loss") == POINTS
            drawing, _ = timed(lambda run=run: dashboard_record(PastRun(run)))
            for name, spent in (("listed", listing), ("its numbers read", reading),
                                ("made ready for the dashboard", drawing)):  # fmt: skip
                found.setdefault(name, []).append(spent)
    return {name: Timing(statistics.median(s), min(s)) for name, s in found.items()}


# ----- the tables ---------------------------------------------------------------------------------

WORKERS = {"around": _around, "checkpoints": _checkpoints, "going on": _going_on, "long": _long}


def tables(found: dict[str, Timings], how: str) -> str:
    """The tables and what they say of the targets."""
    parts = found["around"]
    added = parts[OWN].median - parts[BARE].median + parts[OTHERS].median
    share = added / STEP
    around = [
        (name, both(timing), f"{100 * timing.median / STEP:.2f} %")
        for name, timing in parts.items()
    ]
    stalls, long = found["checkpoints"], found["long"]
    opened = long["listed"].median + long["made ready for the dashboard"].median
    rest = [
        (name, both(timing, milli))
        for part in ("checkpoints", "going on", "long")
        for name, timing in found[part].items()
    ]
    worst = max(t.median for name, t in stalls.items() if name.startswith("waiting"))
    verdicts = [
        f"Store, checkpoints, statistics and dashboard add {100 * share:.2f} % to a step of "
        f"{milli(STEP)} ms: "
        f"{_verdict(share < SHARE)} (under {100 * SHARE:.0f} %).",
        f"For a checkpoint of 100 MB the training waits {milli(worst)} ms at most: "
        f"{_verdict(worst <= STALL)} ({milli(STALL)} ms).",
        f"A run of a million points is open in {milli(opened)} ms: {_verdict(opened < OPEN)} "
        f"({milli(OPEN)} ms).",
    ]
    return "\n\n".join([
        "\n".join(f"- {line}" for line in verdicts),
        table(("around a step of 5 ms, µs", "time", "share"), around),
        table(("ms", "time"), rest),
        how,
    ])  # fmt: skip


def _verdict(met: bool) -> str:
    return "the target is met" if met else "the target is missed"


def main(argv: list[str] | None = None) -> None:
    """Measure and show."""
    options = arguments(__doc__, rounds=3).parse_args(argv)
    if options.worker:
        report(WORKERS[options.worker]())
        return
    more = ["--threads", str(options.threads)]
    found = compare("benchmarks.runs", tuple(WORKERS), options.rounds, options.threads, more)
    how = machine("numpy", "nbdl", rounds=options.rounds, threads=options.threads)
    show("runs", tables(found, how), options.write)


if __name__ == "__main__":
    main()
