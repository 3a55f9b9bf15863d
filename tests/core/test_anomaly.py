"""detect_anomaly names the operation, the ranges and the line of the first NaN or Inf."""

from __future__ import annotations

import inspect
import linecache

import pytest

import nbdl
from nbdl import nn
from nbdl.core import AnomalyError


def asked(function, text: str) -> tuple[str, int]:
    """The file and line where ``function`` says ``text``."""
    lines, start = inspect.getsourcelines(function)
    return __file__, start + next(i for i, line in enumerate(lines) if text in line)


def test_forward_names_operation_and_line() -> None:
    x = nbdl.tensor([1.0, -1.0])
    with nbdl.detect_anomaly():
        (x * 2).exp()
        with pytest.raises(AnomalyError) as caught:
            x.log()
    error = caught.value
    assert error.op == "log"
    assert "made the first NaN: 1 of 2 elements" in str(error)
    assert "from -1 to 1" in str(error)
    assert error.source == asked(test_forward_names_operation_and_line, "x.log()")
    assert f"At: {__file__}, line {error.source[1]}: x.log()" in str(error)


def test_a_line_that_is_in_no_file_is_said_by_its_text() -> None:
    cell = "y = x * 2\nz = y.log()\n"
    name = "/tmp/cells_of_a_kernel/12.py"
    linecache.cache[name] = len(cell), None, cell.splitlines(keepends=True), name
    with nbdl.detect_anomaly(), pytest.raises(AnomalyError) as caught:
        exec(compile(cell, name, "exec"), {"x": nbdl.tensor(-1.0)})
    assert "At: line 2: z = y.log()" in str(caught.value)


def test_backward_names_the_operation_whose_gradient_it_was_its_layer_and_line() -> None:
    class Root(nn.Module):
        def forward(self, x):
            return x.sqrt()  # its slope at 0 is infinite

    model = nn.Sequential(nn.Identity(), Root())
    x = nbdl.tensor([0.0, 4.0], requires_grad=True)
    with nbdl.detect_anomaly(), pytest.raises(AnomalyError) as caught:
        model(x).sum().backward()
    error = caught.value
    assert error.op == "sqrt"
    assert error.layer == "1 (Root)"
    assert error.source == asked(Root.forward, "x.sqrt()")
    assert "the gradient of Sqrt has the first Inf in backward" in str(error)
    assert nbdl.core.modes.state().walking is None


def test_forward_names_the_layer() -> None:
    class Logarithm(nn.Module):
        def forward(self, x):
            return (x - 1).log()

    with nbdl.detect_anomaly(), pytest.raises(AnomalyError) as caught:
        nn.Sequential(Logarithm())(nbdl.ones(2))
    assert caught.value.layer == "0 (Logarithm)"
    assert "In layer: 0 (Logarithm)" in str(caught.value)
    with nbdl.detect_anomaly(), pytest.raises(AnomalyError, match="In layer: Logarithm"):
        Logarithm()(nbdl.ones(2))


def test_nan_that_was_there_before_is_not_blamed_on_the_next() -> None:
    x = nbdl.tensor([float("nan")])
    with nbdl.detect_anomaly():
        (x + 1).sum()


def test_inf_can_be_allowed() -> None:
    x = nbdl.tensor([1000.0])
    with nbdl.detect_anomaly(check_inf=False):
        x.exp()
    with nbdl.detect_anomaly(), pytest.raises(AnomalyError, match="first Inf"):
        x.exp()
    x.exp()  # outside nothing is watched
