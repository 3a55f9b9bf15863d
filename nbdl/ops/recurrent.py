"""Recurrent layers over whole sequences: one operation for each layer and direction.

The input's share of all gates is one matrix product before the loop. The gradient needs no trace
of the loop: from the states, which are the outputs, all gates are computed again in one product.

Elman: "Finding structure in time", 1990. Hochreiter and Schmidhuber: "Long short-term memory",
1997. Cho et al.: "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError, unknown
from nbdl.ops.activation import sigmoid
from nbdl.ops.conversion import promote_all
from nbdl.ops.creation import zeros_like
from nbdl.ops.families import Contraction, require_float
from nbdl.ops.linear import linear
from nbdl.ops.movement import reshape, stack
from nbdl.ops.numerics import wide
from nbdl.ops.rectifier import relu
from nbdl.ops.replay import replay
from nbdl.ops.trigonometry import tanh
from nbdl.shapes import Spec

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn", "rnn_cell"]

NONLINEARITIES = {"tanh": tanh, "relu": relu}


@dataclass(frozen=True)
class RecurrentLayer(Contraction, abstract=True):
    """One layer that goes through (length, batch, gates · hidden) step by step.

    Attributes:
        reverse: begin at the last step.
    """

    reverse: bool
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def steps(self, length: int) -> Iterable[int]:
        """The steps in the order in which they are taken."""
        return range(length - 1, -1, -1) if self.reverse else range(length)

    def back(self, length: int) -> Iterable[int]:
        """The steps in the order of the gradient."""
        return range(length) if self.reverse else range(length - 1, -1, -1)

    def before(self, xp: Any, states: Any, start: Any) -> Any:
        """The state that each step began with."""
        result = xp.empty_like(states)
        if self.reverse:
            result[-1], result[:-1] = start, states[1:]
        else:
            result[0], result[1:] = start, states[:-1]
        return result

    def outputs(self, x: Spec) -> tuple[Spec, ...]:
        """Specs of the states of all steps."""
        shape = (*x.shape[:2], x.shape[2] // self.gates)
        return (Spec(shape, x.dtype),) * self.states

    def products(self, x: Spec) -> int:
        """FLOPs of one product of all states with the weights."""
        return 2 * x.size * (x.shape[2] // self.gates)


def _rows(x: Any) -> Any:
    return x.reshape(-1, x.shape[-1])


def _weight_grad(xp: Any, da: Any, before: Any) -> Any:
    """The gradient of weights that met the state before each step."""
    return xp.matmul(_rows(da).T, _rows(before))


def _in(dtype: Any, *arrays: Any) -> tuple[Any, ...]:
    return tuple(a.astype(dtype, copy=False) for a in arrays)


def _sigmoid(xp: Any, x: Any) -> None:
    """In place, by the hyperbolic tangent: it never overflows."""
    x *= 0.5
    xp.tanh(x, out=x)
    x *= 0.5
    x += 0.5


# ----- plain ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class RNNLayer(RecurrentLayer):
    """h = tanh(x + W h), or relu, at each step."""

    nonlinearity: str
    saves = ("y", "x", "h0", "w")

    def forward(self, xp: Any, x: Any, h0: Any, w: Any) -> Any:
        gates, h, wt = wide(x), wide(h0), wide(w).T
        ys = xp.empty(gates.shape, gates.dtype)
        for t in self.steps(len(ys)):
            y = xp.matmul(h, wt, out=ys[t])
            y += gates[t]
            h = xp.tanh(y, out=y) if self.nonlinearity == "tanh" else xp.maximum(y, 0, out=y)
        return ys.astype(x.dtype, copy=False)

    def infer(self, x: Spec, h0: Spec, w: Spec) -> Spec:
        return self.outputs(x)[0]

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, h0: Tensor, w: Tensor) -> Any:
        return RNNLayerGrad(self.reverse, self.nonlinearity)(dy, x, h0, w, y)

    def flops(self, x: Spec, h0: Spec, w: Spec) -> int:
        return self.products(x) + 10 * x.size

    def composition(self, x: Tensor, h: Tensor, w: Tensor) -> Tensor:
        """The rule in plain operations."""
        ys: list[Any] = [None] * x.shape[0]
        for t in self.steps(len(ys)):
            ys[t] = h = NONLINEARITIES[self.nonlinearity](x[t] + linear(h, w))
        return stack(ys)


@dataclass(frozen=True)
class RNNLayerGrad(RecurrentLayer):
    """Back through time: what reaches x, h0 and w of an RNNLayer."""

    nonlinearity: str
    saves = ("dy", "x", "h0", "w")

    def forward(self, xp: Any, dy: Any, x: Any, h0: Any, w: Any, y: Any) -> Any:
        g, v, wv = wide(dy), wide(y), wide(w)
        da = 1 - v * v if self.nonlinearity == "tanh" else (v > 0).astype(v.dtype)
        dh = xp.zeros(h0.shape, v.dtype)
        for t in self.back(len(da)):
            dh += g[t]
            da[t] *= dh
            xp.matmul(da[t], wv, out=dh)
        dw = _weight_grad(xp, da, self.before(xp, v, wide(h0)))
        return _in(x.dtype, da, dh, dw)

    def infer(self, dy: Spec, x: Spec, h0: Spec, w: Spec, y: Spec) -> tuple[Spec, ...]:
        return x, h0, w

    def grad(
        self, ddx: Any, dx: Any, dy: Tensor, x: Tensor, h0: Tensor, w: Tensor, y: Tensor
    ) -> Any:
        rule = RNNLayer(self.reverse, self.nonlinearity).composition

        def composition(dy: Tensor, *xs: Tensor) -> Any:
            return replay(rule, xs, dy)

        return *replay(composition, (dy, x, h0, w), ddx), None

    def flops(self, dy: Spec, x: Spec, h0: Spec, w: Spec, y: Spec) -> int:
        return 2 * self.products(x) + 4 * x.size


# ----- LSTM -----------------------------------------------------------------------------------


class _LSTM(RecurrentLayer, abstract=True):
    """Gates in PyTorch's order: input, forget, cell, output."""

    gates = 4
    states = 2

    @staticmethod
    def squash(xp: Any, a: Any) -> None:
        """Sigmoids, and a tanh for the cell's gate, in place: one tanh for all."""
        n = a.shape[-1] // 4
        scale = xp.full(4 * n, 0.5, a.dtype)
        scale[2 * n : 3 * n] = 1
        shift = 1 - scale
        shift[: 2 * n] = shift[3 * n :] = 0.5
        a *= scale
        xp.tanh(a, out=a)
        a *= scale
        a += shift


