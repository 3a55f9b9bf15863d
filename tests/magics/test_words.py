"""A line cut into words."""

from __future__ import annotations

import pytest

from nbdl.magics.words import Unclosed, is_option, split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("net data --lr 1e-3", ["net", "data", "--lr", "1e-3"]),
        ("net {data[:10]} --lr {1 / 3}", ["net", "{data[:10]}", "--lr", "{1 / 3}"]),
        ("net { {'a': {1: 2}}['a'] }", ["net", "{ {'a': {1: 2}}['a'] }"]),
        ("net (x, y)", ["net", "(x, y)"]),
        ("--loss ce(a=1, b='x y')", ["--loss", "ce(a=1, b='x y')"]),
        ('net --name "two words"', ["net", "--name", "two words"]),
        ("net --name='a b'", ["net", "--name", "a b"]),
        ("--input ids=int64[256]", ["--input", "ids=int64[256]"]),
        ("net  # the model", ["net"]),
        ("net --name 'a # b' {'#'}", ["net", "--name", "a # b", "{'#'}"]),
        ("""{"}"} x""", ["""{"}"}""", "x"]),
        ("'a'b'c'", ["'a'b'c'"]),
        ("", []),
        ("   ", []),
    ],
)
def test_a_line_is_split_with_expressions_and_quotes_whole(text, words):
    assert split(text) == words


def test_each_word_knows_its_place():
    line = "net --name='a b' {1 + 1}"
    assert [line[w.start : w.end] for w in split(line)] == ["net", "--name", "'a b'", "{1 + 1}"]
    assert [w.quoted for w in split(line)] == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "rest"), [("net 'foo", "'foo"), ("net {x[1}", "[1}"), ("net (x, {y)", "{y)")]
)
def test_what_is_not_closed_is_named(text, rest):
    with pytest.raises(Unclosed) as caught:
        split(text)
    assert caught.value.word == rest
    assert caught.value.mark == rest[0]


def test_numbers_and_quoted_text_are_no_options():
    assert [w for w in split("--lr -1e-3 -lr '--x' -.5 -inf x") if is_option(w)] == [
        "--lr", "-lr", "-inf",
    ]  # fmt: skip
