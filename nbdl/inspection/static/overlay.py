"""What a run did in the layers of a graph as colours of its nodes (see js/graph/film.ts)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nbdl.inspection.records import FlowFrames
from nbdl.inspection.static import formats
from nbdl.inspection.static.svg import BAD, MUTED, mix, rectangle, text

STRONG = "#c4560b"
"""Of the largest number; as ``heat`` of js/graph/colours.ts in the light theme."""

HEIGHT = 32.0
"""Of the key."""

RAMP = 24
"""Pieces of the key's colours."""


@dataclass(frozen=True)
class Overlay:
    """One measure of a run at its last step.

    Attributes:
        label: the measure and the step in words.
        ends: the least and the largest number over all steps, in words.
        shares: (nodes,) 0 to 1 on a logarithmic scale; NaN: a node without a number.
        bad: (nodes,) where the number became NaN or infinite.
    """

    label: str
    ends: tuple[str, str]
    shares: np.ndarray
    bad: np.ndarray

    def paint(self, node: int) -> tuple[str, str] | None:
        """(colour, fill) of a node; None for one that has no number."""
        if self.bad[node]:
            return BAD, mix(BAD, 0.14)
        share = float(self.shares[node])
        return None if math.isnan(share) else (STRONG, _heat(share))

    def key(self) -> str:
        """What the colours mean, its corner at (0, 0)."""
        steps = [_heat(0.05 + 0.95 * i / (RAMP - 1)) for i in range(RAMP)]
        ramp = [rectangle(20 + 6 * i, 16, 6, 8, fill=fill) for i, fill in enumerate(steps)]
        words = f"{self.ends[0]} … {self.ends[1]}"
        return "".join([
            text(20, 8, self.label, 11, fill=MUTED),
            *ramp,
            text(28 + 6 * RAMP, 24, words, 11, fill=MUTED),
        ])  # fmt: skip


def overlay_of(frames: FlowFrames) -> Overlay | None:
    """The first measure that has numbers, as the explorer shows it at first; None without any."""
    for name, label, values in zip(frames.names, frames.labels, frames.values, strict=True):
        good = values[np.isfinite(values) & (values > 0)]
        if not good.size:
            continue
        most = float(good.max())
        low = max(float(good.min()), most / 1e6)
        now = values[-1].astype(np.float64)
        bad = ~np.isfinite(now)
        shares = np.full(len(now), np.nan)
        shown = ~bad & (now > 0)
        span = math.log(most / low)
        logs = np.log(np.maximum(now[shown], low) / low)
        shares[shown] = np.maximum(logs / span, 0.05) if span > 0 else 1.0
        step = formats.value(float(frames.steps[-1]))
        return Overlay(f"{label} at step {step}", _ends(name, low, most), shares, bad)
    return None


def _ends(name: str, low: float, most: float) -> tuple[str, str]:
    if name == "zeros":
        return f"{100 * low:.3g} %", f"{100 * most:.3g} %"
    return formats.value(low, 3), formats.value(most, 3)


def _heat(share: float) -> str:
    return mix(STRONG, 0.04 + 0.5 * min(max(share, 0.0), 1.0))
