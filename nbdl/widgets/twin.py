"""Static twins: the picture of a view that a saved notebook shows where no kernel answers.

They are an output of their own, after the widget: several hosts prefer a dead widget over the
picture in the same bundle. The live view hides its twin, which it knows by the id in the picture.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from nbdl.inspection.static.raster import mime_bundle
from nbdl.widgets.source import Source

PERIODS = (2.0, 5.0, 10.0)
"""Seconds to the first updates of the twin of something live; the last goes for all that follow."""

log = logging.getLogger("nbdl")


class Twin:
    """The twin of one view.

    Args:
        source: draws it.

    Attributes:
        id: stands in the picture as ``<svg id="nbdl-twin-...">``.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.id = f"nbdl-twin-{secrets.token_hex(4)}"
        self._stopped = threading.Event()
        self._update: Callable[[dict[str, Any]], None] | None = None
        self._follower: threading.Thread | None = None

    def bundle(self) -> dict[str, Any]:
        """The mime bundle: ``image/svg+xml``, ``image/png`` where possible, ``text/plain``."""
        svg = self.source.svg().replace("<svg ", f'<svg id="{self.id}" ', 1)
        return mime_bundle(svg, self.source.text())

    def follow(self, update: Callable[[dict[str, Any]], None]) -> None:
        """Call ``update(bundle)`` every 10 s, at first sooner, and when the source is over."""
        self._update = update
        if self.source.over.is_set():
            return
        self._follower = threading.Thread(target=self._follow, name="nbdl-twin", daemon=True)
        self._follower.start()

    def settle(self) -> None:
        """Give the final picture now, in this thread; none comes after it.

        Only once the source is over, which is what the thread that updates it waits for.
        """
        self._stopped.set()
        if self._follower is not None:
            self._follower.join()
        self._tell()

    def stop(self) -> None:
        """Update no more."""
        self._stopped.set()

    def _follow(self) -> None:
        over = False
        periods = chain(PERIODS, repeat(PERIODS[-1]))
        while not over and not self._stopped.is_set():
            over = self.source.over.wait(next(periods))
            if not self._stopped.is_set():
                self._tell()

    def _tell(self) -> None:
        if self._update is None:
            return
        try:
            self._update(self.bundle())
        except Exception:  # a picture that cannot be shown must not end the thread loudly
            log.exception("the static picture of a view could not be updated")
