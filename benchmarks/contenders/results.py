"""What was measured of a model, and the tables made of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from benchmarks.contenders import NBDL, OURS, PEERS, TORCH
from benchmarks.harness import Timing, both, geometric_mean, milli, table
from benchmarks.models import EXAMPLES

FIRST_LOSS, LATER_LOSSES = 1e-5, 1e-2
"""How far apart losses may be, as a part of the loss: the first one by rounding alone.

AdamW's first steps move a weight by the learning rate in the direction of its gradient's sign. A
gradient that is zero but for rounding has either sign, so later losses part: of the MobileNet's
fifth loss, which is a tenth of the first, PyTorch's own ways are 1e-4 and 1.4e-3 away from what
PyTorch computes in float64.
"""
BATCHES = (1, 64)
NEAR_ROOFLINE = 0.85
NOTHING = "–"


@dataclass
class Result:
    """One way to train one model; seconds and bytes."""

    start: float = 0.0
    cold: float | None = None
    first: float = 0.0
    losses: list[float] = field(default_factory=list)
    step: Timing | None = None
    count: int = 0
    infer: dict[int, Timing] = field(default_factory=dict)
    memory: int | None = None
    roofline: float | None = None
    failure: str | None = None


Results = dict[str, Result]
"""Way -> what was measured."""


def fastest(results: Results) -> Timing:
    """PyTorch's step in the way that is its fastest here."""
    return min(r.step for way, r in results.items() if way in PEERS and r.step)


def ours(results: Results) -> Result:
    """The step through ``fit`` if it was measured, else the compiled one, else the eager one."""
    for way in OURS:
        if way in results and results[way].step:
            return results[way]
    raise ValueError("nbdl was not measured")


def times_faster(results: Results) -> float:
    """How many of our steps PyTorch's fastest takes."""
    step = ours(results).step
    assert step is not None
    return fastest(results).median / step.median


def met(model: str, results: Results) -> bool:
    """Whether the target is met: the stated ratio or 85 % of the roofline, whichever is slower."""
    mine = ours(results)
    assert mine.step is not None
    allowed = fastest(results).median / EXAMPLES[model].target
    return mine.step.median <= max(allowed, (mine.roofline or 0.0) / NEAR_ROOFLINE)


def losses_apart(results: Results) -> tuple[float, float]:
    """The farthest from PyTorch's, as a part of the loss: the first one, and the later ones."""
    right = results[TORCH].losses
    parts = [
        [abs(a - b) / abs(b) for a, b in zip(r.losses, right, strict=True)]
        for r in results.values() if r.losses
    ]  # fmt: skip
    return max(p[0] for p in parts), max(max(p[1:]) for p in parts)


def _losses(results: Results) -> str:
    first, later = losses_apart(results)
    text = f"{max(first, later):.0e}"
    return text if first <= FIRST_LOSS and later <= LATER_LOSSES else f"{text}, too far"


def steps(found: Mapping[str, Results], ways: Iterable[str]) -> str:
    """A step of training in all ways, beside the target and the machine's limit."""
    rows = []
    for model, results in found.items():
        mine, example = ours(results), EXAMPLES[model]
        line = milli(mine.roofline) if mine.roofline else NOTHING
        target = f"{example.target}×, {'met' if met(model, results) else 'missed'}"
        rows.append(
            (example.title, *(_step(results, way) for way in ways),
             f"{times_faster(results):.2f}×", target, line, _losses(results))
        )  # fmt: skip
    head = ("training step, ms", *ways, "times as fast", "target", "roofline", "losses apart")
    return table(head, rows)


def _step(results: Results, way: str) -> str:
    if way not in results:
        return NOTHING
    result = results[way]
    return both(result.step, milli) if result.step else "failed"


def starts(found: Mapping[str, Results], ways: Iterable[str]) -> str:
    """What comes before the second step, in seconds: imports and compilation."""
    rows = [("import, after NumPy's", *(_import(found, way) for way in ways))]
    for model, results in found.items():
        cells = [_first(results[way]) if way in results else NOTHING for way in ways]
        rows.append((EXAMPLES[model].title, *cells))
    return table(("first step, s", *ways), rows)


def _import(found: Mapping[str, Results], way: str) -> str:
    begun = [results[way] for results in found.values() if way in results and results[way].losses]
    if not begun:
        return NOTHING
    times = [result.start for result in begun]
    return f"{statistics.median(times):.2f} ({min(times):.2f})"


def _first(result: Result) -> str:
    if not result.losses:
        return "failed"
    cold = "" if result.cold is None else f"{result.cold:.2f} cold, "
    return f"{cold}{result.first:.2f}" + (" warm" if cold else "")


def memory(found: Mapping[str, Results], ways: Iterable[str]) -> str:
    """The most that a step holds, in MB, and ours as a part of PyTorch's default.

    No part is told of less than a megabyte, of which most is Python's own objects.
    """
    rows = []
    for model, results in found.items():
        cells = [_megabytes(results[way].memory) if way in results else NOTHING for way in ways]
        mine, peer = ours(results).memory, results[TORCH].memory
        part = f"{mine / peer:.2f}" if mine and peer and peer >= 1e6 else NOTHING
        rows.append((EXAMPLES[model].title, *cells, part))
    return table(("peak of a step, MB", *ways, "of PyTorch's"), rows)


def _megabytes(size: int | None) -> str:
    return NOTHING if size is None else f"{size / 1e6:,.1f}" if size >= 1e5 else f"{size / 1e6:.3f}"


def inference(found: Mapping[str, Results], ways: Iterable[str]) -> str:
    """Predictions of one sample and of 64."""
    rows = []
    for model, results in found.items():
        for size in BATCHES:
            cells = [
                both(results[way].infer[size], milli)
                if way in results and size in results[way].infer else NOTHING
                for way in ways
            ]  # fmt: skip
            rows.append((f"{EXAMPLES[model].title.split(',')[0]}, {size}", *cells))
    return table(("inference, ms, by batch", *ways), rows)


def summary(found: Mapping[str, Results]) -> str:
    """In words: the mean of the ratios, targets, counts of steps."""
    ratios = [times_faster(results) for results in found.values()]
    reached = sum(met(model, results) for model, results in found.items())
    which = "compiled" if any(NBDL in results for results in found.values()) else "eager"
    counts = [r.count for results in found.values() for r in results.values() if r.step]
    return (
        f"nbdl's {which} step is {geometric_mean(ratios):.2f} times as fast as the fastest of "
        f"PyTorch's ways, the geometric mean of {len(ratios)}; {reached} of {len(ratios)} targets "
        f"are met. Each number is of {min(counts)} steps or more."
    )


def failures(found: Mapping[str, Results]) -> str:
    """One line for each way that failed, and why."""
    return "\n".join(
        f"- {EXAMPLES[model].title}, {way} failed: {result.failure}"
        for model, results in found.items() for way, result in results.items() if result.failure
    )  # fmt: skip


def comparable(found: Mapping[str, Results]) -> dict[str, Results]:
    """The models whose step was measured on both sides."""
    return {
        model: results for model, results in found.items()
        if results[TORCH].step and any(way in results and results[way].step for way in OURS)
    }  # fmt: skip
