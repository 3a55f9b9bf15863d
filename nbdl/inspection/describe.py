"""Operations and layers in a few words: family, what matters most, all settings."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from nbdl.core.op import Op
from nbdl.nn import Module

# By a part of the name of the file that defines an operation or a layer.
FAMILIES = (
    ("attention", "attention"),
    ("convol", "convolution"),
    ("normal", "normalization"),
    ("pooling", "pooling"),
    ("adaptive", "pooling"),
    ("recurren", "recurrent"),
    ("cells", "recurrent"),
    ("embedding", "embedding"),
    ("dropout", "random"),
    ("random", "random"),
    ("loss", "loss"),
    ("cross_entropy", "loss"),
    ("activation", "activation"),
    ("rectifier", "activation"),
    ("softmax", "activation"),
    ("linear", "linear"),
    ("contraction", "linear"),
    ("einsum", "linear"),
)

# Operations that are better known than the file they stand in.
NAMED = {"embedding": "embedding", "dropout": "random", "softmax": "activation"}


def family(thing: Op | Module) -> str:
    """The colour group of an operation or of a layer of nbdl.nn; "" for all else."""
    if isinstance(thing, Op) and thing.name in NAMED:
        return NAMED[thing.name]
    module = type(thing).__module__
    if not module.startswith(("nbdl.ops.", "nbdl.nn.")):
        return ""
    file = module.rpartition(".")[2]
    return next((name for part, name in FAMILIES if part in file), "")


def layer_detail(layer: Module) -> str:
    """What matters most of a layer's settings: ``1→32, 3×3``."""
    own = vars(layer)
    parts = [
        f"{own[before]}→{own[after]}"
        for before, after in SIZES
        if isinstance(own.get(before), int) and isinstance(own.get(after), int)
    ][:1]
    for name, form in SETTINGS:
        value = own.get(name)
        if name == "stride" and value == own.get("kernel_size"):
            continue  # windows side by side, as pooling has them by default
        if value is not None and not isinstance(value, (Module, str)):
            parts += [text] if (text := form(value)) else []
    return ", ".join(parts)


def _sizes(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _kernel(value: Any) -> str:
    return _sizes(value) if isinstance(value, (tuple, list)) else f"{value}×{value}"


def _stride(value: Any) -> str:
    sizes = set(value) if isinstance(value, (tuple, list)) else {value}
    if sizes == {1}:
        return ""
    return f"s{sizes.pop()}" if len(sizes) == 1 else f"s{_sizes(value)}"


SIZES = (
    ("in_channels", "out_channels"),
    ("in_features", "out_features"),
    ("num_embeddings", "embedding_dim"),
    ("input_size", "hidden_size"),
)

SETTINGS = (
    ("kernel_size", _kernel),
    ("stride", _stride),
    ("output_size", _sizes),
    ("num_features", str),
    ("num_groups", lambda n: f"{n} groups"),
    ("normalized_shape", _sizes),
    ("groups", lambda n: f"groups {n}" if n != 1 else ""),
    ("num_heads", lambda n: f"{n} heads"),
    ("num_layers", lambda n: f"{n} layers" if n != 1 else ""),
    ("p", lambda p: f"p={p:g}"),
    ("negative_slope", lambda slope: f"{slope:g}"),
)


def layer_attributes(layer: Module) -> list[tuple[str, str]]:
    """All settings of a layer, as its repr gives them, and the shapes of its own parameters."""
    settings = _split(layer.extra_repr())
    own = [(name, _shape(p)) for name, p in layer._parameters.items() if p is not None]
    modes = family(layer) in ("random", "normalization")  # what they do depends on the mode
    return [*settings, *own, *([("training", str(layer.training))] if modes else [])]


def _shape(parameter: Any) -> str:
    shape = getattr(parameter, "shape", None)
    return "not known yet" if shape is None else _sizes(shape) or "scalar"


def _split(settings: str) -> list[tuple[str, str]]:
    """``"1, 32, kernel_size=(3, 3)"`` as pairs; what has no name is called 'sizes'."""
    pairs: list[tuple[str, str]] = []
    bare: list[str] = []
    for part in re.split(r",\s*(?![^(\[{]*[)\]}])", " ".join(settings.split())):
        name, equals, value = part.partition("=")
        if equals:
            pairs.append((name.strip(), value.strip()))
        elif part:
            bare.append(part)
    return [("sizes", ", ".join(bare)), *pairs] if bare else pairs


def op_attributes(op: Op) -> list[tuple[str, str]]:
    """The static parameters of an operation."""
    return [
        (field.name, _brief(getattr(op, field.name)))
        for field in dataclasses.fields(op)
        if field.repr
    ]


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"


def op_detail(op: Op) -> str:
    """What matters most of an operation's static parameters."""
    wanted = {"axis", "shape", "axes", "p", "dtype"}
    parts = []
    for name, value in op_attributes(op):
        if name in wanted and len(value) <= 24:
            parts.append(f"{name} {value}".replace(",)", ")"))
    return ", ".join(parts[:1])


def op_title(op: Op) -> str:
    """What an operation is called: its name, or that of the user's own function."""
    function = getattr(op, "function", None)
    return function.__name__ if isinstance(function, type) else op.name
