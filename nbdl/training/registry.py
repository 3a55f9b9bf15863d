"""Names that a person can type for a thing: looked up with the nearest one suggested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from nbdl.errors import unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for.

    ``registry["cross-entropy"]`` ignores case and takes ``-`` for ``_``; an unknown name raises
    ArgumentError with the nearest one and all of them.
    """

    def __init__(self, what: str) -> None:
        self.what = what
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
        plain = name.strip().lower().replace("-", "_").replace(" ", "_")
        plain = self._aliases.get(plain, plain)
        if plain not in self._known:
            raise unknown(self.what, name, [*self._known, *self._aliases])
        return plain

    def __getitem__(self, name: str) -> T:
        return self._known[self.resolve(name)]

    def __contains__(self, name: str) -> bool:
        return name in self._known or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def names(self) -> list[str]:
        """All names, aliases left out, in alphabetical order: for help and completion."""
        return sorted(self._known)
