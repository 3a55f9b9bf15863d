"""A run as the dashboard shows it: its state, curves, gradients, results and messages.

Runs under way and runs of the past (``nbdl.runs()[...]``) give the same records. A receiver says
what it has and gets the rest; long series come thinned, with the extremes of each stretch kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbdl.inspection.flow_findings import findings
from nbdl.inspection.gradient_flow import activation_part, gradient_part, histogram_part
from nbdl.inspection.past import past_of
from nbdl.inspection.records import (
    Confusion,
    DashboardRecord,
    Detail,
    LogLine,
    RunState,
    SeriesPart,
)
from nbdl.inspection.samples import class_name, samples_of
from nbdl.training import machine
from nbdl.training.archive.records import FINAL, RunRecord
from nbdl.training.statistics.history import marked_step

MAX_POINTS = 4000
"""Points of a series sent at once; more are thinned to about this many."""

FACTS = ("loss", "optim", "batch_size", "device")
"""What is said of a run's configuration beside its name."""

ENDED = FINAL | {"killed"}


@dataclass(frozen=True)
class Have:
    """What a receiver already has: points by series, gradient samples, log lines, and the
    examples of so many validations; and what it wants to see besides: the weights at an earlier
    step, the curves between two steps in detail, the curves of other runs (None: not asked)."""

    series: dict[str, int] = field(default_factory=dict)
    gradients: int = 0
    log: int = 0
    samples: int = 0
    at: int | None = None
    window: tuple[float, float] | None = None
    compare: tuple[str, ...] | None = None
    activations: int = 0
    histograms: int = 0

    @classmethod
    def said(cls, message: Any) -> Have:
        """From a view's greeting; whatever is not a count there is taken as nothing."""
        said = message if isinstance(message, dict) else {}
        series = said.get("series")
        counts = {str(k): _count(v) for k, v in series.items()} if isinstance(series, dict) else {}
        names = ("gradients", "log", "samples", "activations", "histograms")
        at, others = said.get("at"), said.get("compare")
        return cls(
            counts, at=at if type(at) is int else None, window=_window(said.get("window")),
            compare=tuple(map(str, others)) if isinstance(others, list) else None,
            **{name: _count(said.get(name)) for name in names},
        )  # fmt: skip


def _window(said: Any) -> tuple[float, float] | None:
    """Two steps, if the message has such."""
    if not isinstance(said, list) or len(said) != 2:
        return None
    if not all(isinstance(v, (int, float)) and np.isfinite(v) for v in said):
        return None
    return float(said[0]), float(said[1])


def _count(value: Any) -> int:
    return max(0, value) if isinstance(value, int) else 0


class PastRun:
    """A run of the past as the store keeps it, with the face of a ``Run`` that has ended.

    Args:
        kept: one of ``nbdl.runs()``.
    """

    watched = False
    exception: BaseException | None = None
    eta: float | None = None
    notice = ""
    examples = classes = tokenizer = None
    measured = 0

    def __init__(self, kept: RunRecord) -> None:
        self.id, self.name, self.status = kept.id, kept.name, kept.status
        self.config, self.model, self.message = kept.config, kept.model, kept.message
        self.epoch, self.step = kept.epoch, kept.step
        self.epochs = kept.config.get("epochs")
        self.total_steps: int | None = None
        self.started, self.elapsed = kept.created, kept.duration
        self.history = kept.history()
        self.lr = self.history.last("lr")
        self.throughput = self.history.last("throughput")
        self.results: dict[str, Any] = {}


def dashboard_record(
    run: Any, have: Have | None = None, pending: Sequence[str] = (), judge: bool | None = None
) -> DashboardRecord:
    """What the dashboard shows of a run, less what the receiver has.

    Args:
        run: a ``Run``, under way or over.
        have: what the receiver already has; nothing if left out.
        pending: commands that wait for the next step boundary.
        judge: whether findings are looked for, which takes half of the time; None: where there is
            something new to judge.
    """
    have = have or Have()
    history = run.history
    series = tuple(
        part
        for name in history.names()
        if (part := series_part(history, name, have.series.get(name, 0))).end > part.start
    )
    events = list(history.events[have.log :])
    measured = run.measured  # read before the examples: what comes between is sent once more
    has_news = len(history.gradients) > have.gradients
    has_looks = len(history.activations) > have.activations
    has_pictures = len(history.histograms) > have.histograms
    judge = has_news or has_looks if judge is None else judge
    return DashboardRecord(
        state=run_state(run, pending),
        series=series,
        gradients=gradient_part(history.gradients, have.gradients) if has_news else None,
        activations=(
            activation_part(history.activations, have.activations) if has_looks else None
        ),
        histograms=histogram_part(history.histograms, have.histograms) if has_pictures else None,
        findings=findings(history.gradients, history.activations) if judge else None,
        log=tuple(LogLine(t, kind, text, marked_step(kind, text)) for t, kind, text in events),
        log_start=have.log,
        confusion=confusion_of(run.results, run.classes),
        samples=samples_of(run) if measured > have.samples else None,
        samples_end=measured,
        past=None if have.at is None else past_of(run, have.at),
        detail=None if have.window is None else detail_of(history, *have.window),
    )


def detail_of(history: Any, low: float, high: float) -> Detail:
    """All series between two steps, and one point beyond on each side, so that lines reach the
    edges."""
    found = []
    for name in history.names():
        steps, values = history.series(name)
        first = max(0, int(np.searchsorted(steps, low)) - 1)
        last = int(np.searchsorted(steps, high, side="right")) + 1
        keep = thin(values[first:last], MAX_POINTS)
        found.append(SeriesPart(name, first, min(last, len(steps)), steps[first:last][keep],
                                values[first:last][keep]))  # fmt: skip
    return Detail(low, high, tuple(found))


