"""detect_anomaly names the operation, the ranges and the line of the first NaN or Inf."""

from __future__ import annotations

import inspect

import pytest

import nbdl
from nbdl.core import AnomalyError


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
    lines, start = inspect.getsourcelines(test_forward_names_operation_and_line)
    asked = start + next(i for i, text in enumerate(lines) if "x.log()" in text)
    assert error.source == (__file__, asked)


def test_backward_is_watched_too() -> None:
    x = nbdl.tensor([0.0], requires_grad=True)
    with nbdl.detect_anomaly(), pytest.raises(AnomalyError, match="in backward"):
        x.sqrt().sum().backward()


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
