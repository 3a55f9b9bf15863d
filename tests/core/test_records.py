"""Operations are values: equal when made alike, usable as keys, and never changed."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from nbdl.core.op import Op, registry
from nbdl.ops.arithmetic import Add, Exp
from nbdl.ops.broadcasting import Sum


@pytest.mark.parametrize("make", [Add, Exp, lambda: Sum((0, 1), True)])
def test_equal_ones_are_one_key(make) -> None:
    op = make()
    copies = copy.deepcopy(op), pickle.loads(pickle.dumps(op)), dataclasses.replace(op)
    for other in (make(), *copies):
        assert other == op
        assert {op: 1}[other] == 1
    assert op != Sum((0,), True)
    assert Add() != Exp()


@pytest.mark.parametrize("op", [Add(), Sum((0,), False)])
def test_nothing_changes_them(op: Op) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        op.axis = (3,)  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del op.name
    assert repr(op) in ("Add()", "Sum(axis=(0,), keepdims=False)")


def test_every_operation_with_parameters_has_the_decorator() -> None:
    """Without it an annotated field would be no argument."""
    for cls in registry.values():
        stated = [
            name
            for name, kind in vars(cls).get("__annotations__", {}).items()
            if "ClassVar" not in str(kind)
        ]
        assert not stated or "__dataclass_fields__" in vars(cls), (cls, stated)