def advanced(have: Have, record: DashboardRecord) -> Have:
    """What the receiver has once it got this record."""
    series = {**have.series, **{part.name: part.end for part in record.series}}
    gradients = record.gradients.end if record.gradients else have.gradients
    activations = record.activations.end if record.activations else have.activations
    histograms = record.histograms.end if record.histograms else have.histograms
    return Have(
        series, gradients, record.log_start + len(record.log), record.samples_end,
        activations=activations, histograms=histograms,
    )  # fmt: skip


def run_state(run: Any, pending: Sequence[str] = ()) -> RunState:
    """Where a run stands: all that is small and changes."""
    ended = run.status in ENDED
    error = error_text(run.exception)
    return RunState(
        id=str(run.id),
        name=str(run.name),
        model=run.model if isinstance(run.model, str) else type(run.model).__name__,
        status=run.status,
        epoch=run.epoch,
        epochs=run.epochs,
        step=run.step,
        total_steps=run.total_steps,
        started=run.started,
        elapsed=run.elapsed,
        eta=None if ended else run.eta,
        throughput=run.throughput or None,
        lr=run.lr,
        message=_message(run, ended, bool(error)),
        error=error,
        pending=tuple(pending),
        facts=_facts(run.config),
        laps=tuple(run.laps.seconds().items()) if hasattr(run, "laps") else (),
        memory=() if ended else _memory(),
        kept=tuple(getattr(run, "steps_kept", ())),
        variable=getattr(run, "variable", "run"),
    )


def _memory() -> tuple[tuple[str, float], ...]:
    """Memory that is in use while a run is under way."""
    used: list[tuple[str, float]] = [("memory", machine.memory())]
    gpu = machine.gpu_memory()
    if gpu is not None:
        used.append((f"GPU memory of {gpu[1] / 2**30:.0f} GB", gpu[0]))
    return tuple(used)


def _message(run: Any, ended: bool, failed: bool) -> str:
    """The one line for the person: what to know now, and at the end how it went."""
    if not ended:
        return run.notice or ""
    said = "" if failed else run.message.strip().rstrip(".")
    parts = [said[:1].upper() + said[1:], summary(run.history)]
    return ". ".join(part for part in parts if part)


def _facts(config: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    named = ((name, config.get(name)) for name in FACTS)
    return tuple(
        (name.replace("_", " "), value if isinstance(value, str) else str(value))
        for name, value in named
        if isinstance(value, (str, int)) and str(value)
    )


def error_text(error: BaseException | None) -> str:
    """An exception as the dashboard says it; '' for none."""
    if error is None:
        return ""
    notes = getattr(error, "__notes__", ())
    return "\n".join([f"{type(error).__name__}: {error}", *notes])


def summary(history: Any) -> str:
    """The best of each validation metric in one line: 'Best: val_accuracy 0.982 at step 450'."""
    said = []
    for name in history.names():
        if not name.startswith("val_"):
            continue
        steps, values = history.series(name)
        good = np.isfinite(values)
        if good.any():
            values = np.where(good, values, np.nan)
            best = int(np.nanargmin(values) if lower_is_better(name) else np.nanargmax(values))
            said.append(f"{name} {values[best]:.4g} at step {int(steps[best]):,}")
    return "Best: " + ", ".join(said) if said else ""


def lower_is_better(name: str) -> bool:
    """Whether a metric of this name improves as it falls."""
    return any(word in name for word in ("loss", "mse", "mae", "error", "perplexity"))


def series_part(history: Any, name: str, start: int = 0, limit: int = MAX_POINTS) -> SeriesPart:
    """The points of a series from number ``start`` on, thinned to about ``limit``."""
    steps, values = history.since(name, start)
    end = start + len(steps)
    keep = thin(values, limit)
    return SeriesPart(name, start, end, steps[keep], values[keep])


def thin(values: np.ndarray, limit: int) -> np.ndarray | slice:
    """The places of about ``limit`` values that show what all do: ends and extremes of stretches.

    values: (n,) -> places: (m,) int64 in order, m <= limit; or all, as a slice, where n <= limit.
    NaN and infinities count as extremes: the first of a stretch is kept.
    """
    n = len(values)
    if n <= limit:
        return slice(None)
    stretches = max(1, (limit - 2) // 2)
    size = -(-n // stretches)
    padded = np.full(stretches * size, np.nan)
    padded[:n] = values
    padded[n:] = values[-1]
    rows = padded.reshape(stretches, size)
    bad = ~np.isfinite(rows)
    least = np.where(bad, -np.inf, rows).argmin(axis=1)
    greatest = np.where(bad, np.inf, rows).argmax(axis=1)
    first = np.arange(stretches) * size
    places = np.concatenate([first + least, first + greatest, [0, n - 1]])
    return np.unique(places[places < n])


def confusion_of(
    results: Mapping[str, Any], names: Sequence[str] | None = None
) -> Confusion | None:
    """The confusion matrix among the results of a run, or None.

    results: metrics by name; (classes, classes) counts under a name with 'confusion'.
    names: of the classes, where the data has them.
    """
    for name, value in results.items():
        counts = np.asarray(value, np.float64) if "confusion" in name else np.zeros(0)
        if counts.ndim == 2 and counts.shape[0] == counts.shape[1] > 0:
            labels = tuple(class_name(index, names) for index in range(len(counts)))
            return Confusion(labels, counts)
    return None

