"""A depthwise convolution is a convolution of each channel by itself."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
import nbdl.nn.functional as F


@pytest.mark.parametrize(
    ("convolve", "sizes", "kernel", "options"),
    [
        (F.conv1d, (9,), (3,), {"padding": 1}),
        (F.conv1d, (9,), (2,), {"dilation": 3}),
        (F.conv2d, (7, 8), (3, 3), {"padding": 1}),
        (F.conv2d, (7, 8), (3, 2), {"stride": (2, 1), "padding": (0, 1), "dilation": (1, 2)}),
        (F.conv2d, (7, 8), (3, 3), {"stride": 2, "padding": 1}),
        (F.conv3d, (4, 5, 6), (2, 3, 2), {"padding": (1, 0, 1), "stride": (2, 2, 1)}),
        (F.conv2d, (120, 130), (3, 3), {"padding": 1}),  # more than one block of samples
    ],
)
def test_each_channel_by_itself(convolve, sizes, kernel, options) -> None:
    random = np.random.default_rng(0)
    channels = 5
    x = nbdl.tensor(random.standard_normal((4, channels, *sizes)), requires_grad=True)
    w = nbdl.tensor(random.standard_normal((channels, 1, *kernel)), requires_grad=True)
    y = convolve(x, w, groups=channels, **options)
    parts = [convolve(x[:, i : i + 1], w[i : i + 1], **options) for i in range(channels)]
    expected = nbdl.concat(parts, axis=1)
    np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)
    dy = nbdl.tensor(random.standard_normal(y.shape))
    for ours, theirs in zip(
        nbdl.grad(y, (x, w), dy), nbdl.grad(expected, (x, w), dy), strict=True
    ):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-9)
