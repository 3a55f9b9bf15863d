"""What a sweep tries for one parameter: ``"1e-4..1e-1:log"``, ``"32..256"``, ``"32,64,128"``."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from nbdl.errors import ArgumentError, brief

_RANGE = re.compile(r"\s*([^:,\s]+?)\s*\.\.\s*([^:,\s]+?)\s*(:log)?\s*")
_HINT = "'1e-4..1e-1:log', '32..256', '32,64,128', or a list"


@dataclass(frozen=True)
class Choice:
    """The values of one parameter.

    Attributes:
        name: of the parameter.
        options: the values, or empty for a range.
        low, high: the ends of a range, both included; whole numbers give whole numbers.
        log: whether each decade is tried as often as the others.
    """

    name: str
    options: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False

    def suggest(self, trial: Any) -> Any:
        """A value from a trial of Optuna."""
        if self.options:
            return self.options[trial.suggest_categorical(self.name, range(len(self.options)))]
        if isinstance(self.low, int):
            return trial.suggest_int(self.name, self.low, self.high, log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


def as_choice(name: str, given: Any) -> Choice:
    """From a text or a list of values. Raises ArgumentError for what is neither."""
    if isinstance(given, (list, tuple)) and given:
        return Choice(name, tuple(given))
    if not isinstance(given, str) or not given.strip():
        raise ArgumentError(f"sweep: {name} cannot be {brief(given)}", hint=_HINT)
    found = _RANGE.fullmatch(given)
    if found is None:
        words = re.findall(r"(?:[^,(]|\([^)]*\))+", given)
        return Choice(name, tuple(_value(word.strip()) for word in words))
    low, high, log = _value(found[1]), _value(found[2]), bool(found[3])
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (low, high))
    if not numbers or not low < high or (log and low <= 0):
        raise ArgumentError(f"sweep: {name}={given} is no range of numbers", hint=_HINT)
    if not (isinstance(low, int) and isinstance(high, int)):
        low, high = float(low), float(high)
    return Choice(name, (), low, high, log)


def _value(word: str) -> Any:
    """A literal, or the word itself."""
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word
