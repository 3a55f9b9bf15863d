"""Names that a person can type for a thing: looked up with the nearest one suggested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Generic, TypeVar

from nbdl.errors import unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for.

    ``registry["cross-entropy"]`` ignores case and takes ``-`` for ``_``; an unknown name raises
    ArgumentError with the nearest one and all of them.
    """

    def __init__(self, what: str, pattern: str | None = None) -> None:
        self.what = what
        self._pattern = pattern  # of names that are understood besides those of the list
        self._known: dict[str, T] = {}
        self._aliases: dict[str, str] = {}

    def add(self, name: str, value: T, *aliases: str) -> T:
        """Register ``value`` under ``name`` and other spellings of it."""
        self._known[name] = value
        for alias in aliases:
            self._aliases[alias] = name
        return value

    def resolve(self, name: str) -> str:
        """The proper spelling of ``name``."""
        plain = self._plain(name)
        if plain not in self._known:
            raise unknown(self.what, name, [*self._known, *self._aliases])
        return plain

    def __getitem__(self, name: str) -> T:
        return self._known[self.resolve(name)]

    def _plain(self, name: str) -> str:
        plain = name.strip().lower().replace("-", "_").replace(" ", "_")
        return self._aliases.get(plain, plain)

    def __contains__(self, name: object) -> bool:
        """Whether ``name`` is understood; it may be another spelling, or carry arguments."""
        if not isinstance(name, str):
            return False
        plain = self._plain(name.partition("(")[0])
        return plain in self._known or bool(self._pattern and re.fullmatch(self._pattern, plain))

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def names(self) -> list[str]:
        """All names, aliases left out, in alphabetical order: for help and completion."""
        return sorted(self._known)
