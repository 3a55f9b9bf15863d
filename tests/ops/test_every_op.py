"""Every registered operation against its own words and an outside judge: see table.py."""

from __future__ import annotations

import importlib

import pytest

from nbdl.core import registry
from nbdl.testing import check_op
from tests.ops.table import collect

TABLE = collect()
CASES = [
    pytest.param(s, id=f"{name}-{i}") for name, found in TABLE.items() for i, s in enumerate(found)
]


def ours() -> dict[str, type]:
    """Operations that nbdl itself defines (tests define some of their own)."""
    importlib.import_module("nbdl.core.function")
    return {n: op for n, op in registry.items() if op.__module__.startswith("nbdl.")}


@pytest.mark.parametrize("name", sorted(ours()))
def test_every_operation_has_a_row(name: str) -> None:
    if name not in TABLE and name not in OUTSIDE:
        pytest.fail(f"add samples of {name!r} to a rows_*.py in tests/ops: see sample.py")


OUTSIDE = {
    "recomputed",  # one call of a user's function: tests/autograd/test_checkpoint.py
    "custom_call",  # a user's own function: tests/core/test_function.py
    "to_device",  # needs a second device: tests/backends/test_devices.py
}


def test_no_row_is_for_an_operation_that_does_not_exist() -> None:
    assert set(TABLE) <= set(registry)


@pytest.mark.parametrize("s", CASES)
def test_operation_keeps_its_word(s) -> None:
    check_op(s.op, s.inputs, s.judge, **s.options)
