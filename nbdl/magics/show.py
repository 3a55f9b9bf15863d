"""Putting views into the notebook: the live widget, and its static twin as an output of its own.

In a terminal the text twin is printed instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from IPython import get_ipython
from IPython.display import display

from nbdl import nn, widgets
from nbdl.errors import ArgumentError
from nbdl.experiments import Sweep
from nbdl.inspection import static
from nbdl.inspection.graph import model_graph
from nbdl.inspection.records import GraphRecord
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.static.lr_finder import lr_finder_svg
from nbdl.inspection.static.sweep import sweep_svg
from nbdl.inspection.summary import summary_text
from nbdl.magics import marimo
from nbdl.magics.edits import Report
from nbdl.magics.model import Built
from nbdl.magics.sheet import Section
from nbdl.magics.sheet import text as sheet_text
from nbdl.shapes import Spec
from nbdl.training import LRFinder, Run
from nbdl.training.progress import TextProgress


def has_front_end(shell: Any) -> bool:
    """Whether the shell is a notebook's: a kernel that can show widgets."""
    return getattr(shell, "kernel", None) is not None


class Live:
    """A view that is on the screen, with its twin.

    Args:
        view: the widget.
    """

    def __init__(self, view: widgets.View) -> None:
        self.view = view
        display(view)
        handle = display(view.twin(), raw=True, display_id=True)
        view.follow_twin(lambda bundle: handle.update(bundle, raw=True))

    def hold(self, wait: Callable[..., None], run: Any) -> None:
        """Wait for the run in this cell, and leave its final picture."""
        wait(run)
        self.view.settle()


class Text:
    """The same for a terminal: the text twin, printed when there is something to say, and a bar
    of text while a run is waited for."""

    def __init__(self, view: widgets.View, show_now: bool) -> None:
        self.view = view
        if show_now:
            self._print()

    def hold(self, wait: Callable[..., None], run: Any) -> None:
        """Wait for the run and print how it ended."""
        bar = TextProgress(run)
        try:
            wait(run, bar.update, bar.interval)
        finally:
            bar.close()
        self._print()

    def _print(self) -> None:
        print(self.view.source.text())


def view(shell: Any, shown: widgets.View, *, show_now: bool = True) -> Live | Text:
    """Show a view the way this shell can."""
    return Live(shown) if has_front_end(shell) else Text(shown, show_now)


def run_view(run: Run) -> widgets.View:
    """The dashboard of a run: also what the run shows as the last line of a cell."""
    return widgets.dashboard(run)


def run(shell: Any, started: Run) -> Live | Text:
    """Show the dashboard of a run that has just begun."""
    return view(shell, run_view(started), show_now=False)


def graph_view(record: GraphRecord) -> widgets.View:
    """The widget of a graph."""
    return widgets.graph(
        record,
        svg=lambda: graph_svg(record),
        text=lambda: summary_text(record),
    )


def model_view(built: Built) -> widgets.View:
    """The graph of a model that was just built."""
    return graph_view(model_graph(built.model, built.inputs, title=built.model._name))


class Picture:
    """A picture without a live view: an output of its own.

    Args:
        svg: the picture.
        text: the same in words, for terminals.
    """

    def __init__(self, svg: str, text: str) -> None:
        self.svg, self.text = svg, text

    def mime_bundle(self) -> dict[str, Any]:
        """The picture for a notebook."""
        return static.mime_bundle(self.svg, self.text)

    def _mime_(self) -> tuple[str, str]:
        return "text/html", marimo.picture(self.svg, self.text)


Shown = widgets.View | Picture


def is_plan(thing: Any) -> bool:
    """Whether it is the Report of a compiled plan; whoever has one has loaded the compiler."""
    compiler = sys.modules.get("nbdl.compiler")
    return compiler is not None and isinstance(thing, compiler.Report)


def plan_view(report: Any, title: str) -> widgets.View:
    """The calls of a compiled plan as a graph to look into, and the picture below it."""
    from nbdl.inspection.plan_graph import plan_graph  # noqa: PLC0415 - it loads the compiler

    picture = plan_picture(report)
    return widgets.graph(
        plan_graph(report, title=title),
        svg=lambda: picture.svg,
        text=lambda: picture.text,
        both=True,
    )


