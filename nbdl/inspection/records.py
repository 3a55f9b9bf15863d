"""What views are told: frozen records, the wire format between Python and the browser.

Every view is a function of one of these records, or of those in ``data_records``,
``tensor_records`` and ``walk_records``; ``js/lib/records.ts`` is generated from all (``python -m
scripts.make_records_ts``). Numbers that come many at a time are NumPy arrays and
travel as binary buffers, never as lists; what each array holds is said in the field's comment.
``wire.pack`` turns a record into (JSON, buffers), ``decode`` in js/lib/wire.ts turns it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, TypeAlias

import numpy as np

# The array kinds of the wire. The alias says the dtype: `wire.pack` casts to it, TypeScript gets
# the typed array of that name.
Float32s: TypeAlias = np.ndarray
Float64s: TypeAlias = np.ndarray
Int32s: TypeAlias = np.ndarray
Uint8s: TypeAlias = np.ndarray

DTYPES = {"Float32s": "float32", "Float64s": "float64", "Int32s": "int32", "Uint8s": "uint8"}


# Empty arrays, as defaults.
_row32 = partial(np.zeros, (0,), "float32")
_row64 = partial(np.zeros, (0,), "float64")
_table32 = partial(np.zeros, (0, 0), "float32")
_table64 = partial(np.zeros, (0, 0), "float64")
_triples = partial(np.zeros, (0, 3), "int32")
_fours = partial(np.zeros, (0, 4), "int32")
_bytes = partial(np.zeros, (0,), "uint8")


@dataclass(frozen=True)
class Record:
    """The base of all records: ``kinds`` lists every subclass by name, for the generator."""

    kinds: ClassVar[dict[str, type[Record]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        Record.kinds[cls.__name__] = cls


# ---------------------------------------------------------------------------------------- a run


@dataclass(frozen=True)
class RunState(Record):
    """Where a run stands now: all that is small and changes."""

    id: str
    name: str
    model: str
    status: str  # waiting, running, paused, finished, stopped, pruned, interrupted, failed
    epoch: int
    epochs: int | None
    step: int
    total_steps: int | None
    started: float | None  # Unix time in seconds
    elapsed: float  # seconds
    eta: float | None  # seconds
    throughput: float | None  # samples a second
    lr: float | None
    message: str = ""  # one line for the person, '' when there is nothing to say
    error: str = ""  # the text of the exception that ended the run
    pending: tuple[str, ...] = ()  # commands that wait for the next step boundary
    facts: tuple[tuple[str, str], ...] = ()  # words of the configuration: (name, value)
    laps: tuple[tuple[str, float], ...] = ()  # seconds of a step by part, lately
    memory: tuple[tuple[str, float], ...] = ()  # bytes in use: (of what, how many)
    kept: tuple[int, ...] = ()  # steps of which there are snapshots
    variable: str = "run"  # what the run is called in the notebook


@dataclass(frozen=True)
class SeriesPart(Record):
    """Points ``start`` to ``end`` of one series; thinned (min and max kept) where they are many."""

    name: str
    start: int
    end: int
    steps: Float64s = field(default_factory=_row64)  # (n,) with n <= end - start
    values: Float32s = field(default_factory=_row32)  # (n,)


@dataclass(frozen=True)
class GradientPart(Record):
    """Rows ``start`` to ``end`` of the gradient samples: one row a sampled step."""

    layers: tuple[str, ...]
    start: int
    end: int
    steps: Float64s = field(default_factory=_row64)  # (n,)
    norms: Float32s = field(default_factory=_table32)  # (n, layers), L2 norm of the gradient
    weights: Float32s = field(default_factory=_table32)  # (n, layers), L2 norm of the weights
    updates: Float32s = field(default_factory=_table32)  # (n, layers), L2 norm of the step's change


@dataclass(frozen=True)
class ActivationPart(Record):
    """Rows ``start`` to ``end`` of what layers put out; a layer not called has only NaN."""

    layers: tuple[str, ...]
    start: int
    end: int
    steps: Float64s = field(default_factory=_row64)  # (n,)
    means: Float32s = field(default_factory=_table32)  # (n, layers)
    stds: Float32s = field(default_factory=_table32)  # (n, layers)
    zeros: Float32s = field(default_factory=_table32)  # (n, layers), share of elements that are 0
    dead: Float32s = field(default_factory=_table32)  # (n, layers), share of units; NaN: no ReLU
    saturated: Float32s = field(default_factory=_table32)  # (n, layers); NaN: not bounded


@dataclass(frozen=True)
class HistogramPart(Record):
    """Histograms ``start`` to ``end`` of weights, gradients and activations; some where many."""

    start: int
    end: int
    places: Int32s = field(default_factory=_fours)  # (n, 4): step, kind, layer, peak (2**peak)
    bins: Uint8s = field(default_factory=_bytes)  # (n, 23): shares of 255


@dataclass(frozen=True)
class Finding(Record):
    """Something worth knowing, in words."""

    level: str  # good, note, warning, bad
    title: str
    text: str
    layer: str = ""


@dataclass(frozen=True)
class LogLine(Record):
    """Something that happened in a run."""

    time: float  # Unix time in seconds
    kind: str
    text: str
    step: int | None = None  # where it is marked on the curves


@dataclass(frozen=True)
class PastTensor(Record):
    """A parameter or buffer as it was."""

    name: str
    shape: str
    mean: float
    std: float
    low: float
    high: float
    moved: float  # how far it has gone since: the norm of the change, of the norm it has now


@dataclass(frozen=True)
class Past(Record):
    """The weights at an earlier step."""

    step: int
    tensors: tuple[PastTensor, ...] = ()


@dataclass(frozen=True)
class Detail(Record):
    """All series between two steps, thinned anew: what a page asks for that zooms in."""

    low: float
    high: float
    series: tuple[SeriesPart, ...] = ()


@dataclass(frozen=True)
class Overlay(Record):
    """Another run's curves, to be drawn over."""

    id: str
    label: str
    series: tuple[SeriesPart, ...] = ()


