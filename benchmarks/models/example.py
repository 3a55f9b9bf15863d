"""What one example of the comparison is, and how both frameworks get the same one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Example:
    """A network in the words that both frameworks have, its batches, its loss, its optimizer.

    Args:
        title: what the table calls it.
        network: ``network(framework, small)``: a module, ``framework`` being nbdl or torch.
        batch: ``batch(random, size, small)``: inputs and targets of ``size`` samples.
        size: samples in a batch of training.
        loss: ``loss(functional, output, target)``.
        target: how many times faster than the faster of PyTorch's ways a compiled step is to be.
        images: whether inputs are images, for which PyTorch also has channels_last.
        fit: it is also trained by the Keras-like ``fit`` of nbdl, which the target is for.
        sparse: embeddings only, whose rows SparseAdam updates; everything else has AdamW.
    """

    title: str
    network: Callable[[Any, bool], Any]
    batch: Callable[[np.random.Generator, int, bool], Batch]
    size: int
    loss: Callable[[Any, Any, Any], Any]
    target: float = 1.3
    images: bool = False
    fit: bool = False
    sparse: bool = False

    def sample(self, size: int | None = None, small: bool = False) -> Batch:
        """One batch, the same whenever it is asked for."""
        return self.batch(np.random.default_rng(0), size or (4 if small else self.size), small)

    def optimizer(self, optim: Any, parameters: Any) -> Any:
        """The framework's optimizer; ``optim`` is ``nbdl.optim`` or ``torch.optim``."""
        kind = optim.SparseAdam if self.sparse else optim.AdamW
        return kind(list(parameters), lr=1e-3)


def weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Where training starts, by the parameters' paths and shapes alone; float32.

    A matrix, kernel or table is normal with the deviation 1/√(entries of one output), a vector of
    a normalization is around one, any other vector around zero. No two values are alike, so that
    a mistaken order shows.
    """
    return {path: _start(path, shape) for path, shape in shapes.items()}


def _start(path: str, shape: tuple[int, ...]) -> np.ndarray:
    values = np.random.default_rng(zlib.crc32(path.encode())).standard_normal(shape, np.float32)
    if len(shape) > 1:
        return values / np.float32(np.sqrt(np.prod(shape[1:])))
    scale = path.rsplit(".", 1)[-1] == "weight"
    return np.float32(0.02) * values + np.float32(scale)


def per_class(functional: Any, output: Any, target: Any) -> Any:
    """Cross-entropy; all axes but the last of the output are samples."""
    return functional.cross_entropy(output.reshape(-1, output.shape[-1]), target.reshape(-1))


def squared(functional: Any, output: Any, target: Any) -> Any:
    """The mean squared error."""
    return functional.mse_loss(output, target)
