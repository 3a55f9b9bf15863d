"""Graphs: of a model, by running it on shapes alone; of a tensor, from the tape behind it."""

from __future__ import annotations

import contextlib
from typing import Any

from nbdl import nn
from nbdl.core.tape import Leaf, Node, Pick
from nbdl.core.tensor import Tensor
from nbdl.errors import NbdlError
from nbdl.inspection.backward import WayBack
from nbdl.inspection.flatten import Box, Flattener, boxes
from nbdl.inspection.recording import Call, Calls, Recorder, Step, at_rest, recording
from nbdl.inspection.records import GraphRecord, TensorStats
from nbdl.inspection.statistics import tensor_stats
from nbdl.inspection.trouble import failed_step, located
from nbdl.nn import Module
from nbdl.shapes import Spec


def model_graph(model: Module, inputs: dict[str, Spec] | None, *, title: str = "") -> GraphRecord:
    """The graph of a model: its operations in the layers that run them.

    The model runs on shapes alone, in evaluation mode; nothing is computed and its state stays
    as it is (sizes that were None are inferred). A forward pass that fails gives the graph up
    to the operation that failed, which is marked.

    Args:
        model: the module.
        inputs: the Spec of each input, by the argument's name; "" or a number stands for a
            positional argument. None: only the tree of layers is known, without edges.
        title: what the model is called.

    Returns:
        The record; ``record.error`` says what ended a failed forward pass.
    """
    if inputs is None:
        return layer_tree(model, title=title)
    positional = [s for name, s in inputs.items() if not name or name.isdigit()]
    named = {name: s for name, s in inputs.items() if name and not name.isdigit()}
    error: NbdlError | None = None
    with at_rest(model):
        size_up(model, *positional, **named)
        recorder = Recorder(model)
        try:
            with recording(recorder):
                nn.build(model, *positional, **named)
        except NbdlError as caught:
            error = caught
            failed_step(recorder, caught)
        return model_record(recorder, title, error=error.message if error is not None else "")


def size_up(model: Module, *inputs: Any, **named: Any) -> None:
    """Infer sizes that are None as far as shapes fit, so that initialising is not recorded."""
    if not nn.is_built(model):
        with contextlib.suppress(NbdlError):
            nn.build(model, *inputs, **named)


def model_record(
    recorder: Recorder, title: str, *, error: str = "", stats: Any = None
) -> GraphRecord:
    """The record of what a recorder saw of its model.

    Args:
        recorder: after the model has run.
        title: what the model is called.
        error: what ended the run, in words.
        stats: a function from a Step to (statistics of its values, of its gradient).
    """
    model = recorder.model
    root = recorder.calls.root
    flat = Flattener(stats or _no_stats, located)
    flat.add(_opened(boxes(root), model))
    ops = [node for node in flat.nodes if node.kind == "op"]
    sized = [p for m in model.modules() for p in m._parameters.values() if isinstance(p, Tensor)]
    unique = list({id(p): p for p in sized}.values())
    return GraphRecord(
        title=title or type(model).__name__,
        subtitle=type(model).__name__ if title else "",
        nodes=tuple(flat.nodes),
        edges=flat.edges(),
        params=sum(p.size for p in unique),
        trainable=sum(p.size for p in unique if p.requires_grad),
        flops=sum(node.flops for node in ops),
        memory=sum(node.memory for node in ops),
        seconds=sum(node.seconds for node in ops),
        error=error,
    )


def _no_stats(step: Step) -> tuple[TensorStats | None, TensorStats | None]:
    return None, None


def _opened(made: list[Box], model: Module) -> list[Box]:
    """The model's own group is the whole picture: take its members out of it."""
    result: list[Box] = []
    for box in made:
        whole = box.layer is model
        if whole and box.kind == "group":
            result += box.members
            continue
        if whole:
            box.name = box.name or type(model).__name__
        result.append(box)
    return result


def layer_tree(model: Module, *, title: str = "") -> GraphRecord:
    """The tree of a model's layers without edges: what is known before any input is."""
    root = Call(None)
    _grow(root, model)
    recorder = Recorder(model)
    recorder.calls.root = root
    return model_record(recorder, title)


def _grow(call: Call, module: Module) -> None:
    for child in module._modules.values():
        if child._prefixes_children:  # a list of layers: its layers carry its name
            _grow(call, child)
        elif child._modules:
            inner = Call(child, call)
            call.members.append(inner)
            _grow(inner, child)
        else:
            step = Step("op", layer=child)
            step.reads = [
                (name, p) for name, p in child._parameters.items() if isinstance(p, Tensor)
            ]
            call.members.append(Call(child, call, members=[step]))


