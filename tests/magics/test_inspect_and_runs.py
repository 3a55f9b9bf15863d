"""``%inspect`` and ``%runs`` in a real kernel."""

from __future__ import annotations

import base64

import pytest

HOSTILE = "<img src=x onerror=alert(1)>"


def text(cell):
    return "\n".join(data.get("text/plain", "") for data in cell.shown)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lenet", ["lenet · Sequential", "Linear  64→16", "1,210 parameters"]),
        ("lenet --on x", ["32×16", "Mean ± std", "Gradient"]),
        ("lenet --on {x[:3]}", ["3×16"]),
        ("lenet --on {(x + 1)}", ["32×16"]),
        ("loss", ["loss · float32[]", "cross_entropy", "lenet  Sequential"]),
        ("{lenet(x).sum()}", ["lenet(x).sum() · float32[]"]),
        ("{lenet(x)}", ["lenet(x) · Tensor · float32  32×10", "%inspect TENSOR --graph"]),
        ("{lenet(x)} --graph", ["lenet(x) · float32[32, 10], computation graph"]),
        ("lenet[1].weight", ["Parameter · float32  16×64", "rows: out (16)"]),
        ("{x.numpy()} --axes N,C,H,W", ["ndarray · float32  32×1×8×8", "panels: N"]),
        ("{x.reshape(32, 64)} --labels y", ["principal components", "32 rows"]),
        ("run", ["lenet · finished", "step 3 / 3", "loss"]),
        ("run --gradients", ["Gradient flow · lenet", "1.weight"]),
        ("run --measure ratio", ["update / weight", "1.weight"]),
        ("run --graph", ["lenet", "Linear"]),
        ("run lenet", ["lenet · finished", "lenet · Sequential"]),
    ],
)
def test_models_tensors_parameters_and_runs(lenet, words, said):
    assert lenet.run("%train lenet train --max-steps 3 --wait").status == "ok"
    lenet.run("loss = nn.functional.cross_entropy(lenet(x), y)")
    cell = lenet.run(f"%inspect {words}")
    assert cell.status == "ok", cell.said
    for part in said:
        assert part in text(cell)
    assert {"application/vnd.jupyter.widget-view+json", "image/svg+xml"} <= cell.kinds


def test_two_models_are_compared(lenet):
    lenet.run("wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Linear(32, 10))")
    for words in ("%inspect lenet wide --diff", "nbdl.inspect(lenet, wide, diff=True)"):
        cell = lenet.run(words)
        assert cell.status == "ok", cell.said
        assert "~ 1  Linear  out_features 16 → 32" in text(cell)
        assert {"application/vnd.jupyter.widget-view+json", "image/svg+xml"} <= cell.kinds


def test_a_compiled_plan_shows_its_calls_and_its_memory(lenet):
    cell = lenet.run("%train lenet train --max-steps 4 --compile --wait\nplan = run.plan()")
    assert cell.status == "ok", cell.said
    cell = lenet.run("""
fast = nbdl.compile(lenet)
with nbdl.no_grad():
    fast(x)
forward = fast.report()
""")
    assert cell.status == "ok", cell.said
    ways = ("%inspect plan", "%inspect {run.plan()}", "nbdl.inspect(plan)", "plan", "forward")
    for words in ways:
        cell = lenet.run(words)
        assert cell.status == "ok", cell.said
        *explorer, shown = cell.shown
        assert len(explorer) == ("inspect" in words), "only %inspect has it, above the picture"
        assert set(shown) == {"image/svg+xml", "image/png", "text/plain"}, words
        assert "the machine's limits allow" in shown["text/plain"]
        assert "Compiled plan" in shown["image/svg+xml"]
    assert "Update" not in shown["image/svg+xml"], "a prediction changes nothing"
    both = lenet.run("%inspect plan lenet")
    assert len(both.shown) > 2
    for words in ("plan --on x", "plans"):
        assert lenet.run(f"%inspect {words}").status == "error"


def test_data_sets_are_shown_together_with_what_is_wrong(lenet):
    cell = lenet.run("%inspect train {train[:40]}")
    assert cell.status == "ok", cell.said
    widget, shown = cell.shown
    assert "application/vnd.jupyter.widget-view+json" in widget
    assert set(shown) == {"image/svg+xml", "image/png", "text/plain"}
    assert "40 samples of train[:40] are in train, too" in shown["text/plain"]

