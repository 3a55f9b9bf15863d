"""What a Tensor or a Module shows as the last line of a cell: a small picture beside its text."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.inspection.static.card import model_card
from nbdl.inspection.static.tensor import small_svg
from nbdl.inspection.tensors import Seen
from nbdl.magics.look import has_values

SVG = "image/svg+xml"

QUICK = 250_000
"""Elements of a tensor that the numbers of its picture are made of at most."""

CELLS, PANELS = 1800, 12

log = logging.getLogger("nbdl")


def tensor_picture(x: Tensor) -> str | None:
    """The picture of a tensor; None for one number, for none, and where there is no data."""
    if not has_values(x) or x.size < 2:
        return None
    return small_svg(Seen(x, most=QUICK, cells=CELLS, panels=PANELS).record())


def safely(draw: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """The same, and None instead of an error: the text of a thing is always shown."""

    def drawn(thing: Any) -> str | None:
        try:
            return draw(thing)
        except Exception:  # a picture that cannot be made must not hide what a cell has made
            log.debug("no picture of %s", type(thing).__name__, exc_info=True)
            return None

    return drawn


class Pictures:
    """Adds the pictures to a shell's outputs, beside ``text/plain``."""

    def __init__(self, shell: Any) -> None:
        self.formatter = shell.display_formatter.formatters[SVG]

    def register(self) -> None:
        """Have tensors and models shown with a picture."""
        self.formatter.for_type(Tensor, safely(tensor_picture))
        self.formatter.for_type(nn.Module, safely(model_card))

    def unregister(self) -> None:
        """Show them as text alone."""
        for kind in (Tensor, nn.Module):
            self.formatter.pop(kind, None)
