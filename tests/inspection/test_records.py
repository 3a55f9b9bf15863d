"""The wire: every record can be packed, and the browser's types are made from the same file."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from nbdl.inspection.records import Float32s, LogLine, Record, SeriesPart
from nbdl.inspection.wire import clean, pack
from scripts import make_records_ts


def test_the_browsers_types_are_those_of_records_py():
    assert make_records_ts.TARGET.read_text(encoding="utf-8") == make_records_ts.generate(), (
        "js/lib/records.ts is stale: run python -m scripts.make_records_ts"
    )


def test_the_generator_refuses_a_type_that_has_no_place_on_the_wire():
    with pytest.raises(TypeError, match=r"set\[str\]"):
        make_records_ts.typescript("set[str]")


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("tuple[str, ...]", "string[]"),
        ("tuple[tuple[str, str], ...]", "[string, string][]"),
        ("tuple[LogLine, ...] | None", "LogLine[] | null"),
        ("dict[str, float | None]", "Record<string, number | null>"),
        ("tuple[int | None, ...]", "(number | null)[]"),
        ("Float32s", "Numbers<Float32Array>"),
    ],
)
def test_an_annotation_becomes_the_typescript_type(annotation, expected):
    assert make_records_ts.typescript(annotation) == expected


def test_arrays_travel_as_buffers_cast_to_the_declared_dtype():
    part = SeriesPart("loss", 0, 2, np.array([1, 2]), np.array([0.5, 1e60]))
    packed, buffers = pack(part)
    assert packed["steps"] == {"$array": 0, "dtype": "float64", "shape": [2]}
    assert np.frombuffer(buffers[0], "float64").tolist() == [1.0, 2.0]
    assert np.frombuffer(buffers[1], "float32").tolist() == [0.5, np.inf]


def test_an_array_that_is_not_contiguous_or_empty_is_packed():
    packed, buffers = pack(SeriesPart("x", 0, 3, np.arange(6.0)[::2], np.zeros(0)))
    assert np.frombuffer(buffers[0], "float64").tolist() == [0, 2, 4]
    assert packed["values"]["shape"] == [0]
    assert len(buffers[1]) == 0


def test_what_json_cannot_say_is_tagged_and_lone_surrogates_are_replaced():
    packed, _ = pack(LogLine(float("nan"), "kind\ud800", "text"))
    assert packed["time"] == {"$number": "nan"}
    assert packed["kind"] == "kind\ufffd"
    json.dumps(packed, allow_nan=False).encode()


def test_a_whole_letter_beyond_the_basic_plane_is_kept():
    assert clean("😀 \udc00") == "😀 \ufffd"


def test_a_value_that_no_record_may_carry_is_refused():
    @dataclass(frozen=True)
    class Odd(Record):
        thing: object

    try:
        with pytest.raises(TypeError, match="a record cannot carry set"):
            pack(Odd({1}))
    finally:
        del Record.kinds["Odd"]


def test_a_record_may_hold_numpys_own_numbers():
    @dataclass(frozen=True)
    class Numbers(Record):
        a: float
        b: int
        c: Float32s

    try:
        packed, buffers = pack(Numbers(np.float32(0.5), np.int64(3), [1, 2]))
    finally:
        del Record.kinds["Numbers"]
    assert (packed["a"], packed["b"], len(buffers)) == (0.5, 3, 1)
    json.dumps(packed)
