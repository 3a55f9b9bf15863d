"""Recurrent layers: RNN, LSTM and GRU."""

from __future__ import annotations

import warnings
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.nn import functional as F
from nbdl.nn.inferred import needs_axes
from nbdl.nn.recurrence import Recurrent, lstm_step, zero_state
from nbdl.nn.sizes import check_input_size, check_sizes
from nbdl.nn.utils.rnn import Ends, PackedSequence, packed_like, unpacked
from nbdl.ops.concatenation import concat, stack
from nbdl.ops.gathering import take
from nbdl.ops.recurrent import gru, lstm_states, rnn
from nbdl.ops.recurrent_plain import NONLINEARITIES

Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None]
"""weight_ih, weight_hh, bias_ih, bias_hh."""


class _Layers(Recurrent):
    """Several layers, each in one direction or both; see RNN, LSTM, GRU."""

    def _configure(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        place: tuple[Any, Any],
    ) -> None:
        kind = type(self).__name__
        check_input_size(self, input_size=input_size)
        check_sizes(self, hidden_size=hidden_size, num_layers=num_layers, proj_size=proj_size)
        if hidden_size < 1 or num_layers < 1:
            raise ArgumentError(
                f"{kind}: hidden_size={hidden_size} and num_layers={num_layers} must be positive"
            )
        if not 0 <= dropout <= 1:
            raise ArgumentError(f"{kind}: dropout={dropout} must be a probability, 0 to 1")
        if proj_size >= hidden_size:
            raise ArgumentError(
                f"{kind}: proj_size={proj_size} must be below hidden_size={hidden_size}"
            )
        if dropout and num_layers == 1:
            warnings.warn(
                f"{kind}: dropout acts between layers, and there is only one (num_layers=1)",
                UserWarning,
                stacklevel=4,
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        names = [name for group in self._names() for name in group]
        self._start(input_size is not None, *place, **dict.fromkeys(names, True))

    @property
    def directions(self) -> int:
        """2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    def _names(self) -> list[list[str]]:
        """The parameters' names, for each layer and direction."""
        kinds = ["weight_ih", "weight_hh"] + ["bias_ih", "bias_hh"] * self.bias
        kinds += ["weight_hr"] * (self.proj_size > 0)
        return [
            [f"{kind}_l{layer}{suffix}" for kind in kinds]
            for layer in range(self.num_layers)
            for suffix in ("", "_reverse")[: self.directions]
        ]

    def infer_sizes(self, input: Tensor, *_: Any, **__: Any) -> None:
        """The last size of ``input``."""
        x = input.data if isinstance(input, PackedSequence) else input
        self.input_size = needs_axes(self, x, 2, self._layout())[-1]

    def make_parameters(self) -> None:
        """Weights and biases of all layers and directions."""
        rows, out = self.gates * self.hidden_size, self.proj_size or self.hidden_size
        for number, names in enumerate(self._names()):
            first = number < self.directions
            width = self.input_size if first else out * self.directions
            for name in names:
                shape: tuple[int, ...] = (rows,)
                if name.startswith("weight_ih"):
                    shape = (rows, width or 0)
                elif name.startswith("weight_hh"):
                    shape = (rows, out)
                elif name.startswith("weight_hr"):
                    shape = (self.proj_size, self.hidden_size)
                setattr(self, name, self._new_parameter(shape))
        self.reset_parameters()

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters, for each layer and direction."""
        return [[getattr(self, name) for name in group] for group in self._names()]

    def flatten_parameters(self) -> None:
        """Nothing to do: for PyTorch's sake, where it packs weights for cuDNN."""

    def _layout(self) -> str:
        return "(batch, length, features)" if self.batch_first else "(length, batch, features)"

    def _enter(self, x: Tensor) -> Tensor:
        """The input as (length, batch, features), checked."""
        if x.ndim not in (2, 3):
            raise ShapeError(
                f"{type(self).__name__} got an input of shape {x.shape}, expected "
                f"{self._layout()} or (length, features)"
            )
        self.check_input(x, self._layout())
        if x.ndim == 2:
            return x[:, None]
        return x.permute(1, 0, 2) if self.batch_first else x

    def _leave(self, y: Tensor, batched: bool) -> Tensor:
        if not batched:
            return y[:, 0]
        return y.permute(1, 0, 2) if self.batch_first else y

    def _state(self, given: Tensor | None, x: Tensor, size: int, batched: bool, name: str) -> Any:
        """A given state with its batch axis, or zeros: (layers·directions, batch, size)."""
        count = self.num_layers * self.directions
        if given is None:
            return zero_state(x, count, x.shape[1], size)
        if not batched:
            self.check_state(given, (count, size), name)
            return given[:, None]
        self.check_state(given, (count, x.shape[1], size), name)
        return given

    def _run(
        self, x: Tensor, states: tuple[Tensor, ...], ends: Ends | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """All layers: (length, batch, features) -> outputs and last states."""
        last: list[tuple[Tensor, ...]] = []
        weights = self.all_weights
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self.directions):
                number = layer * self.directions + direction
                start = tuple(s[number] for s in states)
                y, end = self._one(x, start, weights[number], bool(direction), ends)
                outputs.append(y)
                last.append(end)
            x = outputs[0] if len(outputs) == 1 else concat(outputs, axis=-1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout)
        return x, tuple(stack(group, axis=0) for group in zip(*last, strict=True))

    def _whole(self, input: Any, given: tuple[Tensor | None, ...], sizes: tuple[int, ...]) -> Any:
        """Forward of padded or packed input from given states: (outputs, last states)."""
        if isinstance(input, PackedSequence):
            return self._packed(input, given, sizes)
        batched = input.ndim == 3
        x = self._enter(input)
        names = ("hx",) if len(given) == 1 else ("h", "c")
        start = tuple(
            self._state(state, x, size, batched, name)
            for state, size, name in zip(given, sizes, names, strict=True)
        )
        y, last = self._run(x, start, None)
        return self._leave(y, batched), last if batched else tuple(s[:, 0] for s in last)

    def _packed(
        self, packed: PackedSequence, given: tuple[Tensor | None, ...], sizes: tuple[int, ...]
    ) -> Any:
        """Sequences of different lengths: padded, run, and packed again."""
        x = unpacked(packed)
        if x.ndim != 3:
            raise ShapeError(
                f"{type(self).__name__} got packed data of shape {packed.data.shape}, expected "
                "(steps, features)"
            )
        self.check_input(x, "packed (steps, features)")
        order, back = packed.sorted_indices, packed.unsorted_indices
        start = tuple(self._state(s, x, n, True, "hx") for s, n in zip(given, sizes, strict=True))
        if order is not None:
            start = tuple(take(s, order, axis=1) for s in start)
        y, last = self._run(x, start, Ends(packed.lengths, x.shape[0]))
        if back is not None:
            last = tuple(take(s, back, axis=1) for s in last)
        return packed_like(y, packed), last

    def _one(
        self, x: Tensor, start: tuple[Tensor, ...], weights: list[Any], reverse: bool,
        ends: Ends | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:  # fmt: skip
        """One layer in one direction: (outputs, last states)."""
        turned = reverse and ends is not None
        states = self._states(
            ends.reversed(x) if turned and ends else x, start, weights, reverse and not turned
        )
        if ends is None:
            return states[0], tuple(s[0 if reverse else -1] for s in states)
        y = ends.reversed(states[0]) if turned else states[0]
        return y, tuple(ends.last(s) for s in states)

    def _states(
        self, x: Tensor, start: tuple[Tensor, ...], weights: list[Any], reverse: bool
    ) -> tuple[Tensor, ...]:
        """The states after each step, the first of which are the outputs."""
        w_ih, w_hh, *rest = weights
        b_ih, b_hh = rest[:2] if self.bias else (None, None)
        if not self.proj_size:
            return self._sequence(x, start, (w_ih, w_hh, b_ih, b_hh), reverse)
        from_input = F.linear(x, w_ih, b_ih)  # all steps in one product
        steps: list[Any] = [None] * x.shape[0]
        for t in reversed(range(x.shape[0])) if reverse else range(x.shape[0]):
            steps[t] = start = self._projected_step(from_input[t], start, w_hh, b_hh, rest[-1])
        return tuple(stack(group, axis=0) for group in zip(*steps, strict=True))

    def _sequence(
        self, x: Tensor, start: tuple[Tensor, ...], weights: Weights, reverse: bool
    ) -> tuple[Tensor, ...]:
        """The states after each step, by one operation for all of them."""
        raise NotImplementedError

    def _projected_step(
        self, x: Tensor, states: tuple[Tensor, ...], w: Tensor, b: Tensor | None, p: Tensor
    ) -> tuple[Tensor, ...]:
        """One step of a layer with ``proj_size``; x is the input's share of the gates."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Sizes, and the settings that are not the default."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {
            "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False, "proj_size": 0,
        }  # fmt: skip
        parts += [
            f"{name}={getattr(self, name)}"
            for name, usual in defaults.items()
            if getattr(self, name) != usual
        ]
        return ", ".join(parts)


class RNN(_Layers):
    """A plain recurrent network: h' = tanh(W x + b + U h + c) at each step.

    input: (length, batch, input_size), h: (layers·directions, batch, hidden_size), zeros if
    left out -> (outputs (length, batch, directions·hidden_size), last h). A PackedSequence
    gives a PackedSequence of outputs.

    Args:
        input_size: size of the input's vectors; None: found at the first call.
        hidden_size: size of the state.
        num_layers: layers on top of each other.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether b and c are added.
        batch_first: input and outputs are (batch, length, features); states are not.
        dropout: probability of dropping between layers, in training.
        bidirectional: also run from the end to the beginning.
        device: where the parameters live.
        dtype: their dtype, default float32.
    """

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if nonlinearity not in NONLINEARITIES:
            raise unknown("nonlinearity", nonlinearity, NONLINEARITIES)
        self.nonlinearity = nonlinearity
        self._configure(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0,
            (device, dtype),
        )  # fmt: skip

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """input: (length, batch, input_size), hx: (layers, batch, hidden) -> (outputs, last h)."""
        y, (h,) = self._whole(input, (hx,), (self.hidden_size,))
        return y, h

    def _sequence(
        self, x: Tensor, start: tuple[Tensor, ...], weights: Weights, reverse: bool
    ) -> tuple[Tensor, ...]:
        w_ih, w_hh, b_ih, b_hh = weights
        return rnn(x, start[0], w_ih, w_hh, b_ih, b_hh, self.nonlinearity, reverse)[:1]


class GRU(_Layers):
    """A gated recurrent network: K. Cho and others, EMNLP 2014.

    input: (length, batch, input_size), h: (layers·directions, batch, hidden_size), zeros if
    left out -> (outputs (length, batch, directions·hidden_size), last h). Arguments as RNN's.
    """

    gates = 3

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._configure(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0,
            (device, dtype),
        )  # fmt: skip

    def forward(
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Any, Tensor]:
        """input: (length, batch, input_size), hx: (layers, batch, hidden) -> (outputs, last h)."""
        y, (h,) = self._whole(input, (hx,), (self.hidden_size,))
        return y, h

    def _sequence(
        self, x: Tensor, start: tuple[Tensor, ...], weights: Weights, reverse: bool
    ) -> tuple[Tensor, ...]:
        w_ih, w_hh, b_ih, b_hh = weights
        return gru(x, start[0], w_ih, w_hh, b_ih, b_hh, reverse)[:1]


class LSTM(_Layers):
    """A recurrent network with long short-term memory: S. Hochreiter, J. Schmidhuber, 1997.

    input: (length, batch, input_size), (h, c): (layers·directions, batch, hidden_size) each,
    zeros if left out -> (outputs (length, batch, directions·hidden_size), (last h, last c)).

    Arguments as RNN's, and ``proj_size``: above 0, h is projected to this size at each step
    (H. Sak and others, arXiv:1402.1128).
    """

    gates = 4

    def __init__(
        self,
        input_size: int | None,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._configure(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, (device, dtype),
        )  # fmt: skip

    def forward(
        self, input: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """input: (length, batch, input_size), hx: (h, c) -> (outputs, (last h, last c))."""
        given = (None, None) if hx is None else tuple(hx)
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)
        y, (h, c) = self._whole(input, given, sizes)
        return y, (h, c)

    def _sequence(
        self, x: Tensor, start: tuple[Tensor, ...], weights: Weights, reverse: bool
    ) -> tuple[Tensor, ...]:
        h, c = start
        return lstm_states(x, (h, c), *weights, reverse)

    def _projected_step(
        self, x: Tensor, states: tuple[Tensor, ...], w: Tensor, b: Tensor | None, p: Tensor
    ) -> tuple[Tensor, ...]:
        h, c = lstm_step(x + F.linear(states[0], w, b), states[1])
        return F.linear(h, p), c
