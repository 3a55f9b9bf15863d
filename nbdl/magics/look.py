"""From things to views: which view shows a model, a tensor, data, a run or a plan, and how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from nbdl import backends, nn, widgets
from nbdl.core.rows import elements
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.experiments import Sweep
from nbdl.inspection.arrays import is_array
from nbdl.inspection.data import data_record
from nbdl.inspection.data_seen import is_data
from nbdl.inspection.difference import difference, difference_text
from nbdl.inspection.graph import model_graph, tensor_graph
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.tensors import Seen
from nbdl.inspection.walk import Walk
from nbdl.magics.model import known_inputs
from nbdl.magics.show import (
    Shown,
    graph_view,
    is_plan,
    lr_picture,
    plan_view,
    sweep_picture,
)
from nbdl.shapes import Spec
from nbdl.training import LRFinder, Run
from nbdl.training.names import as_loss


@dataclass(frozen=True)
class Ask:
    """How things are looked into.

    Attributes:
        on: an input for a Module, or (input, target).
        target: what belongs to the input, where it is not given with it.
        loss: what gradients are of: a name, or a function of (output, target).
        inputs: Specs of a Module that has not seen any.
        gradients: of a Run: its gradients over the steps.
        graph: of a Tensor: the computation behind it, not its values; of a Run: its model with
            what goes on in the layers, step by step.
        axes: names of the axes of a Tensor or an array.
        diff: of two Modules: what differs.
        labels: of a table: one a row, for the colours of its projection.
        measure: of a Run: which of the gradient flow's measures is shown first.
    """

    on: Any = None
    target: Any = None
    loss: Any = None
    inputs: dict[str, Spec] | None = None
    gradients: bool = False
    graph: bool = False
    axes: Sequence[str] | None = None
    diff: bool = False
    measure: str | None = None
    labels: Any = None


def look(things: Iterable[Any], titles: Iterable[str], ask: Ask) -> list[Shown]:
    """What shows each thing: a Module, a Tensor, an array, a Run, a compiled plan's Report; data
    sets together, compared with the first; with ``diff`` what differs between two Modules.

    Raises ArgumentError for anything else, and for options that are not for it.
    """
    pairs = list(zip(things, titles, strict=True))
    if ask.diff:
        return [_difference(pairs, ask.inputs)]
    shown: list[Shown] = []
    for sets, group in groupby(pairs, key=lambda pair: _is_data(pair[0])):
        if sets:
            shown.append(_data(list(group), ask))
        else:
            shown += [_look_into(thing, title, ask) for thing, title in group]
    return shown


def can_look_into(thing: Any) -> bool:
    """Whether ``look`` knows what to show of it."""
    return _has_view(thing) or is_data(thing)


def _has_view(thing: Any) -> bool:
    """Whether it is shown by itself, and not as data."""
    kinds = (nn.Module, Tensor, Run, LRFinder, Sweep)
    return isinstance(thing, kinds) or is_array(thing) or is_plan(thing)


def _is_data(thing: Any) -> bool:
    return not _has_view(thing) and is_data(thing)


def _data(pairs: list[tuple[Any, str]], ask: Ask) -> Shown:
    """Data sets, the first of which is the training data of the others."""
    for thing, title in pairs:
        _check(thing, title, ask)
    usual = ["data"] if len(pairs) == 1 else ["training data", "validation data"]
    titles = [
        title or (usual[i] if i < len(usual) else f"data {i + 1}")
        for i, (_, title) in enumerate(pairs)
    ]
    return widgets.data(data_record([thing for thing, _ in pairs], titles))


def _look_into(thing: Any, title: str, ask: Ask) -> Shown:
    _check(thing, title, ask)
    if isinstance(thing, Run):
        if ask.graph:
            return _film(thing, title)
        if ask.gradients or ask.measure is not None:
            return widgets.gradient_flow(thing, ask.measure or "gradient")
        return widgets.dashboard(thing)
    if isinstance(thing, nn.Module):
        return _look_into_model(thing, title or thing._name, ask)
    if is_plan(thing):
        return plan_view(thing, title)
    if isinstance(thing, LRFinder):
        return lr_picture(thing)
    if isinstance(thing, Sweep):
        return sweep_picture(thing)
    if isinstance(thing, Tensor) and (ask.graph or is_result(thing) or not has_values(thing)):
        return graph_view(tensor_graph(thing, title=title))
    if isinstance(thing, Tensor) or is_array(thing):
        return widgets.tensor(
            Seen(thing, title, ask.axes, _ways_on(thing, title), labels=ask.labels)
        )
    raise ArgumentError(
        "inspect looks into models, tensors, arrays, data sets, runs and plans, not "
        f"{type(thing).__name__}"
    )


def _film(run: Run, title: str) -> Shown:
    """The graph of a run's model, coloured by what went on in its layers step by step."""
    if len(run.models) != 1:
        raise ArgumentError(
            f"--graph shows a run of one model; {title or run.name} has {len(run.models)}"
        )
    model = run.models[0]
    return widgets.film(model_graph(model, known_inputs(model), title=run.name), run)


