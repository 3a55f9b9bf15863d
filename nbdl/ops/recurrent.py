"""Recurrent layers over whole sequences: one operation for each layer and direction.

The input's share of all gates is one matrix product before the loop. The gradient needs no trace
of the loop: from the states, which are the outputs, all gates are computed again in one product.
"""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError, unknown
from nbdl.ops.conversion import promote_all
from nbdl.ops.creation import zeros_like
from nbdl.ops.families import require_float
from nbdl.ops.linear import linear
from nbdl.ops.movement import reshape
from nbdl.ops.recurrent_gru import GRULayer
from nbdl.ops.recurrent_lstm import LSTMLayer
from nbdl.ops.recurrent_plain import NONLINEARITIES, RNNLayer

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn", "rnn_cell"]


def _check(name: str, gates: int, x: Any, states: Any, w_ih: Any, w_hh: Any, biases: Any) -> None:
    """Raise for shapes that do not fit each other."""
    if x.ndim != 3:
        raise ShapeError(f"{name} got input of shape {x.shape}, expected (length, batch, features)")
    if not x.shape[0]:
        raise ShapeError(f"{name} got a sequence of length 0: input has shape {x.shape}")
    if w_hh.ndim != 2 or w_hh.shape[0] != gates * w_hh.shape[1]:
        raise ShapeError(
            f"{name} got weight_hh of shape {w_hh.shape}, expected ({gates} · hidden, hidden)"
        )
    rows, n = w_hh.shape
    if w_ih.shape != (rows, x.shape[2]):
        raise ShapeError(
            f"{name} got weight_ih of shape {w_ih.shape}, expected ({rows}, {x.shape[2]}) for "
            f"input {x.shape} and hidden size {n}"
        )
    for state in states:
        if state.shape != (x.shape[1], n):
            raise ShapeError(
                f"{name} got a first state of shape {state.shape}, expected ({x.shape[1]}, {n}): "
                "(batch, hidden)"
            )
    for bias in biases:
        if bias.shape != (rows,):
            raise ShapeError(f"{name} got a bias of shape {bias.shape}, expected ({rows},)")


def _operands(
    name: str, gates: int, x: Any, states: tuple[Any, ...], w_ih: Any, w_hh: Any, b_ih: Any,
    b_hh: Any,
) -> Any:  # fmt: skip
    """Tensors of one dtype, checked: (input, states, weight_ih, weight_hh, bias_ih, bias_hh)."""
    given = [b for b in (b_ih, b_hh) if b is not None]
    x, w_ih, w_hh, *rest = promote_all(x, w_ih, w_hh, *states, *given)
    require_float(name, "input", x.dtype)
    states, biases = tuple(rest[: len(states)]), rest[len(states) :]
    _check(name, gates, x, states, w_ih, w_hh, biases)
    found = iter(biases)
    b_ih, b_hh = (None if b is None else next(found) for b in (b_ih, b_hh))
    return x, states, w_ih, w_hh, b_ih, b_hh


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b


