"""Attributes of a primitive: what is done to each result before it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbdl.backends.onednn.library import Handle, library
from nbdl.backends.onednn.memory import AnyOf, Layout, describe
from nbdl.errors import ArgumentError, BackendError, ShapeError, brief, unknown

Post = tuple[tuple[Any, ...], ...]
"""Post-ops in order: ``("sum",)``, ``("relu",)``, ``("binary_add", layout)``, …"""

_USER_SCRATCHPAD, _STRICT, _SAME_DTYPE = 1, 0, 0
_CHAIN, _OPERAND = 32768, 2

ELTWISE: dict[str, tuple[tuple[int, float, float], ...]] = {
    # oneDNN's own relu makes 0 of NaN; elu keeps it, and what is below zero becomes -0, then 0.
    # The price is an exponential: nothing beside a long sum, much beside one of 27 products.
    "relu": ((0x22, 0.0, 0.0), (0x26, 1.0, 0.0)),
    "tanh": ((0x21, 0.0, 0.0),),
    "sigmoid": ((0x29, 0.0, 0.0),),
    "gelu_tanh": ((0x2B, 0.0, 0.0),),
    "silu": ((0x2C, 1.0, 0.0),),
    "gelu_erf": ((0x31, 0.0, 0.0),),
}
"""Functions of one element without settings: oneDNN's numbers, alphas and betas, in order.

All keep NaN. Their errors are below 2**-21 * max(1, abs(x)) in float32; gelu_erf is the worst.
"""

SCALED = {"leaky_relu": (0x20, 0.0), "scale": (0x26, -0.0)}
"""Functions with one setting, as in ``("scale", 0.5)``: oneDNN's number and the beta.

Adding -0 leaves every number as it is, the sign of zero included. leaky_relu keeps NaN, so its
slope must not be 0.
"""

BINARY = {"binary_add": 0x1FFF0, "binary_mul": 0x1FFF1, "binary_sub": 0x1FFF5}
"""Functions of the result and an operand that broadcasts to it, whose layout follows the name."""

NAMES = ("sum", *ELTWISE, *SCALED, *BINARY)
"""All that a primitive may do to its result; ``("sum",)`` adds it to what lies in dst."""


def attributes(post: Post, dst: AnyOf | None) -> Handle:
    """Attributes with these post-ops, strict float32 arithmetic, and the user's scratchpad.

    ``dst`` is the result that they are applied to. Raises ArgumentError for unknown ones.
    """
    lib = library()
    made = lib.make("primitive_attr_create")
    lib.call("primitive_attr_set_scratchpad_mode", made.address, _USER_SCRATCHPAD)
    lib.call("primitive_attr_set_fpmath_mode", made.address, _STRICT)
    if post:
        assert dst is not None
        chain = lib.make("post_ops_create")
        for entry in post:
            _append(chain, entry, dst)
        lib.call("primitive_attr_set_post_ops", made.address, chain.address)
    return made


def _append(chain: Handle, entry: tuple[Any, ...], dst: AnyOf) -> None:
    lib, (name, *settings) = library(), entry
    if name not in NAMES:
        raise unknown("post-op", name, NAMES)
    if len(settings) != (name in SCALED or name in BINARY):
        raise ArgumentError(f"the post-op {entry} of oneDNN has too many settings, or too few")
    if name == "leaky_relu" and not settings[0]:
        raise ArgumentError("the post-op leaky_relu of oneDNN has slope 0", hint='("relu",)')
    if name == "sum":
        lib.call("post_ops_append_sum", chain.address, 1.0, 0, _SAME_DTYPE)
    elif name in BINARY:
        if not isinstance(settings[0], Layout):
            raise ArgumentError(f"{name} wants its operand's Layout, got {brief(settings[0])}")
        operand = describe(beside("post-op operand", settings[0], dst.shape))
        lib.call("post_ops_append_binary", chain.address, BINARY[name], operand.address)
    elif name in SCALED:
        number, beta = SCALED[name]
        lib.call("post_ops_append_eltwise", chain.address, number, settings[0], beta)
    else:
        for function in ELTWISE[name]:
            lib.call("post_ops_append_eltwise", chain.address, *function)


def beside(what: str, layout: Layout, shape: tuple[int, ...]) -> Layout:
    """The layout with the axes of a result of ``shape``, to which it broadcasts by axes of size 1.

    oneDNN accepts other strides of a bias or an operand and overlooks them: here they raise
    BackendError. Raises ShapeError for what does not broadcast.
    """
    sizes = aligned(what, layout, shape)
    given = (*(0,) * (len(sizes) - len(layout.strides)), *layout.strides)
    sizes = tuple(n if stride else 1 for n, stride in zip(sizes, given, strict=True))
    strides, step = [1] * len(sizes), 1
    for axis in sorted(range(len(sizes)), key=lambda i: (given[i], -i)):
        if sizes[axis] > 1:
            if given[axis] != step:
                raise BackendError(
                    f"oneDNN reads the {what} {layout} only if its elements lie side by side",
                    hint="a contiguous copy",
                )
            strides[axis], step = step, step * sizes[axis]
    return Layout(sizes, tuple(strides), layout.dtype)


def aligned(what: str, layout: AnyOf, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The layout's shape with ones in front, which broadcasts to ``shape``; else ShapeError."""
    result = (*(1,) * (len(shape) - len(layout.shape)), *layout.shape)
    pairs = list(zip(result, shape, strict=False))
    if len(result) != len(shape) or any(a not in (1, b) for a, b in pairs):
        raise ShapeError(f"the {what} {layout} does not broadcast to shape {shape}")
    return result


def operands(post: Post) -> Iterator[tuple[str, int]]:
    """``(role, number of the argument)`` of each post-op that reads an operand."""
    number = 0
    for place, (name, *_) in enumerate(post):
        if name in BINARY:
            yield f"post{place}", _CHAIN * (number + 1) | _OPERAND
        number += len(ELTWISE.get(name, (name,)))


def described(post: Post) -> str:
    """The post-ops as text for an error message."""
    return ", ".join(" ".join(map(str, entry)) for entry in post)