def _look_into_model(model: nn.Module, name: str, ask: Ask) -> Shown:
    if ask.on is not None:
        loss = None if ask.loss is None else as_loss(ask.loss)
        on = ask.on if ask.target is None else (ask.on, ask.target)
        return widgets.activations(Walk(model, on, loss, name))
    return graph_view(model_graph(model, ask.inputs or known_inputs(model), title=name))


def _check(thing: Any, title: str, ask: Ask) -> None:
    """Refuse options that are not for this thing."""
    what = f"{title or 'this'} is of type {type(thing).__name__}"
    if ask.on is not None and not isinstance(thing, nn.Module):
        raise ArgumentError(f"--on is for models; {what}", hint="%inspect MODEL --on INPUT")
    if ask.on is None and (ask.target is not None or ask.loss is not None):
        raise ArgumentError(
            "--target and --loss belong to an input",
            hint="%inspect MODEL --on INPUT --target TARGET",
        )
    if ask.loss is not None and ask.target is None and not _is_pair(ask.on):
        raise ArgumentError(
            "--loss needs what the outputs are compared with",
            hint="%inspect MODEL --on INPUT --target TARGET --loss NAME",
        )
    if ask.graph and not isinstance(thing, (Tensor, Run)):
        raise ArgumentError(
            f"--graph is for tensors and runs; {what}", hint="%inspect TENSOR --graph"
        )
    if ask.axes is not None and not (isinstance(thing, Tensor) or is_array(thing)):
        raise ArgumentError(f"--axes is for tensors and arrays; {what}")
    if ask.labels is not None and not (isinstance(thing, Tensor) or is_array(thing)):
        raise ArgumentError(f"--labels is for tensors and arrays; {what}")


def _is_pair(on: Any) -> bool:
    return isinstance(on, (tuple, list)) and len(on) == 2


def is_result(x: Tensor) -> bool:
    """Whether it is one number that was computed, as a loss is: its history says more of it."""
    return x.size == 1 and not x.is_leaf


def has_values(x: Tensor) -> bool:
    """Whether there are numbers to see, and not only a shape."""
    return backends.has_data(elements(x.value))


def _ways_on(thing: Any, title: str) -> tuple[str, ...]:
    recorded = isinstance(thing, Tensor) and not thing.is_leaf
    name = title if title.isidentifier() else "TENSOR"
    return (f"the computation behind it: %inspect {name} --graph",) if recorded else ()


def _difference(pairs: list[tuple[Any, str]], inputs: dict[str, Spec] | None) -> Shown:
    """Two models side by side, run on one input: the one given, or the one either has seen."""
    models = [thing for thing, _ in pairs if isinstance(thing, nn.Module)]
    if len(pairs) != 2 or len(models) != 2:
        kinds = ", ".join(type(thing).__name__ for thing, _ in pairs)
        raise ArgumentError(
            f"--diff compares two models; given: {kinds}", hint="%inspect BEFORE AFTER --diff"
        )
    graphs = []
    for (model, title), other in zip(pairs, reversed(models), strict=True):
        specs = inputs or known_inputs(model) or known_inputs(other)
        graphs.append(model_graph(model, specs, title=title or model._name))
    record = difference(*graphs)
    return widgets.graph(
        record, svg=lambda: graph_svg(record), text=lambda: difference_text(record)
    )
