"""``%train … --sweep`` in a real kernel: the kernel stays free, and words act on the sweep."""

from __future__ import annotations

import time

import pytest

from tests.magics.kernel import LATER_S

pytest.importorskip("optuna")

LONG = "%train lenet train --epochs 100000 --sweep lr=1e-3..1e-1:log --trials 50"
SHORT = "%train lenet train --max-steps 2 --sweep lr=0.1,0.01 --trials 3"


@pytest.fixture
def sweeping(lenet):
    """A kernel in which lenet is being swept, its first trial without an end in sight."""
    cell = lenet.run(LONG)
    assert cell.status == "ok", cell.said
    time.sleep(LATER_S)
    lenet.until("sweep.run.step > 0")
    yield lenet
    lenet.run("sweep.stop(); sweep.join(10)")


def test_the_cell_returns_and_shows_picture_trials_and_dashboard(lenet):
    cell = lenet.run(LONG)
    try:
        assert cell.status == "ok", cell.said
        assert {"image/svg+xml", "text/html", "application/vnd.jupyter.widget-view+json"} <= (
            cell.kinds
        )
        assert "trial 1 of 50 with lr=" in cell.said
        table = next(d["text/html"] for d in cell.shown if "text/html" in d)
        assert f"<code>%runs {lenet.run_later('print(sweep.run.id)').printed.strip()}</code>" in (
            table
        )
    finally:
        lenet.run("sweep.stop(); sweep.join(10)")


def test_its_end_is_shown_under_its_cell(lenet):
    request = lenet.send(SHORT + " --wait")
    cell = lenet.result(request)
    assert cell.status == "ok", cell.said
    pictures = [d["text/plain"] for d in cell.shown if "Best loss" in d.get("text/plain", "")]
    assert "3 trials. Best loss" in pictures[-1]
    *_, table = [d["text/html"] for d in cell.shown if "text/html" in d]
    assert table.count("finished") == 3
    assert lenet.value("sweep.status, len(sweep.trials)") == "('finished', 3)"
    again = lenet.run("sweep")
    assert "3 trials. Best loss" in again.said


def test_pause_resume_and_stop(sweeping):
    sweeping.run("%train lenet --pause")
    sweeping.until("sweep.run.status == 'paused' and sweep.status == 'paused'")
    before = sweeping.value("sweep.run.step")
    sweeping.run("%train lenet --resume")
    sweeping.until(f"sweep.status == 'running' and sweep.run.step > {before}")
    sweeping.run("%train sweep --stop")
    sweeping.until("sweep.status == 'stopped'")
    assert sweeping.value("[t.status for t in sweep.trials]") == "['stopped']"
    assert "lenet is not being trained" in sweeping.run("%train lenet --pause").said
    cell = sweeping.run("%train sweep --resume")
    assert "is stopped: there is nothing to resume" in cell.said


@pytest.mark.parametrize(
    ("line", "message", "part"),
    [
        ("%train lenet train", "'lenet' is being swept already", ""),
        ("%train lenet train --sweep lr=1,2", "'lenet' is being swept already", ""),
        ("%train lenet --set-lr 1", "--set-lr is for one training; a sweep knows --pause", ""),
        ("%train lenet --single-step", "--single-step is for one training", "--single-step"),
        ("%train lenet --resume", "is running: there is nothing to resume", "lenet"),
    ],
)
def test_what_does_not_go_with_a_sweep_is_said(sweeping, line, message, part):
    cell = sweeping.run(line)
    assert message in cell.said
    if part:
        assert cell.underlined == part
    assert sweeping.value("sweep.status") == "'running'"


def test_the_stop_button_ends_it_while_the_kernel_is_idle(sweeping):
    sweeping.interrupt()
    sweeping.until("sweep.status == 'interrupted'")
    assert sweeping.value("[t.status for t in sweep.trials]") == "['interrupted']"


def test_the_stop_button_ends_it_while_the_cell_waits(lenet):
    lenet.run(
        "import signal\n"
        "pressed = []\n"
        "def press(run):\n"
        "    if run.notice and not pressed:  # the cell waits\n"
        "        pressed.append(run)\n"
        "        os.kill(os.getpid(), signal.SIGINT)"
    )
    cell = lenet.run(LONG + " --wait --callbacks press")
    assert cell.status == "error"
    assert "was interrupted in trial" in cell.said
    assert lenet.value("sweep.status, sweep.trials[-1].status, sweep.run.step > 0") == (
        "('interrupted', 'interrupted', True)"
    )


def test_cells_of_run_all_wait_for_it(lenet):
    requests = [lenet.send(cell) for cell in (SHORT, "print(sweep.status, len(sweep.trials))")]
    assert lenet.result(requests[0]).status == "ok"
    assert lenet.result(requests[1]).printed.endswith("finished 3\n")


def test_batch_execution_waits_as_for_single_runs(lenet):
    cell = lenet.run(SHORT, interactive=False)
    assert cell.status == "ok", cell.said
    assert lenet.value("sweep.status, len(sweep.trials)") == "('finished', 3)"


def test_the_function_shows_itself_while_a_cell_waits_for_it(lenet):
    cell = lenet.run("found = nbdl.sweep(lenet, train, {'lr': [0.1, 0.01]}, trials=2, max_steps=2)")
    assert cell.status == "ok", cell.said
    assert "trial 1 of 2" in cell.said
    assert "2 trials. Best loss" in cell.said
