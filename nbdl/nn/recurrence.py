"""What recurrent layers and cells share: sizes, first weights, and checks."""

from __future__ import annotations

import math
from typing import ClassVar

from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.nn import functional as F
from nbdl.nn import init
from nbdl.nn.inferred import Inferred, needs_floats
from nbdl.ops.creation import zeros


def zero_state(x: Tensor, *shape: int) -> Tensor:
    """A state of zeros beside ``x``."""
    state = zeros(shape, dtype=x.dtype)
    return state if x.device == "meta" else state.to(x.device)


class Recurrent(Inferred):
    """What recurrent layers and cells share: gates, sizes and first weights."""

    gates: ClassVar[int] = 1
    input_size: int | None
    hidden_size: int

    def reset_parameters(self) -> None:
        """Draw all parameters anew, uniform in ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for p in self._parameters.values():
            init.uniform_(p, -bound, bound)

    def check_input(self, x: Tensor, layout: str) -> None:
        """Raise for a wrong last size or a dtype that is not a float."""
        needs_floats(self, x)
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}(input_size={self.input_size}) got an input of shape "
                f"{x.shape}, expected {layout} with last size {self.input_size}",
                hint=f"input_size={x.shape[-1]}, or None to have it worked out",
            )

    def check_state(self, state: Tensor, shape: tuple[int, ...], name: str) -> None:
        """Raise for a state of a wrong shape."""
        if state.shape != shape:
            raise ShapeError(
                f"{type(self).__name__} got {name} of shape {state.shape}, expected {shape}"
            )


def lstm_step(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The next (h, c) of an LSTM in plain operations.  gates: (batch, 4n), c: (batch, n)."""
    n = c.shape[-1]
    i, f = F.sigmoid(gates[..., :n]), F.sigmoid(gates[..., n : 2 * n])
    g, o = F.tanh(gates[..., 2 * n : 3 * n]), F.sigmoid(gates[..., 3 * n :])
    c = f * c + i * g
    return o * F.tanh(c), c
