"""The gradient-flow heat map as SVG: the cells are one small PNG inside it."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from nbdl.inspection.records import GradientPart
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


def heat_map(part: GradientPart, width: float) -> str:
    """The map's markup, its corner at (0, 0)."""
    norms, layers = _fitting(part)
    row = _row_height(len(part.layers))
    height = row * len(layers)
    low, high = log_range(norms)
    marks = [
        element(
            "image", x=LABEL, y=0, width=width - LABEL, height=height, preserveAspectRatio="none",
            image_rendering="optimizeSpeed", style="image-rendering:pixelated",
            href=data_url(_colors(norms, low, high)),
        )
    ]  # fmt: skip
    every = -(-11 // int(row))
    for index in range(0, len(layers), every):
        y = index * row + row / 2 + 4
        label = shorten(layers[index], 26)
        marks.append(text(LABEL - 8, y, label, 11, text_anchor="end"))
    first, last = formats.value(float(part.steps[0])), formats.value(float(part.steps[-1]))
    marks.append(text(LABEL, height + 16, f"step {first}", 11, fill=MUTED))
    marks.append(text(width, height + 16, last, 11, fill=MUTED, text_anchor="end"))
    return "".join([*marks, *_legend(height + 42, low, high)])


def _fitting(part: GradientPart) -> tuple[np.ndarray, list[str]]:
    """Norms (columns, rows) and names, joined where there are more than fit."""
    norms, layers = part.norms.astype(np.float64), list(part.layers)
    if len(norms) > MAX_COLUMNS:
        edges = np.arange(MAX_COLUMNS) * len(norms) // MAX_COLUMNS
        norms = np.maximum.reduceat(norms, edges, axis=0)
    if len(layers) > MAX_LAYERS:
        edges = np.arange(MAX_LAYERS) * len(layers) // MAX_LAYERS
        norms = np.maximum.reduceat(norms, edges, axis=1)
        layers = [layers[edge] for edge in edges]
    return norms, layers


def _colors(norms: np.ndarray, low: float, high: float) -> np.ndarray:
    """(rows, columns, 3) uint8."""
    values = norms.T
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = (np.log10(values) - low) / (high - low) if high > low else np.full_like(values, 0.5)
    parts = np.where(np.isfinite(parts), parts, 0.0)
    pixels = viridis(parts)
    pixels[values == 0] = _rgb(LINE)
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


def _legend(y: float, low: float, high: float) -> list[str]:
    marks = [text(LABEL, y, "gradient norm", 11, fill=MUTED)]
    x = LABEL + 84
    left = formats.value(10**low, 2)
    marks.append(text(x + 40, y, left, 11, text_anchor="end"))
    for index in range(32):
        fill = hex_color(viridis(np.array(index / 31)))
        marks.append(rectangle(x + 48 + 4 * index, y - 8, 4.5, 8, fill=fill))
    x += 48 + 128 + 8
    marks.append(text(x, y, formats.value(10**high, 2), 11))
    for offset, fill, label in ((64, LINE, "0"), (104, BAD, "NaN or ∞")):
        marks.append(rectangle(x + offset, y - 9, 10, 10, rx=2, fill=fill))
        marks.append(text(x + offset + 14, y, label, 11, fill=MUTED))
    return marks
