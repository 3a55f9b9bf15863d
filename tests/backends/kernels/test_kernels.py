"""Compiled kernels against the same kernels interpreted with NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nbdl.backends.kernels.program import Kernel
from tests.backends.kernels.reference import (
    HALVES,
    Builder,
    empty,
    example,
    execute,
    interpret,
    lane_last,
)

SIZES = [0, 1, 63, 64, 65, 1000]


def compare(
    kernel: Kernel, sizes: tuple[int, ...], outputs: int = 1, rtol: float = 0.0, atol: float = 0.0,
    arrays: dict[int, np.ndarray] | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """The kernel on examples, its last ``outputs`` arrays results; the same bits on two threads."""
    rng = np.random.default_rng(3)
    inputs = [example(rng, array, sizes) for array in kernel.arrays[: len(kernel.arrays) - outputs]]
    for place, given in (arrays or {}).items():
        inputs[place] = given
    results = [
        [empty(array, sizes) for array in kernel.arrays[len(inputs) :]] for _ in range(3)
    ]  # fmt: skip
    interpret(kernel, sizes, inputs + results[0])
    execute(kernel, sizes, inputs + results[1], threads=1)
    execute(kernel, sizes, inputs + results[2], threads=2)
    for expected, one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()
        wide = [a.astype(np.float64) if a.dtype.kind in "fV" else a for a in (one, expected)]
        np.testing.assert_allclose(*wide, rtol=rtol, atol=atol)
    return results[1]


def pointwise(dtypes: list[str], name: str, axes: str = "1", result: str | None = None) -> Kernel:
    k = Builder(len(axes), 0, "outer")
    args = [k.load(k.array(dtype, axes)) for dtype in dtypes]
    k.store(k(name, *args, dtype=result or dtypes[-1]), axes)
    return k.kernel()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("axes", ["1", "s"])
def test_a_sum_of_two_vectors(size, axes):
    compare(pointwise(["float32"] * 2, "add", axes), (size,))


@pytest.mark.parametrize(
    "letters", list(itertools.product(["ss1", "s01", "0s1", "001", "sss", "ss0"], repeat=2)),
    ids="-".join,
)  # fmt: skip
def test_broadcast_and_strided_operands(letters):
    k = Builder(3, 0, "outer")
    args = [k.load(k.array("float32", axes)) for axes in letters]
    k.store(k("subtract", *args), "ss1")
    for sizes in [(2, 3, 70), (3, 1, 64), (1, 5, 3), (2, 0, 5), (0, 2, 2), (2, 2, 0)]:
        compare(k.kernel(), sizes)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                                   "uint64", "float32", "float64"])  # fmt: skip
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "maximum", "minimum", "remainder",
                                  "floor_divide", "less", "greater_equal", "equal"])  # fmt: skip
def test_arithmetic_of_every_dtype(dtype, name):
    test = name in ("less", "greater_equal", "equal")
    kernel = pointwise([dtype] * 2, name, result="bool" if test else dtype)
    compare(kernel, (130,))


@pytest.mark.parametrize("name", ["remainder", "floor_divide", "fmod"])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integer_division_by_zero_and_by_minus_one_never_traps(name, dtype):
    info = np.iinfo(dtype)
    x, y = np.meshgrid(*[np.array([info.min, 0, 1, 5, info.max, info.min + 1], dtype)] * 2)
    kernel = pointwise([dtype] * 2, name)
    compare(kernel, (36,), arrays={0: x.reshape(-1), 1: y.reshape(-1)})


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_powers_of_integers(dtype):
    x, y = np.meshgrid(np.arange(120, 130).astype(dtype), np.arange(10, dtype=dtype))
    kernel = pointwise([dtype] * 2, "pow")
    compare(kernel, (100,), arrays={0: x.reshape(-1), 1: y.reshape(-1)})


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "equal", "less", "xor"])
def test_arithmetic_of_truths(name):
    x, y = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    compare(pointwise(["bool"] * 2, name), (4,), arrays={0: x, 1: y})


@pytest.mark.parametrize("name", ["floor", "rint", "isnan", "isfinite", "isinf", "abs"])
def test_integers_are_whole_and_finite(name):
    result = "bool" if name.startswith("is") else "int32"
    compare(pointwise(["int32"], name, result=result), (100,))


@pytest.mark.parametrize("lanes", ["outer", "inner"])
def test_long_sums_keep_their_precision(lanes):
    axes = {"outer": "1s", "inner": "s1"}[lanes]
    k = Builder(1, 1, lanes)
    k.store(k("reduce", k.load(k.array("float32", axes)), attribute="sum"),
            "10" if lanes == "outer" else "s0")  # fmt: skip
    n = 1_000_000 if lanes == "inner" else 100_000
    x = np.random.default_rng(0).random((2, n), np.float32)
    compare(k.kernel(), x.shape, arrays={0: lane_last(x, k.arrays[0])}, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["maximum", "minimum", "fmax", "fmin", "copysign", "fmod", "sign",
                                  "signbit", "isnan", "isinf", "isfinite", "abs", "negative",
                                  "floor", "ceil", "trunc", "rint", "sqrt", "reciprocal", "square",
                                  "remainder", "floor_divide"])  # fmt: skip
def test_special_numbers(name, dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    numbers = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, 1, -1, 2.5, -2.5, 0.5,
                        -0.5, 3.5, -1e30, 1e30, 7, -3], dtype)  # fmt: skip
    two = name in ("maximum", "minimum", "fmax", "fmin", "copysign", "fmod", "remainder",
                   "floor_divide")  # fmt: skip
    x, y = (a.reshape(-1) for a in np.meshgrid(numbers, numbers))
    result = "bool" if name.startswith("is") or name == "signbit" else dtype
    kernel = pointwise([dtype] * (1 + two), name, result=result)
    results = []
    for run in (interpret, execute):
        arrays = [x, y, np.zeros(x.size, result)] if two else [x, np.zeros(x.size, result)]
        run(kernel, x.shape, arrays)
        results.append(arrays[-1])
    expected, got = results
    np.testing.assert_array_equal(got, expected)
    if name not in ("maximum", "minimum", "fmax", "fmin"):
        np.testing.assert_array_equal(np.signbit(got)[x == x], np.signbit(expected)[x == x])


@pytest.mark.parametrize("source", ["bool", "uint8", "int32", "int64", "uint32", "float16",
                                    "bfloat16", "float32", "float64"])  # fmt: skip
@pytest.mark.parametrize("target", ["bool", "uint8", "int32", "int64", "uint32", "float16",
                                    "bfloat16", "float32", "float64"])  # fmt: skip
def test_casts(source, target):
    k = Builder(1, 0, "outer")
    k.store(k("cast", k.load(k.array(source, "1")), dtype=target), "1")
    given = {}
    if target.startswith("uint") and "float" in source:  # C leaves negative ones undefined
        given = {0: example(np.random.default_rng(0), k.arrays[0], (100,)) ** 2}
    compare(k.kernel(), (100,), arrays=given)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_half_number_survives(dtype):
    k = Builder(1, 0, "outer")
    k("store", k.load(k.array(dtype, "1")), attribute=k.array(dtype, "1"))
    bits = np.arange(2**16, dtype=np.uint16)
    out = np.zeros_like(bits)
    execute(k.kernel(), bits.shape, [bits, out])
    nan = np.isnan(bits.view(HALVES[dtype]).astype(np.float32))
    np.testing.assert_array_equal(out[~nan], bits[~nan])
    assert np.isnan(out[nan].view(HALVES[dtype]).astype(np.float32)).all()


def test_float16_and_bfloat16_round_to_even():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2**32, 10000, dtype=np.uint32).view(np.float32)
    for dtype in ("float16", "bfloat16"):
        k = Builder(1, 0, "outer")
        k.store(k("cast", k.load(k.array("float32", "1")), dtype=dtype), "1")
        compare(k.kernel(), x.shape, arrays={0: x})


@pytest.mark.parametrize("lanes", ["outer", "inner"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
@pytest.mark.parametrize("what", ["sum", "max", "min"])
@pytest.mark.parametrize("size", SIZES)
def test_reductions(lanes, dtype, what, size):
    if size == 0 and what != "sum" and dtype.startswith("int"):
        pytest.skip("NumPy has no maximum of no integers")
    k = Builder(1, 1, lanes)
    k.store(k("reduce", k.load(k.array(dtype, "s1" if lanes == "inner" else "1s")), attribute=what),
            "10" if lanes == "outer" else "s0")  # fmt: skip
    tolerance = {"float32": 1e-5, "float64": 1e-13}.get(dtype, 0)
    compare(k.kernel(), (5, size), atol=tolerance * size**0.5)
    compare(k.kernel(), (67, size), atol=tolerance * size**0.5)


@pytest.mark.parametrize("what", ["any", "all"])
def test_reductions_of_bools(what):
    k = Builder(1, 2, "inner")
    k.store(k("reduce", k.load(k.array("bool", "ss1")), attribute=what), "s00")
    flags = np.random.default_rng(0).random((9, 3, 70)) < np.linspace(0, 1, 9)[:, None, None]
    compare(k.kernel(), flags.shape, arrays={0: flags})


@pytest.mark.parametrize("what", ["max", "min"])
@pytest.mark.parametrize("place", [0, 63, 64, 69])
def test_one_nan_wins(what, place):
    k = Builder(1, 1, "inner")
    k.store(k("reduce", k.load(k.array("float32", "s1")), attribute=what), "s0")
    x = np.random.default_rng(0).normal(size=(3, 70)).astype("f4")
    x[1, place] = np.nan
    (result,) = compare(k.kernel(), x.shape, arrays={0: x})
    assert np.isnan(result[:, 0]).tolist() == [False, True, False]


def softmax(lanes: str, axes: str) -> Kernel:
    k = Builder(len(axes) - 1, 1, lanes)
    x = k.load(k.array("float32", axes))
    e = k("exp", k("subtract", x, k("reduce", x, attribute="max")))
    k.store(k("divide", e, k("reduce", e, attribute="sum")), axes)
    return k.kernel()


@pytest.mark.parametrize("size", SIZES)
def test_softmax_of_rows_and_of_columns(size):
    compare(softmax("inner", "s1"), (7, size), rtol=2e-6)
    compare(softmax("inner", "ss1"), (3, 2, size), rtol=2e-6)
    compare(softmax("outer", "1s"), (70, size), rtol=2e-6)
    compare(softmax("inner", "ss"), (7, size), rtol=2e-6)


@pytest.mark.parametrize("size", [1, 64, 65, 1000])
def test_layer_norm_with_weights_and_its_mean_as_a_second_result(size):
    k = Builder(2, 1, "inner")
    x = k.load(k.array("float32", "ss1"))
    w, b = k.load(k.array("float32", "001")), k.load(k.array("float32", "001"))
    n = k("constant", attribute=1 / size)
    mean = k("multiply", k("reduce", x, attribute="sum"), n)
    d = k("subtract", x, mean)
    variance = k("multiply", k("reduce", k("square", d), attribute="sum"), n)
    scale = k("rsqrt", k("add", variance, k("constant", attribute=1e-5)))
    y = k("fma", k("multiply", d, scale), w, b)
    k.store(mean, "ss0")
    k.store(y, "ss1")
    compare(k.kernel(), (3, 4, size), outputs=2, atol=1e-5)


def test_batch_norm_statistics_over_three_inner_axes_with_channels_in_lanes():
    k = Builder(1, 3, "outer")
    x = k.load(k.array("float32", "1sss"))
    k.store(k("reduce", x, attribute="sum"), "1000")
    k.store(k("reduce", k("square", x), attribute="sum"), "1000")
    compare(k.kernel(), (70, 3, 5, 6), outputs=2, rtol=1e-5, atol=1e-5)


def test_values_of_every_loop_depth_in_several_stages():
    k = Builder(2, 2, "inner")
    letters = ["ss" + a + b for a, b in ("00", "s0", "01", "s1")] + ["00s0", "0000", "s000", "0s01"]
    loads = [k.load(k.array("float32", axes)) for axes in letters]
    total = loads[0]
    for value in loads[1:]:
        total = k("add", total, value)
    first = k("reduce", total, attribute="max")
    second = k("reduce", k("subtract", k("multiply", loads[1], loads[4]), first), attribute="sum")
    third = k("reduce", loads[5], attribute="sum")
    k.store(k("add", k("multiply", loads[2], second), third), "ss01")
    k.store(k("add", first, k("multiply", loads[6], second)), "ss00")
    k.store(k("subtract", total, second), "sss1")
    compare(k.kernel(), (2, 3, 4, 70), outputs=3, atol=2e-3)
    compare(k.kernel(), (2, 3, 1, 1), outputs=3, atol=1e-4)


@pytest.mark.parametrize("lanes", ["outer", "inner"])
def test_cross_entropy_looks_up_the_logit_of_the_label(lanes):
    k = Builder(1, 1, lanes)
    axes = "s1" if lanes == "inner" else "1s"
    x = k.array("float32", axes)
    label = k.load(k.array("int64", "s0" if lanes == "inner" else "10"))
    values = k.load(x)
    top = k("reduce", values, attribute="max")
    total = k("reduce", k("exp", k("subtract", values, top)), attribute="sum")
    picked = k("load_at", label, attribute=(x, 1), dtype="float32")
    loss = k("subtract", k("add", k("log", total), top), picked)
    k.store(loss, "s0" if lanes == "inner" else "10")
    labels = np.random.default_rng(0).integers(-2, 12, (70, 1))
    compare(k.kernel(), (70, 10), arrays={1: labels}, atol=2e-6)


@pytest.mark.parametrize("table", ["s1", "ss"])
def test_an_embedding_copies_rows(table):
    k = Builder(2, 0, "outer")
    index = k.load(k.array("int64", "s0"))
    k.store(k("load_at", index, attribute=(k.array("float32", table), 0), dtype="float32"), "s1")
    rng = np.random.default_rng(0)
    rows = example(rng, k.arrays[1], (20, 70))
    compare(k.kernel(), (9, 70), arrays={0: rng.integers(-3, 25, (9, 1)), 1: rows})


def test_load_at_with_an_index_in_lanes_beside_a_lane_axis_gathers():
    k = Builder(2, 0, "outer")
    index = k("cast", k.load(k.array("int32", "s1")), dtype="int64")
    k.store(k("load_at", index, attribute=(k.array("float32", "s1"), 0), dtype="float32"), "s1")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, 70)).astype("f4")
    indexes = rng.integers(0, 20, (9, 70)).astype("i4")
    compare(k.kernel(), (9, 70), arrays={0: indexes, 1: rows})


@pytest.mark.parametrize("lane", ["1", "0"])
def test_a_load_goes_as_much_further_as_it_is_told(lane):
    k = Builder(2, 0, "outer")
    rows = k("axis", attribute=0, dtype="int64")
    offset = k("multiply", rows, k("constant", attribute=70, dtype="int64"))
    if lane == "0":
        offset = k("add", offset, k("axis", attribute=1, dtype="int64"))
    table = k.array("float32", "0" + lane)
    k.store(k("load", offset, attribute=table, dtype="float32"), "s1")
    numbers = np.random.default_rng(0).normal(size=(1, 9 * 70)).astype("f4")
    compare(k.kernel(), (9, 70), arrays={table: numbers})


def test_the_index_along_each_axis():
    for lanes, axes in (("outer", "s1s"), ("inner", "ss1")):
        k = Builder(2, 1, lanes)
        first, second, third = (k("axis", attribute=a, dtype="int64") for a in range(3))
        number = k("add", k("multiply", first, k("constant", attribute=1000, dtype="int64")),
                   k("multiply", second, k("constant", attribute=100, dtype="int64")))  # fmt: skip
        k.store(k("add", number, third), axes)
        compare(k.kernel(), (3, 70, 5))
        compare(k.kernel(), (3, 2, 67))


def test_in_place_and_where():
    k = Builder(1, 0, "outer")
    a = k.array("float32", "1")
    x = k.load(a)
    positive = k("greater", x, k("constant", attribute=0.0), dtype="bool")
    negated = k("negative", x)
    k("store", k("where", positive, x, negated), attribute=a)
    x = np.random.default_rng(0).normal(size=1000).astype("f4")
    expected = np.abs(x)
    execute(k.kernel(), (1000,), [x])
    np.testing.assert_array_equal(x, expected)


def test_constants_that_compare_equal_are_told_apart():
    for number in (0.0, -0.0):
        k = Builder(1, 0, "outer")
        k.store(k("constant", attribute=number), "1")
        out = np.ones(3, "f4")
        execute(k.kernel(), (3,), [out])
        assert np.signbit(out).all() == np.signbit(number)


@pytest.mark.parametrize("columns", [2048, 2049, 5000])
def test_rows_longer_than_a_tile(columns):
    k = Builder(2, 2, "outer")
    x, w = k.load(k.array("float32", "s1ss")), k.load(k.array("float32", "01s0"))
    flags = k("less", x, w, dtype="bool")
    y = k("multiply", x, k("sqrt", k("abs", k.load(k.array("float32", "0100")))))
    k.store(k("reduce", y, attribute="sum"), "s100")
    k.store(k("reduce", y, attribute="max"), "s100")
    k.store(k("reduce", flags, attribute="any"), "s100")
    k.store(k("reduce", flags, attribute="all"), "s100")
    k.store(y, "s1ss")
    rounding = 450 * 4 * 2.0**-24  # of that many terms of that size
    compare(k.kernel(), (2, columns, 3, 150), outputs=5, rtol=1e-6, atol=rounding)
