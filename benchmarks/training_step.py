"""A training step of a small CNN, and what the loop around steps costs.

    python -m benchmarks.training_step [--write] [--threads 2]

The step is forward, loss, backward and AdamW of the README's network on 64 digits of 8×8 pixels:
by hand in nbdl and in PyTorch, and through ``nbdl.train``, where it includes the next batch,
metrics, checks, history and samples of gradient norms. ``nbdl.train`` is also given a step of the
user's that takes exactly 5 ms: what lies between two of these is the loop's own, and what other
threads compute meanwhile is the run store's. The target: the processor time of both together is
under 2 % of the step; the time by the clock also has what other programs took.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import (
    Timing,
    Timings,
    arguments,
    both,
    compare,
    machine,
    measure,
    milli,
    ratio,
    report,
    show,
    table,
)

TARGET = 0.02
STEP = 5e-3
STEPS = 400
BATCH = 64
OWN, STORE = "between steps, processor (mean)", "other threads, processor (mean)"
PEERS = ("nbdl", "nbdl.train", "torch", "loop")


def _batch() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    images = random.random((BATCH, 1, 8, 8), np.float32)
    return images, random.integers(0, 10, BATCH)


def _data() -> tuple[np.ndarray, np.ndarray]:
    """As many samples as make ``STEPS`` steps in two epochs."""
    x, y = _batch()
    return np.tile(x, (STEPS // 2, 1, 1, 1)), np.tile(y, STEPS // 2)


def _network(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10),
    )  # fmt: skip


def _by_hand(framework: Any, nn: Any, functional: Any, optim: Any) -> Callable[[], None]:
    """One step in the words that both frameworks have."""
    x, y = map(framework.asarray, _batch())
    net = _network(nn)
    optimizer = optim.AdamW(net.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    return step


def _torch(threads: int) -> Timings:
    import torch

    torch.set_num_threads(threads)
    step = _by_hand(torch, torch.nn, torch.nn.functional, torch.optim)
    return {"step": measure(step, budget=2.0)}


def _nbdl() -> Timings:
    import nbdl

    return {"step": measure(_by_hand(nbdl, nbdl.nn, nbdl.nn.functional, nbdl.optim), budget=2.0)}


def _train() -> Timings:
    """Seconds between two ends of steps in ``nbdl.train``."""
    import nbdl
    from nbdl import events

    ends: list[float] = []
    events.subscribe(events.StepDone, lambda event: ends.append(time.perf_counter()))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "runs.sqlite"
        nbdl.train(_network(nbdl.nn), _data(), epochs=2, store=store, progress=False)
    gaps = np.diff(ends)
    return {"step": Timing(float(np.median(gaps)), float(gaps.min()))}


def _loop() -> Timings:
    """What lies between steps of 5 ms, and what other threads compute, for each step."""
    import nbdl

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

    with tempfile.TemporaryDirectory() as folder:
        nbdl.train(
            data=_data(), step=step, model=_network(nbdl.nn), epochs=2, batch_size=BATCH,
            store=Path(folder) / "runs.sqlite", progress=False,
        )  # fmt: skip
    clock, own = (
        [b[i] - e[i] for b, e in zip(began[1:], ended[:-1], strict=True)] for i in (0, 1)
    )
    store = (others[-1] - others[0]) / (len(others) - 1)
    return {
        "between steps, by the clock": Timing(statistics.median(clock), min(clock)),
        OWN: Timing(statistics.fmean(own), min(own)),
        STORE: Timing(store, store),
    }


def tables(found: dict[str, Timings], how: str) -> str:
    """The tables and what they say of the target."""
    torch = found["torch"]["step"]
    names = {"nbdl": "nbdl, by hand", "nbdl.train": "nbdl.train", "torch": "PyTorch, by hand"}
    rows = [
        (text, both(found[peer]["step"], milli), ratio(found[peer]["step"], torch))
        for peer, text in names.items()
    ]
    parts = found["loop"]
    share = (parts[OWN].median + parts[STORE].median) / STEP
    loop = [
        (name, both(timing), f"{100 * timing.median / STEP:.2f} %")
        for name, timing in parts.items()
    ]
    verdict = "met" if share < TARGET else "missed"
    steps = table(("a step, ms", "time", "of PyTorch's"), rows)
    around = table(("around a step of 5 ms, µs", "time", "share"), loop)
    return (
        f"Around a step of {milli(STEP)} ms, loop and store together take {100 * share:.2f} % of "
        f"it; the target of under {100 * TARGET:.0f} % is {verdict}.\n\n"
        f"{steps}\n\n{around}\n\n{how}"
    )


def main(argv: list[str] | None = None) -> None:
    """Measure and show."""
    options = arguments(__doc__, rounds=5).parse_args(argv)
    workers = {"nbdl": _nbdl, "nbdl.train": _train, "loop": _loop}
    if options.worker == "torch":
        report(_torch(options.threads))
    elif options.worker:
        report(workers[options.worker]())
    else:
        more = ["--threads", str(options.threads)]
        module = "benchmarks.training_step"
        found = compare(module, PEERS, options.rounds, options.threads, more)
        how = machine("numpy", "nbdl", "torch", rounds=options.rounds, threads=options.threads)
        show("training_step", tables(found, how), options.write)


if __name__ == "__main__":
    main()
