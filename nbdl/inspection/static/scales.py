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


def viridis(parts: np.ndarray) -> np.ndarray:
    """Colours for numbers from 0 to 1.  parts: (...) -> (..., 3) uint8."""
    place = np.clip(np.nan_to_num(parts, nan=0.0), 0, 1) * (len(VIRIDIS) - 1)
    low = np.minimum(place.astype(int), len(VIRIDIS) - 2)
    part = (place - low)[..., None]
    return np.round(VIRIDIS[low] * (1 - part) + VIRIDIS[low + 1] * part).astype(np.uint8)


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
