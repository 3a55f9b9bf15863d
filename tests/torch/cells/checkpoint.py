"""Saving and loading: a general checkpoint, a tensor in memory, pickling, deep copies."""

import copy
import io
import pickle

import torch
from torch import nn

net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU())
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
net(torch.arange(8.0).view(4, 2)).sum().backward()
optimizer.step()
torch.save(
    {
        "epoch": 5,
        "model_state_dict": net.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "loss": 0.4,
        "history": [(1, 0.9), (2, 0.5)],
        "best": None,
    },
    "model.pt",
)
other = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU())
resumed = torch.optim.SGD(other.parameters(), lr=0.01, momentum=0.9)
checkpoint = torch.load("model.pt", map_location="cpu", weights_only=True)
other.load_state_dict(checkpoint["model_state_dict"])
resumed.load_state_dict(checkpoint["optimizer_state_dict"])
for o, m in ((optimizer, net), (resumed, other)):
    m(torch.ones(3, 2)).sum().backward()
    o.step()
    o.zero_grad()
same = all(torch.allclose(p, q) for p, q in zip(net.parameters(), other.parameters(), strict=True))
buffer = io.BytesIO()
torch.save(torch.arange(3), buffer)
buffer.seek(0)
loaded = torch.load(buffer)
twin, third = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
with torch.no_grad():
    twin[0].weight.zero_()
result = [
    checkpoint["epoch"], checkpoint["loss"], [list(pair) for pair in checkpoint["history"]],
    checkpoint["best"], resumed.param_groups[0]["lr"], same, loaded, list(net.state_dict()),
    bool((net[0].weight == 0).all()), torch.equal(third[0].weight, net[0].weight),
]  # fmt: skip
