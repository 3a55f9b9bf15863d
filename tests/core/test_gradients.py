"""The tape and the walk back: memory, errors, hooks, modes, threads."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections import deque

import numpy as np
import pytest

import nbdl
from nbdl.core import tape
from nbdl.errors import GradientError, ShapeError
from nbdl.ops.normalization import Standardize


def leaf(*values: float) -> nbdl.Tensor:
    return nbdl.tensor(list(values), dtype="float64", requires_grad=True)


def test_backward_adds_to_grad() -> None:
    x = leaf(1, 2)
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6, 6]


def test_a_tensor_used_twice_gets_both_gradients() -> None:
    x = leaf(2)
    y = x * x + x
    y.backward()
    assert x.grad.tolist() == [5]


def test_backward_frees_saved_values() -> None:
    x = nbdl.ones((1000, 1000), dtype="float64", requires_grad=True)  # 8 MB
    ((x.exp() * x).exp() * x).sum().backward()  # loads the compiler, which is not counted
    x.grad = None
    gc.collect()
    tracemalloc.start()
    y = ((x.exp() * x).exp() * x).sum()
    held = tracemalloc.get_traced_memory()[0]
    y.backward()
    x.grad = None
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 15e6 < held < 17e6  # the two exponentials, and neither product
    assert after < 0.5e6  # although y, and with it the skeleton of the graph, lives
    assert y.grad_fn is not None


def test_values_not_declared_in_saves_are_not_kept() -> None:
    x = nbdl.ones((1000, 1000), dtype="float64", requires_grad=True)
    gc.collect()
    tracemalloc.start()
    y = ((x + 1) + 2 - 3).sum()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 0.5e6
    assert y.requires_grad


def test_second_backward_says_what_to_do() -> None:
    y = (leaf(1) * leaf(2)).sum()
    y.backward()
    with pytest.raises(GradientError, match=r"second time to Multiply(.|\n)*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward() -> None:
    x = leaf(3)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12]


def test_grad_returns_and_does_not_accumulate() -> None:
    x = leaf(3)
    (g,) = nbdl.grad(x * x, x)
    assert g.tolist() == [6]
    assert x.grad is None


def test_grad_of_grad() -> None:
    x = leaf(2)
    (g,) = nbdl.grad(x**3, x, create_graph=True)
    (h,) = nbdl.grad(g, x, create_graph=True)
    (third,) = nbdl.grad(h, x)
    assert (g.item(), h.item(), third.item()) == (12, 12, 6)


def test_grad_of_an_unused_input() -> None:
    x, z = leaf(2), leaf(1)
    with pytest.raises(GradientError, match=r"inputs\[1\].*was not used"):
        nbdl.grad(x * 2, (x, z))
    assert nbdl.grad(x * 2, (x, z), allow_unused=True)[1] is None


def test_grad_with_respect_to_a_middle_tensor() -> None:
    x = leaf(2)
    y = x * 3
    assert nbdl.grad(y * y, y)[0].tolist() == [12]


def test_backward_needs_a_scalar_or_a_gradient() -> None:
    x = leaf(1, 2)
    with pytest.raises(GradientError, match=r"needs a scalar.*\(2,\)"):
        (x * 2).backward()
    (x * 2).backward(nbdl.tensor([1.0, 10.0], dtype="float64"))
    assert x.grad.tolist() == [2, 20]
    (x * 2).backward([1.0, 1.0])
    assert x.grad.tolist() == [4, 22]
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\), the tensor has \(2,\)"):
        (x * 2).backward(nbdl.ones(3))


def test_backward_takes_its_arguments_by_position_and_can_be_limited_to_some_inputs() -> None:
    x, w = leaf(1, 2), leaf(3, 4)
    y = x * 2
    z = (y * w).sum()
    z.backward(None, True)
    assert x.grad.tolist() == [6, 8]
    x.grad = w.grad = None
    z.backward(inputs=[w, y])
    assert w.grad.tolist() == [2, 4]
    assert y.grad.tolist() == [3, 4]
    assert x.grad is None
    with pytest.raises(GradientError, match=r"inputs\[0\] does not require a gradient"):
        (x * 2).sum().backward(inputs=x.detach())


def test_the_graph_can_be_walked_as_in_pytorch() -> None:
    x, c = leaf(1, 2), nbdl.tensor([3.0, 4.0], dtype="float64")
    first, second = nbdl.split(x * c, 1)
    ((node, place), (nothing, _)) = (second * c[:1]).grad_fn.next_functions
    assert repr(node) == "<Split>"
    assert (place, nothing) == (1, None)
    assert repr(first.grad_fn) == "<Split[0]>"
    ((multiply, _),) = first.grad_fn.next_functions
    assert repr(multiply) == "<Multiply>"
    assert multiply.next_functions[0][0].variable is x
    assert multiply.next_functions[0][0].next_functions == ()


def test_backward_without_history() -> None:
    with pytest.raises(GradientError, match="does not depend on anything requiring a gradient"):
        nbdl.tensor(1.0).backward()


def test_no_grad_records_nothing_and_enable_grad_again() -> None:
    x = leaf(1)
    with nbdl.no_grad():
        assert not (x * 2).requires_grad
        with nbdl.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @nbdl.no_grad()
    def double(v):
        return v * 2

    assert not double(x).requires_grad


def test_no_grad_over_a_generator_holds_for_its_own_code_only() -> None:
    x = leaf(1)

    @nbdl.no_grad()
    def doubled(times: int):
        for _ in range(times):
            yield x * 2
        return "end"

    def reader():
        assert (yield from doubled(2)) == "end"

    for y in reader():
        assert not y.requires_grad
        assert nbdl.is_grad_enabled()


def test_no_grad_in_one_thread_does_not_leak_into_another() -> None:
    x = leaf(1)
    inside, seen = threading.Event(), []
    done = threading.Event()

    def other() -> None:
        inside.wait(10)
        seen.append((x * 2).requires_grad)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with nbdl.no_grad():
        inside.set()
        assert done.wait(10)
    thread.join()
    assert seen == [True]


def test_detach_cuts() -> None:
    x = leaf(3)
    (x.detach() * x).backward()
    assert x.grad.tolist() == [3]


def test_hooks_see_and_replace_gradients_and_can_be_removed() -> None:
    x = leaf(1)
    y = x * 2
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.item()))
    y.register_hook(lambda g: g * 10)
    (y * 3).backward()
    assert seen == [3]
    assert x.grad.tolist() == [60]
    handle.remove()
    handle.remove()


def test_hooks_that_return_something_else_are_told() -> None:
    for wrong, words in ((nbdl.ones(3), r"shape \(3,\)"), ("text", "'text'")):
        y = leaf(1, 2) * 2
        y.register_hook(lambda g, wrong=wrong: wrong)
        with pytest.raises(GradientError, match=rf"a hook returned {words} for .*shape \(2,\)"):
            y.sum().backward()


def test_gradients_of_what_is_no_tensor_are_told() -> None:
    with pytest.raises(GradientError, match=r"outputs must be tensors, got a float: 3\.0"):
        nbdl.grad(3.0, leaf(1))
    with pytest.raises(GradientError, match="inputs must be tensors, got a str"):
        nbdl.grad(leaf(1) * 2, ["x"])


def test_only_the_newest_skeletons_are_kept(monkeypatch) -> None:
    monkeypatch.setattr(tape, "_skeletons", deque())
    monkeypatch.setattr(tape, "_skeleton_count", 0)
    monkeypatch.setattr(tape, "SKELETON_LIMIT", 10)
    losses = []
    for _ in range(4):
        losses.append(((leaf(1) * 2 + 1) * 3).sum())
        losses[-1].backward()
    depths = []
    for loss in losses:
        depth, node = 0, loss.grad_fn
        while node is not None and not isinstance(node, tape.Leaf):
            depth, node = depth + 1, node.edges[0]
        depths.append(depth)
    assert depths == [1, 1, 4, 4]
    with pytest.raises(GradientError, match="second time to Sum"):
        losses[0].backward()
    assert losses[-1].detach().grad_fn is None


def test_post_accumulate_hook_comes_after_grad() -> None:
    x = leaf(1)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).backward()
    assert seen == [2]


def test_retain_grad_of_a_middle_tensor() -> None:
    x = leaf(1)
    y = x * 2
    y.retain_grad()
    (y * 3).backward()
    assert y.grad.tolist() == [3]


def test_byproducts_carry_no_gradient_and_stay_off_the_tape() -> None:
    x = nbdl.tensor([[1.0, 2.0, 4.0]], dtype="float64", requires_grad=True)
    y, mean, var = Standardize((1,), 1e-5)(x)
    assert y.requires_grad
    assert not mean.requires_grad
    assert not var.requires_grad
    (g,) = nbdl.grad((y * y * y).sum(), x, create_graph=True)
    (h,) = nbdl.grad(g.square().sum(), x)
    assert np.isfinite(h.numpy()).all()
    with pytest.raises(GradientError, match="does not depend on anything requiring"):
        mean.sum().backward()


def test_an_output_that_nobody_used_gives_a_zero_gradient() -> None:
    x = leaf(1, 2, 3)
    first, _ = nbdl.split(x, [1, 2])
    (first * 5).sum().backward()
    assert x.grad.tolist() == [5, 0, 0]


def test_integers_cannot_require_a_gradient() -> None:
    with pytest.raises(GradientError, match="int64"):
        nbdl.tensor([1, 2]).requires_grad_()


def test_deep_graphs_need_no_recursion() -> None:
    x = leaf(1)
    y = x
    for _ in range(5000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1]
    del y
    gc.collect()


def test_dtype_of_a_gradient_is_its_tensors() -> None:
    x = nbdl.ones(3, dtype="float16", requires_grad=True)
    (x.to("float32") * np.ones(3)).sum().backward()
    assert x.grad.dtype == nbdl.float16
