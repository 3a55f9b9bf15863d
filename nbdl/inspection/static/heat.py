"""The gradient-flow heat map as SVG: the cells are one small PNG inside it."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from nbdl.inspection.gradient_flow import Measured
from nbdl.inspection.static import formats
from nbdl.inspection.static.scales import hex_color, log_range, viridis
from nbdl.inspection.static.svg import BAD, LINE, MUTED, element, rectangle, shorten, text

LABEL = 168
FOOT = 52
MAX_LAYERS = 48
MAX_COLUMNS = 240


def heat_height(layers: int) -> float:
    """How tall the map of so many layers is, its axis and legend included."""
    return _row_height(layers) * min(layers, MAX_LAYERS) + FOOT


def _row_height(layers: int) -> float:
    return max(8, min(20, 320 // max(1, min(layers, MAX_LAYERS))))


def heat_map(shown: Measured, width: float) -> str:
    """The map's markup, its corner at (0, 0)."""
    values, layers = _fitting(shown)
    row = _row_height(len(shown.layers))
    height = row * len(layers)
    low, high = (0.0, 1.0) if shown.is_share else log_range(values)
    marks = [
        element(
            "image", x=LABEL, y=0, width=width - LABEL, height=height, preserveAspectRatio="none",
            image_rendering="optimizeSpeed", style="image-rendering:pixelated",
            href=data_url(_colors(values, low, high, shown.is_share)),
        )
    ]  # fmt: skip
    every = -(-11 // int(row))
    for index in range(0, len(layers), every):
        y = index * row + row / 2 + 4
        label = shorten(layers[index], 26)
        marks.append(text(LABEL - 8, y, label, 11, text_anchor="end"))
    first, last = formats.value(float(shown.steps[0])), formats.value(float(shown.steps[-1]))
    marks.append(text(LABEL, height + 16, f"step {first}", 11, fill=MUTED))
    marks.append(text(width, height + 16, last, 11, fill=MUTED, text_anchor="end"))
    ends = ["0 %", "100 %"] if shown.is_share else [formats.value(10**x, 2) for x in (low, high)]
    return "".join([*marks, *_legend(height + 42, shown.label, *ends)])


def _fitting(shown: Measured) -> tuple[np.ndarray, list[str]]:
    """Values (columns, rows) and names, joined where there are more than fit."""
    values, layers = shown.values, list(shown.layers)
    if len(values) > MAX_COLUMNS:
        edges = np.arange(MAX_COLUMNS) * len(values) // MAX_COLUMNS
        values = np.maximum.reduceat(values, edges, axis=0)
    if len(layers) > MAX_LAYERS:
        edges, layers = grouped(layers, MAX_LAYERS)
        values = np.maximum.reduceat(values, edges, axis=1)
    return values, layers


def grouped(layers: list[str], most: int) -> tuple[np.ndarray, list[str]]:
    """Neighbours of one module as one row, so that there are at most ``most``.

    Returns:
        Where each group begins, and its name: that of the module, and how many it has.
    """
    paths = [layer.split(".") for layer in layers]
    for depth in range(max(map(len, paths)), 0, -1):
        names = [".".join(path[:depth]) for path in paths]
        starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
        if len(starts) <= most:
            break
    else:
        starts = [i * len(layers) // most for i in range(most)]
    ends = [*starts[1:], len(layers)]
    words = [
        layers[a] if b == a + 1 else f"{names[a]} ({b - a})"
        for a, b in zip(starts, ends, strict=True)
    ]
    return np.array(starts), words


def _colors(values: np.ndarray, low: float, high: float, is_share: bool) -> np.ndarray:
    """(rows, columns, 3) uint8."""
    values = values.T
    with np.errstate(divide="ignore", invalid="ignore"):
        places = values if is_share else np.log10(values)
        parts = (places - low) / (high - low) if high > low else np.full_like(values, 0.5)
    parts = np.where(np.isfinite(parts), parts, 0.0)
    pixels = viridis(parts)
    pixels[(values < 0) | ((values == 0) & (not is_share))] = _rgb(LINE)
    pixels[~np.isfinite(values)] = _rgb(BAD)
    return pixels


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


def data_url(pixels: np.ndarray) -> str:
    """The picture of (height, width, 3) uint8 as a link that carries it."""
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode()


def encode_png(pixels: np.ndarray) -> bytes:
    """A PNG file of (height, width, 3) uint8, by the standard library alone (RFC 2083)."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # filter 0 before each row
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _legend(y: float, label: str, low: str, high: str) -> list[str]:
    marks = [text(LABEL, y, label, 11, fill=MUTED)]
    x = LABEL + 92
    marks.append(text(x + 40, y, low, 11, text_anchor="end"))
    for index in range(32):
        fill = hex_color(viridis(np.array(index / 31)))
        marks.append(rectangle(x + 48 + 4 * index, y - 8, 4.5, 8, fill=fill))
    x += 48 + 128 + 8
    marks.append(text(x, y, high, 11))
    for offset, fill, word in ((64, LINE, "0 or none"), (140, BAD, "NaN or ∞")):
        marks.append(rectangle(x + offset, y - 9, 10, 10, rx=2, fill=fill))
        marks.append(text(x + offset + 14, y, word, 11, fill=MUTED))
    return marks
