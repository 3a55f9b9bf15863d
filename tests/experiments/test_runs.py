"""The list of runs: choosing, naming, the trash."""

from __future__ import annotations

import os
import sqlite3

import pytest

import nbdl
from nbdl import experiments
from nbdl.errors import ArgumentError, FileError
from nbdl.training.archive.store import open_store


@pytest.fixture
def three(enter):
    enter("lenet", config={"lr": 0.1, "loss": "mse"}, loss=[2, 1.5], val_accuracy=[0.5, 0.7])
    enter("mlp", config={"lr": 0.01, "loss": "mse"}, loss=[2, float("nan")], status="failed")
    enter("lenet", config={"lr": 0.2, "loss": "l1"}, loss=[2, 0.5], val_accuracy=[0.6, 0.95])


def ids(runs):
    return [r.id for r in runs]


def test_the_newest_is_first_whatever_the_clock_said(three):
    with sqlite3.connect(".nbdl/runs.sqlite") as db:
        db.execute("UPDATE runs SET created = 5e9 WHERE id = '0000'")
    db.close()
    assert ids(nbdl.runs()) == ["0002", "0001", "0000"]
    assert [r.number for r in nbdl.runs()] == [3, 2, 1]


def test_a_run_is_named_by_place_id_name_or_first_letters(three, enter):
    enter("other", id="abcdef01")
    enter("other", id="abcd9999")
    runs = nbdl.runs()
    assert runs[0].id == runs["abcd9999"].id == runs["abcd9"].id
    assert runs["lenet"].id == "0002", "the newest of that name"
    with pytest.raises(ArgumentError, match="several runs begin with 'abcd': abcd9999"):
        runs["abcd"]
    with pytest.raises(ArgumentError, match="did you mean 'lenet'"):
        runs["lent"]
    with pytest.raises(ArgumentError, match="unknown run 'ab'"):
        runs["ab"]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("val_accuracy>0.9", ["0002"]),
        ("val_accuracy <= 0.7", ["0000"]),
        ("lr < 0.15", ["0001", "0000"]),
        ("loss<1", ["0002"]),
        ("config.loss = mse", ["0001", "0000"]),
        ("config.loss != mse", ["0002"]),
        ("status=failed", ["0001"]),
        ("name ~ LEN", ["0002", "0000"]),
        ("val_accuracy != 0.7", ["0002", "0001"]),
        ("step == 3", ["0002", "0001", "0000"]),
        ("tag = good", ["0001"]),
        ("tag ~ OO", ["0001"]),
        ("tag != good", ["0002", "0000"]),
        (lambda r: r.number == 2, ["0001"]),
    ],
)
def test_runs_are_chosen_by_conditions(three, condition, found):
    nbdl.runs()["mlp"].tag("good")
    assert ids(nbdl.runs().filter(condition)) == found


def test_runs_are_chosen_by_name_status_and_tag_together(three):
    nbdl.runs()["0000"].tag("good", "old")
    assert ids(nbdl.runs().filter(name="lenet", tag="old")) == ["0000"]
    assert ids(nbdl.runs().filter(model="lenet", status="failed")) == []
    assert repr(nbdl.runs().filter(status="killed")) == "no runs"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("val_acuracy>0.9", "unknown column 'val_acuracy'; did you mean 'val_accuracy'"),
        ("val_accuracy", "is no condition on runs"),
        ("__import__('os').system('x') > 1", "unknown column"),
        ("loss > big", "> compares numbers, and 'big'"),
        ("tag > 3", "a tag is not a number"),
        (7, "7 is no condition"),
    ],
)
def test_what_is_no_condition_is_said(three, condition, said):
    with pytest.raises(ArgumentError, match=said.replace("(", r"\(").replace(")", r"\)")):
        nbdl.runs().filter(condition)


def test_sorting_puts_what_is_missing_and_nan_last(three):
    runs = nbdl.runs()
    assert ids(runs.sort("loss")) == ["0002", "0000", "0001"]
    assert ids(runs.sort("-loss")) == ["0000", "0002", "0001"]
    assert ids(runs.sort("lr", descending=True)) == ["0002", "0000", "0001"]
    assert ids(runs.sort("name")) == ["0002", "0000", "0001"]
    with pytest.raises(ArgumentError, match="unknown column 'lrr'"):
        runs.sort("lrr")
    assert len(runs[:0].sort("anything")) == 0


def test_names_tags_and_notes_stay(three):
    run = nbdl.runs()[0]
    run.rename("best").tag("a", "b", "a").untag("b")
    run.note = "a note, with 'quotes'"
    [again] = nbdl.runs().filter(name="best")
    assert (again.tags, again.note) == (("a",), "a note, with 'quotes'")
    assert "best" in repr(nbdl.runs())
    nbdl.runs().tag("all")
    assert all("all" in r.tags for r in nbdl.runs())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.rename(" "), "must not be empty"),
        (lambda r: r.rename(3), "a name must be a text"),
        (lambda r: r.tag("a\nb"), "a tag is a short word"),
        (lambda r: r.tag(""), "a tag is a short word"),
        (lambda r: r.untag("x"), "has no tag 'x'; its tags: none"),
        (lambda r: setattr(r, "note", 3), "a note must be a text"),
    ],
)
def test_names_tags_and_notes_that_are_none_change_nothing(three, change, said):
    with pytest.raises(ArgumentError, match=said):
        change(nbdl.runs()[0])
    run = nbdl.runs()[0]
    assert (run.name, run.tags, run.note) == ("lenet", (), "")


# ----- the trash ------------------------------------------------------------------------------


