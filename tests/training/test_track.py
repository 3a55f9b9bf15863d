"""``nbdl.track``: hand-written loops as runs."""

from __future__ import annotations

import _thread
import signal
import threading
import time

import numpy as np
import pytest

import nbdl
from nbdl import events, nn
from nbdl.errors import ArgumentError, DataError, TrainingError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)


def setting(**options):
    model = nn.Linear(4, 3)
    optimizer = nbdl.optim.SGD(model.parameters(), lr=0.1)
    run = nbdl.track(
        nbdl.data.DataLoader((X, Y), batch_size=16, shuffle=True), model=model,
        optimizer=optimizer, **options,
    )  # fmt: skip

    def step(x, y, clear_after=False):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if clear_after:
            optimizer.zero_grad()
        return loss

    return model, run, step


def go_through(run, body):
    for batch in run:
        body(*batch)


@pytest.mark.parametrize("clear_after", [False, True])
def test_a_loop_by_hand_gets_history_gradients_events_and_the_store(clear_after):
    told = []
    kinds = (events.RunStarted, events.StepDone, events.EpochDone, events.RunFinished)
    undo = [events.subscribe(k, lambda e: told.append(type(e).__name__)) for k in kinds]
    _, run, step = setting(epochs=2)
    assert len(run) == 8
    for x, y in run:
        run.log(loss=step(x, y, clear_after), extra=1)
    for unsubscribe in undo:
        unsubscribe()
    assert (run.status, run.step, run.epoch) == ("finished", 8, 2)
    assert run.history.count("loss") == run.history.count("extra") == 8
    assert run.history.last("lr") == 0.1
    g = run.history.gradients
    assert g.layers == ["weight", "bias"]
    assert (g.norms > 0).all()
    np.testing.assert_allclose(g.updates, 0.1 * g.norms, rtol=1e-3)
    assert told == ["RunStarted", *["StepDone"] * 4, "EpochDone", *["StepDone"] * 4,
                    "EpochDone", "RunFinished"]  # fmt: skip
    [kept] = nbdl.runs()
    np.testing.assert_array_equal(kept.history()["loss"], run.history["loss"])
    assert len(run.epoch_values) == 2
    assert not nbdl.training.active_runs()


def test_numbers_may_be_logged_after_the_loop():
    _, run, step = setting()
    for x, y in run:
        step(x, y)
    run.log(test_accuracy=0.5)
    assert run.history.series("test_accuracy")[0].tolist() == [4]


def test_stop_ends_the_loop_and_the_code_after_it_goes_on():
    _, run, step = setting(epochs=100)
    for x, y in run:
        run.log(loss=step(x, y))
        if run.step == 4:
            run.stop()
    assert (run.status, run.step) == ("stopped", 5)


def test_leaving_the_loop_stops_the_run_and_an_error_too():
    _, run, _ = setting()
    for _ in run:
        break
    assert run.status == "stopped"
    assert "the loop was left in step 1" in run.message
    _, run, _ = setting()
    with pytest.raises(ZeroDivisionError):
        go_through(run, lambda x, y: 1 / 0)
    assert not run.is_alive
    assert not nbdl.training.active_runs()


def test_an_interrupt_waits_for_the_end_of_the_step():
    _, run, step = setting(epochs=1000)
    finished = []

    def body(x, y):
        if run.step == 2:
            _thread.interrupt_main()
        run.log(loss=step(x, y))
        finished.append(run.step)

    with pytest.raises(KeyboardInterrupt, match="was interrupted after step 3"):
        go_through(run, body)
    assert (run.status, run.step, finished) == ("interrupted", 3, [0, 1, 2])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_does_not_wait():
    _, run, _ = setting(epochs=1000)

    def body(x, y):
        for _ in range(3):
            _thread.interrupt_main()
            time.sleep(0.01)
        raise AssertionError("the second interrupt did not come")

    with pytest.raises(KeyboardInterrupt):
        go_through(run, body)
    assert run.status == "interrupted"
    assert run.step == 0


def test_a_run_can_be_paused_and_changed_from_another_thread():
    _, run, step = setting(epochs=3)

    def control():
        run.set_lr(0.01)
        run.resume()

    for x, y in run:
        run.log(loss=step(x, y))
        if run.step == 5:
            run.pause()
            threading.Timer(0.05, control).start()
    assert run.history.last("lr") == 0.01
    assert run.step == 12


def test_a_loop_is_gone_through_once():
    _, run, _ = setting()
    for _ in run:
        pass
    with pytest.raises(TrainingError, match="gone through already"):
        for _ in run:
            pass


def test_what_is_no_optimizer_or_number_is_said():
    with pytest.raises(ArgumentError, match="an optimizer that exists is needed here, got 'adam'"):
        nbdl.track((X, Y), model=nn.Linear(4, 3), optimizer="adam")
    with pytest.raises(ArgumentError, match="model must be a module"):
        nbdl.track((X, Y), model="net")
    _, run, _ = setting()
    with pytest.raises(DataError, match="'loss' to be logged must be one number, got 'a'"):
        go_through(run, lambda x, y: run.log(loss="a"))


@pytest.mark.parametrize(
    ("options", "watched", "drawn"),
    [({}, False, True), ({}, True, False), ({"progress": False}, False, False),
     ({"progress": True}, True, True)],
)  # fmt: skip
def test_progress_is_drawn_as_text_where_no_view_shows_the_loop(capsys, options, watched, drawn):
    _, run, step = setting(epochs=2, name="digits", **options)
    run.watched = watched
    for x, y in run:
        run.log(loss=step(x, y))
        time.sleep(0.15)
    text = capsys.readouterr().err
    assert ("digits epoch 2/2: 100%" in text) is drawn
    assert ("loss=" in text) is drawn


def test_data_is_batched_and_a_model_is_not_needed():
    run = nbdl.track((X, Y), batch_size=32, epochs=2)
    assert [x.shape for x, _ in run] == [(32, 4)] * 4
    assert run.name == "run"
    with pytest.raises(TypeError):
        len(nbdl.track(iter([(X, Y)])))
