"""An operation: everything the house knows of it, in one frozen record.

The same instance is the eager call, the node of the graph, the line of a compiled program and
part of its cache key. Fields are static parameters; methods are rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass
from typing import Any, ClassVar

import numpy as np

from nbdl import backends
from nbdl.backends.floating import restore, silence
from nbdl.core import modes
from nbdl.core.forward import pushforward
from nbdl.core.lifted import Lifted, World
from nbdl.core.needs import rules
from nbdl.core.tape import Node, Pick, count
from nbdl.core.tensor import Tensor
from nbdl.errors import DeviceError, IndexRangeError, NbdlError, ShapeError
from nbdl.shapes import Spec

registry: dict[str, type[Op]] = {}
"""Every concrete operation by its name."""


def _left_to_numpy(op: Op, arrays: list[Any]) -> Any:
    return None


compiled: Callable[[Op, list[Any]], Any] = _left_to_numpy
"""What an operation makes of large NumPy arrays by compiled code, or None: ``forward`` does it.
The compiler, which stands above, is put here when the package is imported."""

_new = Tensor.__new__
_new_node = object.__new__
_new_spec = tuple.__new__
_ndarray = np.ndarray


class _Rest(int):
    """In a list of saved inputs: this one and all after it."""


class _Immutable:
    """What a class without fields has of a frozen dataclass, without compiling it."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to {name!r}: operations never change")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete {name!r}: operations never change")


