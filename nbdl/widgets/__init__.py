"""Views in the browser: functions that make a widget of a run or a record.

The widget is one anywidget class for all views; what it shows are the records of
``nbdl.inspection``. Nothing here prints or displays: the magics do.
"""

from __future__ import annotations

from nbdl.widgets.doors import (
    activations,
    dashboard,
    data,
    film,
    gradient_flow,
    graph,
    tensor,
    trials,
)
from nbdl.widgets.saving import save
from nbdl.widgets.view import View

__all__ = [
    "View",
    "activations",
    "dashboard",
    "data",
    "film",
    "gradient_flow",
    "graph",
    "save",
    "tensor",
    "trials",
]
