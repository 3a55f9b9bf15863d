"""``%train?``, ``--help``, ``-h`` and the sheet of ``%nbdl``."""

from __future__ import annotations

import re

import pytest

from nbdl import training
from nbdl.magics.commands import PARSED
from nbdl.magics.sheet import SHEET

ASK = {"%train": "", "%inspect": "", "%runs": "", "%%model": "\nLinear(8, 2)", "%model": ""}


def page(cell):
    """The help page that a cell opened."""
    [found] = [p for p in cell.payload if p["source"] == "page"]
    return re.sub(r"\x1b\[[0-9;]*m", "", found["data"]["text/plain"])


@pytest.mark.parametrize("magic", ASK)
@pytest.mark.parametrize("option", ["-h", "--help", "some words --help --nonsense"])
def test_the_options_of_help_show_it_and_do_nothing(kernel, magic, option):
    cell = kernel.run(f"{magic} {option}{ASK[magic]}")
    assert cell.status == "ok", cell.said
    name = "%%model" if "model" in magic else magic
    assert cell.printed.startswith(f"Usage: {name} ")
    parser = PARSED[name.strip("%")].parser
    for action in parser._actions:
        assert action.help, f"{name} {action.dest} has no help"
        for word in action.option_strings:
            assert word in cell.printed
    assert kernel.value("'run' in globals()") == "False"


@pytest.mark.parametrize("magic", ["%train", "%%model", "%inspect", "%runs"])
def test_a_question_mark_opens_the_same_help(kernel, magic):
    cell = kernel.run(f"{magic}?")
    assert cell.status == "ok"
    assert f"Usage: {magic} " in page(cell)
    assert PARSED[magic.strip("%")].__doc__.strip() in page(cell)


def test_the_help_of_train_names_losses_optimizers_metrics_and_schedules():
    text = " ".join(PARSED["train"].__doc__.split())
    for names in (training.LOSSES, training.OPTIMIZERS, training.METRICS, training.SCHEDULES):
        assert ", ".join(sorted(names)) in text


def test_the_question_mark_finds_the_magic_though_a_variable_has_its_name(kernel):
    assert kernel.value("type(train).__name__") == "'Subset'"
    assert "Usage: %train" in page(kernel.run("%train?"))
    assert "Subset" in page(kernel.run("train?"))


def test_nbdl_shows_a_sheet_that_mentions_every_magic(kernel):
    cell = kernel.run("%nbdl")
    assert cell.status == "ok"
    [shown] = cell.shown
    for words in ("%%model", "%train", "%inspect", "%runs", "nbdl.track", "--keep", "--help"):
        assert words in shown["text/plain"]
    assert shown["text/html"].count("<tr>") > 15
    assert "<script" not in shown["text/html"]
    assert "Show what nbdl can do" in page(kernel.run("%nbdl?"))


def test_what_the_sheet_says_can_be_typed(kernel):
    """Each line of the sheet runs, with its ``...`` filled in."""
    fill = {
        "train, val = nbdl.data.digits().split(0.8)": None,
        "data.TensorDataset(x, y)": None,
        "x, y = val[:32]": None,
        "%%model net --input 1,8,8": "\nSequential(Flatten(), Linear(None, 10))",
        "%%model net --keep": "\nSequential(Flatten(), Linear(64, 10))",
        'nbdl.model("net", Sequential(...), input=(1, 8, 8))': (
            'nbdl.model("net", nn.Sequential(nn.Flatten(), nn.Linear(None, 10)), input=(1, 8, 8))'
        ),
        "%train net train --loss mse --optim sgd --lr 0.1": (
            "%train net {(x, nbdl.zeros((32, 10)))} --loss mse --optim sgd --lr 0.1 --wait"
        ),
        "%train net train --val val --epochs 5": " --wait",
        "%train net train --history 50": " --wait",
        "%runs at run 1200 --as old": "%runs at run 12 --as old",
        "%train run --branch 1200 --lr 1e-4": "%train run --branch 12 --lr 1e-4 --wait",
        "%train net train --compile": " --wait",
        "%train net --resume": " --epochs 6 --wait",
        "%train net --pause": (
            "%train net train --epochs 100000\n%train net --pause\n%train net --stop\nrun.join(10)"
        ),
        "for x, y in nbdl.track(loader, model=net): ...": (
            "for x, y in nbdl.track((x, y), model=net): ..."
        ),
        "%inspect loss": "loss = net(x).sum()\n%inspect loss",
        "%inspect old new --diff": "%inspect net net --diff",
        "%runs rerun ID": (
            "%train net train --name again --max-steps 3 --wait\n%runs rerun again"
        ),
        "with nbdl.detect_anomaly(): ...": None,
        'nbdl.save(net, "net.safetensors")': None,
    }
    assert set(fill) <= {entry.code for section in SHEET for entry in section.entries}
    for section in SHEET:
        for entry in section.entries:
            more = fill.get(entry.code) or ""
            whole = not more or more.startswith(("\n", " "))
            code = entry.code + more if whole else more
            cell = kernel.run(code)
            assert cell.status == "ok", f"{code}\n{cell.said}"
