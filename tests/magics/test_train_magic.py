"""``%train`` in a real kernel: every option, and what is said when one is wrong."""

from __future__ import annotations

import time

import pytest

QUICK = "--max-steps 2 --wait"


def trained(kernel, words, *, data="train"):
    """Run ``%train lenet`` with ``words`` to its end."""
    cell = kernel.run(f"%train lenet {data} {words} --wait")
    assert cell.status == "ok", cell.said
    return cell


# ----- options --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "seen", "value"),
    [
        ("--epochs 2 --batch-size 500", "run.step, run.epochs", "(6, 2)"),
        ("--accumulate 2 --batch-size 500 --epochs 2", "run.step, run.total_steps", "(4, 4)"),
        ("--lr 3.*=0.5,*=0.125 --max-steps 1", "run.config['lr'], run.lr",
         "({'3.*': 0.5, '*': 0.125}, 0.5)"),
        ("--lr {{'3': 0.5}} --max-steps 1", "run.lr", "0.5"),
        ("--freeze 1.weight 1.bias --max-steps 1", "sorted(run.history.gradients.frozen)",
         "['1.bias', '1.weight']"),
        ("--max-steps 3", "run.step, run.message", "(3, '3 steps done')"),
        ("--val val --epochs 1", "sorted(run.results)", "['accuracy', 'loss']"),
        ("--val 0.25 --epochs 1", "'val_loss' in run.history, len(run.epoch_values)", "(True, 1)"),
        ("--loss nll --max-steps 1", "run.config['loss']", "'nll'"),
        ("--loss cross_entropy(label_smoothing=0.1) --max-steps 1", "run.config['loss']",
         "'cross_entropy(label_smoothing=0.1)'"),
        ("--loss mine --max-steps 2", "run.history.count('loss'), calls['mine']", "(2, 2)"),
        ("--loss {nn.CrossEntropyLoss()} --max-steps 1", "run.step", "1"),
        ("--loss {lambda o, t: mine(o, t) * 2} --max-steps 1", "run.step", "1"),
        ("--optim sgd --max-steps 1", "type(run.optimizers[0]).__name__, run.lr", "('SGD', 0.01)"),
        ("--optim sgd(momentum=0.9) --lr 0.5 --max-steps 1",
         "run.optimizers[0].param_groups[0]['momentum'], run.lr", "(0.9, 0.5)"),
        ("--optim nbdl.optim.Lion --max-steps 1", "type(run.optimizers[0]).__name__", "'Lion'"),
        ("--optim made --max-steps 1", "run.optimizers[0] is made", "True"),
        ("--lr rate --max-steps 1", "run.lr", "0.25"),
        ("--lr {rate / 2} --max-steps {1 + 1}", "run.lr, run.step", "(0.125, 2)"),
        ("--metrics accuracy,f1 top3 --max-steps 1",
         "[n in run.history for n in ('accuracy', 'f1', 'top3')]", "[True, True, True]"),
        ("--metrics worst --max-steps 1", "'worst' in run.history, 'accuracy' in run.history",
         "(True, False)"),
        ("--metrics {['f1', worst]} --max-steps 1", "'worst' in run.history", "True"),
        ("--schedule cosine --epochs 1", "run.lr < 1e-4", "True"),
        ("--schedule step(step_size=1) --epochs 2", "round(run.lr / 1e-3, 6)", "0.01"),
        ("--stop-when loss<100 --epochs 9", "run.epoch, 'loss reached' in run.message",
         "(1, True)"),
        ("--stop-when 'loss converged(tolerance=10, patience=1)' --epochs 9",
         "run.epoch, 'converged' in run.message", "(2, True)"),
        ("--stop-when enough --epochs 9", "run.epoch", "2"),
        ("--early-stopping 1 --val val --lr 1e-12 --epochs 9", "run.epoch < 9", "True"),
        ("--early-stopping {dict(patience=1, monitor='loss')} --lr 1e-12 --epochs 9",
         "run.epoch < 9", "True"),
        ("--clip-norm 0.001 --max-steps 1", "run.config['clip_norm']", "0.001"),
        ("--seed 7 --max-steps 1", "run.config['seed']", "7"),
        ("--device cpu --max-steps 1", "run.config['device']", "'cpu'"),
        ("--callbacks {lambda run: calls.update(epoch=run.epoch)} --epochs 2", "calls['epoch']",
         "2"),
        ("--name another --max-steps 1", "run.name, nbdl.runs()[0].name",
         "('another', 'another')"),
        ("--no-store --max-steps 1", "len(nbdl.runs())", "0"),
        ("--compile --max-steps 4", "run.config['compile'], len(run.plan().calls) > 3",
         "(True, True)"),
        ("--no-compile --max-steps 4", "run.config['compile'], run.compiled", "(False, None)"),
        ("--max-steps 4", "'compile' in run.config, run.compiled", "(False, None)"),
        ("--history 3 --max-steps 8", "run.steps_kept, run.at(5)._name",
         "([0, 4, 8], 'lenet at step 4')"),
        ("--history 1MB --max-steps 2", "run.steps_kept[0], run.steps_kept[-1]", "(0, 2)"),
        ("--history {dict(count=3, optimizer=False)} --max-steps 2", "run.steps_kept",
         "[0, 1, 2]"),
        ("--as mine_run --max-steps 1", "mine_run.step, 'run' in globals()", "(1, False)"),
    ],
)  # fmt: skip
def test_every_option_does_what_its_argument_does(lenet, words, seen, value):
    lenet.run("""
rate = 0.25
calls = {"mine": 0}
made = nbdl.optim.Adam(lenet.parameters(), lr=0.5)
def mine(outputs, targets):
    calls["mine"] += 1
    return nn.functional.cross_entropy(outputs, targets)
def worst(outputs, targets):
    return float(outputs.max())
def enough(run):
    return run.epoch == 2
""")
    trained(lenet, words)
    assert lenet.value(seen) == value


