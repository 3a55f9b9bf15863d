"""Ten views of ten kinds, and the notebook file that they are saved in."""

from __future__ import annotations

from typing import Any

import nbformat
import numpy as np

import nbdl
from nbdl import data, nn
from nbdl.magics.show import Picture

WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


def ten_kinds() -> list[Any]:
    """What is shown of a model, its run, tensors, data and a small network."""
    train, val = data.digits().split(0.8)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(None, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(None, 10),
    )  # fmt: skip
    run = nbdl.train(net, train, val=val, epochs=1, progress=False, store=False)
    x, y = val[:32]
    textbook = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    matrix = np.random.default_rng(0).normal(size=(64, 64))
    views = [
        nbdl.inspect(net), nbdl.inspect(run), nbdl.inspect(run, gradients=True),
        nbdl.inspect(run, graph=True), nbdl.inspect(net[0].weight), nbdl.inspect(x),
        nbdl.inspect(matrix), nbdl.inspect(net, on=x, target=y),
        nbdl.inspect(textbook, on=np.ones((1, 2), np.float32)), nbdl.inspect(train, val),
    ]  # fmt: skip
    return [shown for each in views for shown in each.views]


def notebook_of(views: list[Any]) -> nbformat.NotebookNode:
    """The notebook as a host saves it that keeps widget state; the views are closed."""
    made, states = nbformat.v4.new_notebook(), {}
    for view in views:
        bundles = [view.mime_bundle()] if isinstance(view, Picture) else [view.twin()]
        if not isinstance(view, Picture):
            dead = {"model_id": view.model_id, "version_major": 2, "version_minor": 0}
            bundles.insert(0, {"text/plain": repr(view), WIDGET: dead})
            for model in (view, view.layout):
                states[model.model_id] = {
                    "model_module": model._model_module, "model_name": model._model_name,
                    "model_module_version": model._model_module_version,
                    "state": model.get_state(drop_defaults=True),
                }  # fmt: skip
            view.close()
        outputs = [nbformat.v4.new_output("display_data", bundle) for bundle in bundles]
        made.cells.append(nbformat.v4.new_code_cell("view", outputs=outputs))
    made.metadata["widgets"] = {STATE: {"state": states, "version_major": 2, "version_minor": 0}}
    return made


def without_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same cells as if they had never run."""
    cells = [nbformat.v4.new_code_cell(cell.source, id=cell.id) for cell in notebook.cells]
    return nbformat.v4.new_notebook(cells=cells)
