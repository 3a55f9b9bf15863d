"""Values that are more than an array: what ``vmap`` and ``jvp`` put into a tensor's box.

A Spec runs a model on shapes alone; in the same way a Batched value runs it on many examples at
once, and a Dual on numbers that carry a tangent. Each holds tensors of the world outside, so an
operation on it is operations there, and worlds nest: a batch of duals, a dual of batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from nbdl.core import modes, tape
from nbdl.errors import TraceError
from nbdl.shapes import Shape

if TYPE_CHECKING:
    from nbdl.backends import Device
    from nbdl.core.op import Op
    from nbdl.core.random import Generator
    from nbdl.core.tensor import Tensor

class World:
    """One running ``vmap``, ``jvp`` or trace; of two, the newer is the inner one.

    Attributes:
        number: on the tape's count, so nodes with a larger one were recorded inside.
        count: how many examples (vmap).
        randomness: what random numbers are drawn inside: see ``vmap``.
        open: whether the function is still running.
    """

    traces: ClassVar[bool] = False
    """Whether it is a trace, in which random draws and optimizers' steps are noted."""

    def __init__(self, count: int = 0, randomness: str = "same") -> None:
        self.number = tape.count()
        self.count = count
        self.randomness = randomness
        self.open = True

    def __enter__(self) -> World:
        self.before = modes.local.state.worlds
        modes.local.state.worlds = (*self.before, self)
        return self

    def __exit__(self, *_: object) -> None:
        self.open = False
        modes.local.state.worlds = self.before

    def key(self, source: Generator) -> Tensor:
        """Of a trace: the input that will hold (seed, number) of the next draw."""
        raise NotImplementedError

    def update(self, optimizer: Any) -> None:
        """Of a trace: an optimizer makes its step."""
        raise NotImplementedError


class Lifted:
    """Base of values that stand for tensors of the world outside."""

    __slots__ = ("world",)

    world: World
    transform = ""
    """The function that makes such values, for messages."""

    @property
    def shape(self) -> Shape:
        """Sizes of the axes, as the function inside sees them."""
        raise NotImplementedError

    def detached(self) -> Lifted:
        """The same value without a derivative of any kind."""
        raise NotImplementedError

    def apply(self, op: Op, inputs: tuple[Tensor, ...]) -> Any:
        """The value, or tuple of values, of ``op`` when this is among the inputs' values."""
        raise NotImplementedError

    @property
    def outside(self) -> Tensor:
        """The tensor that tells dtype and device."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.outside.dtype

    @property
    def device(self) -> Device:
        """Where the elements live."""
        return self.outside.device

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements, as the function inside sees them."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of the elements, as the function inside sees them."""
        return self.size * self.dtype.itemsize

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        self.refuse()

    def refuse(self) -> NoReturn:
        """Raise TraceError: somebody asked for the values."""
        raise TraceError(
            f"the values of a tensor {self.dtype}{list(self.shape)} were asked for inside "
            f"{self.transform}, where one tensor stands for several",
            hint=f"keep .item(), bool(x), x.numpy(), NumPy calls and operations whose result's "
            f"shape depends on values out of functions that {self.transform} calls; "
            "where(condition, a, b) chooses without a Python `if`",
        )

    def words(self) -> str:
        """What stands in the brackets of ``tensor(...)``."""
        return f"{list(self.shape)}, dtype={self.dtype}, inside {self.transform}"

    def check_open(self) -> None:
        """Raise TraceError when the function that this value belongs to has returned."""
        if not self.world.open:
            raise TraceError(
                f"a tensor {self.dtype}{list(self.shape)} made inside {self.transform} was used "
                "after it had ended",
                hint="return it from the function instead of storing it elsewhere",
            )


class Batched(Lifted):
    """Many tensors of one shape, side by side along the first axis of one tensor."""

    __slots__ = ("tensor",)

    transform = "vmap"

    def __init__(self, world: World, tensor: Tensor) -> None:
        self.world = world
        self.tensor = tensor

    @property
    def shape(self) -> Shape:
        """The shape of one of them."""
        return self.tensor.shape[1:]

    @property
    def outside(self) -> Tensor:
        """All of them."""
        return self.tensor

    def detached(self) -> Batched:
        """Without the history that it has outside."""
        return Batched(self.world, self.tensor.detach())

    def apply(self, op: Op, inputs: tuple[Tensor, ...]) -> Any:
        """The operation on all of them: its own rule ``batch``."""
        self.check_open()
        mine = [type(x.value) is Batched and x.value.world is self.world for x in inputs]
        tensors = tuple(x.value.tensor if m else x for x, m in zip(inputs, mine, strict=True))
        result = op.bound_to(tensors).batch(self.world, tensors, tuple(mine))
        if isinstance(result, tuple):
            return tuple(Batched(self.world, y) for y in result)
        return Batched(self.world, result)


class Dual(Lifted):
    """A tensor and its tangent: how it changes when the input goes a little way along a vector."""

    __slots__ = ("primal", "tangent")

    transform = "jvp"

    def __init__(self, world: World, primal: Tensor, tangent: Tensor) -> None:
        self.world = world
        self.primal = primal
        self.tangent = tangent

    @property
    def shape(self) -> Shape:
        """The shape of both."""
        return self.primal.shape

    @property
    def outside(self) -> Tensor:
        """The tensor itself."""
        return self.primal

    def detached(self) -> Any:
        """The tensor as a constant."""
        return self.primal.detach().value

    def apply(self, op: Op, inputs: tuple[Tensor, ...]) -> Any:
        """The operation, and its derivative along the tangents: its own rule ``jvp``."""
        self.check_open()
        mine = [type(x.value) is Dual and x.value.world is self.world for x in inputs]
        primals = tuple(x.value.primal if m else x for x, m in zip(inputs, mine, strict=True))
        tangents = tuple(x.value.tangent if m else None for x, m in zip(inputs, mine, strict=True))
        op = op.bound_to(primals)
        y = op(*primals)
        if not op.differentiable:
            return tuple(v.value for v in y) if isinstance(y, tuple) else y.value
        dy = op.jvp(tangents, y, primals)
        if not isinstance(y, tuple):
            return self._paired(y, dy)
        return tuple(self._paired(v, d) for v, d in zip(y, dy, strict=True))

    def _paired(self, y: Tensor, dy: Tensor | None) -> Any:
        return y.value if dy is None else Dual(self.world, y, dy)
