"""What all distributions share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from nbdl.backends import has_data
from nbdl.core import Tensor, no_grad
from nbdl.errors import ArgumentError, ShapeError
from nbdl.ops.broadcasting import broadcast_to
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import promote_all
from nbdl.ops.powers import sqrt
from nbdl.shapes import Shape, broadcast_shapes

Check = Callable[[Tensor], Any]

CHECKS: dict[str, Check] = {
    "positive": lambda x: x > 0,
    "a probability, 0 to 1": lambda x: (x >= 0) & (x <= 1),
    "not negative": lambda x: x >= 0,
    "no NaN": lambda x: x == x,
}
"""What an argument must be, in words, and how it is seen."""


class Distribution:
    """Base of distributions, with PyTorch's names.

    Attributes:
        batch_shape: shape of the distributions that one object holds.
        event_shape: shape of one draw of one of them.
        has_rsample: whether ``rsample`` gives draws with a gradient.
    """

    has_rsample: ClassVar[bool] = False

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = ()) -> None:
        self.batch_shape = tuple(batch_shape)
        self.event_shape = tuple(event_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws without a gradient.  -> (*sample_shape, *batch_shape, *event_shape)."""
        with no_grad():
            return self._draw(self._shape(sample_shape)).detach()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws with a gradient by the parameters (reparameterized): see ``sample``.

        Raises ArgumentError for distributions of whole numbers, which have none.
        """
        if not self.has_rsample:
            raise ArgumentError(
                f"{type(self).__name__} has no rsample: its draws do not change smoothly",
                hint="sample() and log_prob(), as the score function estimator (REINFORCE) does",
            )
        return self._draw(self._shape(sample_shape))

    def _draw(self, shape: Shape) -> Tensor:
        """Draws of the whole ``shape``."""
        raise NotImplementedError

    def _shape(self, sample_shape: Any) -> Shape:
        given = (sample_shape,) if isinstance(sample_shape, int) else tuple(sample_shape)
        return (*given, *self.batch_shape, *self.event_shape)

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of density or probability.  (..., *event_shape) -> (..., *batch_shape)."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """Entropy in nats.  -> batch_shape."""
        raise ArgumentError(f"{type(self).__name__} has no entropy in closed form")

    def cdf(self, value: Any) -> Tensor:
        """The probability of at most ``value``."""
        raise ArgumentError(f"{type(self).__name__} has no cdf in closed form")

    def icdf(self, value: Any) -> Tensor:
        """The value that is not exceeded with probability ``value``."""
        raise ArgumentError(f"{type(self).__name__} has no icdf in closed form")

    @property
    def mean(self) -> Tensor:
        """The mean.  -> (*batch_shape, *event_shape)."""
        raise NotImplementedError

    @property
    def variance(self) -> Tensor:
        """The variance.  -> (*batch_shape, *event_shape)."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The standard deviation, the root of the variance."""
        return sqrt(self.variance)

    def _value(self, value: Any) -> Tensor:
        """A value as a tensor that fits batch and event; raises ShapeError."""
        x = promote_all(value, self.mean)[0]
        broadcast_shapes(
            x.shape, (*self.batch_shape, *self.event_shape),
            what=f"{type(self).__name__}: value and distribution",
        )  # fmt: skip
        if len(self.event_shape) > x.ndim:
            raise ShapeError(
                f"{type(self).__name__}: a value of shape {x.shape} for draws of shape "
                f"{self.event_shape}"
            )
        return x

    def __repr__(self) -> str:
        shapes = f"batch_shape={self.batch_shape}, event_shape={self.event_shape}"
        return f"{type(self).__name__}({shapes})"


def parameters(who: str, checks: dict[str, str], **given: Any) -> tuple[Tensor, ...]:
    """Parameters as float tensors of one dtype and one shape, each checked.

    ``checks`` says in words what a parameter must be: see CHECKS. Raises ArgumentError.
    """
    tensors = promote_all(*given.values())
    tensors = tuple(t if t.dtype.kind in "fV" else t.float() for t in tensors)
    for (name, _), x in zip(given.items(), tensors, strict=True):
        require(who, name, x, checks.get(name, "no NaN"))
    shape = broadcast_shapes(*(t.shape for t in tensors), what=f"{who}: the parameters")
    return tuple(broadcast_to(t, shape) for t in tensors)


def require(who: str, name: str, x: Tensor, words: str) -> None:
    """Raise ArgumentError unless all elements of a parameter are as ``words`` say."""
    if has_data(x.value) and x.size and not bool(CHECKS[words](x.detach()).all()):
        wrong = x.detach()[CHECKS[words](x.detach()) == False]  # noqa: E712
        raise ArgumentError(
            f"{who}: {name} must be {words}, got {wrong.tolist()[0]:.6g} among its values"
        )


class Independent(Distribution):
    """The last axes of a batch as one draw, whose log-probabilities add up.

    Args:
        base_distribution: what is made into one.
        reinterpreted_batch_ndims: how many of its last batch axes.
    """

    def __init__(self, base_distribution: Distribution, reinterpreted_batch_ndims: int) -> None:
        n, batch = reinterpreted_batch_ndims, base_distribution.batch_shape
        if not 0 <= n <= len(batch):
            raise ArgumentError(
                f"Independent: {n} axes of a distribution whose batch_shape is {batch}"
            )
        self.base = base_distribution
        self.axes = n
        cut = len(batch) - n
        super().__init__(batch[:cut], (*batch[cut:], *base_distribution.event_shape))

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """As its base."""
        return self.base.has_rsample

    def _draw(self, shape: Shape) -> Tensor:
        return self.base._draw(shape)

    def _add_up(self, x: Tensor) -> Tensor:
        return total(x, tuple(range(-self.axes, 0))) if self.axes else x

    def log_prob(self, value: Any) -> Tensor:
        """The sum over the axes made into one draw."""
        return self._add_up(self.base.log_prob(value))

    def entropy(self) -> Tensor:
        """The sum over the axes made into one draw."""
        return self._add_up(self.base.entropy())

    @property
    def mean(self) -> Tensor:
        """As its base."""
        return self.base.mean

    @property
    def variance(self) -> Tensor:
        """As its base."""
        return self.base.variance


LOG_2PI = math.log(2 * math.pi)
