"""The magics themselves: each parses its line, calls one function below, and shows the result."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

import nbdl
from nbdl import nn, training
from nbdl.core.tensor import Tensor
from nbdl.errors import NbdlError
from nbdl.magics import model as models
from nbdl.magics import sheet, show
from nbdl.magics.arguments import HelpShown, Line
from nbdl.magics.completion import MagicMatcher
from nbdl.magics.trouble import ErrorReports, refuse_cell
from nbdl.magics.waiting import Waiting, hold, in_batch


@magics_class
class NbdlMagics(Magics):
    """``%%model``, ``%train``, ``%inspect``, ``%runs`` and ``%nbdl``.

    Args:
        shell: IPython's shell.
        waiting: decides which cells wait for a training.
    """

    def __init__(self, shell: Any, waiting: Waiting) -> None:
        super().__init__(shell)
        self.waiting = waiting

    def _line(self, magic: str, text: str) -> Line:
        return Line(magic, text, self.shell.user_ns)

    # ----- %%model ------------------------------------------------------------------------

    @no_var_expand
    @magic_arguments()
    @argument("name", help="the model's name: a variable of this name is made")
    @argument(
        "--input",
        action="append",
        metavar="SHAPE",
        dest="inputs",
        help="sizes of one example without the batch, such as 1,8,8; with a dtype "
        "int64[256]; for several inputs name=dtype[sizes], once for each",
    )
    @argument(
        "--keep",
        action="store_true",
        help="carry over the weights whose path and shape did not change",
    )
    @argument("--quiet", action="store_true", help="do not show the graph")
    @cell_magic
    def model(self, line: str, cell: str) -> None:
        """Define a model: the cell's last expression, with the names of nbdl.nn in scope.

        The cell is ordinary Python. It is built and shape-checked without computing anything,
        becomes the variable NAME, and is shown as a graph. If anything is wrong, nothing
        changes in the notebook.

            %%model lenet --input 1,8,8
            Sequential(Flatten(), Linear(None, 10))
        """
        __tracebackhide__ = True  # a traceback of the cell shows the cell, not the magic
        text = self._line("%%model", line)
        try:
            args = text.parse(NbdlMagics.model)
        except HelpShown:
            return
        namespace = self.shell.user_ns
        text.run(models.check_name, args.name, namespace)
        specs = text.run(models.input_specs, args.inputs)
        source = f"%%model {line}\n{cell}"
        filename = self.shell.compile.cache(source, self.shell.execution_count)
        scope = models.CellNamespace(namespace)
        try:
            thing = models.evaluate(self.shell.transform_cell(cell), filename, scope)
            built = models.build(thing, specs, args.name)
        except NbdlError as error:
            raise refuse_cell(error, source, filename) from None
        models.sources[built.model] = source
        old = namespace.get(args.name)
        if args.keep and isinstance(old, nn.Module):
            print(models.keep_weights(old, built.model).text())
        namespace.update(scope.defined())
        namespace[args.name] = built.model
        if not args.quiet:
            show.model(self.shell, built)

    # ----- %train -------------------------------------------------------------------------

    @no_var_expand
    @magic_arguments()
    @argument("model", help="the model: a variable, or an {expression}")
    @argument(
        "data",
        nargs="?",
        help="what to train on: a data set, a loader, or an (inputs, targets) pair",
    )
    @argument("--val", metavar="DATA", help="data to validate on after each epoch")
    @argument("--loss", default=None, help="name of a loss, or a function (outputs, targets)")
    @argument("--optim", default=None, help="name of an optimizer, or an optimizer")
    @argument("--lr", default=None, help="learning rate")
    @argument("--epochs", default=None, help="passes over the data")
    @argument("--batch-size", default=None, help="examples a step")
    @argument("--metrics", nargs="+", default=None, help="names of metrics, or functions")
    @argument("--schedule", default=None, help="name of a learning-rate schedule")
    @argument("--max-steps", default=None, help="end after this many steps")
    @argument(
        "--early-stopping",
        default=None,
        metavar="EPOCHS",
        help="end when the validation loss has not improved for so many epochs",
    )
    @argument("--clip-norm", default=None, help="bound the norm of all gradients together")
    @argument("--seed", default=None, help="seed of shuffling and dropout")
    @argument("--device", default=None, help="cpu, cuda or cuda:1")
    @argument(
        "--as",
        dest="run",
        default="run",
        metavar="NAME",
        help="variable for the run (default: run)",
    )
    @argument("--wait", action="store_true", help="let the cell wait for the end")
    @line_magic
    def train(self, line: str) -> None:
        """Train a model in the background, with a live dashboard.

        The cell returns at once; pause, resume, stop and the learning rate are in the
        dashboard. Under 'Run All' the cells that follow wait for the end by themselves; the
        notebook's Stop button ends training between two steps with everything kept.

            %train lenet train --val val --loss cross_entropy --optim adamw --epochs 5
        """
        text = self._line("%train", line)
        try:
            args = text.parse(NbdlMagics.train)
        except HelpShown:
            return
        options = self._train_options(text, args)
        model = text.value(args.model, "model")
        if not isinstance(model, nn.Module):
            raise text.error(
                f"{args.model} is of type {type(model).__name__}, not a model", args.model
            )
        if args.data is None:
            raise text.error("%train needs the data to train on: %train MODEL DATA")
        data = text.value(args.data, "data")
        wait = args.wait or in_batch(self.shell)
        options["source"] = models.sources.get(model)
        run = text.run(training.train, model, data, wait=False, **options)
        self._keep_as(args.run, run)
        live = show.run(self.shell, run)
        if wait:
            live.hold(hold, run)
            run.wait()
        else:
            self.waiting.started(run)

    def _train_options(self, text: Line, args: Any) -> dict[str, Any]:
        """The keyword arguments of ``nbdl.train`` that the line gives."""
        options: dict[str, Any] = {
            "lr": text.number(args.lr, "--lr"),
            "epochs": text.number(args.epochs, "--epochs", int),
            "batch_size": text.number(args.batch_size, "--batch-size", int),
            "max_steps": text.number(args.max_steps, "--max-steps", int),
            "early_stopping": text.number(args.early_stopping, "--early-stopping", int),
            "clip_norm": text.number(args.clip_norm, "--clip-norm"),
            "seed": text.number(args.seed, "--seed", int),
            "device": args.device,
        }
        if args.val is not None:
            options["val"] = text.value(args.val, "--val")
        for option, known in (
            ("loss", training.LOSSES),
            ("optim", training.OPTIMIZERS),
            ("schedule", training.SCHEDULES),
        ):
            word = getattr(args, option)
            if word is not None:
                options[option] = text.named(word, known, f"--{option}")
        if args.metrics is not None:
            options["metrics"] = [
                text.named(w, training.METRICS, "--metrics") for w in args.metrics
            ]
        return {name: value for name, value in options.items() if value is not None}

    def _keep_as(self, name: str, run: Any) -> None:
        """Make the run a variable, unless the name belongs to something else."""
        before = self.shell.user_ns.get(name)
        if before is None or isinstance(before, training.Run):
            self.shell.user_ns[name] = run
        else:
            print(f"the variable {name!r} was left as it is; --as NAME keeps the run as NAME")

    # ----- %inspect -----------------------------------------------------------------------

    @no_var_expand
    @magic_arguments()
    @argument("things", nargs="+", help="a model, a tensor, a parameter, a run or two")
    @argument(
        "--on",
        metavar="INPUT",
        help="run the model on this input and show activations and gradients",
    )
    @argument(
        "--input",
        action="append",
        metavar="SHAPE",
        dest="inputs",
        help="sizes of one example, for a model that has not seen any",
    )
    @argument(
        "--gradients",
        action="store_true",
        help="of a run: gradient norms of the layers over the steps",
    )
    @line_magic
    def inspect(self, line: str) -> None:
        """Look into a model, a tensor's computation graph, a parameter, or a run.

        %inspect lenet              structure, shapes, parameters, FLOPs
        %inspect lenet --on x       activations and gradients on x
        %inspect loss               the computation graph of a tensor
        %inspect run --gradients    gradient flow
        """
        text = self._line("%inspect", line)
        try:
            args = text.parse(NbdlMagics.inspect)
        except HelpShown:
            return
        things = [text.value(word, "%inspect") for word in args.things]
        on = None if args.on is None else text.value(args.on, "--on")
        inputs = text.run(models.input_specs, args.inputs)
        for word, thing in zip(args.things, things, strict=True):
            if not isinstance(thing, (nn.Module, Tensor, training.Run)):
                raise text.error(
                    f"{word} is of type {type(thing).__name__}: %inspect looks into models, "
                    "tensors and runs",
                    word,
                )
        views = text.run(
            show.look, things, args.things, on=on, inputs=inputs, gradients=args.gradients
        )
        for each in views:
            show.view(self.shell, each)

    # ----- %runs, %nbdl -------------------------------------------------------------------

    @no_var_expand
    @magic_arguments()
    @argument("--limit", default=None, help="how many to list (default 20)")
    @argument("--model", default=None, help="only runs of the model of this name")
    @line_magic
    def runs(self, line: str) -> Any:
        """List the trainings that are kept beside this notebook, newest first."""
        text = self._line("%runs", line)
        try:
            args = text.parse(NbdlMagics.runs)
        except HelpShown:
            return None
        listed = training.runs()
        if args.model is not None:
            listed = listed.filter(model=args.model)
        return listed.head(text.number(args.limit, "--limit", int) or 20)

    @line_magic
    def nbdl(self, line: str) -> None:
        """Show what nbdl can do, on one page."""
        show.sheet(self.shell, sheet.SHEET)


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext nbdl``: add the magics, their completion and the error reports."""
    if getattr(shell, "_nbdl", None) is not None:
        return
    loaded = Extension(shell)
    loaded.load()
    shell._nbdl = loaded


