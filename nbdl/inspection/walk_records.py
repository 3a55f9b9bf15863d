"""What is told of a model on a given input: its layers in turn, and all numbers of small ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nbdl.inspection.records import Float64s, GraphRecord, Record

_row64 = partial(np.zeros, (0,), "float64")
_table64 = partial(np.zeros, (0, 0), "float64")


@dataclass(frozen=True)
class WalkStep(Record):
    """One step of the walk through a model, forward and then backward."""

    phase: str  # forward, loss, backward
    node: str  # id of the graph's node
    title: str
    lines: tuple[str, ...] = ()  # the formula, and with the numbers of small networks
    looks: tuple[str, ...] = ()  # what the tensor viewer may show of it: output, gradient, ...
    column: int = -1  # of the network's drawing, -1: none
    neuron: int = -1


@dataclass(frozen=True)
class NeuronColumn(Record):
    """A column of neurons: a linear layer with the activation behind it, or the inputs."""

    name: str
    function: str  # 'tanh', '' for none
    weights: Float64s = field(default_factory=_table64)  # (neurons, neurons before)
    bias: Float64s = field(default_factory=_row64)  # (neurons,), empty for none
    sums: Float64s = field(default_factory=_row64)  # (neurons,) before the activation
    values: Float64s = field(default_factory=_row64)  # (neurons,)
    d_weights: Float64s = field(default_factory=_table64)  # partial derivatives of the loss
    d_bias: Float64s = field(default_factory=_row64)
    d_sums: Float64s = field(default_factory=_row64)
    d_values: Float64s = field(default_factory=_row64)


@dataclass(frozen=True)
class NetworkRecord(Record):
    """A small dense network with every number of one example."""

    columns: tuple[NeuronColumn, ...]
    loss: float
    objective: str  # what the loss is, in words
    example: int
    examples: int


@dataclass(frozen=True)
class ActivationRecord(Record):
    """What a model does on a given input."""

    graph: GraphRecord
    objective: str  # what the gradients are of, in words
    walk: tuple[WalkStep, ...] = ()
    network: NetworkRecord | None = None  # None: it is not small, or not a chain of dense layers