def test_every_argument_of_the_function_has_an_option():
    import inspect

    import nbdl
    from nbdl.magics.options import TRAIN

    by_the_magic_itself = {"model", "data", "source", "line", "start", "resume", "wait",
                           "progress", "parameters"}  # fmt: skip
    arguments = set(inspect.signature(nbdl.train).parameters)
    assert {option.name for option in TRAIN} == arguments - by_the_magic_itself


@pytest.mark.parametrize(
    "data",
    ["train", "{train}", "(x, y)", "{(x, y)}", "pair", "{data.DataLoader(train, 50)}", "batches",
     "table"],
)  # fmt: skip
def test_data_may_be_a_set_a_pair_a_loader_a_dict_or_batches(lenet, data):
    lenet.run("pair = x.numpy(), y.numpy(); table = {'image': x.numpy(), 'label': y.numpy()}")
    lenet.run("def batches():\n    yield x, y\n    yield x, y")
    trained(lenet, "--max-steps 1", data=data)
    assert lenet.value("run.step") == "1"


def test_batches_that_are_dicts_may_have_any_target(lenet):
    lenet.run("table = {'image': x.numpy(), 'kind': y.numpy()}")
    trained(lenet, "--target kind --max-steps 1", data="table")
    cell = lenet.run("%train lenet table")
    assert cell.status == "error"
    assert "the target of the batch is not clear: its keys are image, kind" in cell.said
    assert cell.underlined == "table"


def test_several_inputs(kernel):
    kernel.run("""%%model net --quiet
class Two(Module):
    def __init__(self):
        super().__init__()
        self.flat = Sequential(Flatten(), Linear(64, 10))
    def forward(self, a, b):
        return self.flat(a + b)""")
    cell = kernel.run("%train net (x, x, y) --max-steps 2 --wait")
    assert cell.status == "ok", cell.said


