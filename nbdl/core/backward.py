"""The walk from outputs back to inputs that carries gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.backends import has_data
from nbdl.core import modes
from nbdl.core.lifted import World
from nbdl.core.mistakes import tell
from nbdl.core.needs import rules
from nbdl.core.provenance import name_layer
from nbdl.core.tape import SPENT, AnyNode, Leaf, Node, Pick, remember_skeleton
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, GradientError, NbdlError, ShapeError
from nbdl.shapes import Spec


def backward(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Sequence[Tensor] | None = None,
) -> None:
    """Add the gradients of ``outputs`` to ``.grad`` of every leaf they were computed from.

    ``inputs`` names those that are wanted: only theirs are computed, and they need not be leaves.
    """
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        _walk(outputs, gradients, None, keep, create_graph)
        return
    found = _walk(outputs, gradients, _nodes(inputs), keep, create_graph)
    with modes.set_grad_enabled(create_graph):
        for x in inputs:
            if x.node in found:
                _accumulate(x, found[x.node], create_graph)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of ``outputs`` with respect to ``inputs``, returned and not accumulated.

    Args:
        outputs: one tensor or several.
        inputs: one tensor or several that require a gradient, leaves or not.
        grad_outputs: the gradients of the outputs; a scalar output's default is 1.
        retain_graph: keep saved values for another backward; default: ``create_graph``.
        create_graph: record the gradients' own computation, for higher derivatives.
        allow_unused: give None for an input that the outputs do not depend on.

    Raises:
        GradientError: an input does not require a gradient, or was not used.
    """
    outputs, inputs = _tensors("outputs", outputs), _tensors("inputs", inputs)
    if isinstance(grad_outputs, Tensor) or grad_outputs is None:
        grad_outputs = (grad_outputs,) * len(outputs)
    keep = create_graph if retain_graph is None else retain_graph
    wanted = _nodes(inputs)
    found = _walk(outputs, grad_outputs, wanted, keep, create_graph)
    results = tuple(found.get(node) for node in wanted)
    if not allow_unused and None in results:
        i = results.index(None)
        raise GradientError(
            f"inputs[{i}] of shape {inputs[i].shape} was not used to compute the outputs",
            hint="allow_unused=True gives None for it",
        )
    return results


def _tensors(name: str, given: Any) -> tuple[Tensor, ...]:
    """One tensor or several, as a tuple of them."""
    listed = given if isinstance(given, (list, tuple)) else (given,)
    for x in listed:
        if not isinstance(x, Tensor):
            got = f"a {type(x).__name__}: {x!r:.60}"
            raise GradientError(f"grad: {name} must be tensors, got {got}")
    return tuple(listed)


def _nodes(inputs: Sequence[Tensor]) -> list[AnyNode]:
    """Where the gradients of ``inputs`` arrive."""
    for i, x in enumerate(inputs):
        if x.node is None:
            raise GradientError(
                f"inputs[{i}] does not require a gradient",
                hint="make it with requires_grad=True, or call x.requires_grad_() before use",
            )
    return [x.node for x in inputs]


def _walk(  # noqa: C901  (the heart of autograd, read better whole)
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    wanted: list[AnyNode] | None,
    retain_graph: bool,
    create_graph: bool,
) -> dict[AnyNode, Tensor]:
    """Visit nodes from the newest to the oldest; returns the gradients of wanted nodes."""
    pending: dict[AnyNode, Any] = {}
    state = modes.local.state
    with modes.set_grad_enabled(create_graph):
        for y, dy in zip(outputs, gradients, strict=True):
            _seed(pending, y, dy)
        order = _reachable(list(pending))
        needed = None if wanted is None else _leading_to(order, set(wanted))
        targets = frozenset(wanted or ())
        found: dict[AnyNode, Tensor] = {}
        for node in reversed(order):
            g = pending.pop(node, None)
            if g is None or (needed is not None and node not in needed):
                continue
            if node.extra is not None:
                g = _run_hooks(node, g)
            if node in targets:
                found[node] = g
            if type(node) is Leaf:
                x = node.tensor()
                if wanted is None and x is not None:
                    _accumulate(x, g, create_graph)
            elif type(node) is Pick:
                _deliver_pick(pending, node, g)
            elif type(node) is Node:
                state.walking = node
                try:
                    _deliver(pending, node, g, needed, create_graph)
                except NbdlError as error:
                    name_layer(error, node)
                    raise
                finally:
                    state.walking = None
                if not retain_graph:
                    node.free()
    if not retain_graph:
        for y in outputs:
            if type(y.node) is not Leaf:
                y.node.extra = {**(y.node.extra or {}), SPENT: True}
    if not retain_graph and order:
        remember_skeleton(order[-1], len(order))
    return found


