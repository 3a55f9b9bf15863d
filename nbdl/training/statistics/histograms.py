"""Small histograms of weights, gradients and activations, kept evenly over a whole run.

A histogram has bins of powers of two below the largest magnitude: ``BINS`` bytes, so thousands
of them are small. The first samples are all taken, later ones ever more rarely, so that what is
kept covers a run of any length evenly and its number grows with the logarithm of the length.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from nbdl import backends
from nbdl.training.statistics.rows import Rows

OCTAVES = 11
BINS = 2 * OCTAVES + 1
"""Negative powers of two, largest magnitude first; what is nearly 0; positive powers of two."""

MOST = 4096
"""Elements of a tensor that are looked at: an even sample of larger ones."""

MOMENTS = 32
"""Moments of a run that are shown; at most about twice as many of each doubling are kept."""

KINDS = ("weight", "gradient", "activation")
COLUMNS = ["step", "kind", "layer", "peak", "bins0", "bins1", "bins2", "bins3"]
_PACKED = 6  # bytes that one float64 holds exactly as a whole number


def is_moment(number: int) -> bool:
    """Whether histograms are taken with sample ``number``, from 0."""
    stride = 1
    while number // stride >= MOMENTS:
        stride *= 2
    return number % stride == 0


def even_sample(array: np.ndarray, most: int = MOST) -> np.ndarray:
    """About ``most`` elements of an array, evenly: (n,) on the CPU.

    An odd stride, so that of the columns of a table not always the same are met.
    """
    flat = array.reshape(-1)
    stride = -(-flat.size // most) | 1
    return backends.to_numpy(flat[::stride])


def histograms(samples: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """One histogram each of some one-dimensional float arrays.

    Returns:
        peaks (n,): the exponent of two above the largest magnitude; NaN for an array without
        finite elements. bins (n, BINS) uint8: the share in each bin, of 255, rounded up.
    """
    n = len(samples)
    peaks, bins = np.full(n, np.nan), np.zeros((n, BINS), np.uint8)
    sizes = [len(x) for x in samples]
    if not sum(sizes):
        return peaks, bins
    values = np.concatenate([np.asarray(x, np.float32) for x in samples])
    owner = np.repeat(np.arange(n), sizes)
    good = np.isfinite(values)
    if not good.all():
        values, owner = values[good], owner[good]
    fractions, exponents = np.frexp(values)
    exponents[fractions == 0] = -1000
    top = np.full(n, -1000)
    np.maximum.at(top, owner, exponents)
    place = OCTAVES - (top[owner] - exponents)
    np.clip(place, 0, None, out=place)
    place[fractions < 0] *= -1
    counts = np.bincount(owner * BINS + place + OCTAVES, minlength=n * BINS).reshape(n, BINS)
    totals = counts.sum(1)
    known = totals > 0
    bins[known] = np.ceil(255 * counts[known] / totals[known, None])
    peaks[known] = top[known]
    return peaks, bins


class Histograms:
    """Histograms over steps: rows of step, kind, layer and the packed bins; they only grow."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = Rows(len(COLUMNS))

    def append(self, step: int, kind: str, peaks: np.ndarray, bins: np.ndarray) -> None:
        """Add one moment: a histogram of each layer, as ``histograms`` gives them."""
        n = len(peaks)
        head = np.empty((n, 4))
        head[:, 0], head[:, 1], head[:, 2], head[:, 3] = step, KINDS.index(kind), range(n), peaks
        rows = np.hstack((head, _pack(bins)))
        with self._lock:
            for row in rows[np.isfinite(peaks)]:
                self._rows.append(row)

    def __len__(self) -> int:
        return self._rows.count

    def table(self, start: int = 0) -> np.ndarray:
        """(histograms, 8) float64, as COLUMNS names them."""
        with self._lock:
            return self._rows.view(start)

    def columns(self) -> list[str]:
        """What stands in the columns of ``table()``."""
        return COLUMNS

    def read(self, columns: Sequence[str], table: np.ndarray) -> None:
        """Take in what ``table()`` once gave; what another version has written is left out."""
        if list(columns) == COLUMNS:
            with self._lock:
                self._rows.extend(table)

    def truncate(self, step: float) -> None:
        """Forget those taken after ``step``."""
        with self._lock:
            self._rows.truncate(step)

    def shown(self) -> np.ndarray:
        """The rows of at most MOMENTS moments of each kind, the first and the last among them."""
        table = self.table()
        kept = np.zeros(len(table), bool)
        for kind in range(len(KINDS)):
            steps = np.unique(table[table[:, 1] == kind, 0])
            if len(steps) > MOMENTS:
                wanted = np.linspace(steps[0], steps[-1], MOMENTS)
                steps = steps[np.abs(steps[:, None] - wanted).argmin(0)]
            kept |= (table[:, 1] == kind) & np.isin(table[:, 0], steps)
        return table[kept]


def _pack(bins: np.ndarray) -> np.ndarray:
    """(n, BINS) uint8 as (n, 4) whole numbers in float64."""
    padded = np.zeros((len(bins), 4 * _PACKED), np.int64)
    padded[:, :BINS] = bins
    weights = 256 ** np.arange(_PACKED)
    return (padded.reshape(-1, 4, _PACKED) @ weights).astype(np.float64)


def unpack(table: np.ndarray) -> np.ndarray:
    """The bins of rows of ``Histograms.table()``: (n, BINS) uint8."""
    whole = np.nan_to_num(table[:, 4:8]).clip(0, 2**48 - 1).astype(np.int64)
    bytes_ = whole[:, :, None] >> (8 * np.arange(_PACKED)) & 255
    return bytes_.reshape(len(table), 4 * _PACKED)[:, :BINS].astype(np.uint8)
