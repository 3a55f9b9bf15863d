"""Tab completion of magic lines."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from IPython.core.completer import CompletionContext
from IPython.core.magic_arguments import argument, magic_arguments

from nbdl.magics.completion import MagicMatcher


@magic_arguments()
@argument("model")
@argument("data", nargs="?")
@argument("--optim")
@argument("--epochs")
@argument("--wait", action="store_true")
def train(line):
    """Train."""


@pytest.fixture
def matcher():
    shell = SimpleNamespace(
        user_ns={"lenet": 1, "digits": 2, "_hidden": 3, "In": []},
        Completer=SimpleNamespace(custom_matchers=[]),
    )
    return MagicMatcher(
        shell,
        {"train": train},
        {"model": lambda ns: ["lenet"], "--optim": lambda ns: ["adam", "adamw", "sgd"]},
    )


def complete(matcher, text):
    context = CompletionContext(
        token=text.split(" ")[-1],
        full_text=text,
        cursor_position=len(text),
        cursor_line=0,
        limit=None,
    )
    return [c.text for c in matcher.match(context)["completions"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%train --", ["--epochs", "--optim", "--wait"]),
        ("%train lenet digits --ep", ["--epochs"]),
        ("%train ", ["lenet"]),
        ("%train lenet d", ["digits"]),
        ("%train lenet digits --optim ", ["adam", "adamw", "sgd"]),
        ("%train lenet digits --optim ada", ["adam", "adamw"]),
        ("%train --wait --optim s", ["sgd"]),
        ("%%train le", ["lenet"]),
        ("%other --ep", []),
        ("x = train --ep", []),
        ("%train", []),
    ],
)
def test_a_magic_line_completes(matcher, text, words):
    assert complete(matcher, text) == words


def test_it_silences_the_other_matchers_on_our_lines_only(matcher):
    ours = CompletionContext(
        token="", full_text="%train ", cursor_position=7, cursor_line=0, limit=None
    )
    other = CompletionContext(
        token="", full_text="x = ", cursor_position=4, cursor_line=0, limit=None
    )
    assert matcher.match(ours)["suppress"] is True
    assert not matcher.match(other).get("suppress")


def test_it_is_added_to_the_completer_and_taken_away(matcher):
    matcher.register()
    assert matcher.shell.Completer.custom_matchers == [matcher.matcher]
    matcher.unregister()
    assert matcher.shell.Completer.custom_matchers == []
