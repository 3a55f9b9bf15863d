"""What is wrong with data sets, or worth knowing of them, in words with what to do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from nbdl.inspection.data_pairs import contradictions, duplicates, leaks
from nbdl.inspection.data_seen import Seen, not_finite, some_of
from nbdl.inspection.records import Finding
from nbdl.inspection.samples import class_name
from nbdl.inspection.wire import clean

UNEVEN = 3.0
"""The largest class has so many times the smallest one's samples: worth a warning."""

LARGE = 20.0
"""A mean or a standard deviation beyond this is that of numbers as they were measured."""

SPREAD = 100.0
"""Ratio of the standard deviations of two columns beyond which the larger one rules."""

SHIFT = 0.1
"""Difference of a class's share between two data sets that is worth a warning."""

NAMED = 6
"""So many names stand in a sentence."""

IGNORED = -100
"""Targets of this number are left out by losses."""


def findings(seen: Sequence[Seen]) -> list[Finding]:
    """What was found in each data set, and between the first and each of the others."""
    found: list[Finding] = []
    for number, part in enumerate(seen):
        where = f" in {part.title}" if len(seen) > 1 else ""
        # What is told of the training data's columns holds for those of the others, too.
        for finding in _of_one(part, alone=not number):
            title = finding.title.removesuffix(":") + where + ":" * finding.title.endswith(":")
            found.append(Finding(finding.level, title, finding.text))
    for other in seen[1:]:
        found += _between(seen[0], other)
    order = ("bad", "warning", "note", "good")
    found.sort(key=lambda finding: order.index(finding.level))
    return found or [_nothing(seen)]


def _nothing(seen: Sequence[Seen]) -> Finding:
    looked = "NaN, duplicates, constant columns, scales and classes"
    between = ", and samples that are in both" if len(seen) > 1 else ""
    return Finding("good", "Nothing suspicious.", f"Looked for {looked}{between}.")


def _of_one(seen: Seen, alone: bool) -> Iterator[Finding]:
    if seen.trouble:
        yield Finding("bad", "Not all samples can be read:", clean(seen.trouble))
    if not seen.count:
        return
    yield from _not_finite(seen)
    yield from _duplicates(seen)
    yield from _labels(seen)
    if alone:
        yield from _balance(seen)
        yield from _constant(seen)
        yield from _scales(seen)
        yield from _target_scale(seen)


# ----- numbers --------------------------------------------------------------------------------


def _not_finite(seen: Seen) -> Iterator[Finding]:
    for name, values in _numbers(seen):
        if not any(not_finite(values)):
            continue
        bad = ~np.isfinite(values)
        rows = bad.reshape(len(bad), -1).any(1)
        nans = int(np.isnan(values).sum())
        counts = ((nans, "NaN"), (int(bad.sum()) - nans, "infinite"))
        kinds = " and ".join(f"{n:,} {kind}" for n, kind in counts if n)
        place = seen.numbers[int(rows.argmax())]
        yield Finding(
            "bad", f"{kinds} in {clean(name)}:",
            f"in {int(rows.sum()):,} of {seen.count:,} samples, the first is sample {place}"
            f"{_columns_told(seen, values, bad)}. Leave those samples out, or fill them in (with "
            "the mean of the training data): one NaN makes every weight NaN.",
        )  # fmt: skip


def _columns_told(seen: Seen, values: np.ndarray, bad: np.ndarray) -> str:
    """In which columns of a table, in words."""
    if values.ndim != 2 or values.shape[1] < 2:
        return ""
    return f"; in {_columns(seen, values, np.flatnonzero(bad.any(0)))}"


def _columns(seen: Seen, values: np.ndarray, which: np.ndarray) -> str:
    """Columns of a table by name."""
    names = getattr(seen.data, "features", None)
    if names is None or len(names) != values.shape[1]:
        names = [f"column {i}" for i in range(values.shape[1])]
    told = ", ".join(clean(str(names[i])) for i in which[:NAMED])
    return told + (f" and {len(which) - NAMED} more" if len(which) > NAMED else "")


def _numbers(seen: Seen) -> Iterator[tuple[str, np.ndarray]]:
    """The fields of floats."""
    for name, values in seen.fields.items():
        if isinstance(values, np.ndarray) and values.dtype.kind in "fV" and values.size:
            yield name, values.astype(np.float64) if values.dtype.kind == "V" else values


def _constant(seen: Seen) -> Iterator[Finding]:
    """Columns of tables; of images constant pixels are usual."""
    for values in seen.inputs().values():
        if not isinstance(values, np.ndarray) or values.ndim != 2 or len(values) < 2:
            continue
        same = np.flatnonzero((values == values[0]).all(0))
        if len(same):
            yield Finding(
                "warning", f"{len(same)} of {values.shape[1]} columns never change:",
                f"{_columns(seen, values, same)}. They say nothing: leave them out. (Are they "
                "filled in, or read from the wrong place?)",
            )  # fmt: skip


