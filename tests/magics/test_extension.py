"""``%load_ext nbdl`` and ``%unload_ext nbdl``: what comes, and that all of it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import LENET
from tests.magics.kernel import Kernel

STATE = """
def state():
    ip = get_ipython()
    magics = ip.magics_manager
    return {
        "cell": sorted(magics.magics["cell"]), "line": sorted(magics.magics["line"]),
        "registry": sorted(set(magics.registry) - {"ExtensionMagics"}),  # %load_ext's own
        "transformers": [type(t).__name__ for t in ip.ast_transformers],
        "events": {name: len(found) for name, found in ip.events.callbacks.items()},
        "matchers": len(ip.Completer.custom_matchers),
        "errors": [kind.__name__ for kind in ip.custom_exceptions],
        "shown": sorted(str(k) for k in ip.display_formatter.ipython_display_formatter
                        .type_printers),
        "shown_by_name": sorted(ip.display_formatter.ipython_display_formatter.deferred_printers),
        "own": sorted(n for n in ip.user_ns if not n.startswith("_")),
        "marks": sorted(n for n in vars(ip) if "nbdl" in n),
        "stop": str(getattr(ip.kernel, "saved_sigint_handler", "")),
    }
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that has never heard of nbdl."""
    kernel = Kernel(tmp_path)
    kernel.run(STATE)
    yield kernel
    kernel.close()


def test_loading_adds_and_unloading_takes_everything_away(fresh):
    fresh.run("before = state()")
    fresh.run("during = None; after = None")
    fresh.run("before['own'] = state()['own']")
    assert fresh.run("%load_ext nbdl").status == "ok"
    fresh.run("during = state()")
    assert fresh.value("sorted(k for k in before if before[k] != during[k])") == (
        "['cell', 'errors', 'events', 'line', 'marks', 'matchers', 'own', 'registry', 'shown', "
        "'shown_by_name', 'stop', 'transformers']"
    )
    assert fresh.value("sorted({*during['line'], *during['cell']} - {*before['line'], "
                       "*before['cell']})") == (
        "['inspect', 'model', 'nbdl', 'runs', 'train']"
    )  # fmt: skip
    assert fresh.run(LENET).status == "ok"
    fresh.run("del lenet")
    assert fresh.run("%unload_ext nbdl").status == "ok"
    fresh.run("after = state()")
    assert fresh.value("{k: (before[k], after[k]) for k in after if before[k] != after[k]}") == "{}"
    cell = fresh.run("%train lenet train")
    assert "Line magic function `%train` not found" in cell.said


def test_it_can_be_loaded_again_and_twice(fresh):
    fresh.run("%load_ext nbdl")
    fresh.run("during = state()")
    fresh.run("again = None; after = None; during['own'] = state()['own']")
    assert fresh.run("import nbdl\nnbdl.load_ipython_extension(get_ipython())").status == "ok"
    assert "already loaded" in fresh.run("%load_ext nbdl").printed
    fresh.run("again = state()")
    assert fresh.value("again == {**during, 'own': again['own']}") == "True"
    for cell in ("%unload_ext nbdl", "%load_ext nbdl", "%reload_ext nbdl"):
        assert fresh.run(cell).status == "ok"
    fresh.run("after = state()")
    assert fresh.value("after == {**during, 'own': after['own']}") == "True"
    assert fresh.run("from nbdl import data\n" + "train, val = data.digits().split(0.8)")
    assert fresh.run(LENET).status == "ok"
    cell = fresh.run("%train lenet train --max-steps 2 --wait")
    assert cell.status == "ok", cell.said


def test_what_the_user_had_under_these_names_comes_back(fresh):
    fresh.run("nbdl = 'mine'")
    fresh.run(
        "from IPython.core.magic import register_line_magic\n"
        "@register_line_magic\ndef train(line): print('choo', line)"
    )
    fresh.run("%load_ext nbdl")
    assert fresh.value("nbdl") == "'mine'"
    assert "Usage: %train" in fresh.run("%train --help").printed
    fresh.run("%unload_ext nbdl")
    assert fresh.value("nbdl") == "'mine'"
    assert fresh.run("%train choo").printed == "choo choo\n"


def test_loading_does_not_bring_what_is_not_needed(fresh):
    fresh.run("%load_ext nbdl")
    heavy = "{'numba', 'plotly', 'cupy', 'torch', 'sklearn', 'pandas', 'onnx'}"
    assert fresh.value(f"sorted({heavy} & set(__import__('sys').modules))") == "[]"
