"""Classic mistakes, each a file as a notebook user would type it, and what nbdl says of it.

The first lines of a file say what must come: an error or a warning of a class, with words, a cure
and perhaps a layer; ``# here`` marks the line that must be named.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

import nbdl
from nbdl.errors import NbdlError
from nbdl.inspection.trouble import trouble_of
from nbdl.training import Run

FOLDER = Path(__file__).parent
CELLS = sorted(p for p in FOLDER.glob("*.py") if "# expect: " in p.read_text()[:20])


def expected(text: str) -> dict[str, str]:
    """``expect``, ``words``, ``cure`` and ``layer`` of a file, and the number of its ``line``."""
    found = dict(re.findall(r"^# (expect|words|cure|layer): (.+)$", text, re.MULTILINE))
    (line,) = [n for n, code in enumerate(text.splitlines(), 1) if code.endswith("# here")]
    return {**found, "line": str(line)}


def told(path: Path) -> list[tuple[str, str, int]]:
    """Class, text and line of every warning and error of a file."""
    text = path.read_text()
    found = []
    cell = {"__name__": "__main__"}
    nbdl.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(text, str(path), "exec"), cell)
        except NbdlError as error:
            trouble = trouble_of(error, text, str(path))
            line = trouble.source.line if trouble.source else 0
            found.append((type(error).__name__, str(error), line))
    for w in caught:
        found.append((w.category.__name__, str(w.message), w.lineno))
    return found + [heard for run in cell.values() if isinstance(run, Run) for heard in said(run)]


def said(run: Run) -> list[tuple[str, str, int]]:
    """What a run was told while it trained, which is kept among its events."""
    warned = [text for _, kind, text in run.history.events if kind == "warning"]
    return [("MistakeWarning", t, int(re.findall(r"At: line (\d+)", t)[0])) for t in warned]


@pytest.mark.parametrize("path", CELLS, ids=lambda p: p.stem)
def test_mistake_is_told(path: Path) -> None:
    wanted = expected(path.read_text())
    found = told(path)
    match = [f for f in found if f[0] == wanted["expect"] and wanted["words"] in f[1]]
    assert match, f"nothing of the kind was said, only {found}"
    _, text, line = match[0]
    assert wanted["cure"] in text
    assert wanted.get("layer", "") in text
    assert line == int(wanted["line"])


def test_a_mistake_is_told_once_a_line() -> None:
    text = "for _ in range(3):\n    F.nll_loss(net(x), y)\n"
    net, x = nbdl.nn.Linear(4, 3), nbdl.randn(8, 4)
    scope = {"F": nbdl.nn.functional, "net": net, "x": x, "y": nbdl.tensor([0] * 8)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(text, "<a cell>", "exec"), scope)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "code",
    [
        "x = nbdl.randn(5); d = x[:, None] - x",
        "y = nbdl.tensor([0, 1, 1]); same = y[:, None] == y",
        "w = nbdl.randn(4, requires_grad=True); d = w[:, None] - (w * 2)",
        "p = F.softmax(nbdl.randn(4, 4), dim=0)",
        "loss = F.cross_entropy(F.log_softmax(net(x), -1), y)",
        "a = net(x).sum(); b = net(x).sum(); (a + b).backward()",
        "total = 0.0; loss = net(x).sum(); loss.backward(); total += loss.item()",
        "loss = net(x).sum(); loss.backward(); loss2 = net(x).sum(); loss2.backward()",
        "net.eval(); drop = nn.Dropout(0.5).eval(); drop(net(x)).sum().backward()",
    ],
)  # fmt: skip
def test_what_is_meant_is_not_spoken_of(code: str) -> None:
    scope = {
        "nbdl": nbdl, "nn": nbdl.nn, "F": nbdl.nn.functional, "net": nbdl.nn.Linear(4, 3),
        "x": nbdl.randn(8, 4), "y": nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1]),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(code, "<another cell>", "exec"), scope)
