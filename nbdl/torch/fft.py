"""PyTorch's ``torch.fft``: the functions of ``nbdl.fft``, in PyTorch's words."""

from __future__ import annotations

from typing import Any

from nbdl import fft as _ours
from nbdl.torch.naming import in_words

for _name in dir(_ours):
    _found: Any = getattr(_ours, _name)
    if not _name.startswith("_") and callable(_found) and hasattr(_found, "__code__"):
        _several = _name.endswith(("n", "2"))
        _after = () if "shift" in _name or "freq" in _name else (
            ("s", "axes", "norm") if _several else ("n", "axis", "norm")
        )  # fmt: skip
        globals()[_name] = in_words(_found, _after)
