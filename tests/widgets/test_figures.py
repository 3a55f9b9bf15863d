"""Views as plotly figures."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn, widgets
from nbdl.errors import ArgumentError
from nbdl.inspection.dashboard import dashboard_record
from nbdl.inspection.gradient_flow import gradient_flow_record
from nbdl.inspection.records import LogLine
from nbdl.inspection.tensors import Seen
from nbdl.magics.functions import inspect
from nbdl.widgets.figures import figure_of
from nbdl.widgets.source import Source
from tests.widgets.pretend import PretendRun

EVIL = "<a href='javascript:alert(1)'>x</a>"


@pytest.fixture(scope="module")
def run():
    made = PretendRun(epochs=2, steps=30).go()
    assert made.join(30)
    made.name = EVIL
    return made


def test_curves_of_a_run_share_their_steps(run):
    figure = figure_of(dashboard_record(run))
    curves = {trace.name: trace for trace in figure.data}
    assert {"loss", "val_loss"} <= set(curves)
    np.testing.assert_allclose(curves["loss"].y, run.history["loss"], rtol=1e-6)
    assert curves["loss"].yaxis == curves["val_loss"].yaxis
    assert figure.layout.title.text == "&lt;a href='javascript:alert(1)'&gt;x&lt;/a&gt;"


def test_gradient_flow_is_a_heat_map_of_layers_by_steps(run):
    figure = figure_of(gradient_flow_record(run))
    (heat,) = figure.data
    assert np.asarray(heat.z).shape == (len(run.history.gradients.layers), len(heat.x))


def test_the_values_of_a_tensor():
    figure = figure_of(Seen(nbdl.tensor(np.eye(5, dtype=np.float32)), title="eye").record())
    np.testing.assert_array_equal(figure.data[0].z, np.eye(5))
    assert "eye float32[5×5]" in figure.layout.title.text


def test_a_view_gives_its_figure_and_a_graph_has_none():
    x = np.zeros((8, 2), np.float32)
    run = nbdl.train(nn.Linear(2, 2), (x, np.zeros(8, np.int64)), epochs=1, store=False,
                     progress=False)  # fmt: skip
    assert widgets.dashboard(run).figure().data[0].name == "loss"
    assert inspect(run).figure().data[0].name == "loss"
    with pytest.raises(ArgumentError, match="of one run or tensor"):
        inspect(run, run).figure()
    with pytest.raises(ArgumentError, match="no plotly figure of this view"):
        widgets.View("graph", Source(LogLine(0.0, "note", ""), svg=str, text=str)).figure()


def test_a_run_without_points_is_an_empty_figure():
    assert len(figure_of(dashboard_record(PretendRun())).data) == 0