@dataclass(frozen=True)
class Op(_Immutable):
    """Base of all operations; a family in ``nbdl.ops.families`` supplies what members share.

    An operation with static parameters is a frozen dataclass, whose fields they are; one without
    is a plain class (hundreds of dataclasses would double the time of ``import nbdl``). A concrete
    operation states:

    - ``forward(xp, *arrays)``: arrays of NumPy or CuPy in, an array or a tuple of them out;
    - ``infer(*specs)``: the Spec of the output(s), or an error for the person;
    - ``grad(dy, y, *xs)``: gradients of the inputs, written in operations; an entry may be
      None, or a function of no arguments that is called only if somebody needs the gradient;
    - ``saves``: the names among grad's parameters whose values it reads: the tape keeps these
      and hands the others over as Specs;
    - ``byproducts``: the places, among several outputs, of those that carry no gradient, as the
      mean that a normalization gives beside its result;
    - ``stacks``: it works on the last axes, and the ones before broadcast (``vmap`` adds one);
    - ``axis_fields`` and ``shape_fields``: the fields that hold axes, counted from the front, and
      whole shapes: ``vmap`` puts a batch in front of them; where that is not all, ``batch`` does;
    - ``broadcasts``: the walk sums gradients back; ``moves``: the result is on another device;
    - ``computes``: whether NumPy may find infinities and NaN on the way, and warn of them;
    - ``compiled_from``: of how many elements an input must be for compiled code to be faster than
      ``forward``, as measured; None: it never is;
    - ``decompose(*inputs)``: what the compiler puts in its place; core operations have none;
    - ``flops(*specs)``, ``kernel`` (expression common to Python and C), ``onnx``, ``method``.
    """

    abstract: ClassVar[bool] = True
    method: ClassVar[str | tuple[str, ...]] = ()
    onnx: ClassVar[str | None] = None
    kernel: ClassVar[str | None] = None
    compiled_from: ClassVar[int | None] = None
    saves: ClassVar[tuple[str, ...]] = ()
    byproducts: ClassVar[tuple[int, ...]] = ()
    differentiable: ClassVar[bool] = True
    explains: ClassVar[bool] = True  # whether ``infer`` finds words for what forward refuses
    stacks: ClassVar[bool] = False
    axis_fields: ClassVar[tuple[str, ...]] = ()
    shape_fields: ClassVar[tuple[str, ...]] = ()
    broadcasts: ClassVar[bool] = False
    moves: ClassVar[bool] = False
    computes: ClassVar[bool] = True
    name: ClassVar[str]
    title: ClassVar[str]

    forward: ClassVar[Callable[..., Any]]
    infer: ClassVar[Callable[..., Any]]
    grad: ClassVar[Callable[..., Any]]
    flops: ClassVar[Callable[..., int]]

    _saves_y: ClassVar[bool] = False
    _saves_x: ClassVar[tuple[int, ...]] = ()

    def __hash__(self) -> int:
        return hash(type(self))

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.abstract = abstract
        cls.title = cls.__name__
        cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        if abstract:
            return
        registry[cls.name] = cls
        if cls.differentiable:
            cls._saves_y, cls._saves_x = _saved_positions(cls)

    def batch(self, world: World, inputs: tuple[Tensor, ...], mine: tuple[bool, ...]) -> Any:
        """Apply to ``world.count`` examples at once: the rule of ``vmap``.

        Args:
            world: the running ``vmap``.
            inputs: those with ``mine`` have the examples along a new first axis.
            mine: which inputs are batched; the others are the same for all examples.

        Returns:
            The output (or tuple of outputs) with the examples along a new first axis.
        """
        return rules.batch(self, world.count, inputs, mine)

    def bound_to(self, inputs: tuple[Tensor, ...]) -> Op:
        """The operation for other inputs: itself, unless it keeps something of them."""
        return self

    def decompose(self, *inputs: Any, **_: Any) -> Any:
        """The same result(s) in core operations, of which the compiler makes loops and products.

        Core are elementwise operations with a ``kernel``, reductions, movement and products. It
        is called without recording and may look at shapes and dtypes, never at values. A rule
        names its inputs, as ``forward`` does.

        Returns:
            The output (or tuple of outputs), or None: this is a core operation itself, or one
            that stays as it is.
        """
        return None

    def jvp(self, tangents: tuple[Tensor | None, ...], y: Any, xs: tuple[Tensor, ...]) -> Any:
        """Tangents of the output(s) for those of the inputs (None: the input stays)."""
        return pushforward(self, tangents, y, xs)

    def __call__(self, *inputs: Tensor) -> Any:  # noqa: C901  (flat: every call costs time)
        state = modes.local.state
        if state.cast is not None:
            inputs = state.cast(self, inputs)
        arrays = [inputs[0].value] if len(inputs) == 1 else [x.value for x in inputs]
        for a in arrays:
            if type(a) is not _ndarray:
                result, xp = _elsewhere(self, inputs, arrays)
                break
        else:
            xp = np
            before = silence() if self.computes else None
            try:
                result = None
                if self.compiled_from is not None:
                    result = _large(self, arrays)
                if result is None:
                    result = self.forward(np, *arrays)
            except Exception as error:
                raise _explained(self, arrays, error) from error
            finally:
                if before is not None:
                    restore(before)
        if type(result) is tuple:
            return _record_many(self, inputs, arrays, result, xp, state)
        if type(result) is not _ndarray and xp is np and not self.moves:
            result = np.asarray(result)
        y = _new(Tensor)
        y.value = result
        y.grad = None
        y.node = None
        if state.grad and self.differentiable:
            for x in inputs:
                if x.node is not None:
                    y.node = _record(self, inputs, arrays, result, state)
                    break
        if state.observers:
            for observer in state.observers:
                observer(self, inputs, (y,), y.node)
        return y


def _large(op: Op, arrays: list[Any]) -> Any:
    """The result by compiled code, if an input is large enough for that."""
    for a in arrays:
        if a.size >= op.compiled_from:
            return compiled(op, arrays)
    return None


def _record(op: Op, inputs: tuple[Tensor, ...], arrays: list[Any], y: Any, state: Any) -> Node:
    """The tape's node: keeps what ``saves`` declares, and the shapes of all.

    It does by hand what ``Node(...)`` and ``Spec(...)`` would do: calling them costs half a
    microsecond, which every operation pays.
    """
    shape, dtype = y.shape, y.dtype
    spec = _new_spec(Spec, (shape, dtype))
    specs = [spec]
    for a in arrays:
        if a is y or (a.shape == shape and a.dtype is dtype):
            specs.append(spec)
        else:
            specs.append(_new_spec(Spec, (a.shape, a.dtype)))
    node = _new_node(Node)
    node.op = op
    if len(inputs) == 1:  # a comprehension costs as much as all of a small record
        node.edges = (inputs[0].node,)
    else:
        node.edges = tuple([x.node for x in inputs])
    node.saved = _saved(op, arrays, y) if op._saves_x or op._saves_y else ()
    node.specs = specs
    node.scope = state.scope
    node.extra = None
    node.seq = count()
    return node


