"""``%train --resume``: after Stop, after kill -9 of the kernel, and what is said meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from nbdl.magics.resuming import cut_off
from nbdl.training.archive.store import forget_stores, open_store
from tests.magics.conftest import LENET
from tests.magics.kernel import Kernel

PREPARED = """
import nbdl
from nbdl import data
train, val = data.digits().split(0.8)
class Wait(nbdl.training.Callback):
    def on_step_end(self, run):
        if run.step == 35: run.pause()
pause = Wait()
"""


def started(place):
    kernel = Kernel(place)
    loaded = kernel.run("%load_ext nbdl")
    assert kernel.run(PREPARED).status == kernel.run(LENET).status == "ok"
    return kernel, loaded


def test_a_killed_kernel_goes_on_in_the_next(tmp_path):
    first, loaded = started(tmp_path)
    assert loaded.printed == ""
    try:
        cell = first.run(
            "%train lenet train --val val --epochs 3 --schedule cosine --checkpoint 1000 "
            "--callbacks pause\n"
            "import time\n"
            "while run.status != 'paused': time.sleep(0.01)\n"
            "run.save()\n"  # one at step 35 for sure: the writer takes its time
            "while run.checkpoints.written != 35: time.sleep(0.01)\n"
            "for step in range(36, 41):\n"
            "    run.single_step()\n"
            "    while run.step < step: time.sleep(0.01)\n"
            "nbdl.runs()"  # the store has it all
        )
        assert cell.status == "ok", cell.said
        process = first.run_later("import os; print(os.getpid())").printed
        os.kill(int(process), signal.SIGKILL)
    finally:
        first.close()
    second, loaded = started(tmp_path)
    try:
        assert "training lenet was cut off at step 40: %train lenet --resume goes on" in (
            loaded.printed
        )
        second.run("pause = nbdl.training.Callback()")
        cell = second.run("%train lenet --resume --wait\nkept = run")
        assert cell.status == "ok", cell.said
        assert "lenet goes on after step 35 (epoch 2 of 3)" in cell.printed
        second.run("nbdl.manual_seed(0)")
        second.run(LENET)
        whole = second.run("%train lenet train --val val --epochs 3 --schedule cosine --wait")
        assert whole.status == "ok", whole.said
        for name in ("loss", "val_loss", "lr"):
            same = f"run.history[{name!r}].tolist() == kept.history[{name!r}].tolist()"
            assert second.value(same) == "True", name
        assert second.value("nbdl.runs()[kept.id].status") == "'finished'"
    finally:
        second.close()


def test_a_loop_that_was_cut_off_is_said_to_go_on_where_it_can(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    open_store().add_run("a", "mine", {}, status="running", step=7, pid=ended.pid)
    assert cut_off() == ["training mine was cut off at step 7: %runs has its numbers"]
    open_store().add_run("b", "mine", {}, status="running", step=9, pid=ended.pid,
                         origin='{"weights": "", "by": "track"}')  # fmt: skip
    said = "nbdl.track(data, model=..., optimizer=..., resume=True) goes on"
    assert cut_off() == [f"training mine was cut off at step 9: {said}"]
    forget_stores()


def test_after_stop_with_a_function_from_the_line(lenet):
    lenet.run(
        "def mine(outputs, y): return nn.functional.cross_entropy(outputs, y)\n"
        "class Stop(nbdl.training.Callback):\n"
        "    def on_step_end(self, run):\n"
        "        if run.step == 30: run.stop()\n"
        "stop = Stop()"
    )
    cell = lenet.run("%train lenet train --loss mine --epochs 2 --callbacks stop --wait")
    assert cell.status == "ok", cell.said
    cell = lenet.run("%train lenet --resume --wait")
    assert cell.status == "ok", cell.said
    assert "lenet goes on after step 30 (epoch 2 of 2)" in cell.printed
    assert lenet.value("run.status, run.step") == "('finished', 46)"


def test_a_loop_of_ones_own_goes_on_in_its_own_cell(lenet):
    loop = (
        "optimizer = nbdl.optim.SGD(lenet.parameters(), lr=0.1)\n"
        "for x, y in (own := nbdl.track(train, model=lenet, optimizer=optimizer, {})):\n"
        "    loss = nn.functional.cross_entropy(lenet(x), y)\n"
        "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
        "    own.log(loss=loss)\n"
        "    if own.step + 1 == {}: break"
    )
    cell = lenet.run(loop.format("epochs=2", 30))
    assert cell.status == "ok", cell.said
    cell = lenet.run("%train lenet --resume")
    assert "run its cell again, with resume=True in nbdl.track" in cell.said
    cell = lenet.run(loop.format("resume=True", 0))
    assert cell.status == "ok", cell.said
    assert lenet.value("own.status, own.step, len(own.history['loss'])") == "('finished', 46, 46)"


def test_a_fit_of_a_keras_model_goes_on_with_the_arrays_it_had(lenet):
    lenet.run(
        "from nbdl import keras\nimport numpy as np\n"
        "A = np.random.default_rng(0).normal(size=(64, 4))\n"
        "B = A[:, :2] * 2\n"
        "small = keras.Sequential([keras.layers.Dense(2, input_shape=(4,))], name='doubling')\n"
        "small.compile('sgd', 'mse')\n"
        "began = small.fit(A, B, epochs=100000, batch_size=8, validation_data=(A, B), "
        "verbose=0, wait=False).run\n"
        "import time\n"
        "while began.step < 20: time.sleep(0.01)\n"
        "began.stop()\nbegan.join()"
    )
    cell = lenet.run("%train small --resume --lr 0.1")
    assert "is a fit of a Keras model, which goes on without --lr" in cell.said
    assert cell.underlined == "0.1"
    cell = lenet.run("%train small --resume --epochs 1")
    assert "is finished" in cell.said
    cell = lenet.run("%train small --resume --epochs {began.epoch + 1} --wait")
    assert cell.status == "ok", cell.said
    assert f"goes on after step {lenet.value('began.step')}" in cell.printed
    assert lenet.value("run.id == began.id, run.status, run.step == 8 * (began.epoch + 1)") == (
        "(True, 'finished', True)"
    )
    lenet.run("kept = {'data': (A, B)}\nA = B = 0")
    cell = lenet.run("%train small --resume --epochs {began.epoch + 2}")
    assert "the data of doubling" in cell.said
    assert "is not among your variables: give it again, by {(x, y)}" in cell.said
    cell = lenet.run("%train small {kept['data']} --resume --epochs {began.epoch + 2}")
    assert "the validation data of doubling" in cell.said


@pytest.mark.parametrize(
    ("words", "said", "underlined"),
    [
        ("--resume", "no runs are kept in", ""),
        ("--resume abc", "no runs are kept in", "abc"),
        ("", "needs the data to train on", ""),
    ],
)
def test_nothing_to_go_on_with(lenet, words, said, underlined):
    cell = lenet.run(f"%train lenet {words}")
    assert said in cell.said
    assert not underlined or cell.underlined in (underlined, "")


def test_what_cannot_be_changed_is_underlined(lenet):
    lenet.run("%train lenet train --epochs 1 --wait")
    cell = lenet.run("%train lenet --resume --batch-size 32")
    assert "cannot be changed in the middle of a training" in cell.said
    assert cell.underlined == "32"
    cell = lenet.run("%train lenet --resume")
    assert "is finished: 1 epoch done" in cell.said
    cell = lenet.run("%train lenet --resume --epochs 2 --wait")
    assert cell.status == "ok", cell.said
    assert lenet.value("run.epoch, run.step") == "(2, 46)"
    cell = lenet.run("%train lenet --resume nothere")
    assert "unknown run 'nothere'" in cell.said
    assert cell.underlined == "nothere"


def test_expressions_of_an_older_line_are_not_evaluated(lenet):
    lenet.run("%train lenet {train} --loss {lambda o, y: nn.functional.cross_entropy(o, y)} "
              "--epochs 1 --wait")  # fmt: skip
    cell = lenet.run("%train lenet --resume --epochs 2")
    assert "the run was started with the data {train}: give it again" in cell.said
    cell = lenet.run("%train lenet train --resume --epochs 2")
    assert "was started with --loss {lambda" in cell.said
    cell = lenet.run("%train lenet train --resume --epochs 2 --wait "
                     "--loss {lambda o, y: nn.functional.cross_entropy(o, y)}")  # fmt: skip
    assert cell.status == "ok", cell.said


def test_checkpoint_options(lenet):
    lenet.run("%train lenet train --epochs 1 --no-checkpoint --wait")
    assert lenet.value("run.checkpoints") == "None"
    lenet.run("%train lenet train --epochs 1 --checkpoint 9 --wait")
    assert lenet.value("run.checkpoints.policy.steps") == "9"
    lenet.run("%train lenet train --epochs 1 --checkpoint \"keep=4, best='loss'\" --wait")
    assert lenet.value("run.checkpoints.policy.keep") == "4"
    cell = lenet.run("%train lenet train --checkpoint nonsense")
    assert "cannot be read" in cell.said
