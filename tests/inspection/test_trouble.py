"""Errors in words: the layer, the line, the part of it that is meant, and what to try."""

from __future__ import annotations

import linecache
from typing import Any

import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, NbdlError
from nbdl.inspection.graph import model_graph
from nbdl.inspection.trouble import Trouble, located, trouble_of, trouble_text
from nbdl.shapes import Spec

CELL = """\
%%model net --input 8
Sequential(
    Linear(8, 4), ReLU(),
    Linear(4, 16), ReLU(), Linear(5, 3),
)
"""


def run_cell(source: str, filename: str = "<ipython-input-7-abc>") -> nn.Module:
    """What the magic does: the cell's expression, compiled with its line numbers."""
    body = "\n".join("" if line.startswith("%%") else line for line in source.split("\n"))
    names = {name: getattr(nn, name) for name in ("Sequential", "Linear", "ReLU")}
    model = eval(compile(body.strip("\n").join(["\n", ""]), filename, "eval"), names)
    model._name = "net"
    return model


def failure(model: nn.Module, *shape: int) -> NbdlError:
    with pytest.raises(NbdlError) as caught:
        nn.build(model, shape)
    return caught.value


def marked(trouble: Trouble) -> str:
    assert trouble.source is not None
    return trouble.source.text[trouble.start : trouble.end]


def test_the_layers_call_in_the_cell_is_underlined() -> None:
    error = failure(run_cell(CELL), 2, 8)
    trouble = trouble_of(error, source=CELL, filename="<ipython-input-7-abc>")
    assert trouble.layer == "4 (Linear)"
    assert trouble.model == "net"
    assert trouble.source is not None
    assert (trouble.source.file, trouble.source.line) == ("cell", 4)
    assert marked(trouble) == "Linear(5, 3)"
    lines = trouble_text(trouble).splitlines()
    assert lines[0] == "ShapeError in layer 4 (Linear) of net (cell, line 4)"
    assert lines[1] == "  4 | Linear(4, 16), ReLU(), Linear(5, 3),"
    assert lines[2] == "    |                        ^^^^^^^^^^^^"
    assert "16" in lines[3]
    assert "5" in lines[3]
    assert any(line.startswith("Try: ") for line in lines)


def test_among_like_layers_of_one_line_the_position_decides() -> None:
    cell = "%%model net\nSequential(Linear(8, 4), Linear(4, 4), Linear(5, 4), Linear(4, 4))\n"
    trouble = trouble_of(failure(run_cell(cell), 2, 8), cell, "<ipython-input-7-abc>")
    assert marked(trouble) == "Linear(5, 4)"


def test_in_a_users_forward_the_failing_expression_is_underlined() -> None:
    class Bad(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y = x.reshape((4, 2))
            return y + x[:, :3]

    trouble = trouble_of(failure(Bad(), 2, 4))
    assert marked(trouble) == "y + x[:, :3]"
    assert trouble.source is not None
    assert trouble.source.file == "test_trouble.py"


def test_letters_of_several_bytes_do_not_shift_the_underline() -> None:
    class Bad(nn.Module):
        def forward(self, größe: Tensor) -> Tensor:
            return größe.reshape((4, 2)) + größe[:, :3]

    assert marked(trouble_of(failure(Bad(), 2, 4))) == "größe.reshape((4, 2)) + größe[:, :3]"


def test_the_shapes_on_the_way_are_told() -> None:
    model = run_cell(CELL)
    record = model_graph(model, {"": Spec((2, 8), nbdl.float32)})
    trouble = trouble_of(failure(model, 2, 8), record=record)
    assert trouble.shapes[-1] == "ReLU 2×16"
    assert "Before it: Linear 2×4 → ReLU 2×4" in trouble_text(trouble)


def test_an_error_outside_any_layer_is_told_without_one() -> None:
    trouble = trouble_of(ArgumentError("unknown loss 'mes'", hint="mse"))
    assert trouble == Trouble("ArgumentError", "unknown loss 'mes'", "mse")
    assert trouble_text(trouble) == "ArgumentError\nunknown loss 'mes'\nTry: mse"


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("/tmp/ipykernel_123/456.py", "cell"),
        ("<ipython-input-3-1a2b>", "cell"),
        ("/home/me/project/model.py", "model.py"),
    ],
)
def test_files_have_the_names_a_person_knows(filename: str, name: str) -> None:
    found = located((filename, 3), ["a", "b", "    c"])
    assert found is not None
    assert (found.file, found.line, found.text) == (name, 3, "c")


def test_a_line_that_is_not_there_is_an_empty_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_lines(*args: Any) -> str:
        return ""

    monkeypatch.setattr(linecache, "getline", no_lines)
    found = located(("gone.py", 99))
    assert found is not None
    assert found.text == ""
    assert located(None) is None