def plan_picture(report: Any) -> Picture:
    """The calls of a compiled plan beside the machine's limits, and its memory."""
    from nbdl.inspection.static.plan import plan_svg  # noqa: PLC0415 - it loads the compiler

    return Picture(plan_svg(report), str(report))


def sweep_picture(found: Sweep) -> Picture:
    """The trials of a sweep."""
    return Picture(sweep_svg(found), found.text())


def lr_picture(found: LRFinder) -> Picture:
    """The curve of a learning-rate finder."""
    return Picture(lr_finder_svg(found), found.text())


def unfinished(
    shell: Any, module: nn.Module, inputs: dict[str, Spec] | None, name: str
) -> None:
    """Show the graph of a model that does not fit, up to the operation that failed.

    In a terminal the error's own text says it better.
    """
    if has_front_end(shell) and inputs is not None:
        view(shell, graph_view(model_graph(module, inputs, title=name)))


def put(shell: Any, shown: Shown) -> None:
    """Show what ``look`` found."""
    if isinstance(shown, widgets.View):
        view(shell, shown)
    elif has_front_end(shell):
        display(shown.mime_bundle(), raw=True)
    else:
        print(shown.text)


def _figure(shown: Shown) -> Any:
    """The plotly figure of what is shown. Raises ArgumentError where there is none."""
    if isinstance(shown, widgets.View):
        return shown.figure()
    raise ArgumentError(
        "there is no plotly figure of this picture",
        hint="plotly draws runs, their gradients, and tensors",
    )


def figures(shell: Any, found: list[Shown], path: str | None = None) -> None:
    """Show each as a plotly figure instead.

    Raises ArgumentError where one has no figure, or where a file was asked for.
    """
    if path is not None:
        raise ArgumentError(
            "--save writes a view of nbdl's own, not a plotly figure",
            hint='nbdl.inspect(run).figure().write_html("run.html")',
        )
    drawn = [_figure(shown) for shown in found]
    if not has_front_end(shell):
        raise ArgumentError(
            "a terminal shows no plotly figure", hint="nbdl.inspect(run).figure().show()"
        )
    for each in found:
        if isinstance(each, widgets.View):
            each.close()
    for figure in drawn:
        display(figure)


class Views:
    """What ``nbdl.inspect`` returns: shows itself as the last line of a cell, in marimo too."""

    def __init__(self, views: list[Shown]) -> None:
        self.views = views

    def __repr__(self) -> str:
        return "\n\n".join(
            v.text if isinstance(v, Picture) else v.source.text() for v in self.views
        )

    def save(self, path: str | Path) -> Path:
        """Write all of it to one file, as ``View.save`` does: .html, of one thing .svg or .png."""
        return widgets.save(self.views, path)

    def figure(self) -> Any:
        """The plotly figure of one thing, as ``View.figure`` gives it."""
        if len(self.views) != 1:
            raise ArgumentError(
                "a plotly figure is of one run or tensor",
                hint="nbdl.inspect(run).figure()",
            )
        return _figure(self.views[0])

    def _ipython_display_(self) -> None:
        for each in self.views:
            put(get_ipython(), each)

    def _display_(self) -> Any:
        return marimo.stacked(self.views)


def report(shell: Any, made: Report) -> None:
    """Show what became of a model's layers in an edit."""
    if has_front_end(shell):
        display(made.mime_bundle(), raw=True)
    else:
        print(made.text())


def sheet(shell: Any, sections: tuple[Section, ...]) -> None:
    """Show the sheet of everything."""
    text = sheet_text(sections)
    if not has_front_end(shell):
        print(text)
        return
    rows = []
    for section in sections:
        rows.append(
            f'<tr><th colspan="2" style="text-align:left">{escape(section.title)}</th></tr>'
        )
        rows += [
            f'<tr><td style="text-align:left"><code>{escape(entry.code)}</code></td>'
            f'<td style="text-align:left">{escape(entry.meaning)}</td></tr>'
            for entry in section.entries
        ]
    html = f"<table>{''.join(rows)}</table>"
    html += "<p>Every magic explains itself: <code>%train?</code> or <code>%train --help</code></p>"
    display({"text/html": html, "text/plain": text}, raw=True)
