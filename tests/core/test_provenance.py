"""Where a tensor comes from, and errors that say it."""

from __future__ import annotations

import linecache

import pytest

import nbdl
from nbdl import nn
from nbdl.errors import GradientError, NbdlError
from nbdl.nn import functional as F

MODEL = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
        self.head = nn.Linear(8, 3)
    def forward(self, x):
        h = self.body(x)
        return self.head(h)
net = Net()
"""


def cell(text: str, scope: dict | None = None, name: str = "<cell>") -> dict:
    """Run text as a notebook runs a cell; returns its names."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope = {"nbdl": nbdl, "nn": nn, "F": F} if scope is None else scope
    exec(compile(text, name, "exec"), scope)
    return scope


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


def test_a_tensor_knows_operation_layer_and_lines() -> None:
    names = cell(MODEL)
    cell("x = nbdl.randn(2, 4)\ny = net(x)\n", names, "<another cell>")
    made = names["y"].made_by
    assert (made.op, made.layer, made.inside) == ("Linear", "head (Linear)", True)
    assert made.calls == (("<another cell>", 2), ("<cell>", 8))
    assert made.source == ("<cell>", 5)
    assert str(made) == (
        "Linear in layer head (Linear), called at line 2: `y = net(x)` → "
        "line 8: `return self.head(h)`, made at line 5: `self.head = nn.Linear(8, 3)`"
    )


def test_containers_do_not_hide_the_layer_inside() -> None:
    names = cell(MODEL + "h = net.body(nbdl.randn(2, 4))\n")
    made = names["h"].made_by
    assert (made.op, made.layer) == ("Relu", "body.1 (ReLU)")
    assert made.calls == (("<cell>", 10),)


def test_outside_of_layers_the_layer_before_is_named() -> None:
    names = cell(MODEL + "p = F.softmax(net(nbdl.randn(2, 4)), -1).reshape(-1)\n")
    made = names["p"].made_by
    assert (made.op, made.layer, made.inside) == ("Reshape", "head (Linear)", False)
    assert str(made).startswith("Reshape after layer head (Linear), called at line 10: ")


def test_without_gradients_the_output_of_a_layer_knows_it() -> None:
    names = cell(MODEL + "with nbdl.no_grad():\n    y = net(nbdl.randn(2, 4))\n")
    made = names["y"].made_by
    assert (made.op, made.layer) == ("", "head (Linear)")
    assert made.calls[0] == ("<cell>", 11)


def test_what_the_user_made_comes_from_nowhere() -> None:
    x = nbdl.randn(2, requires_grad=True)
    assert x.made_by is None
    assert nn.Linear(2, 2).weight.made_by is None
    y = nbdl.randn(3)
    assert nn.Dropout().eval()(y) is y
    assert y.made_by is None
    assert (x * 2).made_by == ("Multiply", "", False, (), None)


def test_anomaly_detection_knows_the_operation_s_own_line() -> None:
    names = cell(MODEL)
    cell("x = nbdl.randn(2, 4)\nwith nbdl.detect_anomaly():\n    y = net.head(net.body(x) * 2)\n"
         "    z = net.body(x) * 2\n", names, "<watched>")  # fmt: skip
    assert names["y"].made_by.calls == (("<watched>", 3),)
    assert names["z"].made_by.calls == (("<watched>", 4),)


def test_several_outputs_know_it_too() -> None:
    names = cell("lstm = nn.LSTM(3, 4)\ny, (h, c) = lstm(nbdl.randn(5, 2, 3))\n")
    assert names["h"].made_by.layer == "lstm (LSTM)" or names["h"].made_by.layer == "(LSTM)"


def test_an_error_says_where_its_arguments_come_from() -> None:
    names = cell(MODEL)
    with pytest.raises(NbdlError) as caught:
        cell("y = net(nbdl.randn(2, 4))\nF.mse_loss(y, nbdl.randn(2, 4))\n", names, "<loss>")
    assert notes(caught.value) == (
        "input, of shape (2, 3), comes from Linear in layer head (Linear), called at line 1: "
        "`y = net(nbdl.randn(2, 4))` → line 8: `return self.head(h)`"
    )


def test_an_error_in_backward_names_the_layer() -> None:
    names = cell(MODEL + "loss = net(nbdl.randn(2, 4)).sum()\nloss.backward()\n")
    with pytest.raises(GradientError) as caught:
        names["loss"].backward()
    assert caught.value.layer == "head (Linear)"
    assert caught.value.source == ("<cell>", 5)
    assert "in the gradient of Linear, called at line 8: `return self.head(h)`" in notes(
        caught.value
    )