def unload_ipython_extension(shell: Any) -> None:
    """``%unload_ext nbdl``: take away everything that loading added."""
    loaded = getattr(shell, "_nbdl", None)
    if loaded is not None:
        loaded.unload()
        shell._nbdl = None


MAGIC_NAMES = (
    ("cell", "model"),
    ("line", "train"),
    ("line", "inspect"),
    ("line", "runs"),
    ("line", "nbdl"),
)


class Extension:
    """What ``%load_ext nbdl`` adds to one shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.waiting = Waiting(shell)
        self.reports = ErrorReports(shell)
        self.magics = NbdlMagics(shell, self.waiting)
        functions = {
            "model": NbdlMagics.model,
            "train": NbdlMagics.train,
            "inspect": NbdlMagics.inspect,
            "runs": NbdlMagics.runs,
        }
        self.matcher = MagicMatcher(
            shell,
            functions,
            {
                "name": _names_of(nn.Module),
                "model": _names_of(nn.Module),
                "things": _names_of((nn.Module, Tensor, training.Run)),
                "--loss": lambda _: training.LOSSES,
                "--optim": lambda _: training.OPTIMIZERS,
                "--schedule": lambda _: training.SCHEDULES,
                "--metrics": lambda _: training.METRICS,
                "--device": lambda _: ("cpu", "cuda"),
            },
        )

    def load(self) -> None:
        """Register magics, hooks, completion and error reports."""
        self.shell.user_ns.setdefault("nbdl", nbdl)
        self.shell.register_magics(self.magics)
        self.waiting.register()
        self.matcher.register()
        self.reports.register()
        formatter = self.shell.display_formatter.ipython_display_formatter
        formatter.for_type(training.Run, lambda run: show.view(self.shell, show.run_view(run)))

    def unload(self) -> None:
        """Take all of it away."""
        if self.shell.user_ns.get("nbdl") is nbdl:
            del self.shell.user_ns["nbdl"]
        for kind, name in MAGIC_NAMES:
            self.shell.magics_manager.magics[kind].pop(name, None)
        self.shell.magics_manager.registry.pop(NbdlMagics.__name__, None)
        self.waiting.unregister()
        self.matcher.unregister()
        self.reports.unregister()
        self.shell.display_formatter.ipython_display_formatter.pop(training.Run, None)


def _names_of(kind: Any) -> Any:
    def names(namespace: dict[str, Any]) -> list[str]:
        return [n for n, v in namespace.items() if isinstance(v, kind) and not n.startswith("_")]

    return names
