"""Every public function tells of a bad call: its name, the argument, what came, what is allowed."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import nbdl
from nbdl import ops
from nbdl.errors import NbdlError
from nbdl.nn import functional as F
from tests.ops.bad_calls import ARRAYS, NN_AND_LINALG

ROWS = ARRAYS + NN_AND_LINALG
CALLS = [
    pytest.param(getattr(home, name), call, texts, id=f"{home.__name__}.{name}")
    for home, names, call, texts in ROWS
    for name in names.split()
]

WITHOUT_ARGUMENTS = {"__array_namespace_info__"}


@pytest.mark.parametrize(("function", "call", "texts"), CALLS)
def test_a_bad_call_is_told(function: Any, call: Any, texts: tuple[str, ...]) -> None:
    with pytest.raises(NbdlError) as caught:
        call(function)
    message = str(caught.value)
    words = {word.replace("_", "").lower() for word in re.findall(r"\w+", message)}
    assert function.__name__.replace("_", "") in words, message
    missing = [text for text in texts if text not in message]
    assert not missing, f"{message!r} lacks {missing}"


def _public(module: Any) -> set[str]:
    found = {n for n in getattr(module, "__all__", ()) if inspect.isfunction(getattr(module, n))}
    return found - WITHOUT_ARGUMENTS


def test_every_array_function_has_a_bad_call() -> None:
    public = set().union(*map(_public, ops.ARRAY_FAMILIES))
    assert public - _tried(nbdl) == set(), "add a row to bad_calls.py"


@pytest.mark.parametrize("home", [F, nbdl.linalg, nbdl.fft])
def test_every_function_of_a_namespace_has_a_bad_call(home: Any) -> None:
    public = {n for n in dir(home) if inspect.isfunction(getattr(home, n)) and n[0] != "_"}
    assert public - _tried(home) - _tried(nbdl) == set(), "add a row to bad_calls.py"


def _tried(home: Any) -> set[str]:
    return {name for where, names, _, _ in ROWS if where is home for name in names.split()}
