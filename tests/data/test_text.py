"""Tokenizers and windows over sequences."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl import data
from nbdl.errors import ArgumentError, DataError

TEXT = "The cat sat. The dog sat, too: don't!"


def test_characters_go_there_and_back():
    t = data.CharTokenizer(TEXT)
    assert len(t) == len(set(TEXT))
    assert t.encode(TEXT).dtype == np.int64
    assert t.decode(t.encode(TEXT)) == TEXT


def test_an_unknown_character_is_named_or_replaced():
    with pytest.raises(DataError, match="'z' is not in the vocabulary"):
        data.CharTokenizer("abc").encode("abz")
    t = data.CharTokenizer("abc", unknown="?")
    assert t.decode(t.encode("abz")) == "ab?"


def test_words_are_counted_and_come_back_readable():
    t = data.WordTokenizer(TEXT)
    assert t.tokens[:4] == ("<pad>", "<unk>", "sat", "the")
    assert t.decode(t.encode("The dog sat, too!")) == "the dog sat, too!"
    assert t.decode(t.encode("the fish")) == "the <unk>"
    assert "don't" in t.tokens


def test_a_vocabulary_can_be_bounded():
    assert len(data.WordTokenizer(TEXT, size=4)) == 4
    assert data.WordTokenizer(TEXT, min_count=2, pad=None).tokens == ("<unk>", "sat", "the")


def test_the_vocabulary_does_not_depend_on_the_order_of_the_text():
    assert data.WordTokenizer("b a c").tokens == data.WordTokenizer("c b a").tokens


@pytest.mark.parametrize("numbers", [[0, 99], [-1]])
def test_a_number_outside_the_vocabulary_is_named(numbers):
    with pytest.raises(DataError, match=r"outside the vocabulary 0\.\.2"):
        data.CharTokenizer("abc").decode(numbers)


def test_empty_text_is_refused():
    for make in (data.CharTokenizer, data.WordTokenizer):
        with pytest.raises(DataError):
            make("")
    with pytest.raises(DataError, match="needs a string"):
        data.CharTokenizer("a").encode(3)


def test_windows_are_shifted_by_one_and_agree_with_taking_many():
    d = data.SequenceWindows(np.arange(20), length=5, stride=3)
    assert len(d) == 5
    x, y = d[4]
    assert (x.tolist(), y.tolist()) == ([12, 13, 14, 15, 16], [13, 14, 15, 16, 17])
    xs, ys = d[1:3]
    assert xs.tolist() == [d[1][0].tolist(), d[2][0].tolist()]
    assert ys.shape == (2, 5)


def test_windows_do_not_overlap_by_default_and_use_all_tokens():
    d = data.SequenceWindows(np.arange(11), length=5)
    assert [d[i][1].tolist() for i in range(len(d))] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_too_short_a_sequence_is_refused():
    with pytest.raises(DataError, match="need more than 5 tokens, got 5"):
        data.SequenceWindows(np.arange(5), length=5)
    with pytest.raises(DataError, match="one dimension"):
        data.SequenceWindows(np.zeros((3, 3)), length=2)
    with pytest.raises(ArgumentError, match="must be positive"):
        data.SequenceWindows(np.arange(5), length=0)
