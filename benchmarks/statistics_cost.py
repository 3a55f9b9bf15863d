"""What watching a training costs: samples of gradients and activations, the dashboard, the store.

    python -m benchmarks.statistics_cost [--write] [--threads 2]

A compiled step of about 5 ms of a convolutional network, with the run store, samples of norms,
activations and histograms, and a dashboard that listens. Counted is the processor time that the
sampler takes in the training thread, as a share of that thread's own; and that of all other
threads together, as a share of the time by the clock, for they work so often a second, whatever
the steps take. The target: both together under 2 %.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import (
    Timing,
    Timings,
    arguments,
    compare,
    machine,
    milli,
    report,
    show,
    table,
)

SHARE = 0.02
STEPS, BATCH = 2000, 64
SAMPLING, OTHERS = "samples of the layers", "store and dashboard"
NORMS, LOOK, STEP = "a sample of norms", "a look at activations", "a step"


def _network(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def _clocked(owner: Any, name: str, spent: list[float]) -> None:
    """Take down the processor time of each call of a method."""
    method: Callable[..., Any] = getattr(owner, name)

    @wraps(method)
    def clocked(*args: Any, **kwargs: Any) -> Any:
        begun = time.thread_time()
        try:
            return method(*args, **kwargs)
        finally:
            spent.append(time.thread_time() - begun)

    setattr(owner, name, clocked)


def _watched() -> Timings:
    """A training with everything on, and what of its processor time is whose."""
    import nbdl
    from nbdl import events, widgets
    from nbdl.training.statistics.gradients import Sampler

    sampling: list[float] = []
    norms: list[float] = []
    looks: list[float] = []
    for name, spent in (("end", sampling), ("_record", norms), ("_look", looks)):
        _clocked(Sampler, name, spent)

    def show_it(event: Any) -> None:
        view = widgets.dashboard(event.run)
        view.send = lambda *_: None  # a page that only listens
        view._hear({"type": "hello", "have": {}}, [])

    marks: dict[str, tuple[float, float, float]] = {}

    def mark(name: str) -> None:
        marks[name] = time.perf_counter(), time.thread_time(), time.process_time()

    def each(event: Any) -> None:
        if event.run.step == 100:  # compiled, and warm
            sampling.clear()
            mark("begin")
        elif event.run.step == STEPS:
            mark("end")

    events.subscribe(events.RunStarted, show_it)
    events.subscribe(events.StepDone, each)
    random = np.random.default_rng(0)
    x = random.random((BATCH * 50, 1, 16, 16), np.float32)
    y = random.integers(0, 10, len(x))
    with tempfile.TemporaryDirectory() as folder:
        nbdl.train(
            _network(nbdl.nn), (x, y), epochs=STEPS // 50, batch_size=BATCH, compile=True,
            store=Path(folder) / ".nbdl" / "runs.sqlite", progress=False,
        )  # fmt: skip
    wall, own, whole = (marks["end"][i] - marks["begin"][i] for i in range(3))
    found = {SAMPLING: sum(sampling) / own, OTHERS: max(0.0, whole - own) / wall}
    means = {NORMS: np.mean(norms), LOOK: np.mean(looks), STEP: wall / (STEPS - 100)}
    return {name: Timing(float(v), float(v)) for name, v in {**found, **means}.items()}


def tables(found: dict[str, Timings], how: str) -> str:
    """The page's text."""
    times = found["watched"]
    shares = [[name, f"{100 * times[name].median:.2f} %"] for name in (SAMPLING, OTHERS)]
    total = sum(times[name].median for name in (SAMPLING, OTHERS))
    verdict = "met" if total <= SHARE else "not met"
    shares.append([f"together (target {100 * SHARE:.0f} %: {verdict})", f"{100 * total:.2f} %"])
    each = [[name, milli(times[name].median)] for name in (STEP, NORMS, LOOK)]
    return "\n\n".join([
        table(["processor time beside the training's own", "share"], shares),
        table(["ms", "mean"], each),
        "Of the steps from the hundredth on, compiled. A look is an eager pass beside the compiled "
        "step, after which everything is as it was.",
        how,
    ])  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Measure and show."""
    options = arguments(__doc__, rounds=3).parse_args(argv)
    if options.worker:
        report(_watched())
        return
    more = ["--threads", str(options.threads)]
    found = compare(
        "benchmarks.statistics_cost", ("watched",), options.rounds, options.threads, more
    )
    how = machine("numpy", "nbdl", rounds=options.rounds, threads=options.threads)
    show("statistics_cost", tables(found, how), options.write)


if __name__ == "__main__":
    main()
