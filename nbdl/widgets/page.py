"""Views as one HTML page that needs neither a kernel nor a network: to send, to keep, to teach.

The page carries the code of its views, their records, and a script that answers the views from
these. It is opened from a file as well as from a server, and asks nobody for anything.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from html import escape
from typing import Any

from nbdl.inspection.records import Record
from nbdl.inspection.wire import clean, pack
from nbdl.widgets import bundle as bundles

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
    "img-src data: blob:; worker-src blob:"
)
"""What the page may load: what it carries, and nothing else."""

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 16px; background: #ffffff; color: #1d2129;
  font: 13px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
body > * { margin: 0 0 16px; }
img { display: block; max-width: 100%; height: auto; }
@media screen and (prefers-color-scheme: dark) {
  body { background: #16181d; color: #e4e6ea; }
}
"""


def page(title: str, parts: Sequence[tuple[str, Record] | str]) -> bytes:
    """The page as a file.

    Args:
        title: of the page.
        parts: what it shows, from top to bottom: a view as (its name, what it shows), or a
            picture as SVG.
    """
    views: list[dict[str, Any]] = []
    body = []
    for part in parts:
        if isinstance(part, str):
            data = base64.b64encode(part.encode()).decode()
            body.append(f'<img alt="" src="data:image/svg+xml;base64,{data}">')
        else:
            body.append(f'<div id="nbdl-view-{len(views)}"></div>')
            views.append(_saved(*part))
    code = {name: bundles.code(name) for name in sorted({each["bundle"] for each in views})}
    script = f"""
<noscript>This page draws with JavaScript, which is switched off here.</noscript>
<script type="application/json" id="nbdl-saved">{_json({"views": views, "bundles": code})}</script>
<script type="module">{bundles.page_script()}</script>"""
    html = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<link rel="icon" href="data:,">
<title>{escape(clean(title))}</title>
<style>{_STYLE}</style>
</head>
<body>
{"".join(body)}{script if views else ""}
</body>
</html>
"""
    return html.encode()


def _saved(view: str, record: Record) -> dict[str, Any]:
    packed, buffers = pack(record)
    return {
        "view": view,
        "bundle": bundles.BUNDLES[view],
        "message": {"type": "record", "kind": type(record).__name__, "record": packed},
        "buffers": [base64.b64encode(buffer).decode() for buffer in buffers],
    }


def _json(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it ends the element or begins a comment.

    What is not ASCII is escaped as well, among it the line ends that JavaScript does not take.
    """
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e")
