"""Lines of the user's own code: the one under way, and those that called a layer."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType

from nbdl.core.modes import Scope

Line = tuple[str, int]

_NOT_THE_USERS = (
    str(Path(__file__).resolve().parent.parent),
    *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
)
"""Folders of nbdl, of Python and of installed packages."""


def user_line(frame: FrameType | None = None) -> tuple[str, int] | None:
    """``(filename, line)`` of the innermost frame of the user's own code, or None."""
    at = frame or sys._getframe(1)
    while at is not None:
        if not at.f_code.co_filename.startswith(_NOT_THE_USERS):
            return at.f_code.co_filename, at.f_lineno
        at = at.f_back  # type: ignore[assignment]
    return None


def calls_of(scope: Scope | None) -> tuple[Line, ...]:
    """The lines of the user's code at which the layers were called, outermost first."""
    lines: list[Line] = []
    while scope is not None:
        code = scope.code
        if code is not None and not code.co_filename.startswith(_NOT_THE_USERS):
            lines.append((code.co_filename, _line(code, scope.at)))
        scope = scope.parent
    return tuple(reversed(lines))


def _line(code: CodeType, at: int) -> int:
    """The line of an instruction."""
    found = (line for start, end, line in code.co_lines() if start <= at < end and line)
    return next(found, code.co_firstlineno)
