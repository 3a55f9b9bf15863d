"""What a Tensor or a Module shows as the last line of a cell: a small picture beside its text."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.inspection.static import png
from nbdl.inspection.static.card import model_card
from nbdl.inspection.static.tensor import small_svg
from nbdl.inspection.tensors import Seen
from nbdl.magics.look import has_values

SVG, PNG = "image/svg+xml", "image/png"

QUICK = 250_000
"""Elements of a tensor that the numbers of its picture are made of at most."""

CELLS, PANELS = 1800, 12

Drawn = TypeVar("Drawn", str, bytes)

log = logging.getLogger("nbdl")


def tensor_picture(x: Tensor) -> str | None:
    """The picture of a tensor; None for one number, for none, and where there is no data."""
    if not has_values(x) or x.size < 2:
        return None
    return small_svg(Seen(x, most=QUICK, cells=CELLS, panels=PANELS).record())


def safely(draw: Callable[[Any], Drawn | None]) -> Callable[[Any], Drawn | None]:
    """The same, and None instead of an error: the text of a thing is always shown."""

    def drawn(thing: Any) -> Drawn | None:
        try:
            return draw(thing)
        except Exception:  # a picture that cannot be made must not hide what a cell has made
            log.debug("no picture of %s", type(thing).__name__, exc_info=True)
            return None

    return drawn


def as_png(draw: Callable[[Any], str | None]) -> Callable[[Any], bytes | None]:
    """The same picture as PNG, for hosts that show no SVG of a notebook they do not trust."""

    def drawn(thing: Any) -> bytes | None:
        svg = draw(thing)
        return None if svg is None else png(svg)

    return drawn


DRAW: dict[type, Callable[[Any], str | None]] = {Tensor: tensor_picture, nn.Module: model_card}


class Pictures:
    """Adds the pictures to a shell's outputs, beside ``text/plain``."""

    def __init__(self, shell: Any) -> None:
        self.formatters = shell.display_formatter.formatters

    def register(self) -> None:
        """Have tensors and models shown with a picture."""
        for kind, draw in DRAW.items():
            self.formatters[SVG].for_type(kind, safely(draw))
            self.formatters[PNG].for_type(kind, safely(as_png(draw)))

    def unregister(self) -> None:
        """Show them as text alone."""
        for kind in DRAW:
            for mime in (SVG, PNG):
                self.formatters[mime].pop(kind, None)
