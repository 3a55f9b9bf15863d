"""Custom functions: a forward and a backward written by the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbdl.core import modes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import GradientError, ShapeError
from nbdl.shapes import Spec


class Context:
    """Carries values from ``forward`` to ``backward`` of one call of a custom function."""

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Tensor, ...] = ()

        self.byproducts: tuple[int, ...] = ()
        self.constant = False
        self._marked: tuple[Tensor, ...] = ()

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say in ``forward`` that these outputs carry no gradient, such as places."""
        self._marked = outputs

    def set_materialize_grads(self, value: bool) -> None:
        """``backward`` gets zeros for outputs that nobody used: there is no other setting here."""
        if not value:
            raise GradientError("set_materialize_grads(False) is not possible")

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors for ``backward`` and ``jvp``, which find them as ``ctx.saved_tensors``."""
        self.saved_tensors = tensors

    save_for_forward = save_for_backward


class Function:
    """Base of custom functions, with PyTorch's face.

    ``forward`` may also leave ``ctx`` out and compute only; then ``setup_context`` saves.

    Example:
        >>> import nbdl
        >>> class Cube(nbdl.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x ** 3
        ...     @staticmethod
        ...     def backward(ctx, dy):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * dy
        >>> x = nbdl.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    @staticmethod
    def forward(ctx: Context, *args: Any) -> Any:
        """Compute the output(s); runs without recording."""
        raise GradientError("a custom Function must define forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx: Context, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what ``backward`` needs, where ``forward`` takes no ``ctx``."""

    @staticmethod
    def backward(ctx: Context, *grads: Tensor) -> Any:
        """Gradients of all arguments of ``forward`` (None for those without one)."""
        raise GradientError("a custom Function must define backward(ctx, *grads)")

    @staticmethod
    def jvp(ctx: Context, *tangents: Tensor | None) -> Any:
        """Tangents of the output(s) for those of the arguments (None: one that stays).

        May be left out: then forward mode differentiates ``backward``, which is linear in its
        gradients.
        """
        raise GradientError("this custom Function defines no jvp(ctx, *tangents)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the function; its backward is used when gradients flow through the result."""
        places = tuple(i for i, a in enumerate(args) if isinstance(a, Tensor))
        tensors = tuple(args[i] for i in places)
        ctx = Context(tuple(isinstance(a, Tensor) and a.requires_grad for a in args))
        return CustomCall(cls, ctx, args, places)(*tensors)


@dataclass(frozen=True, eq=False)
class CustomCall(Op):
    """One call of a custom function, as an operation."""

    function: type[Function]
    ctx: Context
    args: tuple[Any, ...]
    places: tuple[int, ...]

    explains = False

    def __repr__(self) -> str:
        return f"{self.function.__name__}()"

    def _run(self, values: tuple[Any, ...]) -> Any:
        args = list(self.args)
        for place, value in zip(self.places, values, strict=True):
            args[place] = Tensor._wrap(value)
        with modes.no_grad():
            result = self._call(args)
        outputs = result if isinstance(result, (tuple, list)) else (result,)
        for y in outputs:
            if not isinstance(y, Tensor):
                raise GradientError(
                    f"{self.function.__name__}.forward returned a {type(y).__name__}, expected a "
                    "tensor or a tuple of tensors",
                    hint="nbdl.asarray(y) for NumPy's arrays",
                )
        marked = {id(y) for y in self.ctx._marked}
        self.ctx.byproducts = tuple(i for i, y in enumerate(outputs) if id(y) in marked)
        self.ctx.constant = len(self.ctx.byproducts) == len(outputs)
        self.ctx._marked = ()
        # What was saved of the inputs must be the inputs themselves, for higher derivatives.
        originals = {id(args[p]): self.args[p] for p in self.places}
        self.ctx.saved_tensors = tuple(originals.get(id(t), t) for t in self.ctx.saved_tensors)
        if isinstance(result, (tuple, list)):
            return tuple(y.value for y in result)
        return result.value

    def _call(self, args: list[Any]) -> Any:
        """The user's forward, in either of its forms."""
        if self.function.setup_context is Function.setup_context:
            return self.function.forward(self.ctx, *args)
        result = self.function.forward(*args)
        self.function.setup_context(self.ctx, tuple(args), result)
        return result

    @property
    def byproducts(self) -> tuple[int, ...]:  # type: ignore[override]
        """The outputs that ``forward`` marked as not differentiable."""
        return self.ctx.byproducts

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """Whether any output is; known once forward has run."""
        return not self.ctx.constant

    def forward(self, xp: Any, *values: Any) -> Any:
        """Run the user's forward on plain tensors."""
        return self._run(values)

    def infer(self, *specs: Spec) -> Any:
        """Run the user's forward on Specs."""
        return self._run(specs)

    def grad(self, dy: Any, y: Any, *xs: Tensor) -> tuple[Tensor | None, ...]:
        """Run the user's backward and check what it gives."""
        grads = self.function.backward(self.ctx, *(dy if isinstance(dy, tuple) else (dy,)))
        grads = grads if isinstance(grads, tuple) else (grads,)
        name = self.function.__name__
        if len(grads) != len(self.args):
            raise GradientError(
                f"{name}.backward returned {len(grads)} gradients, forward took "
                f"{len(self.args)} arguments",
                hint="return one gradient per argument, None where there is none",
            )
        chosen = tuple(grads[p] for p in self.places)
        for i, (g, x) in enumerate(zip(chosen, xs, strict=True)):
            if g is not None and g.shape != x.shape:
                raise ShapeError(
                    f"{name}.backward gave shape {g.shape} for argument {self.places[i]} of "
                    f"shape {x.shape}"
                )
        return chosen

    def bound_to(self, inputs: tuple[Tensor, ...]) -> CustomCall:
        """The same call for other inputs, after this one has saved what its own gradient reads.

        Inside vmap and jvp the call is made twice: on the tensors outside, whose results count,
        and here, so that ``ctx`` has the values that a gradient taken inside needs.
        """
        self._run(tuple(self.args[p].value for p in self.places))
        args = list(self.args)
        for place, x in zip(self.places, inputs, strict=True):
            args[place] = x
        needs = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        return CustomCall(self.function, Context(needs), tuple(args), self.places)

    def jvp(self, tangents: tuple[Tensor | None, ...], y: Any, xs: tuple[Tensor, ...]) -> Any:
        """The user's own rule if there is one, else the transpose of backward."""
        if self.function.jvp is Function.jvp:
            return super().jvp(tangents, y, xs)
        given: list[Tensor | None] = [None] * len(self.args)
        for place, t in zip(self.places, tangents, strict=True):
            given[place] = t
        return self.function.jvp(self.ctx, *given)

    def flops(self, *specs: Spec) -> int:
        """Not known for a user's own code: counted as none."""
        return 0
