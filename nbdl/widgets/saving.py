"""Views and pictures as files: a page to look around in, or the picture alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.experiments.files import as_path, write_file
from nbdl.inspection.static import raster
from nbdl.inspection.wire import clean
from nbdl.widgets.page import page

KINDS = (".html", ".svg", ".png")


def save(shown: Sequence[Any], path: object) -> Path:
    """Write Views, or pictures with an ``svg``, to one file.

    Args:
        shown: from top to bottom; only a page holds more than one.
        path: ends in .html, .svg or .png.

    Returns:
        The path of the file.

    Raises ArgumentError for another ending, FileError when the file cannot be written.
    """
    place = as_path(path)
    kind = place.suffix.lower()
    if kind not in KINDS:
        raise ArgumentError(
            f"a view is saved as {', '.join(KINDS)}, not as {place.name!r}",
            hint=f"{place.stem}.html is a page to look around in",
        )
    if kind == ".html":
        made = page(place.stem, [part for each in shown for part in _parts(each)])
    elif len(shown) != 1:
        raise ArgumentError(
            f"a picture shows one thing, not {len(shown)}", hint=f"{place.stem}.html holds all"
        )
    else:
        made = _picture(_svg(shown[0]), kind)

    def write(aside: Path) -> None:
        aside.write_bytes(made)

    return write_file(place, write)


def _parts(shown: Any) -> list[Any]:
    """What a page has of it: the view, the picture, or both where they say different things."""
    if not _is_view(shown):
        return [_svg(shown)]
    view = (shown.view, shown.source.whole())
    return [view, _svg(shown)] if shown.both else [view]


def _is_view(shown: Any) -> bool:
    return hasattr(shown, "source")


def _svg(shown: Any) -> str:
    drawn: str = shown.source.svg() if _is_view(shown) else shown.svg
    return clean(drawn)


def _picture(svg: str, kind: str) -> bytes:
    if kind == ".svg":
        return svg.encode()
    made = raster.png(svg, zoom=2)
    if made is None:
        raise ArgumentError("a PNG needs the package resvg-py", hint="save it as .svg")
    return made
