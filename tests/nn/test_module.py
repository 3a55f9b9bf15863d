"""Module: registration, paths, state, hooks, copies, words."""

from __future__ import annotations

import copy
import gc
import inspect
import weakref

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, NbdlError, ShapeError


def array(*shape: int) -> Tensor:
    return Tensor(np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape))


class Scale(nn.Module):
    def __init__(self, n: int = 3) -> None:
        super().__init__()
        self.factor = nn.Parameter(array(n))
        self.register_buffer("calls", Tensor(np.array(0)))
        self.register_buffer("scratch", Tensor(np.zeros(2, np.float32)), persistent=False)

    def forward(self, x, offset=0):
        return x * self.factor + offset


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = Scale()
        self.second = Scale()

    def forward(self, x):
        return self.second(self.first(x))


def test_parameters_buffers_and_modules_have_paths():
    model = Pair()
    assert [k for k, _ in model.named_parameters()] == ["first.factor", "second.factor"]
    assert [k for k, _ in model.named_buffers()] == [
        "first.calls",
        "first.scratch",
        "second.calls",
        "second.scratch",
    ]
    assert [k for k, _ in model.named_modules()] == ["", "first", "second"]
    assert model.get_submodule("first") is model.first
    assert model.get_parameter("second.factor") is model.second.factor
    with pytest.raises(ArgumentError, match=r"no layer 'third'.*asked for 'third.x'"):
        model.get_submodule("third.x")
    with pytest.raises(ArgumentError, match="no parameter 'bias'"):
        model.get_parameter("first.bias")


def test_a_shared_parameter_is_listed_once_and_saved_at_both_paths():
    model = Pair()
    model.second.factor = model.first.factor
    assert len(list(model.parameters())) == 1
    assert {"first.factor", "second.factor"} <= model.state_dict().keys()


def test_a_shared_module_is_walked_once():
    one = Scale()
    model = nn.Sequential(one, one)
    assert len(list(model.modules())) == 2
    assert len(list(model.parameters())) == 1
    assert len(model) == 2


def test_forgetting_super_init_does_no_harm():
    class Careless(nn.Module):
        def __init__(self):
            self.inner = Scale()

        def forward(self, x):
            return self.inner(x)

    assert len(list(Careless().parameters())) == 1


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        def fordward(self, x):
            return x

    with pytest.raises(ArgumentError, match="Empty has no forward method"):
        Empty()(1)


def test_a_parameter_or_layer_cannot_become_something_else_by_accident():
    model = Pair()
    with pytest.raises(ArgumentError, match=r"Scale\.factor is a parameter"):
        model.first.factor = array(3)
    with pytest.raises(ArgumentError, match=r"Pair\.first is a layer"):
        model.first = 3
    with pytest.raises(ArgumentError, match=r"Scale\.calls is a buffer"):
        model.first.calls = 3
    model.first = None
    assert [k for k, _ in model.named_modules()] == ["", "second"]


@pytest.mark.parametrize("name", ["", "a.b", 3])
def test_impossible_names_are_refused(name):
    with pytest.raises(ArgumentError, match="cannot be named"):
        nn.Module().add_module(name, Scale())


def test_setters_of_properties_are_called():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.rate = 2

        @property
        def rate(self):
            return self._rate

        @rate.setter
        def rate(self, value):
            self._rate = value * 10

    model = Scaled()
    model.rate = 3
    assert model.rate == 30
    assert "rate" not in vars(model)


def test_what_is_written_into_the_dictionaries_of_members_goes_into_the_module():
    model = nn.Module()
    model._modules["0"] = Scale()
    model._modules.update({"1": Scale(4)})
    model._parameters["w"] = nn.Parameter(array(2))
    model._buffers["b"] = array(3)
    assert list(model.state_dict()) == ["w", "b", "0.factor", "0.calls", "1.factor", "1.calls"]
    del model._modules["0"]
    taken = model._modules.pop("1")
    assert isinstance(taken, Scale)
    assert model._modules.pop("2", None) is None
    model._parameters.clear()
    assert list(model.state_dict()) == ["b"]
    with pytest.raises(ArgumentError, match="must be a Module"):
        model._modules["x"] = 3
    assert type(copy.deepcopy(model._buffers)) is dict


def test_names_of_methods_are_refused_and_classes_instead_of_layers_too():
    with pytest.raises(ArgumentError, match="already has an attribute 'forward'"):
        nn.Module().add_module("forward", Scale())
    with pytest.raises(ArgumentError, match="forget to call its class"):
        nn.Sequential(Scale)
    with pytest.raises(ArgumentError, match="must be a Parameter"):
        nn.Module().register_parameter("w", array(3))


