"""The layout of graphs for static pictures: the same steps, in the same order, as js/graph/layout.

A test lays out the same graphs with both and compares every number.
"""

from __future__ import annotations

from nbdl.inspection.layout.graph import (
    GraphLayout,
    PlacedLevel,
    Shapes,
    expand_to_fit,
    layout_graph,
)

__all__ = ["GraphLayout", "PlacedLevel", "Shapes", "expand_to_fit", "layout_graph"]
