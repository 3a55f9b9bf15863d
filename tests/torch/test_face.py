"""The same expressions in PyTorch and in nbdl.torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbdl
import nbdl.torch
from nbdl import interop
from nbdl.core import AnomalyError
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DataError, FileError, ShapeError

EXPRESSIONS = """
torch.zeros(2, 3)
torch.zeros((2, 3), dtype=torch.long)
torch.ones(2).double().dtype == torch.float64
torch.full((2,), 3.5)
torch.arange(5)
torch.arange(1, 2, 0.25)
torch.linspace(0, 1, steps=5)
torch.eye(3)
torch.tensor([[1, 2], [3, 4]])
torch.tensor([1.0, 2.0]).dtype == torch.float32
torch.from_numpy(a).shape
torch.zeros_like(x)
torch.empty(2, 3).shape
x.new_zeros(2, 2)
x.new_full((2,), 7)
x.size()
x.size(0)
x.size(-1)
x.dim()
x.numel()
len(x)
x.shape[1]
x.view(-1)
x.view(4, 3)
x.view((2, 6)).shape
x.reshape(2, -1)
x.view(-1).view_as(x)
x.permute(1, 0)
x.transpose(0, 1)
x.t()
x.T
c.permute(2, 0, 1)
torch.permute(c, (2, 0, 1))
c.transpose(1, 2)
c.transpose(-2, -1)
x.unsqueeze(0).shape
x.unsqueeze(-1).squeeze(-1).shape
x.squeeze(0).shape
c.flatten(1)
torch.flatten(c, start_dim=1)
c.contiguous().view(-1)
x[0].expand(5, -1)
x[0].expand(5, 4)
x[:1].expand_as(x)
x.repeat(2, 1)
x[0].repeat(3)
x.repeat_interleave(2, dim=0)
torch.cat([x, x], dim=1)
torch.cat((x, x))
torch.stack([x, x], dim=1)
torch.cat([x, x], 0)
x.split(2)
x.split([1, 2], dim=0)
torch.split(x, 3, dim=1)
x.chunk(2, dim=1)
torch.chunk(x, 2)
torch.unbind(x, 1)
x.sum()
x.sum(1)
x.sum(dim=1)
x.sum(dim=1, keepdim=True)
x.sum(-1, True)
x.sum((0, 1))
torch.sum(x, dim=0)
x.mean()
x.mean(dim=0)
x.mean([0, 1])
c.mean((1, 2))
x.std()
x.std(0)
x.std(dim=0, unbiased=False)
x.var(1)
x.var(dim=1, keepdim=True)
torch.var(x, dim=1, unbiased=False)
torch.std(x)
x.max()
x.max(1)
x.max(1)[1]
x.max(dim=0, keepdim=True)
torch.max(x, 1)
torch.max(x, dim=1).indices
torch.max(x, -x)
x.min(0)
torch.min(x)
x.argmax()
x.argmax(1)
x.argmax(dim=1, keepdim=True)
x.median()
x.median(1)
x.sort(1)
x.sort(dim=0, descending=True)
torch.sort(x, descending=True)
x.argsort(1)
x.topk(2)
x.topk(2, dim=0)
x.topk(2, largest=False)
torch.topk(x, k=1, dim=-1)
x.cumsum(1)
x.cumsum(dim=0)
x.cumprod(1)
x.prod(1)
x.norm()
x.norm(p=1)
x.norm(2, dim=1)
torch.norm(x, dim=1, keepdim=True)
torch.logsumexp(x, dim=1)
x.logsumexp(1)
(x > 0).any()
(x > 0).all(dim=1)
(x > 0).sum().item()
(x > 0).nonzero()
torch.nonzero(x > 0, as_tuple=True)
torch.where(x > 0, x, torch.zeros_like(x))
torch.where(x > 0)
x.masked_fill(x > 0, float("-inf"))
x.masked_select(x > 0)
x[x > 0]
x[:, [0, 2]]
x[..., None].shape
x.gather(1, i)
torch.gather(x, 1, i)
x.index_select(1, i[0])
x.scatter(1, i, 9.0)
torch.zeros(3, 4).scatter_(1, i, 1.0)
torch.zeros(3, 4, dtype=x.dtype).scatter_add(1, i, x[:, :2])
x.clamp(-0.5, 0.5)
x.clamp(min=0)
torch.clamp(x, max=0.1)
x.clamp_min(0.2)
x.abs().sqrt()
torch.exp(x)
x.exp().log()
x.pow(2)
x ** 2
torch.pow(x, 3)
x.sigmoid()
torch.sigmoid(x)
torch.tanh(x)
x.relu()
torch.relu(x)
torch.softmax(x, dim=1)
x.softmax(-1)
x.log_softmax(dim=1)
x.add(1)
x.add(x, alpha=2)
torch.add(x, 1, alpha=3)
x.sub(x, alpha=0.5)
x.mul(2).div(3)
torch.div(x, 0.3, rounding_mode="floor")
x.addcmul(x, x, value=0.5)
torch.addcdiv(x, x, x + 5, value=2)
x @ x.t()
torch.matmul(x, x.T)
torch.mm(x, x.t())
x.mm(x.t())
torch.bmm(c, c.transpose(1, 2))
torch.einsum("ij,kj->ik", x, x)
torch.outer(x[0], x[1])
torch.dot(x[0], x[1])
torch.tril(torch.ones(3, 3))
torch.triu(torch.ones(3, 3), diagonal=1)
torch.ones(3, 3).tril(-1)
torch.diag(x[0])
torch.equal(x, x)
torch.allclose(x, x + 1e-9)
torch.isnan(x).any().item()
torch.roll(x, 1, 1)
torch.flip(x, [1])
x.flip(0)
x.roll(1, 0)
torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
torch.unique(torch.tensor([3, 1, 3]))
torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
F.one_hot(torch.tensor([0, 2]), 3)
F.pad(x, (1, 2))
F.relu(x)
F.linear(x, x)
x.float().dtype == torch.float32
x.long().dtype == torch.int64
x.type_as(i).dtype == torch.int64
x.is_floating_point()
x.item() if x.numel() == 1 else None
x.tolist()
x.cpu().numpy()
x.detach().requires_grad
torch.is_tensor(x)
x.size() == torch.Size([3, 4])
torch.Size([2, 3]).numel()
x.device == torch.device("cpu")
torch.device("cuda" if torch.cuda.is_available() else "cpu").type
torch.randn(2, 3).shape
torch.rand(5).max() < 1
torch.randint(3, (4, 2)).shape
torch.randint(5, 9, (100,)).min() >= 5
torch.randperm(5).sort()[0]
torch.bernoulli(torch.ones(3))
torch.multinomial(torch.tensor([0.0, 1.0, 0.0]), 1)
torch.normal(0.0, 1.0, (3, 2)).shape
torch.no_grad().__class__.__name__
isinstance(x, torch.Tensor)
torch.Tensor([1, 2])
torch.Tensor([1, 2]).dtype == torch.float32
torch.Tensor(2, 3).shape
torch.Tensor().shape
torch.LongTensor([1.5, 2])
torch.FloatTensor(2, 3).shape
torch.BoolTensor([1, 0])
x.type(torch.LongTensor)
x.type("torch.FloatTensor").dtype == torch.float32
x.abs().byte()
x.short()
x.char()
torch.pi
torch.inf
torch.finfo(torch.float32).eps
torch.finfo(x.dtype).min
torch.finfo(torch.float16).tiny
torch.finfo().resolution
torch.iinfo(torch.int32).max
torch.is_floating_point(x)
torch.is_complex(x)
torch.promote_types(torch.int64, torch.float32) == torch.float32
torch.result_type(x, 1) == torch.float64
torch.can_cast(torch.int64, torch.float32)
torch.scalar_tensor(3)
torch.is_nonzero(torch.tensor(0))
torch.exp(input=x)
torch.add(input=x, other=1)
torch.pow(x, exponent=2)
torch.matmul(x, other=x.T)
torch.mul(x, x, out=torch.empty(3, 4, dtype=x.dtype))
torch.sum(x, dim=1, out=torch.empty(0, dtype=x.dtype))
torch.arange(3, out=torch.empty(3))
torch.zeros(2, out=torch.ones(2))
torch.hstack([x, x])
torch.hstack([x[0], x[1]])
torch.vstack([x, x])
torch.vstack((x[0], x[1]))
torch.row_stack((x[0], x[1]))
torch.dstack([x, x])
torch.dstack([x[0], x[1]])
torch.column_stack([x[:, 0], x])
torch.tensor_split(x, 3, dim=1)
torch.tensor_split(x, (1, 3), dim=1)
x.tensor_split(2)
torch.fliplr(x)
x.flipud()
torch.rot90(x)
x.rot90(2, [0, 1])
torch.block_diag(x, torch.ones(2, 1, dtype=x.dtype), x[0])
torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4, 5]))
torch.combinations(torch.tensor([1, 2, 3]))
torch.combinations(torch.tensor([1, 2]), r=3, with_replacement=True)
torch.tril_indices(3, 4, offset=1)
torch.triu_indices(3, 3)
torch.take_along_dim(x, i, dim=1)
torch.take_along_dim(x, torch.tensor([5, 0]))
x.index_fill(1, torch.tensor([0, 2]), 9.0)
torch.zeros(3, 4).fill_diagonal_(7)
torch.atleast_2d(x[0])
torch.ravel(x)
torch.swapdims(x, 0, 1)
torch.movedim(c, 0, 2)
torch.diag_embed(x)
torch.diff(x)
torch.diff(x, 1, 0)
torch.var_mean(x, dim=1)
torch.var_mean(x, 0, unbiased=False)
torch.std_mean(x)
torch.aminmax(x, dim=1)
torch.aminmax(x).max
torch.quantile(x, 0.3)
torch.quantile(x, torch.tensor([0.25, 0.75], dtype=x.dtype), dim=1)
x.quantile(0.5, 0, True)
torch.nansum(torch.tensor([1.0, float("nan"), 2.0]))
torch.nanmean(torch.tensor([[1.0, float("nan")], [2.0, 4.0]]), dim=1)
torch.nan_to_num(torch.tensor([1.0, float("nan"), float("inf"), -float("inf")]))
torch.nan_to_num(torch.tensor([float("nan"), float("inf")]), nan=5.0, posinf=6.0)
torch.histc(x, bins=4)
torch.histc(x, 5, -1, 1)
torch.bucketize(x, torch.tensor([-0.5, 0.0, 0.5], dtype=x.dtype))
torch.bucketize(torch.tensor([1, 2]), torch.tensor([1, 2]), right=True)
torch.argwhere(x > 0)
torch.unique_consecutive(torch.tensor([1, 1, 2, 2, 1]))
torch.unique_consecutive(torch.tensor([1, 1, 2]), return_inverse=True, return_counts=True)
torch.cdist(x, x[:2] + 1)
torch.cdist(x, x[:2] + 1, p=1)
torch.dist(x, x + 1)
torch.heaviside(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor(0.5))
torch.addmv(x[:, 0], x, x[0])
torch.broadcast_shapes((2, 1), (3,))
torch.cosine_similarity(x, x + 1, dim=1)
torch.clip(x, 0, 1)
torch.absolute(x)
torch.arctan2(x, x + 5)
torch.hypot(x, x)
torch.deg2rad(x)
torch.logit(torch.tensor([0.2, 0.7]))
torch.less(x, 0)
torch.dropout(x, 0.0, True)
x.clone().sinh_()
x.clone().gt_(0)
torch.relu_(x.clone())
torch.sigmoid_(x.clone())
torch.fill_(x.clone(), 3)
torch.zero_(x.clone())
x.clone().unsqueeze_(0).shape
x.clone().t_()
x.clone().transpose_(0, 1)
x[:1].clone().squeeze_()
x.clone().cumsum_(1)
x.clone().index_fill_(0, torch.tensor([1]), 0.0)
torch.ones(3).bernoulli()
torch.tensor([0.0, 1.0]).multinomial(1)
torch.ones(1000).exponential_().min() >= 0
x.is_cpu
x.itemsize
x.is_complex()
f"{x[0, 0]:.3f} {torch.tensor(7)} {torch.tensor(2.5)}"
F.relu(x, inplace=False)
F.relu(input=x)
F.relu_(x.clone())
F.leaky_relu(x, 0.2, True)
F.leaky_relu(x, negative_slope=0.2)
F.elu(x.clone(), inplace=True)
F.rrelu(x, 0.1, 0.1, False, False)
F.hardtanh(x, -0.5, 0.5)
F.threshold(x, 0.1, 20, False)
F.softmax(input=x, dim=1)
F.pad(input=x, pad=(1, 1), mode="constant", value=2)
F.mse_loss(input=x, target=x * 2, reduction="sum")
F.mse_loss(x, x * 2, weight=x.abs())
F.huber_loss(x, x * 2, weight=x.abs(), delta=0.3)
""".strip().split("\n")


def names(torch: Any, functional: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3, 4))
    return {
        "torch": torch,
        "F": functional,
        "a": a,
        "x": torch.tensor(a),
        "c": torch.tensor(rng.normal(size=(2, 3, 4))),
        "i": torch.tensor([[0, 1], [2, 3], [1, 0]]),
    }


def plain(value: Any) -> Any:
    """Tensors as arrays, all else as it is."""
    if isinstance(value, (tuple, list)) and not all(isinstance(v, (int, float)) for v in value):
        return [plain(v) for v in value]
    if isinstance(value, (bool, int, float, str, type(None))):
        return value
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


def same(a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-9) -> None:
    if isinstance(a, list):
        assert len(a) == len(b)
        for p, q in zip(a, b, strict=True):
            same(p, q, rtol, atol)
    elif isinstance(a, np.ndarray):
        assert a.shape == b.shape
        assert (a.dtype.kind == "b") == (b.dtype.kind == "b")
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=rtol, abs=atol, nan_ok=True)
    else:
        assert a == b


@pytest.mark.judge
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expression_means_the_same(expression):
    import torch

    theirs = eval(expression, names(torch, torch.nn.functional))
    ours = eval(expression, names(nbdl.torch, nbdl.torch.nn.functional))
    same(plain(ours), plain(theirs))


def test_weights_of_l1_loss_multiply_each_difference() -> None:
    x = nbdl.tensor([0.5, -2.0, 1.0])
    found = nbdl.torch.nn.functional.l1_loss(x, x * 2, weight=x.abs(), reduction="none")
    assert found.tolist() == [0.25, 4.0, 1.0]


STATEMENTS = {
    "in place": "y = x.clone(); y.add_(1); y.mul_(2); y.clamp_(min=0); y.sqrt_()",
    "by hand": "y = torch.zeros(3); y[1:] = 2; y += 1; y.fill_(7)",
    "masked": "y = x.clone(); y[y < 0] = 0; y.masked_fill_(y > 1, -1.0)",
    "data": "y = torch.nn.Parameter(x.clone()); y.data.mul_(2); y.data -= 1; y = y.detach()",
    "no_grad": """
