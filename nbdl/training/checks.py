"""What is looked at before the first step, so that mistakes are told in words and at once."""

from __future__ import annotations

from typing import Any

from nbdl import dtypes, nn
from nbdl.core.tensor import Tensor
from nbdl.data import DataLoader, as_dataset
from nbdl.errors import DtypeError, NbdlError, TraceError
from nbdl.shapes import Spec
from nbdl.training.batches import Batch, class_error
from nbdl.training.measuring.classification import class_axis
from nbdl.training.names import Loss
from nbdl.training.sources import is_data
from nbdl.training.step import SupervisedStep

_TAKES_NUMBERS = ("Embedding", "EmbeddingBag")
"""Layers with parameters whose inputs are whole numbers."""


def check_before_training(model: Any, batches: Any, val: Any, step: SupervisedStep) -> None:
    """Look through data in memory for NaN, Inf and classes out of range, and run the first
    batch's shapes through model and targets, computing nothing.

    Generators and other iterables are left alone: looking would use them up.
    """
    if isinstance(batches, DataLoader):
        _check_loader(model, batches, step)
    if isinstance(val, DataLoader) or is_data(val):
        loader = val if isinstance(val, DataLoader) else DataLoader(as_dataset(val, "val"), 1)
        try:
            _check_loader(model, loader, step)
        except NbdlError as error:
            error.add_note("in the validation data")
            raise


def _check_loader(model: Any, loader: DataLoader, step: SupervisedStep) -> None:
    check = getattr(loader.dataset, "check", None)
    if check is not None and getattr(loader.dataset, "in_memory", False):
        check()
    batch = step.prepare(loader.first())
    _check_whole_numbers(model, batch)
    try:
        output = nn.build(model, *batch.inputs, **batch.named)
    except TraceError:
        return  # it asks for values: the first step will tell
    if isinstance(output, Spec):
        step.rule(Tensor(output), batch.targets)
        _check_classes(loader.dataset, output, batch.targets, step.loss)


def _check_classes(dataset: Any, output: Spec, targets: Any, loss: Loss) -> None:
    """Class numbers out of range, anywhere in data that lies in memory."""
    if loss.kind is None or loss.kind.targets != "classes" or dtypes.is_float(targets.dtype):
        return
    axis = class_axis(output.shape, targets.shape)
    if axis is None or not getattr(dataset, "in_memory", False) or not hasattr(dataset, "labels"):
        return
    labels, classes = dataset.labels(), output.shape[axis]
    ignored = dict(loss.options).get("ignore_index", -100)
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignored)
    if wrong.any():
        raise class_error(labels, wrong, classes)


def _check_whole_numbers(model: Any, batch: Batch) -> None:
    """Whole numbers that reach a layer which computes with floats, such as bytes of images."""
    given = [*batch.inputs, *batch.named.values()]
    if all(dtypes.is_float(x.dtype) for x in given if isinstance(x, Tensor)):
        return

    def refuse(layer: Any, args: tuple[Any, ...]) -> None:
        for x in args:
            if isinstance(x, Tensor) and x.dtype in dtypes.INTEGERS:
                raise DtypeError(
                    f"the layer {type(layer).__name__} computes with floats, but its input "
                    f"is {x.dtype}",
                    hint="x.astype('float32') (bytes of images: / 255), or begin with an "
                    "Embedding if the numbers are tokens",
                )

    hooks = [
        layer.register_forward_pre_hook(refuse)
        for layer in model.modules()
        if type(layer).__module__.startswith("nbdl.nn.")
        and layer._parameters
        and type(layer).__name__ not in _TAKES_NUMBERS
    ]
    try:
        nn.build(model, *batch.inputs, **batch.named)
    except TraceError:
        pass
    finally:
        for hook in hooks:
            hook.remove()
