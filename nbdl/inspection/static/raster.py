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

import numpy as np

FONTS = Path(__file__).parent / "fonts"
ZOOM = 1.0
"""PNG pixels per SVG unit: what hosts show is the SVG, the PNG serves print and untrusted pages."""

COLORS = 40
"""Colours of a PNG: a third of the size, no less clear."""


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
    """The same picture with few colours."""
    from PIL import Image  # noqa: PLC0415 - only who keeps a picture needs it

    stream = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        palette, pixels = few_colors(np.asarray(opened.convert("RGB")))
        few = Image.frombytes("P", opened.size, pixels.tobytes())
        few.putpalette(palette.tobytes())
        few.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def few_colors(pixels: np.ndarray, most: int = COLORS) -> tuple[np.ndarray, np.ndarray]:
    """A picture in at most ``most`` of its own colours.

    Each is the one that takes most off the squared error of what was chosen before, so that areas
    keep their very colour and rare, strong colours stay; what suffers are the edges of letters.

    Args:
        pixels: (height, width, 3) uint8.

    Returns:
        palette: (colours, 3) uint8.
        places: (height, width) uint8, into the palette.
    """
    red, green, blue = np.moveaxis(pixels.astype(np.uint32), -1, 0)
    values, where, counts = np.unique(
        red << 16 | green << 8 | blue, return_inverse=True, return_counts=True
    )
    colors = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.int64)
    chosen: list[int] = []
    nearest, error = np.zeros(len(colors), np.uint8), np.full(len(colors), np.inf)
    while len(chosen) < min(most, len(colors)):
        best = int(np.argmax(counts * error if chosen else counts))
        distance = ((colors - colors[best]) ** 2).sum(axis=1)
        nearest[distance < error] = len(chosen)
        error = np.minimum(error, distance)
        chosen.append(best)
    return colors[chosen].astype(np.uint8), nearest[where].reshape(pixels.shape[:2])
