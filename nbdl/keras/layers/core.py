"""Dense, Embedding, activations, dropout, and layers that only reshape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.keras import activations, initializers
from nbdl.keras.layers.base import Layer, ShapeOrNone
from nbdl.nn import functional as F
from nbdl.ops.concatenation import stack
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import cast
from nbdl.ops.movement import permute_dims, reshape

__all__ = ["Activation", "Dense", "Dropout", "Embedding", "Flatten", "Identity", "Lambda",
           "LeakyReLU", "Permute", "ReLU", "RepeatVector", "Reshape", "Softmax"]  # fmt: skip


def positive(layer: Layer, name: str, value: Any) -> int:
    """A whole number of at least 1, or ArgumentError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(
            f"{type(layer).__name__}: {name} must be a whole number of at least 1, got {value!r}"
        )
    return value


class Dense(Layer):
    """activation(x · kernel + bias).  x: (..., in) -> (..., units). kernel: (in, units)."""

    regularized = {"kernel_regularizer": "kernel", "bias_regularizer": "bias"}

    def __init__(
        self, units: int, activation: Any = None, use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.units = positive(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: ShapeOrNone) -> None:
        """kernel (in, units) and bias (units,)."""
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ShapeError(
                f"Dense {self.name!r} needs inputs (batch, ..., features) of known size, got "
                f"{input_shape}"
            )
        shape = (input_shape[-1], self.units)
        self.add_weight(shape, self.kernel_initializer, name="kernel")
        if self.use_bias:
            self.add_weight((self.units,), self.bias_initializer, name="bias")

    def call(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.kernel.shape[0]:
            raise ShapeError(
                f"Dense {self.name!r} was built for {self.kernel.shape[0]} features and got an "
                f"input of shape {x.shape}",
                hint="Flatten() before it? or input_shape= of the first layer",
            )
        y = matmul(x, self.kernel)
        if self.bias is not None:
            y = y + self.bias
        return y if self.activation is activations.linear else self.activation(y)


class Embedding(Layer):
    """A vector for each whole number.  x: (...) integers -> (..., output_dim)."""

    takes_integers = True
    regularized = {"embeddings_regularizer": "embeddings"}

    def __init__(
        self, input_dim: int, output_dim: int, embeddings_initializer: Any = "uniform",
        mask_zero: bool = False, weights: Any = None, input_length: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        if input_length is not None:
            kwargs.setdefault("input_shape", (input_length,))
        super().__init__(**kwargs)
        if mask_zero:
            raise ArgumentError(
                "Embedding: mask_zero=True is not supported; layers after it get no mask",
                hint="cut or pad sequences to one length",
            )
        self.input_dim = positive(self, "input_dim", input_dim)
        self.output_dim = positive(self, "output_dim", output_dim)
        first = weights[0] if isinstance(weights, (list, tuple)) else weights
        self.embeddings_initializer = initializers.get(
            embeddings_initializer if first is None else initializers.Constant(first)
        )
        self.embeddings: Any = None

    def build(self, input_shape: ShapeOrNone) -> None:
        """embeddings (input_dim, output_dim)."""
        shape = (self.input_dim, self.output_dim)
        self.add_weight(shape, self.embeddings_initializer, name="embeddings")

    def call(self, x: Tensor) -> Tensor:
        if x.dtype.kind == "f":
            x = cast(x, dtypes.int64)
        return F.embedding(x, self.embeddings)


class Activation(Layer):
    """A function of each element: a name such as ``"relu"``, or any function of a tensor."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, x: Tensor) -> Tensor:
        return self.activation(x)


class ReLU(Layer):
    """max(x, 0), with a slope below, a limit above, and a threshold if wanted."""

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0,
        threshold: float = 0.0, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, x: Tensor) -> Tensor:
        return activations.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x above 0, ``negative_slope * x`` below."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def call(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)


class Softmax(Layer):
    """exp(x) scaled to the sum 1 along ``axis``."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.axis)


class Dropout(Layer):
    """In training, each element is 0 with probability ``rate``, the others are scaled up."""

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ArgumentError(f"Dropout: rate must be a probability from 0 to 1, got {rate!r}")
        if noise_shape is not None:
            raise ArgumentError("Dropout: noise_shape is not supported")
        self.rate = float(rate)

    def call(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.rate, self.training)


class Flatten(Layer):
    """All axes but the first as one.  x: (batch, ...) -> (batch, features)."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_data_format(self, data_format)

    def call(self, x: Tensor) -> Tensor:
        return reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Reshape(Layer):
    """Samples in another shape; one size may be -1.  x: (batch, ...) -> (batch, *shape)."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, x: Tensor) -> Tensor:
        return reshape(x, (x.shape[0], *self.target_shape))


class Permute(Layer):
    """The axes of samples in another order; they are counted from 1."""

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ArgumentError(f"Permute: dims must hold 1 to {len(dims)} once, got {dims!r}")
        self.dims = tuple(dims)

    def call(self, x: Tensor) -> Tensor:
        return permute_dims(x, (0, *self.dims))


class RepeatVector(Layer):
    """The same vector n times.  x: (batch, features) -> (batch, n, features)."""

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive(self, "n", n)

    def call(self, x: Tensor) -> Tensor:
        return stack([x] * self.n, axis=1)


class Lambda(Layer):
    """Any function of a tensor as a layer."""

    def __init__(self, function: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentError(f"Lambda needs a function, got {function!r}")
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


class Identity(Layer):
    """x as it is."""

    def call(self, x: Any) -> Any:
        return x


def check_data_format(layer: Layer, given: str | None) -> None:
    """Channels come last; anything else is refused in words."""
    if given not in (None, "channels_last"):
        raise ArgumentError(
            f"{type(layer).__name__}: data_format={given!r} is not supported",
            hint="'channels_last', (batch, height, width, channels); x.transpose(0, 2, 3, 1) "
            "turns channels-first data around",
        )


def require_axes(layer: Layer, x: Any, axes: int, layout: str) -> None:
    """Raise for an input with another number of axes, or of whole numbers."""
    if len(x.shape) != axes:
        hint = None
        if len(x.shape) == axes - 1:
            hint = "x[..., None] adds the axis of channels" if axes > 3 else None
        raise ShapeError(
            f"{type(layer).__name__} {layer.name!r} needs inputs {layout}, got shape {x.shape}",
            hint=hint,
        )
    if x.dtype.kind in "iub":
        raise DtypeError(
            f"{type(layer).__name__} {layer.name!r} needs floats, got {x.dtype}",
            hint="x.astype('float32')",
        )
