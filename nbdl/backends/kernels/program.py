"""What a loop kernel is: one nest of loops over arrays, said as data.

A kernel walks a box of ``outer`` axes and, for each point of it, a box of ``inner`` axes (none:
pointwise). Reductions run over all inner axes. Kernels are frozen and hashable: equal kernels are
the same machine code.

**Axes** are numbered outer ones first, then inner ones. An array says in one letter how it moves
along each: ``"0"`` not at all, ``"1"`` one element a step (lane axis only), ``"s"`` by a stride
given at run time, in elements.

**Lanes.** The last axis of the outer box (``lanes="outer"``) or of the inner box
(``lanes="inner"``) is walked many numbers at a time.

**Instructions** refer to earlier ones by their place in ``code``:

===========  ==================  ===========================================================
name         attribute           result
===========  ==================  ===========================================================
load         array number        the element at the present point; or, with an argument, the one
                                 ``args[0]`` (int64) elements of memory after it, unchecked
load_at      (array, axis)       the same, but ``args[0]`` (int64) is the index along that axis,
                                 clamped into 0..size-1; size is one more run-time number
store        array number        none; ``args[0]`` is the value
constant     number              that number
axis         axis number         the index along that axis, int64
cast                             ``args[0]`` as another dtype, as C converts; to bool: is not 0
reduce       sum max min any all over all inner axes; NaN wins in max and min
===========  ==================  ===========================================================

and the functions of :data:`FUNCTIONS`, which mean what NumPy's functions of that name mean.

**Dtypes.** bool is a byte in memory. float16 and bfloat16 are float32 in registers: they may be
written for results, but only a cast to them, and a store, rounds to them.

**Levels and stages.** A value is of the full level if it depends on an inner axis, else of the
outer level. A reduction of stage s values is ready in stage s + 1, and what depends on it is of
that stage. Each stage is one loop over the inner box; full-level values are computed anew in
each stage that needs them. The array of a store must move along every axis along which the value
changes. A store to an array that moves along an inner axis belongs to the
loop of its value's stage; any other comes when its value is ready.

**Compiled**: ``int32_t body(int64_t *args, int64_t begin, int64_t end)``, which returns 0, so that
it can be an entry of a walk. ``args`` holds the sizes of the outer axes, the sizes of the inner
axes, then for each array its address and its ``"s"`` strides in order, then for each load_at its
size. ``begin`` and ``end`` count points of the outer box in C order; with ``lanes="outer"`` its
last axis counts in blocks of :data:`WIDTH` lanes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.backends.kernels.checks import check

WIDTH = 64


@dataclass(frozen=True)
class Array:
    """Something in memory that a kernel loads from or stores to.

    Attributes:
        dtype: of its elements.
        axes: one letter for each axis of the kernel, ``"0"``, ``"1"`` or ``"s"``.
    """

    dtype: str
    axes: str


@dataclass(frozen=True)
class Instruction:
    """One step of a kernel.

    Attributes:
        name: what it does; see the module.
        args: places of earlier instructions.
        dtype: of the result.
        attribute: see the table of the module.
    """

    name: str
    args: tuple[int, ...] = ()
    dtype: str = "float32"
    attribute: Any = None


@dataclass(frozen=True)
class Kernel:
    """A nest of loops.

    Attributes:
        outer: how many outer axes, at least one.
        inner: how many inner axes.
        lanes: ``"outer"`` or ``"inner"``, whose last axis is walked in lanes.
        arrays: what it loads from and stores to.
        code: what it does at each point.
    """

    outer: int
    inner: int
    lanes: str
    arrays: tuple[Array, ...]
    code: tuple[Instruction, ...]

    @property
    def axes(self) -> int:
        """How many axes there are."""
        return self.outer + self.inner

    @property
    def lane(self) -> int:
        """The axis that is walked in lanes."""
        return self.outer - 1 if self.lanes == "outer" else self.axes - 1

    def check(self) -> None:
        """Raise ArgumentError, naming the instruction, if this is not a kernel."""
        check(self)