def _saved(op: Op, arrays: list[Any], y: Any) -> tuple[Any, ...]:
    keep = op._saves_x
    if not keep:
        return (y,) if op._saves_y else ()
    saved: list[Any] = [None] * (len(arrays) + 1)
    if op._saves_y:
        saved[0] = y
    for i in keep:
        if type(i) is _Rest:
            saved[i + 1 :] = arrays[i:]
        elif i < len(arrays):
            saved[i + 1] = arrays[i]
    return tuple(saved)


def _record_many(
    op: Op, inputs: tuple[Tensor, ...], arrays: list[Any], results: Any, xp: Any, state: Any
) -> tuple[Tensor, ...]:
    """Wrap several outputs: each that carries a gradient is a Pick of one node."""
    if xp is np:
        results = tuple([np.asarray(r) for r in results])
    outputs = tuple([Tensor._wrap(r) for r in results])
    node = None
    edges = tuple([x.node for x in inputs])
    if state.grad and op.differentiable and edges.count(None) < len(edges):
        specs: list[Any] = [tuple([_new_spec(Spec, (r.shape, r.dtype)) for r in results])]
        specs += [_new_spec(Spec, (a.shape, a.dtype)) for a in arrays]
        saved = _saved(op, arrays, results)
        node = Node(op, edges, saved, specs, state.scope)
        for i, y in enumerate(outputs):
            if node.carries(i):
                y.node = Pick(node, i)
    for observer in state.observers:
        observer(op, inputs, outputs, node)
    return outputs


def _elsewhere(op: Op, inputs: tuple[Tensor, ...], arrays: list[Any]) -> tuple[Any, Any]:
    """The result when some input is not a NumPy array: a Spec, lifted, or an array of a GPU."""
    lifted = [a for a in arrays if isinstance(a, Lifted)]
    if lifted:
        return max(lifted, key=_inner).apply(op, inputs), None
    if any(type(a) is Spec for a in arrays):
        specs = [a if type(a) is Spec else Spec(a.shape, a.dtype) for a in arrays]
        inferred = op.infer(*specs)
        return inferred, None
    devices = sorted({backends.device_of(a) for a in arrays})
    if len(devices) > 1:
        raise DeviceError(
            f"{op.title} got tensors on {' and '.join(devices)}",
            hint="move them to one device, for example with x.to(model.device)",
        )
    xp = backends.namespace(arrays[0])
    with backends.cuda.on(devices[0].index):
        try:
            result = op.forward(xp, *arrays)
        except Exception as error:
            raise _explained(op, arrays, error) from error
        if type(result) is tuple:
            return tuple(xp.asarray(r) for r in result), xp
        return result if op.moves else xp.asarray(result), xp


def _inner(value: Lifted) -> int:
    return value.world.number


def _explained(op: Op, arrays: list[Any], error: Exception) -> Exception:
    """The shape rule's own words for what made ``forward`` fail, if it has any."""
    if isinstance(error, NbdlError) or not op.explains:
        return error
    specs = [Spec(a.shape, a.dtype) for a in arrays]
    try:
        op.infer(*specs)
    except NbdlError as better:
        return better
    listed = ", ".join(f"{s.dtype}{list(s.shape)}" for s in specs)
    if isinstance(error, IndexError):
        return IndexRangeError(f"{op.title} of inputs {listed}: {error}")
    if isinstance(error, ValueError):
        return ShapeError(f"{op.title} failed on inputs {listed}: {error}")
    return error


def _saved_positions(cls: type[Op]) -> tuple[bool, tuple[int, ...]]:
    """Which of grad's parameters (self, dy, y, *xs) are saved: the output, and which inputs."""
    code = cls.grad.__code__
    names = code.co_varnames[: code.co_argcount]
    inputs = list(names[3:])
    rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount] if code.co_flags & 4 else ""
    output = names[2] in cls.saves
    saved = [name for name in cls.saves if name != names[2]]
    unknown = [name for name in saved if name not in (*inputs, rest)]
    if unknown:
        raise TypeError(f"{cls.__name__}.saves names {unknown}, which grad does not take")
    places = tuple(inputs.index(name) for name in saved if name != rest)
    return output, (*places, _Rest(len(inputs))) if rest in saved else places