def test_a_step_of_ones_own_with_two_models(kernel):
    kernel.run("""
g, d = nn.Linear(4, 4), nn.Linear(4, 1)
og, od = (nbdl.optim.Adam(m.parameters(), lr=0.01) for m in (g, d))
noise = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
def step(z):
    losses = {}
    for optimizer, sign in ((od, 1), (og, -1)):
        optimizer.zero_grad()
        loss = sign * d(g(z)).mean()
        loss.backward()
        optimizer.step()
        losses["d" if sign == 1 else "g"] = loss
    return losses
""")
    words = "%train {[g, d]} noise --step step --optimizers {[og, od]} --epochs 2 --wait"
    cell = kernel.run(words)
    assert cell.status == "ok", cell.said
    assert kernel.value("run.step, 'd' in run.history, 'g' in run.history") == "(2, True, True)"
    cell = kernel.run("%train {[g, d]} noise --step step --lr 0.1")
    assert "lr= does not go with step=" in cell.said
    assert cell.underlined == "0.1"


# ----- the cell and the run -------------------------------------------------------------------


def test_the_cell_returns_at_once_with_a_dashboard_and_the_run(lenet):
    cell = lenet.run("%train lenet train --epochs 100000")
    assert cell.status == "ok", cell.said
    assert {"application/vnd.jupyter.widget-view+json", "image/svg+xml", "text/plain"} <= cell.kinds
    lenet.run_later("before = run.step")
    lenet.until("run.step > before")
    assert lenet.value("type(run).__name__, run.is_alive, run.model is lenet") == (
        "('Run', True, True)"
    )
    lenet.run("run.stop()")
    assert lenet.value("run.wait().status") == "'stopped'"


def test_the_run_keeps_the_cell_that_defined_its_model(lenet):
    trained(lenet, "--max-steps 1")
    assert "Linear(None, 16)" in lenet.value("run.source")


def test_a_learning_rate_is_looked_for_with_the_options_of_the_line(lenet):
    lenet.run("weights = [p.value for p in lenet.parameters()]")
    cell = lenet.run("%train lenet train --val val --epochs 3 --optim sgd --lr-find")
    assert cell.status == "ok", cell.said
    assert "Learning-rate finder of lenet" in cell.said
    assert "image/svg+xml" in cell.kinds or "image/png" in cell.kinds
    assert lenet.value("type(finder).__name__, 'run' in globals()") == "('LRFinder', False)"
    assert lenet.value(
        "all(p.value is v for p, v in zip(lenet.parameters(), weights, strict=True))"
    ) == "True"
    wrong = lenet.run_later("%train lenet train --lr-find --batch-size 0")
    assert wrong.status == "error"
    assert "batch_size must be a whole number" in wrong.said


def test_a_sweep_of_a_function_shows_all_its_trials(lenet):
    pytest.importorskip("optuna")
    lenet.run("def make(width): return nn.Sequential(nn.Flatten(), nn.Linear(64, width), "
              "nn.ReLU(), nn.Linear(width, 10))")  # fmt: skip
    cell = lenet.run(
        "%train make train --sweep width=8..16 --sweep lr=1e-3..1e-1:log --trials 2 --max-steps 2 "
        "--wait"
    )
    assert cell.status == "ok", cell.said
    assert "trial 1 of 2 with width=" in cell.said
    assert "Best loss" in cell.said
    assert "image/svg+xml" in cell.kinds or "image/png" in cell.kinds
    assert lenet.value("len(sweep.trials), sweep.best_run.model is None") == "(2, False)"
    for words, said in (
        ("--sweep lr", "--sweep needs NAME=VALUES"),
        ("--sweep lrr=1,2", "no parameter 'lrr' to sweep; did you mean 'lr'"),
        ("--sweep lr=0.1,0.2 --lr 1", "lr is given as an option and swept"),
        ("--sweep lr=2..1", "is no range of numbers"),
    ):
        wrong = lenet.run_later(f"%train lenet train {words}")
        assert wrong.status == "error"
        assert said in wrong.said


