"""Views as plotly figures: for papers, slides and charts of one's own."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.errors import ArgumentError
from nbdl.inspection.records import DashboardRecord, GradientFlowRecord, Record
from nbdl.inspection.tensor_records import TensorRecord


def figure_of(record: Record) -> Any:
    """A ``plotly.graph_objects.Figure`` of what a view shows.

    A run's curves, one below the other; gradient norms, layers by steps; the values of a tensor.
    Labels are text: plotly takes some HTML in them, which is escaped.

    Raises ArgumentError for a view that is no chart, such as a graph.
    """
    draw = _DRAW.get(type(record))
    if draw is None:
        raise ArgumentError(
            "there is no plotly figure of this view",
            hint='view.save("x.html"), view.save("x.svg") or view.save("x.png")',
        )
    return draw(record)


def _curves(record: Any) -> Any:
    from plotly.subplots import make_subplots  # noqa: PLC0415 - heavy, and seldom wanted

    charts: dict[str, list[Any]] = {}
    for part in record.series:
        charts.setdefault(part.name.removeprefix("val_"), []).append(part)
    figure = make_subplots(
        rows=max(1, len(charts)), cols=1, shared_xaxes=True,
        subplot_titles=[_text(name) for name in charts],
    )  # fmt: skip
    for row, parts in enumerate(charts.values(), 1):
        for part in parts:
            figure.add_scatter(
                x=np.asarray(part.steps), y=np.asarray(part.values), name=_text(part.name),
                mode="lines", row=row, col=1,
            )  # fmt: skip
    figure.update_layout(title=_text(record.state.name), height=120 + 220 * max(1, len(charts)))
    figure.update_xaxes(title="step", row=max(1, len(charts)), col=1)
    return figure


def _flow(record: Any) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415 - heavy, and seldom wanted

    part = record.gradients
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = np.log10(np.asarray(part.norms, np.float64)).T
    figure = go.Figure(go.Heatmap(
        z=np.where(np.isfinite(sizes), sizes, np.nan), x=np.asarray(part.steps),
        y=[_text(name) for name in part.layers], colorscale="Viridis",
        colorbar={"title": "log10 of the norm"},
    ))  # fmt: skip
    figure.update_layout(title=_text(f"Gradient norms of {record.title}"))
    figure.update_xaxes(title="step")
    figure.update_yaxes(autorange="reversed")
    return figure


def _values(record: Any) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415 - heavy, and seldom wanted

    if record.points.size:
        return _points(record)
    cells = np.asarray(record.cells, np.float64)
    panel = cells[0] if cells.ndim == 3 and len(cells) else np.zeros((0, 0))
    figure = go.Figure(go.Heatmap(
        z=panel, zmin=record.low, zmax=record.high,
        colorscale="RdBu_r" if record.palette == "diverging" else "Viridis",
    ))  # fmt: skip
    shape = "×".join(map(str, record.shape))
    more = f", the first of {len(cells)} panels" if len(cells) > 1 else ""
    figure.update_layout(title=_text(f"{record.title} {record.dtype}[{shape}]{more}"))
    figure.update_yaxes(autorange="reversed")
    return figure


def _points(record: Any) -> Any:
    import plotly.graph_objects as go  # noqa: PLC0415 - heavy, and seldom wanted

    figure = go.Figure()
    codes = record.codes if record.classes else np.zeros(len(record.points), int)
    names = (*(record.classes or (record.title,)), "without a label")
    for code in np.unique(codes).tolist():
        x, y = record.points[codes == code].T
        figure.add_scattergl(
            x=x, y=y, mode="markers", name=_text(names[code]),
            text=[f"row {row}" for row in record.rows[codes == code]],
        )  # fmt: skip
    figure.update_layout(title=_text(f"{record.title}: {record.notes[-1]}"))
    figure.update_yaxes(scaleanchor="x")
    return figure


def _text(label: str) -> str:
    return html.escape(str(label), quote=False)


_DRAW: dict[type[Record], Callable[[Any], Any]] = {
    DashboardRecord: _curves, GradientFlowRecord: _flow, TensorRecord: _values,
}  # fmt: skip