def _scales(seen: Seen) -> Iterator[Finding]:
    for name, values in seen.inputs().items():
        if not isinstance(values, np.ndarray) or values.dtype.kind not in "fu" or values.ndim < 2:
            continue
        if values.dtype == np.uint8 and values.ndim > 2:
            yield Finding(
                "warning", f"{clean(name)} are bytes:",
                "layers compute with floats. x.astype('float32') / 255, or data.ToTensor().",
            )
        elif values.ndim > 2 or values.shape[1] == 1:
            yield from _large(name, values)
        else:
            yield from _columns_scales(seen, name, values)


def _large(name: str, values: np.ndarray) -> Iterator[Finding]:
    few = some_of(values, math.prod(values.shape[1:]))
    few = few[np.isfinite(few)]
    if not few.size:
        return
    mean, std = few.mean(), few.std()
    if max(abs(mean), std) > LARGE:
        yield Finding(
            "warning", f"{clean(name)} are not normalised:",
            f"mean {mean:.3g}, standard deviation {std:.3g}. Weights expect numbers about 1: "
            "x / 255 for bytes of images, data.Normalize(mean, std), or a batch norm in front.",
        )


def _columns_scales(seen: Seen, name: str, values: np.ndarray) -> Iterator[Finding]:
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    some = np.isfinite(finite).any(0)
    if not some.any():
        return
    with np.errstate(all="ignore"):
        mean, std = np.nanmean(finite[:, some], 0), np.nanstd(finite[:, some], 0)
    places = np.flatnonzero(some)
    large = places[np.maximum(abs(mean), std) > LARGE]
    moving = std[std > 0]
    uneven = len(moving) > 1 and moving.max() / moving.min() > SPREAD
    if not len(large) and not uneven:
        return
    told = f"large numbers in {_columns(seen, values, large)}; " if len(large) else ""
    if uneven:
        told += f"standard deviations from {moving.min():.3g} to {moving.max():.3g}; "
    yield Finding(
        "warning", f"Columns of {clean(name)} are not normalised:",
        f"{told}the largest columns rule the first steps. (x - mean) / std with the training "
        "data's numbers, or nn.BatchNorm1d(n) as the first layer.",
    )  # fmt: skip


def _target_scale(seen: Seen) -> Iterator[Finding]:
    y = seen.fields.get(seen.target or "")
    if not isinstance(y, np.ndarray) or y.dtype.kind != "f" or not np.isfinite(y).any():
        return
    good = y[np.isfinite(y)].astype(np.float64)
    if max(abs(good.mean()), good.std()) > LARGE:
        yield Finding(
            "note", "Targets are large numbers:",
            f"mean {good.mean():.3g}, standard deviation {good.std():.3g}. A squared error begins "
            f"at about {np.square(good).mean():.2g}: (y - mean) / std trains sooner.",
        )  # fmt: skip


# ----- the same sample twice ------------------------------------------------------------------


def _duplicates(seen: Seen) -> Iterator[Finding]:
    pairs = duplicates(seen)
    if not pairs:
        return
    a, b = pairs[0]
    yield Finding(
        "warning" if len(pairs) > seen.count / 100 else "note",
        f"{_counted(len(pairs), 'duplicate')}:",
        f"of {seen.count:,} samples ({100 * len(pairs) / seen.count:.3g} %); sample "
        f"{seen.numbers[b]} is sample {seen.numbers[a]}. A split may "
        "put one of them into training and one into validation: leave them out before it.",
    )  # fmt: skip
    wrong, labels = contradictions(seen, pairs), seen.labels()
    if wrong and labels is not None:
        a, b = wrong[0]
        names = [clean(class_name(int(labels[i]), seen.classes)) for i in (a, b)]
        yield Finding(
            "warning", f"{_counted(len(wrong), 'duplicate')} with another class:",
            f"the inputs of samples {seen.numbers[a]} and {seen.numbers[b]} are the same, but one "
            f"is {names[0]!r} and one {names[1]!r}. Nothing can learn that; look at them.",
        )  # fmt: skip


def _between(train: Seen, other: Seen) -> Iterator[Finding]:
    if not train.count or not other.count:
        return
    yield from _leak(train, other)
    yield from _classes_between(train, other)


