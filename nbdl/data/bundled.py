"""Real data that comes with scikit-learn, so it is there offline."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.data.dataset import TensorDataset
from nbdl.data.optional import require


def _load(name: str) -> Any:
    datasets = require("sklearn.datasets", f"data.{name}()")
    return getattr(datasets, f"load_{name}")()


def digits() -> TensorDataset:
    """1797 handwritten digits of 8×8 pixels: float32 (1, 8, 8) in 0..1, int64 class 0..9.

    UCI's 'Optical Recognition of Handwritten Digits' (test part), through scikit-learn.
    """
    bunch = _load("digits")
    images = (bunch.images / 16).astype(np.float32)[:, None]
    classes = [str(name) for name in bunch.target_names]
    return TensorDataset(images, bunch.target.astype(np.int64), classes=classes, name="digits")


def _classification(name: str) -> TensorDataset:
    bunch = _load(name)
    return TensorDataset(
        bunch.data.astype(np.float32),
        bunch.target.astype(np.int64),
        classes=[str(c) for c in bunch.target_names],
        features=[str(f) for f in bunch.feature_names],
        name=name,
    )


def iris() -> TensorDataset:
    """150 iris flowers: float32 (4,) lengths in cm, int64 class 0..2 (Fisher, 1936)."""
    return _classification("iris")


def wine() -> TensorDataset:
    """178 wines: float32 (13,) chemical measurements, int64 class 0..2 (UCI Wine)."""
    return _classification("wine")


def breast_cancer() -> TensorDataset:
    """569 tumours: float32 (30,) measurements, int64 class: malignant 0, benign 1 (UCI WDBC)."""
    return _classification("breast_cancer")


def diabetes() -> TensorDataset:
    """442 patients: float32 (10,) standardised measurements, float32 (1,) progression.

    The target is the disease's progression after one year, 25 to 346 (Efron et al., 2004). It
    has shape (1,), as a layer ``Linear(..., 1)`` gives it.
    """
    bunch = _load("diabetes")
    return TensorDataset(
        bunch.data.astype(np.float32),
        bunch.target.astype(np.float32)[:, None],
        features=[str(f) for f in bunch.feature_names],
        name="diabetes",
    )
