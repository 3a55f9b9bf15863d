"""``%%model`` in a real kernel: what a cell may be, and what becomes of one that fails."""

from __future__ import annotations

import pytest

NAMES = "sorted(n for n in globals() if not n.startswith('_') and n not in ('In', 'Out'))"

BLOCK = """
class Block(Module):
    def __init__(self, size=4):
        super().__init__()
        self.first = Linear(8, size)
        self.second = Linear(size, 2)
    def forward(self, x):
        return self.second(self.first(x).relu())
""".strip()


# ----- what a cell may be -------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "Sequential(Linear(8, 4), ReLU(), Linear(None, 2))",
        "nn.Sequential(nn.Linear(8, 2))",
        BLOCK,
        f"{BLOCK}\nBlock(size=5)",
        "def make(width=4):\n    return Sequential(Linear(8, width), Linear(width, 2))",
        "made = Sequential(Linear(8, 2))",
        "made: Module = Sequential(Linear(8, 2))",
        "made = Sequential(Linear(8, 2))\nmade",
        "\n\n# a comment\nLinear(8, 2)  # and one more\n",
        "%time width = 2\nLinear(8, width)",
    ],
)
def test_an_expression_a_class_a_function_or_an_object(kernel, body):
    cell = kernel.run(f"%%model net --input 8\n{body}")
    assert cell.status == "ok", cell.said
    assert kernel.value("isinstance(net, nn.Module), net._name") == "(True, 'net')"
    assert kernel.value("net(nbdl.zeros((3, 8))).shape") == "(3, 2)"
    assert {"application/vnd.jupyter.widget-view+json", "image/svg+xml"} <= cell.kinds
    assert "net" in cell.said


def test_what_the_cell_defines_becomes_the_notebooks(kernel):
    cell = f"%%model net --input 8 --quiet\nimport math\nwidth = int(math.sqrt(16))\n{BLOCK}"
    assert kernel.run(cell).status == "ok"
    assert kernel.value("width, math.pi > 3, Block(3).first.out_features") == "(4, True, 3)"
    names = kernel.value(NAMES)
    assert "'Linear'" not in names, "the layers' names stay in the cell"


def test_functions_of_the_cell_follow_the_notebooks_variables(kernel):
    cell = "width = 4\ndef block():\n    return Linear(8, width)\nSequential(block())"
    assert kernel.run(f"%%model net --input 8 --quiet\n{cell}").status == "ok"
    assert kernel.run("width = 7").status == "ok"
    assert kernel.value("block().out_features") == "7"


def test_the_cell_sees_the_notebooks_variables_even_in_class_bodies(kernel):
    kernel.run("width = 6")
    cell = """%%model net --input 8 --quiet
class Net(Module):
    size = width
    def __init__(self, more=width):
        super().__init__()
        self.linear = Linear(8, self.size + more)
    def forward(self, x):
        return self.linear(x)"""
    assert kernel.run(cell).status == "ok"
    assert kernel.value("net.linear.out_features, width") == "(12, 6)"


def test_without_input_nothing_is_checked_and_none_is_found_later(kernel):
    assert kernel.run("%%model net --quiet\nSequential(Linear(None, 2))").status == "ok"
    assert kernel.value("net(nbdl.zeros((1, 5))).shape") == "(1, 2)"


def test_several_inputs_with_dtypes_by_name_or_in_order(kernel):
    cell = """
class Masked(Module):
    def __init__(self):
        super().__init__()
        self.embed = Embedding(10, 4)
    def forward(self, ids, mask):
        assert str(ids.dtype) == "int64" and str(mask.dtype) == "bool"
        return self.embed(ids) * mask[:, :, None].astype("float32")"""
    for ids, mask in (("ids=int64[16]", "mask=bool[16]"), ("int64[16]", "bool[16]")):
        done = kernel.run(f"%%model net --input {ids} --input {mask}{cell}")
        assert done.status == "ok", done.said
        assert "1×16×4" in done.said