def _leak(train: Seen, other: Seen) -> Iterator[Finding]:
    both = leaks(train, other)
    if not both:
        return
    j, i = both[0]
    looked = "" if train.whole and other.whole else " (of those looked at)"
    yield Finding(
        "bad", f"{_counted(len(both), 'sample')} of {other.title} "
        f"{'is' if len(both) == 1 else 'are'} in {train.title}, too:",
        f"{100 * len(both) / other.count:.3g} %{looked}; sample {other.numbers[i]} is sample "
        f"{train.numbers[j]} there. What {other.title} measures is then memory: take them "
        "out of one of the two (duplicates out before the split; all pictures of one scene, "
        "patient or user on one side).",
    )  # fmt: skip


# ----- classes --------------------------------------------------------------------------------


def _labels(seen: Seen) -> Iterator[Finding]:
    """Numbers that are no classes."""
    labels = seen.labels()
    if labels is None or not labels.size:
        return
    labels = labels.astype(np.int64)
    negative = (labels < 0) & (labels != IGNORED)
    if negative.any():
        i = int(negative.argmax())
        yield Finding(
            "bad", f"{_counted(int(negative.sum()), 'target')} below 0:",
            f"sample {seen.numbers[i]} has {labels[i]}. Class numbers start at 0; for samples to "
            f"leave out use {IGNORED}, which losses ignore.",
        )  # fmt: skip
    count = len(seen.classes or ())
    if count and labels.max() >= count:
        i = int((labels >= count).argmax())
        yield Finding(
            "bad", f"{_counted(int((labels >= count).sum()), 'target')} out of range:",
            f"sample {seen.numbers[i]} has {labels[i]}, but there are {count} classes, 0 to "
            f"{count - 1}. Do the numbers start at 1? y - 1.",
        )  # fmt: skip
    elif not count and _consecutive(labels) and labels.min() == 1:
        yield Finding(
            "warning", "Classes seem to start at 1:",
            f"targets are 1 to {labels.max()}, none is 0. Class numbers start at 0: y - 1.",
        )  # fmt: skip


def _consecutive(labels: np.ndarray) -> bool:
    """Whether few different numbers without a gap are there, as class numbers are."""
    different = np.unique(labels)
    return 1 < len(different) <= len(labels) / 5 and np.ptp(different) + 1 == len(different)


def _counts(seen: Seen) -> Counter[int] | None:
    """How many samples each class has; None where the targets are no classes."""
    labels = seen.labels()
    if labels is None or not labels.size:
        return None
    counts = Counter(labels[labels != IGNORED].astype(np.int64).tolist())
    named = len(seen.classes or ())
    return counts if named or len(counts) <= max(2, seen.count // 5) else None


def _balance(seen: Seen) -> Iterator[Finding]:
    counts = _counts(seen)
    if counts is None or len(counts) < 2:
        return
    (most, n), *_, (least, few) = counts.most_common()
    if n / few < UNEVEN:
        return
    names = [clean(class_name(k, seen.classes)) for k in (most, least)]
    share = 100 * n / sum(counts.values())
    yield Finding(
        "warning", "Classes are uneven:",
        f"{names[0]!r} has {n:,} samples, {names[1]!r} {few:,}. Always answering {names[0]!r} is "
        f"right in {share:.0f} %: look at each class's recall, and draw classes equally often "
        "(data.WeightedRandomSampler.balanced(train)) or weigh the loss.",
    )  # fmt: skip


def _classes_between(train: Seen, other: Seen) -> Iterator[Finding]:
    counts, others = _counts(train), _counts(other)
    if counts is None or others is None:
        return
    unseen = sorted(set(others) - set(counts))
    if unseen:
        yield Finding(
            "bad", f"{other.title} has classes that {train.title} has not:",
            f"{_class_names(unseen, train)}. They cannot be learned: split with stratify=True, or "
            "encode the labels once, before splitting.",
        )  # fmt: skip
    missing = sorted(set(counts) - set(others))
    if missing:
        yield Finding(
            "note", f"{other.title} lacks classes of {train.title}:",
            f"{_class_names(missing, train)}. How they are learned is not measured.",
        )  # fmt: skip
    shares = {k: counts[k] / counts.total() - others[k] / others.total() for k in counts}
    worst = max(shares, key=lambda k: abs(shares[k]))
    if not unseen and not missing and abs(shares[worst]) > SHIFT:
        name = clean(class_name(worst, train.classes))
        yield Finding(
            "warning", "Classes are in other proportions:",
            f"{name!r} makes {100 * counts[worst] / counts.total():.0f} % of {train.title} and "
            f"{100 * others[worst] / others.total():.0f} % of {other.title}. "
            "dataset.split(0.8, stratify=True) keeps proportions.",
        )  # fmt: skip


def _class_names(numbers: Sequence[int], seen: Seen) -> str:
    told = ", ".join(repr(clean(class_name(k, seen.classes))) for k in numbers[:NAMED])
    return told + (f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else "")


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
