"""Averages of a model's weights while it trains, PyTorch's ``torch.optim.swa_utils``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from nbdl import dtypes
from nbdl.core.modes import no_grad
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn.batch_normalization import _BatchNorm
from nbdl.nn.module import Module
from nbdl.ops.creation import zeros

Average = Callable[[Tensor, Tensor, Any], Tensor]
Averages = Callable[[list[Tensor], list[Tensor], Any], None]


def get_swa_avg_fn() -> Average:
    """The mean of all: ``f(averaged, current, number averaged so far)``."""

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return averaged + (current - averaged) / (int(count) + 1)

    return average


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The exponential mean: decay · averaged + (1 − decay) · current.

    Raises ArgumentError for a ``decay`` that is not from 0 to 1.
    """
    if not 0 <= decay <= 1:
        raise ArgumentError(f"get_ema_avg_fn: decay={decay!r} must be from 0 to 1")

    def average(averaged: Tensor, current: Tensor, count: Any) -> Tensor:
        return averaged * decay + current * (1 - decay)

    return average


def get_swa_multi_avg_fn() -> Averages:
    """As ``get_swa_avg_fn``, on lists, and puts the means into the first."""
    return _on_lists(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """As ``get_ema_avg_fn``, on lists, and puts the means into the first."""
    return _on_lists(get_ema_avg_fn(decay))


def _on_lists(average: Average) -> Averages:
    def averages(averaged: list[Tensor], current: list[Tensor], count: Any) -> None:
        for a, c in zip(averaged, current, strict=True):
            a.copy_(average(a, c, count))

    return averages


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of what the model's were.

    P. Izmailov and others, "Averaging Weights Leads to Wider Optima and Better Generalization",
    UAI 2018, for the mean of all (stochastic weight averaging, the default); with
    ``multi_avg_fn=get_ema_multi_avg_fn(0.999)`` the exponential moving average. Call
    ``averaged.update_parameters(model)`` after each step or epoch that counts; the first one
    copies. It is called like the model. Batch norm's statistics are those of the model, unless
    ``update_bn`` computes them anew or ``use_buffers`` averages them.

    Args:
        model: what to copy.
        device: where the copy lives; the model's device unless given.
        avg_fn: ``f(averaged, current, number averaged so far)`` gives the new average.
        multi_avg_fn: the same on lists of all, which puts the averages into the first.
        use_buffers: average buffers too.

    Attributes:
        module: the copy.
        n_averaged: how many were averaged, an integer tensor.

    Raises ArgumentError if both functions are given.
    """

    n_averaged: Tensor

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None, use_buffers: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel takes avg_fn or multi_avg_fn, not both")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", zeros((), dtype=dtypes.int64))
        if device is not None:
            self.to(device=device)
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's output."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's parameters as they are now into the averages.

        Raises ArgumentError or ShapeError for a model that is not like the one copied.
        """
        pairs = _pairs(self.module.parameters(), model.parameters())
        buffers = _pairs(self.module.buffers(), model.buffers())
        if self.use_buffers:
            pairs, buffers = pairs + buffers, []
        with no_grad():
            if int(self.n_averaged) == 0:
                buffers = pairs + buffers
            elif self.avg_fn is not None:
                for averaged, current in pairs:
                    averaged.copy_(self.avg_fn(averaged, current, self.n_averaged))
            elif pairs:
                averages = self.multi_avg_fn or get_swa_multi_avg_fn()
                averages([a for a, _ in pairs], [c for _, c in pairs], self.n_averaged)
            for averaged, current in buffers:
                averaged.data = current.to(averaged.dtype)
            self.n_averaged.data = self.n_averaged.detach() + 1


def _pairs(averaged: Iterable[Tensor], current: Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """(averaged, current) without gradients, on the device of the averaged."""
    ours, theirs = list(averaged), list(current)
    if len(ours) != len(theirs):
        raise ArgumentError(
            f"AveragedModel.update_parameters: the model has {len(theirs)} parameters or buffers, "
            f"the one that was copied had {len(ours)}"
        )
    for a, c in zip(ours, theirs, strict=True):
        if a.shape != c.shape:
            raise ShapeError(
                f"AveragedModel.update_parameters: a tensor of shape {c.shape} stands where the "
                f"model that was copied had {a.shape}"
            )
    return [(a.data, c.detach().to(a.device)) for a, c in zip(ours, theirs, strict=True)]


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute batch norm's running statistics anew, by one pass over ``loader``.

    Args:
        loader: batches; of a tuple or list the first is the input.
        model: an AveragedModel, or any other; its modes are left as they were.
        device: move each input there first.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    modes = [(module, module.training) for module in model.modules()]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches
        model.train()
        with no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, (tuple, list)) else batch
                x = x if isinstance(x, Tensor) else Tensor(x)
                model(x if device is None else x.to(device))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, mode in modes:
            module.training = mode
