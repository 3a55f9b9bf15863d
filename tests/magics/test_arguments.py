"""The line after a magic's name."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument, kwds, magic_arguments

from nbdl.errors import ArgumentError, DataError, ShapeError
from nbdl.magics.arguments import HelpFormatter, HelpShown, Line


@magic_arguments()
@argument("model", help="the model")
@argument("data", nargs="?")
@argument("--lr", metavar="RATE", help="the rate: a, b")
@argument("--epochs")
@argument("--metrics", nargs="+")
@argument("--input", action="append")
@argument("--wait", action="store_true")
@kwds(formatter_class=HelpFormatter)
def train(line):
    """Train.

    More.
    """


def line(text: str, **variables: object) -> Line:
    return Line("%train", text, variables)


def underlined(error: pytest.ExceptionInfo) -> str:
    shown, marks = str(error.value).splitlines()[-2:]
    assert set(marks) == {" ", "^"}
    return shown[marks.index("^") : marks.rindex("^") + 1]


# ----- options ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "net data --lr 0.1 --epochs 3 --wait",
        "--lr 0.1 net --wait --epochs 3 data",
        "net --lr=0.1 --epochs=3 data --wait",
        "net --lr 0.1 --ep 3 data --wa",
    ],
)
def test_options_may_stand_anywhere(text):
    args = line(text).parse(train)
    assert (args.model, args.data, args.lr, args.epochs, args.wait) == (
        "net", "data", "0.1", "3", True,
    )  # fmt: skip


def test_values_keep_their_place_in_the_line():
    text = "net --lr -1e-3 --input 1,8 --input {x} --metrics a b"
    args = line(text).parse(train)
    assert [text[w.start : w.end] for w in (args.lr, *args.input, *args.metrics)] == [
        "-1e-3", "1,8", "{x}", "a", "b",
    ]  # fmt: skip
    assert (args.data, args.epochs, args.wait) == (None, None, False)


@pytest.mark.parametrize(
    ("text", "message", "word"),
    [
        ("net --lrr 1", "%train has no option --lrr; did you mean '--lr'?", "--lrr"),
        ("net -lr 1", "%train has no option -lr; did you mean '--lr'?", "-lr"),
        ("net --xyz 1", "%train has no option --xyz", "--xyz"),
        ("net --lr", "--lr needs a value: --lr RATE", "--lr"),
        ("net --epochs --wait", "--epochs needs a value: --epochs EPOCHS", "--epochs"),
        ("net data more", "'more' is one word too many for %train", "more"),
        ("net 'data", "the ' is not closed", "'data"),
    ],
)
def test_what_is_wrong_is_underlined(text, message, word):
    with pytest.raises(UsageError) as error:
        line(text).parse(train)
    assert str(error.value).splitlines()[0] == message
    assert underlined(error) == word


def test_a_missing_word_is_named_with_the_usage():
    with pytest.raises(UsageError, match=r"%train needs model: %train model \[data\]"):
        line("--lr 1").parse(train)


@pytest.mark.parametrize("asked", ["-h", "--help", "net data --help --nonsense"])
def test_help_is_shown_whatever_else_stands_there(asked, capsys):
    with pytest.raises(HelpShown):
        line(asked).parse(train)
    text = capsys.readouterr().out
    assert text.startswith("Usage: %train [--lr RATE]")
    assert "\nTrain.\n\nMore.\n" in text
    assert "the rate: a, b" in text
    assert "::" not in text
    assert train.__doc__.strip() == text.strip()


# ----- values -------------------------------------------------------------------------------


def test_a_variable_is_looked_up():
    assert line("net", net=3).value("net", "model") == 3


def test_attributes_and_expressions_are_evaluated():
    assert line("", x=1 + 2j).value("x.imag", "--lr") == 2
    assert line("", x=[1, 2]).value("{x[1] * 2}", "--lr") == 4
    assert line("", x=1, y=2).value("(x, y)", "data") == (1, 2)
    assert line("", x=1).value("{ {'a': {'b': x}}['a'] }", "data") == {"b": 1}


def test_an_unknown_variable_is_underlined_with_the_nearest_name():
    found = line("lenett lenett_data", lenet=1, train=2)
    with pytest.raises(UsageError, match=r"no variable 'lenett'; did you mean 'lenet'\?") as error:
        found.value(found.words[0], "model")
    assert str(error.value).splitlines()[-1].index("^") == str(error.value).splitlines()[-2].index(
        "lenett "
    )


def test_an_unknown_attribute_suggests_the_nearest():
    with pytest.raises(UsageError, match="'m' has no attribute 'pii'; did you mean 'pi'"):
        line("", m=__import__("math")).value("m.pii", "--lr")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("{1/0}", "ZeroDivisionError: division by zero"),
        ("{x +}", "SyntaxError: invalid syntax"),
        ("{nothing}", "NameError: name 'nothing' is not defined"),
    ],
)
def test_a_failing_expression_says_why_in_one_line(word, reason):
    found = line(f"--lr {word}")
    with pytest.raises(UsageError) as error:
        found.value(found.words[1], "--lr")
    assert str(error.value).splitlines()[0] == f"{word} could not be evaluated: {reason}"
    assert underlined(error) == word


def test_known_names_go_before_variables():
    text = line("--loss mse", mse="a variable", mine=print)
    assert text.named("mse", ["mse", "cross_entropy"], "--loss") == "mse"
    assert text.named("mine", ["mse"], "--loss") is print
    assert text.named("{mine}", ["mse"], "--loss") is print


def test_an_unknown_name_suggests_the_nearest_and_lists_all():
    found = line("--optim adamv(lr=1)")
    with pytest.raises(UsageError) as error:
        found.named(found.words[1], ["adamw", "sgd"], "--optim")
    first, second = str(error.value).splitlines()[:2]
    assert first == "unknown --optim 'adamv'; did you mean 'adamw'?"
    assert second.strip() == "one of adamw, sgd, or a variable or {expression}"
    assert underlined(error) == "adamv(lr=1)"


def test_lists_have_spaces_or_commas_or_are_expressions():
    known = ["accuracy", "f1", "top3(a=1, b=2)"]
    found = line("--metrics accuracy,f1 top3(a=1, b=2) {[mine, 'f1']} mine", mine=print)
    assert found.several(found.words[1:], known, "--metrics") == [
        "accuracy", "f1", "top3(a=1, b=2)", print, "f1", print,
    ]  # fmt: skip
    found = line("--metrics acuracy,f1")
    with pytest.raises(UsageError, match="unknown --metrics 'acuracy'; did you mean") as error:
        found.several(found.words[1:], known, "--metrics")
    assert underlined(error) == "acuracy"


@pytest.mark.parametrize(
    ("word", "value"), [("1e-3", 1e-3), ("5", 5.0), ("rate", 0.5), ("{2*3}", 6), ("-1e-3", -1e-3)]
)
def test_numbers_are_literals_variables_or_expressions(word, value):
    assert line("", rate=0.5).number(word, "--lr") == value


def test_whole_numbers_may_be_written_as_floats_or_held_by_an_array():
    import numpy as np

    assert line("").number("1e3", "--epochs", int) == 1000
    assert line("", n=np.int64(3)).number("n", "--epochs", int) == 3


@pytest.mark.parametrize("word", ["flag", "five", "2.5", "many"])
def test_what_is_not_an_integer_is_refused_in_one_line(word):
    found = line("", flag=True, five="five", many=list(range(1000)))
    with pytest.raises(UsageError, match="--epochs must be an integer, got") as error:
        found.number(word, "--epochs", int)
    assert max(map(len, str(error.value).splitlines())) < 80


def test_texts_are_as_they_stand_unless_in_braces():
    found = line("--name lenet --name 'lenet' --name {lenet}", lenet=3)
    words = found.words[1::2]
    assert [found.text_of(w) for w in words] == ["lenet", "lenet", 3]
    assert [found.text_of(w, variables=True) for w in words] == [3, "lenet", 3]


# ----- errors of the function that is called ------------------------------------------------


def complain(error: Exception, *notes: str):
    for note in notes:
        error.add_note(note)
    raise error


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ArgumentError("batch_size must be positive, got 0"), "0"),
        (ArgumentError("an optimizer is a name, got 3"), "3"),
        (ShapeError("mse compares number by number"), "mse(a=1)"),
        (ArgumentError("unknown dtype 'flot32'", hint="float32"), "flot32[3]"),
        (DataError("the data is empty"), "pairs"),
    ],
)
def test_an_error_about_a_word_is_shown_under_it(error, word):
    found = line("net pairs --batch-size 0 --optim 3 --loss mse(a=1) --input flot32[3]")
    about = {"batch_size": found.words[3], "optimizer": found.words[5], "data": found.words[1]}
    with pytest.raises(UsageError) as caught:
        found.run(complain, error, about=about)
    assert error.message in str(caught.value)
    if error.hint:
        assert f"Try: {error.hint}" in str(caught.value)
    assert underlined(caught) == word


def test_an_error_in_the_validation_data_is_shown_there():
    found = line("net train --val val")
    about = {"data": found.words[1], "val": found.words[3]}
    with pytest.raises(UsageError, match="in the validation data") as caught:
        found.run(complain, DataError("it is empty"), "in the validation data", about=about)
    assert underlined(caught) == "val"
    assert str(caught.value).count("^") == 3


def test_an_error_of_a_layer_is_left_to_the_report_of_layers():
    error = ShapeError("sizes")
    error.layer = "net.0 (Linear)"
    with pytest.raises(ShapeError):
        line("net").run(complain, error)