@dataclass(frozen=True)
class Others(Record):
    """Runs to compare with: (id, words) of those there are, and the ones that were chosen."""

    choices: tuple[tuple[str, str], ...] = ()
    chosen: tuple[Overlay, ...] = ()


@dataclass(frozen=True)
class Confusion(Record):
    """How often a class (row) was taken for another (column)."""

    labels: tuple[str, ...]
    counts: Float64s = field(default_factory=_table64)  # (classes, classes)


@dataclass(frozen=True)
class Sample(Record):
    """One example the model was asked about."""

    target: str
    predicted: str
    confidence: float | None = None
    correct: bool | None = None
    image: Uint8s = field(default_factory=_bytes)  # (height, width, 3 or 1), empty for none
    text: str = ""  # the input, where it is text


@dataclass(frozen=True)
class DashboardRecord(Record):
    """What the dashboard shows: the whole of a run, or what is new since the view last heard."""

    state: RunState
    series: tuple[SeriesPart, ...] = ()
    gradients: GradientPart | None = None
    activations: ActivationPart | None = None
    histograms: HistogramPart | None = None
    findings: tuple[Finding, ...] | None = None  # None: as before
    log: tuple[LogLine, ...] = ()
    log_start: int = 0
    confusion: Confusion | None = None  # None: as before
    samples: tuple[Sample, ...] | None = None  # None: as before
    samples_end: int = 0  # validations done when they were taken
    past: Past | None = None  # None: as before
    detail: Detail | None = None  # None: as before
    others: Others | None = None  # None: as before