def test_parameters_must_be_floats():
    with pytest.raises(DtypeError, match="must hold floats, got int64"):
        nn.Parameter(Tensor(np.array([1, 2])))
    assert not nn.Parameter(Tensor(np.array([1, 2])), requires_grad=False).requires_grad


def test_train_eval_and_freezing_reach_everything():
    model = Pair()
    model.eval()
    assert not any(m.training for m in model.modules())
    model.train()
    assert all(m.training for m in model.modules())
    model.requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters())


def test_the_state_dict_is_a_snapshot_and_loads_back():
    model = Pair()
    state = model.state_dict()
    assert list(state) == ["first.factor", "first.calls", "second.factor", "second.calls"]
    with nbdl.no_grad():
        model.first.factor *= 2
    assert state["first.factor"].tolist() == [1, 2, 3]
    assert repr(model.load_state_dict(state)) == "<All keys matched successfully>"
    assert model.first.factor.tolist() == [1, 2, 3]
    assert model.first.factor.requires_grad


def test_a_state_of_arrays_is_the_model_s_own():
    model = Scale()
    given = {"factor": np.ones(3, np.float32), "calls": np.array(0)}
    model.load_state_dict(given)
    given["factor"][:] = 7
    assert model.factor.tolist() == [1, 1, 1]


def test_loading_names_every_mismatch_and_changes_nothing():
    model = Pair()
    state = model.state_dict()
    state["first.factor"] = array(4)
    state["secnd.factor"] = state.pop("second.factor") * 5
    state["second.calls"] = Tensor(np.array(7))
    with pytest.raises(ArgumentError) as caught:
        model.load_state_dict(state)
    text = str(caught.value)
    assert "first.factor: the model has shape (3,), the state (4,)" in text
    assert "second.factor: missing from the state" in text
    assert "secnd.factor: not in the model; did you mean 'second.factor'?" in text
    assert model.second.calls.item() == 0
    with pytest.raises(ArgumentError, match="the model has shape"):
        model.load_state_dict(state, strict=False)
    del state["first.factor"]
    result = model.load_state_dict(state, strict=False)
    assert result.missing_keys == ["first.factor", "second.factor"]
    assert result.unexpected_keys == ["secnd.factor"]
    assert model.second.calls.item() == 7


def test_loading_casts_to_the_parameters_dtype_unless_assigned():
    model = Scale()
    state = {"factor": np.array([7.0, 8.0, 9.0]), "calls": np.array(3)}
    model.load_state_dict(state)
    assert model.factor.dtype == np.float32
    assert model.factor.tolist() == [7, 8, 9]
    model.load_state_dict(state, assign=True)
    assert model.factor.dtype == np.float64


@pytest.mark.parametrize("wrong", [None, [1, 2], "model.safetensors"])
def test_loading_something_else_says_what_is_needed(wrong):
    with pytest.raises(ArgumentError, match="needs a dictionary of tensors by name"):
        Scale().load_state_dict(wrong)


def test_dtypes_change_in_place_floats_only():
    model = Pair()
    before = model.first.factor
    before.grad = array(3)
    assert model.double() is model
    assert model.first.factor is before
    assert before.dtype == np.float64
    assert before.grad.dtype == np.float64
    assert before.requires_grad
    assert model.first.calls.dtype == np.int64
    model.half()
    assert model.second.factor.dtype == np.float16
    with pytest.raises(ArgumentError, match="only to float dtypes"):
        model.to(nbdl.int64)


def test_apply_visits_children_first():
    seen = []
    Pair().apply(lambda m: seen.append(m._name))
    assert seen == ["first", "second", ""]


def test_deep_copies_are_independent_and_keep_sharing():
    model = Pair()
    model.second.factor = model.first.factor
    twin = copy.deepcopy(model)
    assert twin.first.factor is twin.second.factor
    assert twin.first.factor is not model.first.factor
    assert twin.first.factor.requires_grad
    with nbdl.no_grad():
        twin.first.factor *= 0
    assert model.first.factor.tolist() == [1, 2, 3]
    twin.eval()
    assert model.training


def test_the_tree_in_words():
    class Named(nn.Module):
        def extra_repr(self):
            return "n=3"

    model = nn.Sequential(Named(), nn.ModuleDict({"inner": nn.Sequential(Named())}))
    assert repr(model) == inspect.cleandoc("""
        Sequential(
          (0): Named(n=3)
          (1): ModuleDict(
            (inner): Sequential(
              (0): Named(n=3)
            )
          )
        )""")
    assert repr(Scale()) == "Scale()"


