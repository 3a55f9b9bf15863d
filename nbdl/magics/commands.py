"""The magics themselves: each parses its line, calls one function below, and shows the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.magic import (
    Magics,
    cell_magic,
    line_magic,
    magics_class,
    no_var_expand,
)
from IPython.core.magic_arguments import argument, kwds, magic_arguments

from nbdl import nn, training, widgets
from nbdl.core import random
from nbdl.errors import NbdlError
from nbdl.inspection.gradient_flow import MEASURES
from nbdl.magics import (
    controls,
    edits,
    inputs,
    look,
    options,
    past,
    resuming,
    seeking,
    sheet,
    show,
    traveling,
)
from nbdl.magics import model as models
from nbdl.magics.arguments import HelpFormatter, HelpShown, Line
from nbdl.magics.starting import Starting
from nbdl.magics.trouble import refuse_cell
from nbdl.training.models import Definition, definitions


def help_of(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Have the magic's help written as a person reads it; a decorator."""
    return kwds(formatter_class=HelpFormatter)(magic)


@magics_class
class NbdlMagics(Magics):
    """``%%model``, ``%train``, ``%inspect``, ``%runs`` and ``%nbdl``.

    Args:
        shell: IPython's shell.
        starting: takes over the runs that are started.
    """

    shell: Any

    def __init__(self, shell: Any, starting: Starting) -> None:
        super().__init__(shell)
        self.starting = starting

    def _line(self, magic: str, text: str) -> Line:
        return Line(magic, text, self.shell.user_ns)

    # ----- %%model ------------------------------------------------------------------------

    @no_var_expand
    @magic_arguments("%model")
    @argument("name", help="the model's name: a variable of this name is made")
    @argument(
        "--input",
        action="append",
        metavar="SHAPE",
        dest="inputs",
        help="sizes of one example without the batch, such as 1,8,8; with a dtype int64[256]; "
        "an array like the input; for several inputs name=SHAPE, once for each",
    )
    @argument(
        "--keep",
        action="store_true",
        help="carry over what the model NAME has learned to the layers that are still there",
    )
    @argument("--quiet", action="store_true", help="do not show the graph")
    @help_of
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
        specs = inputs.read(text, args.inputs)
        source = f"%%model {line}\n{cell}"
        number = len(self.shell.history_manager.input_hist_parsed) - 1
        filename = self.shell.compile.cache(source, number)
        scope = models.CellNamespace(namespace)
        began = random.default_generator().state()
        module: nn.Module | None = None
        try:
            body = models.on_its_lines(cell, self.shell.transform_cell(cell))
            module = models.as_module(models.evaluate(body, filename, scope))
            text.run(models.check_inputs, module, specs)
            built = models.build(module, specs, str(args.name))
        except (NbdlError, NameError, SyntaxError) as error:
            known = (*namespace, *nn.__all__, *scope.defined())
            refused = refuse_cell(error, source, filename, known)
            if refused is None:
                raise
            if module is not None and not args.quiet:
                show.unfinished(self.shell, module, specs, str(args.name))
            raise refused from None
        old = namespace.get(args.name)
        if args.keep:
            edits.keep(self.shell, old if isinstance(old, nn.Module) else None, built.model)
        view = None if args.quiet else show.model_view(built)
        definitions[built.model] = Definition(source, began)
        namespace.update(scope.hand_over())
        namespace[str(args.name)] = built.model
        if view is not None:
            show.view(self.shell, view)

    @no_var_expand
    @line_magic("model")  # type: ignore[arg-type]
    def model_in_a_line(self, line: str) -> None:
        """``%model --help``; what it defines stands in a cell."""
        text = self._line("%model", line)
        try:
            text.parse(NbdlMagics.model)
        except HelpShown:
            return
        raise text.error("a model is defined by a cell: %%model, and the model in the lines below")

    # ----- %train -------------------------------------------------------------------------

    @no_var_expand
    @magic_arguments()
    @argument("model", help="the model: a variable, or an {expression}")
    @argument(
        "data",
        nargs="?",
        help="what to train on: a data set, a loader, or an (inputs, targets) pair",
    )
    @options.with_options
    @argument(
        "--as",
        dest="run",
        metavar="VARIABLE",
        help="the variable that becomes the run (run)",
    )
    @argument(
        "--resume",
        nargs="?",
        const=True,
        metavar="RUN",
        help="go on with the model's newest run, or one of this id, exactly where it was: after "
        "Stop, a restart or a crash; data and options are those it was started with",
    )
    @argument(
        "--branch",
        metavar="STEP",
        help="train on from an earlier step as a new run, with other options (variable: branch); "
        "MODEL is a run then: its variable, id or name",
    )
    @controls.with_controls
    @argument("--wait", action="store_true", help="let the cell wait for the end")
    @argument(
        "--lr-find",
        action="store_true",
        help="do not train: look for a learning rate, on a copy of the model (variable: finder)",
    )
    @argument(
        "--sweep",
        action="append",
        metavar="NAME=VALUES",
        help="train again and again with other values of an option, or of an argument of the "
        "function that MODEL is: lr=1e-4..1e-1:log, batch_size=32,64,128 (variable: sweep)",
    )
    @argument("--trials", metavar="N", help="with --sweep: how often (20)")
    @help_of
    @line_magic
    def train(self, line: str) -> None:
        """Train a model in the background, with a live dashboard.

        The cell returns at once; pause, resume, stop and the learning rate are in the
        dashboard. Under 'Run All' the cells that follow wait for the end by themselves; the
        notebook's Stop button ends training between two steps with everything kept.

            %train lenet train --val val --loss cross_entropy --optim adamw --epochs 5
            %train lenet --resume       goes on after an interrupt, or the kernel's end
            %train lenet --pause        as the dashboard's button; --stop, --set-lr 1e-4, ...
            %train run --branch 1200 --lr 1e-4   on from there, of a run with --history

        Values may be variables and {expressions}; names may carry arguments, as in
        sgd(momentum=0.9).
        """
        text = self._line("%train", line)
        try:
            args = text.parse(NbdlMagics.train)
        except HelpShown:
            return
        name = "run" if args.run is None else str(args.run)
        if args.run is not None:
            text.run(models.check_variable, args.run)
        given, about = options.read(text, args)
        if args.branch is not None:
            run = traveling.branch(text, args, given, about, NbdlMagics.train)
            self.starting.watch(run, str(args.run or "branch"), args.wait)
            return
        model = text.value(args.model, "model")
        if controls.control(text, args, model):
            return
        if args.resume is not None:
            resuming.complete(text, args, given, model, NbdlMagics.train)
        if resuming.is_fit(given):
            run = resuming.fit_again(text, args, given, model)
            resuming.tell(run, given["resume"])
            self.starting.watch(run, name, args.wait)
            return
        if args.data is None:
            raise text.error("%train needs the data to train on: %train MODEL DATA")
        about |= {"model": args.model, "data": args.data}
        if "step" not in given and not args.sweep and not isinstance(model, nn.Module):
            raise text.error(
                f"{args.model} is of type {type(model).__name__}, not a model", args.model
            )
        data = text.value(args.data, "data")
        if args.lr_find or args.sweep:
            self._seek(text, args, model, data, given, about)
            return
        run = text.run(training.train, model, data, wait=False, about=about, line=line, **given)
        resuming.tell(run, given.get("resume"))
        self.starting.watch(run, name, args.wait)

    def _seek(
        self, text: Line, args: Any, model: Any, data: Any, given: Any, about: Any
    ) -> None:
        """``--lr-find`` and ``--sweep``."""
        if args.sweep:
            tried = seeking.sweep(text, args, model, data, given, about)
            self.starting.watch(tried, str(args.run or "sweep"), args.wait)
            return
        found = seeking.find_lr(text, model, data, given, about)
        self.starting.keep_as(str(args.run or "finder"), found)
        show.put(self.shell, show.lr_picture(found))

    # ----- %inspect -----------------------------------------------------------------------

    @no_var_expand
    @magic_arguments()
    @argument("things", nargs="+", help="a model, a tensor, data, a run, a plan, or several")
    @options.with_choices(options.INSPECT)
    @help_of
    @line_magic
    def inspect(self, line: str) -> None:
        """Look into a model, a tensor, an array, data, a run, or a compiled plan.

            %inspect lenet              structure, shapes, parameters, FLOPs
            %inspect lenet --on x       activations and gradients on x
            %inspect x                  the values of a tensor or an array
            %inspect x --labels y       its rows as points in the plane, coloured
            %inspect loss               the computation behind a loss
            %inspect h --graph          the computation behind any tensor
            %inspect train val          data sets: fields, classes, duplicates, leaks, mistakes
            %inspect old new --diff     what differs between two models
            %inspect run --gradients    gradient flow: norms, updates, activations
            %inspect run --graph        the same on the model's graph, step by step
            %inspect run --plotly       its curves as a plotly figure
            %inspect lenet --save lenet.html   a page that needs no notebook
            %inspect {run.plan()}       how a compiled training computes its step
        """
        text = self._line("%inspect", line)
        try:
            args = text.parse(NbdlMagics.inspect)
        except HelpShown:
            return
        things = [text.value(word, "%inspect") for word in args.things]
        on = None if args.on is None else text.value(args.on, "--on")
        specs = inputs.read(text, args.input)
        for word, thing in zip(args.things, things, strict=True):
            if not look.can_look_into(thing):
                raise text.error(
                    f"{word} is of type {type(thing).__name__}: %inspect looks into models, "
                    "tensors, arrays, data sets, runs and plans",
                    word,
                )
        titles = [str(word).strip("{}") for word in args.things]
        axes = None if args.axes is None else text.text_of(args.axes).split(",")
        target = None if args.target is None else text.value(args.target, "--target")
        loss = None if args.loss is None else text.named(args.loss, training.LOSSES, "--loss")
        measure = args.measure and text.named(args.measure, MEASURES, "--measure")
        labels = None if args.labels is None else text.value(args.labels, "--labels")
        ask = look.Ask(
            on, target, loss, specs, args.gradients, args.graph, axes, args.diff, measure, labels
        )
        about = {
            "--on": args.on, "--loss": args.loss, "--target": args.target, "--axes": args.axes,
            "--diff": text.typed("--diff"), "--measure": args.measure, "labels": args.labels,
        }  # fmt: skip
        views = text.run(look.look, things, titles, ask, about=about)
        if args.plotly:
            about = {"plotly": text.typed("--plotly"), "--save": args.save}
            text.run(show.figures, self.shell, views, args.save, about=about)
            return
        if args.save is not None:
            about = {"--save": args.save}
            print("saved", text.run(widgets.save, views, text.text_of(args.save), about=about))
            return
        for each in views:
            show.put(self.shell, each)

    # ----- %runs, %nbdl -------------------------------------------------------------------

    @no_var_expand
    @magic_arguments()
    @argument("words", nargs="*", help="runs by id, its first letters, or name; or an action")
    @options.with_choices(options.RUNS)
    @argument("--as", dest="variable", metavar="VARIABLE", help="of at: the model's variable")
    @help_of
    @line_magic
    def runs(self, line: str) -> Any:
        """The trainings that are kept beside this notebook: list, compare, name, delete, export.

            %runs                            the newest first
            %runs --where 'val_accuracy>0.9' --sort val_accuracy --descending
            %runs 3fa2                       one: its dashboard and all that is recorded
            %runs 3fa2 lenet                 several beside each other
            %runs rename 3fa2 baseline       tag, untag, note: %runs tag 3fa2 good
            %runs delete 3fa2                into the trash; %runs undo, %runs trash,
                                             %runs restore 3fa2, %runs empty-trash
            %runs export 3fa2 run.csv        or run.json, or a folder for TensorBoard
            %runs report 3fa2 run.html       one page that needs no other file
            %runs rerun 3fa2                 train it again: are the losses the same?
            %runs at 3fa2 1200 --as old      the model as it was at a step, of a run with --history

        delete, compare, export and report take the runs that the options choose where none is
        named. rerun executes the recorded source of the model, as running its cell would.
        """
        text = self._line("%runs", line)
        try:
            args = text.parse(NbdlMagics.runs)
        except HelpShown:
            return None
        return past.do(self.shell, text, args, NbdlMagics.model)

    @line_magic
    def nbdl(self, line: str) -> None:
        """Show what nbdl can do, on one page."""
        show.sheet(self.shell, sheet.SHEET)


PARSED: dict[str, Callable[..., Any]] = {
    "model": NbdlMagics.model,
    "train": NbdlMagics.train,
    "inspect": NbdlMagics.inspect,
    "runs": NbdlMagics.runs,
}
"""The magics that have options, by the names they are typed with."""