class LSTMLayer(_LSTM):
    """c = f · c + i · g and h = o · tanh(c) at each step; gives all h and all c."""

    saves = ("y", "x", "h0", "c0", "w")

    def forward(self, xp: Any, x: Any, h0: Any, c0: Any, w: Any) -> Any:
        gates, h, c, wt = wide(x), wide(h0), wide(c0), wide(w).T
        (batch, n), length = h0.shape, len(x)
        ys = xp.empty((length, batch, n), gates.dtype)
        cs = xp.empty_like(ys)
        a, product = xp.empty((batch, 4 * n), gates.dtype), xp.empty((batch, n), gates.dtype)
        i, f, g, o = (a[:, k * n : (k + 1) * n] for k in range(4))
        for t in self.steps(length):
            xp.matmul(h, wt, out=a)
            a += gates[t]
            self.squash(xp, a)
            c = xp.multiply(f, c, out=cs[t])
            c += xp.multiply(i, g, out=product)
            h = xp.tanh(c, out=ys[t])
            h *= o
        return _in(x.dtype, ys, cs)

    def infer(self, x: Spec, h0: Spec, c0: Spec, w: Spec) -> tuple[Spec, ...]:
        return self.outputs(x)

    def grad(self, dy: Any, y: Any, x: Tensor, h0: Tensor, c0: Tensor, w: Tensor) -> Any:
        return LSTMLayerGrad(self.reverse)(*dy, x, h0, c0, w, *y)

    def flops(self, x: Spec, h0: Spec, c0: Spec, w: Spec) -> int:
        return self.products(x) + 15 * x.size

    def composition(self, x: Tensor, h: Tensor, c: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """The rule in plain operations."""
        n = h.shape[-1]
        ys: list[Any] = [None] * x.shape[0]
        cs = list(ys)
        for t in self.steps(len(ys)):
            a = x[t] + linear(h, w)
            i, f = sigmoid(a[:, :n]), sigmoid(a[:, n : 2 * n])
            g, o = tanh(a[:, 2 * n : 3 * n]), sigmoid(a[:, 3 * n :])
            cs[t] = c = f * c + i * g
            ys[t] = h = o * tanh(c)
        return stack(ys), stack(cs)


class LSTMLayerGrad(_LSTM):
    """Back through time: what reaches x, h0, c0 and w of an LSTMLayer."""

    saves = ("dy", "dc", "x", "h0", "c0", "w")

    def forward(
        self, xp: Any, dy: Any, dc: Any, x: Any, h0: Any, c0: Any, w: Any, y: Any, c: Any
    ) -> Any:
        before = self.before(xp, wide(y), wide(h0))
        da, through, keep = self._slopes(xp, wide(x), wide(w), before, wide(c), wide(c0))
        by_gate = da.reshape(*da.shape[:2], 4, -1)
        g, gc, wv = wide(dy), wide(dc), wide(w)
        dh, dcell = xp.zeros(h0.shape, g.dtype), xp.zeros(h0.shape, g.dtype)
        for t in self.back(len(da)):
            dh += g[t]
            dcell += gc[t]
            through[t] *= dh
            dcell += through[t]
            by_gate[t, :, :3] *= dcell[:, None]
            by_gate[t, :, 3] *= dh
            dcell *= keep[t]
            xp.matmul(da[t], wv, out=dh)
        return _in(x.dtype, da, dh, dcell, _weight_grad(xp, da, before))

    def _slopes(
        self, xp: Any, x: Any, w: Any, before: Any, c: Any, c0: Any
    ) -> tuple[Any, Any, Any]:
        """Derivatives of all steps: of c (of h for the last gate) by the gates, of h by c, of
        c by the c before."""
        a = xp.matmul(_rows(before), w.T).reshape(x.shape)
        a += x
        self.squash(xp, a)
        n = c.shape[-1]
        i, f, g, o = (a[..., k * n : (k + 1) * n] for k in range(4))
        bent = xp.tanh(c)
        keep = f.copy()
        through = (1 - bent * bent) * o
        cell_slope = (1 - g * g) * i
        i *= (1 - i) * g
        f *= (1 - f) * self.before(xp, c, c0)
        o *= (1 - o) * bent
        g[...] = cell_slope
        return a, through, keep

    def infer(self, dy: Spec, dc: Spec, *xs: Spec) -> tuple[Spec, ...]:
        return xs[:4]

    def grad(
        self, ddx: Any, dx: Any, dy: Tensor, dc: Tensor, x: Tensor, h0: Tensor, c0: Tensor,
        w: Tensor, y: Tensor, c: Tensor,
    ) -> Any:  # fmt: skip
        rule = LSTMLayer(self.reverse).composition

        def composition(dy: Tensor, dc: Tensor, *xs: Tensor) -> Any:
            return replay(rule, xs, (dy, dc))

        return *replay(composition, (dy, dc, x, h0, c0, w), ddx), None, None

    def flops(self, dy: Spec, dc: Spec, x: Spec, *rest: Spec) -> int:
        return 3 * self.products(x) + 20 * x.size


# ----- GRU ------------------------------------------------------------------------------------


class GRULayer(RecurrentLayer):
    """h = (1 - z) · n + z · h at each step, n = tanh(x + r · (W h + b)).

    Gates in PyTorch's order: reset, update, new.
    """

    gates = 3
    saves = ("y", "x", "h0", "w", "b")

    def forward(self, xp: Any, x: Any, h0: Any, w: Any, b: Any) -> Any:
        gates, h, wt, b = wide(x), wide(h0), wide(w).T, wide(b)
        (batch, n), length = h0.shape, len(x)
        ys = xp.empty((length, batch, n), gates.dtype)
        a = xp.empty((batch, 3 * n), gates.dtype)
        both, r, z, new = a[:, : 2 * n], a[:, :n], a[:, n : 2 * n], a[:, 2 * n :]
        for t in self.steps(length):
            xp.matmul(h, wt, out=a)
            a += b
            both += gates[t, :, : 2 * n]
            _sigmoid(xp, both)
            new *= r
            new += gates[t, :, 2 * n :]
            xp.tanh(new, out=new)
            y = xp.subtract(h, new, out=ys[t])
            y *= z
            y += new
            h = y
        return ys.astype(x.dtype, copy=False)

    def infer(self, x: Spec, h0: Spec, w: Spec, b: Spec) -> Spec:
        return self.outputs(x)[0]

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, h0: Tensor, w: Tensor, b: Tensor) -> Any:
        return GRULayerGrad(self.reverse)(dy, x, h0, w, b, y)

    def flops(self, x: Spec, h0: Spec, w: Spec, b: Spec) -> int:
        return self.products(x) + 14 * x.size

    def composition(self, x: Tensor, h: Tensor, w: Tensor, b: Tensor) -> Tensor:
        """The rule in plain operations."""
        n = h.shape[-1]
        ys: list[Any] = [None] * x.shape[0]
        for t in self.steps(len(ys)):
            u = linear(h, w, b)
            both = sigmoid(x[t, :, : 2 * n] + u[:, : 2 * n])
            new = tanh(x[t, :, 2 * n :] + both[:, :n] * u[:, 2 * n :])
            ys[t] = h = new + both[:, n:] * (h - new)
        return stack(ys)


