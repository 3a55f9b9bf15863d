"""What shows itself in marimo's cells, which have no magics: models, tensors, runs, trainings.

marimo asks a thing how to show it by its method ``_display_``. It runs cells one after the other in
one thread, so a page's clicks wait behind a cell that trains, as in Jupyter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from nbdl import events, nn, training
from nbdl.core.tensor import Tensor
from nbdl.experiments import Sweep
from nbdl.magics import marimo, show
from nbdl.magics.functions import inspect
from nbdl.magics.pictures import safely, tensor_picture
from nbdl.magics.waiting import NOTICE
from nbdl.training import LRFinder

log = logging.getLogger("nbdl")


def register() -> None:
    """Have things show themselves at the end of a cell, and trainings while a cell waits for them.

    Without effect outside a marimo notebook.
    """
    for kind, display in DISPLAYS.items():
        setattr(kind, "_display_", display)  # noqa: B010 - the classes do not know hosts
    events.subscribe(events.RunAwaited, _awaited)
    events.subscribe(events.RunStarted, _started)


def _view(thing: Any) -> Any:
    """What ``nbdl.inspect`` makes of it; its text where that fails."""
    try:
        return inspect(thing)
    except Exception:  # what a cell has made is always shown
        log.debug("no view of %s", type(thing).__name__, exc_info=True)
        return marimo.Html(marimo.words(repr(thing)))


def _tensor(x: Tensor) -> Any:
    """The small picture of its values, and its text below."""
    svg = safely(tensor_picture)(x)
    drawn = "" if svg is None else marimo.picture(svg, "the values as a picture")
    return marimo.Html(drawn + marimo.words(repr(x)))


DISPLAYS: dict[type, Callable[[Any], Any]] = {
    nn.Module: _view, training.Run: _view, LRFinder: _view, Sweep: _view, Tensor: _tensor,
}  # fmt: skip
"""How a thing is shown as the last expression of a cell."""


def _started(event: events.RunStarted) -> None:
    if isinstance(event.run, training.TrackedRun):
        _awaited(event)


def _awaited(event: events.RunEvent) -> None:
    """Show the dashboard of a run that the cell goes through or waits for."""
    if not marimo.is_here():
        return
    run = event.run
    view = show.run_view(run)

    def heard(*_: Any) -> None:
        run.notice = ""  # messages of a page are read between cells: none is waiting

    view.on_msg(heard)
    marimo.append(view)
    run.watched = True  # a bar of text beside it would say the same
    run.notice = NOTICE
