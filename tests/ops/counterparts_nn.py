"""Counterparts of torch.nn.functional: pooling, resizing, attention, losses, dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbdl
from nbdl.nn import functional as F
from tests.ops.counterparts import Unsupported


def _fractional(n: int) -> Callable[..., Any]:
    """PyTorch draws the windows' places: the same call on the same seed gives the same ones."""
    function = getattr(F, f"fractional_max_pool{n}d")

    def adapted(x: Any, *args: Any, _random_samples: Any = None, **kwargs: Any) -> Any:
        if _random_samples is None:
            import torch

            batch = x.shape[0] if x.ndim == n + 2 else 1
            with torch.random.fork_rng():
                torch.manual_seed(SEED)
                drawn = torch.rand(batch, x.shape[-n - 1], n, dtype=getattr(torch, x.dtype.name))
            _random_samples = nbdl.tensor(drawn.double().numpy()).astype(x.dtype)
        return function(x, *args, _random_samples=_random_samples, **kwargs)

    return adapted


def _dropout(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where chance decides nothing: p of 0 or 1, and evaluation."""

    def adapted(x: Any, *, p: float = 0.5, training: bool = True) -> Any:
        if training and 0 < p < 1:
            raise Unsupported("other random numbers")
        return function(x, p, training)

    return adapted


def _upsample_aa(
    x: Any, output_size: Any, align_corners: bool, scale_factors: Any = None, **scales: Any
) -> Any:
    if any(scale is not None for scale in scales.values()):
        raise Unsupported("a scale beside a size")
    size = None if output_size is None else tuple(output_size)
    return F.interpolate(x, size, scale_factors, "bilinear", align_corners, antialias=True)


def _grid_sampler(x: Any, grid: Any, mode: int, padding: int, corners: bool) -> Any:
    modes, paddings = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
    return F.grid_sample(x, grid, modes[mode], paddings[padding], corners)


def _embedding_bag(weight: Any, ids: Any, **kwargs: Any) -> Any:
    return F.embedding_bag(ids, weight, **kwargs)


def _ctc_loss(log_probs: Any, *args: Any, **kwargs: Any) -> Any:
    """PyTorch's gradient is that of what goes into log_softmax, of which log_probs are the result;
    log_softmax of them changes nothing else."""
    return F.ctc_loss(F.log_softmax(log_probs, 2), *args, **kwargs)


def _triplets(*xs: Any, distance_function: Any = None, **kwargs: Any) -> Any:
    if type(distance_function).__name__ == "PairwiseDistance":
        distance_function = None  # PyTorch's layer; nbdl's function is the default
    return F.triplet_margin_with_distance_loss(
        *xs, distance_function=distance_function, **kwargs
    )


SEED = 42
"""What OpInfo sets PyTorch's generator to before it calls a function that draws."""

_SAME = (
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "channel_shuffle", "grid_sample", "interpolate",
    "linear_cross_entropy", "max_unpool1d", "max_unpool2d", "max_unpool3d", "multi_margin_loss",
    "multilabel_margin_loss", "multilabel_soft_margin_loss", "unfold", "upsample_bilinear",
    "upsample_nearest",
)  # fmt: skip

_DROPOUT = ("dropout", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")

NN: dict[str, Callable[..., Any]] = {
    **{f"nn.functional.{name}": getattr(F, name) for name in _SAME},
    **{f"nn.functional.{name}": _dropout(getattr(F, name)) for name in _DROPOUT},
    "nn.functional.fractional_max_pool2d": _fractional(2),
    "nn.functional.fractional_max_pool3d": _fractional(3),
    "nn.functional.embedding_bag": _embedding_bag,
    "nn.functional.ctc_loss": _ctc_loss,
    "nn.functional.triplet_margin_with_distance_loss": _triplets,
    "_upsample_bilinear2d_aa": _upsample_aa,
    "grid_sampler_2d": _grid_sampler,
    "grid_sampler_3d": _grid_sampler,
}
