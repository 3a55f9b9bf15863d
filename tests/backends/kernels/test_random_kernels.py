"""Kernels made by chance, with whole numbers so that results are exact."""

from __future__ import annotations

import numpy as np
import pytest

from nbdl.backends.kernels import levels
from nbdl.backends.kernels.program import Kernel
from tests.backends.kernels.reference import (
    Builder,
    empty,
    example,
    execute,
    interpret,
    numpy_dtype,
)

DTYPES = ["float32", "float32", "float64", "int64", "int32", "uint8", "bool", "bfloat16"]
OPERATIONS = ["add", "subtract", "maximum", "minimum", "less", "equal", "where", "cast", "reduce",
              "load_at", "axis", "load"]  # fmt: skip


class Chance:
    """Writes one kernel."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.outer, self.inner = int(self.rng.integers(1, 4)), int(self.rng.integers(0, 4))
        lanes = "inner" if self.inner and self.rng.random() < 0.6 else "outer"
        self.k = Builder(self.outer, self.inner, lanes)
        self.axes = self.outer + self.inner
        self.lane = self.outer - 1 if lanes == "outer" else self.axes - 1
        sizes = [1, 2, 3, 5]
        self.sizes = [int(self.rng.choice(sizes)) for _ in range(self.axes)]
        self.sizes[self.lane] = int(self.rng.choice([1, 7, 16, 63, 64, 65, 130, 200]))
        self.reduced = 0
        self.tables: dict[int, int] = {}

    def letters(self) -> str:
        chosen = [str(self.rng.choice(["0", "s", "s"])) for _ in range(self.axes)]
        if self.rng.random() < 0.7:
            chosen[self.lane] = "1"
        return "".join(chosen)

    def pick(self, *dtypes: str) -> int | None:
        found = [
            i for i, step in enumerate(self.k.code)
            if not dtypes or step.dtype in dtypes
        ]  # fmt: skip
        return int(self.rng.choice(found)) if found else None

    def step(self) -> None:
        k, name = self.k, str(self.rng.choice(OPERATIONS))
        if name == "load":
            k.load(k.array(str(self.rng.choice(DTYPES)), self.letters()))
        elif name == "axis":
            k("axis", attribute=int(self.rng.integers(self.axes)), dtype="int64")
        elif name == "cast":
            k("cast", self.pick(), dtype=str(self.rng.choice(["float32", "float64", "int64"])))
        elif name == "reduce":
            self.reduce()
        elif name == "load_at":
            self.look_up()
        else:
            self.combine(name)

    def reduce(self) -> None:
        value = self.pick("float32", "float64", "int64")
        if self.inner and value is not None and self.reduced < 4:
            self.reduced += 1
            # halves are whole in float32 up to 2²⁴, so later steps stay exact
            self.k("reduce", value, attribute=str(self.rng.choice(["sum", "max", "min"])))

    def look_up(self) -> None:
        index = self.pick("int64")
        if index is not None:
            axis = int(self.rng.integers(self.axes))
            letters = list(self.letters())
            letters[axis] = "s"
            table = self.k.array("float32", "".join(letters))
            self.tables[table] = axis
            self.k("load_at", index, attribute=(table, axis), dtype="float32")

    def combine(self, name: str) -> None:
        numbers = ("float32", "float64", "int64", "int32", "uint8")
        first = self.pick(*numbers)
        if first is None:
            return
        second = self.pick(self.k.code[first].dtype)
        assert second is not None
        if name == "where":
            condition = self.pick("bool")
            if condition is not None:
                self.k("where", condition, first, second)
        else:
            result = "bool" if name in ("less", "equal") else self.k.code[first].dtype
            self.k(name, first, second, dtype=result)

    def kernel(self) -> tuple[Kernel, int]:
        """The kernel, and how many arrays are inputs."""
        self.k.load(self.k.array("float32", self.letters()))
        for _ in range(int(self.rng.integers(4, 25))):
            self.step()
        inputs, made = len(self.k.arrays), len(self.k.code)
        draft = Kernel(self.outer, self.inner, self.k.lanes, tuple(self.k.arrays),
                       tuple(self.k.code))  # fmt: skip
        depends = levels.dependencies(draft)
        for value in {made - 1, *(int(i) for i in self.rng.integers(0, made, 3))}:
            letters = ["s" if a in depends[value] else "0" for a in range(self.axes)]
            if letters[self.lane] == "s" and self.rng.random() < 0.8:
                letters[self.lane] = "1"
            self.k.store(value, "".join(letters))
        return self.k.kernel(), inputs


@pytest.mark.parametrize("seed", range(40))
def test_a_kernel_made_by_chance(seed):
    chance = Chance(seed)
    kernel, inputs = chance.kernel()
    sizes = tuple(chance.sizes)
    given = []
    for number, array in enumerate(kernel.arrays[:inputs]):
        own = list(sizes)
        if number in chance.tables:
            own[chance.tables[number]] = 6
        x = example(chance.rng, array, tuple(own))
        given.append(np.rint(x).astype(numpy_dtype(array.dtype)) if x.dtype.kind in "fV" else x)
        if given[-1].strides != x.strides:
            x[...] = given[-1]
            given[-1] = x
    results = [[empty(a, sizes) for a in kernel.arrays[inputs:]] for _ in range(3)]
    interpret(kernel, sizes, given + results[0])
    execute(kernel, sizes, given + results[1])
    execute(kernel, sizes, given + results[2], threads=2)
    for expected, one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, expected)
        np.testing.assert_array_equal(two, expected)
