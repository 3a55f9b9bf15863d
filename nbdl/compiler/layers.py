"""What layers keep in attributes: a trace depends on it and must not change it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from operator import is_
from types import TracebackType
from typing import Any

from nbdl.errors import TraceError

_OTHERS = (
    "training", "_ready", "_looked", "_waiting",
    "_inference", "_compiled_before", "_fit_run", "history",
)  # fmt: skip
"""Attributes that layers set themselves, modes being a part of the key, and what trainings leave
with a model: nothing is computed with them."""


class Layers:
    """Watches the attributes of layers.

    In a ``with`` block attributes that were set are put back, and TraceError says which: setting
    one is a side effect, which replaying would leave out.
    """

    def __init__(self, modules: Iterable[Any] = ()) -> None:
        self.modules = list(modules)
        self._version = 0
        self._kept = self._now()
        self._ready = [False for _ in self.modules]

    def _now(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in vars(m).items() if k not in _OTHERS} for m in self.modules]

    def _is_same(self) -> bool:
        for m, kept in zip(self.modules, self._kept, strict=True):
            if not all(map(is_, map(vars(m).get, kept), kept.values())):
                return False
        return True

    def key(self) -> Hashable:
        """Equal while the layers are in the same modes, and no attribute is another object.

        A layer that is not ready any more has got a hook, which may be gone again.
        """
        ready = [m._ready for m in self.modules]
        hooked = ready != self._ready and any(
            before and not now and any(m._hooks.values())
            for m, before, now in zip(self.modules, self._ready, ready, strict=True)
        )
        self._ready = ready
        if hooked or not self._is_same():
            self._version += 1
            self._kept = self._now()
        return self._version, *[m.training for m in self.modules]

    def __enter__(self) -> Layers:
        for m in self.modules:
            if any(m._hooks.values()):
                name = m._name or type(m).__name__
                raise TraceError(f"the layer {name!r} has hooks, which are Python code")
        self._before = self._now()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        changed = []
        for m, before, now in zip(self.modules, self._before, self._now(), strict=True):
            for name in {**before, **now}:
                if now.get(name) is before.get(name):
                    continue
                changed.append(f"{type(m).__name__}.{name}")
                if name in before:
                    vars(m)[name] = before[name]
                else:
                    del vars(m)[name]
        if changed and kind is None:
            raise TraceError(
                f"calling the model sets {changed[0]}, a side effect that replaying would leave "
                "out",
                hint="a buffer changed by copy_, add_ and the like is part of what is compiled",
            )
