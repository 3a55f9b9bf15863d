"""Sizes that are worked out at the first call, and building a model from shapes alone."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nbdl import backends, dtypes
from nbdl.core import modes, random
from nbdl.core.random import Generator, default_generator
from nbdl.core.tensor import Tensor
from nbdl.core.tree import map_tensors
from nbdl.errors import ArgumentError, DtypeError, ShapeError, did_you_mean
from nbdl.nn.module import Module
from nbdl.nn.parameter import Parameter, Unsized, new_parameter
from nbdl.shapes import Shape, Spec


class _Building(threading.local):
    """While ``build`` runs in this thread: the generator that new parameters draw from."""

    generator: Generator | None = None


_building = _Building()


class Inferred(Module):
    """Base of layers one of whose sizes may be None until the first call.

    A subclass sets its settings, then calls ``_start``; it defines ``infer_sizes``, which
    reads the missing sizes off the first inputs, and ``make_parameters``.
    """

    _waiting: bool = False
    _place: tuple[Any, Any] = (None, None)

    def _start(self, known: bool, device: Any, dtype: Any, **parameters: Any) -> None:
        """Make the parameters if all sizes are ``known``, else leave placeholders.

        ``parameters`` says of each, in its order, whether the layer has it (else it is None).
        """
        self.__dict__["_place"] = (
            backends.default_device() if device is None else backends.Device(device),
            dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype),
        )
        for name, present in parameters.items():
            setattr(self, name, Unsized(type(self).__name__, name) if present else None)
        if known:
            self.make_parameters()
        else:
            self.__dict__["_waiting"] = True

    def _buffer_waits(self, name: str) -> None:
        """Leave a placeholder for a buffer."""
        self.register_buffer(name, None)
        self.__dict__[name] = Unsized(type(self).__name__, name, "buffer")

    def infer_sizes(self, *inputs: Any, **named: Any) -> None:
        """Set the sizes that were None from the first call's inputs."""
        raise NotImplementedError

    def make_parameters(self) -> None:
        """Create and initialise parameters and buffers; all sizes are known."""
        raise NotImplementedError

    def _new_parameter(self, shape: Shape) -> Parameter:
        """A parameter of zeros, on the layer's device and of its dtype."""
        device, dtype = self._place
        return new_parameter(shape, device=device, dtype=dtype)

    def _prepared_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._waiting:
            self.infer_sizes(*args, **kwargs)
            with random.use(_building.generator or default_generator()):
                self.make_parameters()
            self.__dict__["_waiting"] = False
        return super()._prepared_call(args, kwargs)

    def _moved_by(self, fn: Callable[[Tensor], Tensor]) -> None:
        device, dtype = self._place
        probe = fn(Tensor._wrap(backends.full((0,), 0, dtype, device)))
        self.__dict__["_place"] = (probe.device, probe.dtype)


def needs_axes(layer: Module, x: Any, least: int, layout: str) -> Shape:
    """The shape of the first input ``x``; raises ShapeError if it has too few axes."""
    shape: Shape = x.shape
    if len(shape) < least:
        raise ShapeError(
            f"{type(layer).__name__} got an input of shape {shape}, expected {layout}",
            hint="put the missing axis in front with x[None]"
            if len(shape) == least - 1
            else f"give it an input with {least} axes or more",
        )
    return shape


def needs_floats(layer: Module, x: Any) -> None:
    """Raise DtypeError if the input ``x`` holds integers or bools."""
    if type(x) is Tensor and x.value.dtype.kind in "iub":
        raise DtypeError(
            f"{type(layer).__name__} got {x.dtype} inputs, expected floats",
            hint="x.float(); token or class numbers go through an Embedding first",
        )


def is_built(model: Module) -> bool:
    """Whether all parameters of ``model`` have their shapes."""
    return not any(isinstance(m, Inferred) and m._waiting for m in model.modules())


