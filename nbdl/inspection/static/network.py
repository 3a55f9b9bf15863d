"""A small dense network as a picture: neurons and edges with every number on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nbdl.inspection.static import formats
from nbdl.inspection.static.scales import diverging, hex_color
from nbdl.inspection.static.svg import (
    BAD,
    FAINT,
    LINE,
    MARGIN,
    MUTED,
    PAPER,
    WIDTH,
    element,
    picture,
    rectangle,
    shorten,
    text,
)
from nbdl.inspection.walk_records import ActivationRecord, NetworkRecord, NeuronColumn

DERIVATIVE = "#9440a8"
RADIUS = 24
TOP = 92
ROOM = 380
"""Pixels of height that neurons share at most."""

WRITTEN = 48
"""Networks of so few edges have their weights on them."""


@dataclass(frozen=True)
class Places:
    """Where neurons stand: columns from left to right, each in the middle of the height."""

    network: NetworkRecord
    width: float

    @property
    def step(self) -> float:
        """Pixels between two neurons of a column."""
        most = max(column.values.size for column in self.network.columns)
        return max(54.0, min(104.0, ROOM / most))

    @property
    def height(self) -> float:
        most = max(column.values.size for column in self.network.columns)
        return most * self.step

    def at(self, column: int, neuron: int) -> tuple[float, float]:
        """The middle of a neuron."""
        columns = len(self.network.columns)
        x = 40 + (self.width - 176) * column / max(1, columns - 1)
        count = self.network.columns[column].values.size
        return x, self.height / 2 + (neuron - (count - 1) / 2) * self.step


def network_svg(record: ActivationRecord) -> str:
    """The twin of a small network: values, weights and partial derivatives."""
    network = record.network
    assert network is not None
    places = Places(network, WIDTH - 2 * MARGIN)
    marks = [_loss(network, places), *_edges(network, places), *_neurons(network, places)]
    body = [
        *_head(record, network),
        element("g", *marks, transform=f"translate({MARGIN} {TOP})"),
    ]
    title = f"{record.graph.title}: {network.objective} {formats.value(network.loss)}"
    return picture(TOP + places.height + MARGIN + 8, *body, title=title)


def _head(record: ActivationRecord, network: NetworkRecord) -> list[str]:
    example = f"example {network.example + 1} of {network.examples}"
    about = f"{example} · L = {network.objective} = {formats.value(network.loss)}"
    y = MARGIN + 36
    return [
        text(MARGIN, MARGIN + 12, shorten(record.graph.title, 40), 15, font_weight=600),
        text(WIDTH - MARGIN, MARGIN + 12, about, 12, fill=MUTED, text_anchor="end"),
        text(MARGIN, y, "in each neuron its value and ", 11, fill=MUTED),
        text(MARGIN + 166, y, "∂L/∂value", 11, fill=DERIVATIVE),
        text(MARGIN + 224, y, "· on each edge its weight and ", 11, fill=MUTED),
        text(MARGIN + 384, y, "∂L/∂weight", 11, fill=DERIVATIVE),
        text(MARGIN + 450, y, "· orange: positive, blue: negative", 11, fill=MUTED),
    ]


def _edges(network: NetworkRecord, places: Places) -> list[str]:
    lines, labels = [], []
    count = sum(column.weights.size for column in network.columns)
    for at, column in enumerate(network.columns[1:], 1):
        most = np.abs(column.weights).max(initial=0.0) or 1.0
        for (neuron, source), weight in np.ndenumerate(column.weights):
            x0, y0 = places.at(at - 1, source)
            x1, y1 = places.at(at, neuron)
            lines.append(
                element("line", x1=x0, y1=y0, x2=x1, y2=y1, stroke=_shade(weight, most),
                        stroke_width=round(1 + 2.5 * abs(weight) / most, 1))
            )  # fmt: skip
            if count <= WRITTEN:
                share = 0.72 - 0.34 * source / max(1, column.weights.shape[1] - 1)
                place = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
                derivative = float(column.d_weights[neuron, source])
                labels.append(_edge_label(place, float(weight), derivative))
    return lines + labels


def _shade(value: float, most: float) -> str:
    """The colour of a number between −most and most; never as pale as the paper."""
    share = value / most / 2
    return hex_color(diverging(np.array(0.5 + (0.14 if share >= 0 else -0.14) + 0.7 * share)))


def _edge_label(place: tuple[float, float], weight: float, derivative: float) -> str:
    """The numbers of an edge; those of different sources stand in different places."""
    x, y = place
    words, other = formats.value(weight, 2), formats.value(derivative, 2)
    wide = 5.6 * max(len(words), len(other)) + 6
    return "".join([
        rectangle(x - wide / 2, y - 12, wide, 24, rx=3, fill=PAPER, fill_opacity=0.86),
        text(x, y - 2, words, 10, text_anchor="middle"),
        text(x, y + 9, other, 10, text_anchor="middle", fill=DERIVATIVE),
    ])  # fmt: skip


def _neurons(network: NetworkRecord, places: Places) -> list[str]:
    marks = []
    for at, column in enumerate(network.columns):
        x, _ = places.at(at, 0)
        title = "input" if at == 0 else f"layer {column.name} {column.function}".strip()
        marks.append(text(x, -10, shorten(title, 22), 11, text_anchor="middle", fill=MUTED))
        most = np.abs(column.values[np.isfinite(column.values)]).max(initial=0.0) or 1.0
        for neuron in range(column.values.size):
            marks += _neuron(column, neuron, places.at(at, neuron), most, places.step >= 60)
    return marks


def _neuron(
    column: NeuronColumn, neuron: int, place: tuple[float, float], most: float, roomy: bool
) -> list[str]:
    x, y = place
    value = float(column.values[neuron])
    sound = np.isfinite(value)
    fill = hex_color(diverging(np.array(0.5 + 0.12 * value / most))) if sound else PAPER
    edge = {"stroke": FAINT} if sound else {"stroke": BAD, "stroke_width": 2}
    marks = [
        element("circle", cx=x, cy=y, r=RADIUS, fill=fill, **edge),
        text(x, y, formats.value(value, 3), 11, text_anchor="middle", font_weight=600),
        text(x, y + 12, formats.value(column.d_values[neuron], 2), 9.5,
             text_anchor="middle", fill=DERIVATIVE),
    ]  # fmt: skip
    if column.bias.size and roomy:
        words = f"b {formats.value(column.bias[neuron], 2)}"
        marks.append(text(x + RADIUS - 2, y - RADIUS + 2, words, 9, fill=MUTED))
    return marks


def _loss(network: NetworkRecord, places: Places) -> str:
    last = len(network.columns) - 1
    x, y = places.width - 40, places.height / 2
    lines = [
        element("line", x1=px, y1=py, x2=x, y2=y, stroke=LINE, stroke_width=1.2)
        for px, py in (places.at(last, n) for n in range(network.columns[last].values.size))
    ]
    box = rectangle(x - 32, y - 18, 64, 36, rx=6, fill=PAPER, stroke=FAINT)
    return "".join([
        *lines, box,
        text(x, y - 3, "L", 10, text_anchor="middle", fill=MUTED),
        text(x, y + 11, formats.value(network.loss, 3), 11, text_anchor="middle", font_weight=600),
    ])  # fmt: skip
