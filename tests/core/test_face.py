"""What type checkers see on Tensor is what operations declare."""

from __future__ import annotations

import subprocess
import sys

import nbdl
from nbdl import ops
from scripts.make_tensor_face import FACE, face


def test_the_face_is_what_operations_declare() -> None:
    assert FACE.read_text() == face(), "run: python -m scripts.make_tensor_face"


def test_every_declared_method_is_on_tensor() -> None:
    text = (
        "import nbdl; from nbdl import ops; "
        "print([name for name, door in ops.methods().items() "
        "if getattr(nbdl.Tensor, name) is not door])"
    )
    # A process of its own: nbdl.torch, once imported, adds words to some methods.
    asked = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert asked.stdout == "[]\n"


def test_every_declared_method_is_documented() -> None:
    for name, door in ops.methods().items():
        if not name.startswith("_"):
            words = (door.fget if isinstance(door, property) else door).__doc__
            assert words, f"Tensor.{name} has no docstring"


def test_every_public_array_function_is_documented_and_at_the_top() -> None:
    for module in ops.ARRAY_FAMILIES:
        for name in getattr(module, "__all__", ()):
            door = getattr(nbdl, name)
            assert door is getattr(module, name)
            assert door.__doc__, f"nbdl.{name} has no docstring"


def test_constants() -> None:
    assert nbdl.ones(2)[nbdl.newaxis].shape == (1, 2)
    assert nbdl.inf > nbdl.pi > nbdl.e
    assert nbdl.nan != nbdl.nan