def test_sizes_may_be_variables_and_a_batch_may_stand_for_them(kernel):
    kernel.run("side = 8")
    for words in ("--input 1,side,side", "--input {x.shape[1:]}", "--input x", "--input {x}"):
        done = kernel.run(f"%%model net {words}\nSequential(Flatten(), Linear(None, 2))")
        assert done.status == "ok", done.said
        assert kernel.value("net[1].in_features") == "64"


def test_keep_carries_weights_over_and_says_which(kernel):
    kernel.run("%%model net --input 8 --quiet\nSequential(Linear(8, 4), ReLU(), Linear(4, 2))")
    kernel.run("before = net.state_dict()")
    cell = kernel.run(
        "%%model net --input 8 --keep --quiet\n"
        "Sequential(Linear(8, 4), Tanh(), Linear(4, 3), ReLU(), Linear(3, 2))"
    )
    assert cell.shown[0]["text/plain"].splitlines() == [
        "kept 2 of 6 weights; 2 of another shape; 2 new",
        "  0 Linear  as before",
        "  2 Linear  weight new: [3, 4], it was [2, 4], bias new: [3], it was [2]",
        "  4 Linear  new",
    ]
    assert "<table>" in cell.shown[0]["text/html"]
    same = "bool((net[0].weight == before['0.weight']).all())"
    assert kernel.value(same) == "True"
    cell = kernel.run("%%model net --input 8 --quiet\nSequential(Linear(8, 4), ReLU())")
    assert not cell.shown
    assert kernel.value(same) == "False"


def test_keep_finds_layers_whose_numbers_have_shifted(kernel):
    kernel.run("%%model net --quiet\nSequential(Linear(8, 4), ReLU(), Linear(4, 2))")
    kernel.run("before = net.state_dict()")
    cell = kernel.run(
        "%%model net --keep --quiet\n"
        "Sequential(Linear(8, 4), BatchNorm1d(4), ReLU(), Dropout(), Linear(4, 2))"
    )
    assert "4 Linear       from 2" in cell.said
    assert "1 BatchNorm1d  new" in cell.said
    assert kernel.value("bool((net[4].weight == before['2.weight']).all())") == "True"


def test_keep_shows_the_names_of_layers_as_text(kernel):
    name = "<img src=x onerror=alert(1)>"
    kernel.run(f"%%model net --quiet\nModuleDict({{{name!r}: Linear(2, 2)}})")
    cell = kernel.run("%%model net --keep --quiet\nSequential(Linear(2, 3))")
    assert "&lt;img" in cell.shown[0]["text/html"]
    assert "<img" not in cell.shown[0]["text/html"]


def test_keep_keeps_the_dtype_of_the_new_model(kernel):
    kernel.run("%%model net --quiet\nSequential(Linear(3, 2))")
    kernel.run("%%model net --keep --quiet\nSequential(Linear(3, 2)).to('float64')")
    assert kernel.value("str(net[0].weight.dtype)") == "'float64'"
    cell = kernel.run("%%model net --keep --quiet\nSequential(Linear(3, 2))")
    assert "0 Linear  cast from float64 to float32" in cell.said


def test_a_model_may_be_defined_again_while_the_old_one_trains(lenet):
    lenet.run("%train lenet train --epochs 100000")
    cell = lenet.run_later(
        "%%model lenet --input 1,8,8 --keep --quiet\n"
        "Sequential(Flatten(), Linear(None, 16), Tanh(), Linear(16, 10))"
    )
    assert cell.status == "ok", cell.said
    assert "kept 4 of 4 weights" in cell.said
    assert lenet.value("run.is_alive, run.model is lenet") == "(True, False)"
    lenet.run("run.stop()")


# ----- what fails changes nothing -------------------------------------------------------------


