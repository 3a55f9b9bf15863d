"""A model on a given input: its record, step by step, and the tensors that can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nbdl.core.needs import rules
from nbdl.core.tensor import Tensor
from nbdl.inspection.activations import Observed, observe
from nbdl.inspection.axes import BATCHED, FILTERS
from nbdl.inspection.formulas import formulas_of
from nbdl.inspection.receptive import Field, receptive_fields
from nbdl.inspection.recording import Call, Step
from nbdl.inspection.records import GraphRecord
from nbdl.inspection.static import formats
from nbdl.inspection.statistics import tensor_stats
from nbdl.inspection.teaching import MOST_NEURONS, lesson, network_of
from nbdl.inspection.tensors import Seen, shape_text
from nbdl.inspection.walk_records import ActivationRecord, NetworkRecord, WalkStep
from nbdl.nn import Module

MOST_STEPS = 500

KEPT = 512_000_000
"""Bytes of activations and gradients that are kept to be looked at."""

Looks = dict[tuple[str, str], tuple[Tensor, tuple[str, ...] | None]]
"""What can be looked at, by the node and 'output', 'gradient', the name of a parameter, ...; with
the names of its axes where they are known."""


class Walk:
    """A model that runs on an input, and all that a page may ask about it.

    Args:
        model: the module.
        on: the input, or ``(input, target)``.
        loss: what the gradients are of; by default as in ``activation_graph``.
        title: what the model is called.
    """

    def __init__(
        self, model: Module, on: Any, loss: Callable[[Any, Any], Tensor] | None = None,
        title: str = "",
    ) -> None:  # fmt: skip
        self.model, self.on, self.loss, self.title = model, on, loss, title
        seen = observe(model, on, loss=loss, title=title)
        self.graph = seen.graph
        self.looks: Looks = {}
        self.words = f"gradients of the {seen.words}"
        self.layers = tuple(_walked(seen, self.looks))
        self._seen: dict[tuple[str, str], Seen] = {}
        self._one(seen)

    def _one(self, seen: Observed) -> None:
        """Whether it is a network small enough for every number of it to be shown."""
        self.network: NetworkRecord | None = None
        self.lesson: tuple[WalkStep, ...] = ()
        examples = _examples(seen)
        if examples and _is_small(seen):
            self._choose(0, examples)
        elif getattr(seen.given, "ndim", 0) == 1:
            self._teach(seen, 0, 1)

    def _choose(self, example: int, examples: int) -> None:
        on = _example(self.on, example)
        self._teach(observe(self.model, on, loss=self.loss, title=self.title), example, examples)

    def _teach(self, seen: Observed, example: int, examples: int) -> None:
        self.network = network_of(seen, example, examples)
        if self.network is not None:
            looks = {step.node: step.looks for step in self.layers}
            steps = lesson(self.network, seen)
            self.lesson = tuple(replace(s, looks=looks.get(s.node, ())) for s in steps)

    def record(self, example: int | None = None) -> ActivationRecord:
        """The record; of a small network with the numbers of that example."""
        known = self.network
        if known is not None and example is not None and example != known.example:
            self._choose(min(max(example, 0), known.examples - 1), known.examples)
        steps = self.lesson if self.network is not None else self.layers
        return ActivationRecord(self.graph, self.words, steps, self.network)

    def tensor(self, node: str, what: str) -> Seen | None:
        """One of the tensors to be looked at, or None for a name that nobody knows."""
        key = (node, what)
        if key not in self._seen and key in self.looks:
            tensor, names = self.looks[key]
            self._seen[key] = Seen(tensor, f"{node}: {what}", names)
        return self._seen.get(key)


def _examples(seen: Observed) -> int:
    """How many examples the input has, each with its target; 0 where that cannot be said."""
    if getattr(seen.given, "ndim", 0) < 2:
        return 0
    count = int(seen.given.shape[0])
    if seen.target is None:
        return count
    shape = rules.astensor(seen.target).shape
    return count if shape and shape[0] == count else 0


def _is_small(seen: Observed) -> bool:
    """Whether one example of the batch may be small enough: activations count twice here."""
    widths = sum(t.size // max(1, t.shape[0]) for step in seen.recorder.steps
                 for t in step.tensors[:1] if t.ndim > 1)  # fmt: skip
    return seen.objective is not None and widths <= 3 * MOST_NEURONS


def _example(on: Any, example: int) -> Any:
    def one(x: Any) -> Any:
        return rules.astensor(x).detach()[example : example + 1]

    if isinstance(on, (tuple, list)) and len(on) == 2:
        return one(on[0]), (None if on[1] is None else one(on[1]))
    return one(on)


# ----- layer by layer -------------------------------------------------------------------------


def _walked(seen: Observed, looks: Looks) -> Iterator[WalkStep]:
    """Each layer forward, the loss, and each layer backward; and what can be looked at of each."""
    fields = receptive_fields(seen.recorder.steps)
    nodes = {node.id: node for node in seen.graph.nodes}
    back: list[WalkStep] = []
    for name, steps in list(_layers(seen.recorder.calls.root, seen.graph))[:MOST_STEPS]:
        last = next((step for step in reversed(steps) if step.tensors), None)
        if last is None or name not in nodes:
            continue
        node = nodes[name]
        title = f"{node.type} {node.label}" if node.label != node.type else node.type
        forward, backward = formulas_of(node.type, last.op.name if last.op is not None else "")
        space = fields.get(id(last))
        axes = BATCHED.get(last.tensors[0].ndim) if space is not None else None
        names = tuple(_keep(seen, looks, (name, axes), last, steps))
        lines = [forward, _output(last), _seen_by(space)]
        yield WalkStep("forward", name, title, tuple(filter(None, lines)), names)
        lines = [backward, *_gradients(looks, name, names)]
        back.append(WalkStep("backward", name, title, tuple(filter(None, lines)), names))
    if seen.objective is not None:
        value = formats.value(float(seen.objective.numpy()))
        yield WalkStep("loss", "", "loss", (f"L = {seen.words} = {value}",))
        yield from reversed(back)


def _layers(call: Call, graph: GraphRecord) -> Iterator[tuple[str, list[Step]]]:
    """The innermost layers in program order, and operations that lie in no such layer."""
    ids = {node.id: index for index, node in enumerate(graph.nodes)}
    for member in call.members:
        if isinstance(member, Step):
            if member.kind == "op":
                yield member.node, [member]
        elif member.layer is not None and not member.layer._modules:
            steps = [step for step in member.members if isinstance(step, Step)]
            made = [step for step in steps if step.node in ids]
            if not made:
                continue
            node = graph.nodes[ids[made[-1].node]]
            outer = graph.nodes[node.parent] if len(steps) > 1 and node.parent >= 0 else node
            yield outer.id, steps
        else:
            yield from _layers(member, graph)


def _keep(
    seen: Observed, looks: Looks, about: tuple[str, tuple[str, ...] | None], last: Step,
    steps: list[Step],
) -> Iterator[str]:  # fmt: skip
    """Remember the tensors of a layer; what they are called."""
    name, axes = about
    found: dict[str, Tensor | None] = {
        "output": last.tensors[0], "gradient": seen.gradients.get(id(last.tensors[0]))
    }
    for step in steps:
        for path, p in step.reads:
            own = path.rpartition(".")[2]
            found[own] = p
            found[f"gradient of {own}"] = seen.gradients.get(id(p))
    kept = sum(tensor.nbytes for tensor, _ in looks.values())
    for what, tensor in found.items():
        if tensor is not None:
            made = "gradient" in what or what == "output"
            if made and kept + tensor.nbytes > KEPT:
                continue
            kept += tensor.nbytes if made else 0  # parameters are there anyway
            of_output = what in ("output", "gradient")
            known = axes if of_output else FILTERS.get(tensor.ndim)
            looks[name, what] = (tensor.detach() if made else tensor), known
            yield what


def _output(step: Step) -> str:
    stats = tensor_stats(step.tensors[0])
    words = f"output {shape_text(step.tensors[0].shape)}"
    if stats is None:
        return words
    spread = f"{formats.value(stats.mean, 3)} ± {formats.value(stats.std, 3)}"
    return f"{words}, {spread}, {formats.value(100 * stats.zeros, 3)} % zeros"


def _seen_by(field: Field | None) -> str:
    plain = field is None or set(field.size) == {1}
    return "" if plain or field is None else f"each position sees {field.text()}"


def _gradients(looks: Looks, name: str, names: tuple[str, ...]) -> Iterator[str]:
    for what in names:
        if what.startswith("gradient"):
            stats = tensor_stats(looks[name, what][0])
            if stats is not None:
                of = what.removeprefix("gradient").strip() or "of the output"
                yield f"gradient {of}: norm {formats.value(stats.norm, 3)}"
