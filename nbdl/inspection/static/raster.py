"""SVG to PNG by resvg (a small wheel without dependencies), with a font of our own.

Text in a PNG needs a font, and a bare machine has none: the subset of DejaVu Sans beside this file
covers Latin, Greek, Cyrillic and the signs our pictures use; the system's fonts cover the rest.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"
ZOOM = 2.0
"""PNG pixels per SVG unit, so that pictures are sharp in print and on dense screens."""


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
    return bytes(made)
