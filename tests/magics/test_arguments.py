"""The line after a magic's name."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from nbdl.errors import ArgumentError
from nbdl.magics.arguments import Line, split


def line(text: str, **variables: object) -> Line:
    return Line("%train", text, variables)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("net data --lr 1e-3", ["net", "data", "--lr", "1e-3"]),
        ("net {data[:10]} --lr {1 / 3}", ["net", "{data[:10]}", "--lr", "{1 / 3}"]),
        ("net { {'a': 1}['a'] }", ["net", "{ {'a': 1}['a'] }"]),
        ('net --name "two words"', ["net", "--name", '"two words"']),
        ("net --name='a b'", ["net", "--name='a b'"]),
        ("net  # the model", ["net"]),
        ("net --name 'a # b' {'#'}", ["net", "--name", "'a # b'", "{'#'}"]),
        ("", []),
    ],
)
def test_words_are_split_with_expressions_whole(text, words):
    assert split(text) == words


def test_a_variable_is_looked_up():
    assert line("net", net=3).value("net", "model") == 3


def test_attributes_and_expressions_are_evaluated():
    assert line("", x=1 + 2j).value("x.imag", "--lr") == 2
    assert line("", x=[1, 2]).value("{x[1] * 2}", "--lr") == 4


def test_an_unknown_variable_is_underlined_with_the_nearest_name():
    with pytest.raises(UsageError) as error:
        line("lenett train", lenet=1, train=2).value("lenett", "model")
    message = str(error.value)
    assert "no variable 'lenett'; did you mean 'lenet'?" in message
    shown, underline = message.splitlines()[-2:]
    assert shown[underline.index("^") : underline.rindex("^") + 1] == "lenett"


def test_a_failing_expression_says_why():
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        line("--lr {1/0}").value("{1/0}", "--lr")


def test_known_names_go_before_variables():
    text = line("--loss mse", mse="a variable", mine=print)
    assert text.named("mse", ["mse", "cross_entropy"], "--loss") == "mse"
    assert text.named("mine", ["mse"], "--loss") is print


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'adamw'"):
        line("--optim adamv").named("adamv", ["adamw", "sgd"], "--optim")


@pytest.mark.parametrize(
    ("word", "value"), [("1e-3", 1e-3), ("5", 5.0), ("rate", 0.5), ("{2*3}", 6)]
)
def test_numbers_are_literals_variables_or_expressions(word, value):
    assert line("", rate=0.5).number(word, "--lr") == value


@pytest.mark.parametrize("word", ["flag", "five", "2.5"])
def test_what_is_not_an_integer_is_refused(word):
    with pytest.raises(UsageError, match="--epochs must be an integer"):
        line(word, flag=True, five="five").number(word, "--epochs", int)


def test_an_error_about_a_word_is_shown_under_it():
    def complain():
        raise ArgumentError("unknown dtype 'flot32'")

    with pytest.raises(UsageError) as error:
        line("net --input flot32[3]").run(complain)
    assert "unknown dtype 'flot32'" in str(error.value)
