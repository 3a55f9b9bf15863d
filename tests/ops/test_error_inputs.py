"""PyTorch as judge of mistakes: the calls that OpInfo calls wrong are told here too.

Each call of ``error_inputs`` whose function nbdl has must raise one of nbdl's errors, with the
function's name in the message, unless ``LEGAL`` says why it is no mistake in nbdl.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import pytest

import nbdl
from nbdl.errors import NbdlError
from nbdl.nn import functional as F
from tests.ops.counterparts import Unsupported, call

torch = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")

from torch.testing._internal.common_methods_invocations import BinaryUfuncInfo  # noqa: E402

from tests.ops.judging import COUNTERPARTS, VARIANTS, op_db, to_nbdl, tree  # noqa: E402

pytestmark = [pytest.mark.judge, pytest.mark.filterwarnings("ignore")]


def _diag_embed(x: Any, offset: int = 0, dim1: Any = None, dim2: Any = None) -> Any:
    raise Unsupported("dim1 and dim2: the diagonals become the last two axes")


def _sum_to_size(x: Any, *shape: Any) -> Any:
    raise Unsupported("the gradient of broadcasting is no public function")


def _rot90(x: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    return nbdl.rot90(x, k, dims)


def _spaced(function: Any) -> Any:
    def adapted(start: Any, end: Any, steps: Any, **options: Any) -> Any:
        return function(start, end, steps, **options)

    return adapted


DIRECT = {
    **{name: getattr(nbdl, name) for name in (
        "arange", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift",
        "bitwise_xor", "eye", "gcd", "lcm")},
    **{name: _spaced(getattr(nbdl, name)) for name in ("linspace", "logspace")},
    "cat": call(nbdl.concat),
    "diag_embed": _diag_embed,
    "item": nbdl.Tensor.item,
    "nn.functional.gaussian_nll_loss": F.gaussian_nll_loss,
    "rot90": _rot90,
    "sum_to_size": _sum_to_size,
    "__rand__": lambda x, y: nbdl.bitwise_and(y, x),
    "__ror__": lambda x, y: nbdl.bitwise_or(y, x),
    "__rxor__": lambda x, y: nbdl.bitwise_xor(y, x),
}  # fmt: skip
"""Functions without samples in float64, or whose other counterpart turns mistakes away itself."""

FUNCTIONS = COUNTERPARTS | DIRECT

ALSO_CALLED = {
    "amax": "max", "amin": "min", "cat": "concat", "clamp_max": "clip", "clamp_min": "clip",
    "fft2": "fftn", "hfft2": "hfftn", "ifft2": "ifftn", "ihfft2": "ihfftn", "irfft2": "irfftn",
    "rfft2": "rfftn", "fliplr": "flip", "flipud": "flip", "max": "argmax", "min": "argmin",
    "movedim": "moveaxis", "neg": "negative",
    "reshape_as": "reshape", "sub": "subtract", "t": "T", "view": "reshape", "view_as": "reshape",
}  # fmt: skip
"""The name of nbdl's function where it is another; ``x_copy`` stands for x."""

LEGAL = (
    (r"conv[123]d", "should be the same", "operands of two dtypes are promoted"),
    (r"arange", "inconsistent with step", "numbers past the end are none: an empty range"),
    (r"gradient", "on the same device", "a tensor without data gives one without data"),
    (r"complex", "Expected", "operands of two dtypes are promoted"),
    (r"scatter(_add)?", "self.dtype to be equal", "operands of two dtypes are promoted"),
    (r"mean", "Input dtype must be", "the mean of integers is a float"),
    (r"masked_fill", "0-dimensional value", "the value broadcasts"),
    (r"linalg.cross", "same number of dimensions", "the operands broadcast, as the standard says"),
    (r"trace", "expected a matrix", "takes stacks of matrices, as the standard says"),
    (r"t|t_copy", "expects a tensor with", "x.T turns all axes round, as NumPy's"),
    (r"flipud|roll", "Input must be|Dimension specified", "a number may be named by axis 0"),
    (r"max_pool[13]d", "Expected", "an empty batch, or no channels: the output is empty too"),
)
"""Functions, PyTorch's words, and why the call is no mistake in nbdl."""


