"""Recurrent layers, with Keras's weights: kernel, recurrent_kernel, bias."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.keras import activations, initializers
from nbdl.keras.layers.base import Layer, ShapeOrNone
from nbdl.keras.layers.core import positive, require_axes
from nbdl.nn import functional as F
from nbdl.ops.arithmetic import add
from nbdl.ops.concatenation import concat, stack
from nbdl.ops.contraction import matmul
from nbdl.ops.creation import ones, zeros
from nbdl.ops.movement import flip

__all__ = ["GRU", "LSTM", "Bidirectional", "SimpleRNN", "TimeDistributed"]

States = tuple[Tensor, ...]


class _Recurrent(Layer):
    """x: (batch, steps, features) -> (batch, units), or (batch, steps, units) of all steps."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    regularized = {
        "kernel_regularizer": "kernel", "recurrent_regularizer": "recurrent_kernel",
        "bias_regularizer": "bias",
    }  # fmt: skip

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", dropout: float = 0.0, recurrent_dropout: float = 0.0,
        return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        self.units = positive(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if not 0 <= rate <= 1:
                raise ArgumentError(
                    f"{type(self).__name__}: {name} must be a probability, got {rate!r}"
                )
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards = go_backwards
        self.kernel: Any = None
        self.recurrent_kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: ShapeOrNone) -> None:
        """kernel (in, gates·units), recurrent_kernel (units, gates·units) and bias."""
        require_axes(self, Tensor(np.empty((1,) * len(input_shape), np.float32)), 3,
                     "(batch, steps, features)")  # fmt: skip
        width = self.gates * self.units
        self.add_weight((input_shape[-1] or 0, width), self.kernel_initializer, name="kernel")
        self.add_weight((self.units, width), self.recurrent_initializer, name="recurrent_kernel")
        if self.use_bias:
            self.add_bias(width)

    def add_bias(self, width: int) -> None:
        """The bias, (gates·units,)."""
        self.add_weight((width,), self.bias_initializer, name="bias")

    def call(self, x: Tensor, initial_state: Any = None) -> Any:
        require_axes(self, x, 3, "(batch, steps, features)")
        batch, steps = x.shape[:2]
        if self.training and self.dropout:  # one mask for all steps
            x = x * F.dropout(ones((batch, 1, x.shape[2]), dtype=x.dtype), self.dropout)
        mask = None
        if self.training and self.recurrent_dropout:
            mask = F.dropout(ones((batch, self.units), dtype=x.dtype), self.recurrent_dropout)
        shares = self.from_input(x)  # (batch, steps, gates · units): all steps in one product
        states: States = self._first_states(x, initial_state)
        outputs = []
        for t in reversed(range(steps)) if self.go_backwards else range(steps):
            h = states[0] if mask is None else states[0] * mask
            states = self.step(shares[:, t], h, states)
            outputs.append(states[0])
        y = stack(outputs, axis=1) if self.return_sequences else states[0]
        return (y, *states) if self.return_state else y

    def _first_states(self, x: Tensor, given: Any) -> States:
        if given is None:
            state = zeros((x.shape[0], self.units), dtype=x.dtype)
            if x.device not in ("cpu", "meta"):
                state = state.to(x.device)
            return (state,) * self.states
        return tuple(given) if isinstance(given, (tuple, list)) else (given,)

    def from_input(self, x: Tensor) -> Tensor:
        """The input's share of the gates."""
        y = matmul(x, self.kernel)
        return y if self.bias is None else y + self.bias

    def step(self, x: Tensor, h: Tensor, states: States) -> States:
        """The next states; ``h`` is the first of them, with dropout if there is any."""
        raise NotImplementedError