def test_a_model_that_has_seen_nothing_can_be_given_an_input(kernel):
    kernel.run("net = nn.Sequential(nn.Flatten(), nn.Linear(None, 4))")
    cell = kernel.run("%inspect net --input 1,8,8")
    assert cell.status == "ok", cell.said
    assert "Linear  64→4" in text(cell)


@pytest.mark.parametrize(
    ("words", "message", "part"),
    [
        ("", "%inspect needs things: %inspect things", ""),
        ("lenett", "there is no variable 'lenett'; did you mean 'lenet'?", "lenett"),
        ("nbdl", "nbdl is of type module: %inspect looks into models, tensors, arrays, data sets, "
         "runs and plans", "nbdl"),
        ("train --on x", "--on is for models; train is of type Subset", "x"),
        ("lenet --onn x", "%inspect has no option --onn; did you mean '--on'?", "--onn"),
        ("y --on x", "--on is for models; y is of type Tensor", "x"),
        ("lenet --diff", "--diff compares two models; given: Sequential", "--diff"),
        ("lenet x --diff", "--diff compares two models; given: Sequential, Tensor", "--diff"),
        ("lenet --input 8x8", "--input '8x8' is not a shape", "8x8"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_into_is_said(lenet, words, message, part):
    cell = lenet.run(f"%inspect {words}")
    assert cell.status == "error"
    assert message in cell.printed
    assert cell.underlined == part


def test_a_model_in_training_can_be_looked_into(lenet):
    lenet.run("%train lenet train --epochs 100000")
    assert "Mean ± std" in text(lenet.run_later("%inspect lenet --on x"))
    assert "lenet · " in text(lenet.run("%inspect run"))
    assert lenet.value("run.is_alive") == "True"
    lenet.run("run.stop()")


def test_hostile_names_are_text_in_every_view(kernel):
    kernel.run(f"""
name = {HOSTILE!r}
net = nn.Sequential(nn.Flatten())
net.add_module(name, nn.Linear(64, 10))
""")
    cells = [
        kernel.run("%inspect net --input 1,8,8"),
        kernel.run("%inspect net --on x"),
        kernel.run("%train net train --max-steps 2 --wait --name {name}"),
        kernel.run("%inspect run --gradients"),
        kernel.run("%runs"),
    ]
    for cell in cells:
        assert cell.status == "ok", cell.said
        assert HOSTILE in text(cell), "as text it is shown as it is"
        for data in cell.shown:
            for kind in ("text/html", "image/svg+xml"):
                assert "<img" not in data.get(kind, ""), kind
    for cell in cells[:3]:
        svg = "".join(data.get("image/svg+xml", "") for data in cell.shown)
        assert "&lt;img" in svg


# ----- %runs ----------------------------------------------------------------------------------


def test_runs_are_listed_newest_first_and_can_be_chosen(lenet):
    assert text(lenet.run("%runs")) == "no runs"
    for name in ("first", "second"):
        lenet.run(f"%train lenet train --max-steps 2 --wait --name {name}")
    cell = lenet.run("%runs")
    rows = text(cell).splitlines()
    assert rows[0].split()[:7] == ["id", "name", "status", "started", "time", "epoch", "step"]
    assert [row.split()[1] for row in rows[1:]] == ["second", "first"]
    assert "text/html" in cell.kinds
    assert len(text(lenet.run("%runs --limit 1")).splitlines()) == 2
    [_, row] = text(lenet.run("%runs --model first")).splitlines()
    assert row.split()[1] == "first"
    assert lenet.value("len(_)") == "1", "the list is the cell's value"


@pytest.mark.parametrize(
    ("words", "message", "part"),
    [
        ("--limit 0", "--limit must be 1 or more, got 0", "0"),
        ("--limit few", "--limit: there is no variable 'few'", "few"),
        ("--model lenett", "no run 'lenett' is kept here; did you mean 'lenet'?", "lenett"),
        ("--modl lenet", "%runs has no option --modl; did you mean '--model'?", "--modl"),
        ("lenett", "no run 'lenett' is kept here; did you mean 'lenet'?", "lenett"),
    ],
)
def test_what_is_wrong_with_runs_is_said(lenet, words, message, part):
    lenet.run("%train lenet train --max-steps 1 --wait")
    cell = lenet.run(f"%runs {words}")
    assert cell.status == "error"
    assert message in cell.printed
    assert cell.underlined == part


def test_tensors_and_models_have_a_small_picture_beside_their_text(lenet):
    picture, one, model = (lenet.run(code) for code in ("x", "x[0, 0, 0, 0]", "lenet"))
    [shown] = picture.shown
    assert shown["text/plain"].startswith("tensor(")
    assert shown["image/svg+xml"].startswith("<svg")
    assert len(shown["image/svg+xml"]) < 15_000
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")
    assert set(one.shown[0]) == {"text/plain"}
    assert "1,210 parameters" in model.shown[0]["image/svg+xml"]
    assert "image/png" in model.shown[0]
    assert lenet.run("%unload_ext nbdl").status == "ok"
    try:
        assert set(lenet.run("x").shown[0]) == {"text/plain"}
    finally:
        lenet.run("%load_ext nbdl")


PLOTLY = "application/vnd.plotly.v1+json"


def test_inspect_shows_plotly_figures(lenet):
    assert lenet.run("%train lenet train --max-steps 3 --wait").status == "ok"
    for words, kind in (
        ("run", "scatter"), ("run --gradients", "heatmap"), ("lenet[1].weight", "heatmap"),
    ):  # fmt: skip
        cell = lenet.run(f"%inspect {words} --plotly")
        assert cell.status == "ok", cell.said
        (shown,) = cell.shown
        assert {trace["type"] for trace in shown[PLOTLY]["data"]} == {kind}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("lenet --plotly", "no plotly figure of this view"),
        ("train --plotly", "no plotly figure of this view"),
        ("x lenet --plotly", "no plotly figure of this view"),
        ("x --plotly --save x.html", "--save writes a view of nbdl's own"),
    ],
)
def test_what_has_no_plotly_figure_says_so(lenet, words, says):
    cell = lenet.run(f"%inspect {words}")
    assert cell.status == "error"
    assert says in cell.printed
    assert cell.underlined == ("x.html" if "save" in words else "--plotly")
    assert cell.shown == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("lenet --graph", "--graph is for tensors and runs; lenet is of type Sequential"),
        ("lenet --axes N,C", "--axes is for tensors and arrays; lenet is of type Sequential"),
        ("x --axes N,C", "2 names (N, C) for the 4 axes of (32, 1, 8, 8)"),
        ("x --on x", "--on is for models; x is of type Tensor"),
        ("lenet --labels y", "--labels is for tensors and arrays; lenet is of type Sequential"),
        ("x --labels y", "labels are for the rows of a table"),
        ("{x.reshape(32, 64)} --labels {y[:5]}", "5 labels for the 32 rows of (32, 64)"),
    ],
)
def test_options_that_are_not_for_this_thing_are_refused(lenet, words, says):
    cell = lenet.run(f"%inspect {words}")
    assert cell.status == "error"
    assert says in cell.said


