"""The functions that make views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbdl.inspection import static, text
from nbdl.inspection.dashboard import PastRun, dashboard_record
from nbdl.inspection.data_records import DataRecord
from nbdl.inspection.data_text import data_text
from nbdl.inspection.flow_frames import with_frames
from nbdl.inspection.gradient_flow import check_measure, gradient_flow_record
from nbdl.inspection.records import GraphRecord, Record
from nbdl.inspection.static.data import data_svg
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.static.network import network_svg
from nbdl.inspection.static.tensor import tensor_svg
from nbdl.inspection.summary import summary_text
from nbdl.inspection.tensor_text import tensor_text
from nbdl.inspection.tensors import Seen
from nbdl.inspection.walk import Walk
from nbdl.inspection.walk_text import walk_text
from nbdl.training.archive.records import RunRecord
from nbdl.widgets.source import (
    FilmSource,
    RunSource,
    Source,
    TensorSource,
    TrialSource,
    WalkSource,
)
from nbdl.widgets.view import View


def dashboard(run: Any) -> View:
    """The training dashboard of a run: live while it trains, and its whole story afterwards.

    Args:
        run: a ``Run``, or one of ``nbdl.runs()``.
    """
    run = _with_a_face(run)
    source = RunSource(
        run,
        measure=None,
        svg=lambda: static.dashboard_svg(dashboard_record(run)),
        text=lambda: text.dashboard_text(dashboard_record(run)),
    )
    return View("dashboard", source)


def trials(run: Any, following: Callable[[Any], Any]) -> View:
    """The dashboard of runs that come one after the other, such as the trials of a sweep.

    Args:
        run: the first.
        following: called with each at its end: waits for the next and gives it, or None.
    """
    source = TrialSource(
        run,
        following,
        svg=lambda run: static.dashboard_svg(dashboard_record(run)),
        text=lambda run: text.dashboard_text(dashboard_record(run)),
    )
    return View("dashboard", source)


def gradient_flow(run: Any, measure: str = "gradient") -> View:
    """The gradient-flow heat map of a run: layers by steps, live while it trains.

    Args:
        run: a ``Run``, or one of ``nbdl.runs()``.
        measure: what is shown first and in the static twin: 'gradient', 'weight', 'ratio',
            'mean', 'std' or 'zeros'. Raises ArgumentError for another one.
    """
    run, measure = _with_a_face(run), check_measure(measure)
    source = RunSource(
        run,
        measure=measure,
        svg=lambda: static.gradient_flow_svg(gradient_flow_record(run, measure=measure)),
        text=lambda: text.gradient_flow_text(gradient_flow_record(run, measure=measure)),
    )
    return View("gradients", source)


def _with_a_face(run: Any) -> Any:
    return PastRun(run) if isinstance(run, RunRecord) else run


def graph(
    record: Record, svg: Callable[[], str], text: Callable[[], str], *, both: bool = False
) -> View:
    """The graph explorer of a record made by ``nbdl.inspection``.

    Args:
        record: the graph.
        svg: draws its static twin.
        text: writes it for a terminal.
        both: the twin tells more than the same graph, so it stays in sight beside the explorer.
    """
    return View("graph", Source(record, svg, text), both=both)


def film(record: GraphRecord, run: Any) -> View:
    """The graph explorer of a run's model, coloured by what goes on in its layers step by step:
    live while it trains.

    Args:
        record: the graph of the run's only model.
        run: a ``Run``.
    """
    source = FilmSource(
        run,
        record,
        svg=lambda: graph_svg(with_frames(record, run)),
        text=lambda: summary_text(record),
    )
    return View("graph", source)


def tensor(seen: Seen) -> View:
    """The viewer of a tensor or an array: heat maps, images, filters, projections.

    Args:
        seen: the tensor; a page asks the kernel for the parts it shows.
    """
    record = seen.record()
    source = TensorSource(seen, lambda: tensor_svg(record), lambda: tensor_text(record))
    return View("tensor", source)


def data(record: DataRecord) -> View:
    """Data sets side by side: classes, values, samples that are there twice, findings."""
    return View("data", Source(record, lambda: data_svg(record), lambda: data_text(record)))


def activations(walk: Walk) -> View:
    """A model on a given input: its graph with values and gradients, layer by layer; of a small
    dense network every number.

    Args:
        walk: the model that has run; a page asks the kernel for the tensors it shows.
    """

    def svg() -> str:
        record = walk.record()
        return graph_svg(record.graph) if record.network is None else network_svg(record)

    return View("activations", WalkSource(walk, svg, lambda: walk_text(walk.record())))
