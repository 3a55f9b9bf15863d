"""Which cells wait for a training, in a real kernel: 'Run All', cells one by one, and Stop."""

from __future__ import annotations

import time

import pytest

from tests.magics.conftest import BEGIN, LENET
from tests.magics.kernel import LATER_S, Kernel

LONG = "%train lenet train --epochs 100000"
SHORT = "%train lenet train --epochs 60"
AFTER = "print(run.status, run.epoch)"


@pytest.mark.parametrize("skew", [300.0, -300.0])
def test_cells_are_told_apart_by_when_they_were_sent_whatever_the_clients_clock(tmp_path, skew):
    kernel = Kernel(tmp_path, skew=skew)
    try:
        # 'Run All' in a notebook that was just opened: the kernel is still starting.
        cells = ["%load_ext nbdl", BEGIN.format(place=str(tmp_path)), LENET, SHORT, AFTER, "1 + 1"]
        requests = [kernel.send(cell) for cell in cells]
        *_, train, after, last = [kernel.result(request) for request in requests]
        assert train.status == "ok", train.said
        assert after.printed == (
            "Waiting for the training of 'lenet' to end (this cell was sent with it).\n"
            "finished 60\n"
        )
        assert last.said.strip() == "2"
        kernel.run_later(LONG)
        assert kernel.run_later(AFTER).printed.startswith("running")
        kernel.run("run.stop()")
        one_by_one(kernel)
    finally:
        kernel.close()


def one_by_one(kernel: Kernel) -> None:
    """Cells as hosts send them that wait for the reply to each."""
    assert kernel.run_later(SHORT).status == "ok"
    time.sleep(0.2)
    assert kernel.run(AFTER).printed.endswith("finished 60\n")
    assert "Waiting" not in kernel.run("run.status").said


def test_cells_sent_one_by_one_right_after_the_reply_wait(lenet):
    one_by_one(lenet)


def test_run_all_waits(lenet):
    requests = [lenet.send(cell) for cell in (SHORT, AFTER)]
    assert lenet.result(requests[0]).status == "ok"
    assert lenet.result(requests[1]).printed.endswith("finished 60\n")


def test_a_cell_typed_later_runs_at_once(lenet):
    lenet.run(LONG)
    assert lenet.run_later(AFTER).printed.startswith("running")
    lenet.run("run.stop()")


def test_two_trainings_of_run_all_come_after_one_another(lenet):
    requests = [lenet.send(cell) for cell in (
        SHORT, "%train lenet train --epochs 3 --as second",
        "print(run.status, second.status, second.epoch)",
    )]  # fmt: skip
    *_, last = [lenet.result(request) for request in requests]
    assert last.printed.endswith("finished finished 3\n")


def test_after_a_failed_training_run_all_stops_with_its_error(lenet):
    lenet.run("def bad(outputs, targets):\n    raise ValueError('no more')")
    requests = [lenet.send(cell) for cell in (
        "%train lenet train --loss bad --no-check", "print('not run')", "print('nor this')",
    )]  # fmt: skip
    train, refused, left = [lenet.result(request) for request in requests]
    assert train.status == "ok"
    assert refused.status == "error"
    assert "the training of 'lenet' failed: ValueError: no more" in refused.said
    assert "not run\n" not in refused.printed
    assert left.status == "aborted"
    assert lenet.run_later("print('now')").printed == "now\n", "only the cells of this 'Run All'"


def test_stop_while_a_cell_waits_keeps_everything_and_ends_run_all(lenet):
    requests = [lenet.send(cell) for cell in (LONG, "print('not run')", "print('nor this')")]
    lenet.result(requests[0])
    time.sleep(1)
    lenet.interrupt()
    refused, left = lenet.result(requests[1]), lenet.result(requests[2])
    assert refused.status == "error"
    assert "the training of 'lenet' was interrupted after step" in refused.said
    assert "everything up to that step is kept" in refused.said
    assert left.status == "aborted"
    assert lenet.value("run.status, run.step > 0") == "('interrupted', True)"
    assert lenet.value("run.history.count('loss') == run.step") == "True"


def test_stop_while_no_cell_runs_ends_the_training(lenet):
    lenet.run(LONG)
    time.sleep(LATER_S)
    lenet.interrupt()
    time.sleep(0.3)
    assert lenet.value("run.join(10), run.status") == "(True, 'interrupted')"


def test_stop_while_the_training_cell_itself_waits(lenet):
    request = lenet.send(f"{LONG} --wait")
    time.sleep(1)
    lenet.interrupt()
    cell = lenet.result(request)
    assert cell.status == "error"
    assert "KeyboardInterrupt" in cell.error
    assert "interrupted after step" in cell.error
    assert lenet.value("run.status, run.history.count('loss') == run.step") == (
        "('interrupted', True)"
    )


def test_stop_ends_another_cell_and_not_the_training(lenet):
    lenet.run(LONG)
    time.sleep(LATER_S)
    request = lenet.send("import time\ntime.sleep(60)")
    time.sleep(0.5)
    lenet.interrupt()
    assert "KeyboardInterrupt" in lenet.result(request).error
    assert lenet.value("run.status") == "'running'"
    lenet.run("run.stop()")


def test_a_step_that_hangs_does_not_hold_the_notebook_for_ever(lenet):
    lenet.run("""
import threading
gate = threading.Event()
def slow(outputs, targets):
    gate.wait(60)
    return nn.functional.cross_entropy(outputs, targets)
""")
    requests = [lenet.send(cell) for cell in (
        "%train lenet train --loss slow --no-check", "print('not run')",
    )]  # fmt: skip
    lenet.result(requests[0])
    for _ in range(3):
        time.sleep(0.5)
        lenet.interrupt()
    refused = lenet.result(requests[1])
    assert refused.status == "error"
    assert "ends when the step under way is done" in refused.said
    assert lenet.run_later("gate.set(); run.join(10); print(run.status)").printed == "interrupted\n"


def test_editors_questions_and_silent_requests_never_wait(lenet):
    lenet.run(LONG)
    assert lenet.complete("lenet.forw") == ["forward"]
    assert lenet.value_silently("run.status") == "'running'"
    lenet.run_later("run.stop()")


def test_an_error_in_an_awaited_run_is_raised_where_it_is_awaited(lenet):
    lenet.run("def bad(outputs, targets):\n    raise ValueError('no more')")
    lenet.run("%train lenet train --loss bad --no-check")
    cell = lenet.run_later("run.status, run.message")
    assert "('failed', 'ValueError: no more')" in cell.said
    assert "ValueError: no more" in lenet.run("run.wait()").error
