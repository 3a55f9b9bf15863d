"""Parameters by patterns of their names: ``"features.*"``, or ``"features"`` for all below."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from nbdl.errors import ArgumentError, brief, did_you_mean


def as_patterns(what: str, given: Any) -> tuple[str, ...]:
    """One pattern or several as a tuple; ArgumentError for what is none."""
    found = (given,) if isinstance(given, str) else given
    if isinstance(found, (list, tuple, set)) and all(isinstance(p, str) and p for p in found):
        return tuple(found)
    raise ArgumentError(
        f"{what} takes patterns of names, got {brief(given)}", hint=f'{what}="features.*"'
    )


def matches(name: str, pattern: str) -> bool:
    """Whether a path is meant: it fits the pattern, or lies below what does."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def matching(what: str, pattern: str, names: Iterable[str]) -> list[str]:
    """The names that a pattern means. Raises ArgumentError if there are none."""
    names = list(names)
    found = [name for name in names if matches(name, pattern)]
    if not found:
        raise _nothing(what, pattern, names)
    return found


def _nothing(what: str, pattern: str, names: list[str]) -> ArgumentError:
    known = {
        ".".join(parts[:n]) for name in names for parts in [name.split(".")]
        for n in range(1, len(parts) + 1)
    }  # fmt: skip
    near = did_you_mean(pattern.removesuffix(".*"), sorted(known))
    top = list(dict.fromkeys(name.split(".")[0] for name in names))
    some = ", ".join(top[:12]) + (", ..." if len(top) > 12 else "")
    return ArgumentError(
        f"{what}: no name fits the pattern {pattern!r}{near}", hint=f"names begin with {some}"
    )