@dataclass(frozen=True)
class GradientFlowRecord(Record):
    """What the gradient-flow view shows."""

    title: str
    status: str
    gradients: GradientPart
    findings: tuple[Finding, ...] = ()
    activations: ActivationPart | None = None
    histograms: HistogramPart | None = None
    measure: str = "gradient"  # which one is shown first


# ------------------------------------------------------------------------------------- a graph


@dataclass(frozen=True)
class TensorSpec(Record):
    """What a tensor looks like: its sizes and the type of its elements."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class SourceLine(Record):
    """A line that a person wrote."""

    file: str  # as a person knows it: 'cell lenet', 'model.py'
    line: int  # from 1
    text: str = ""  # the line itself, without its indentation


@dataclass(frozen=True)
class TensorStats(Record):
    """Numbers that describe the values of one tensor; NaN where there are none."""

    mean: float
    std: float
    low: float
    high: float
    norm: float
    zeros: float  # fraction of elements that are 0
    nans: int
    infinities: int
    histogram: Float32s = field(default_factory=_row32)  # (bins,) counts between low and high


@dataclass(frozen=True)
class ParameterStats(Record):
    """One parameter of a layer: its name there, what it looks like, and its values."""

    name: str
    spec: TensorSpec
    values: TensorStats
    gradient: TensorStats | None = None


@dataclass(frozen=True)
class GraphNode(Record):
    """One thing in a graph: an operation, a layer, a group of them, an input, a parameter."""

    id: str  # unique, the same after an edit that leaves the node: 'features.0', 'add', 'add#2'
    kind: str  # group, op, input, output, parameter
    parent: int  # index of the group it lies in, -1: none
    label: str  # its name in the model: 'conv1', '3'
    type: str  # 'Conv2d', 'add'
    family: str = ""  # which colour: convolution, linear, normalization, activation, ...
    detail: str = ""  # what matters most of its attributes: '3x3, 1 to 32'
    outputs: tuple[TensorSpec, ...] = ()
    params: int = 0  # elements of the parameters below this node
    flops: int = 0  # of one forward pass, a multiplication and an addition being two
    memory: int = 0  # bytes of the outputs of the operations below this node
    seconds: float = 0.0  # measured time of the operations below this node; 0: not measured
    traffic: int = 0  # bytes that they read and write, where a plan knows it
    repeat: int = 0  # a group of so many identical blocks (0: it is no such group)
    status: str = ""  # failed: the error came from here; partial: from somewhere inside
    note: str = ""  # for status: the error in words
    attributes: tuple[tuple[str, str], ...] = ()
    source: SourceLine | None = None
    values: TensorStats | None = None  # of the first output
    gradient: TensorStats | None = None  # of the gradient of the first output
    parameters: tuple[ParameterStats, ...] = ()  # that the operation reads
    change: str = ""  # in a difference: added, removed, changed, reshaped, same
    twin: int = -1  # in a difference: index of the same layer in the other model


@dataclass(frozen=True)
class FlowFrames(Record):
    """What went on in a run at some of its steps, for each node of a graph."""

    names: tuple[str, ...]  # of the measures
    labels: tuple[str, ...]
    steps: Float64s = field(default_factory=_row64)  # (n,)
    values: Float32s = field(default_factory=_row32)  # (measures, n, nodes); -1: none


@dataclass(frozen=True)
class GraphRecord(Record):
    """A model, or the computation that led to a tensor.

    Nodes stand in program order, a group before what lies in it, and all of a group's members in
    one run; so every edge leads to a later node.
    """

    title: str
    subtitle: str = ""
    nodes: tuple[GraphNode, ...] = ()
    edges: Int32s = field(default_factory=_triples)  # (edges, 3): from, to, which output of `from`
    params: int = 0
    trainable: int = 0
    flops: int = 0
    memory: int = 0  # bytes of the outputs of all operations
    seconds: float = 0.0  # of all operations, where they were measured
    error: str = ""  # what ended the forward pass before its end
    findings: tuple[Finding, ...] = ()
    frames: FlowFrames | None = None
