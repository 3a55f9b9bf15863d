"""Forward passes that are compiled once there were enough of them."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.training import inference
from nbdl.training.inference import forward_of


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """The second forward pass is compiled already."""
    monkeypatch.setattr(inference, "WORTH", 1e-9)


def model():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).eval()


def compiled(net):
    return vars(net)["_inference"].compiled


def predict(net, x):
    with nbdl.no_grad():
        return forward_of(net)(x).numpy()


def test_the_second_pass_is_compiled_and_gives_the_same():
    net, x = model(), nbdl.randn(5, 3)
    first = predict(net, x)
    assert compiled(net) is None
    np.testing.assert_allclose(predict(net, x), first, rtol=1e-6)
    assert compiled(net).report() is not None


def test_new_weights_are_used():
    net, x = model(), nbdl.randn(5, 3)
    for _ in range(2):
        predict(net, x)
    with nbdl.no_grad():
        net[2].weight.fill_(0.0)
        net[2].bias.fill_(3.0)
    np.testing.assert_array_equal(predict(net, x), np.full((5, 2), 3.0))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_has_a_forward_pass_of_its_own(copied):
    net, x = model(), nbdl.randn(5, 3)
    for _ in range(2):
        predict(net, x)
    twin = copied(net)
    with nbdl.no_grad():
        twin[2].weight.fill_(0.0)
    assert (predict(twin, x) != predict(net, x)).any()
    assert compiled(net) is not None


def test_a_model_whose_forward_pass_was_compiled_can_be_forgotten():
    net, x = model(), nbdl.randn(5, 3)
    for _ in range(2):
        predict(net, x)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None