def test_a_variable_called_run_is_left_alone(lenet):
    lenet.run("run = 'mine'")
    cell = trained(lenet, "--max-steps 1")
    assert "the variable 'run' was left as it is; --as NAME keeps it as NAME" in cell.printed
    assert lenet.value("run") == "'mine'"


def test_the_same_model_is_not_trained_twice_at_once(lenet):
    lenet.run("%train lenet train --epochs 100000")
    cell = lenet.run_later("%train lenet train")
    assert cell.status == "error"
    assert "'lenet' is being trained already" in cell.said
    assert "Try: run.wait() for its end, run.stop(), or train a copy" in cell.said
    assert lenet.value("run.is_alive") == "True"
    lenet.run("run.stop()")


def test_an_error_on_the_way_ends_the_waiting_cell_with_it(lenet):
    lenet.run("def bad(outputs, targets):\n    raise ZeroDivisionError('out of coffee')")
    cell = lenet.run("%train lenet train --loss bad --no-check --wait")
    assert cell.status == "error"
    assert "ZeroDivisionError: out of coffee" in cell.error
    assert lenet.value("run.status, run.step") == "('failed', 0)"
    lenet.run("%train lenet train --loss bad --no-check --as second")
    cell = lenet.run_later("second.wait()")
    assert "ZeroDivisionError: out of coffee" in cell.error


# ----- runs that the magic has not started ------------------------------------------------------

LOOP = """
run = nbdl.track(data.DataLoader(train, 100), model=lenet, epochs={epochs}, optimizer=adam)
for x, y in run:
    loss = nn.functional.cross_entropy(lenet(x), y)
    adam.zero_grad()
    loss.backward()
    adam.step()
    run.log(loss=loss)
notice = run.notice
"""


def test_a_loop_by_hand_has_the_same_dashboard_and_the_clean_interrupt(lenet):
    lenet.run("adam = nbdl.optim.Adam(lenet.parameters())")
    cell = lenet.run(LOOP.format(epochs=2))
    assert cell.status == "ok", cell.said
    assert {"application/vnd.jupyter.widget-view+json", "image/svg+xml", "text/plain"} <= cell.kinds
    assert cell.shown[-1]["text/plain"].startswith("lenet · finished")
    assert "step 30 / 30" in cell.shown[-1]["text/plain"]
    assert cell.printed == ""
    assert "use the notebook's Stop button" in lenet.value("notice")
    assert lenet.value("run.notice") == "''"
    assert "Gradient flow" in lenet.run("%inspect run --gradients").said
    request = lenet.send(LOOP.format(epochs=100000))
    time.sleep(1)
    lenet.interrupt()
    cell = lenet.result(request)
    assert "KeyboardInterrupt" in cell.error
    assert "was interrupted after step" in cell.error
    assert lenet.value("run.status, run.history.count('loss') == run.step > 0") == (
        "('interrupted', True)"
    )


def test_the_function_shows_its_dashboard_once(lenet):
    cell = lenet.run("nbdl.train(lenet, train, epochs=3)")
    assert cell.status == "ok", cell.said
    views = [data for data in cell.shown if "application/vnd.jupyter.widget-view+json" in data]
    assert len(views) == 1
    assert "step 69 / 69" in cell.shown[-1]["text/plain"]
    assert cell.printed == "", "no bar of text beside it"
    assert len(lenet.run("nbdl.train(lenet, train, epochs=1, progress=False); 1").shown) == 1
    cell = lenet.run("run = nbdl.train(lenet, train, epochs=1, wait=False)\nrun.join()\nrun")
    assert len([d for d in cell.shown if "application/vnd.jupyter.widget-view+json" in d]) == 1


