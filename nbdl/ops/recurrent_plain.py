"""The plain recurrent layer and its gradient.  Elman: "Finding structure in time", 1990."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.ops.concatenation import stack, unbind
from nbdl.ops.contraction import matmul
from nbdl.ops.conversion import cast, widened
from nbdl.ops.creation import zeros_like
from nbdl.ops.linear import linear
from nbdl.ops.numerics import wide
from nbdl.ops.powers import square
from nbdl.ops.rectifier import relu
from nbdl.ops.recurrence import RecurrentLayer, all_in, in_dtype, weight_grad
from nbdl.ops.replay import replay
from nbdl.ops.trigonometry import tanh
from nbdl.shapes import Spec

NONLINEARITIES = {"tanh": tanh, "relu": relu}


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

    def decompose(self, *inputs: Tensor) -> Tensor | None:
        x, h, w = map(widened, inputs)
        return cast(self.composition(x, h, w), inputs[0].dtype) if self.unrolls(x) else None

    def infer(self, x: Spec, h0: Spec, w: Spec) -> Spec:
        return self.outputs(x)[0]

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, h0: Tensor, w: Tensor) -> Any:
        return RNNLayerGrad(self.reverse, self.nonlinearity)(dy, x, h0, w, y)

    def flops(self, x: Spec, h0: Spec, w: Spec) -> int:
        return self.products(x) + 10 * x.size

    def composition(self, x: Tensor, h: Tensor, w: Tensor) -> Tensor:
        """The rule in plain operations."""
        ys = list(unbind(x))
        for t in self.steps(len(ys)):
            ys[t] = h = NONLINEARITIES[self.nonlinearity](ys[t] + linear(h, w))
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
        dw = weight_grad(xp, da, self.before(xp, v, wide(h0)))
        return in_dtype(x.dtype, da, dh, dw)

    def decompose(self, *inputs: Tensor) -> tuple[Tensor, ...] | None:
        dy, x, h0, w, y = map(widened, inputs)
        if not self.unrolls(x):
            return None
        das, ys, dh = list(unbind(dy)), unbind(y), zeros_like(h0)
        for t in self.back(len(das)):
            slope = 1 - square(ys[t]) if self.nonlinearity == "tanh" else ys[t] > 0
            das[t] = (das[t] + dh) * slope
            dh = matmul(das[t], w)
        da = stack(das)
        return all_in(inputs[1].dtype, da, dh, self.weight_grad(da, y, h0))

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
