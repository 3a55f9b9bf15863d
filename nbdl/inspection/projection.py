"""Rows of a table as points in the plane: by their principal components, t-SNE or UMAP."""

from __future__ import annotations

import importlib
import importlib.util
import math
from dataclasses import dataclass

import numpy as np

from nbdl.errors import ArgumentError
from nbdl.inspection.arrays import NUMBER, Numbers

METHODS = ("pca", "tsne", "umap")
LIBRARIES = {"pca": "numpy", "tsne": "sklearn", "umap": "umap"}

MOST_ROWS = 1500
MOST_COLUMNS = 4096
FEWEST = 4
"""Rows of a table that is worth a plane, and columns above two."""


@dataclass(frozen=True)
class Projection:
    """points: (n, 2) float32; rows: (n,) which row each is; note: what was done, in words."""

    points: np.ndarray
    rows: np.ndarray
    note: str


def methods() -> tuple[str, ...]:
    """Those whose library is installed."""
    return tuple(m for m in METHODS if importlib.util.find_spec(LIBRARIES[m]) is not None)


def fits(numbers: Numbers) -> bool:
    """Whether its rows may be points: a table of at least four rows and three columns."""
    shape = numbers.shape
    return len(shape) == 2 and shape[0] >= FEWEST and shape[1] >= 3


def project(numbers: Numbers, method: str, part: str = "") -> Projection:
    """The rows of a table in the plane; of more than 1,500 rows an even sample.

    Raises ArgumentError when fewer than four rows are made of numbers alone.
    """
    n, d = numbers.shape
    every = math.ceil(n / MOST_ROWS)
    few = math.ceil(d / MOST_COLUMNS)
    values, marks = numbers.read((slice(None, None, every), slice(None, None, few)), part)
    whole = (marks == NUMBER).all(axis=1)
    rows = np.arange(0, n, every)[whole]
    if len(rows) < FEWEST:
        raise ArgumentError("too few rows are made of numbers alone to be put into a plane")
    scale = np.abs(values).max() or 1.0
    centred = (values[whole] / scale) - (values[whole] / scale).mean(axis=0)
    points, said = _PLANES[method](centred)
    aside = f"{len(rows):,} of {n:,} rows" if len(rows) < n else f"{n:,} rows"
    return Projection(points.astype(np.float32), rows.astype(np.int32), f"{said}, {aside}")


def _pca(x: np.ndarray) -> tuple[np.ndarray, str]:
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    total = float(np.square(s).sum()) or 1.0
    shares = np.square(s[:2]) / total
    # The sign of a component means nothing: the heavier side is put to the right.
    signs = np.where((u[:, :2] ** 3).sum(axis=0) < 0, -1, 1)
    said = " + ".join(f"{100 * share:.1f}" for share in shares)
    return u[:, :2] * s[:2] * signs, f"principal components: {said} % of the variance"


def _tsne(x: np.ndarray) -> tuple[np.ndarray, str]:
    manifold = importlib.import_module("sklearn.manifold")
    perplexity = min(30.0, (len(x) - 1) / 3)
    made = manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=0, max_iter=500)
    return np.asarray(made.fit_transform(x)), f"t-SNE, perplexity {perplexity:.0f}"


def _umap(x: np.ndarray) -> tuple[np.ndarray, str]:
    library = importlib.import_module("umap")
    made = library.UMAP(n_components=2, n_neighbors=min(15, len(x) - 1), random_state=0)
    return np.asarray(made.fit_transform(x)), "UMAP"


_PLANES = {"pca": _pca, "tsne": _tsne, "umap": _umap}