# ----- what is wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message", "part"),
    [
        ("", "%train needs model: %train model [data]", ""),
        ("lenet", "%train needs the data to train on: %train MODEL DATA", ""),
        ("lenett train", "there is no variable 'lenett'; did you mean 'lenet'?", "lenett"),
        ("lenet trian", "there is no variable 'trian'; did you mean 'train'?", "trian"),
        ("lenet train --val vall", "there is no variable 'vall'; did you mean 'val'?", "vall"),
        ("train lenet", "train is of type Subset, not a model", "train"),
        ("lenet lenet", "the data is a model, Sequential", "lenet"),
        ("lenet 3", "cannot train on 3\n  Try: a data set, a loader, batches", "3"),
        ("lenet train --loss crossentrpy", "unknown --loss 'crossentrpy'; did you mean "
         "'cross_entropy'?", "crossentrpy"),
        ("lenet train --loss ce(label_smothing=1)", "has no option 'label_smothing'; did you "
         "mean 'label_smoothing'?", "ce(label_smothing=1)"),
        ("lenet train --loss x", "a loss is a name or a function of (outputs, targets), got a "
         "Tensor", "x"),
        ("lenet train --loss mse", "mse compares number by number", "mse"),
        ("lenet train --optim adm", "unknown --optim 'adm'; did you mean 'adam'?", "adm"),
        ("lenet train --optim x", "an optimizer is a name, a class or an optimizer, got a Tensor",
         "x"),
        ("lenet train --metrics acuracy", "unknown --metrics 'acuracy'; did you mean 'accuracy'?",
         "acuracy"),
        ("lenet train --schedule cosin", "unknown --schedule 'cosin'; did you mean 'cosine'?",
         "cosin"),
        ("lenet train --device cud", "unknown --device 'cud'; did you mean 'cuda'?", "cud"),
        ("lenet train --lr -1e-3", "lr must be a positive number, got -0.001", "-1e-3"),
        ("lenet train --lr fast", "--lr: there is no variable 'fast'", "fast"),
        ("lenet train --epochs 0", "epochs must be a whole number of at least 1, got 0", "0"),
        ("lenet train --epochs 2.5", "--epochs must be an integer, got 2.5", "2.5"),
        ("lenet train --batch-size -3", "batch_size must be a whole number of at least 1", "-3"),
        ("lenet train --max-steps 0", "max_steps must be a whole number of at least 1", "0"),
        ("lenet train --early-stopping 0", "early_stopping needs a number of epochs", "0"),
        ("lenet train --clip-norm 0", "clip_norm must be a positive number, got 0.0", "0"),
        ("lenet train --stop-when someday", "the stop condition 'someday' is not understood",
         "someday"),
        ("lenet train --callbacks 3", "a callback is a function of the run", "3"),
        ("lenet train --val 1.5", "a fraction between 0 and 1", "1.5"),
        ("lenet train --optm sgd", "%train has no option --optm; did you mean '--optim'?",
         "--optm"),
        ("lenet train -epochs 3", "%train has no option -epochs; did you mean '--epochs'?",
         "-epochs"),
        ("lenet train --optim", "--optim needs a value: --optim NAME", "--optim"),
        ("lenet train extra", "'extra' is one word too many for %train", "extra"),
        ("lenet train --as 1bad", "'1bad' cannot be the name of a variable", "1bad"),
        ("lenet train --as a.b", "'a.b' cannot be the name of a variable", "a.b"),
        ("lenet train --name 'net", "the ' is not closed", "'net"),
        ("lenet {train[} ", "the [ is not closed", "[}"),
        ("lenet {1/0}", "{1/0} could not be evaluated: ZeroDivisionError: division by zero",
         "{1/0}"),
    ],
)  # fmt: skip
def test_errors_are_short_named_underlined_and_suggest(lenet, words, message, part):
    names = "sorted(n for n in globals() if not n.startswith('_') and n not in ('In', 'Out'))"
    before = lenet.value(names)
    cell = lenet.run(f"%train {words}")
    assert cell.status == "error"
    assert message in cell.printed
    assert cell.printed.startswith("UsageError: ")
    assert len(cell.said.strip().splitlines()) <= 5
    assert cell.underlined == part
    assert lenet.value(names) == before
    assert lenet.value("nbdl.training.active_runs()") == "[]"