def test_what_is_deleted_can_be_taken_back_together(three, tmp_path):
    checkpoints = tmp_path / ".nbdl" / "checkpoints" / "0000"
    checkpoints.mkdir(parents=True)
    nbdl.runs()["mlp"].delete()
    nbdl.runs().filter(name="lenet").delete()
    assert len(nbdl.runs()) == 0
    assert set(ids(nbdl.runs(trash=True))) == {"0000", "0001", "0002"}
    assert set(ids(experiments.undo())) == {"0000", "0002"}
    assert checkpoints.exists()
    assert ids(nbdl.runs(trash=True)) == ["0001"]
    nbdl.runs(trash=True)["mlp"].restore()
    assert ids(nbdl.runs()) == ["0002", "0001", "0000"]
    assert nbdl.runs()["0002"].series("loss")[1].tolist() == [2, 0.5]
    assert len(experiments.undo()) == 0


def test_emptying_the_trash_removes_numbers_and_checkpoints_and_no_more(three, tmp_path, enter):
    outside = tmp_path / "keep"
    outside.mkdir()
    enter("evil", id="../../keep")
    (tmp_path / ".nbdl" / "checkpoints").mkdir()
    (tmp_path / ".nbdl" / "checkpoints" / "0000").mkdir()
    (tmp_path / ".nbdl" / "checkpoints" / "0000" / "1.safetensors").write_text("x")
    (tmp_path / ".nbdl" / "checkpoints" / "0002").symlink_to(outside)
    nbdl.runs().delete()
    assert experiments.empty_trash() == 4
    assert not (tmp_path / ".nbdl" / "checkpoints" / "0000").exists()
    assert outside.exists(), "neither a name nor a link leads out of the folder"
    with sqlite3.connect(".nbdl/runs.sqlite") as db:
        for table in ("runs", "series", "blocks", "events"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    db.close()
    assert experiments.empty_trash() == 0


def test_a_run_that_trains_is_not_deleted(three):
    store = open_store()
    store.add_run("live", "live", {}, status="running", pid=os.getppid())
    for delete in (nbdl.runs()["live"].delete, nbdl.runs().delete):
        with pytest.raises(ArgumentError, match="still training"):
            delete()
    assert len(nbdl.runs()) == 4


# ----- damage ---------------------------------------------------------------------------------


def test_a_spoilt_row_does_not_hide_the_others(three):
    with sqlite3.connect(".nbdl/runs.sqlite") as db:
        db.execute("UPDATE runs SET config = '{oops', tags = '7', origin = '[]', created = 1e300")
        db.execute("UPDATE runs SET environment = NULL, epoch = NULL WHERE id = '0001'")
    db.close()
    runs = nbdl.runs()
    assert len(runs) == 3
    assert runs[0].config == {}
    assert "lenet" in repr(runs)
    assert "lenet" in runs._repr_html_()
    assert "lenet" in repr(runs[0])


def test_a_damaged_file_is_said_with_its_name(three):
    nbdl.training.archive.store.forget_stores()
    with open(".nbdl/runs.sqlite", "r+b") as file:
        size = os.path.getsize(".nbdl/runs.sqlite")
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(FileError, match=r"runs\.sqlite cannot be used.*\n.*move it away"):
        repr([r.history() for r in nbdl.runs()])


def test_numbers_that_were_cut_are_said(three):
    with sqlite3.connect(".nbdl/runs.sqlite") as db:
        db.execute("UPDATE blocks SET data = x'00112233'")
    db.close()
    with pytest.raises(FileError, match="cannot be used"):
        nbdl.runs()[0].series("loss")
    assert nbdl.runs()[0].metrics["loss"] == 0.5, "the list reads no numbers"


def test_the_store_of_another_folder(three, tmp_path, monkeypatch):
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    assert len(nbdl.runs()) == 0
    assert len(nbdl.runs(tmp_path)) == 3


# ----- tables ---------------------------------------------------------------------------------

HOSTILE = [
    '<img src=x onerror="alert(1)">', "</table><script>alert(1)</script>", "'\"><svg/onload=x>",
    "\u202egnp.exe", "a\nb\x1b[2Jc", "nul\x00byte", "x" * 300, "\ud800", "=1+1",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(enter, name):
    enter(name, config={name: name, "lr": 1}, **{name: [1, 2]})
    enter("other", config={name: "b"}, **{name: [1, 3]})
    runs = nbdl.runs()
    runs[1].note = name
    comparison = runs.compare()
    for html in (runs._repr_html_(), runs[1]._repr_html_(), comparison.differences_html(),
                 comparison._repr_mimebundle_()["text/html"]):  # fmt: skip
        for tag in ("<img", "<script", "<svg/"):
            assert tag not in html
        assert "\x00" not in html
        html.encode()
    for text in (repr(runs), repr(runs[1]), repr(comparison)):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert max(map(len, text.splitlines())) < 500
        text.encode()


def test_the_table_shows_options_that_differ_and_marks_the_best(three):
    heads = repr(nbdl.runs()).splitlines()[0].split()
    assert heads[:7] == ["id", "name", "status", "started", "time", "epoch", "step"]
    assert {"lr", "loss", "val_accuracy"} <= set(heads)
    html = nbdl.runs()._repr_html_()
    assert "<b><bdi>0.95</bdi></b>" in html
    assert "<b><bdi>0.7</bdi></b>" not in html


def test_the_data_frame_has_fields_metrics_and_configuration(three):
    nbdl.runs()[0].tag("x", "y")
    frame = nbdl.runs().to_pandas()
    assert frame.loc[0, "loss"] == 0.5
    assert frame.loc[0, "config.loss"] == "l1"
    assert frame.loc[0, "tags"] == "x y"
    assert str(frame["created"].dtype).startswith("datetime64")
