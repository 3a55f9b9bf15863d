"""Errors of nbdl in ordinary cells: short, with the line, and the whole traceback on request."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("code", "head", "part", "more"),
    [
        ("a = nbdl.zeros((2, 3))\nb = 1\na @ a\nc = 1", "ShapeError (cell, line 3)", "a @ a",
         ["matmul of x (2, 3) and y (2, 3)", "Try: "]),
        ("def f(q):\n    return q @ q\nf(nbdl.zeros((2, 3)))", "ShapeError (cell, line 2)", "q @ q",
         ["Called in line 3 of the cell: f(nbdl.zeros((2, 3)))"]),
        ("net = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6))\nnet(nbdl.zeros((2, 3)))",
         "ShapeError in layer 1 (Linear) (cell, line 1)", "nn.Linear(5, 6)",
         ["in_features=5", "Try: in_features=4", "Called in line 2 of the cell: net("]),
        ("nn.Dropout(2)", "ArgumentError (cell, line 1)", "nn.Dropout(2)",
         ["p=2 must be a probability"]),
        ("nbdl.train(nn.Linear(64, 10), train, loss='ms')", "ArgumentError (cell, line 1)",
         "nbdl.train(nn.Linear(64, 10), train, loss='ms')", ["did you mean 'mse'?"]),
        ("nbdl.load('no.safetensors')", "FileError (cell, line 1)", "nbdl.load('no.safetensors')",
         ["there is no file 'no.safetensors'"]),
    ],
)  # fmt: skip
def test_the_line_of_the_cell_is_shown_and_underlined(kernel, code, head, part, more):
    cell = kernel.run(code)
    assert cell.status == "error"
    assert cell.error.splitlines()[0] == head
    assert cell.underlined == part
    for words in more:
        assert words in cell.error
    assert len(cell.error.splitlines()) <= 7


def test_notes_are_shown(kernel):
    kernel.run("bad = x.numpy().copy(); bad[3] = np.nan")
    cell = kernel.run(
        "nbdl.train(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), train, val=(bad, y))"
    )
    assert "NaN" in cell.error
    assert "in the validation data" in cell.error


def test_other_errors_keep_their_traceback(kernel):
    cell = kernel.run("1 / 0")
    assert "ZeroDivisionError" in cell.error
    assert "----> 1 1 / 0" in cell.error


def test_the_whole_traceback_and_the_debugger_are_at_hand(kernel):
    kernel.run("def f(q):\n    return q @ q\nf(nbdl.zeros((2, 3)))")
    cell = kernel.run("%tb")
    assert "Traceback (most recent call last)" in cell.said
    assert "in f(q)" in cell.said
    kernel.run("import sys")
    assert kernel.value("type(sys.last_value).__name__") == "'ShapeError'"


def test_an_error_in_a_file_of_ones_own_names_the_file(kernel):
    kernel.run("open('mine.py', 'w').write('def f(q):\\n    return q @ q\\n')")
    kernel.run("import sys; sys.path.insert(0, os.getcwd()); sys.modules.pop('mine', None)")
    cell = kernel.run("import mine\nmine.f(nbdl.zeros((2, 3)))")
    assert cell.error.splitlines()[0] == "ShapeError (mine.py, line 2)"
    assert cell.underlined == "q @ q"
    assert "Called in line 2 of the cell: mine.f(nbdl.zeros((2, 3)))" in cell.error
