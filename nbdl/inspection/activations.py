"""A model's graph with what it does on a given input: values and gradients of every output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import modes, random
from nbdl.core.backward import grad
from nbdl.core.mistakes import untold
from nbdl.core.needs import rules
from nbdl.core.random import Generator
from nbdl.core.tensor import Tensor
from nbdl.core.tree import leaves
from nbdl.errors import NbdlError
from nbdl.inspection.graph import model_record, size_up
from nbdl.inspection.observations import findings
from nbdl.inspection.recording import Recorder, Step, at_rest, recording
from nbdl.inspection.records import GraphRecord, TensorStats
from nbdl.inspection.statistics import tensor_stats
from nbdl.inspection.timing import time_steps
from nbdl.inspection.trouble import failed_step
from nbdl.nn import Module
from nbdl.nn import functional as F
from nbdl.ops.reduction import mean

PATIENCE = 2.0
"""Seconds: a forward pass that takes longer is not repeated to time its operations."""


def activation_graph(
    model: Module,
    on: Any,
    *,
    loss: Callable[[Any, Any], Tensor] | None = None,
    title: str = "",
) -> GraphRecord:
    """The graph of a model with the statistics of all outputs and of their gradients.

    The model runs forward and once backward in the mode it is in (forward a few times if that is
    quick, to time its operations without gradients); parameters, their
    ``.grad``, buffers and the random numbers are as before afterwards.

    Args:
        model: the module.
        on: the input, or ``(input, target)``; arrays or tensors. A dictionary gives several
            inputs by name.
        loss: what the gradients are of, a function of (output, target). Default: with a target
            cross-entropy for integers and mean squared error for floats; without one the mean
            of the output.
        title: what the model is called.

    Returns:
        The record; with findings in words where something looks wrong.
    """
    return observe(model, on, loss=loss, title=title).graph


@dataclass
class Observed:
    """A model that has run on an input.

    Attributes:
        recorder: what happened, with every tensor that was made.
        given: the input, as tensors (by name where it was a dictionary).
        target: what belongs to it, or None.
        objective: the number whose gradients were looked at; None after a failure.
        words: what that number is.
        gradients: by the identity of the tensor.
        graph: the record of all.
    """

    recorder: Recorder
    given: Any
    target: Any
    words: str
    objective: Tensor | None = None
    gradients: dict[int, Tensor] = field(default_factory=dict)
    graph: GraphRecord = field(default_factory=lambda: GraphRecord(""))


def observe(
    model: Module, on: Any, *, loss: Callable[[Any, Any], Tensor] | None = None, title: str = ""
) -> Observed:
    """``activation_graph`` with all that it is made from; the arguments are the same."""
    inputs, target = on if isinstance(on, (tuple, list)) and len(on) == 2 else (on, None)
    with at_rest(model):
        return _observed(model, inputs, target, loss, title)


def _observed(model: Module, inputs: Any, target: Any, loss: Any, title: str) -> Observed:
    given = _prepared(model, inputs)
    size_up(model, **given) if isinstance(given, dict) else size_up(model, given)
    recorder = Recorder(model)
    error = ""
    seen = Observed(recorder, given, target, objective_words(target, loss))
    # What is not finite is reported below, with its place; NumPy's warnings have none, and what
    # core tells of a bad loss is meant for the loop of whoever trains.
    with _undisturbed(model), np.errstate(all="ignore"), untold():
        def forward() -> Any:
            return model(**given) if isinstance(given, dict) else model(given)

        begun = perf_counter()
        try:
            with recording(recorder):
                output = forward()
        except NbdlError as caught:
            error = caught.message
            failed_step(recorder, caught)
        else:
            if perf_counter() - begun < PATIENCE:
                time_steps(recorder, forward)
            seen.objective = _objective(output, target, loss)
            seen.gradients = _gradients(recorder, seen.objective)

    gradients = seen.gradients

    def describe(step: Step) -> tuple[TensorStats | None, TensorStats | None]:
        if not step.tensors:
            return None, None
        return tensor_stats(step.tensors[0]), tensor_stats(gradients.get(id(step.tensors[0])))

    for step in recorder.steps:
        step.gradients = {id(p): gradients[id(p)] for _, p in step.reads if id(p) in gradients}
    seen.graph = findings(model_record(recorder, title, error=error, stats=describe))
    return seen


def objective_words(target: Any, loss: Any) -> str:
    """What the gradients are of, for people."""
    if loss is not None:
        return str(getattr(loss, "name", "") or getattr(loss, "__name__", type(loss).__name__))
    if target is None:
        return "mean of the output"
    floats = dtypes.is_differentiable(rules.astensor(target).dtype)
    return "mean squared error" if floats else "cross-entropy"


def _prepared(model: Module, inputs: Any) -> Any:
    """The inputs as tensors; floats are given the model's dtype and ask for a gradient."""
    sized = (p for m in model.modules() for p in m._parameters.values() if isinstance(p, Tensor))
    wanted = next((p.dtype for p in sized if dtypes.is_differentiable(p.dtype)), None)

    def prepared(x: Any) -> Tensor:
        x = rules.astensor(x).detach()
        if not dtypes.is_differentiable(x.dtype):
            return x
        if wanted is not None and x.dtype != wanted:
            x = rules.cast(x, wanted)
        return x.detach().requires_grad_()

    if isinstance(inputs, dict):
        return {name: prepared(value) for name, value in inputs.items()}
    return prepared(inputs)


def _objective(
    output: Any, target: Any, loss: Callable[[Any, Any], Tensor] | None
) -> Tensor | None:
    """The scalar whose gradients are looked at."""
    if loss is not None:
        return loss(output, target)
    first = next(leaves(output), None)
    if first is None or not dtypes.is_differentiable(first.dtype):
        return None
    if target is None:
        return mean(first)
    y = rules.astensor(target)
    if dtypes.is_differentiable(y.dtype):
        return F.mse_loss(first, rules.cast(y, first.dtype))
    return F.cross_entropy(first, y)


def _gradients(recorder: Recorder, objective: Tensor | None) -> dict[int, Tensor]:
    """Gradients of the objective by the identity of the tensor: outputs and parameters."""
    if objective is None or objective.node is None:
        return {}
    known = [t for step in recorder.steps for t in step.tensors if t.node is not None]
    known += [p for p in recorder.model.parameters() if p.node is not None]
    unique = list({id(t): t for t in known}.values())
    found = grad(objective, unique, allow_unused=True)
    return {id(t): g for t, g in zip(unique, found, strict=True) if g is not None}


@contextmanager
def _undisturbed(model: Module) -> Iterator[None]:
    """Buffers and the random numbers are afterwards what they were; gradients are recorded."""
    buffers = [(b, b.value) for b in model.buffers()]
    try:
        with random.use(Generator(0)), modes.enable_grad():
            yield
    finally:
        for buffer, value in buffers:
            buffer.data = Tensor._wrap(value)
