"""Dropout: in training mode a random share of what passes is set to zero."""

from __future__ import annotations

from nbdl.core import modes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.nn import functional as F
from nbdl.nn.module import Module


class _Dropout(Module):
    """What all kinds of dropout share: the probability."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: p={p} must be a probability, 0 to 1")
        self.p = p
        self.inplace = inplace

    def _out(self, x: Tensor, y: Tensor) -> Tensor:
        """``inplace=True`` also puts the result into the input's box, as PyTorch does."""
        if not self.training and self.p and x.node is not None and modes.local.state.grad:
            modes.note_untrained()
        return x._replace(y) if self.inplace and y is not x else y

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Set elements to zero with probability p: N. Srivastava and others, JMLR 2014.

    x: (...) -> y: same shape. What is kept is divided by 1 - p, so the mean stays; in
    evaluation mode nothing happens.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.dropout(input, self.p, self.training))


class Dropout1d(_Dropout):
    """Set whole channels to zero.  x: (batch, channels, length) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, length) -> y: same shape."""
        return self._out(input, F.dropout1d(input, self.p, self.training))


class Dropout2d(_Dropout):
    """Set whole channels to zero.  x: (batch, channels, height, width) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, height, width) -> y: same shape."""
        return self._out(input, F.dropout2d(input, self.p, self.training))


class Dropout3d(_Dropout):
    """Set whole channels to zero.  x: (batch, channels, d, h, w) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, depth, height, width) -> y: same shape."""
        return self._out(input, F.dropout3d(input, self.p, self.training))


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance behind SELU: G. Klambauer and others, NIPS 2017.

    x: (...) -> y: same shape.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input: (...) -> y: same shape."""
        return self._out(input, F.alpha_dropout(input, self.p, self.training))


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels.  x: (batch, channels, ...) -> y: same shape."""

    def forward(self, input: Tensor) -> Tensor:
        """input: (batch, channels, ...) -> y: same shape."""
        return self._out(input, F.feature_alpha_dropout(input, self.p, self.training))