class SimpleRNN(_Recurrent):
    """h' = activation(x · kernel + h · recurrent_kernel + bias)."""

    def step(self, x: Tensor, h: Tensor, states: States) -> States:
        return (self.activation(x + matmul(h, self.recurrent_kernel)),)


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); gates in the order i, f, c, o."""

    gates, states = 4, 2

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, unit_forget_bias: bool = True, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def add_bias(self, width: int) -> None:
        def first(shape: Any) -> np.ndarray:
            values = np.array(self.bias_initializer(shape))
            if self.unit_forget_bias:
                values[self.units : 2 * self.units] = 1.0
            return values

        self.add_weight((width,), first, name="bias")

    def step(self, x: Tensor, h: Tensor, states: States) -> States:
        z = x + matmul(h, self.recurrent_kernel)
        n, gate = self.units, self.recurrent_activation
        i, f, o = gate(z[:, :n]), gate(z[:, n : 2 * n]), gate(z[:, 3 * n :])
        c = f * states[1] + i * self.activation(z[:, 2 * n : 3 * n])
        return o * self.activation(c), c


class GRU(_Recurrent):
    """A gated recurrent unit (Cho and others, EMNLP 2014); gates in the order z, r, h.

    ``reset_after`` (default) applies the reset gate after the product with the state, with a
    bias of its own: bias is (2, 3·units) then, else (3·units,).
    """

    gates = 3

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, *, reset_after: bool = True, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def add_bias(self, width: int) -> None:
        shape = (2, width) if self.reset_after else (width,)
        self.add_weight(shape, self.bias_initializer, name="bias")

    def from_input(self, x: Tensor) -> Tensor:
        y = matmul(x, self.kernel)
        if self.bias is None:
            return y
        return y + (self.bias[0] if self.reset_after else self.bias)

    def step(self, x: Tensor, h: Tensor, states: States) -> States:
        n, gate, u = self.units, self.recurrent_activation, self.recurrent_kernel
        if self.reset_after:
            inner = matmul(h, u)
            if self.bias is not None:
                inner = inner + self.bias[1]
            zr, new = inner[:, : 2 * n], inner[:, 2 * n :]
        else:
            zr, new = matmul(h, u[:, : 2 * n]), None
        z = gate(x[:, :n] + zr[:, :n])
        r = gate(x[:, n : 2 * n] + zr[:, n:])
        inside = matmul(r * h, u[:, 2 * n :]) if new is None else r * new
        candidate = self.activation(x[:, 2 * n :] + inside)
        return (z * states[0] + (1 - z) * candidate,)


_MERGES = ("concat", "sum", "mul", "ave")


class Bidirectional(Layer):
    """A recurrent layer in both directions; outputs are joined by ``merge_mode``.

    ``merge_mode``: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or None for a tuple of both.
    """

    def __init__(
        self, layer: Any, merge_mode: str | None = "concat", backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        if not isinstance(layer, _Recurrent):
            raise ArgumentError(f"Bidirectional takes a recurrent layer, got {layer!r}")
        if merge_mode is not None and merge_mode not in _MERGES:
            raise ArgumentError(
                f"Bidirectional: merge_mode must be one of {', '.join(_MERGES)} or None, got "
                f"{merge_mode!r}"
            )
        if layer.return_state:
            raise ArgumentError("Bidirectional: return_state=True is not supported")
        if backward_layer is None:
            backward_layer = copy.deepcopy(layer)
            backward_layer.go_backwards = not layer.go_backwards
            backward_layer._layer_name = f"backward_{layer.name}"
            layer._layer_name = f"forward_{layer.name}"
        self.merge_mode = merge_mode
        self.forward_layer, self.backward_layer = layer, backward_layer

    def call(self, x: Tensor) -> Any:
        y, z = self.forward_layer(x), self.backward_layer(x)
        if self.forward_layer.return_sequences:
            z = flip(z, axis=1)
        if self.merge_mode is None:
            return y, z
        if self.merge_mode == "concat":
            return concat((y, z), axis=-1)
        if self.merge_mode == "mul":
            return y * z
        return add(y, z) if self.merge_mode == "sum" else (y + z) / 2


class TimeDistributed(Layer):
    """A layer applied to each step.  x: (batch, steps, ...) -> (batch, steps, ...)."""

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ArgumentError(f"TimeDistributed takes a layer, got {layer!r}")
        self.layer = layer

    def call(self, x: Tensor) -> Tensor:
        batch, steps = x.shape[:2]
        y = self.layer(x.reshape((batch * steps, *x.shape[2:])))
        return y.reshape((batch, steps, *y.shape[1:]))