def tensor_graph(tensor: Tensor, *, title: str = "") -> GraphRecord:
    """The computation that led to a tensor, from its leaves down to it, and the way back of the
    gradients: operations that mirror those of the forward pass, each with what is kept for it.

    Works before ``backward`` and after it (the tape keeps a skeleton); after it, parameters
    show their gradients. A tensor without a history gives a graph of one node.

    Args:
        tensor: any tensor.
        title: what it is called.
    """
    calls = Calls()
    steps: dict[int, Step] = {}
    order = _history(tensor.node)
    names = _parameter_names(order)
    for node in order:
        if type(node) is Node:
            _node_step(node, calls, steps, names)
    result = Step("output", title or "tensor", inputs=(tensor.spec,))
    source = _step_of(tensor.node, calls, steps, names, None)
    result.sources = [source] if source is not None else []
    calls.root.members.append(result)
    flat = Flattener(_leaf_stats, located)
    flat.add(boxes(calls.root))
    ops = [node for node in flat.nodes if node.kind == "op"]
    forward = list(flat.nodes)
    back = WayBack(order, steps, result, tensor.node).box() if order else None
    if back is not None:
        flat.add([back])
    return GraphRecord(
        title=title or "tensor",
        subtitle=f"{tensor.dtype}{list(tensor.shape)}, computation graph",
        nodes=flat.linked(),
        edges=flat.edges(),
        params=sum(node.params for node in forward if node.kind == "parameter"),
        trainable=sum(node.params for node in forward if node.kind == "parameter"),
        flops=sum(node.flops for node in ops),
        memory=sum(node.memory for node in ops),
    )


def _history(end: Any) -> list[Any]:
    """All tape nodes behind ``end``, oldest first."""
    if end is None:
        return []
    seen = {end}
    stack = [end]
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return sorted(seen, key=lambda node: node.seq)


def _parameter_names(order: list[Any]) -> dict[int, str]:
    """Paths of the parameters of all models whose calls are on the tape."""
    names: dict[int, str] = {}
    seen: set[int] = set()
    for node in order:
        scope = getattr(node, "scope", None)
        while scope is not None and scope.parent is not None:
            scope = scope.parent
        if scope is not None and id(scope.layer) not in seen:
            seen.add(id(scope.layer))
            for path, p in scope.layer.named_parameters():
                names[id(p)] = path
    return names


def _node_step(node: Node, calls: Calls, steps: dict[int, Step], names: dict[int, str]) -> None:
    made, given = node.specs[0], node.specs[1:]
    step = Step("op", op=node.op, inputs=tuple(given))
    step.outputs = made if isinstance(made, tuple) and not isinstance(made, Spec) else (made,)
    step.line = (node.extra or {}).get("line")
    call = calls.at(node.scope)
    for edge, spec in zip(node.edges, given, strict=False):
        source = _step_of(edge, calls, steps, names, call)
        if source is None and spec.shape:
            # A tensor that needs no gradient is not on the tape: data, a target, a mask.
            data = Step("input", "data", outputs=(spec,))
            call.members.append(data)
            source = (data, 0)
        if source is not None:
            step.sources.append(source)
    call.members.append(step)
    steps[id(node)] = step


def _step_of(
    node: Any, calls: Calls, steps: dict[int, Step], names: dict[int, str], call: Call | None
) -> tuple[Step, int] | None:
    """The step of a tape node, and which of its outputs; leaves get one when first read."""
    if node is None:
        return None
    if type(node) is Pick:
        inner = steps.get(id(node.edges[0]))
        return None if inner is None else (inner, node.index)
    if type(node) is Leaf and id(node) not in steps:
        steps[id(node)] = _leaf_step(node, names)
        (call or calls.root).members.append(steps[id(node)])
    step = steps.get(id(node))
    return None if step is None else (step, 0)


def _leaf_step(leaf: Leaf, names: dict[int, str]) -> Step:
    x = leaf.tensor()
    if x is None:
        return Step("input", "a tensor that is gone")
    path = names.get(id(x), "")
    step = Step("parameter", path.rpartition(".")[2] or "parameter", outputs=(x.spec,))
    step.reads = [(path or "parameter", x)]
    step.tensors = (x,)
    return step


def _leaf_stats(step: Step) -> tuple[TensorStats | None, TensorStats | None]:
    if not step.tensors:
        return None, None
    x = step.tensors[0]
    if step.backward:
        return tensor_stats(x), None
    return tensor_stats(x), tensor_stats(x.grad) if x.grad is not None else None
