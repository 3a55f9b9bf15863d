"""What ``%runs`` does with runs, in a real kernel."""

from __future__ import annotations

import json
import os

import pytest

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def two(lenet):
    """Two runs, ``first`` and ``second``; the ids are the variables ``a`` and ``b``."""
    for name, lr in (("first", 0.01), ("second", 0.02)):
        cell = lenet.run(
            f"%train lenet train --val val --max-steps 4 --lr {lr} --wait --name {name}"
        )
        assert cell.status == "ok", cell.said
    lenet.run("b, a = (r.id for r in nbdl.runs())")
    return lenet


def done(kernel, line):
    cell = kernel.run(line)
    assert cell.status == "ok", cell.said
    return cell


def refused(kernel, line):
    cell = kernel.run(line)
    assert cell.status == "error"
    return cell


def test_one_run_is_shown_with_its_dashboard_and_all_that_is_recorded(two):
    cell = done(two, "%runs first")
    assert {"application/vnd.jupyter.widget-view+json", "image/svg+xml", "text/html"} <= cell.kinds
    for part in ("first · finished", "Configuration", "python", "%%model lenet --input 1,8,8"):
        assert part in cell.said
    prefix = two.value("a[:5]").strip("'")
    assert "first · finished" in done(two, f"%runs show {prefix}").said


def test_runs_are_compared(two):
    cell = done(two, "%runs first second")
    for part in ("A  first (", "B  second (", "lr  0.01  0.02", "val_accuracy"):
        assert part in cell.said
    assert {"text/html", "image/svg+xml", "image/png"} <= cell.kinds
    assert "A  second" in done(two, "%runs compare --where lr>0").said
    assert "2 to 18 runs, got 1" in refused(two, "%runs compare first").said
    assert refused(two, "%runs first third").underlined == "third"


def test_runs_are_chosen_and_sorted(two):
    def names(line):
        said = done(two, line).shown[-1]["text/plain"].splitlines()
        return [row.split()[1] for row in said[1:]]

    assert names("%runs --sort lr") == ["first", "second"]
    assert names("%runs --sort lr --descending") == ["second", "first"]
    assert names("%runs --sort '-lr'") == ["second", "first"]
    assert names("%runs --where lr>0.015 --where 'name ~ SEC'") == ["second"]
    assert names("%runs --where {'lr < %g' % 0.015}") == ["first"]
    done(two, "%runs tag first good old")
    assert names("%runs --tag good") == ["first"]
    done(two, "%runs untag first old")
    done(two, "%runs note first 'a good one'")
    assert two.value("nbdl.runs()['first'].tags, nbdl.runs()['first'].note") == (
        "(('good',), 'a good one')"
    )
    done(two, "%runs rename first 'the best'")
    assert two.value("nbdl.runs()[1].name") == "'the best'"


@pytest.mark.parametrize(
    ("line", "message", "part"),
    [
        ("delte first", "no run 'delte' is kept here; did you mean 'delete'?", "delte"),
        ("delete firs", "no run 'firs' is kept here; did you mean 'first'?", "firs"),
        ("delete", "%runs delete needs the runs", ""),
        ("rename first", "%runs rename ID NAME", ""),
        ("rename first a b", "%runs rename ID NAME", "b"),
        ("undo first", "nothing follows", "first"),
        ("restore first", "no run 'first' is kept here", "first"),
        ("--where vall>1", "unknown column 'vall'", "vall>1"),
        ("--where nonsense", "'nonsense' is no condition on runs", "nonsense"),
        ("--sort vall", "unknown column 'vall'", "vall"),
        ("export first run.doc", "runs are not exported as .doc", "run.doc"),
        ("export first no/run.csv", "no/run.csv cannot be written", "no/run.csv"),
        ("report first run.pdf", "'run.pdf' does not end in .html", "run.pdf"),
        ("untag first x", "has no tag 'x'", "x"),
    ],
)
def test_what_is_wrong_is_said_under_the_word(two, line, message, part):
    cell = refused(two, f"%runs {line}")
    assert message in cell.printed
    assert cell.underlined == part
    assert two.value("len(nbdl.runs())") == "2"


