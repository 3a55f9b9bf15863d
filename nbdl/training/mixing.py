"""Mixup and CutMix: training on mixtures of samples, with mixtures of their targets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.modes import no_grad
from nbdl.core.random import default_generator
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DataError
from nbdl.ops.selection import where
from nbdl.training.batches import Batch
from nbdl.training.names import Loss


class Mixing:
    """Mixes each batch with itself in another order.

    Mixup takes weighted means of two samples (H. Zhang and others, "mixup: Beyond Empirical Risk
    Minimization", ICLR 2018, arXiv 1710.09412); CutMix puts a rectangle of one into the other
    (S. Yun and others, "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features", ICCV 2019, arXiv 1905.04899). With both, each batch gets one of them by
    chance. Targets are mixed in the same proportion, class numbers as probabilities. Random numbers
    are the run's.

    Args:
        mixup, cutmix: the parameter of the Beta distribution of proportions, or None for without.
        loss: which says what targets are.
        classes: how many there are, where targets are class numbers.

    Raises ArgumentError for a loss of class numbers that takes no probabilities.
    """

    def __init__(
        self, mixup: float | None, cutmix: float | None, loss: Loss, classes: int | None
    ) -> None:
        self.alphas = [(kind, a) for kind, a in (("mixup", mixup), ("cutmix", cutmix)) if a]
        self.classes = classes
        if loss.kind is not None and loss.kind.function == "nll_loss":
            raise ArgumentError(
                f"{self.alphas[0][0]} makes probabilities of classes, which {loss.name} does not "
                "take",
                hint="loss='cross_entropy', with a model that ends in Linear",
            )

    def __call__(self, batch: Batch) -> Batch:
        """The mixed batch; its ``labels`` are the targets of the greater part of each sample.

        Raises DataError for inputs and targets that cannot be mixed.
        """
        rng = _chance()
        kind, alpha = self.alphas[rng.integers(len(self.alphas))]
        inputs = self._inputs(batch, kind)
        order = rng.permutation(batch.size)
        share = float(rng.beta(alpha, alpha))
        with no_grad():
            if kind == "mixup":
                mixed = tuple(_mean(x, _taken(x, order), share) for x in inputs)
            else:
                mask, share = _rectangle(rng, inputs[0].shape[-2:], share)
                inside = Tensor(mask).to(inputs[0].device)
                mixed = tuple(where(inside, _taken(x, order), x) for x in inputs)
            targets = self._probabilities(batch.targets)
            others = _taken(targets, order)
            labels = batch.targets if share >= 0.5 else _taken(batch.targets, order)
            return batch._replace(
                inputs=mixed, targets=_mean(targets, others, share), labels=labels
            )

    def _inputs(self, batch: Batch, kind: str) -> tuple[Any, ...]:
        """The inputs, if they can be mixed."""
        inputs = batch.inputs
        fine = inputs and not batch.named and all(
            isinstance(x, Tensor) and dtypes.is_float(x.dtype) for x in inputs
        )  # fmt: skip
        if not fine or not isinstance(batch.targets, Tensor):
            raise DataError(f"{kind} mixes inputs that are floats, and targets that are a tensor",
                            hint="mix inside the model, after its embedding")  # fmt: skip
        if kind == "cutmix" and any(x.ndim < 4 for x in inputs):
            raise DataError(
                f"cutmix is for images (batch, channels, height, width), got {inputs[0].shape}",
                hint="mixup=0.2",
            )
        return inputs

    def _probabilities(self, targets: Tensor) -> Tensor:
        """Targets as numbers that can be mixed."""
        if dtypes.is_float(targets.dtype):
            return targets
        if self.classes is None:
            return targets.to(dtypes.float32)
        if targets.ndim != 1:
            raise DataError(
                f"mixup and cutmix need one class a sample, got targets of shape {targets.shape}"
            )
        rows = np.zeros((targets.size, self.classes), np.float32)
        rows[np.arange(targets.size), targets.numpy()] = 1
        return Tensor(rows).to(targets.device)


def _chance() -> np.random.Generator:
    """NumPy's generator for one draw of the generator in use."""
    seed, number = default_generator().next()
    key = np.array([seed & (2**64 - 1), number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def _taken(x: Tensor, order: np.ndarray) -> Tensor:
    return x[Tensor(order).to(x.device)]


def _mean(x: Tensor, other: Tensor, share: float) -> Tensor:
    return x * share + other * (1 - share)


def _rectangle(
    rng: np.random.Generator, size: tuple[int, ...], share: float
) -> tuple[np.ndarray, float]:
    """Where the other image is seen, and the exact share of the first."""
    height, width = size
    mask = np.zeros((height, width), np.bool_)
    part = math.sqrt(1 - share)
    row, column = rng.integers(height), rng.integers(width)
    half_rows, half_columns = int(height * part) // 2, int(width * part) // 2
    rows = slice(max(0, row - half_rows), min(height, row + half_rows))
    columns = slice(max(0, column - half_columns), min(width, column + half_columns))
    mask[rows, columns] = True
    return mask, 1 - float(mask.mean())
