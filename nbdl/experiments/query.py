"""Columns of runs, and conditions such as ``val_accuracy > 0.9`` on them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from nbdl.errors import ArgumentError, brief, unknown
from nbdl.training.archive.records import RunRecord

FIELDS = ("number", "id", "name", "status", "created", "duration", "epoch", "step", "message",
          "notes")  # fmt: skip

_OPERATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "~": lambda a, b: str(b).lower() in str(a).lower(),
}
_CONDITION = re.compile(r"\s*([^<>=!~]+?)\s*(==|!=|<=|>=|=|<|>|~)\s*(.+?)\s*")


def columns(records: Iterable[RunRecord]) -> list[str]:
    """What runs can be sorted and filtered by: fields, metrics, options of their training."""
    found: dict[str, None] = dict.fromkeys(FIELDS)
    for record in records:
        found.update(dict.fromkeys(record.metrics))
        found.update(dict.fromkeys(record.config))
    return list(found)


def value_of(record: RunRecord, column: str) -> Any:
    """The value of a column; None if the run has none.

    A field of the record, else the last value of a metric, else an option of the training;
    ``config.loss`` is the option where a metric has its name. ``lr`` is the option.
    """
    if column in FIELDS:
        return getattr(record, column)
    name = column.removeprefix("config.")
    if name != column or (name == "lr" and name in record.config):
        return record.config.get(name)
    return record.metrics.get(name, record.config.get(name))


def check_column(column: Any, records: list[RunRecord]) -> str:
    """A column that one of the records has; ArgumentError that names the nearest if not."""
    known = columns(records)
    if not isinstance(column, str):
        raise ArgumentError(f"a column of runs is a text, got {brief(column)}")
    if records and column not in known and column.removeprefix("config.") not in known:
        raise unknown("column", column, known)
    return column


def sort_key(record: RunRecord, column: str) -> tuple[int, Any]:
    """Numbers first, then texts; what is missing or NaN comes last."""
    value = value_of(record, column)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (2, "") if math.isnan(value) else (0, value)
    return (2, "") if value is None else (1, str(value))


def condition(text: Any, records: list[RunRecord]) -> Callable[[RunRecord], bool]:
    """A condition on runs as a function.

    Args:
        text: ``"val_accuracy > 0.9"``, ``"status = failed"``, ``"name ~ lenet"`` (contains),
            ``"tag = good"``; or a function of the record, which is returned as it is.
        records: those that it will be asked of.
    """
    if callable(text):
        return text
    found = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ArgumentError(
            f"{brief(text)} is no condition on runs",
            hint="'val_accuracy > 0.9', 'status = failed', 'name ~ lenet', 'tag = good'",
        )
    column, operation, said = found.groups()
    said = said.strip("'\"") if said[:1] == said[-1:] else said
    if column in ("tag", "tags"):
        return _tagged(operation, said)
    check_column(column, records)
    wanted = _number(said)
    if wanted is None and operation not in ("=", "==", "!=", "~"):
        raise ArgumentError(f"{operation} compares numbers, and {said!r} in {text!r} is none")
    return lambda record: _holds(value_of(record, column), operation, said, wanted)


def _tagged(operation: str, said: str) -> Callable[[RunRecord], bool]:
    if operation in ("=", "=="):
        return lambda record: said in record.tags
    if operation == "!=":
        return lambda record: said not in record.tags
    if operation == "~":
        return lambda record: any(said.lower() in tag.lower() for tag in record.tags)
    raise ArgumentError(f"a tag is not a number: {operation} does not go with it", hint="tag = x")


def _holds(value: Any, operation: str, said: str, wanted: float | None) -> bool:
    if value is None:
        return operation == "!="
    if operation == "~":
        return _OPERATIONS["~"](value, said)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted is None or not number:
        text = operation in ("=", "==", "!=")
        return text and _OPERATIONS[operation](str(value), said)
    return _OPERATIONS[operation](value, wanted)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
