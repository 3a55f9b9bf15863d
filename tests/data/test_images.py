"""Transforms of images against Pillow, and their chance."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nbdl import data, manual_seed
from nbdl.errors import ArgumentError, DataError

RNG = np.random.default_rng(0)
IMAGE = RNG.random((1, 12, 15), dtype=np.float32)


def pillow(x: np.ndarray) -> Image.Image:
    return Image.fromarray(x[0], "F") if x.dtype == np.float32 else Image.fromarray(x[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("size", [(6, 5), (24, 30), (12, 7), (13, 16)])
def test_resize_agrees_with_pillow(size):
    expected = np.asarray(pillow(IMAGE).resize(size[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_allclose(data.Resize(size)(IMAGE)[0], expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("degrees", [0, 17, 90, -45, 180])
def test_rotate_agrees_with_pillow_inside_the_image(degrees):
    square = RNG.random((1, 16, 16), dtype=np.float32)
    expected = np.asarray(pillow(square).rotate(degrees, Image.Resampling.BILINEAR))
    got = data.Rotate(degrees)(square)[0]
    inside = np.hypot(*(np.mgrid[:16, :16] - 7.5)) < 6.5  # Pillow does not blend at the border
    np.testing.assert_allclose(got[inside], expected[inside], atol=1e-5)


def test_a_quarter_turn_is_exact_and_integers_stay_integers():
    x = RNG.integers(0, 256, (3, 9, 9), dtype=np.uint8)
    np.testing.assert_array_equal(data.Rotate(90)(x), np.rot90(x, axes=(1, 2)))
    assert data.Resize(4)(x).dtype == np.uint8


def test_to_tensor_scales_bytes_and_moves_channels():
    x = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    out = data.ToTensor()(Image.fromarray(x))
    assert (out.shape, out.dtype) == ((3, 5, 4), np.float32)
    np.testing.assert_allclose(out, x.transpose(2, 0, 1) / np.float32(255))


def test_normalize_centres_each_channel():
    x = RNG.random((2, 4, 4), dtype=np.float32)
    out = data.Normalize(x.mean((1, 2)), x.std((1, 2)))(x)
    np.testing.assert_allclose(out.mean((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(out.std((1, 2)), 1, atol=1e-5)


def test_crops_are_parts_of_the_image():
    out = data.CenterCrop((4, 5))(IMAGE)
    np.testing.assert_array_equal(out, IMAGE[:, 4:8, 5:10])
    with data.sample_key(0, 0, 0):
        out = data.RandomCrop(12, padding=2)(IMAGE)
    assert out.shape == (1, 12, 12)


def test_flips_happen_always_never_or_half_of_the_time():
    np.testing.assert_array_equal(data.RandomHorizontalFlip(1)(IMAGE), IMAGE[:, :, ::-1])
    np.testing.assert_array_equal(data.RandomVerticalFlip(1)(IMAGE), IMAGE[:, ::-1])
    np.testing.assert_array_equal(data.RandomVerticalFlip(0)(IMAGE), IMAGE)
    count = 0
    for i in range(400):
        with data.sample_key(0, 0, i):
            count += data.RandomHorizontalFlip()(IMAGE)[0, 0, 0] != IMAGE[0, 0, 0]
    assert 150 < count < 250


def test_chance_is_a_function_of_seed_epoch_and_sample():
    augment = data.Compose([data.RandomCrop(8), data.RandomRotation(20)])

    def draw(*key):
        with data.sample_key(*key):
            return augment(IMAGE)

    np.testing.assert_array_equal(draw(1, 2, 3), draw(1, 2, 3))
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        assert not np.array_equal(draw(1, 2, 3), draw(*other))


def test_outside_a_loader_chance_follows_manual_seed():
    def draw():
        return data.RandomRotation(90)(IMAGE)

    manual_seed(5)
    first = draw()
    assert not np.array_equal(first, draw())
    manual_seed(5)
    np.testing.assert_array_equal(first, draw())


@pytest.mark.parametrize(
    ("transform", "image", "words"),
    [
        (data.CenterCrop(20), IMAGE, "larger than the image"),
        (data.RandomCrop(20), IMAGE, "larger than the image"),
        (data.Normalize([0, 0], 1), IMAGE, "2 means, the image 1 channels"),
        (data.Normalize(0, 1), np.zeros((1, 2, 2), np.uint8), "needs floats, got uint8"),
        (data.Resize(4), np.zeros((2, 1, 4, 4)), "needs one image"),
        (data.Resize(4), "cat.png", "got a str"),
        (data.ToTensor(), "cat.png", "needs a picture"),
    ],
)
def test_what_does_not_fit_is_named(transform, image, words):
    with pytest.raises(DataError, match=words):
        transform(image)


@pytest.mark.parametrize(
    "make",
    [
        lambda: data.Resize(0),
        lambda: data.RandomCrop((1, 2, 3)),
        lambda: data.RandomHorizontalFlip(1.5),
        lambda: data.Normalize(0, 0),
        lambda: data.RandomRotation((5, -5)),
        lambda: data.Compose([3]),
    ],
)
def test_nonsense_parameters_are_refused(make):
    with pytest.raises(ArgumentError):
        make()
