"""The largest, or the mean, of windows, and what reaches the input from it."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from nbdl.backends.onednn.convolution import Window
from nbdl.backends.onednn.library import Handle, threads
from nbdl.backends.onednn.memory import AnyOf, Dims, Shape, describe
from nbdl.backends.onednn.post_ops import Post, operands
from nbdl.backends.onednn.primitives import (
    DIFF_DST,
    DIFF_SRC,
    DST,
    FORWARD_INFERENCE,
    FORWARD_TRAINING,
    KEPT,
    SRC,
    Primitive,
    descriptor,
)
from nbdl.errors import ShapeError, unknown

ALGORITHMS = {"max": 0x1FF, "mean_with_padding": 0x2FF, "mean_without_padding": 0x3FF}
"""oneDNN's number of each kind of pooling."""


def pooling_forward(
    src: AnyOf,
    dst: AnyOf,
    algorithm: str,
    *,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[Sequence[int]],
    dilation: Sequence[int],
    training: bool = True,
    post: Post = (),
) -> Primitive:
    """dst = the ``algorithm`` of src's windows.  (batch, channels, *sizes or *counts).

    Roles: ``src``, ``dst``, and in training of ``"max"`` ``workspace``, the places of the largest
    elements, which pooling_backward reads: the first of equal ones. ``"mean_without_padding"``
    divides by the number of elements inside src. The layout of src must be given.

    ``"max"`` overlooks NaN, and takes -infinity for the lowest finite number.

    Raises:
        ArgumentError: an unknown algorithm.
        ShapeError: sizes that do not fit together.
        BackendError: oneDNN has none for these layouts, dtypes or post-ops.
    """
    window = Window.of(strides, padding, dilation)
    return _forward(src, dst, algorithm, tuple(kernel), window, training, post, threads())


def pooling_backward(
    diff_dst: AnyOf,
    diff_src: AnyOf,
    algorithm: str,
    *,
    kernel: Sequence[int],
    strides: Sequence[int],
    padding: Sequence[Sequence[int]],
    dilation: Sequence[int],
) -> Primitive:
    """What reaches src from diff_dst.

    Roles: ``diff_dst``, ``diff_src``, and of ``"max"`` the ``workspace`` that pooling_forward of
    the same layouts and settings has written. Settings and errors as pooling_forward's.
    """
    window = Window.of(strides, padding, dilation)
    return _backward(diff_dst, diff_src, algorithm, tuple(kernel), window, threads())


def _check(src: AnyOf, dst: AnyOf, algorithm: str, kernel: Shape, window: Window) -> None:
    if algorithm not in ALGORITHMS:
        raise unknown("pooling", algorithm, ALGORITHMS)
    n = len(src.shape) - 2
    if (
        not 1 <= n <= 3
        or any(len(x) != n for x in (kernel, window.strides, window.padding, window.dilation))
        or dst.shape != (*src.shape[:2], *window.counts(src.shape[2:], kernel))
    ):
        raise ShapeError(f"pooling of {src} by windows {kernel}, {window} does not give {dst}")


def _forward_descriptor(
    src: AnyOf, dst: AnyOf, algorithm: str, kernel: Shape, window: Window, training: bool,
    post: Post,
) -> Handle:  # fmt: skip
    _check(src, dst, algorithm, kernel, window)
    source, result = describe(src), describe(dst)
    kind = FORWARD_TRAINING if training else FORWARD_INFERENCE
    strides, dilation, before, after = window.dims
    settings = [strides, Dims(*kernel), dilation, before, after]
    return descriptor(
        "pooling_forward",
        [kind, ALGORITHMS[algorithm], source.address, result.address, *settings],
        {"src": src, "dst": dst},
        post,
    )


@functools.lru_cache(maxsize=KEPT)
def _forward(
    src: AnyOf, dst: AnyOf, algorithm: str, kernel: Shape, window: Window, training: bool,
    post: Post, threads: int,
) -> Primitive:  # fmt: skip
    made = _forward_descriptor(src, dst, algorithm, kernel, window, training, post)
    return Primitive("pooling_forward", made, {"src": SRC, "dst": DST, **dict(operands(post))})


@functools.lru_cache(maxsize=KEPT)
def _backward(
    diff_dst: AnyOf, diff_src: AnyOf, algorithm: str, kernel: Shape, window: Window, threads: int
) -> Primitive:
    hint = _forward_descriptor(diff_src, diff_dst, algorithm, kernel, window, True, ())
    source, result = describe(diff_src), describe(diff_dst)
    strides, dilation, before, after = window.dims
    settings = [strides, Dims(*kernel), dilation, before, after]
    made = descriptor(
        "pooling_backward",
        [ALGORITHMS[algorithm], source.address, result.address, *settings, hint.address],
        {"diff_dst": diff_dst, "diff_src": diff_src},
    )
    return Primitive("pooling_backward", made, {"diff_dst": DIFF_DST, "diff_src": DIFF_SRC})