def _seed(pending: dict[AnyNode, Any], y: Tensor, dy: Tensor | None) -> None:
    if y.node is None:
        raise GradientError(
            "backward was called on a tensor that does not depend on anything requiring a "
            f"gradient (shape {y.shape})",
            hint="was it computed under no_grad or from detached values? parameters and inputs "
            "need requires_grad=True",
        )
    if dy is None:
        if y.size != 1:
            raise GradientError(
                f"backward needs a scalar, but this tensor has shape {y.shape}",
                hint="reduce it with .sum() or .mean(), or pass gradient= of the same shape",
            )
        _check_finite(y)
        dy = rules.ones_like(y)
    dy = rules.astensor(dy, y)
    if dy.shape != y.shape:
        raise ShapeError(f"gradient has shape {dy.shape}, the tensor has {y.shape}")
    before = pending.get(y.node)
    pending[y.node] = dy if before is None else rules.add(before, dy)


def _check_finite(loss: Tensor) -> None:
    """Tell when a loss is NaN or Inf: its gradients will be, and then all parameters."""
    value = loss.value
    if type(value) is np.ndarray and not np.isfinite(value).all():
        tell(
            f"backward of a loss that is {value.reshape(())}: all gradients will be NaN or Inf, "
            "and with the next step all parameters",
            "a smaller learning rate if the loss grew before; inputs of mean 0 and deviation 1; "
            "`with nbdl.detect_anomaly():` names the operation that made the first NaN",
        )


def _reachable(roots: list[AnyNode]) -> list[AnyNode]:
    """All nodes from which gradients flow, oldest first."""
    seen: set[AnyNode] = set(roots)
    stack = list(roots)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return sorted(seen, key=lambda node: node.seq)


def leaves_of(y: Tensor) -> set[Leaf]:
    """The leaves that a tensor was computed from, where that was recorded."""
    return set() if y.node is None else {n for n in _reachable([y.node]) if type(n) is Leaf}


def left(world: World, y: Tensor) -> Tensor:
    """A result as it leaves ``world``: a history that only leads to leaves made inside is cut."""
    if all(leaf.seq > world.number for leaf in leaves_of(y)):
        return Tensor._wrap(y.value)
    return y


def _leading_to(order: list[AnyNode], targets: set[AnyNode]) -> set[AnyNode]:
    """The nodes of ``order`` (oldest first) from which a target can be reached."""
    needed: set[AnyNode] = set()
    for node in order:
        if node in targets or any(edge in needed for edge in node.edges):
            needed.add(node)
    return needed


def _run_hooks(node: AnyNode, g: Any) -> Any:
    for hook in list((node.extra or {}).get("hooks", {}).values()):
        changed = hook(g)
        if changed is None:
            continue
        if not isinstance(changed, Tensor) or changed.shape != g.shape:
            got = f"shape {changed.shape}" if isinstance(changed, Tensor) else f"{changed!r:.60}"
            raise GradientError(
                f"a hook returned {got} for a gradient of shape {g.shape}",
                hint="return a tensor of the gradient's shape, or None to leave it",
            )
        g = changed
    return g


