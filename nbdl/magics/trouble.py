"""Errors of nbdl in a notebook: short, with the layer and the line of the cell."""

from __future__ import annotations

from typing import Any

from IPython.core.error import UsageError

from nbdl.errors import NbdlError
from nbdl.inspection.trouble import trouble_of, trouble_text


def refuse_cell(error: NbdlError, source: str, filename: str) -> UsageError:
    """The UsageError that reports what is wrong in a ``%%model`` cell."""
    found = trouble_of(error, source=source, filename=filename)
    return UsageError(trouble_text(found))


class ErrorReports:
    """Shows an NbdlError that leaves a cell as a report instead of a long traceback."""

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
        lines = trouble_text(trouble_of(error)).splitlines()
        lines[0] = f"{kind.__name__}: {lines[0]}" if kind.__name__ not in lines[0] else lines[0]
        shell._showtraceback(kind, error, lines)
        return lines
