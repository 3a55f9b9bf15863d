"""L-BFGS."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from nbdl import backends
from nbdl.core.mistakes import untold
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, TrainingError
from nbdl.optim.groups import check_number, check_whole, check_word
from nbdl.optim.line_search import Point, StrongWolfe
from nbdl.optim.optimizer import Optimizer, Slots, as_working, from_working


class LBFGS(Optimizer):
    """L-BFGS: Newton's direction, from how the gradient changed over the last steps.

    J. Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", Mathematics of Computation
    1980; D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale
    optimization", Mathematical Programming 1989. For losses without chance in them: give it all
    data at once. ``optimizer.step(closure)`` calls the closure, which computes the loss and its
    gradients, up to ``max_eval`` times; if it raises, parameters and state are as before.

    Args:
        params: what to train; one group.
        lr: how far to go in a direction, or to try first.
        max_iter: directions in a step.
        max_eval: calls of the closure in a step; 5/4 of ``max_iter`` unless given.
        tolerance_grad: end when no element of the gradient is above this.
        tolerance_change: end when no element, or the loss, changes by more.
        history_size: how many changes of the gradient are kept, each as large as the parameters.
        line_search_fn: ``"strong_wolfe"``, which finds how far to go, or None.

    Raises ArgumentError for options out of range, a second group, and ``step`` without a closure.
    """

    needs_closure = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, max_iter: int = 20,
        max_eval: int | None = None, tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        if max_eval is None and isinstance(max_iter, int):
            max_eval = max_iter * 5 // 4
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
            "history_size": history_size, "line_search_fn": line_search_fn,
        })  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        for name in ("max_iter", "max_eval", "history_size"):
            check_whole("LBFGS", name, options[name], 1)
        for name in ("tolerance_grad", "tolerance_change"):
            check_number("LBFGS", name, options[name], 0.0, math.inf)
        check_word("LBFGS", "line_search_fn", options["line_search_fn"], (None, "strong_wolfe"))

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """The one group there is. Raises ArgumentError for a second."""
        if self.param_groups:
            raise ArgumentError(
                "LBFGS takes one group of parameters: a direction is one for all of them"
            )
        super().add_param_group(param_group)

    @classmethod
    def rule(cls, **options: Any) -> NoReturn:
        """Not for L-BFGS: raises ArgumentError."""
        raise ArgumentError("LBFGS is no pure rule: a step needs more gradients than one")

    # ----- a step ---------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Several iterations; returns the loss that ``closure`` gave first."""
        members = self.param_groups[0]["params"]
        before = [p.value for p in members]
        loss = self._evaluate(closure)
        known = self.state.get(members[0], {"func_evals": 0, "n_iter": 0})
        memory = {k: list(v) if isinstance(v, list) else v for k, v in known.items()}
        try:
            self._iterate(closure, memory, _number(loss))
        except BaseException:
            for p, value in zip(members, before, strict=True):
                p.value = value
            raise
        self.state[members[0]] = memory
        return loss

    def _iterate(self, closure: Any, memory: Slots, loss: float) -> None:
        h = self.param_groups[0]
        evaluations = 1
        memory["func_evals"] += 1
        gradient = self._gradient()
        if _largest(gradient) <= h["tolerance_grad"]:
            return
        for n in range(1, h["max_iter"] + 1):
            memory["n_iter"] += 1
            direction = _direction(memory, gradient, h["history_size"])
            t = h["lr"]
            if memory["n_iter"] == 1:
                t *= min(1.0, 1 / float(abs(gradient).sum()))
            memory.update(d=direction, t=t, prev_flat_grad=gradient, prev_loss=loss)
            start = Point(0.0, loss, gradient, float(gradient.dot(direction)))
            if start.slope > -h["tolerance_change"]:
                break
            if h["line_search_fn"] is None:
                count, here = self._fixed(closure, direction, t, n == h["max_iter"])
            else:
                here, count = self._search(closure, direction, start, t, h, evaluations)
            evaluations += count
            memory["func_evals"] += count
            if here is None or evaluations >= h["max_eval"]:
                memory["t"] = t if here is None else here.t
                break
            memory["t"], loss, gradient = here.t, here.loss, here.gradient
            if n == h["max_iter"] or _settled(here, start, direction, h):
                break

    def _fixed(
        self, closure: Any, direction: Any, t: float, last: bool
    ) -> tuple[int, Point | None]:
        """Go ``t``. After the last iteration the loss is not computed: None."""
        self._go(self._values(), direction, t)
        if last:
            return 0, None
        return 1, Point(t, _number(self._evaluate(closure)), self._gradient(), 0.0)

    def _search(
        self, closure: Any, direction: Any, start: Point, t: float, h: Mapping[str, Any],
        evaluations: int,
    ) -> tuple[Point, int]:  # fmt: skip
        """Go as far as a line search says."""
        origin = self._values()

        def evaluate(t: float) -> Point:
            """The point ``t`` away; infinitely bad where the loss is no number or refused."""
            self._go(origin, direction, t)
            try:
                with untold():
                    loss = _number(self._evaluate(closure))
            except TrainingError:
                return Point(t, math.inf, start.gradient, math.nan)
            gradient = self._gradient()
            loss = math.inf if math.isnan(loss) else loss
            return Point(t, loss, gradient, float(gradient.dot(direction)))

        search = StrongWolfe(
            evaluate, start, _largest(direction), h["max_eval"] - evaluations, h["tolerance_change"]
        )
        here, count = search(t)
        self._go(origin, direction, here.t)
        return here, count

    # ----- all parameters as one vector -----------------------------------------------------

    def _values(self) -> list[Any]:
        return [p.value for p in self.param_groups[0]["params"]]

    def _gradient(self) -> Any:
        """All gradients as one vector of real numbers; 0 where there is none."""
        parts = []
        for p in self.param_groups[0]["params"]:
            like = as_working(p.value)
            xp = backends.namespace(like)
            flat = xp.zeros_like(like) if p.grad is None else as_working(p.grad.to_dense().value)
            if flat.size != like.size:
                raise ShapeError(
                    f"a gradient of shape {p.grad.shape} was put on a parameter of shape {p.shape}"
                )
            parts.append(flat.reshape(-1))
        return xp.concatenate(parts)

    def _go(self, origin: list[Any], direction: Any, t: float) -> None:
        """Put the parameters ``t`` times ``direction`` away from ``origin``."""
        start = 0
        for p, value in zip(self.param_groups[0]["params"], origin, strict=True):
            here = as_working(value)
            part = direction[start : start + here.size].reshape(here.shape)
            p.value = from_working(here + part * t, value)
            start += here.size

    # ----- state ----------------------------------------------------------------------------

    def _save_slots(self, p: Tensor, slots: Slots) -> dict[str, Any]:
        return {name: _outside(value) for name, value in slots.items()}

    def _load_slots(
        self, number: Any, p: Tensor, saved: Mapping[str, Any], h: Mapping[str, Any]
    ) -> Slots:
        size = sum(as_working(q.value).size for q in self.param_groups[0]["params"])
        memory = {name: _inside(name, value, p, size) for name, value in saved.items()
                  if name in _STATE}  # fmt: skip
        missing = [name for name in ("func_evals", "n_iter") if name not in memory]
        if missing:
            raise ArgumentError(f"LBFGS.load_state_dict: no {missing[0]!r} in what was saved")
        return memory