FAILS = [
    # body, first words of the message, what is underlined
    ("Linear(7, 3)", "ShapeError in layer net (Linear) (cell, line 3)", "Linear(7, 3)"),
    ("Sequential(\n  Linear(8, 4), ReLU(),\n  Linear(5, 2))",
     "ShapeError in layer 2 (Linear) of net (cell, line 5)", "Linear(5, 2)"),
    (f"{BLOCK.replace('Linear(size, 2)', 'Linear(7, 2)')}",
     "ShapeError in layer second (Linear) of net (cell, line 7)", "Linear(7, 2)"),
    ("class Net(Module):\n    def forward(self, x):\n        y = x.reshape((2, 4))\n"
     "        return y + x", "ShapeError in layer net (Net) (cell, line 6)", "y + x"),
    ("Sequential(\n    Linear(8, 4),\n    Dropout(1.5))", "ArgumentError (cell, line 5)",
     "Dropout(1.5)"),
    ("Liner(8, 2)", "NameError (cell, line 3)", "Liner"),
    ("Linear(8, widht)", "NameError (cell, line 3)", "widht"),
    ("Linear(8, 2", "SyntaxError (cell, line 3)", "("),
    ("if True\n    Linear(8, 2)", "SyntaxError (cell, line 3)", ""),
    ("3", "ArgumentError (cell, line 3)", "3"),
    ("for i in range(3):\n    Linear(8, 2)", "ArgumentError (cell, line 4)", "Linear(8, 2)"),
    ("def make(n):\n    return Linear(8, n)", "ArgumentError (cell, line 4)",
     "return Linear(8, n)"),
    ("def make():\n    return 3", "ArgumentError (cell, line 4)", "return 3"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "head", "part"), FAILS)
def test_what_is_wrong_is_said_shortly_and_underlined_in_the_cell(kernel, body, head, part):
    cell = kernel.run(f"%%model net --input 8\nhelper = 1; width = 3\n{body}")
    assert cell.status == "error"
    assert cell.printed.splitlines()[0] == f"UsageError: {head}"
    assert len(cell.printed.strip().splitlines()) <= 7
    if part:
        assert cell.underlined == part


def test_a_model_that_does_not_fit_is_shown_up_to_the_layer_that_failed(kernel):
    body = "Sequential(Linear(8, 4), ReLU(), Linear(5, 2), ReLU())"
    cell = kernel.run(f"%%model net --input 8\n{body}")
    assert cell.status == "error"
    assert {"image/svg+xml", "application/vnd.jupyter.widget-view+json"} <= cell.kinds
    assert "1  ReLU" in cell.said
    assert "✗ 2  Linear" in cell.said
    assert "3  ReLU" not in cell.said
    assert kernel.run(f"%%model net --input 8 --quiet\n{body}").shown == []
    assert kernel.run("%%model net --input 8\nLinear(8, widht)").shown == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("Linear(7, 3)", ["(1, 8)", "in_features=7", "Try: in_features=8"]),
        ("Liner(8, 2)", ["did you mean 'Linear'?"]),
        ("width = 3\nLinear(8, widht)", ["did you mean 'width'?"]),
        ("Linear(8, 2", ["'(' was never closed"]),
        ("3", ["of type int, not a model", "Try: end the cell with"]),
        ("def make(n):\n    return Linear(8, n)", ["needs the argument(s) n", "make(n=...)"]),
        ("def make():\n    return 3", ["make() returned int, not a model"]),
        ("", ["the %%model cell is empty"]),
        ("# nothing", ["the %%model cell is empty"]),
    ],
)
def test_got_expected_and_the_likely_fix(kernel, body, words):
    cell = kernel.run(f"%%model net --input 8\n{body or ' '}")
    for word in words:
        assert word in cell.said


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('half-way')",
        "1 / 0\nLinear(8, 2)",
        "import no_such_module\nLinear(8, 2)",
        "Linear(8)",
        "x.nothing()\nLinear(8, 2)",
        "class Net(Module):\n    def forward(self, x):\n        return x.nothing()",
        "class Net(Module):\n    def __init__(self):\n        1 / 0",
        *(body for body, _, _ in FAILS),
    ],
)
def test_a_cell_that_fails_changes_no_variable(kernel, body):
    kernel.run("%%model net --input 8 --quiet\nLinear(8, 1)")
    kernel.run("keep = [net, id(x), train]")
    before = kernel.value(NAMES)
    cell = kernel.run(f"%%model net --input 8\nhelper = 1; x = 3; train = None\n{body}")
    assert cell.status == "error"
    assert kernel.value(NAMES) == before
    assert kernel.value("[net, id(x), train] == keep, net.out_features") == "(True, 1)"