def test_the_trash(two):
    assert "1 run is in the trash now; %runs undo brings it back" in done(
        two, "%runs delete first"
    ).said
    assert "first" not in done(two, "%runs").said
    assert "first" in done(two, "%runs trash").said
    assert "back from the trash" in done(two, "%runs undo").said
    assert "the trash is empty" in done(two, "%runs undo").said
    assert "2 runs are in the trash now" in done(two, "%runs delete --where lr>0").said
    assert "(second)" in done(two, "%runs restore second").said
    assert "1 run removed for ever" in done(two, "%runs empty-trash").said
    assert two.value("[r.name for r in nbdl.runs()]") == "['second']"


def test_a_run_that_trains_is_not_deleted(lenet):
    lenet.run("%train lenet train --epochs 100000")
    assert "still training" in lenet.run_later("%runs delete lenet").said
    lenet.run("run.stop()")


def test_runs_become_files(two, tmp_path):
    assert "written: run.csv" in done(two, "%runs export first run.csv").said
    done(two, "%runs export runs.json --sort lr")
    done(two, "%runs report first second both.html")
    assert (tmp_path / "run.csv").read_text().startswith("step,loss")
    found = json.loads((tmp_path / "runs.json").read_text())
    assert [run["name"] for run in found] == ["first", "second"]
    assert "second" in (tmp_path / "both.html").read_text()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".nbdl-")]


def test_a_run_is_trained_again_from_its_source_and_the_data_that_is_there(kernel):
    kernel.run("%%model net --input 1,8,8 --quiet\nSequential(Flatten(), Linear(None, 10))")
    done(kernel, "%train net train --val val --max-steps 6 --wait")
    kernel.run("net = 5; nbdl.manual_seed(77)")
    cell = done(kernel, "%runs rerun net")
    assert "identical" in cell.said
    assert kernel.value("net") == "5", "what the cell defines stays out of the variables"
    kernel.run("a = nbdl.runs()[0].id")
    kernel.run("del train")
    missing = refused(kernel, "%runs rerun net")
    assert "none of your variables holds the data" in missing.printed
    assert "Subset of 1438" in missing.printed
    assert missing.underlined == "net"


def test_a_model_without_source_is_found_by_the_weights_it_began_with(kernel):
    code = "nbdl.manual_seed(4)\nnet = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))"
    kernel.run(code)
    done(kernel, "%train net train --max-steps 6 --wait")
    missing = refused(kernel, "%runs rerun Sequential")
    assert "has no recorded source" in missing.printed
    kernel.run(code)
    before = kernel.value("net[1].weight.sum().item()")
    assert "identical" in done(kernel, "%runs rerun Sequential").said
    assert kernel.value("net[1].weight.sum().item()") == before, "a copy was trained"


def test_hostile_names_are_text(lenet):
    lenet.run(f"name = {HOSTILE!r}")
    for _ in range(2):
        done(lenet, "%train lenet train --max-steps 2 --wait --name {name}")
    lenet.run("b, a = (r.id for r in nbdl.runs())")
    ids = " ".join(lenet.value(name).strip("'") for name in "ab")
    for line in (f"%runs {ids}", f"%runs {ids.split()[0]}", "%runs"):
        cell = done(lenet, line)
        assert HOSTILE in cell.said
        for data in cell.shown:
            for kind in ("text/html", "image/svg+xml"):
                assert "<img" not in data.get(kind, "")


def test_a_damaged_store_is_said(lenet, tmp_path):
    (tmp_path / ".nbdl").mkdir()
    (tmp_path / ".nbdl" / "runs.sqlite").write_bytes(b"this is a diary, not a data base" * 40)
    lenet.run("import warnings; warnings.simplefilter('ignore')")
    cell = lenet.run("nbdl.runs(os.getcwd())")
    assert "FileError" in cell.error
    assert "move it away" in cell.error
    assert (tmp_path / ".nbdl" / "runs.sqlite").read_bytes().startswith(b"this is a diary")


def test_help_tells_all_actions(lenet):
    cell = done(lenet, "%runs --help")
    for word in ("rename", "undo", "export", "report", "rerun", "--where", "--sort"):
        assert word in cell.said
