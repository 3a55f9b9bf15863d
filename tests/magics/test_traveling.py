"""``%runs at`` and ``%train RUN --branch``, in a real kernel."""

from __future__ import annotations

import pytest


@pytest.fixture
def past(lenet):
    """A run with snapshots, ``run``, of the model ``lenet``."""
    done(lenet, "%train lenet train --val val --max-steps 30 --history 8 --wait")
    return lenet


def done(kernel, line):
    cell = kernel.run(line)
    assert cell.status == "ok", cell.said
    return cell


def refused(kernel, line):
    cell = kernel.run(line)
    assert cell.status == "error"
    return cell


def test_the_model_of_a_step_becomes_a_variable(past):
    cell = done(past, "%runs at run 5 --as old")
    assert cell.printed.strip() == "old is " + past.value("run.at(5)._name").strip("'")
    assert past.value("(old[1].weight == run.at(5)[1].weight).all().item()") == "True"
    done(past, "%runs at lenet {10 + 2}")
    assert past.value("lenet_at_12._name == run.at(12)._name") == "True"
    run = past.value("run.id").strip("'")
    done(past, f"%runs at {run} 12")


def test_a_branch_is_a_run_with_other_options(past):
    done(past, "%train run --branch 12 --lr 0.5 --wait")
    assert past.value("branch.config['parent'].startswith(f'branch of {run.id} at')") == "True"
    assert past.value("(branch.lr, branch.step)") == "(0.5, 30)"


def test_without_other_options_it_does_what_the_run_has_done(past):
    done(past, "%train lenet --branch 12 --as again --wait")
    assert past.value("(again.history['loss'] == run.history['loss']).all().item()") == "True"


def test_a_branch_goes_on_with_its_own_data_after_stop(past):
    done(past, "%train run --branch 12 --max-steps 40 --wait --callbacks {lambda r: r.stop()}")
    assert past.value("branch.origin['line'].split()[:2]") == "['lenet', 'train']"
    assert "--max-steps 40" in past.value("branch.origin['line']")


@pytest.mark.parametrize(
    ("line", "said", "under"),
    [
        ("%runs at run 31", "there is no step 31 in the run", "31"),
        ("%runs at run zz", "no variable 'zz'", "zz"),
        ("%runs at nothing 3", "unknown run 'nothing'", "nothing"),
        ("%runs at run", "%runs at RUN STEP", ""),
        ("%runs at run 3 --as 4x", "cannot be the name of a variable", "4x"),
        ("%train run --branch 31", "there is no step 31 in the run", "31"),
        ("%train run --branch 2.5", "must be an integer", "2.5"),
        ("%train nothing --branch 3", "unknown run 'nothing'", "nothing"),
        ("%train run --branch 3 --resume", "does not go with --resume", "--resume"),
        ("%train run --branch 3 --optim momentun", "unknown --optim 'momentun'", "momentun"),
        ("%train run --branch", "--branch needs a value: --branch STEP", "--branch"),
    ],
)
def test_what_cannot_be_meant_is_underlined(past, line, said, under):
    cell = refused(past, line)
    assert said in cell.said
    assert cell.underlined == under


def test_a_run_without_snapshots_says_how_to_have_them(lenet):
    done(lenet, "%train lenet train --max-steps 3 --wait")
    assert "--history 50" in refused(lenet, "%runs at run 2").said
    assert "--history 50" in refused(lenet, "%train run --branch 2").said


def test_runs_are_offered(past):
    assert "run" in past.complete("%runs at r")
    assert "run" in past.complete("%train ru")
    assert "--branch" in past.complete("%train run --br")


FORGET = """
from nbdl.training.checkpointing import travel
travel._traveling.clear()
ID = run.id
losses = run.history["loss"]
then = run.model[1].weight.numpy().copy()
del run
"""
"""As after a restart of the kernel: only files know of the run."""


def test_a_run_that_is_not_in_memory_goes_back_to_its_checkpoints(past):
    done(past, FORGET)
    done(past, "%runs at lenet 30 --as old")
    assert past.value("(old[1].weight.numpy() == then).all().item()") == "True"
    done(past, "del lenet")
    done(past, f"%runs at {run_id(past)} 30")
    assert past.value("(lenet_at_30[1].weight.numpy() == then).all().item()") == "True"
    cell = refused(past, "%runs at lenet 7")
    assert "its checkpoints are of" in cell.said
    assert cell.underlined == "7"


def test_a_run_that_is_not_in_memory_branches_with_the_data_that_its_line_names(past):
    done(past, FORGET)
    done(past, "%train lenet --branch 30 --max-steps 35 --wait")
    assert past.value("(branch.history['loss'][:30] == losses).all().item()") == "True"
    assert past.value("branch.step") == "35"
    done(past, "del train")
    assert "needs its data" in refused(past, f"%train {run_id(past)} --branch 30").said


def run_id(kernel):
    return kernel.value("ID").strip("'")