def rnn(
    input: Any, h0: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None,
    nonlinearity: str = "tanh", reverse: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One layer in one direction: h = tanh(W_ih x + b_ih + W_hh h + b_hh) at each step.

    input: (length, batch, features), h0: (batch, hidden), weight_ih: (hidden, features),
    weight_hh: (hidden, hidden), biases: (hidden,) or None -> (y: (length, batch, hidden),
    last h: (batch, hidden)).

    Args:
        nonlinearity: "tanh" or "relu".
        reverse: begin at the last step.

    Raises:
        ShapeError: shapes that do not fit, an empty sequence.
    """
    if nonlinearity not in NONLINEARITIES:
        raise unknown("nonlinearity", nonlinearity, NONLINEARITIES)
    x, (h,), w_ih, w_hh, b_ih, b_hh = _operands(
        "rnn", 1, input, (h0,), weight_ih, weight_hh, bias_ih, bias_hh
    )
    y = RNNLayer(reverse, nonlinearity)(linear(x, w_ih, _sum(b_ih, b_hh)), h, w_hh)
    return y, y[0 if reverse else -1]


def lstm(
    input: Any, state: tuple[Any, Any], weight_ih: Any, weight_hh: Any, bias_ih: Any = None,
    bias_hh: Any = None, reverse: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # fmt: skip
    """One layer of long short-term memory in one direction.

    input: (length, batch, features), state (h0, c0): (batch, hidden) each, weight_ih:
    (4 · hidden, features), weight_hh: (4 · hidden, hidden), biases: (4 · hidden,) or None, gates
    in the order input, forget, cell, output -> (y: (length, batch, hidden), (last h, last c)).
    Raises ShapeError as rnn does.
    """
    y, cells = lstm_states(input, state, weight_ih, weight_hh, bias_ih, bias_hh, reverse)
    last = 0 if reverse else -1
    return y, (y[last], cells[last])


def lstm_states(
    input: Any, state: tuple[Any, Any], weight_ih: Any, weight_hh: Any, bias_ih: Any = None,
    bias_hh: Any = None, reverse: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """As ``lstm``, but all steps' cells too -> (y, cells), (length, batch, hidden) each."""
    x, (h, c), w_ih, w_hh, b_ih, b_hh = _operands(
        "lstm", 4, input, tuple(state), weight_ih, weight_hh, bias_ih, bias_hh
    )
    y, cells = LSTMLayer(reverse)(linear(x, w_ih, _sum(b_ih, b_hh)), h, c, w_hh)
    return y, cells


def gru(
    input: Any, h0: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One layer of gated recurrent units in one direction.

    input: (length, batch, features), h0: (batch, hidden), weight_ih: (3 · hidden, features),
    weight_hh: (3 · hidden, hidden), biases: (3 · hidden,) or None, gates in the order reset,
    update, new -> (y: (length, batch, hidden), last h). Raises ShapeError as rnn does.
    """
    x, (h,), w_ih, w_hh, b_ih, b_hh = _operands(
        "gru", 3, input, (h0,), weight_ih, weight_hh, bias_ih, bias_hh
    )
    if b_hh is None:
        b_hh = zeros_like(w_hh[:, 0])
    y = GRULayer(reverse)(linear(x, w_ih, b_ih), h, w_hh, b_hh)
    return y, y[0 if reverse else -1]


def _batched(name: str, input: Any, *states: Any) -> tuple[Any, ...]:
    """One step as a sequence of length 1 with a batch axis: (single, input, *states)."""
    x, *hs = promote_all(input, *states)
    if x.ndim not in (1, 2):
        raise ShapeError(f"{name} got input of shape {x.shape}, expected (batch, features)")
    if x.ndim == 2:
        return False, reshape(x, (1, *x.shape)), *hs
    return True, reshape(x, (1, 1, *x.shape)), *(reshape(h, (1, *h.shape)) for h in hs)


def rnn_cell(
    input: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None,
    nonlinearity: str = "tanh",
) -> Tensor:  # fmt: skip
    """One step of ``rnn``.  input: (batch, features), h: (batch, hidden) -> next h."""
    single, x, h = _batched("rnn_cell", input, h)
    _, h = rnn(x, h, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity)
    return h[0] if single else h


def lstm_cell(
    input: Any, state: tuple[Any, Any], weight_ih: Any, weight_hh: Any, bias_ih: Any = None,
    bias_hh: Any = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """One step of ``lstm``.  input: (batch, features), state: (h, c) -> the next (h, c)."""
    single, x, h, c = _batched("lstm_cell", input, *state)
    _, (h, c) = lstm(x, (h, c), weight_ih, weight_hh, bias_ih, bias_hh)
    return (h[0], c[0]) if single else (h, c)


def gru_cell(
    input: Any, h: Any, weight_ih: Any, weight_hh: Any, bias_ih: Any = None, bias_hh: Any = None
) -> Tensor:
    """One step of ``gru``.  input: (batch, features), h: (batch, hidden) -> next h."""
    single, x, h = _batched("gru_cell", input, h)
    _, h = gru(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    return h[0] if single else h