def _verdict(info: Any, error: Any) -> tuple[str, str]:
    """What becomes of a call: "raised", "legal" or "lacking", and its message or the reason."""
    s = error.sample_input
    if "out" in s.kwargs:
        return "lacking", "out="
    function = VARIANTS.get((info.name, info.variant_test_name), FUNCTIONS[info.name])
    try:
        args = [tree(_given, x) for x in (s.input, *s.args)]
        found = function(*args, **{k: tree(_given, v) for k, v in s.kwargs.items()})
    except Unsupported as lacking:
        return "lacking", str(lacking)
    except NbdlError as told:
        return "raised", str(told)
    return "legal", _reason(info, error) or f"no reason, but the call gives {found}"


def _reason(info: Any, error: Any) -> str | None:
    name, said = info.name.removeprefix("nn.functional."), str(error.error_regex)
    for names, words, reason in LEGAL:
        if re.fullmatch(names, name) and re.search(words, said):
            return reason
    operands = (error.sample_input.input, *error.sample_input.args)
    if isinstance(info, BinaryUfuncInfo) and any(isinstance(x, (int, float)) for x in operands):
        return "a number may stand for a tensor"
    return None


def _given(t: Any) -> Any:
    if t.ndim > 64:
        raise Unsupported("NumPy's arrays have at most 64 axes")
    if t.device.type == "meta":
        return nbdl.zeros(tuple(t.shape), dtype=str(t.dtype).removeprefix("torch."), device="meta")
    return to_nbdl(t)


def _described(t: Any) -> str:
    return f"{t.dtype}{list(t.shape)}"


def _words(text: str) -> set[str]:
    return {word.replace("_", "").lower() for word in re.findall(r"\w+", text)}


def _names(name: str) -> set[str]:
    last = name.rpartition(".")[2].strip("_").removesuffix("_copy").removeprefix("r_")
    return _words(f"{last} {ALSO_CALLED.get(last, last)} {last.removeprefix('r')}")


CALLS: dict[str, list[Any]] = defaultdict(list)
for _info in op_db:
    if _info.error_inputs_func is not None:
        CALLS[_info.name] += [(_info, error) for error in _info.error_inputs("cpu")]


@pytest.mark.parametrize("name", sorted(set(CALLS) & set(FUNCTIONS)))
def test_pytorchs_mistakes_are_told(name: str) -> None:
    for info, error in CALLS[name]:
        s = error.sample_input
        operands = [tree(_described, x) for x in (s.input, *s.args)]
        shown = f"{name}{operands} {s.kwargs}, of which PyTorch says {str(error.error_regex)!r}"
        try:
            kind, message = _verdict(info, error)
        except Exception as other:
            raise AssertionError(f"{shown}: {type(other).__name__}: {other}") from other
        assert not message.startswith("no reason"), f"{shown}: {message}"
        if kind == "raised":
            assert _names(name) & _words(message), f"{shown}: {message!r} does not name {name}"


def test_most_of_pytorchs_mistakes_raise_here() -> None:
    kinds = Counter(
        _verdict(*pair)[0] if name in FUNCTIONS else "no such function"
        for name, pairs in CALLS.items()
        for pair in pairs
    )
    print(f"of PyTorch's {kinds.total()} wrong calls: {dict(kinds)}")
    assert kinds["raised"] >= 330
    assert kinds["lacking"] <= 45


def test_each_reason_is_needed() -> None:
    found = {_verdict(*pair) for name in set(CALLS) & set(FUNCTIONS) for pair in CALLS[name]}
    assert {reason for _, _, reason in LEGAL} <= {why for kind, why in found if kind == "legal"}
