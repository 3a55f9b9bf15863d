"""Data sets looked at: fields, classes, examples, and every mistake that is told."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nbdl
from nbdl import data
from nbdl.errors import DataError
from nbdl.inspection import data_seen
from nbdl.inspection.data import data_record
from nbdl.inspection.data_text import data_text
from nbdl.inspection.static.data import data_svg
from nbdl.inspection.wire import pack

RNG = np.random.default_rng(0)


def pairs(n=200, columns=3, classes=2, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, columns)).astype(np.float32), np.arange(n) % classes


def told(*things, level=None) -> str:
    record = data_record(things, ["train", "val", "test"][: len(things)])
    return "\n".join(
        f"{f.level}: {f.title} {f.text}" for f in record.findings if level in (None, f.level)
    )


def test_a_record_says_what_is_in_the_data():
    x, y = pairs()
    made = data.TensorDataset(x, y, classes=["cat", "dog"], features=["a", "b", "c"])
    [part] = data_record([made], ["pets"]).parts
    assert (part.title, part.kind, part.total, part.seen) == ("pets", "TensorDataset", 200, 200)
    assert [f.name for f in part.fields] == ["inputs", "a", "b", "c", "targets"]
    assert part.fields[1].low == pytest.approx(float(x[:, 0].min()))
    assert part.fields[1].std == pytest.approx(float(x[:, 0].std()), rel=1e-5)
    assert part.fields[0].histogram.sum() == 600
    assert part.classes == (("cat", 100), ("dog", 100))
    assert told(made).startswith("good: Nothing suspicious.")


def test_pictures_are_shown_one_of_each_class_first():
    [part] = data_record([data.digits()], ["digits"]).parts
    assert [s.target for s in part.samples][:10] == [str(i) for i in range(10)]
    assert part.samples[0].image.shape == (8, 8, 1)
    assert data_svg(data_record([data.digits()], ["digits"])).count("<image") == 12


@pytest.mark.parametrize("make", [
    lambda x, y: (x, y),
    lambda x, y: {"x": x, "label": y},
    lambda x, y: data.DataLoader((x, y), 7),
    lambda x, y: list(zip(x, y.tolist(), strict=True)),
    lambda x, y: data.stream(lambda: zip(x, y.tolist(), strict=True)),
    lambda x, y: data.TensorDataset(x, y).split(0.5)[0],
    lambda x, y: data.TensorDataset(x, y).map(lambda v: v + 1),
])  # fmt: skip
def test_everything_that_can_be_trained_on_can_be_looked_at(make):
    [part] = data_record([make(*pairs())], ["t"]).parts
    assert part.seen == part.total
    assert [name for name, _ in part.classes] == ["0", "1"]
    assert part.fields[0].shape == (3,)


def test_frames_text_and_tables_of_arrow():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"size": [1.0, np.nan, 2.0], "kind": ["a", "b", "a"], "y": [0, 1, 0]})
    record = data_record([frame], ["frame"])
    assert [f.kind for f in record.parts[0].fields] == ["number", "text", "number"]
    assert "1 NaN in size" in told(frame)
    arrow = pytest.importorskip("pyarrow")
    record = data_record([arrow.Table.from_pandas(frame.fillna(0))], ["table"])
    assert record.parts[0].total == 3
    assert "2 different" in data_text(record)


def test_values_that_are_not_finite_are_placed():
    x, y = pairs()
    x[7, 1], x[9, 2] = np.nan, np.inf
    said = told(data.TensorDataset(x, y, features=["a", "b", "c"]), level="bad")
    assert "1 NaN and 1 infinite in inputs: in 2 of 200 samples, the first is sample 7" in said
    assert "; in b, c. Leave those samples out" in said


def test_duplicates_and_contradictions():
    x, y = pairs()
    x[5], x[17] = x[4], x[3]
    said = told((x, y))
    assert "2 duplicates:" in said
    assert "sample 5 is sample 4" in said
    assert "1 duplicate with another class" in said
    assert "samples 4 and 5 are the same, but one is '0' and one '1'" in said


def test_a_leak_between_training_and_validation():
    x, y = pairs()
    other, labels = pairs(50, seed=2)
    other[10] = x[33]
    said = told((x, y), (other, labels), level="bad")
    assert "1 sample of val is in train, too: 2 %; sample 10 is sample 33 there" in said
    assert not told((x, y), pairs(50, seed=2), level="bad")
    whole = data.digits()
    train, val = whole.split(0.8)
    assert "too:" not in told(train, val)
    assert "too:" in told(whole, val)


def test_classes_uneven_unseen_missing_shifted_and_out_of_range():
    x, _ = pairs()
    uneven = np.array([0] * 180 + [1] * 20)
    assert "'0' has 180 samples, '1' 20. Always answering '0' is right in 90 %" in told((x, uneven))
    val = pairs(60, seed=3)[0]
    said = told((x, np.arange(200) % 2), (val, np.arange(60) % 3))
    assert "bad: val has classes that train has not: '2'" in said
    said = told((x, np.arange(200) % 3), (val, np.arange(60) % 2))
    assert "note: val lacks classes of train: '2'" in said
    said = told((x, np.arange(200) % 2), (val, (np.arange(60) % 4 == 0).astype(int)))
    assert "Classes are in other proportions" in said
    named = data.TensorDataset(x, np.arange(200) % 2 + 1, classes=["a", "b"])
    assert "100 targets out of range: sample 1 has 2, but there are 2 classes" in told(named)
    assert "Classes seem to start at 1" in told((x, np.arange(200) % 2 + 1))
    below = np.arange(200) % 2
    below[9] = -1
    assert "1 target below 0: sample 9 has -1" in told((x, below))


def test_constant_columns_and_scales():
    x, y = pairs()
    x[:, 1], x[:, 2] = 5, x[:, 2] * 1e4
    said = told(data.TensorDataset(x, y, features=["a", "b", "c"]))
    assert "1 of 3 columns never change: b." in said
    assert "Columns of inputs are not normalised: large numbers in c" in said
    images = RNG.integers(0, 256, (60, 1, 8, 8))
    assert "inputs are bytes" in told((images.astype(np.uint8), np.arange(60) % 2))
    assert "inputs are not normalised: mean 1" in told(
        (images.astype(np.float32), np.arange(60) % 2)
    )
    assert "note: Targets are large numbers" in told((pairs()[0], 200 + 50 * RNG.normal(size=200)))


def test_samples_that_do_not_fit_together_are_told():
    ragged = [(np.zeros(n % 3 + 1, np.float32), 0) for n in range(9)]
    assert "bad: Not all samples can be read: samples of one batch differ in shape" in told(ragged)

    class Broken(data.Dataset):
        def __len__(self):
            return 600

        def __getitem__(self, i):
            if i == 300:
                raise OSError("disk on fire")
            return np.zeros(2, np.float32), i % 2

    said = told(Broken())
    assert "sample 300 of Broken(600 samples) could not be read: OSError: disk on fire" in said
    [part] = data_record([Broken()], ["b"]).parts
    assert part.seen == 256
    with pytest.raises(DataError, match="is empty"):
        data_record([(np.zeros((0, 2)), np.zeros(0))], ["e"])


def test_of_long_data_a_part_is_looked_at_and_it_says_so(monkeypatch):
    monkeypatch.setattr(data_seen, "MOST", 50)
    monkeypatch.setattr(data_seen, "FEW", 300)
    record = data_record([pairs()], ["long"])
    assert record.parts[0].seen == 50
    assert "200 samples, of which 50 were looked at" in data_text(record)

    @data.stream
    def endless():
        i = 0
        while True:
            yield np.full(2, i, np.float32), i % 2
            i += 1

    assert "the first 512 samples of a stream" in data_text(data_record([endless], ["s"]))


def test_a_mapped_array_is_not_read_whole(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", RNG.normal(size=(1000, 4)).astype(np.float32))
    monkeypatch.setattr(data_seen, "MEMORY", 1600)
    mapped = data.TensorDataset(data.mapped(tmp_path / "x.npy"), np.arange(1000) % 2)
    [part] = data_record([mapped], ["m"]).parts
    assert 10 < part.seen < 100


def test_of_many_numbers_all_columns_are_met(monkeypatch):
    monkeypatch.setattr(data_seen, "ELEMENTS", 50)
    x = np.zeros((100, 2), np.float32)
    x[:, 1] = 1
    [part] = data_record([(x, np.arange(100) % 2)], ["t"]).parts
    assert 0.4 < part.fields[0].std < 0.6


def test_hostile_names_are_escaped_and_long_ones_cut():
    x, y = pairs()
    bad = '</text><script>alert("&")</script>\x00\ud800' + "x" * 500
    made = data.TensorDataset(x, y, classes=[bad, "b"], features=[bad, "b", "c"])
    svg = data_svg(data_record([made], [bad]))
    assert "<script" not in svg
    assert "\x00" not in svg
    import xml.etree.ElementTree as tree

    tree.fromstring(svg)
    svg.encode()
    data_text(data_record([made], [bad])).encode()


def test_nbdl_inspect_shows_sets_together():
    x, y = pairs()
    shown = nbdl.inspect((x, y), data.TensorDataset(x[:20], y[:20]))
    assert len(shown.views) == 1
    assert "20 samples of validation data are in training data, too" in repr(shown)
    assert shown.views[0].view == "data"


# ----- side by side -----------------------------------------------------------------------------


def test_histograms_of_one_field_are_over_the_same_numbers():
    (x, y), (other, labels) = pairs(), pairs(50, seed=2)
    other[:, 0] += 10
    train, val = data_record([(x, y), (other, labels)], ["train", "val"]).parts
    a, b = train.fields[1], val.fields[1]
    assert (a.start, a.stop) == (b.start, b.stop)
    assert (a.start, a.stop) == (float(x[:, 0].min()), float(other[:, 0].max()))
    assert a.histogram.sum() == 200
    assert b.histogram.sum() == 50
    assert a.high < b.low


def test_pictures_have_a_field_for_each_channel():
    x = RNG.random((20, 3, 8, 8)).astype(np.float32)
    x[:, 2] = 0.5
    [part] = data_record([(x, np.arange(20) % 2)], ["t"]).parts
    assert [f.name for f in part.fields] == [
        "inputs", "channel 0", "channel 1", "channel 2", "targets"
    ]  # fmt: skip
    assert (part.fields[3].low, part.fields[3].high) == (0.5, 0.5)
    last = np.moveaxis(x, 1, -1)
    [part] = data_record([(last, np.arange(20) % 2)], ["t"]).parts
    assert part.fields[3].std == 0


def test_many_columns_are_in_the_record_but_not_in_pictures_and_text():
    x, y = pairs(columns=60)
    record = data_record([(x, y)], ["wide"])
    assert len(record.parts[0].fields) == 62
    assert "(the 60 columns are not shown one by one)" in data_text(record)
    assert "The 60 columns are not shown one by one." in data_svg(record)
    [part] = data_record([pairs(columns=300)], ["wider"]).parts
    assert (len(part.fields), part.more_columns) == (2, 300)


def test_samples_that_are_there_twice_are_pairs_with_their_rows():
    x, y = pairs()
    x[5] = x[4]
    x[9], y[9] = x[7], y[7]
    train = data.TensorDataset(x, y, classes=["cat", "dog"], features=["a", "b", "c"])
    val = data.TensorDataset(x[30:40], y[30:40], classes=["cat", "dog"], features=["a", "b", "c"])
    record = data_record([train, val], ["train", "val"])
    both, wrong, alike = record.groups
    assert [(g.title, g.count, g.level) for g in record.groups] == [
        ("In train and in val", 10, "bad"),
        ("Twice in train, with another class", 1, "warning"),
        ("Twice in train", 1, "note"),
    ]
    pair = both.pairs[2]
    assert (pair.first.part, pair.first.number) == ("train", 32)
    assert (pair.second.part, pair.second.number, pair.second.target) == ("val", 2, "cat")
    assert pair.cells[0] == ("a", f"{x[32, 0]:.4g}".replace("-", "−"))
    assert wrong.pairs[0].differs
    assert (wrong.pairs[0].first.target, wrong.pairs[0].second.target) == ("cat", "dog")
    assert not alike.pairs[0].differs
    assert "train 4: cat = train 5: dog" in data_text(record)
    assert "train 4: cat = train 5: dog" in data_svg(record)


def test_pairs_of_pictures_and_texts_show_them_and_only_the_first_are_sent():
    digits = data.digits()
    record = data_record([digits, digits], ["all", "again"])
    assert record.groups[0].count == len(digits)
    assert len(record.groups[0].pairs) == 24
    assert record.groups[0].pairs[0].image.shape == (8, 8, 1)
    words = {"text": ["a", "b", "a"], "label": [0, 1, 0]}
    rows = [{"text": t, "label": n} for t, n in zip(*words.values(), strict=True)]
    [group] = data_record([rows], ["rows"]).groups
    assert (group.title, group.pairs[0].text, group.pairs[0].cells) == ("Twice", "a", ())


def test_the_record_travels_and_hostile_names_stay_text():
    x, y = pairs()
    bad = "<img src=x onerror=alert(1)>\ud800"
    made = data.TensorDataset(x, y, classes=[bad, "b"], features=[bad, "b", "c"])
    record = data_record([made, made], [bad, "val"])
    json.dumps(pack(record)[0])
    assert "<img" not in data_svg(record)
    assert len(record.groups) == 1
