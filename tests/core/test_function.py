"""Custom functions, with first and second derivatives."""

from __future__ import annotations

import pytest

import nbdl
from nbdl.errors import GradientError, ShapeError


class Cube(nbdl.Function):
    @staticmethod
    def forward(ctx, x, power=3):
        ctx.save_for_backward(x)
        ctx.power = power
        return x**power

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return ctx.power * x ** (ctx.power - 1) * dy, None


class SumAndDifference(nbdl.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x + y, x - y

    @staticmethod
    def backward(ctx, ds, dd):
        return ds + dd, ds - dd


def leaf(value: float) -> nbdl.Tensor:
    return nbdl.tensor(value, requires_grad=True)


def test_gradient_and_double_backward() -> None:
    x = leaf(2.0)
    (g,) = nbdl.grad(Cube.apply(x, 3), x, create_graph=True)
    (h,) = nbdl.grad(g, x)
    assert (g.item(), h.item()) == (12, 12)


def test_several_outputs() -> None:
    x, y = leaf(3.0), leaf(1.0)
    s, d = SumAndDifference.apply(x, y)
    (s * 2 + d).backward()
    assert (x.grad.item(), y.grad.item()) == (3, 1)


def test_needs_input_grad_and_no_grad() -> None:
    class Look(nbdl.Function):
        @staticmethod
        def forward(ctx, x, y):
            assert ctx.needs_input_grad == (True, False)
            assert not nbdl.is_grad_enabled()
            return x * y

        @staticmethod
        def backward(ctx, dy):
            return dy, None

    assert Look.apply(leaf(1.0), nbdl.tensor(2.0)).requires_grad


def test_wrong_number_and_shape_of_gradients() -> None:
    class Short(Cube):
        @staticmethod
        def backward(ctx, dy):
            return dy

    with pytest.raises(GradientError, match=r"Short.backward returned 1 gradients.*2 arguments"):
        Short.apply(leaf(1.0), 2).backward()

    class Wrong(nbdl.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, dy):
            return nbdl.ones(3)

    with pytest.raises(ShapeError, match=r"gave shape \(3,\) for argument 0 of shape \(\)"):
        Wrong.apply(leaf(1.0)).backward()


def test_forward_without_ctx_and_setup_context() -> None:
    class Square(nbdl.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, dy):
            return 2 * ctx.saved_tensors[0] * dy

    x = leaf(3.0)
    (g,) = nbdl.grad(Square.apply(x), x, create_graph=True)
    (h,) = nbdl.grad(g, x)
    assert (g.item(), h.item()) == (6, 2)


def test_outputs_can_be_marked_as_not_differentiable() -> None:
    class Largest(nbdl.Function):
        @staticmethod
        def forward(ctx, x):
            place = x.argmax().to("float32")
            ctx.mark_non_differentiable(place)
            return place, x.max()

        @staticmethod
        def backward(ctx, no_gradient, dy):
            assert no_gradient is None
            return dy * nbdl.ones(2)

    class Sign(nbdl.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.sign()
            ctx.mark_non_differentiable(y)
            return y

    x = nbdl.tensor([1.0, 2.0], requires_grad=True)
    place, largest = Largest.apply(x)
    assert not place.requires_grad
    largest.backward()
    assert x.grad.tolist() == [1, 1]
    assert not Sign.apply(x).requires_grad


def test_what_forward_gives_and_raises_is_told_as_it_is() -> None:
    class Array(nbdl.Function):
        @staticmethod
        def forward(ctx, x):
            return x.numpy()

    class Breaks(nbdl.Function):
        @staticmethod
        def forward(ctx, x):
            raise ValueError("my own words")

    with pytest.raises(GradientError, match=r"Array.forward returned a ndarray(.|\n)*asarray"):
        Array.apply(leaf(1.0))
    with pytest.raises(ValueError, match=r"^my own words$"):
        Breaks.apply(leaf(1.0))


def test_shapes_alone_run_through_a_custom_function() -> None:
    assert Cube.apply(nbdl.empty_spec((2, 3))).shape == (2, 3)
