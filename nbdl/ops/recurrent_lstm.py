"""Long short-term memory and its gradient.

Hochreiter and Schmidhuber: "Long short-term memory", 1997.
"""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.activation import SigmoidGrad, sigmoid
from nbdl.ops.concatenation import concat, split, stack, unbind
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import widened
from nbdl.ops.creation import zeros_like
from nbdl.ops.linear import linear
from nbdl.ops.numerics import wide
from nbdl.ops.powers import square
from nbdl.ops.recurrence import (
    RecurrentLayer,
    all_in,
    in_dtype,
    rows,
    weight_grad,
)
from nbdl.ops.replay import replay
from nbdl.ops.trigonometry import tanh
from nbdl.shapes import Spec


class _LSTM(RecurrentLayer, abstract=True):
    """Gates in PyTorch's order: input, forget, cell, output."""

    gates = 4
    states = 2

    @staticmethod
    def bent(x: Tensor, h: Tensor, w: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The gates of one step, in operations."""
        i, f, g, o = split(x + linear(h, w), h.shape[-1], axis=1)
        return sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)

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
        return in_dtype(x.dtype, ys, cs)

    def decompose(self, *inputs: Tensor) -> tuple[Tensor, ...] | None:
        x, h, c, w = map(widened, inputs)
        if not self.unrolls(x):
            return None
        return all_in(inputs[0].dtype, *self.composition(x, h, c, w))

    def infer(self, x: Spec, h0: Spec, c0: Spec, w: Spec) -> tuple[Spec, ...]:
        return self.outputs(x)

    def grad(self, dy: Any, y: Any, x: Tensor, h0: Tensor, c0: Tensor, w: Tensor) -> Any:
        return LSTMLayerGrad(self.reverse)(*dy, x, h0, c0, w, *y)

    def flops(self, x: Spec, h0: Spec, c0: Spec, w: Spec) -> int:
        return self.products(x) + 15 * x.size

    def composition(self, x: Tensor, h: Tensor, c: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
        """The rule in plain operations."""
        ys = list(unbind(x))
        cs = list(ys)
        for t in self.steps(len(ys)):
            i, f, g, o = self.bent(ys[t], h, w)
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
        return in_dtype(x.dtype, da, dh, dcell, weight_grad(xp, da, before))

    def decompose(self, *inputs: Tensor) -> tuple[Tensor, ...] | None:
        dy, dc, x, h0, c0, w, y, c = map(widened, inputs)
        if not self.unrolls(x):
            return None
        # The gates of each step are said as forward says them, so that the compiler, which finds
        # them computed already, keeps them.
        das, dys, dcs, cs = list(unbind(x)), unbind(dy), unbind(dc), unbind(c)
        starts = list(zip(self.starts(y, h0), self.starts(c, c0), strict=True))
        dh = dcell = zeros_like(h0)
        for t in self.back(len(das)):
            (h, before), bend = starts[t], tanh(cs[t])
            i, f, g, o = self.bent(das[t], h, w)
            dh = dh + dys[t]
            dcell = dcell + dcs[t] + dh * o * (1 - square(bend))
            slope = SigmoidGrad()
            di, df = slope(dcell * g, i), slope(dcell * before, f)
            dg, do = dcell * i * (1 - square(g)), slope(dh * bend, o)
            das[t] = concat([di, df, dg, do], axis=1)
            dh, dcell = matmul(das[t], w), dcell * f
        da = stack(das)
        return all_in(inputs[2].dtype, da, dh, dcell, self.weight_grad(da, y, h0))

    def _slopes(
        self, xp: Any, x: Any, w: Any, before: Any, c: Any, c0: Any
    ) -> tuple[Any, Any, Any]:
        """Derivatives of all steps: of c (of h for the last gate) by the gates, of h by c, of
        c by the c before."""
        a = xp.matmul(rows(before), w.T).reshape(x.shape)
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
