"""``nbdl.model`` and ``nbdl.inspect``: the magics' work for scripts, editors and other hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from IPython import get_ipython

from nbdl import nn, training
from nbdl.errors import ArgumentError
from nbdl.magics import edits, look, marimo, show
from nbdl.magics import model as models
from nbdl.magics.inputs import specs_of


def model(
    name: Any = None,
    definition: Any = None,
    *,
    input: Any = None,
    keep: nn.Module | None = None,
    quiet: bool = False,
) -> Any:
    """Build a model, check its shapes without computing, and show it: ``%%model`` as a function.

    Three ways to write it::

        net = nbdl.model("net", Sequential(Flatten(), Linear(None, 10)), input=(1, 8, 8))

        @nbdl.model(input=(1, 8, 8))
        class Net(Module): ...

        @nbdl.model
        def net(): return Sequential(...)

    Args:
        name: the model's name; a decorated class or function has its own.
        definition: a Module, a Module class, or a function that returns a Module.
        input: sizes of one example without the batch ``(1, 8, 8)``, a text such as
            ``"ids=int64[256]"``, a tensor or Spec with a batch, or several of these in a list
            or by name in a dictionary. Without it nothing is checked.
        keep: an older model, from which is carried over what it has learned: see
            ``nbdl.nn.carrying.carry``.
        quiet: do not show the graph.

    Returns:
        The Module, built.

    Raises:
        ShapeError: two layers do not fit; names the layer, got and expected.
        ArgumentError: what was given is not a model.
    """
    if callable(name):  # @nbdl.model without parentheses, or nbdl.model(Net)
        return _define(getattr(name, "__name__", type(name).__name__), name, input, keep, quiet)
    if definition is None:

        def decorate(thing: Callable[..., Any]) -> nn.Module:
            return _define(name or thing.__name__, thing, input, keep, quiet)

        return decorate
    if not isinstance(name, str):
        raise ArgumentError(f"the model's name must be a text, got {name!r}")
    return _define(name, definition, input, keep, quiet)


def _define(name: str, thing: Any, inputs: Any, keep: nn.Module | None, quiet: bool) -> nn.Module:
    module, specs = models.as_module(thing), specs_of(inputs)
    models.check_inputs(module, specs)
    built = models.build(module, specs, name)
    carried = None if keep is None else edits.Report(training.carry_over(keep, built.model))
    if marimo.is_here():
        _show_in_marimo(built, carried, quiet)
        return built.model
    shell = get_ipython()
    if carried is not None:
        show.report(shell, carried)
    if shell is not None and not quiet:
        show.view(shell, show.model_view(built))
    return built.model


def _show_in_marimo(built: models.Built, carried: edits.Report | None, quiet: bool) -> None:
    if carried is not None:
        marimo.append(marimo.Html(carried.html()))
    if not quiet:
        marimo.append(show.model_view(built))


def inspect(
    *things: Any,
    on: Any = None,
    target: Any = None,
    loss: Any = None,
    input: Any = None,
    gradients: bool = False,
    graph: bool = False,
    axes: Sequence[str] | None = None,
    diff: bool = False,
    measure: str | None = None,
    labels: Any = None,
) -> Any:
    """Look into models, tensors, arrays, data sets, runs and plans: ``%inspect`` as a function.

    Args:
        things: a Module (its structure), a Tensor or a NumPy array (its values; of a loss the
            computation behind it), data sets (what is in them, and what is wrong; several
            are compared with the first), a Run (its dashboard), or a plan (``run.plan()``,
            ``nbdl.compile(f).report()``: its calls and its memory).
        on: an input for the Module, or ``(input, target)``: shows activations and gradients
            on it; of a small dense network every number, as in a textbook.
        target: what belongs to ``on``.
        loss: what the gradients are of, by name or a function of (output, target). By default
            cross-entropy or mean squared error with a target, the mean of the output without.
        input: sizes of one example, as in ``nbdl.model``, for a Module that has not seen any.
        gradients: of a Run: what goes on in its layers over the steps.
        graph: of a Tensor: the computation behind it, instead of its values; of a Run: its model,
            coloured step by step by what went on in the layers.
        axes: names of a Tensor's axes, such as ``("N", "C", "H", "W")``.
        diff: of two Modules, the older one first: what was added, removed and changed.
        measure: of a Run: which is shown first of 'gradient', 'weight', 'ratio' (update over
            weight), 'mean', 'std' and 'zeros' (of activations).
        labels: of a table (a Tensor or an array with two axes): a name or a whole number for each
            row, None or NaN for no label; its rows are shown as points in these colours.

    Returns:
        A view that shows itself as the last line of a cell, and as text when printed;
        ``.save("page.html")`` writes it to a page of its own.

    Raises:
        ArgumentError: something that cannot be looked into.
        ShapeError: another number of labels than of rows.
    """
    inputs = specs_of(input)
    titles = [""] * len(things)
    ask = look.Ask(on, target, loss, inputs, gradients, graph, axes, diff, measure, labels)
    return show.Views(look.look(things, titles, ask))
