"""Metrics of numbers: mean squared and absolute error, the coefficient of determination."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.training.measuring.metric import Mean, Metric, same_shape


class MSE(Mean):
    """Mean squared error; outputs and targets of one shape."""

    name = "mse"
    better = "lower"

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        same_shape(self.name, outputs, targets)
        self.total += float(((outputs.astype(np.float64) - targets) ** 2).sum())
        self.count += outputs.size


class MAE(Mean):
    """Mean absolute error; outputs and targets of one shape."""

    name = "mae"
    better = "lower"

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        same_shape(self.name, outputs, targets)
        self.total += float(np.abs(outputs.astype(np.float64) - targets).sum())
        self.count += outputs.size


class R2(Metric):
    """The coefficient of determination, 1 - residuals²/variance; the mean over columns."""

    name = "r2"

    def reset(self) -> None:
        self.count = 0
        self.residual: Any = 0.0
        self.mean: Any = 0.0
        self.spread: Any = 0.0  # sum of squared distances from the mean

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        same_shape(self.name, outputs, targets)
        y = targets.reshape(len(targets), -1).astype(np.float64)
        p = outputs.reshape(len(outputs), -1).astype(np.float64)
        self.residual = self.residual + ((y - p) ** 2).sum(0)
        # Chan's rule for joining two means, which stays exact for means far from zero.
        n, mean = len(y), y.mean(0)
        step = mean - self.mean
        total = self.count + n
        self.spread = self.spread + ((y - mean) ** 2).sum(0) + step**2 * self.count * n / total
        self.mean = self.mean + step * n / total
        self.count = total

    def value(self) -> float:
        if self.count < 2:
            return float("nan")
        constant = self.spread == 0
        each = 1 - self.residual / np.where(constant, 1, self.spread)
        return float(np.where(constant, np.where(self.residual == 0, 1.0, 0.0), each).mean())