def test_a_failed_check_leaves_an_object_of_the_notebook_as_it_was(kernel):
    kernel.run("made = nn.Sequential(nn.Linear(None, 4), nn.Linear(5, 2))")
    assert kernel.run("%%model net --input 8\nmade").status == "error"
    assert kernel.value("made._name, 'net' in globals()") == "('', False)"
    assert kernel.value("made[0](nbdl.zeros((1, 3))).shape") == "(1, 4)", "sizes are not found yet"


def test_errors_of_ones_own_show_the_lines_of_the_cell(kernel):
    cell = kernel.run("%%model net\n\n\nhelper = 1\nraise ValueError('half-way')")
    assert "ValueError: half-way" in cell.error
    assert f"Cell In[{cell.count}], line 5" in cell.error
    assert "----> 5 raise ValueError('half-way')" in cell.error
    assert len(cell.error.splitlines()) < 20


# ----- names and options ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message", "part"),
    [
        ("x", "'x' is already a variable of type Tensor", "x"),
        ("train", "'train' is already a variable of type Subset", "train"),
        ("np", "'np' is already a variable of type module", "np"),
        ("print", "'print' is a name of Python, which the model would hide", "print"),
        ("Linear", "'Linear' is a name of nbdl.nn, which the model would hide", "Linear"),
        ("class", "'class' cannot be the name of a variable", "class"),
        ("1net", "'1net' cannot be the name of a variable", "1net"),
        ("my-net", "'my-net' cannot be the name of a variable", "my-net"),
        ("'my net'", "'my net' cannot be the name of a variable", "'my net'"),
        ("net more", "'more' is one word too many for %%model", "more"),
        ("net --inptu 8", "%%model has no option --inptu; did you mean '--input'?", "--inptu"),
        ("net --input", "--input needs a value: --input SHAPE", "--input"),
        ("net --input 8x8", "--input '8x8' is not a shape", "8x8"),
        ("net --input int6[3]", "unknown dtype 'int6'; did you mean 'int64'?", "int6[3]"),
        ("net --input inpt=8", "'inpt' is no argument of Linear.forward(input); did you mean",
         "inpt=8"),
        ("net --input 8 --input 9", "the inputs do not fit Linear.forward(input)", ""),
        ("--input 8", "%%model needs name: %%model name", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_line_is_underlined(kernel, words, message, part):
    cell = kernel.run(f"%%model {words}\nLinear(8, 2)")
    assert cell.status == "error"
    assert message in cell.printed
    assert cell.underlined == part


def test_a_model_takes_the_place_of_a_model(kernel):
    assert kernel.run("%%model net --quiet\nLinear(8, 2)").status == "ok"
    assert kernel.run("%%model net --quiet\nLinear(8, 3)").status == "ok"
    assert kernel.value("net.out_features") == "3"


def test_one_percent_sign_is_explained(kernel):
    cell = kernel.run("%model net --input 8")
    assert cell.status == "error"
    assert "a model is defined by a cell: %%model" in cell.printed


# ----- the same as a function -----------------------------------------------------------------


def test_the_functions_do_the_same(kernel):
    cell = kernel.run("net = nbdl.model('net', nn.Sequential(nn.Linear(None, 2)), input=(8,))")
    assert cell.status == "ok", cell.said
    assert "image/svg+xml" in cell.kinds
    assert kernel.value("net[0].in_features, net._name") == "(8, 'net')"
    cell = kernel.run(
        "@nbdl.model(input=(8,), quiet=True)\nclass Net(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Linear(None, 3))"
    )
    assert cell.status == "ok", cell.said
    assert kernel.value("Net[0].weight.shape, Net._name") == "((3, 8), 'Net')"
    kernel.run(
        "@nbdl.model(quiet=True, keep=Net)\ndef again():\n"
        "    return nn.Sequential(nn.Linear(8, 3))"
    )
    assert kernel.value("bool((again[0].weight == Net[0].weight).all())") == "True"
    cell = kernel.run("nbdl.model('bad', nn.Linear(7, 2), input=(8,))")
    assert cell.status == "error"
    assert "in_features=8" in cell.error
