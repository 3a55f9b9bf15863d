"""What an edited model takes over from the older one: by name, by place, and what it says of it."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.nn.carrying import carry, layers_in, layers_of, match


def pairs(old, new):
    return match(layers_of(old), layers_of(new)).pairs


def chain(*layers):
    return nn.Sequential(*layers)


def weights(*numbers):
    """Pairs (new, old) of the two tensors of layers in a Sequential."""
    return {f"{n}.{t}": f"{o}.{t}" for n, o in numbers for t in ("weight", "bias")}


def test_the_same_model_is_carried_whole():
    old, new = (chain(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)) for _ in range(2))
    old[1].running_mean.data = nbdl.ones(4)
    found = carry(old, new)
    assert all(now == before for now, before in found.pairs.items())
    assert not found.new
    assert not found.dropped
    for (name, a), (_, b) in zip(old.state_dict().items(), new.state_dict().items(), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes(), name


def test_the_older_model_does_not_see_what_the_edited_one_learns():
    old, new = chain(nn.Linear(2, 2)), chain(nn.Linear(2, 2))
    carry(old, new)
    before = old[0].weight.numpy().copy()
    optimizer = nbdl.optim.SGD(new.parameters(), lr=1.0)
    new(nbdl.ones((1, 2))).sum().backward()
    optimizer.step()
    assert (old[0].weight.numpy() == before).all()
    assert (new[0].weight.numpy() != before).all()


def test_a_layer_put_in_shifts_those_behind_it():
    old = chain(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    new = chain(
        nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)
    )
    assert pairs(old, new) == weights((0, 0), (3, 2), (5, 4))


def test_all_layers_of_one_kind_shifted_by_two_are_found_by_their_order():
    old = chain(*(layer for _ in range(4) for layer in (nn.Linear(4, 4), nn.ReLU())))
    new = chain(nn.Flatten(), nn.Dropout(), *(type(m)(4, 4) if i % 2 == 0 else nn.ReLU()
                for i, m in enumerate(old)))  # fmt: skip
    assert pairs(old, new) == weights((2, 0), (4, 2), (6, 4), (8, 6))


def test_a_layer_taken_out():
    old = chain(nn.Linear(8, 6), nn.Linear(6, 5), nn.Linear(5, 5), nn.Linear(5, 4))
    new = chain(nn.Linear(8, 6), nn.Linear(6, 5), nn.Linear(5, 4))
    found = match(layers_of(old), layers_of(new))
    assert found.pairs == weights((0, 0), (1, 1), (2, 3))
    assert found.dropped == ["2.weight", "2.bias"]


class Named(nn.Module):
    def __init__(self, *names, size=4):
        super().__init__()
        for name in names:
            setattr(self, name, nn.Linear(size, size))


def test_names_come_before_places():
    found = match(layers_of(Named("a", "b")), layers_of(Named("b", "c")))
    assert found.pairs == {"b.weight": "b.weight", "b.bias": "b.bias"}
    assert found.new == ["c.weight", "c.bias"]
    assert found.dropped == ["a.weight", "a.bias"]


def test_names_whose_order_was_changed_are_found():
    found = pairs(Named("a", "b", "c"), Named("c", "a", "b"))
    assert found == {f"{n}.{t}": f"{n}.{t}" for n in "abc" for t in ("weight", "bias")}


def test_a_layer_that_was_renamed_is_found_in_its_place():
    found = pairs(Named("a", "b", "c"), Named("a", "hidden", "c"))
    assert found["hidden.weight"] == "b.weight"


def test_of_a_layer_with_other_sizes_what_fits_is_carried():
    old, new = chain(nn.Conv2d(3, 8, 3)), chain(nn.Conv2d(1, 8, 3))
    found = carry(old, new)
    assert found.pairs == {"0.bias": "0.bias"}
    assert found.resized == ["0.weight"]
    assert not found.new
    assert not found.dropped


def test_a_bias_that_is_added_or_taken_away():
    with_bias, without = chain(nn.Linear(3, 2)), chain(nn.Linear(3, 2, bias=False))
    found = match(layers_of(without), layers_of(with_bias))
    assert (list(found.pairs), found.new) == (["0.weight"], ["0.bias"])
    found = match(layers_of(with_bias), layers_of(without))
    assert (list(found.pairs), found.dropped) == (["0.weight"], ["0.bias"])


def test_a_layer_of_another_kind_is_new_even_where_shapes_agree():
    old, new = chain(nn.LayerNorm(4)), chain(nn.GroupNorm(2, 4))
    found = carry(old, new)
    assert not found.pairs
    assert found.new == ["0.weight", "0.bias"]
    assert found.dropped == ["0.weight", "0.bias"]


def test_models_with_nothing_in_common():
    found = carry(chain(nn.Conv2d(1, 2, 3)), chain(nn.Linear(7, 3), nn.Linear(3, 1)))
    assert not found.pairs
    assert len(found.new) == 4
    assert carry(chain(nn.ReLU()), chain(nn.Linear(2, 2))).dropped == []
    assert carry(chain(nn.Linear(2, 2)), chain(nn.ReLU())).new == []


def test_values_are_cast_to_the_new_dtype_and_it_is_said():
    old, new = chain(nn.Linear(2, 2)), chain(nn.Linear(2, 2)).to("float64")
    found = carry(old, new)
    assert new[0].weight.dtype == np.float64
    assert found.cast["0.weight"] == ("float32", "float64")
    assert (new[0].weight.numpy() == old[0].weight.numpy()).all()


def test_sizes_that_are_not_known_yet_are_no_match():
    found = carry(chain(nn.Linear(8, 4)), chain(nn.Linear(None, 4)))
    assert "0.weight" not in found.pairs
    assert not carry(chain(nn.Linear(None, 4)), chain(nn.Linear(8, 4))).pairs.get("0.weight")


def test_shared_tensors_are_carried_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(5, 3)
            self.out = nn.Linear(3, 5, bias=False)
            self.out.weight = self.embed.weight

    old, new = Tied(), Tied()
    assert carry(old, new).pairs == {"embed.weight": "embed.weight"}
    assert new.out.weight is new.embed.weight
    assert (new.out.weight.numpy() == old.embed.weight.numpy()).all()


def test_tensors_by_path_stand_for_the_older_model():
    old = chain(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4))
    new = chain(nn.Linear(8, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 4))
    saved = {name: t.numpy() for name, t in old.state_dict().items()}
    assert [layer.path for layer in layers_in(saved)] == ["0", "2"]
    found = carry(saved, new)
    assert found.pairs == weights((0, 0), (3, 2))
    assert (new[3].weight.numpy() == saved["2.weight"]).all()


@pytest.mark.parametrize("n", [1, 60])
def test_as_many_layers_as_possible_are_carried_wherever_one_is_put_in(n):
    sizes = [(i % 3 + 2, (i + 1) % 3 + 2) for i in range(n)]
    old = chain(*(nn.Linear(*size) for size in sizes))
    for place in {0, n // 2, n}:
        layers = [nn.Linear(*size) for size in sizes]
        layers.insert(place, nn.LayerNorm(9))
        found = carry(old, chain(*layers))
        assert len(found.pairs) == 2 * n
        assert found.new == [f"{place}.weight", f"{place}.bias"]
