"""IPython in a terminal: no widgets, the same words, and text in place of every picture."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\x1b\(B")
ASKS = [r"In \[\d+\]: ", r" +\.\.\.: "]
LIMIT = 60

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")


LENET = "%%model lenet --input 1,8,8\nSequential(Flatten(), Linear(None, 16), Linear(16, 10))"


class Terminal:
    """A person at IPython's prompt."""

    graph = training = ""

    def __init__(self, place: Path) -> None:
        self.shell = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor",
             "--no-confirm-exit"],
            encoding="utf8", timeout=LIMIT, dimensions=(60, 130), echo=False,
            cwd=str(place), env={**os.environ, "IPYTHONDIR": str(place / "ipython"),
                                  "PAGER": "cat"},
        )  # fmt: skip
        self.shell.expect(ASKS[0])

    def run(self, code: str) -> str:
        """Type a cell; what is on the screen when the next prompt comes."""
        self.start(code)
        return self.end()

    def start(self, code: str) -> None:
        """Type a cell and do not wait."""
        first, *more = code.split("\n")
        self.shell.sendline(first)
        for line in more:
            self.shell.expect(ASKS[1])
            self.shell.sendline(line)

    def end(self) -> str:
        """Wait for the next prompt."""
        while self.shell.expect(ASKS):
            self.shell.sendline("")
        return CONTROL.sub("", self.shell.before).replace("\r\n", "\n")


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A terminal with digits and a small model that was trained: ``graph`` and ``training`` are
    what their cells have shown."""
    found = Terminal(tmp_path_factory.mktemp("terminal"))
    for line in ("%load_ext nbdl", "from nbdl import data, nn",
                 "train, val = data.digits().split(0.8)", "x, y = val[:32]"):  # fmt: skip
        assert found.run(line).strip() == ""
    found.graph = found.run(LENET)
    found.training = found.run("%train lenet train --val val --epochs 3")
    yield found
    found.shell.close(force=True)


def test_a_model_is_defined_and_shown_as_a_table(terminal):
    shown = terminal.graph
    assert "lenet · Sequential" in shown
    assert re.search(r"1  Linear  64→16 .*1×16 .*1,040", shown)
    assert "1,210 parameters" in shown
    assert "widget" not in shown
    assert "<nbdl view" not in shown


def test_training_waits_with_a_bar_and_ends_with_a_summary(terminal):
    shown = terminal.training
    bar, _, summary = shown.rpartition("\r")
    assert re.search(r"lenet epoch 3/3: 100%\|█+\| 69/69 \[.*loss=", summary)
    assert "lenet:   0%|" in bar
    assert "lenet · finished" in summary
    assert "epoch 3 / 3 · step 69 / 69" in summary
    assert re.search(r"val_accuracy +[▁▂▃▄▅▆▇█]+ ", summary)
    assert terminal.run("run.status").strip().endswith("'finished'")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%inspect lenet", ["lenet · Sequential", "1,210 parameters"]),
        ("%inspect lenet --on x", ["Mean ± std", "Gradient", "32×16"]),
        ("%inspect {nn.functional.cross_entropy(lenet(x), y)}", ["computation graph",
                                                               "cross_entropy"]),
        ("%inspect run", ["lenet · finished", "val_loss"]),
        ("%inspect run --gradients", ["Gradient flow · lenet", "1.weight |"]),
        ("nbdl.inspect(lenet)", ["lenet · Sequential"]),
        ("%inspect {nbdl.train(lenet, train, max_steps=4, compile=True).plan()}",
         ["the machine's limits allow", "GFLOP/s", "linear"]),
        ("run", ["lenet · finished"]),
        ("%runs", ["id  ", "lenet", "finished"]),
        ("%nbdl", ["%train net train --val val", "Looking inside"]),
        ("%train --help", ["Usage: %train", "--early-stopping EPOCHS"]),
        ("%train?", ["Usage: %train", "--early-stopping EPOCHS"]),
        ("nbdl.train(lenet, train, max_steps=2)", ["lenet · finished"]),
        ("%train lenet train --optim sgdd", ["unknown --optim 'sgdd'; did you mean 'sgd'?",
                                           "^^^^"]),
        ("nbdl.zeros((2, 3)) @ x[0]", ["ShapeError (cell, line 1)", "^^^^", "matmul of x (2, 3)"]),
    ],
)  # fmt: skip
def test_every_view_has_a_text(terminal, line, words):
    shown = terminal.run(line)
    for word in words:
        assert word in shown, shown
    assert "Traceback" not in shown
    assert "<nbdl view" not in shown


def test_control_c_ends_the_training_between_two_steps(terminal):
    terminal.start("%train lenet train --epochs 100000")
    terminal.shell.expect(r"loss=")
    time.sleep(0.3)
    terminal.shell.sendintr()
    shown = terminal.end()
    assert "lenet · interrupted" in shown
    assert "KeyboardInterrupt: the training of 'lenet' was interrupted after step" in shown
    kept = terminal.run("run.status, run.step > 0, run.history.count('loss') == run.step")
    assert "('interrupted', True, True)" in kept


def test_a_sweep_tells_each_trial_and_control_c_keeps_them(terminal):
    pytest.importorskip("optuna")
    shown = terminal.run("%train lenet train --max-steps 2 --sweep lr=0.1,0.01 --trials 2")
    assert re.search(r"trial 0: lr=\S+: finished \d", shown)
    assert re.search(r"trial +lr +loss +status +run", shown)
    terminal.start("%train lenet train --epochs 100000 --sweep lr=0.1,0.01 "
                   "--callbacks {lambda run: print('an epoch', run.epoch)}")  # fmt: skip
    terminal.shell.expect("an epoch 3")
    terminal.shell.sendintr()
    shown = terminal.end()
    assert "KeyboardInterrupt: sweep-" in shown
    assert "'interrupted'" in terminal.run("sweep.status")


def test_it_can_be_unloaded(terminal):
    terminal.run("%unload_ext nbdl")
    assert "Line magic function `%train` not found" in terminal.run("%train lenet train")
    terminal.run("%load_ext nbdl")