def _accumulate(x: Tensor, g: Tensor, create_graph: bool) -> None:
    node = x.node
    if x.grad is None:
        if type(node) is Leaf:
            node.used = node.added = False
        x.grad = g if create_graph else g.detach()
    else:
        if type(node) is Leaf and node.used:
            node.added = node.added or _is_there(x.grad)
        x.grad = rules.add(x.grad, g)
    for hook in list((node.extra or {}).get("after", {}).values()):
        hook(x)


def _is_there(g: Tensor) -> bool:
    """Whether a gradient has something in it (``p.grad.zero_()`` is a way to begin anew)."""
    return has_data(g.value) and bool(g.value.any())


def _deliver_pick(pending: dict[AnyNode, Any], pick: Pick, g: Tensor) -> None:
    """Put the gradient of one output among those of its operation."""
    node = pick.edges[0]
    parts = pending.setdefault(node, [None] * len(node.specs[0]))
    before = parts[pick.index]
    parts[pick.index] = g if before is None else rules.add(before, g)


def _nothing(spec: Spec, others: list[Tensor | None]) -> Tensor:
    """Zeros beside the gradients of an operation's other outputs."""
    device = next((d.device for d in others if d is not None), "cpu")
    zeros = rules.zeros(spec)
    return zeros if device in ("cpu", "meta") else zeros.to(device)


def _deliver(
    pending: dict[AnyNode, Any],
    node: Node,
    g: Any,
    needed: set[AnyNode] | None,
    create_graph: bool,
) -> None:
    """Ask the operation for its inputs' gradients and pass them on."""
    if type(g) is list:
        specs, byproducts = node.specs[0], node.op.byproducts
        # Zeros for an output that nobody used, None for a by-product.
        g = tuple(
            _nothing(specs[i], g) if d is None and i not in byproducts else d
            for i, d in enumerate(g)
        )
    gradients = node.op.grad(g, *_values(node, create_graph))
    if type(gradients) is not tuple:
        gradients = (gradients,)
    for edge, dx, spec in zip(node.edges, gradients, node.specs[1:], strict=True):
        if edge is None or dx is None or (needed is not None and edge not in needed):
            continue
        if not isinstance(dx, Tensor):
            dx = dx()
            if dx is None:
                continue
        if dx.value.shape != spec.shape:
            if not node.op.broadcasts:
                raise GradientError(
                    f"the gradient rule of {node.op.title} gave shape {dx.shape} for an input "
                    f"of shape {spec.shape}"
                )
            dx = rules.sum_to(dx, spec.shape)
        if dx.value.dtype != spec.dtype:
            dx = rules.cast(dx, spec.dtype)
        before = pending.get(edge)
        pending[edge] = dx if before is None else rules.add(before, dx)


def _values(node: Node, create_graph: bool) -> list[Any]:
    """(output, *inputs) as tensors: saved ones with data, the others as Specs."""
    saved = node.require_saved()
    specs = node.specs
    values: list[Any] = []
    for i, spec in enumerate(specs):
        kept = saved[i] if i < len(saved) else None
        if type(kept) is tuple:
            several = tuple(Tensor._wrap(v) for v in kept)
            if create_graph:
                for k, y in enumerate(several):
                    if node.carries(k):
                        y.node = Pick(node, k)
            values.append(several)
        elif i == 0 and type(spec) is tuple:
            values.append(tuple(Tensor._wrap(s) for s in spec))
        else:
            x = Tensor._wrap(spec if kept is None else kept)
            if create_graph and kept is not None:
                x.node = node if i == 0 else node.edges[i - 1]
            values.append(x)
    return values


def check_gradient_target(x: Tensor) -> None:
    """Raise ArgumentError when ``x`` is of a dtype that cannot have a gradient."""
    if x.dtype.kind not in "fcV":
        raise ArgumentError(
            f"only tensors of floats can require a gradient, this one has dtype {x.dtype}",
            hint="make it a float first: x.to('float32')",
        )
