"""Memory for time: values are computed again when the gradient needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nbdl.backends import has_data
from nbdl.core import Generator, Op, Tensor, default_generator, grad
from nbdl.core.backward import leaves_of
from nbdl.core.modes import enable_grad, is_grad_enabled
from nbdl.core.random import use
from nbdl.core.tree import leaves, map_tensors
from nbdl.shapes import Spec


def checkpoint(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``function(*args, **kwargs)`` without keeping what its gradient reads.

    Only the arguments stay in memory; ``backward`` runs the function again, with the same random
    numbers. Chen et al., "Training deep nets with sublinear memory cost", 2016.

    Args:
        function: of tensors (in tuples, lists and dicts too); often a layer or a block of them,
            whose parameters get their gradients as usual. It must do the same when run again.
        args, kwargs: what it is called with.

    Returns:
        What ``function`` returns: a tensor, or several in a tuple, list or dict.
    """
    inputs = list(leaves([args, kwargs]))
    if not is_grad_enabled() or not all(has_data(x.value) for x in inputs):
        return function(*args, **kwargs)
    state = default_generator().state()
    own = [x.detach().requires_grad_(x.requires_grad) for x in inputs]
    result = _again(function, args, kwargs, own)
    outputs = list(leaves(result))
    captured = _captured(outputs, own)
    needs = tuple(x.requires_grad for x in inputs)
    values = [tuple(y.value for y in outputs)]
    call = Recomputed(function, args, kwargs, needs, captured, state, values)
    found = iter(call(*inputs, *captured))
    return map_tensors(lambda _: next(found), result)


def _captured(outputs: list[Tensor], own: list[Tensor]) -> tuple[Tensor, ...]:
    """The leaves that were used besides the inputs: parameters of a layer, as a rule."""
    known = {id(x) for x in own}
    found: dict[int, Tensor] = {}
    for leaf in sorted({n for y in outputs for n in leaves_of(y)}, key=lambda n: n.seq):
        x = leaf.tensor()
        if x is not None and id(x) not in known:
            found[id(x)] = x
    return tuple(found.values())


def _again(function: Callable[..., Any], args: Any, kwargs: Any, inputs: list[Tensor]) -> Any:
    given = iter(inputs)
    new_args, new_kwargs = map_tensors(lambda _: next(given), [args, kwargs])
    return function(*new_args, **new_kwargs)


@dataclass(frozen=True, eq=False)
class Recomputed(Op):
    """One call of a function; its gradient runs it once more.

    Its inputs are the tensors among the arguments, and the leaves that were used besides.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    needs: tuple[bool, ...]
    captured: tuple[Tensor, ...]
    state: dict[str, int]
    results: list[tuple[Any, ...]]
    saves = ("xs",)

    def __repr__(self) -> str:
        return f"checkpoint({getattr(self.function, '__name__', type(self.function).__name__)})"

    def forward(self, xp: Any, *values: Any) -> Any:
        """What the first run gave."""
        return self.results.pop()

    def infer(self, *specs: Spec) -> Any:
        """As the first run."""
        return tuple(Spec(v.shape, v.dtype) for v in self.results[-1])

    def grad(self, dy: Any, y: Any, *xs: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of a second run."""
        record = is_grad_enabled()
        generator = Generator(0)
        generator.restore(self.state)
        inputs = xs[: len(self.needs)]
        with enable_grad(), use(generator):
            own = [_input(x, needs) for x, needs in zip(inputs, self.needs, strict=True)]
            outputs = list(leaves(_again(self.function, self.args, self.kwargs, own)))
            pairs = [(t, d) for t, d in zip(outputs, dy, strict=True) if t.requires_grad]
            wanted = [x for x in (*own, *self.captured) if x.requires_grad]
            found = iter(
                grad([t for t, _ in pairs], wanted, [d for _, d in pairs], create_graph=record,
                     allow_unused=True)
            )  # fmt: skip
        return tuple(next(found) if x.requires_grad else None for x in (*own, *self.captured))

    def flops(self, *specs: Spec) -> int:
        """Counted where the operations inside are."""
        return 0


def _input(x: Tensor, needs: bool) -> Tensor:
    """An argument of the second run, which leads on to x's own history where one is recorded."""
    if not needs:
        return x.detach()
    return x.detach().requires_grad_() if x.node is None else x.clone()