def test_errors_learn_the_path_and_the_line_of_the_innermost_layer():
    model = nn.Sequential(
        nn.Sequential(Scale(3)),
        Scale(4),
    )
    line = inspect.currentframe().f_lineno - 2
    model._name = "net"
    with pytest.raises(ShapeError) as caught:
        model(array(2, 3))
    assert caught.value.layer == "net.1 (Scale)"
    assert caught.value.source == (__file__, line)
    assert "In layer: net.1 (Scale)" in str(caught.value)
    with pytest.raises(ShapeError) as caught:
        model(array(2, 5))
    assert caught.value.layer == "net.0.0 (Scale)"


def test_layers_of_a_list_carry_the_lists_name():
    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            inner = nn.ModuleList([Scale(3)])
            inner.append(Scale(4))
            self.blocks = nn.ModuleList([inner])

        def forward(self, x):
            for block in self.blocks[0]:
                x = block(x)
            return x

    with pytest.raises(ShapeError) as caught:
        Stack()(array(2, 3))
    assert caught.value.layer == "blocks.0.1 (Scale)"


def test_after_an_error_the_scope_is_empty_again():
    model = nn.Sequential(Scale(4))
    with pytest.raises(NbdlError):
        model(array(2, 3))
    assert nbdl.core.modes.state().scope is None


# ----- hooks ------------------------------------------------------------------------------


def test_forward_hooks_see_and_change_arguments_and_output():
    model = Scale()
    seen = []
    model.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
    model.register_forward_hook(lambda m, args, y: seen.append((args[0].tolist(), y.tolist())))
    handle = model.register_forward_hook(lambda m, args, y: y + 1)
    assert model(array(3)).tolist() == [3, 9, 19]
    assert seen == [([2, 4, 6], [2, 8, 18])]
    handle.remove()
    assert model(array(3)).tolist() == [2, 8, 18]


def test_hooks_with_keyword_arguments_and_in_front():
    model = Scale()
    order = []
    model.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"offset": kwargs["offset"] + 1}), with_kwargs=True
    )
    model.register_forward_hook(lambda m, a, k, y: order.append(k["offset"]), with_kwargs=True)
    model.register_forward_hook(lambda m, a, y: order.append("first"), prepend=True)
    assert model(array(3), offset=10).tolist() == [12, 15, 20]
    assert order == ["first", 11]


def test_a_hook_registered_after_the_first_call_runs():
    model = Scale()
    model(array(3))
    model.register_forward_hook(lambda m, args, y: y * 0)
    assert model(array(3)).tolist() == [0, 0, 0]


def test_backward_hooks_see_both_gradients_and_may_change_the_inputs():
    model = Scale()
    seen = []

    def hook(module, grad_input, grad_output):
        seen.append((module, [g.tolist() for g in grad_input], [g.tolist() for g in grad_output]))
        return (grad_input[0] * 10,)

    with model.register_full_backward_hook(hook):
        x = array(3)
        x.requires_grad_()
        model(x).sum().backward()
    assert seen == [(model, [[1, 2, 3]], [[1, 1, 1]])]
    assert x.grad.tolist() == [10, 20, 30]
    x.grad = None
    model(x).sum().backward()
    assert x.grad.tolist() == [1, 2, 3]


def test_backward_hooks_run_where_no_input_needs_a_gradient():
    model = Scale()
    seen = []
    model.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    model(array(3)).sum().backward()
    assert seen == [((None,), [1, 1, 1])]


# ----- layers that nobody sees ------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: [Scale(), Scale()], "plain list.*nn.ModuleList"),
        (lambda: {"a": Scale()}, "plain dict.*nn.ModuleDict"),
        (lambda: [[Scale()]], "plain list.*nn.ModuleList"),
        (lambda: (nn.Parameter(array(2)),), "plain tuple.*nn.ParameterList"),
    ],
)
def test_layers_in_a_plain_list_are_named_at_the_first_call_only(make, words):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = make()

        def forward(self, x):
            return x

    model = Model()
    with pytest.warns(nn.HiddenLayersWarning, match=f"Model.blocks keeps layers in a {words}"):
        model(1)
    model(1)
    assert nn.hidden_layers(model)[0][0] == "blocks"


def test_layers_that_are_registered_too_are_not_hidden():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Scale()
            self.order = [self.layer]
            self.sizes = [1, 2, 3]

        def forward(self, x):
            return x

    assert nn.hidden_layers(Model()) == []
    Model()(1)


def test_a_model_is_freed_when_nobody_holds_it():
    model = Pair()
    x = array(3)
    model(x).sum().backward()
    ghost = weakref.ref(model)
    del model
    gc.collect()
    assert ghost() is None
