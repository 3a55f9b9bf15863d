"""What a model is checked with: ``--input 1,8,8``, ``--input ids=int64[256]``, an array like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, brief
from nbdl.magics.arguments import Line
from nbdl.magics.words import Word
from nbdl.shapes import Spec

_HINT = "the sizes of one example without the batch, such as 1,8,8 or ids=int64[256]"

Lookup = Callable[[str], Any]
"""What a name or an ``{expression}`` stands for."""


def read(line: Line, words: Sequence[Word] | None) -> dict[str, Spec] | None:
    """The ``--input`` words of a magic's line as Specs by name, variables looked up."""
    if not words:
        return None
    named = []
    for word in words:

        def look_up(name: str, word: Word = word) -> Any:
            start = word.start + word.find(name)
            return line.value(Word(name, start, start + len(name)), "--input")

        named.append(line.run(parse, word, look_up, about={"input": word}))
    return line.run(_by_name, named, about={"input": words[-1]})


def parse(text: str, look_up: Lookup | None = None) -> tuple[str, Spec]:
    """``"1,8,8"``, ``"ids=int64[256]"`` or ``"float32[3,32,32]"`` as (name, Spec with a batch).

    With ``look_up`` a size may be a variable, and a variable or ``{expression}`` may stand for
    the whole. Raises ArgumentError for what is none of these.
    """
    name, equals, rest = text.partition("=")
    if not equals or "{" in name or "[" in name:
        name, rest = "", text
    name, rest = name.strip(), rest.strip()
    if equals and name and not name.isidentifier():
        raise ArgumentError(f"--input: {name!r} is not the name of an argument")
    if look_up is not None and (rest.startswith("{") or rest.isidentifier()):
        value = look_up(rest)
        return name, one_spec((value,) if isinstance(value, (int, np.integer)) else value)
    dtype, sizes = dtypes.default_float(), rest
    if "[" in rest:
        kind, _, sizes = rest.partition("[")
        if not sizes.endswith("]"):
            raise _no_shape(text)
        sizes = sizes[:-1]
        dtype = dtypes.as_dtype(kind.strip())
    elif not rest:
        raise _no_shape(text)
    shape = tuple(_size(size.strip(), text, look_up) for size in sizes.split(",") if sizes.strip())
    return name, Spec((1, *shape), dtype)


def _size(size: str, text: str, look_up: Lookup | None) -> int:
    value: Any = -1
    if size.isdecimal():
        value = int(size)
    elif look_up is not None and size.isidentifier():
        value = look_up(size)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise _no_shape(text)
    return int(value)


def _no_shape(text: str) -> ArgumentError:
    return ArgumentError(f"--input {text!r} is not a shape", hint=_HINT)


def specs_of(inputs: Any) -> dict[str, Spec] | None:
    """Specs with a batch axis from what ``input=`` takes.

    A shape ``(1, 8, 8)``, a text as ``--input`` takes it, a Spec or tensor (with its batch), or
    several of them in a list, or by name in a dictionary.
    """
    if inputs is None:
        return None
    if isinstance(inputs, dict):
        return {str(name): one_spec(value) for name, value in inputs.items()}
    if isinstance(inputs, str):
        return dict([parse(inputs)])
    if isinstance(inputs, Spec) or not isinstance(inputs, (list, tuple)) or _is_shape(inputs):
        return {"": one_spec(inputs)}
    return _by_name([parse(v) if isinstance(v, str) else ("", one_spec(v)) for v in inputs])


def _by_name(named: list[tuple[str, Spec]]) -> dict[str, Spec]:
    if len(named) == 1:
        return dict(named)
    found = {name or str(i): spec for i, (name, spec) in enumerate(named)}
    if len(found) < len(named):
        names = [name for name, _ in named]
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(f"the input {twice!r} is given twice")
    return found


def one_spec(value: Any) -> Spec:
    """The Spec of one input: of a shape without a batch, or of an array with one."""
    if isinstance(value, str):
        return parse(value)[1]
    if isinstance(value, Spec):
        return value
    if isinstance(value, Tensor):
        return value.spec
    if isinstance(value, np.ndarray):
        return Spec(value.shape, value.dtype)
    if isinstance(value, (list, tuple)) and _is_shape(value):
        return Spec((1, *map(int, value)), dtypes.default_float())
    raise ArgumentError(
        f"an input is a shape such as (1, 8, 8), or an array, got {brief(value)}", hint=_HINT
    )


def _is_shape(value: Sequence[Any]) -> bool:
    return all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and int(n) > 0 for n in value
    )
