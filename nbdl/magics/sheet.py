"""``%nbdl``: everything on one page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One line of the sheet: what to type, and what it does."""

    code: str
    meaning: str


@dataclass(frozen=True)
class Section:
    """Entries under one heading."""

    title: str
    entries: tuple[Entry, ...]


SHEET: tuple[Section, ...] = (
    Section(
        "Data",
        (
            Entry("train, val = nbdl.data.digits().split(0.8)", "real digits, split in two"),
            Entry("data.TensorDataset(x, y)", "your own arrays"),
            Entry("x, y = val[:32]", "the first 32 examples as tensors"),
        ),
    ),
    Section(
        "Model",
        (
            Entry("%%model net --input 1,8,8", "the cell's last expression becomes the model net"),
            Entry("%%model net --keep", "again after an edit, with the weights that still fit"),
            Entry('nbdl.model("net", Sequential(...), input=(1, 8, 8))', "the same as a function"),
        ),
    ),
    Section(
        "Training",
        (
            Entry("%train net train --val val --epochs 5", "in the background, with a dashboard"),
            Entry("%train net train --loss mse --optim sgd --lr 0.1", "loss, optimizer, rate"),
            Entry("%train net train --wait", "the cell waits for the end"),
            Entry("%train net --resume", "go on exactly where it was, also after a crash"),
            Entry("%train net train --history 50", "with snapshots, to go back in time:"),
            Entry("%runs at run 1200 --as old", "the model as it was; run.at(1200)"),
            Entry("%train run --branch 1200 --lr 1e-4", "on from there; run.branch(1200, lr=1e-4)"),
            Entry("%train net train --compile", "the step traced once, replayed as fused kernels"),
            Entry("%train net --pause", "as the dashboard's button; --stop, --save, --set-lr 1e-4"),
            Entry(
                "for x, y in nbdl.track(loader, model=net): ...", "your own loop, same dashboard"
            ),
        ),
    ),
    Section(
        "Looking inside",
        (
            Entry("%inspect net", "structure, shapes, parameters, FLOPs"),
            Entry("%inspect net --on x", "layer by layer: activations and gradients on x"),
            Entry("%inspect net --on x --target y", "the same with the gradients of the loss"),
            Entry("%inspect x", "the values of a tensor or an array: heat maps, images, filters"),
            Entry("%inspect loss", "the computation behind a loss; of any tensor with --graph"),
            Entry("%inspect train val", "data sets: fields, classes, duplicates, leaks, mistakes"),
            Entry("%inspect old new --diff", "what differs between two models"),
            Entry("%inspect run --gradients", "norms, updates, activations by layer and step"),
            Entry("%inspect {run.plan()}", "kernels, times and memory of a compiled training"),
            Entry(
                "with nbdl.detect_anomaly(): ...",
                "stop at the first NaN or Inf and name its origin",
            ),
            Entry("%runs", "all trainings kept beside this notebook"),
            Entry("%runs --where 'loss<0.5'", "some of them; --sort COLUMN orders them"),
            Entry("%runs net", "one again: by its id or name; several are compared"),
            Entry("%runs rerun ID", "train it again: are the losses the same?"),
        ),
    ),
    Section(
        "After training",
        (
            Entry("nbdl.evaluate(net, val)", "loss and metrics"),
            Entry("nbdl.predict(net, x)", "outputs for an array of inputs"),
            Entry('nbdl.save(net, "net.safetensors")', "weights to a file; nbdl.load reads them"),
        ),
    ),
)


def text(sheet: tuple[Section, ...] = SHEET) -> str:
    """The sheet for a terminal."""
    width = max(len(e.code) for section in sheet for e in section.entries)
    lines = []
    for section in sheet:
        lines.append(section.title)
        lines += [f"  {e.code:<{width}}  {e.meaning}" for e in section.entries]
        lines.append("")
    return "\n".join([*lines, "Every magic explains itself: %train?  or  %train --help"])
