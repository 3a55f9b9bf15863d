"""Errors of nbdl in a notebook: short, with the layer and the line of the cell."""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any

from IPython.core.error import UsageError

from nbdl.errors import NbdlError, did_you_mean
from nbdl.inspection.records import SourceLine
from nbdl.inspection.trouble import Trouble, trouble_of, trouble_text
from nbdl.inspection.wire import clean


def refuse_cell(
    error: Exception, source: str, filename: str, names: Iterable[str]
) -> UsageError | None:
    """The UsageError that reports what is wrong in a ``%%model`` cell.

    Args:
        error: an NbdlError, SyntaxError or NameError.
        source: the cell's text.
        filename: the name under which it was compiled.
        names: what may be used in it.

    Returns None for an error that did not arise in the cell's own lines.
    """
    if isinstance(error, SyntaxError):
        found = _syntax(error, source)
    elif isinstance(error, NameError):
        if traceback.extract_tb(error.__traceback__)[-1].filename != filename:
            return None
        near = did_you_mean(error.name or "", names)
        same = NbdlError(f"the name {error.name!r} is not defined{near}")
        same.__traceback__ = error.__traceback__
        found = replace(trouble_of(same, source=source, filename=filename), kind="NameError")
    else:
        assert isinstance(error, NbdlError)
        found = trouble_of(error, source=source, filename=filename)
        if found.source is None:
            found = _last_line(found, source)
    return UsageError(_in_one_line(found))


def _syntax(error: SyntaxError, source: str) -> Trouble:
    lines = source.splitlines()
    number = min(error.lineno or len(lines), len(lines))
    line = lines[number - 1]
    indent = len(line) - len(line.lstrip())
    start = max((error.offset or 1) - 1 - indent, 0)
    same_line = error.end_lineno == error.lineno and (error.end_offset or 0) > (error.offset or 0)
    end = start + 1 if not same_line else (error.end_offset or 1) - 1 - indent
    place = SourceLine("cell", number, clean(line.strip()))
    return Trouble("SyntaxError", error.msg, source=place, start=start, end=end)


def _last_line(found: Trouble, source: str) -> Trouble:
    """What is wrong is what the cell ends in."""
    lines = source.rstrip().splitlines()
    text = clean(lines[-1].strip())
    return replace(
        found, source=SourceLine("cell", len(lines), text), start=0, end=len(text)
    )  # fmt: skip


def _in_one_line(found: Trouble) -> str:
    """The text of a Trouble; one without a place does not need a line for its kind alone."""
    text = trouble_text(found)
    return text.replace("\n", ": ", 1) if text.startswith(f"{found.kind}\n") else text


class ErrorReports:
    """Shows an NbdlError that leaves a cell as a report instead of a long traceback.

    ``%tb`` shows the whole traceback, ``%debug`` goes to where it was raised.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def register(self) -> None:
        """Ask the shell to show errors of nbdl through this object."""
        self.before = (self.shell.custom_exceptions, self.shell.CustomTB)
        self.shell.set_custom_exc((NbdlError,), self._show)

    def unregister(self) -> None:
        """Show errors as before."""
        self.shell.custom_exceptions, self.shell.CustomTB = self.before

    def _show(
        self, shell: Any, kind: type, error: NbdlError, tb: Any, tb_offset: Any = None
    ) -> Any:
        """IPython's interface for custom tracebacks: returns the lines it has shown."""
        sys.last_type, sys.last_value, sys.last_traceback = kind, error, tb
        found = trouble_of(error)
        lines = _in_one_line(found).splitlines()
        lines += _called(tb, found.source)
        shell._showtraceback(kind, error, lines)
        return lines


def _called(tb: TracebackType | None, shown: SourceLine | None) -> list[str]:
    """The line of the cell that led there, where the report shows another line."""
    for frame, number in traceback.walk_tb(tb):
        filename = frame.f_code.co_filename
        text = linecache.getline(filename, number).strip()
        if frame.f_globals.get("__name__") != "__main__" or not text:
            continue
        if text.startswith("get_ipython()") or (shown is not None and shown.line == number
                                                and shown.text == clean(text)):  # fmt: skip
            return []
        return [f"Called in line {number} of the cell: {clean(text)}"]
    return []
