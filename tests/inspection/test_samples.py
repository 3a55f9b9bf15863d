"""The answers of a model as records: names, probabilities, pictures."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nbdl import data, nn, train
from nbdl.inspection.dashboard import dashboard_record
from nbdl.inspection.samples import LONGEST, pictures_of, pixels, samples_of


def run(inputs, outputs, targets, classes=None, tokenizer=None):
    return SimpleNamespace(
        examples=(np.asarray(inputs), np.asarray(outputs), np.asarray(targets)), classes=classes,
        tokenizer=tokenizer,
    )  # fmt: skip


def test_classes_have_names_and_the_probability_of_the_answer():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]]))
    right, wrong = samples_of(run(np.zeros((2, 4)), logits, [0, 1], ("cat", "dog", "owl")))
    assert (right.target, right.predicted, right.correct) == ("cat", "cat", True)
    assert (wrong.target, wrong.predicted, wrong.correct) == ("dog", "owl", False)
    assert right.confidence == pytest.approx(0.7)
    assert wrong.confidence == pytest.approx(0.5)
    assert right.image.size == 0, "a row of numbers is no picture"


def test_a_probability_that_is_no_number_is_not_said():
    (answer,) = samples_of(run(np.zeros((1, 4)), [[np.nan, 1.0]], [5]))
    assert answer.confidence is None
    assert (answer.target, answer.correct) == ("5", False)


def test_values_are_neither_right_nor_wrong():
    (answer,) = samples_of(run(np.zeros((1, 4)), [[2.25]], [2.0]))
    assert (answer.target, answer.predicted, answer.correct) == ("2", "2.25", None)


def test_outputs_of_another_kind_say_no_answer():
    assert samples_of(SimpleNamespace(examples=None)) == ()
    assert samples_of(run(np.zeros((1, 4)), np.zeros((1, 7, 3)), np.zeros((1, 7), int))) == ()


@pytest.mark.parametrize("shape", [(2, 1, 8, 6), (2, 8, 6, 1), (2, 8, 6)])
def test_pictures_may_lie_in_any_of_the_usual_ways(shape):
    pictures = pictures_of(np.zeros(shape))
    assert pictures is not None
    assert pictures.shape == (2, 8, 6, 1)


def test_large_pictures_are_thinned_and_other_inputs_are_none():
    thinned = pictures_of(np.zeros((1, 3, 224, 200)))
    assert thinned is not None
    assert max(thinned.shape[1:3]) <= LONGEST
    assert pictures_of(np.zeros((2, 16, 8, 8))) is None
    assert pictures_of(np.zeros((2, 40))) is None


def test_floats_are_scaled_and_whole_numbers_are_bytes_already():
    picture = np.array([[0.0, 2.0], [np.nan, 1.0]])[:, :, None]
    assert pixels(picture)[:, :, 0].tolist() == [[0, 255], [0, 127]]
    assert pixels(np.array([[[7], [300]]]))[:, :, 0].tolist() == [[7, 255]]


def test_a_real_run_shows_what_it_says_of_its_validation_data():
    rest, val = data.digits().split(0.8)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    done = train(net, rest, val=val, loss="cross_entropy", epochs=2, progress=False)
    record = dashboard_record(done)
    assert record.samples is not None
    assert len(record.samples) == 24
    assert record.samples_end == 2
    assert {answer.image.shape for answer in record.samples} == {(8, 8, 1)}
    assert [answer.target for answer in record.samples] == [str(int(y)) for y in val[:24][1]]


# ----- text -----------------------------------------------------------------------------------

TOKENS = data.CharTokenizer("abc ")


def test_a_text_is_shown_with_the_class_it_was_given():
    ids = np.stack([TOKENS.encode("ab c"), TOKENS.encode("cc a")])
    first, second = samples_of(run(ids, [[2.0, 0.0], [0.0, 1.0]], [0, 0], ("good", "bad"), TOKENS))
    assert (first.text, first.predicted, first.correct) == ("ab c", "good", True)
    assert (second.text, second.predicted, second.target) == ("cc a", "bad", "good")


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)])
def test_what_follows_a_text_is_shown_beside_what_the_model_said(order):
    ids, target = TOKENS.encode("abcab")[None], TOKENS.encode("bcab ")[None]
    outputs = np.eye(4)[TOKENS.encode("bcabc")][None].transpose(order)
    (answer,) = samples_of(run(ids, outputs, target, None, TOKENS))
    assert (answer.text, answer.target, answer.predicted) == ("abcab", "bcab ", "bcabc")
    assert answer.confidence == pytest.approx(0.8)
    assert answer.correct is None


def test_a_model_that_knows_more_tokens_than_the_tokenizer_shows_no_text():
    ids = TOKENS.encode("abca")[None]
    assert samples_of(run(ids, np.eye(9)[[8, 8, 8, 8]][None], ids, None, TOKENS)) == ()


def test_a_language_model_in_training_shows_text():
    text = "abc cab bca " * 20
    tokens = data.CharTokenizer(text)
    windows = data.SequenceWindows(tokens.encode(text), 8, tokenizer=tokens)
    train_set, val = windows.split(0.8)

    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.out = nn.Embedding(len(tokens), 8), nn.Linear(8, len(tokens))

        def forward(self, ids):
            return self.out(self.embed(ids))

    done = train(Tiny(), train_set, val=val, epochs=1, batch_size=8, store=False, progress=False)
    (first, *_) = dashboard_record(done).samples
    assert set(first.text) <= set(text)
    assert len(first.predicted) == 8