BAD_DATA = """
pixels, labels = x.numpy().copy(), y.numpy().copy()
nan, wrong, few, many, floats, texts = (a.copy() for a in (pixels, labels, labels, labels, labels,
                                                           labels))
nan[3, 0, 2, 1] = np.nan
wrong[5] = 12
empty = pixels[:0], labels[:0]
whole = (16 * pixels).astype("uint8")
flat = pixels[:, :, :7]
""".strip()


@pytest.mark.parametrize(
    ("data", "message", "part"),
    [
        ("(nan, labels)", "inputs has 1 NaN among 2048 values; the first is sample 3, position "
         "(0, 2, 1)", "(nan, labels)"),
        ("(pixels, wrong)", "target 12 of sample 5 is not a class: the model has 10 outputs, so "
         "classes are 0 to 9", "(pixels, wrong)"),
        ("empty", "is empty", "empty"),
        ("(pixels, labels[:5])", "inputs has 32 (shape (32, 1, 8, 8)), targets has 5",
         "(pixels, labels[:5])"),
        ("(pixels, labels.astype('float32'))", "cross_entropy needs class numbers as targets", ""),
        ("(pixels, labels.astype(str))", "targets is text", "(pixels, labels.astype(str))"),
    ],
)  # fmt: skip
def test_bad_data_is_named_by_sample_before_the_first_step(lenet, data, message, part):
    lenet.run(BAD_DATA)
    lenet.run("before = [p.numpy().copy() for p in lenet.parameters()]")
    cell = lenet.run(f"%train lenet {data}")
    assert cell.status == "error"
    assert message in cell.said
    if part:
        assert cell.underlined == part
    same = "all((a == p.numpy()).all() for a, p in zip(before, lenet.parameters()))"
    assert lenet.value(same) == "True"
    cell = lenet.run(f"%train lenet train --val {data}")
    assert message in cell.said
    assert "in the validation data" in cell.said or "empty" in data or ":5" in data or "str" in data


def test_wrong_shapes_and_dtypes_name_the_layer_and_its_line(lenet):
    lenet.run(BAD_DATA)
    cell = lenet.run("%train lenet (flat, labels)")
    assert "ShapeError in layer 1 (Linear) of lenet (cell, line 2)" in cell.error
    assert cell.underlined == "Linear(None, 16)"
    cell = lenet.run("%train lenet (whole, labels)")
    assert "computes with floats, but its input is uint8" in cell.said
    assert "Try: x.astype('float32')" in cell.said


def test_a_batch_size_beyond_the_data_is_one_batch_and_noted(lenet):
    trained(lenet, "--batch-size 5000 --epochs 2")
    assert lenet.value("run.step") == "2"
    assert "batch_size=5000 is more than the 1438 samples" in lenet.value("run.history.events")


def test_a_loss_that_becomes_nan_says_so_and_keeps_the_weights(lenet):
    cell = lenet.run("%train lenet train --optim sgd --lr 1e30 --epochs 50 --wait")
    assert cell.status == "error"
    assert "NotFiniteError in layer" in cell.error
    assert "It began here" in cell.error
    assert "became NaN" in cell.error or "became infinite" in cell.error
    assert "in step" in cell.error
    assert "Try: a smaller learning rate" in cell.error
    assert lenet.value("all(np.isfinite(p.numpy()).all() for p in lenet.parameters())") == "True"


@pytest.mark.parametrize("word", ["0", "-1", "x", "1kB", "{[]}"])
def test_a_history_that_is_none_is_underlined(lenet, word):
    cell = lenet.run(f"%train lenet train --history {word} --max-steps 1")
    assert "history" in cell.said
    assert cell.underlined == word
    assert lenet.value("'run' in globals() and run.is_alive") != "True"
