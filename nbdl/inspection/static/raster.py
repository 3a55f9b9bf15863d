"""SVG to PNG by resvg (a small wheel without dependencies), with a font of our own.

Text in a PNG needs a font, and a bare machine has none: the subset of DejaVu Sans beside this file
covers Latin, Greek, Cyrillic and the signs our pictures use; the system's fonts cover the rest.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import io
from pathlib import Path
from typing import Any

FONTS = Path(__file__).parent / "fonts"
ZOOM = 1.0
"""PNG pixels per SVG unit: what hosts show is the SVG, the PNG serves print and untrusted pages."""

COLORS = 64
"""Colours of a PNG, where Pillow is there to choose them: a third of the size, no less clear."""


def png(svg: str, zoom: float = ZOOM) -> bytes | None:
    """The picture as PNG bytes, or None where resvg-py is not installed."""
    if importlib.util.find_spec("resvg_py") is None:
        return None
    resvg = importlib.import_module("resvg_py")
    made: bytes = resvg.svg_to_bytes(
        svg_string=svg,
        zoom=zoom,
        font_files=[str(path) for path in sorted(FONTS.glob("*.ttf"))],
        sans_serif_family="DejaVu Sans",
        font_family="DejaVu Sans",
        text_rendering="geometric_precision",
    )
    return _smaller(bytes(made))


def mime_bundle(svg: str, text: str) -> dict[str, Any]:
    """A picture for a notebook: ``image/svg+xml``, ``image/png`` where it can be made, and
    ``text/plain``."""
    data: dict[str, Any] = {"image/svg+xml": svg, "text/plain": text}
    picture = png(svg)
    if picture is not None:
        data["image/png"] = base64.b64encode(picture).decode()
    return data


def _smaller(picture: bytes) -> bytes:
    """The same picture with few colours; as it was where Pillow is not installed."""
    if importlib.util.find_spec("PIL") is None:
        return picture
    image = importlib.import_module("PIL.Image")
    stream = io.BytesIO()
    with image.open(io.BytesIO(picture)) as opened:
        # The way that keeps rare colours: a thin red line is not less true than a wide blue one.
        few = opened.convert("RGB").quantize(
            COLORS, method=image.Quantize.MAXCOVERAGE, dither=image.Dither.NONE
        )
        few.save(stream, "PNG", optimize=True)
    return stream.getvalue()
