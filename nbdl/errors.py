"""Every error nbdl raises on purpose.

NbdlError
 ├─ ShapeError       (ValueError)    sizes or ranks that do not fit together
 │   └─ AxisError    (IndexError)    an axis that a tensor does not have
 ├─ DtypeError       (TypeError)     a dtype the operation cannot work with
 ├─ ArgumentError    (ValueError)    an option out of range, an unknown name
 ├─ LinAlgError      (ValueError)    a matrix that is singular, not positive definite, …
 ├─ IndexRangeError  (IndexError)    an index or class label out of range
 ├─ DeviceError      (RuntimeError)  a device that is missing, or two devices mixed
 ├─ BackendError     (RuntimeError)  a compute library that refuses a computation, or fails
 ├─ GradientError    (RuntimeError)  a gradient that cannot be computed
 ├─ TraceError       (RuntimeError)  values asked of a tensor that has none (shape checking)
 ├─ DataError        (ValueError)    a data set that cannot be used as it is
 ├─ TrainingError    (RuntimeError)  a training run that cannot go on
 ├─ FileError        (OSError)       a file that is damaged, hostile or not writable
 └─ MissingError     (ImportError)   an optional library that is not installed

A message says what was asked, what was given (with the argument's name and both values)
and what to try. One that does not name the operation the user called gets its name put in
front. Layers add where it happened while the error passes through them.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable
from types import FrameType

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_OPS = os.path.join(_HERE, "ops") + os.sep


class NbdlError(Exception):
    """Base of all errors nbdl raises on purpose.

    Attributes:
        layer: path and type of the innermost layer that was being called, such as
            ``"lenet.3 (Conv2d)"``, or None.
        source: ``(filename, line)`` where that layer was constructed, or None.
        hint: what to try, or None; it is part of the message.
    """

    layer: str | None = None
    source: tuple[str, int] | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        called, frame = _operation()
        message = _naming(called, message)
        super().__init__(message)
        self.message = message
        self.hint = hint
        for note in () if frame is None else origins(frame):
            self.add_note(note)

    def __str__(self) -> str:
        text = self.message
        if self.hint:
            text += f"\n  Try: {self.hint}"
        if self.layer:
            text += f"\n  In layer: {self.layer}"
        return text


def origins(frame: FrameType) -> list[str]:
    """Of the arguments in a frame: where they come from. Core says so, who knows tensors."""
    return []


def _naming(called: str | None, message: str) -> str:
    """``message``, with the operation being called in front unless it is named there.

    An operation may be made of others, which raise: whoever called ``lerp`` has not heard of the
    ``subtract`` inside it.
    """
    words = {word.replace("_", "").lower() for word in re.findall(r"\w+", message)}
    if called is None or called.replace("_", "") in words:
        return message
    return f"{called}: {message}"


def _operation() -> tuple[str | None, FrameType | None]:
    """The outermost public function of ``nbdl.ops`` among the calls under way inside nbdl."""
    frame: FrameType | None = sys._getframe(1)
    found: str | None = None
    of: FrameType | None = None
    while frame is not None:
        code, file = frame.f_code, frame.f_code.co_filename
        if file.startswith(_OPS) and code.co_name in frame.f_globals.get("__all__", ()):
            found, of = code.co_name, frame
        elif found and not file.startswith(_HERE):
            break
        frame = frame.f_back
    return found, of


class ShapeError(NbdlError, ValueError):
    """Sizes or ranks that do not fit together."""


class AxisError(ShapeError, IndexError):
    """An axis that a tensor does not have."""


class DtypeError(NbdlError, TypeError):
    """A dtype the operation cannot work with."""


class ArgumentError(NbdlError, ValueError):
    """An option out of range, or an unknown name."""


class LinAlgError(NbdlError, ValueError):
    """A matrix for which an operation has no result: singular, not positive definite, …"""


class IndexRangeError(NbdlError, IndexError):
    """An index or a class label that is out of range."""


class DeviceError(NbdlError, RuntimeError):
    """A device that is missing, or two devices mixed in one operation."""


class BackendError(NbdlError, RuntimeError):
    """A compute library that does not know a computation, or failed in it."""


class GradientError(NbdlError, RuntimeError):
    """A gradient that cannot be computed."""


class TraceError(NbdlError, RuntimeError):
    """Values were asked of a tensor that has only a shape and a dtype."""


class DataError(NbdlError, ValueError):
    """A data set that cannot be used as it is."""


class TrainingError(NbdlError, RuntimeError):
    """A training run that cannot start or go on."""


class FileError(NbdlError, OSError):
    """A file that is damaged, hostile or cannot be written."""


class MissingError(NbdlError, ImportError):
    """An optional library that is not installed."""


class MistakeWarning(UserWarning):
    """Something that computes, but hardly what was meant: softmax before cross_entropy, …"""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'adamw'?"`` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def brief(value: object) -> str:
    """A value in a message: as it is written if that is short, else its type (``a Tensor``)."""
    text = repr(value)
    if len(text) <= 60 and "\n" not in text and " at 0x" not in text:
        return text
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"


def unknown(what: str, word: str, known: Iterable[str]) -> ArgumentError:
    """The error for a name that is not one of ``known``: names it, the nearest, and all."""
    known = sorted(known)
    return ArgumentError(
        f"unknown {what} {word!r}{did_you_mean(word, known)}",
        hint=f"one of {', '.join(known)}",
    )