_STATE = ("func_evals", "n_iter", "d", "t", "old_dirs", "old_stps", "ro", "H_diag",
          "prev_flat_grad", "prev_loss")  # fmt: skip
"""Calls and iterations so far, the last direction and distance, changes of the gradient
(``old_dirs``) and of the parameters (``old_stps``), 1 / their product, the scale of the first
guess, the last gradient and loss: PyTorch's names."""


def _direction(memory: Slots, gradient: Any, history: int) -> Any:
    """The two loops: minus the inverse Hessian that ``memory`` implies, times ``gradient``."""
    if memory["n_iter"] == 1:
        memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        return -gradient
    changes, moves, inverses = memory["old_dirs"], memory["old_stps"], memory["ro"]
    change = gradient - memory["prev_flat_grad"]
    move = memory["d"] * memory["t"]
    product = float(change.dot(move))
    if product > 1e-10:
        for kept, new in ((changes, change), (moves, move), (inverses, 1 / product)):
            if len(kept) == history:
                del kept[0]
            kept.append(new)
        memory["H_diag"] = product / float(change.dot(change))
    d = -gradient
    shares = []
    for y, s, inverse in zip(changes[::-1], moves[::-1], inverses[::-1], strict=True):
        shares.append(float(s.dot(d)) * inverse)
        d -= shares[-1] * y
    d *= memory["H_diag"]
    for y, s, inverse, share in zip(changes, moves, inverses, shares[::-1], strict=True):
        d += (share - float(y.dot(d)) * inverse) * s
    return d


def _settled(here: Point, start: Point, direction: Any, h: Mapping[str, Any]) -> bool:
    """Whether the gradient is 0, or nothing moves any more."""
    change = h["tolerance_change"]
    return (
        _largest(here.gradient) <= h["tolerance_grad"]
        or _largest(direction) * here.t <= change
        or abs(here.loss - start.loss) < change
    )


def _largest(x: Any) -> float:
    return float(abs(x).max()) if x.size else 0.0


def _number(loss: Any) -> float:
    if loss is None:
        raise ArgumentError(
            "LBFGS: the closure returned nothing, it must return the loss", hint="return loss"
        )
    return float(loss.item() if hasattr(loss, "item") else loss)


def _outside(value: Any) -> Any:
    if isinstance(value, list):
        return [_outside(v) for v in value]
    return value if isinstance(value, (int, float)) else Tensor._wrap(value.copy())


def _inside(name: str, value: Any, p: Tensor, size: int) -> Any:
    """A saved value: a number, a vector over all parameters, or a list of these."""
    if isinstance(value, list):
        return [_inside(name, v, p, size) for v in value]
    if isinstance(value, (int, float)):
        return value
    array = value.value if isinstance(value, Tensor) else np.asarray(value)
    if array.ndim == 0:
        return float(array)
    if array.shape != (size,):
        raise ShapeError(
            f"LBFGS.load_state_dict: {name!r} has shape {array.shape} in what was saved, the "
            f"parameters have {size} elements"
        )
    like = as_working(p.value)
    return backends.to_device(array, backends.device_of(like)).astype(like.dtype, copy=True)
