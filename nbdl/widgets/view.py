"""The one widget class: a view by name, a source of records, and the talk between them.

A view greets (``hello``, with what it has) and gets a record; a live source then gets its news sent
as it comes. Greetings wait behind a running cell, because that is how Jupyter delivers what a page
sends. So what a new view needs is also sent unasked, a few times, until the page has been heard.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbdl.inspection.wire import pack
from nbdl.widgets.bundle import bundle, loader
from nbdl.widgets.figures import figure_of
from nbdl.widgets.saving import save
from nbdl.widgets.source import Source
from nbdl.widgets.twin import Twin

UNASKED = (0.3, 0.7, 2.0, 5.0, 12.0)
"""Seconds between the moments at which a new view is sent what it needs unasked."""


class View(anywidget.AnyWidget):
    """A view in the notebook; the functions of ``nbdl.widgets`` make them.

    Show it with ``display(view)``, and its static twin (what a saved notebook shows) as an output
    of its own: ``handle = display(view.twin(), raw=True, display_id=True)``, then
    ``view.follow_twin(lambda bundle: handle.update(bundle, raw=True))``.

    Args:
        view: the name of the front-end view.
        source: gives the records.
        both: the twin stays in sight while the view is alive: it tells something else.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    view = traitlets.Unicode().tag(sync=True)
    bundle = traitlets.Unicode().tag(sync=True)
    twin_id = traitlets.Unicode().tag(sync=True)

    def __init__(self, view: str, source: Source, *, both: bool = False) -> None:
        self.source, self.both = source, both
        self._twin = Twin(source)
        hidden = "" if both else self._twin.id
        super().__init__(_esm=loader(), view=view, bundle=bundle(view).hash, twin_id=hidden)
        self._greeted = threading.Event()
        self._send_lock = threading.Lock()
        self.on_msg(View._hear)
        threading.Thread(target=self._send_unasked, name="nbdl-view", daemon=True).start()
        source.start(self)

    def __repr__(self) -> str:
        return f"<nbdl view: {self.view}>"

    def _repr_mimebundle_(self, **given: Any) -> Any:
        """The widget without words: where none can be, the twin below it says what it is."""
        shown: Any = super()._repr_mimebundle_(**given)
        data, about = shown
        return data | {"text/plain": ""}, about

    # ------------------------------------------------------------------------- to the page

    def tell(self, message: dict[str, Any], buffers: list[Any] | None = None) -> None:
        """Send a message to every page that shows this view; from any thread."""
        if self.comm is None or not threading.main_thread().is_alive():
            return  # closed, or the kernel is ending: its sockets refuse what comes now, loudly
        with self._send_lock:
            try:
                self.send(message, buffers)
            except Exception:
                if self.comm is not None:
                    raise  # else it was closed meanwhile, in another thread

    def tell_record(self, record: Any) -> None:
        """Send a record."""
        packed, buffers = pack(record)
        self.tell({"type": "record", "kind": type(record).__name__, "record": packed}, buffers)

    def _send_unasked(self) -> None:
        for pause in UNASKED:
            if self._greeted.wait(pause) or self.comm is None:
                return
            self._tell_bundle()
            self.tell_record(self.source.whole())

    def _tell_bundle(self) -> None:
        front = bundle(self.view)
        self.tell({"type": "bundle", "hash": front.hash}, [front.code])

    # ----------------------------------------------------------------------- from the page

    def _hear(self, content: Any, _buffers: Any) -> None:
        """Answer a page. Runs in the kernel's main thread: quick, and never raises."""
        if not isinstance(content, dict):
            return
        kind = content.get("type")
        if kind == "bundle":
            self._tell_bundle()
        elif kind == "hello":
            self._greeted.set()
            self.tell_record(self.source.since(content.get("have")))
        elif kind == "command":
            self._command(content)

    def _command(self, content: dict[str, Any]) -> None:
        number = content.get("id")
        try:
            self.source.command(str(content.get("command")), content.get("value"))
        except Exception as error:  # said where the person clicked; a callback has no other reader
            self.tell({"type": "refused", "id": number, "text": f"{error}"})
            return
        self.tell({"type": "heard", "id": number})
        self.source.poke()

    # ---------------------------------------------------------------------------- its twin

    def twin(self) -> dict[str, Any]:
        """The static twin as a mime bundle: SVG, PNG where it can be made, and plain text."""
        return self._twin.bundle()

    def follow_twin(self, update: Any) -> None:
        """Call ``update(mime bundle)`` every 10 s while the source is live, and at its end."""
        self._twin.follow(update)

    def figure(self) -> Any:
        """What the view shows now as a plotly figure: a run's curves, its gradient flow, a tensor.

        Raises ArgumentError for views that are no charts, such as graphs.
        """
        return figure_of(self.source.whole())

    def save(self, path: str | Path) -> Path:
        """Write the view, as it is now, to one file that needs neither a kernel nor a network.

        Args:
            path: ``x.html`` is a page to look around in, of which only what asks the kernel is
                left out (controls of a run, other parts of a tensor); ``x.svg`` and ``x.png``
                are its static twin. An existing file is replaced.

        Returns:
            The path of the file.

        Raises:
            ArgumentError: for a path that ends otherwise.
            FileError: when the file cannot be written; what was there before is then kept.
        """
        return save([self], path)

    def settle(self) -> None:
        """Bring page and twin to the source's final state before returning.

        For batch execution, where the cell's end is the end of the document's life: call it
        after the run has ended.
        """
        self.source.settle()
        self._twin.settle()

    def close(self) -> None:
        """End the talk with the pages and forget the view."""
        self.source.stop()
        self._twin.stop()
        super().close()
