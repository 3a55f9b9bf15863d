"""Axes and colours: nice ticks, linear and logarithmic, and perceptually uniform colour scales."""

from __future__ import annotations

import math

import numpy as np

# Ten stops of matplotlib's viridis; linear between them. The same stand in js/lib/color.ts.
VIRIDIS = np.array(
    [
        (0x44, 0x01, 0x54), (0x48, 0x28, 0x78), (0x3E, 0x49, 0x89), (0x31, 0x68, 0x8E),
        (0x26, 0x82, 0x8E), (0x1F, 0x9E, 0x89), (0x35, 0xB7, 0x79), (0x6E, 0xCE, 0x58),
        (0xB5, 0xDE, 0x2B), (0xFD, 0xE7, 0x25),
    ],
    np.float64,
)  # fmt: skip

# From blue over white to orange: in OKLab the lightness falls evenly from the middle (0.97) to both
# ends (0.40), hues 258° and 52°, which people without red or green tell apart. Also in color.ts.
DIVERGING = np.array(
    [
        (0x00, 0x42, 0x99), (0x2F, 0x66, 0xB5), (0x5F, 0x8A, 0xC9), (0x8E, 0xAD, 0xDB),
        (0xC0, 0xD1, 0xEA), (0xF5, 0xF5, 0xF5), (0xE6, 0xC9, 0xB8), (0xD2, 0x9F, 0x80),
        (0xBB, 0x75, 0x48), (0xA1, 0x4B, 0x00), (0x73, 0x33, 0x00),
    ],
    np.float64,
)  # fmt: skip


def viridis(parts: np.ndarray) -> np.ndarray:
    """Colours for numbers from 0 to 1.  parts: (...) -> (..., 3) uint8."""
    return _between(VIRIDIS, parts)


def diverging(parts: np.ndarray) -> np.ndarray:
    """Colours for numbers from 0 to 1, where 0.5 stands for zero.  (...) -> (..., 3) uint8."""
    return _between(DIVERGING, parts)


def _between(stops: np.ndarray, parts: np.ndarray) -> np.ndarray:
    place = np.clip(np.nan_to_num(parts, nan=0.0), 0, 1) * (len(stops) - 1)
    low = np.minimum(place.astype(int), len(stops) - 2)
    part = (place - low)[..., None]
    return np.round(stops[low] * (1 - part) + stops[low + 1] * part).astype(np.uint8)


def hex_color(rgb: np.ndarray) -> str:
    """(3,) uint8 as #rrggbb."""
    return "#" + "".join(f"{int(channel):02x}" for channel in rgb)


def ticks(low: float, high: float, about: int, whole: bool = False) -> list[float]:
    """Round numbers between low and high, about so many; whole ones for steps."""
    if not high > low:
        return [low]
    rough = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(rough))
    marks = [1, 2, 2.5, 5, 10]
    if whole and power < 10:
        power, marks = max(1.0, power), [1, 2, 5, 10]
    step = next((m * power for m in marks if m * power >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


def log_range(values: np.ndarray) -> tuple[float, float]:
    """The powers of ten between which the positive numbers lie, 12 decades at most."""
    good = values[np.isfinite(values) & (values > 0)]
    if not good.size:
        return -1.0, 0.0
    top = math.log10(good.max())
    return max(math.log10(good.min()), top - 12), top
