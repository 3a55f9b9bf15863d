"""Tab completion of magic lines."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from IPython.core.completer import CompletionContext
from IPython.core.magic_arguments import argument, magic_arguments

from nbdl.magics.completion import MagicMatcher, functions, numbers


@magic_arguments()
@argument("model")
@argument("data", nargs="?")
@argument("--optim")
@argument("--metrics", nargs="+")
@argument("--input", action="append")
@argument("--epochs")
@argument("--wait", action="store_true")
def train(line):
    """Train."""


@magic_arguments()
@argument("things", nargs="+")
@argument("--on")
def look(line):
    """Look."""


def own(x):
    return x


@pytest.fixture
def matcher():
    shell = SimpleNamespace(
        user_ns={
            "lenet": "a model", "digits": [2], "math": math, "_hidden": 3, "In": [], "Input": [1],
            "own": own, "n": 3, "rate": 0.5, "flag": True,
        },
        Completer=SimpleNamespace(custom_matchers=[]),
    )  # fmt: skip
    return MagicMatcher(
        shell,
        {"train": train, "look": look},
        {
            "model": lambda ns: ["lenet"],
            "things": lambda ns: ["lenet", "loss"],
            "--optim": lambda ns: ["adam", "adamw", "sgd"],
            "--metrics": lambda ns: ["accuracy", "f1", *functions(ns)],
            "--epochs": numbers,
            "look --on": lambda ns: ["x"],
        },
        ["Linear", "LSTM", "Sequential"],
    )


def complete(matcher, text, token=None):
    line = text.split("\n")[-1]
    context = CompletionContext(
        token=line.split(" ")[-1] if token is None else token,
        full_text=text,
        cursor_position=len(line),
        cursor_line=text.count("\n"),
        limit=None,
    )
    return matcher.match(context)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%train --", ["--epochs", "--input", "--metrics", "--optim", "--wait"]),
        ("%train --wait --", ["--epochs", "--input", "--metrics", "--optim"]),
        ("%train --input 3 --i", ["--input"]),
        ("%train lenet digits --ep", ["--epochs"]),
        ("%train ", ["lenet"]),
        ("%train lenet d", ["digits"]),
        ("%train lenet ", ["Input", "digits", "flag", "lenet", "n", "own", "rate"]),
        ("%train lenet digits ", ["--epochs", "--input", "--metrics", "--optim", "--wait"]),
        ("%train lenet digits --optim ", ["adam", "adamw", "sgd"]),
        ("%train lenet digits --optim ada", ["adam", "adamw"]),
        ("%train lenet digits --optim=ada", ["adam", "adamw"]),
        ("%train --wait --optim s", ["sgd"]),
        ("%train --epochs ", ["n", "rate"]),
        ("%train --metrics accuracy f", ["f1"]),
        ("%train --metrics accuracy,f", ["f1"]),
        ("%train --metrics accuracy o", ["own"]),
        ("%train {lenet} dig", ["digits"]),
        ("%%train le", ["lenet"]),
        ("%look lenet lo", ["loss"]),
        ("%look lenet --on ", ["x"]),
        ("x = 1\n%train le", ["lenet"]),
        ("%train lenet {dig", []),
        ("%train lenet 'dig", []),
        ("%other --ep", []),
        ("x = train --ep", []),
        ("%train", []),
    ],
)
def test_a_magic_line_completes(matcher, text, words):
    assert [c.text for c in complete(matcher, text)["completions"]] == words


def test_only_what_is_typed_last_is_replaced(matcher):
    assert complete(matcher, "%train --metrics accuracy,f")["matched_fragment"] == "f"
    assert complete(matcher, "%train --optim=ada")["matched_fragment"] == "ada"
    assert complete(matcher, "%train ")["matched_fragment"] == ""


def test_a_models_cell_completes_layers_beside_pythons_own_words(matcher):
    found = complete(matcher, "%%model net\nSequential(L", token="L")
    assert [c.text for c in found["completions"]] == ["LSTM", "Linear"]
    assert not found.get("suppress")
    assert complete(matcher, "x = 3\nL", token="L")["completions"] == []


def test_it_silences_the_other_matchers_on_our_lines_only(matcher):
    assert complete(matcher, "%train ")["suppress"] is True
    assert not complete(matcher, "x = ").get("suppress")


def test_it_is_added_to_the_completer_and_taken_away(matcher):
    matcher.register()
    assert matcher.shell.Completer.custom_matchers == [matcher.matcher]
    matcher.unregister()
    assert matcher.shell.Completer.custom_matchers == []


# ----- in a real kernel -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%tr", ["%train"]),
        ("%ins", ["%inspect"]),
        ("%ru", ["%%ruby", "%run", "%runs"]),
        ("%nb", ["%nbdl"]),
        ("%%mod", ["%%model"]),
        ("%train ", ["lenet"]),
        ("%train lenet ", ["lenet", "train", "val", "x", "y"]),
        ("%train lenet tr", ["train"]),
        ("%train lenet train --val v", ["val"]),
        ("%train lenet train --loss ", [
            "bce_with_logits", "binary_cross_entropy", "cross_entropy", "huber", "l1", "mse", "nll",
            "smooth_l1",
        ]),
        ("%train lenet train --optim a", ["adagrad", "adam", "adamw"]),
        ("%train lenet train --schedule co", ["cosine"]),
        ("%train lenet train --metrics accuracy,pre", ["precision"]),
        ("%train lenet train --device ", ["cpu", "cuda"]),
        ("%train lenet train --early", ["--early-stopping"]),
        ("%train lenet train --comp", ["--compile"]),
        ("%train lenet train --no-c", ["--no-check", "--no-checkpoint", "--no-compile"]),
        ("%inspect ", ["lenet", "train", "val", "x", "y"]),
        ("%inspect lenet --gra", ["--gradients", "--graph"]),
        ("%runs --", [
            "--as", "--descending", "--limit", "--model", "--sort", "--status", "--tag", "--where",
        ]),
        ("%runs re", ["rename", "report", "rerun", "restore"]),
        ("%%model ", ["lenet"]),
        ("%%model lenet --", ["--input", "--keep", "--quiet"]),
        ("%%model lenet --input 8\nSequential(BatchNorm2", ["BatchNorm2d"]),
        ("a = 1\n%train le", ["lenet"]),
    ],
)  # fmt: skip
def test_tab_in_a_kernel(lenet, text, words):
    offered = lenet.complete(text)
    if text.startswith(("%train lenet train --optim", "%train lenet train --loss")):
        offered = [word for word in offered if word in words]  # optimizers may be added
    assert offered == words


def test_tab_at_the_first_line_of_a_models_cell(kernel):
    cell = "%%model net --inp\nLinear(3, 4)"
    assert kernel.complete(cell, len("%%model net --inp")) == ["--input"]


def test_a_plan_is_offered_to_be_looked_into(lenet):
    cell = lenet.run("""
fast = nbdl.compile(lenet)
with nbdl.no_grad():
    fast(x)
speed = fast.report()
""")
    assert cell.status == "ok", cell.said
    assert lenet.complete("%inspect ") == ["lenet", "speed", "train", "val", "x", "y"]


def test_runs_are_completed_by_the_names_that_are_kept(lenet):
    assert "first" not in lenet.complete("%runs --model ")
    assert lenet.run("%train lenet train --max-steps 1 --wait --name first").status == "ok"
    assert lenet.complete("%runs --model ") == ["first"]