def build(model: Module, *inputs: Any, **named: Any) -> Any:
    """Run ``model`` on shapes alone: infers missing sizes and checks that all fit.

    Nothing is computed: the forward pass runs in evaluation mode on tensors that have a shape
    and a dtype only. Buffers, training modes and the random numbers drawn in ``forward`` are
    left as they were; parameters of inferred size are created and initialised, unless there is
    an error: then no size is fixed.

    Args:
        model: the module to run.
        inputs: for each argument of ``forward`` a shape with its batch axis, ``(32, 1, 8, 8)``
            (of the default float), a ``Spec`` or a tensor, which stands for its shape; dicts
            and lists of these too.
        named: the same for keyword arguments.

    Returns:
        The Spec of the output, in the same structure (tuple, dict) as the output.

    Raises:
        ArgumentError: ``forward`` takes other arguments.
        ShapeError: the first mismatch; ``error.layer`` and ``error.source`` say where.
        TraceError: ``forward`` asked for values.

    Example:
        >>> from nbdl import nn
        >>> nn.build(nn.Sequential(nn.Flatten(), nn.Linear(None, 10)), (32, 1, 8, 8)).shape
        (32, 10)
    """
    check_arguments(model, inputs, named)
    args = tuple(_abstract(x) for x in inputs)
    kwargs = {name: _abstract(x) for name, x in named.items()}
    with _undisturbed(model), _all_sizes_or_none(model), modes.no_grad():
        y = model(*args, **kwargs)
    return map_tensors(lambda t: t.spec, y)


def check_arguments(model: Module, inputs: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Raise ArgumentError unless the model's ``forward`` takes so many inputs of these names."""
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):
        return  # a function that does not tell
    try:
        signature.bind(*inputs, **named)
    except TypeError as error:
        takes = list(signature.parameters)
        who = f"{type(model).__name__}.forward({', '.join(takes)})"
        wrong = next((name for name in named if name not in takes), None)
        if wrong is None:
            raise ArgumentError(f"the inputs do not fit {who}: {error}") from None
        raise ArgumentError(
            f"{wrong!r} is no argument of {who}{did_you_mean(wrong, takes)}"
        ) from None


def _abstract(x: Any) -> Any:
    """A shape, Spec, tensor or structure of them as tensors without data."""
    if isinstance(x, Tensor):
        return Tensor._wrap(x.spec)
    if isinstance(x, Spec):
        return Tensor._wrap(Spec(tuple(x.shape), dtypes.as_dtype(x.dtype)))
    if isinstance(x, tuple) and all(isinstance(n, int) for n in x):
        return Tensor._wrap(Spec(x, dtypes.default_float()))
    if isinstance(x, dict):
        return {key: _abstract(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(_abstract(value) for value in x)
    return x


@contextmanager
def _all_sizes_or_none(model: Module) -> Iterator[None]:
    """After an error the sizes found until then are open again, for the next try."""
    waiting = [
        (layer, dict(layer.__dict__))
        for layer in model.modules()
        if isinstance(layer, Inferred) and layer._waiting
    ]
    try:
        yield
    except BaseException:
        for layer, state in waiting:
            layer.__dict__.clear()
            layer.__dict__.update(state)
        raise


@contextmanager
def _undisturbed(model: Module) -> Iterator[None]:
    """Evaluation mode; afterwards modes and buffers are what they were, and so is the RNG."""
    modules = list(model.modules())
    training = [module.training for module in modules]
    buffers = [
        (b, b.value)
        for module in modules
        for b in module._buffers.values()
        if b is not None and type(b) is not Unsized
    ]
    before = _building.generator
    _building.generator = default_generator()
    model.eval()
    try:
        with random.use(Generator(0)):
            yield
    finally:
        _building.generator = before
        for module, flag in zip(modules, training, strict=True):
            module.training = flag
        for buffer, value in buffers:
            buffer.data = Tensor._wrap(value)
