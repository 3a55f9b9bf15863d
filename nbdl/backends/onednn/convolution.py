"""Convolutions over one to three axes, and their gradients.

Shapes are nbdl's: src (batch, channels, *sizes), weights (out, channels / groups, *kernel), bias
(out,), dst (batch, out, *counts). Channels-last tensors are the same shapes with other strides.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbdl.backends.onednn.library import Handle, threads
from nbdl.backends.onednn.memory import AnyLayout, AnyOf, Dims, Layout, Opaque, Shape, describe
from nbdl.backends.onednn.post_ops import Post, beside, operands
from nbdl.backends.onednn.primitives import (
    BIAS,
    DIFF_BIAS,
    DIFF_DST,
    DIFF_SRC,
    DIFF_WEIGHTS,
    DST,
    FORWARD_TRAINING,
    KEPT,
    SRC,
    WEIGHTS,
    Primitive,
    descriptor,
)
from nbdl.errors import ShapeError

Pairs = tuple[tuple[int, int], ...]

# Winograd's algorithm, which "auto" may pick, loses digits.
_DIRECT = 1


@dataclass(frozen=True)
class Window:
    """How windows slide over the sizes.

    Attributes:
        strides: step of the window along each axis.
        padding: zeros before and after each axis.
        dilation: distance of a window's elements along each axis, 1 for neighbours.
        groups: parts of the channels that do not mix.
    """

    strides: Shape
    padding: Pairs
    dilation: Shape
    groups: int = 1

    @classmethod
    def of(
        cls,
        strides: Sequence[int],
        padding: Sequence[Sequence[int]],
        dilation: Sequence[int],
        groups: int = 1,
    ) -> Window:
        """A window of any sequences, as something that can be a key."""
        pairs = tuple((int(before), int(after)) for before, after in padding)
        return cls(tuple(strides), pairs, tuple(dilation), groups)

    @property
    def dims(self) -> list[Any]:
        """Strides, dilations (which oneDNN counts from 0), paddings before, paddings after."""
        before, after = zip(*self.padding, strict=True)
        return [
            Dims(*self.strides),
            Dims(*(d - 1 for d in self.dilation)),
            Dims(*before),
            Dims(*after),
        ]

    def counts(self, sizes: Shape, kernel: Shape) -> Shape:
        """How many windows fit along each axis."""
        return tuple(
            (n + a + b - d * (k - 1) - 1) // s + 1
            for n, k, s, (a, b), d in zip(
                sizes, kernel, self.strides, self.padding, self.dilation, strict=True
            )
        )

    def __str__(self) -> str:
        return (
            f"strides {self.strides}, padding {self.padding}, dilation {self.dilation}, "
            f"groups {self.groups}"
        )


@dataclass(frozen=True)
class _Operands:
    """Layouts of a convolution or of its gradients, by their place in the forward one."""

    src: AnyOf
    weights: AnyOf
    bias: Layout | None
    dst: AnyOf

    def check(self, window: Window) -> None:
        n, groups = len(self.src.shape) - 2, window.groups
        weights = self.nbdl_weights(groups)
        fits = (
            1 <= n <= 3
            and len(weights) == len(self.dst.shape) == n + 2
            and len(window.strides) == len(window.padding) == len(window.dilation) == n
            and weights[0] % groups == 0
            and self.src.shape[1] == weights[1] * groups
            and self.dst.shape[:2] == (self.src.shape[0], weights[0])
            and self.dst.shape[2:] == window.counts(self.src.shape[2:], weights[2:])
            and (self.bias is None or self.bias.shape == weights[:1])
        )
        if not fits:
            bias = f" and bias {self.bias}" if self.bias else ""
            raise ShapeError(
                f"a convolution of {self.src} with weights {self.weights}{bias}, {window} "
                f"does not give {self.dst}"
            )

    def freed(self) -> _Operands:
        """The same where images of one channel may lie as oneDNN likes.

        They are channels-first and channels-last at once, and oneDNN takes the first that fits,
        not the one that the other images have.
        """
        src, dst = (
            AnyLayout(image.shape, image.dtype) if image.shape[1] == 1 else image
            for image in (self.src, self.dst)
        )
        return replace(self, src=src, dst=dst)

    def nbdl_weights(self, groups: int) -> Shape:
        """(out, channels / groups, *kernel), also of weights that oneDNN has laid out."""
        shape = self.weights.shape
        if isinstance(self.weights, Opaque) and groups > 1:
            return (shape[0] * shape[1], *shape[2:])
        return shape

    def describe(self, groups: int) -> list[Handle]:
        """Descriptors of src, weights, bias if there is one, dst."""
        bias = [describe(beside("bias", self.bias, self.bias.shape))] if self.bias else []
        return [describe(self.src), self._grouped(groups), *bias, describe(self.dst)]

    def _grouped(self, groups: int) -> Handle:
        if groups == 1:
            return describe(self.weights)
        out, *rest = self.nbdl_weights(groups)
        return describe(self.weights, (groups, out // groups, *rest))


def convolution_forward(
    src: AnyOf,
    weights: AnyOf,
    dst: AnyOf,
    bias: Layout | None = None,
    *,
    strides: Sequence[int],
    padding: Sequence[Sequence[int]],
    dilation: Sequence[int],
    groups: int = 1,
    post: Post = (),
) -> Primitive:
    """dst = post(src * weights + bias).

    Roles: ``src``, ``weights``, ``bias``, ``dst``. ``padding`` is a pair (before, after) for each
    axis, ``dilation`` 1 for neighbours.

    Raises:
        ShapeError: sizes that do not fit together.
        BackendError: oneDNN has none for these layouts, dtypes or post-ops.
    """
    window = Window.of(strides, padding, dilation, groups)
    return _forward(_Operands(src, weights, bias, dst), window, post, threads())


def convolution_backward_data(
    diff_dst: AnyOf,
    weights: AnyOf,
    diff_src: AnyOf,
    *,
    strides: Sequence[int],
    padding: Sequence[Sequence[int]],
    dilation: Sequence[int],
    groups: int = 1,
) -> Primitive:
    """What reaches src from diff_dst; also a transposed convolution.

    Roles: ``diff_dst``, ``weights``, ``diff_src``. Settings and errors as convolution_forward's.
    """
    window = Window.of(strides, padding, dilation, groups)
    return _backward_data(_Operands(diff_src, weights, None, diff_dst), window, threads())


def convolution_backward_weights(
    src: AnyOf,
    diff_dst: AnyOf,
    diff_weights: AnyOf,
    diff_bias: Layout | None = None,
    *,
    strides: Sequence[int],
    padding: Sequence[Sequence[int]],
    dilation: Sequence[int],
    groups: int = 1,
) -> Primitive:
    """What reaches the weights, and the bias if its layout is given.

    Roles: ``src``, ``diff_dst``, ``diff_weights``, ``diff_bias``. Settings and errors as
    convolution_forward's.
    """
    window = Window.of(strides, padding, dilation, groups)
    given = _Operands(src, diff_weights, diff_bias, diff_dst)
    return _backward_weights(given, window, threads())


@functools.lru_cache(maxsize=KEPT)
def _forward(given: _Operands, window: Window, post: Post, threads: int) -> Primitive:
    def make(given: _Operands) -> Primitive:
        made = _forward_descriptor(given, window, post)
        roles = {"src": SRC, "weights": WEIGHTS, "bias": BIAS, "dst": DST, **dict(operands(post))}
        return Primitive("convolution_forward", made, roles, _by_groups("weights", window))

    return _faster(make, given, {"src": given.src, "dst": given.dst})


@functools.lru_cache(maxsize=KEPT)
def _backward_data(given: _Operands, window: Window, threads: int) -> Primitive:
    def make(given: _Operands) -> Primitive:
        hint = _forward_descriptor(given, window)
        src, weights, dst = given.describe(window.groups)
        layouts = {"diff_dst": given.dst, "weights": given.weights, "diff_src": given.src}
        arguments = [a.address for a in (src, weights, dst)]
        made = descriptor(
            "convolution_backward_data",
            [_DIRECT, *arguments, *window.dims, hint.address],
            layouts,
        )
        roles = {"diff_dst": DIFF_DST, "weights": WEIGHTS, "diff_src": DIFF_SRC}
        return Primitive("convolution_backward_data", made, roles, _by_groups("weights", window))

    return _faster(make, given, {"diff_src": given.src, "diff_dst": given.dst})


@functools.lru_cache(maxsize=KEPT)
def _backward_weights(given: _Operands, window: Window, threads: int) -> Primitive:
    def make(given: _Operands) -> Primitive:
        hint = _forward_descriptor(given, window)
        src, weights, *bias, dst = given.describe(window.groups)
        layouts = {
            "src": given.src,
            "diff_dst": given.dst,
            "diff_weights": given.weights,
            "diff_bias": given.bias,
        }
        arguments = [a and a.address for a in (src, weights, bias[0] if bias else None, dst)]
        made = descriptor(
            "convolution_backward_weights",
            [_DIRECT, *arguments, *window.dims, hint.address],
            layouts,
        )
        numbers = (SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS)
        roles = dict(zip(layouts, numbers, strict=True))
        joined = _by_groups("diff_weights", window)
        return Primitive("convolution_backward_weights", made, roles, joined)

    return _faster(make, given, {"src": given.src, "diff_dst": given.dst})


def _forward_descriptor(given: _Operands, window: Window, post: Post = ()) -> Handle:
    given.check(window)
    src, weights, *bias, dst = given.describe(window.groups)
    arguments = [a and a.address for a in (src, weights, bias[0] if bias else None, dst)]
    layouts = {"src": given.src, "weights": given.weights, "bias": given.bias, "dst": given.dst}
    return descriptor(
        "convolution_forward",
        [FORWARD_TRAINING, _DIRECT, *arguments, *window.dims],
        layouts,
        post,
    )


def _by_groups(role: str, window: Window) -> str:
    """The role if oneDNN sees it with its groups as an axis."""
    return role if window.groups > 1 else ""


def _faster(
    make: Callable[[_Operands], Primitive], given: _Operands, images: dict[str, AnyOf]
) -> Primitive:
    """``make(given)``, or of freed operands if that is faster and they lie as given all the same.

    ``images`` are the given layouts of src and dst by role.
    """
    made, freed = make(given), given.freed()
    fixed = {role: image for role, image in images.items() if isinstance(image, Layout)}
    if not made.is_fast and freed != given:
        other = make(freed)
        if other.is_fast and all(v.lies_like(other.layouts[k]) for k, v in fixed.items()):
            made = other
    made.layouts.update(fixed)  # oneDNN may say the stride of an axis of size 1 differently
    return made
