"""Constructors take PyTorch's arguments, in its order and with its defaults."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from nbdl import nn

LAYERS = sorted(
    name
    for name in nn.__all__
    if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
)

GIVEN_UP = {"size_average", "reduce", "min_value", "max_value"}
"""Words that PyTorch still takes and warns of: reduction, min_val and max_val say the same."""

RECURRENT = {"RNN": "nonlinearity", "LSTM": "proj_size", "GRU": None}
"""Their own constructors say *args: PyTorch's signature is that of their base, RNNBase."""

pytestmark = pytest.mark.judge

NOT_TAKEN = {
    "embedding": {"max_norm", "norm_type", "scale_grad_by_freq", "sparse"},  # nn.Embedding's
    "embedding_bag": {"sparse"},
    "interpolate": {"antialias"},
}
"""Words of PyTorch's functions that nbdl's do not take."""

Signature = list[tuple[str, Any, str]]


def signature(layer: type) -> Signature:
    """(name, default, kind) of each argument but self."""
    found = list(inspect.signature(layer.__init__).parameters.values())[1:]  # type: ignore[misc]
    if [p.kind.name for p in found] == ["VAR_POSITIONAL", "VAR_KEYWORD"]:
        return []  # Module's own constructor, which takes nothing
    return [(p.name, p.default, p.kind.name) for p in found if p.name not in GIVEN_UP]


def plain(arguments: Signature) -> Signature:
    """Activations by name, whether given as a text or as PyTorch's function."""
    return [
        (name, default.__name__ if inspect.isfunction(default) else default, kind)
        for name, default, kind in arguments
    ]


def recurrent(name: str) -> Signature:
    """What PyTorch documents for RNN, LSTM and GRU, made from their base's signature."""
    import torch

    base = {n: (n, d, k) for n, d, k in signature(torch.nn.RNNBase)}
    order = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
             "bidirectional", "device", "dtype"]  # fmt: skip
    if RECURRENT[name] == "proj_size":
        order.insert(7, "proj_size")
    arguments = [base[n] for n in order]
    if RECURRENT[name] == "nonlinearity":
        arguments.insert(3, ("nonlinearity", "tanh", "POSITIONAL_OR_KEYWORD"))
    return arguments


@pytest.mark.parametrize("name", LAYERS)
def test_the_constructor_is_pytorchs(name: str) -> None:
    import torch

    theirs = getattr(torch.nn, name, None) or getattr(torch.optim.swa_utils, name, None)
    if theirs is None:
        pytest.skip("nbdl alone has it")
    ours = plain(signature(getattr(nn, name)))
    if name in RECURRENT:
        assert ours == recurrent(name)
    elif name == "Sequential":
        assert [kind for _, _, kind in ours] == ["VAR_POSITIONAL"]
    else:
        assert ours == plain(signature(theirs))


@pytest.mark.parametrize("name", nn.functional.__all__)
def test_the_function_in_pytorchs_words_is_pytorchs(name: str) -> None:
    import torch

    import nbdl.torch

    theirs = getattr(torch.nn.functional, name, None)
    try:
        arguments = list(inspect.signature(theirs).parameters)
    except (TypeError, ValueError):
        pytest.skip("PyTorch does not have it, or not its signature")
    if "args" in arguments:
        pytest.skip("PyTorch dispatches on its arguments")
    ours = list(inspect.signature(getattr(nbdl.torch.nn.functional, name)).parameters)
    missing = (NOT_TAKEN.get(name, set()) | GIVEN_UP | {"_stacklevel", "out"}) - set(ours)
    assert [n for n in ours if n != "generator"] == [n for n in arguments if n not in missing]
