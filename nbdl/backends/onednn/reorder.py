"""Copies from one layout, or dtype, to another."""

from __future__ import annotations

import functools

from nbdl.backends.onednn.library import library, threads
from nbdl.backends.onednn.memory import Layout, Opaque, describe
from nbdl.backends.onednn.primitives import DST, KEPT, SRC, Primitive, descriptor
from nbdl.errors import ShapeError


def reorder(src: Layout | Opaque, dst: Layout | Opaque) -> Primitive:
    """dst = src, rounded to the dtype of dst.  Roles: ``src``, ``dst``.

    Shapes are equal, but weights of (out, …) may go to and from oneDNN's grouped
    (groups, out / groups, …).

    Raises:
        ShapeError: other shapes that differ.
        BackendError: oneDNN has none for these layouts.
    """
    return _reorder(src, dst, threads())


@functools.lru_cache(maxsize=KEPT)
def _reorder(src: Layout | Opaque, dst: Layout | Opaque, threads: int) -> Primitive:
    shorter, shape = sorted((src.shape, dst.shape), key=len)
    grouped = (shape[0] * shape[1], *shape[2:]) if len(shape) > 1 else ()
    if shorter not in (shape, grouped):
        raise ShapeError(f"reorder of {src} to {dst}: the shapes differ")
    engine = library().engine.address
    source, result = describe(src, shape), describe(dst, shape)
    arguments = [source.address, engine, result.address, engine]
    made = descriptor("reorder", arguments, {"src": src, "dst": dst})
    joined = "" if shorter == shape else "src" if src.shape == shorter else "dst"
    return Primitive("reorder", made, {"src": SRC, "dst": DST}, joined)
