"""Which cells wait for a training, and what becomes of them."""

from __future__ import annotations

import ast
import datetime
import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest
from IPython.core.error import InputRejected

from nbdl.magics.waiting import NOTICE, Clock, Waiting, hold, in_batch
from nbdl.training import Run

TRAIN, NEXT = "train-cell", "next-cell"


class FakeRun:
    name = "net"
    step = 7
    exception = None
    notice = ""

    def __init__(self, status: str = "running") -> None:
        self.status = status
        self.interrupts = 0
        self.ended = threading.Event()
        self.notices: list[str] = []

    @property
    def is_alive(self) -> bool:
        return not self.ended.is_set()

    def join(self, timeout: float) -> bool:
        self.notices.append(self.notice)
        return self.ended.wait(timeout)

    def interrupt(self) -> None:
        self.interrupts += 1
        self.status = "interrupted"
        self.ended.set()

    outcome = Run.outcome

    def end(self, status: str = "finished", exception: Exception | None = None) -> None:
        self.status, self.exception = status, exception
        self.ended.set()


class FakeShell:
    """Requests with ids and dates, as ipykernel's shell hands them out."""

    execution_count = 1

    def __init__(self) -> None:
        self.parent: dict = {}

    def request(self, msg_id: str, sent: float, **content: object) -> None:
        date = datetime.datetime.fromtimestamp(sent, datetime.UTC)
        self.parent = {"header": {"msg_id": msg_id, "date": date}, "content": content}

    def get_parent(self) -> dict:
        return self.parent


def train_cell(skew: float = 0.0) -> tuple[FakeShell, Waiting, FakeRun]:
    """A shell whose ``%train`` cell has just been answered; the client's clock is off by skew."""
    shell = FakeShell()
    waiting = Waiting(shell)
    run = FakeRun()
    shell.request(TRAIN, time.time() - skew)
    waiting.pre_execute()
    waiting.started(run)
    waiting.post_execute()
    return shell, waiting, run


def visit(waiting: Waiting) -> None:
    waiting.pre_execute()
    waiting.visit(ast.parse("1"))


@pytest.mark.parametrize("skew", [0.0, 300.0, -300.0])
def test_a_cell_sent_with_train_waits_whatever_the_clients_clock(skew, capsys):
    shell, waiting, run = train_cell(skew)
    shell.request(NEXT, time.time() - skew - 0.2)  # sent before the reply, queued meanwhile
    threading.Timer(0.25, run.end).start()
    began = time.perf_counter()
    visit(waiting)
    assert time.perf_counter() - began > 0.2
    assert "Waiting for the training of 'net'" in capsys.readouterr().out


@pytest.mark.parametrize("skew", [0.0, 300.0, -300.0])
def test_a_cell_sent_two_seconds_later_runs_at_once(skew):
    shell, waiting, run = train_cell(skew)
    waiting._replied -= 2
    shell.request(NEXT, time.time() - skew)
    visit(waiting)
    assert not run.notices


def test_a_cell_sent_one_by_one_right_after_the_reply_waits():
    shell, waiting, run = train_cell()
    shell.request(NEXT, time.time() + 0.1)
    threading.Timer(0.1, run.end).start()
    visit(waiting)
    assert run.notices[0] == NOTICE
    assert run.notice == ""


def test_after_a_failed_run_the_waiting_cell_is_refused_with_its_error():
    shell, waiting, run = train_cell()
    shell.request(NEXT, time.time())
    run.end("failed", ValueError("the loss became NaN"))
    with pytest.raises(InputRejected, match="ValueError: the loss became NaN"):
        visit(waiting)
    visit(waiting)  # only once


def test_after_an_interrupt_the_waiting_cell_is_refused():
    shell, waiting, run = train_cell()
    shell.request(NEXT, time.time())
    threading.Timer(0.15, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(InputRejected, match="interrupted after step 7"):
        visit(waiting)
    assert run.interrupts == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_silent_request_of_an_editor_never_waits():
    shell, waiting, run = train_cell()
    shell.request(NEXT, time.time() - 0.1, silent=True)
    visit(waiting)
    assert not run.notices


def test_hold_puts_the_notice_back_and_returns_at_the_end():
    run = FakeRun()
    threading.Timer(0.05, run.end).start()
    hold(run)
    assert run.notice == ""


def test_the_clock_learns_the_smallest_lag():
    clock = Clock()
    assert clock.sent(100.0, 110.0) == 110.0
    assert clock.sent(101.0, 106.0) == 106.0
    assert clock.sent(102.0, 120.0) == 107.0
    assert clock.sent(500.0, 120.0, "another client") == 120.0
    assert clock.sent(103.0, 120.0) == 108.0


def test_batch_means_that_no_input_is_allowed():
    shell = FakeShell()
    assert in_batch(shell)
    shell.request(TRAIN, time.time(), allow_stdin=True)
    assert not in_batch(shell)
    shell.request(TRAIN, time.time(), allow_stdin=False)
    assert in_batch(shell)


def test_an_idle_interrupt_handler_is_put_where_ipykernel_restores_it():
    shell, waiting, _ = train_cell()
    shell.kernel = SimpleNamespace(saved_sigint_handler=signal.SIG_IGN)
    waiting.post_execute()
    assert shell.kernel.saved_sigint_handler.__name__ == "_interrupt_active_runs"