def test_a_model_on_an_input_with_target_and_loss(lenet):
    for words, said in (
        ("lenet --on x", "gradients of the mean of the output"),
        ("lenet --on x --target y", "gradients of the cross-entropy"),
        ("lenet --on (x, y)", "gradients of the cross-entropy"),
        ("lenet --on x --target {nbdl.zeros((32, 10))} --loss huber", "gradients of the huber"),
    ):
        cell = lenet.run(f"%inspect {words}")
        assert cell.status == "ok", cell.said
        assert said in text(cell)
    lenet.run("small = nn.Sequential(nn.Linear(2, 2), nn.Tanh())")
    small = lenet.run("%inspect small --on {nbdl.ones((3, 2))}")
    assert "z⁽¹⁾" not in text(small)  # one layer needs no number
    assert "z₁ = w₁₁·x₁ + w₁₂·x₂ + b₁" in text(small)


@pytest.mark.parametrize(
    ("words", "says", "part"),
    [
        ("lenet --target y", "--target and --loss belong to an input", "y"),
        ("lenet --on x --loss mse", "--loss needs what the outputs are compared with", "mse"),
        ("lenet --on x --target y --loss crossentropi", "unknown --loss", "crossentropi"),
    ],
)
def test_targets_and_losses_that_do_not_fit_are_refused(lenet, words, says, part):
    cell = lenet.run(f"%inspect {words}")
    assert cell.status == "error"
    assert says in cell.printed
    assert cell.underlined == part


def test_inspect_saves_a_page_instead_of_showing(lenet, tmp_path):
    page = tmp_path / "lenet.html"
    cell = lenet.run(f"%inspect lenet --save {page}")
    assert cell.status == "ok", cell.said
    assert f"saved {page}" in cell.said
    assert cell.shown == []
    assert page.read_text().startswith("<!DOCTYPE html>")
    cell = lenet.run("%inspect lenet --save lenet.pdf")
    assert cell.status == "error"
    assert "saved as .html, .svg, .png" in cell.said
