"""Numbers that must be finite: losses and gradients are looked at before anything is learned.

A step that fails here is made once more while every operation is watched, to say which one made
the first NaN or infinite value, in which layer, on which line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from nbdl.backends import has_data
from nbdl.core.anomaly import AnomalyError, detect_anomaly
from nbdl.core.random import default_generator
from nbdl.core.tensor import Tensor
from nbdl.errors import TrainingError, brief
from nbdl.training.statistics.gradients import norm


class NotFiniteError(TrainingError):
    """The loss or a gradient became NaN or infinite; the model is as before the step."""


def origin_of(
    error: NotFiniteError, compute: Callable[[], Any], buffers: list[tuple[Any, Any]],
    draws: dict[str, int], named: Iterable[tuple[str, Any]] = (),
) -> None:
    """Add to ``error`` where it began: the step is made again, watched, and undone.

    Args:
        compute: forward and backward of the step that failed; it changes no parameters.
        buffers: (tensor, value) of the model's buffers before the step.
        draws: the state of the random numbers before the step.
        named: parameters by name: it may have been the update before that spoilt them.
    """
    generator = default_generator()
    after = generator.state()
    generator.restore(draws)
    try:
        with detect_anomaly():
            compute()
    except AnomalyError as found:
        error.message += f"\n  It began here: {found.message}"
        error.layer, error.source = found.layer, found.source
    except Exception:  # the same failure, of numbers that were bad before any operation
        spoilt = next((name for name, p in named if not math.isfinite(norm(p.value))), None)
        if spoilt is not None:
            error.message += f"\n  It began here: the update before made {spoilt!r} infinite or NaN"
    finally:
        generator.restore(after)
        for b, value in buffers:
            b.value = value


def check_loss(loss: Any, name: str, batch: Any) -> None:
    """Raise TrainingError when the loss is no single number, NotFiniteError when it is NaN or Inf.

    While the step is being traced it has no value to look at.
    """
    if not isinstance(loss, Tensor):
        raise TrainingError(
            f"the loss {name!r} must return a tensor, got {brief(loss)}",
            hint="compute it from the outputs with nbdl's functions, so that it has a gradient",
        )
    if loss.size != 1:
        raise TrainingError(
            f"the loss {name!r} must be one number, got shape {loss.shape}",
            hint=".mean() over the samples",
        )
    if has_data(loss.value):
        check_finite(float(loss.item()), batch)


def check_results(loss: float, squares: dict[str, float], *batches: Any) -> None:
    """Raise NotFiniteError when the loss or a gradient's sum of squares is not finite.

    The batches are (inputs, named inputs, targets), to look for the origin in.
    """
    check_finite(loss, *batches)
    for name, square in squares.items():
        if not math.isfinite(square):
            raise NotFiniteError(_spoilt(name), hint=_UNSTABLE)


def check_finite(loss: float, *batches: Any) -> None:
    """Raise NotFiniteError when a loss is NaN or infinite."""
    if not math.isfinite(loss):
        where = "".join(_where_from(batch) for batch in batches)
        raise NotFiniteError(f"the loss became {_word(loss)}{where}", hint=_UNSTABLE)


_UNSTABLE = (
    "a smaller learning rate, or clip_norm=1.0; the model keeps the state before this step"
)


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"


def _where_from(batch: Any) -> str:
    """Says so if the batch itself has NaN or Inf."""
    for what, part in zip(("inputs", "inputs", "targets"), batch, strict=True):
        for x in _floats(part):
            if not math.isfinite(norm(x.value)):
                return f": the {what} of this batch have NaN or infinite values"
    return ""


def _floats(part: Any) -> list[Any]:
    values = (
        part.values() if isinstance(part, dict) else part if isinstance(part, tuple) else [part]
    )
    return [x for x in values if getattr(getattr(x, "dtype", None), "kind", "") == "f"]


def check_gradients(named: list[tuple[str, Any]]) -> None:
    """Raise NotFiniteError if a gradient has NaN or Inf, before it can spoil the weights."""
    for name, p in named:
        if p.grad is not None and not math.isfinite(norm(p.grad.value)):
            raise NotFiniteError(_spoilt(name), hint=_UNSTABLE)


def _spoilt(name: str) -> str:
    return f"the gradient of {name!r} became NaN or infinite"
