"""Static twins: views as SVG pictures, made in Python, for saved notebooks and papers."""

from __future__ import annotations

from nbdl.inspection.static.raster import mime_bundle, png
from nbdl.inspection.static.run import dashboard_svg, gradient_flow_svg

__all__ = ["dashboard_svg", "gradient_flow_svg", "mime_bundle", "png"]
