"""Recurrent cells: one step of an RNN, LSTM or GRU."""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError, unknown
from nbdl.nn.inferred import needs_axes
from nbdl.nn.recurrence import Recurrent, zero_state
from nbdl.nn.sizes import check_input_size, check_sizes
from nbdl.ops.recurrent import gru_cell, lstm_cell, rnn_cell
from nbdl.ops.recurrent_plain import NONLINEARITIES


class _Cell(Recurrent):
    """One step; see RNNCell, LSTMCell, GRUCell."""

    weight_ih: Any
    weight_hh: Any
    bias_ih: Any
    bias_hh: Any

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._configure(input_size, hidden_size, bias, (device, dtype))

    def _configure(
        self, input_size: int | None, hidden_size: int, bias: bool, place: tuple[Any, Any]
    ) -> None:
        check_input_size(self, input_size=input_size)
        check_sizes(self, hidden_size=hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self._start(
            input_size is not None, *place,
            weight_ih=True, weight_hh=True, bias_ih=bias, bias_hh=bias,
        )  # fmt: skip

    def infer_sizes(self, input: Tensor, *_: Any, **__: Any) -> None:
        """The last size of ``input``."""
        self.input_size = needs_axes(self, input, 1, "(batch, features)")[-1]

    def make_parameters(self) -> None:
        """Weights and biases."""
        rows = self.gates * self.hidden_size
        self.weight_ih = self._new_parameter((rows, self.input_size or 0))
        self.weight_hh = self._new_parameter((rows, self.hidden_size))
        if self.bias:
            self.bias_ih = self._new_parameter((rows,))
            self.bias_hh = self._new_parameter((rows,))
        self.reset_parameters()

    def _enter(self, x: Tensor) -> Tensor:
        """The input as (batch, features), checked."""
        if x.ndim not in (1, 2):
            raise ShapeError(
                f"{type(self).__name__} got an input of shape {x.shape}, expected "
                "(batch, features) or (features,)"
            )
        self.check_input(x, "(batch, features)")
        return x if x.ndim == 2 else x[None]

    def _state(self, given: Tensor | None, x: Tensor, batched: bool, name: str) -> Tensor:
        """A given state with its batch axis, or zeros."""
        if given is None:
            return zero_state(x, x.shape[0], self.hidden_size)
        shape = (x.shape[0], self.hidden_size) if batched else (self.hidden_size,)
        self.check_state(given, shape, name)
        return given if batched else given[None]

    def _weights(self) -> tuple[Any, Any, Any, Any]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def extra_repr(self) -> str:
        """Sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """One step of an RNN: h' = tanh(W x + b + U h + c).

    input: (batch, input_size), h: (batch, hidden_size), zeros if left out -> h': h's shape.

    Args:
        input_size: size of the input's vectors; None: found at the first call.
        hidden_size: size of the state.
        bias: whether b and c are added.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super(_Cell, self).__init__()
        if nonlinearity not in NONLINEARITIES:
            raise unknown("nonlinearity", nonlinearity, NONLINEARITIES)
        self.nonlinearity = nonlinearity
        self._configure(input_size, hidden_size, bias, (device, dtype))

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: (batch, input_size), hx: (batch, hidden_size) -> h': hx's shape."""
        batched = input.ndim == 2
        x = self._enter(input)
        h = rnn_cell(x, self._state(hx, x, batched, "hx"), *self._weights(), self.nonlinearity)
        return h if batched else h[0]

    def extra_repr(self) -> str:
        """Sizes, and the nonlinearity if it is not tanh."""
        usual = self.nonlinearity == "tanh"
        return super().extra_repr() + ("" if usual else f", nonlinearity={self.nonlinearity}")


class LSTMCell(_Cell):
    """One step of an LSTM: S. Hochreiter and J. Schmidhuber, 1997.

    input: (batch, input_size), (h, c): (batch, hidden_size) each, zeros if left out
    -> (h', c'): the same shapes. The gates stand in the order input, forget, cell, output.
    """

    gates = 4

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """input: (batch, input_size), hx: (h, c) -> (h', c')."""
        batched = input.ndim == 2
        x = self._enter(input)
        given = (None, None) if hx is None else hx
        h = self._state(given[0], x, batched, "h")
        c = self._state(given[1], x, batched, "c")
        h, c = lstm_cell(x, (h, c), *self._weights())
        return (h, c) if batched else (h[0], c[0])


class GRUCell(_Cell):
    """One step of a GRU: K. Cho and others, EMNLP 2014.

    input: (batch, input_size), h: (batch, hidden_size), zeros if left out -> h': h's shape.
    The gates stand in the order reset, update, new.
    """

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: (batch, input_size), hx: (batch, hidden_size) -> h': hx's shape."""
        batched = input.ndim == 2
        x = self._enter(input)
        h = gru_cell(x, self._state(hx, x, batched, "hx"), *self._weights())
        return h if batched else h[0]
