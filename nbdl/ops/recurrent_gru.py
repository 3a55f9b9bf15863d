"""Gated recurrent units and their gradient.

Cho et al.: "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
"""

from __future__ import annotations

from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.activation import SigmoidGrad, sigmoid
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.concatenation import concat, split, stack, unbind
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import cast, widened
from nbdl.ops.creation import zeros_like
from nbdl.ops.linear import linear
from nbdl.ops.numerics import wide
from nbdl.ops.powers import square
from nbdl.ops.recurrence import (
    RecurrentLayer,
    all_in,
    in_dtype,
    rows,
    sigmoid_in_place,
    weight_grad,
)
from nbdl.ops.replay import replay
from nbdl.ops.trigonometry import tanh
from nbdl.shapes import Spec


class _GRU(RecurrentLayer, abstract=True):
    """Gates in PyTorch's order: reset, update, new."""

    gates = 3

    @staticmethod
    def bent(x: Tensor, h: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        """The gates of one step, and the state's share of the new one, in operations."""
        xr, xz, xn = split(x, h.shape[-1], axis=1)
        ur, uz, un = split(linear(h, w, b), h.shape[-1], axis=1)
        r, z = sigmoid(xr + ur), sigmoid(xz + uz)
        return r, z, tanh(xn + r * un), un


class GRULayer(_GRU):
    """h = (1 - z) · n + z · h at each step, n = tanh(x + r · (W h + b))."""

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
            sigmoid_in_place(xp, both)
            new *= r
            new += gates[t, :, 2 * n :]
            xp.tanh(new, out=new)
            y = xp.subtract(h, new, out=ys[t])
            y *= z
            y += new
            h = y
        return ys.astype(x.dtype, copy=False)

    def decompose(self, *inputs: Tensor) -> Tensor | None:
        x, h, w, b = map(widened, inputs)
        return cast(self.composition(x, h, w, b), inputs[0].dtype) if self.unrolls(x) else None

    def infer(self, x: Spec, h0: Spec, w: Spec, b: Spec) -> Spec:
        return self.outputs(x)[0]

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, h0: Tensor, w: Tensor, b: Tensor) -> Any:
        return GRULayerGrad(self.reverse)(dy, x, h0, w, b, y)

    def flops(self, x: Spec, h0: Spec, w: Spec, b: Spec) -> int:
        return self.products(x) + 14 * x.size

    def composition(self, x: Tensor, h: Tensor, w: Tensor, b: Tensor) -> Tensor:
        """The rule in plain operations."""
        ys = list(unbind(x))
        for t in self.steps(len(ys)):
            _, z, new, _ = self.bent(ys[t], h, w, b)
            ys[t] = h = new + z * (h - new)
        return stack(ys)


class GRULayerGrad(_GRU):
    """Back through time: what reaches x, h0, w and b of a GRULayer."""

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
        dw, db = weight_grad(xp, du, before), rows(du).sum(axis=0)
        return in_dtype(x.dtype, dx, dh, dw, db)

    def decompose(self, *inputs: Tensor) -> tuple[Tensor, ...] | None:
        dy, x, h0, w, b, y = map(widened, inputs)
        if not self.unrolls(x):
            return None
        # The gates of each step are said as forward says them, so that the compiler, which finds
        # them computed already, keeps them.
        dxs, dys, starts, dh = list(unbind(x)), unbind(dy), self.starts(y, h0), zeros_like(h0)
        dus = list(dxs)
        for t in self.back(len(dxs)):
            r, z, new, u = self.bent(dxs[t], starts[t], w, b)
            dh = dh + dys[t]
            dnew = dh * (1 - z) * (1 - square(new))
            dr, dz = SigmoidGrad()(dnew * u, r), SigmoidGrad()(dh * (starts[t] - new), z)
            dxs[t] = concat([dr, dz, dnew], axis=1)
            dus[t] = concat([dr, dz, dnew * r], axis=1)
            dh = dh * z + matmul(dus[t], w)
        du = stack(dus)
        dw, db = self.weight_grad(du, y, h0), total(du, (0, 1))
        return all_in(inputs[1].dtype, stack(dxs), dh, dw, db)

    def _slopes(self, xp: Any, x: Any, w: Any, b: Any, before: Any) -> tuple[Any, Any, Any]:
        """Derivatives of all steps' h: by the state's share of the gates, by the new gate, and
        by the h before where it is kept."""
        n = before.shape[-1]
        a = xp.matmul(rows(before), w.T).reshape(x.shape)
        a += b
        both, r, z, inner = a[..., : 2 * n], a[..., :n], a[..., n : 2 * n], a[..., 2 * n :]
        both += x[..., : 2 * n]
        sigmoid_in_place(xp, both)
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