y = x.clone().requires_grad_()
(y ** 2).sum().backward()
with torch.no_grad():
    y -= 0.1 * y.grad
y.grad.zero_()
y = y.detach()
""",
    "autograd": """
z = x.clone().requires_grad_(True)
y, = torch.autograd.grad((z ** 3).sum(), z, create_graph=True)
y, = torch.autograd.grad(y.sum(), z)
""",
    "module": """
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Tanh()).double()
for p in model.parameters():
    torch.nn.init.constant_(p, 0.1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
for epoch in range(3):
    optimizer.zero_grad()
    loss = ((model(x) - 1) ** 2).mean()
    loss.backward()
    optimizer.step()
    scheduler.step()
y = model(x).detach()
""",
}


@pytest.mark.judge
@pytest.mark.parametrize("text", STATEMENTS.values(), ids=STATEMENTS)
def test_statements_do_the_same(text):
    import torch

    theirs, ours = names(torch, None), names(nbdl.torch, None)
    exec(text, theirs)
    exec(text, ours)
    same(plain(ours["y"]), plain(theirs["y"]))


def test_code_that_never_heard_of_pytorch_keeps_the_array_apis_meaning():
    x = Tensor(np.array([[1.0, 2.0], [4.0, 3.0]]))
    names: dict[str, Any] = {"x": x}
    text = "a = x.std(); b = x.max(axis=1); c = x.size; d = x.max(1); e = x.size + 1"
    exec(text, names)
    assert names["a"].item() == np.asarray(x).std()
    assert names["b"].tolist() == [2, 4]
    assert names["d"].tolist() == [2, 4]
    assert names["c"] == 4
    assert names["e"] == 5
    names = {"x": x, "torch": nbdl.torch}
    exec(text, names)
    assert names["a"].item() == pytest.approx(np.asarray(x).std(ddof=1))
    assert names["b"].tolist() == [2, 4]
    assert names["d"].indices.tolist() == [1, 0]


def test_what_cannot_be_the_same_is_refused_with_the_way_out():
    torch = nbdl.torch
    x = torch.ones(2, 3)
    with pytest.raises(AttributeError, match=r"no 'sigmoide'; did you mean 'sigmoid'"):
        torch.sigmoide(x)
    with pytest.raises(ArgumentError, match=r"'size_average'(.|\n)*reduction="):
        torch.nn.functional.mse_loss(x, x, size_average=False)
    with pytest.raises(ShapeError, match=r"l1_loss got weights of shape \(3,\)"):
        torch.nn.functional.l1_loss(x, x, weight=torch.ones(3))
    with pytest.raises(ArgumentError, match="only_inputs=False"):
        torch.autograd.grad(x, x, only_inputs=False)
    with pytest.raises(ArgumentError, match="3 different places were asked for, a row has only 2"):
        torch.multinomial(torch.tensor([0.5, 0.5, 0.0]), 3)
    with pytest.raises(ArgumentError, match="interpolation='nearest' is not possible"):
        torch.quantile(x, 0.5, interpolation="nearest")
    with pytest.raises(ShapeError, match=r"cdist: x1 \(2, 3\) and x2 \(2, 4\)"):
        torch.cdist(x, torch.ones(2, 4))
    with pytest.raises(ArgumentError, match=r"x\.to\(dtype\) converts"):
        x.view(torch.int32)
    with pytest.raises(ShapeError, match="at most 2 axes"):
        torch.ones(1, 2, 3).t()
    with pytest.raises(ShapeError, match="dim=5 is out of range"):
        x.size(5)


def test_loaders_take_pytorchs_arguments_and_follow_the_seed():
    from nbdl.torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

    torch = nbdl.torch

    class Squares(Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, i):
            return torch.tensor([float(i)]), i * i

    def order() -> list[int]:
        torch.manual_seed(5)
        loader = DataLoader(Squares(), batch_size=4, shuffle=True, num_workers=2, pin_memory=True)
        return [int(v) for x, y in loader for v in y]

    assert order() == order()
    assert sorted(order()) == [i * i for i in range(10)]
    x, y = next(iter(DataLoader(TensorDataset(torch.ones(6, 2), torch.arange(6)), 3)))
    assert x.shape == (3, 2)
    assert y.tolist() == [0, 1, 2]
    batch = next(
        iter(DataLoader(Squares(), 2, collate_fn=lambda rows: torch.cat([r[0] for r in rows])))
    )
    assert batch.tolist() == [0, 1]
    parts = random_split(Squares(), [0.7, 0.3], generator=torch.Generator().manual_seed(0))
    assert [len(p) for p in parts] == [7, 3]
    seen = sorted(int(sample[1]) for part in parts for sample in part)
    assert seen == [i * i for i in range(10)]
    with pytest.raises(DataError, match="add up to 9"):
        random_split(Squares(), [5, 4])
    batches = [x.numpy().ravel().tolist() for x, _ in DataLoader(Squares(), batch_sampler=[[1, 2]])]
    assert batches == [[1, 2]]
    with pytest.raises(ArgumentError, match="shuffle and sampler exclude"):
        DataLoader(Squares(), sampler=[1, 2], shuffle=True)


def test_streams_stacks_and_the_rest_of_pytorchs_names():
    from nbdl.torch.utils import data

    torch = nbdl.torch

    class Lines(data.IterableDataset):
        def __iter__(self):
            info = data.get_worker_info()
            start, step = (info.id, info.num_workers) if info else (0, 1)
            return iter(range(start, 8, step))

    loader = data.DataLoader(Lines(), batch_size=2, num_workers=2)
    assert [x.tolist() for x in loader] == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert data.get_worker_info() is None
    assert list(data.ChainDataset([Lines(), Lines()])) == [*range(8), *range(8)]
    pairs = data.StackDataset(torch.arange(3), ["a", "b", "c"])
    assert pairs[1][1] == "b"
    batches = data.BatchSampler(data.SequentialSampler(pairs), 2, drop_last=False)
    assert list(batches) == [[0, 1], [2]]
    assert len(batches) == len(list(data.DataLoader(pairs, batch_sampler=batches))) == 2
    assert len(data.BatchSampler(range(5), 2, drop_last=True)) == 2
    stacked = data.default_collate([(1.0, "x"), (2.0, "y")])
    assert stacked[0].tolist() == [1, 2]
    assert stacked[1] == ["x", "y"]
    assert isinstance(data.default_convert(np.ones(2)), torch.Tensor)
    assert [int(x) for x in data.DataLoader(range(3), batch_size=None)] == [0, 1, 2]
    with pytest.raises(ArgumentError, match="batch_size=0"):
        data.BatchSampler(range(5), 0)
    with pytest.raises(ArgumentError, match="in_order=False"):
        data.DataLoader(range(3), in_order=False)


def test_samplers_say_which_sample_comes_when():
    from nbdl.torch.utils import data

    torch = nbdl.torch
    dataset = data.TensorDataset(torch.arange(10))

    def drawn(sampler, **kwargs) -> list[int]:
        loader = data.DataLoader(dataset, batch_size=4, sampler=sampler, **kwargs)
        batches = [x.tolist() for (x,) in loader]
        assert len(batches) == len(loader)
        return [i for batch in batches for i in batch]

    assert drawn([3, 1, 3, 0, 2]) == [3, 1, 3, 0, 2]
    assert drawn(data.SequentialSampler(dataset), drop_last=True) == list(range(8))
    torch.manual_seed(0)
    sampler = data.SubsetRandomSampler([5, 6, 7, 8])
    first, second = drawn(sampler), drawn(sampler)
    assert sorted(first) == sorted(second) == [5, 6, 7, 8]
    assert sorted(drawn(data.RandomSampler(dataset))) == list(range(10))
    assert len(drawn(data.RandomSampler(dataset, replacement=True, num_samples=30))) == 30
    weights = [0.0, 1.0, 3.0] + [0.0] * 7
    counts = np.bincount(drawn(data.WeightedRandomSampler(weights, 4000)))
    assert counts[0] == 0
    assert abs(counts[2] / 4000 - 0.75) < 0.03
    with pytest.raises(ArgumentError, match="num_samples=0"):
        data.WeightedRandomSampler(weights, 0)


def test_data_sets_are_joined():
    from nbdl.torch.utils.data import ConcatDataset, TensorDataset

    torch = nbdl.torch
    joined = ConcatDataset([TensorDataset(torch.arange(n) * 10**n) for n in (2, 1, 3)])
    assert [int(joined[i][0]) for i in range(len(joined))] == [0, 100, 0, 0, 1000, 2000]
    assert int(joined[-1][0]) == 2000
    with pytest.raises(IndexError, match="sample 6 of a data set with 6 samples"):
        joined[6]


def test_the_usual_lines_about_devices_and_seeds_run():
    torch = nbdl.torch
    torch.manual_seed(0)
    torch.cuda.manual_seed_all(0)
    torch.backends.cudnn.deterministic = True
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = torch.nn.Linear(2, 1).to(device)
    assert model(torch.ones(1, 2, device=device)).device == device
    assert torch.cuda.device_count() >= 0
    torch.cuda.synchronize()
    torch.cuda.empty_cache()


def test_states_are_saved_and_loaded(tmp_path):
    torch = nbdl.torch
    model, twin = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    torch.save(model.state_dict(), tmp_path / "model.pth")
    twin.load_state_dict(torch.load(tmp_path / "model.pth", map_location="cpu"))
    assert twin.weight.tolist() == model.weight.tolist()


def test_whole_models_are_not_saved_and_damaged_files_are_told(tmp_path):
    torch = nbdl.torch
    path = tmp_path / "model.pt"
    with pytest.raises(ArgumentError, match=r"it\['model'\] is a Linear(.|\n)*state_dict\(\)"):
        torch.save({"model": torch.nn.Linear(1, 1)}, path)
    with pytest.raises(ArgumentError, match=r"it has a key \(1, 2\)"):
        torch.save({(1, 2): 3}, path)
    torch.save([torch.ones(2)], path)
    interop.save({"0": torch.ones(2)}, path, metadata={"nbdl.torch.outline": '["tensor", "7"]'})
    with pytest.raises(FileError, match=r"outline of .*model\.pt. is damaged"):
        torch.load(path)
    interop.save({"a": torch.ones(2)}, path)  # a file of nbdl.save's
    assert torch.load(path)["a"].tolist() == [1, 1]


SPACES = """
torch.linalg.norm(x)
torch.linalg.norm(x, 2, 1, True)
torch.linalg.norm(x, ord=1, dim=0)
torch.linalg.vector_norm(x, 3, dim=1)
torch.linalg.matrix_norm(x, "nuc")
torch.linalg.inv(m)
torch.linalg.det(m)
torch.linalg.slogdet(m)
torch.linalg.solve(m, x[:, 0])
torch.linalg.cholesky(m @ m.T)
torch.linalg.eigvalsh(m @ m.T)
torch.linalg.svd(x, full_matrices=False)[1]
torch.linalg.qr(m)[1].abs()
torch.linalg.pinv(x)
torch.linalg.matrix_rank(x)
torch.linalg.cross(m, m + 1, dim=1)
torch.linalg.multi_dot([x, x.T, x])
torch.linalg.matrix_power(m, 3)
torch.linalg.lstsq(x.T, x[0].unsqueeze(1)).solution
torch.inverse(m)
m.inverse()
torch.det(m)
m.det()
torch.logdet(m @ m.T)
torch.cross(m, m + 1, dim=0)
torch.cholesky(m @ m.T)
torch.matrix_exp(m)
torch.trapezoid(x, dim=1)
torch.corrcoef(x)
torch.lgamma(x.abs() + 1)
torch.mode(torch.tensor([[1, 2, 2], [3, 3, 1]]), 1)
torch.fft.fft(x).abs()
torch.fft.rfft(x, 3, 0).abs()
torch.fft.fft2(c, dim=(0, 1)).abs()
torch.fft.ifft(torch.fft.fft(x)).real
torch.fft.fftfreq(5, d=0.5)
torch.fft.fftshift(x, dim=1)
torch.distributions.Normal(0.0, 2.0).log_prob(torch.tensor(1.5))
torch.distributions.Categorical(torch.tensor([0.2, 0.3, 0.5])).entropy()
torch.distributions.Categorical(logits=x).log_prob(torch.tensor([1, 0, 3]))
torch.distributions.Bernoulli(torch.tensor([0.2, 0.6])).log_prob(torch.tensor([1.0, 0.0]))
torch.distributions.Uniform(0.0, 4.0).entropy()
""".strip().split("\n")


@pytest.mark.judge
@pytest.mark.parametrize("expression", SPACES)
@pytest.mark.filterwarnings("ignore:.*torch.cholesky is deprecated")  # PyTorch's words
def test_name_spaces_mean_the_same(expression):
    import torch

    theirs, ours = names(torch, None), names(nbdl.torch, None)
    for space in (theirs, ours):
        space["m"] = space["x"][:, :3] + 2 * space["torch"].eye(3, dtype=space["x"].dtype)
    same(plain(eval(expression, ours)), plain(eval(expression, theirs)))


FUNCTIONALS = """
torch.func.vmap(lambda v: (v * v).sum())(x)
torch.vmap(torch.dot, in_dims=(0, None))(x, x[0])
torch.func.grad(lambda v: (v**3).sum())(x)
torch.func.grad_and_value(lambda v: (v**2).sum())(x)
torch.func.jacrev(torch.sin)(x[0])
torch.func.jacfwd(torch.sin)(x[0])
torch.func.hessian(lambda v: (v**3).sum())(x[0])
torch.func.jvp(torch.sin, (x,), (x + 1,))
torch.func.vjp(torch.sin, x)[1](x + 1)
torch.autograd.functional.jacobian(lambda v: v**2, x[0])
torch.autograd.functional.jacobian(lambda u, v: u * v, (x[0], x[1]))
torch.autograd.functional.hessian(lambda v: (v**3).sum(), x[0])
torch.autograd.functional.hessian(lambda u, v: (u**2 * v).sum(), (x[0], x[1]))
torch.autograd.functional.vjp(torch.sin, x, x + 1)
torch.autograd.functional.jvp(torch.sin, x, x + 1)
torch.autograd.functional.hvp(lambda v: (v**3).sum(), x[0], x[1])
torch.autograd.gradcheck(lambda v: (v**2).sum(), x.clone().requires_grad_())
torch.func.functional_call(torch.nn.Linear(4, 1).double(), {"weight": x[:1], "bias": x[0, :1]}, x)
""".strip().split("\n")


@pytest.mark.judge
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")  # PyTorch's own use
@pytest.mark.parametrize("expression", FUNCTIONALS)
def test_functions_of_functions_mean_the_same(expression):
    import torch

    theirs = eval(expression, names(torch, torch.nn.functional))
    ours = eval(expression, names(nbdl.torch, nbdl.torch.nn.functional))
    same(plain(ours), plain(theirs))


def test_checkpoint_recomputes_with_the_same_gradient():
    from nbdl.torch.utils.checkpoint import checkpoint

    torch = nbdl.torch
    x = torch.ones(3, requires_grad=True)
    checkpoint(lambda v: (v * 3).exp(), x, use_reentrant=False).sum().backward()
    np.testing.assert_allclose(x.grad, 3 * np.exp(3), rtol=1e-6)


def test_the_generators_state_is_taken_and_put_back():
    torch = nbdl.torch
    torch.manual_seed(7)
    assert torch.initial_seed() == 7
    state = torch.get_rng_state()
    first = torch.rand(3)
    torch.set_rng_state(state)
    assert torch.equal(torch.rand(3), first)
    assert torch.seed() == torch.initial_seed()


def test_lines_about_compiling_threads_and_anomalies_run():
    torch = nbdl.torch
    model = torch.nn.Linear(1, 1)
    assert torch.compile(model, mode="reduce-overhead") is model
    assert torch.compile()(model) is model
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)
    with torch.autograd.set_detect_anomaly(True), pytest.raises(AnomalyError):
        torch.log(torch.zeros(1))
    torch.autograd.set_detect_anomaly(True)
    with pytest.raises(AnomalyError):
        torch.log(torch.zeros(1))
    torch.autograd.set_detect_anomaly(False)
    torch.log(torch.zeros(1))
    assert torch.__version__ == nbdl.__version__
    with torch.inference_mode():
        assert not model(torch.ones(1, 1)).requires_grad
    with torch.inference_mode(False):
        assert model(torch.ones(1, 1)).requires_grad
