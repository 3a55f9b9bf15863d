"""Names as Keras makes and reads them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

from nbdl.errors import ArgumentError, unknown

T = TypeVar("T")

_made: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """``"MaxPooling2D"`` as ``"max_pooling2d"``: Keras's rule."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(class_name: str) -> str:
    """``"dense"``, then ``"dense_1"``, ...: one count for each class."""
    name = snake_case(class_name)
    number = _made[name]
    _made[name] += 1
    return f"{name}_{number}" if number else name


def forget_names() -> None:
    """Count from the beginning again."""
    _made.clear()


def look_up(what: str, given: Any, known: Mapping[str, T]) -> T:
    """What a name stands for, in Keras's spelling or any case; ArgumentError for unknown ones."""
    if not isinstance(given, str):
        raise ArgumentError(
            f"{what} must be a name or a function, got {given!r:.80}",
            hint="one of " + ", ".join(sorted(known)),
        )
    plain = given if given in known else given.lower().replace("-", "_")
    if plain not in known:
        plain = snake_case(given)
    if plain not in known:
        raise unknown(what, given, known)
    return known[plain]