class GRULayerGrad(RecurrentLayer):
    """Back through time: what reaches x, h0, w and b of a GRULayer."""

    gates = 3
    saves = ("dy", "x", "h0", "w", "b")

    def forward(self, xp: Any, dy: Any, x: Any, h0: Any, w: Any, b: Any, y: Any) -> Any:
        g, wv = wide(dy), wide(w)
        before = self.before(xp, wide(y), wide(h0))
        du, dnew, keep = self._slopes(xp, wide(x), wv, wide(b), before)
        by_gate = du.reshape(*du.shape[:2], 3, -1)
        dh = xp.zeros(h0.shape, g.dtype)
        product = xp.empty_like(dh)
        for t in self.back(len(du)):
            dh += g[t]
            by_gate[t] *= dh[:, None]
            dnew[t] *= dh
            dh *= keep[t]
            dh += xp.matmul(du[t], wv, out=product)
        dx = du.copy()
        dx[..., -dh.shape[-1] :] = dnew
        dw, db = _weight_grad(xp, du, before), _rows(du).sum(axis=0)
        return _in(x.dtype, dx, dh, dw, db)

    def _slopes(self, xp: Any, x: Any, w: Any, b: Any, before: Any) -> tuple[Any, Any, Any]:
        """Derivatives of all steps' h: by the state's share of the gates, by the new gate, and
        by the h before where it is kept."""
        n = before.shape[-1]
        a = xp.matmul(_rows(before), w.T).reshape(x.shape)
        a += b
        both, r, z, inner = a[..., : 2 * n], a[..., :n], a[..., n : 2 * n], a[..., 2 * n :]
        both += x[..., : 2 * n]
        _sigmoid(xp, both)
        new = xp.tanh(inner * r + x[..., 2 * n :])
        keep = z.copy()
        dnew = (1 - new * new) * (1 - z)
        z *= (1 - z) * (before - new)
        inner *= dnew  # what reaches r
        through = dnew * r
        r *= (1 - r) * inner
        inner[...] = through
        return a, dnew, keep

    def infer(
        self, dy: Spec, x: Spec, h0: Spec, w: Spec, b: Spec, y: Spec
    ) -> tuple[Spec, ...]:
        return x, h0, w, b

    def grad(
        self, ddx: Any, dx: Any, dy: Tensor, x: Tensor, h0: Tensor, w: Tensor, b: Tensor,
        y: Tensor,
    ) -> Any:  # fmt: skip
        rule = GRULayer(self.reverse).composition

        def composition(dy: Tensor, *xs: Tensor) -> Any:
            return replay(rule, xs, dy)

        return *replay(composition, (dy, x, h0, w, b), ddx), None

    def flops(self, dy: Spec, x: Spec, h0: Spec, w: Spec, b: Spec, y: Spec) -> int:
        return 3 * self.products(x) + 20 * x.size


# ----- doors ----------------------------------------------------------------------------------


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
