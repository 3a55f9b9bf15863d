"""Examples on images: LeNet, ResNet-18, U-Net, a vision transformer, a MobileNet."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.models.attention import encoder
from benchmarks.models.example import Batch, Example, per_class


def _pictures(channels: int, side: int, little: int) -> Callable[..., Batch]:
    """Batches of square images with one of ten labels each; ``little``: the side of small ones."""

    def batch(random: np.random.Generator, size: int, small: bool) -> Batch:
        shape = (size, channels, little if small else side, little if small else side)
        return random.standard_normal(shape, np.float32), random.integers(0, 10, size)

    return batch


def _masks(random: np.random.Generator, size: int, small: bool) -> Batch:
    """Images of 64×64 with a mask of the same size."""
    side = 16 if small else 64
    x = random.standard_normal((size, 1, side, side), np.float32)
    return x, (x > 0).astype(np.float32)


def _per_pixel(functional: Any, output: Any, target: Any) -> Any:
    return functional.binary_cross_entropy_with_logits(output, target)


def _lenet(framework: Any, small: bool) -> Any:
    """After Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998."""
    nn = framework.nn
    first, second, side = (4, 6, 2) if small else (32, 64, 7)
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(second * side * side, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip


def _normed(nn: Any, before: int, after: int, kernel: int, **more: Any) -> list[Any]:
    """A convolution that keeps the size at stride 1, and its batch normalization."""
    return [
        nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False, **more),
        nn.BatchNorm2d(after),
    ]


def _resnet18(framework: Any, small: bool) -> Any:
    """K. He et al., "Deep Residual Learning for Image Recognition", 2016; the stem for 32×32."""
    nn = framework.nn

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *_normed(nn, before, after, 3, stride=stride), nn.ReLU(),
                *_normed(nn, after, after, 3),
            )  # fmt: skip
            same = stride == 1 and before == after
            short = [] if same else _normed(nn, before, after, 1, stride=stride)
            self.short = nn.Sequential(*short)
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.body(x) + self.short(x))

    widths, depth = ((4, 8), 1) if small else ((64, 128, 256, 512), 2)
    blocks, before = [], widths[0]
    for stage, after in enumerate(widths):
        for i in range(depth):
            blocks.append(Block(before, after, 2 if stage and i == 0 else 1))
            before = after
    return nn.Sequential(
        *_normed(nn, 3, widths[0], 3), nn.ReLU(), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10),
    )  # fmt: skip


def _mobilenet(framework: Any, small: bool) -> Any:
    """A. Howard et al., "MobileNets", 2017: a convolution of each channel, then a 1×1 of all."""
    nn = framework.nn
    widths = (4, 8, 8, 12) if small else (32, 64, 128, 128, 256, 256, 512, 512)
    layers = [*_normed(nn, 3, widths[0], 3, stride=2), nn.ReLU6()]
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        layers += [
            *_normed(nn, before, before, 3, stride=1 + i % 2, groups=before), nn.ReLU6(),
            *_normed(nn, before, after, 1), nn.ReLU6(),
        ]  # fmt: skip
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))


def _unet(framework: Any, small: bool) -> Any:
    """O. Ronneberger, P. Fischer and T. Brox, "U-Net", 2015, with padding and batch norm."""
    nn = framework.nn
    widths = (2, 4) if small else (32, 64, 128, 256)

    def twice(before: int, after: int) -> Any:
        first, second = _normed(nn, before, after, 3), _normed(nn, after, after, 3)
        return nn.Sequential(*first, nn.ReLU(), *second, nn.ReLU())

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            steps = list(itertools.pairwise(widths))
            self.first = twice(1, widths[0])
            self.pool = nn.MaxPool2d(2)
            self.down = nn.ModuleList([twice(a, b) for a, b in steps])
            self.grow = nn.ModuleList([nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in steps])
            self.up = nn.ModuleList([twice(2 * a, a) for a, _ in steps])
            self.last = nn.Conv2d(widths[0], 1, 1)

        def forward(self, x: Any) -> Any:
            levels = [self.first(x)]
            for down in self.down:
                levels.append(down(self.pool(levels[-1])))
            y = levels.pop()
            for i in reversed(range(len(self.up))):
                y = self.up[i](framework.concat((levels[i], self.grow[i](y)), 1))
            return self.last(y)

    return UNet()


def _vit(framework: Any, small: bool) -> Any:
    """A. Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021; "tiny" of H. Touvron, 2021."""
    nn = framework.nn
    width, heads, depth, patch, side = (8, 2, 2, 4, 8) if small else (192, 3, 12, 4, 32)

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, patch, stride=patch)
            self.label = nn.Parameter(framework.zeros((1, 1, width)))
            self.positions = nn.Parameter(framework.zeros((1, (side // patch) ** 2 + 1, width)))
            self.blocks = encoder(framework, width, heads, depth, causal=False)
            self.head = nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            x = self.patches(x).flatten(2).transpose(1, 2)
            label = self.label.expand(x.shape[0], 1, width)
            return self.head(self.blocks(framework.concat((label, x), 1) + self.positions)[:, 0])

    return ViT()


IMAGES = {
    "lenet": Example(
        "LeNet-style, 28×28, batch 64", _lenet, _pictures(1, 28, 8), 64, per_class, 2.5, images=True
    ),
    "resnet18": Example(
        "ResNet-18, 32×32, batch 32", _resnet18, _pictures(3, 32, 8), 32, per_class, 1.6,
        images=True,
    ),
    "unet": Example("U-Net, 64×64, batch 8", _unet, _masks, 8, _per_pixel, images=True),
    "vit": Example(
        "ViT-tiny, 32×32 in 4×4, batch 32", _vit, _pictures(3, 32, 8), 32, per_class, images=True
    ),
    "mobilenet": Example(
        "MobileNet-style, 64×64, batch 32", _mobilenet, _pictures(3, 64, 16), 32, per_class,
        images=True,
    ),
}  # fmt: skip
