"""Metrics by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from nbdl.errors import ArgumentError, brief
from nbdl.training.measuring.classification import (
    F1,
    Accuracy,
    ConfusionMatrix,
    Perplexity,
    Precision,
    Recall,
    TopK,
)
from nbdl.training.measuring.metric import Function, Metric
from nbdl.training.measuring.regression import MAE, MSE, R2
from nbdl.training.names import check_options, parse
from nbdl.training.registry import Registry

METRICS: Registry[Callable[..., Metric]] = Registry("metric", pattern=r"top_?\d+")
"""Name -> how to make the metric. ``top1``, ``top3``, ... are known besides."""

for _name, _make, *_aliases in (
    ("accuracy", Accuracy, "acc"),
    ("precision", Precision),
    ("recall", Recall),
    ("f1", F1, "f1_score"),
    ("mse", MSE, "mean_squared_error"),
    ("mae", MAE, "mean_absolute_error"),
    ("r2", R2, "r2_score"),
    ("confusion_matrix", ConfusionMatrix, "confusion"),
    ("perplexity", Perplexity, "ppl"),
    ("top5", TopK, "top_5", "topk", "top_k"),
):
    METRICS.add(_name, _make, *_aliases)


def as_metric(metric: Any) -> Metric:
    """A Metric from its name, a Metric, its class, or any ``fn(outputs, targets)``."""
    if isinstance(metric, Metric):
        return metric.copy()
    if isinstance(metric, type) and issubclass(metric, Metric):
        return metric()
    if isinstance(metric, str):
        top = re.fullmatch(r"top[-_]?(\d+)", metric.strip().lower())
        if top:
            return TopK(int(top[1]))
        name, options = parse(metric)
        check_options(f"the metric {METRICS.resolve(name)!r}", METRICS[name], options)
        return METRICS[name](**options)
    if callable(metric):
        return Function(metric)
    raise ArgumentError(
        f"a metric is a name or a function of (outputs, targets), got {brief(metric)}",
        hint="one of " + ", ".join(METRICS.names()),
    )


def as_metrics(metrics: Any) -> list[Metric]:
    """A list of metrics from a name, ``"accuracy,f1"``, a callable, or several of them; names
    may carry arguments, as in ``"f1(average='micro')"``.

    A dict gives functions names: ``{"off_by_one": fn}``.
    """
    if metrics is None:
        return []
    if isinstance(metrics, str):
        metrics = re.findall(r"(?:[^,\s(]|\([^)]*\))+", metrics)
    elif isinstance(metrics, dict):
        metrics = [_named(as_metric(metric), name) for name, metric in metrics.items()]
    elif not isinstance(metrics, Iterable):
        metrics = [metrics]
    found = [as_metric(metric) for metric in metrics]
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"two metrics are called {name!r}", hint="give them as a dict")
    return found


def _named(metric: Metric, name: str) -> Metric:
    metric.name = name
    return metric
