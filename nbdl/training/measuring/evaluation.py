"""Evaluating and predicting: the model in evaluation mode, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from nbdl.core import modes
from nbdl.core.tensor import Tensor
from nbdl.data import to_tensors
from nbdl.errors import ArgumentError, DataError
from nbdl.training.active import run_of
from nbdl.training.batches import Caster, TargetRule, inputs_of, model_dtype, sort_batch
from nbdl.training.inference import forward_of
from nbdl.training.measuring.classification import Accuracy
from nbdl.training.measuring.metric import Metric
from nbdl.training.measuring.metrics import as_metrics
from nbdl.training.models import one_module
from nbdl.training.names import Loss, as_loss
from nbdl.training.sources import evaluation_batches


@contextmanager
def eval_mode(model: Any) -> Iterator[None]:
    """The model in evaluation mode; afterwards each of its modules is as it was.

    If the model is being trained in another thread, that waits meanwhile, between two steps.
    """
    run = run_of(model)
    with nullcontext() if run is None else run.frozen():
        modules = list(model.modules())
        before = [module.training for module in modules]
        for module in modules:
            module.training = False
        try:
            yield
        finally:
            for module, training in zip(modules, before, strict=True):
                module.training = training


def default_metrics(loss: Loss) -> list[Metric]:
    """Accuracy for losses of classes; none for others."""
    if loss.kind is None or loss.kind.targets == "values":
        return []
    return [Accuracy(loss.kind.threshold)]


def measure(
    model: Any, batches: Iterable[Any], loss: Loss | None, metrics: list[Metric],
    cast: Caster, target_key: str | None, carry_on: Callable[[], bool] | None = None,
    look: Callable[[Any, Any, Any], None] | None = None,
) -> dict[str, Any] | None:  # fmt: skip
    """``{"loss": ..., name: value, ...}`` over all batches; None if ``carry_on`` said no.

    ``look`` is shown the first batch's first input, outputs and targets.
    """
    rule = None if loss is None else TargetRule(loss)
    total, count = 0.0, 0
    for metric in metrics:
        metric.reset()
    forward = forward_of(model)
    with eval_mode(model), modes.no_grad():
        for batch in batches:
            inputs, named, targets, size = sort_batch(batch, target_key)[:4]
            outputs = forward(*(cast(x) for x in inputs), **{k: cast(v) for k, v in named.items()})
            targets = cast(targets)
            if loss is not None and rule is not None:
                value = loss(*rule(outputs, targets, count))
                total += float(value.item()) * size
            if look is not None and not count:
                look(inputs[0] if inputs else None, outputs, targets)
            count += size
            for metric in metrics:
                metric.update(outputs, targets)
            if carry_on is not None and not carry_on():
                return None
    if not count:
        raise DataError("there is nothing to evaluate on: no batches")
    values: dict[str, Any] = {} if loss is None else {"loss": total / count}
    return values | {metric.name: metric.value() for metric in metrics}


def evaluate(
    model: Any, data: Any, *, loss: Any = "cross_entropy", metrics: Any = None,
    batch_size: int | None = None, target: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The loss and metrics of a model on data: ``{"loss": 0.08, "accuracy": 0.98}``.

    Args:
        model: a module; it is used in evaluation mode and left in the mode it was in.
        data: ``(x, y)``, a data set, a loader, or an iterable of batches.
        loss: a name or function; None for none.
        metrics: names, functions of (outputs, targets), or metrics; by default accuracy where
            the loss is one of classes.
        batch_size: samples a batch (256); the result does not depend on it.
        target: the key of the target in dict batches.
    """
    one_module(model, "evaluate")
    chosen = None if loss is None else as_loss(loss)
    if metrics is None and chosen is not None:
        found = default_metrics(chosen)
    else:
        found = as_metrics(metrics)
    if chosen is None and not found:
        raise ArgumentError("evaluate needs a loss or metrics")
    dtype = model_dtype(list(model.parameters()))
    values = measure(
        model, evaluation_batches(data, batch_size, dtype), chosen, found,
        Caster(dtype, lambda text: None), target,
    )  # fmt: skip
    assert values is not None
    return values


def predict(
    model: Any, data: Any, *, batch_size: int | None = None, target: str | None = None
) -> Any:
    """The model's outputs for all of ``data``: (N, ...), in order.

    Args:
        model: a module; it is used in evaluation mode and left in the mode it was in.
        data: inputs (an array or tensor of samples), a data set or loader of (input, target),
            whose targets are left out, or an iterable of batches.
        batch_size: samples a batch (256).
        target: the key of the target in dict batches.
    """
    dtype = model_dtype(list(one_module(model, "predict").parameters()))
    cast = Caster(dtype, lambda text: None)
    if isinstance(data, list) or (hasattr(data, "__array__") and not isinstance(data, Tensor)):
        data = np.asarray(data)
    parts: list[Any] = []
    forward = forward_of(model)
    with eval_mode(model), modes.no_grad():
        for batch in evaluation_batches(data, batch_size, dtype):
            inputs, named = inputs_of(to_tensors(batch), target)
            parts.append(forward(*(cast(x) for x in inputs),
                                 **{k: cast(v) for k, v in named.items()}))  # fmt: skip
    if not parts:
        raise DataError("there is nothing to predict: no batches")
    return _joined(parts)


def _joined(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Tensor):
        return first if len(parts) == 1 else _concat(parts)
    if isinstance(first, Mapping):
        return {key: _joined([part[key] for part in parts]) for key in first}
    if isinstance(first, (tuple, list)):
        return tuple(_joined(list(column)) for column in zip(*parts, strict=True))
    raise DataError(f"the model's output is a {type(first).__name__}, not a tensor")


def _concat(parts: list[Tensor]) -> Tensor:
    if parts[0].device == "cpu":
        return Tensor(np.concatenate([part.value for part in parts]))
    return Tensor(np.concatenate([part.numpy() for part in parts])).to(parts[0].device)
