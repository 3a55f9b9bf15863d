"""Pictures of tensors and models: well-formed, safe, small, and true to the numbers."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nbdl
from nbdl import nn
from nbdl.inspection.static.card import model_card
from nbdl.inspection.static.panels import Grid
from nbdl.inspection.static.raster import png
from nbdl.inspection.static.tensor import tensor_svg
from nbdl.inspection.tensors import Look, Seen
from nbdl.magics.pictures import safely, tensor_picture

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '<img src=x onerror=alert(1)> & "\ud800\x07'
DRAW = np.random.default_rng(3)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def images(svg: str) -> list[np.ndarray]:
    links = [image.get("href") or "" for image in ET.fromstring(svg).iter(f"{SVG}image")]
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(link.partition(",")[2]))))
            for link in links]  # fmt: skip


def test_a_heat_map_has_a_pixel_a_cell_and_small_ones_are_written_out() -> None:
    x = np.array([[-2.0, 0.0, 2.0], [np.nan, 1.0, np.inf]])
    svg = tensor_svg(Seen(x, "x").record())
    [pixels] = images(svg)
    assert pixels.shape == (2, 3, 3)
    blue, white, orange = pixels[0].astype(int)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    assert white.min() > 240
    said = texts(svg)
    for words in ("−2", "×", "+", "NaN", "1", "rows: axis 0 (2) · columns: axis 1 (3)"):
        assert words in said


def test_images_are_drawn_in_their_own_colours() -> None:
    x = DRAW.integers(0, 256, (2, 9, 10, 3), np.uint8)
    first, second = images(tensor_svg(Seen(x).record()))
    np.testing.assert_array_equal(first, x[0])
    np.testing.assert_array_equal(second, x[1])


def test_names_are_text_wherever_they_stand() -> None:
    svg = tensor_svg(Seen(np.zeros((2, 2, 2)), EVIL, names=(EVIL, EVIL, EVIL)).record())
    assert "<img" not in svg
    assert any("onerror" in words for words in texts(svg))
    assert png(svg) is not None
    model = nn.Sequential()
    model.add_module(EVIL.replace(".", ""), nn.Linear(2, 2))
    assert "<img" not in model_card(model)


def test_a_projection_has_a_point_a_row() -> None:
    svg = tensor_svg(Seen(DRAW.normal(size=(30, 4))).record(Look(mode="pca")))
    assert len(list(ET.fromstring(svg).iter(f"{SVG}circle"))) == 30


@pytest.mark.parametrize("shape", [(7,), (40, 50), (700, 900), (64, 3, 32, 32), (12, 40, 40)])
def test_the_small_picture_stays_small(shape: tuple[int, ...]) -> None:
    svg = tensor_picture(nbdl.tensor(DRAW.normal(size=shape)))
    assert svg is not None
    assert len(svg) < 15_000
    ET.fromstring(svg)


@pytest.mark.parametrize("x", [nbdl.tensor(1.5), nbdl.zeros((0, 3)), nbdl.ones((1, 1))])
def test_one_number_and_none_are_text_alone(x: Any) -> None:
    assert tensor_picture(x) is None


def test_a_picture_that_fails_is_no_error() -> None:
    def draw(_: Any) -> str:
        raise RuntimeError("no")

    assert safely(draw)(3) is None


def test_a_model_is_listed_with_its_parameters_and_a_long_one_is_cut() -> None:
    said = texts(model_card(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))))
    assert {"Linear", "4→8", "8→2", "ReLU"} <= set(said)
    assert any("58 parameters" in words for words in said)
    long = model_card(nn.Sequential(*[nn.Linear(8, 8) for _ in range(300)]))
    assert "and 290 more layers" in texts(long)
    assert len(long) < 15_000
    assert "not" not in model_card(nn.Sequential(nn.Linear(None, 3)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (32, 3, 3), (1, 400, 2), (1, 1, 4000)])
@pytest.mark.parametrize("square", [True, False])
def test_panels_stay_in_the_room_there_is(shape: tuple[int, int, int], square: bool) -> None:
    grid = Grid.fit(shape, 500, 380, square)
    x, y = grid.place(shape[0] - 1, shape[1], shape[2])
    assert grid.width > 0
    assert min(grid.across, shape[0]) * shape[2] * grid.width <= 501
    assert y + shape[1] * grid.height <= 381
    assert x >= 0
