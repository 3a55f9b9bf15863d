"""Text twins: runs for a terminal, as plain lines with small curves drawn in block letters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbdl.inspection.gradient_flow import Measured, measured
from nbdl.inspection.records import (
    DashboardRecord,
    Finding,
    GradientFlowRecord,
    RunState,
)
from nbdl.inspection.static import formats
from nbdl.inspection.static.confusion import right_of_all
from nbdl.inspection.static.run import laps_text, remarks
from nbdl.inspection.static.scales import log_range
from nbdl.inspection.static.svg import shorten

BLOCKS = "▁▂▃▄▅▆▇█"
SHADES = " ░▒▓█"
WIDTH = 48
MARKS = {"good": "+", "note": "i", "warning": "!", "bad": "x", "edit": "*", "branch": "*"}


def dashboard_text(record: DashboardRecord, width: int = WIDTH) -> str:
    """The dashboard of a whole run as lines: state, progress, one curve a series, findings.

    Args:
        record: made for a receiver that has nothing.
        width: letters of the bar and the curves.
    """
    lines = [*_state(record.state, width)]
    longest = max((len(part.name) for part in record.series), default=0)
    for part in record.series:
        if not len(part.values):
            continue
        first, last = (formats.value(float(part.values[place])) for place in (0, -1))
        curve = spark(part.values, width)
        lines.append(f"{part.name.ljust(longest)}  {curve}  {first} → {last}")
    if record.confusion is not None:
        lines.append(right_of_all(record.confusion))
    lines += [f"{MARKS[line.kind]} {line.text}" for line in remarks(record)]
    lines += findings_text(record.findings or ())
    if record.state.error:
        lines += ["", record.state.error]
    return "\n".join(lines)


def gradient_flow_text(record: GradientFlowRecord, width: int = WIDTH) -> str:
    """The measure that the record shows first as lines: layers by steps, the greater the darker."""
    shown = measured(record)
    lines = [f"Gradient flow · {record.title} · {record.status} · {shown.label}"]
    if not len(shown.steps):
        return "\n".join([*lines, "nothing was sampled yet", *findings_text(record.findings)])
    low, high = (0.0, 1.0) if shown.is_share else log_range(shown.values)
    names = [shorten(layer, 28) for layer in shown.layers]
    longest = max(map(len, names))
    for column, name in enumerate(names):
        cells = _cells(shown, column, width, low, high)
        last = float(shown.values[-1, column])
        said = "–" if last < 0 else formats.value(last, 3)
        lines.append(f"{name.rjust(longest)} |{cells}| {said}")
    steps = f"{formats.value(float(shown.steps[0]))} … {formats.value(float(shown.steps[-1]))}"
    ends = (low, high) if shown.is_share else (10**low, 10**high)
    scale = f"░ {formats.value(ends[0], 2)} … █ {formats.value(ends[1], 2)}, x: not finite"
    lines.append(f"{' ' * longest}  steps {steps}   {scale}")
    return "\n".join([*lines, *findings_text(record.findings)])


def spark(values: np.ndarray, width: int = WIDTH) -> str:
    """Values as one line of blocks; what is no number as 'x'.  values: (n,), any n."""
    rows = _stretches(np.asarray(values, np.float64), width)
    with np.errstate(invalid="ignore"):
        means = np.array([row.mean() for row in rows])
    good = means[np.isfinite(means)]
    low, high = (good.min(), good.max()) if good.size else (0.0, 1.0)
    span = (high - low) or 1.0
    return "".join(
        BLOCKS[round(7 * (mean - low) / span)] if np.isfinite(mean) else "x" for mean in means
    )


def _stretches(values: np.ndarray, width: int) -> list[np.ndarray]:
    return np.array_split(values, min(width, len(values))) if len(values) else []


def _cells(shown: Measured, column: int, width: int, low: float, high: float) -> str:
    cells = ""
    for row in _stretches(shown.values[:, column], width):
        most = row.max()  # NaN if any is
        if not np.isfinite(most):
            cells += "x"
        elif most < 0 or (most == 0 and not shown.is_share):
            cells += SHADES[0]
        else:
            place = ((most if shown.is_share else np.log10(most)) - low) / ((high - low) or 1.0)
            cells += SHADES[1 + round(3 * min(1.0, max(0.0, place)))]
    return cells


def _state(state: RunState, width: int) -> list[str]:
    total = state.total_steps
    part = state.step / total if total else state.epoch / (state.epochs or 1)
    done = round(width * min(1.0, 1.0 if state.status == "finished" else part))
    bar = "█" * done + "░" * (width - done)
    step = f"{state.step:,}" + (f" / {total:,}" if total else "")
    epoch = f"{state.epoch}" + (f" / {state.epochs}" if state.epochs else "")
    facts = [f"epoch {epoch}", f"step {step}"]
    if state.eta is not None:
        facts.append(f"{formats.duration(state.eta)} left")
    facts.append(f"{formats.duration(state.elapsed)} elapsed")
    if state.throughput:
        facts.append(f"{formats.count(state.throughput)} samples/s")
    if state.lr is not None:
        facts.append(f"lr {formats.value(state.lr)}")
    lines = [f"{state.name} · {state.status}", f"{bar}  {' · '.join(facts)}"]
    lines += [laps_text(state)] * bool(state.laps)
    return [*lines, state.message] if state.message else lines


def findings_text(findings: Sequence[Finding]) -> list[str]:
    """Findings as lines, each with a mark for how grave it is."""
    return [f"{MARKS[f.level]} {f.title} {f.text}" for f in findings]
