"""Cutting samples into random parts: which sample goes where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nbdl.data.sampling import split_order
from nbdl.errors import ArgumentError, DataError


def parts(
    n: int, sizes: Sequence[float], seed: int, labels: np.ndarray | None = None
) -> list[np.ndarray]:
    """The numbers 0..n-1 dealt out at random: an array of numbers for each part.

    Args:
        n: how many samples there are.
        sizes: fractions or counts of the parts; what is left makes one more part.
        seed: the same seed gives the same parts.
        labels: (n,) classes whose proportions are alike in all parts; None for no matter.
    """
    counts = _counts(n, tuple(sizes))
    permutation = split_order(n, seed)
    if labels is not None:
        permutation = _stratified(permutation, labels, n, counts)
    return np.split(permutation, np.cumsum(counts)[:-1])


def _counts(n: int, sizes: tuple[float, ...]) -> list[int]:
    """Sizes of the parts, the rest included as one more part."""
    if not sizes:
        raise ArgumentError("split needs a size: dataset.split(0.8)")
    for size in sizes:
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if not ((whole and size >= 1) or (isinstance(size, float) and 0 < size < 1)):
            raise ArgumentError(
                f"a part of a split is a fraction between 0 and 1 or a count, got {size!r}",
                hint="dataset.split(0.8) or dataset.split(1000, 200)",
            )
    counts = [round(size * n) if isinstance(size, float) else int(size) for size in sizes]
    rest = n - sum(counts)
    if rest < 0 and all(isinstance(s, float) for s in sizes) and sum(sizes) <= 1 + 1e-9:
        counts[-1] += rest  # only rounding
        rest = 0
    if rest < 0:
        raise ArgumentError(f"{_told(sizes)} asks for {sum(counts)} of {n} samples")
    if not rest and all(isinstance(s, float) for s in sizes) and sum(sizes) < 1 - 1e-9:
        counts.append(0)  # the rest that was asked for, rounded away
    if rest and not (all(isinstance(s, float) for s in sizes) and abs(sum(sizes) - 1) < 1e-9):
        counts.append(rest)
    elif rest:
        counts[-1] += rest
    if 0 in counts:
        raise DataError(f"{_told(sizes)} of {n} samples leaves an empty part: {counts}")
    return counts


def _stratified(
    permutation: np.ndarray, labels: np.ndarray, n: int, counts: list[int]
) -> np.ndarray:
    """``permutation`` rearranged so that each part has each class in proportion.

    Samples of a class get evenly spaced positions in 0..1; sorting by them mixes the classes
    so finely that any cut keeps their proportions to within one sample a class.
    """
    if labels.shape != (n,):
        raise DataError(
            f"stratify needs one class a sample: {n} samples, labels of shape {labels.shape}"
        )
    classes, members = np.unique(labels, return_counts=True)
    if len(classes) > n // 2:
        raise DataError(
            f"stratify found {len(classes)} different labels among {n} samples: these are not "
            "classes",
            hint="split without stratify, or pass stratify=an array of groups",
        )
    rare = classes[members < len(counts)]
    if len(rare):
        raise DataError(
            f"class {rare[0].item()!r} has {members.min()} sample(s), fewer than the "
            f"{len(counts)} parts",
            hint="split without stratify, or leave that class out",
        )
    shuffled = labels[permutation]
    position = np.empty(n)
    for label, count in zip(classes, members, strict=True):
        position[shuffled == label] = (np.arange(count) + 0.5) / count
    return permutation[np.argsort(position, kind="stable")]


def _told(sizes: tuple[float, ...]) -> str:
    return f"split({', '.join(map(str, sizes))})"
