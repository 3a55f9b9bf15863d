"""What looks wrong in a model's activations and gradients, in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from itertools import islice

from nbdl.inspection.records import Finding, GraphNode, GraphRecord

DEAD = 0.95
"""A share of zeros after an activation from which it hardly lets anything through."""

FADING = 1e-4
"""Ratio of the gradient at the first and the last layer below which it vanishes (or 1/ratio)."""

FLAT = 1e-6
"""Standard deviation, relative to the mean, below which an output says nothing of the input."""


MOST = 3
"""So many findings of one kind are told in full."""


def findings(record: GraphRecord) -> GraphRecord:
    """The record with its findings: bad values, dead units, fading and exploding gradients."""
    found = [
        *_bad_values(record), *_first(_dead(record)), *_first(_flat(record)),
        *_gradient_flow(record),
    ]  # fmt: skip
    return dataclasses.replace(record, findings=(*record.findings, *found))


def _first(found: Iterator[Finding]) -> Iterator[Finding]:
    """The first few of a kind; how many more there are."""
    yield from islice(found, MOST)
    more = [finding.layer for finding in found]
    if more:
        layers = f"{', '.join(more[:8])}{', …' * (len(more) > 8)}"
        yield Finding("warning", f"The same of {len(more)} more:", f"{layers}.")


def _ops(record: GraphRecord) -> list[GraphNode]:
    return [node for node in record.nodes if node.kind in ("op", "input")]


def _name(node: GraphNode) -> str:
    return f"{node.id} ({node.type})" if node.type and node.type != node.id else node.id


def _bad_values(record: GraphRecord) -> Iterator[Finding]:
    """The first place with a NaN or an infinity, forward; else the last one, backward."""
    for node in _ops(record):
        stats = node.values
        if stats is not None and stats.nans + stats.infinities:
            kind = "NaN" if stats.nans else "infinity"
            count = stats.nans or stats.infinities
            yield Finding(
                "bad", f"The first {kind} comes from {_name(node)}:",
                f"{count:,} of its outputs. Look at what goes into it: log or sqrt of what is "
                "not positive, a division by zero, an overflow of exp.",
                node.id,
            )  # fmt: skip
            return
    for node in reversed(_ops(record)):
        stats = node.gradient
        if stats is not None and stats.nans + stats.infinities:
            yield Finding(
                "bad", f"The gradient is not finite from {_name(node)} upwards:",
                "the values are fine, so a derivative overflows: sqrt or a norm at 0, a power "
                "below 1, a division by something tiny.",
                node.id,
            )  # fmt: skip
            return


def _dead(record: GraphRecord) -> Iterator[Finding]:
    for node in record.nodes:
        stats = node.values
        if node.family != "activation" or node.kind != "op" or stats is None:
            continue
        if stats.zeros >= DEAD:
            yield Finding(
                "warning", f"{_name(node)} is nearly silent:",
                f"{100 * stats.zeros:.0f} % of its outputs are 0, so hardly any gradient passes. "
                "A lower learning rate, a smaller initial scale or LeakyReLU helps.",
                node.id,
            )  # fmt: skip


def _fed(record: GraphRecord) -> set[int]:
    """Nodes that something leads to from an input: what parameters alone make may be constant."""
    fed = {index for index, node in enumerate(record.nodes) if node.kind == "input"}
    for start, end, _ in record.edges.tolist():  # in the order of the readers
        if start in fed:
            fed.add(end)
    return fed


def _flat(record: GraphRecord) -> Iterator[Finding]:
    for index in sorted(_fed(record)):
        node = record.nodes[index]
        stats = node.values
        if node.kind != "op" or not node.params or stats is None or not node.outputs:
            continue
        size = math.prod(node.outputs[0].shape)
        spread = max(abs(stats.mean), 1e-30)
        if size > 1 and stats.std <= FLAT * spread and stats.nans + stats.infinities == 0:
            yield Finding(
                "warning", f"{_name(node)} gives the same value everywhere:",
                "its output does not depend on the input. Are its weights all zero?",
                node.id,
            )  # fmt: skip


def _gradient_flow(record: GraphRecord) -> Iterator[Finding]:
    """Compare the gradient's size at the first and the last layer that have parameters."""
    layers = [
        (node, node.gradient.norm / math.sqrt(max(math.prod(node.outputs[0].shape), 1)))
        for node in record.nodes
        if node.kind == "op" and node.params and node.gradient is not None and node.outputs
    ]
    sized = [(node, size) for node, size in layers if math.isfinite(size)]
    if len(sized) < 2:
        return
    (first, early), (last, late) = sized[0], sized[-1]
    if early == 0 and late > 0:
        yield Finding(
            "bad", f"No gradient reaches {_name(first)}:",
            "something between it and the output passes none: dead units, a detach, a constant.",
            first.id,
        )  # fmt: skip
    elif len(sized) > 2 and late > 0 and early / late < FADING:
        yield Finding(
            "warning", f"The gradient vanishes on its way to {_name(first)}:",
            f"it is {late / early:.2g} times smaller there than at {_name(last)}. ReLU instead "
            "of sigmoid or tanh, normalisation or skip connections help.",
            first.id,
        )  # fmt: skip
    elif len(sized) > 2 and late > 0 and early / late > 1 / FADING:
        yield Finding(
            "warning", f"The gradient explodes on its way to {_name(first)}:",
            f"it is {early / late:.2g} times larger there than at {_name(last)}. Clip it, "
            "normalise, or start from smaller weights.",
            first.id,
        )  # fmt: skip
