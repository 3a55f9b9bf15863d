"""Numbers in words for pictures and terminals, the same as js/lib/format.ts writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

MINUS = "−"


def value(x: float | None, digits: int = 4) -> str:
    """A number in at most ``digits`` significant digits: 0.0312, 1,204, 3.1e−8, NaN, ∞."""
    if x is None:
        return "–"
    if math.isnan(x):
        return "NaN"
    sign = MINUS if x < 0 else ""
    size = abs(x)
    if math.isinf(size):
        return f"{sign}∞"
    if size == 0:
        return "0"
    if size < 1e-3 or size >= 1e7:
        mantissa, exponent = f"{size:.{max(0, digits - 2)}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        power = int(exponent)
        return f"{sign}{mantissa}e{MINUS if power < 0 else ''}{abs(power)}"
    if size >= 1000:
        return f"{sign}{round(size):,}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    said = f"{size:.{decimals}f}"
    return sign + (said.rstrip("0").rstrip(".") if "." in said else said)


def count(x: float | None, digits: int = 3) -> str:
    """A count with a letter: 950, 12.3k, 4.5M."""
    if x is None:
        return "–"
    for unit, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(x) >= unit * 0.9995:  # from there three digits would round to the next unit
            return value(x / unit, digits) + letter
    return value(x, digits)


def nbytes(size: float) -> str:
    """Bytes: 512 B, 1.5 kB, 3 MB."""
    for unit, letters in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit * 0.9995:
            return f"{value(size / unit, 3)} {letters}"
    return f"{value(size, 3)} B"


def short_time(seconds: float) -> str:
    """A time span of a computation: 4.2 µs, 16.4 ms, 2.3 s."""
    for unit, letters in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= unit * 0.9995:
            return f"{value(seconds / unit, 3)} {letters}"
    return f"{value(seconds / 1e-6, 3)} µs"


def tick_texts(ticks: Sequence[float]) -> list[str]:
    """Ticks as texts with as many digits as tell them apart: 2.25, 2.275, 2.3."""
    exact = (d for d in range(3, 8) if all(math.isclose(float(f"{t:.{d}g}"), t) for t in ticks))
    digits = next(exact, 8)
    return [_tick_text(tick, digits) for tick in ticks]


def _tick_text(tick: float, digits: int) -> str:
    if abs(tick) >= 1e4:
        return count(tick, digits)
    return value(tick, digits + 1 if abs(tick) < 1e-3 else digits)


def duration(seconds: float | None) -> str:
    """A time span: 0.4 s, 12 s, 3:07, 1:02:30."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
