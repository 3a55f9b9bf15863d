"""oneDNN: matrix products, convolutions and pooling compiled for this processor, by ctypes.

A primitive is made once for the layouts of its operands, and bound to addresses as a call that
runs them without looking at anything again:

    primitive = matmul(a, b, dst, post=(("relu",),))      # of Layouts
    call = primitive.bind({"src": …, "weights": …, "dst": …, "scratchpad": …})
    call()                                                # or call.function(*call.arguments) in C

The library is optional: ask ``available()``. Making a primitive where it is not there raises
MissingError. Primitives are kept: the same layouts and settings give the same object. None is made
for empty tensors (ShapeError). Products are accumulated in float32.
"""

from nbdl.backends.onednn.convolution import (
    convolution_backward_data,
    convolution_backward_weights,
    convolution_forward,
)
from nbdl.backends.onednn.library import available, set_threads, threads, version
from nbdl.backends.onednn.matmul import matmul
from nbdl.backends.onednn.memory import AnyLayout, Layout, Opaque
from nbdl.backends.onednn.pooling import pooling_backward, pooling_forward
from nbdl.backends.onednn.post_ops import NAMES as POST_OPS
from nbdl.backends.onednn.primitives import Call, Primitive, supports
from nbdl.backends.onednn.reorder import reorder

__all__ = [
    "available", "version", "threads", "set_threads",
    "Layout", "AnyLayout", "Opaque",
    "Primitive", "Call", "supports", "POST_OPS",
    "matmul", "reorder",
    "convolution_forward", "convolution_backward_data", "convolution_backward_weights",
    "pooling_forward", "pooling_backward",
]  # fmt: skip
