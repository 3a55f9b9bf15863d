"""Slices, masks, lists and tensors as indices, reading and writing."""

import numpy as np
import torch

x = torch.arange(24).view(2, 3, 4)
result = [
    x[0], x[:, 1], x[..., -1], x[0, 1, 2], x[:, ::2], x[:, [0, 2]], x[x > 5], x[-1, -1], x[0:1],
    x[torch.tensor([0, 1]), torch.tensor([1, 2])], x[None].shape, x[:, :, None].shape,
    x[torch.tensor([True, False])], x[range(2)], x[np.array([1, 0])], x[1, :, 2:], len(x),
    list(x.shape), 3 in x, 99 in x, [int(v) for v in x[0, 0]], sum(x[0, 0]), max(x[0, 0]),
]  # fmt: skip
for i, row in enumerate(x[0]):
    result.append(row + i)
for a, b in zip(x[0], x[1], strict=True):
    result.append(a * b)

y = torch.zeros(3, 4)
y[0] = 1
y[:, 1] = torch.tensor([5.0, 6.0, 7.0])
y[1, 2] = 9
y[y > 8] = -1
y[2, [0, 3]] = torch.tensor([3.0, 4.0])
y[..., -1] += 10
y[torch.arange(3), torch.tensor([0, 1, 2])] = 0.5
y[1:, 1:] *= 2
y[0, :2] -= 1
y[2][3] = 8
y[1].mul_(2)
y[0][2:].fill_(4)
result.append(y)
mask = torch.ones(3, 3).tril().bool()
scores = torch.zeros(3, 3).masked_fill(~mask, float("-inf")).softmax(dim=-1)
onehot = torch.nn.functional.one_hot(torch.tensor([0, 2, 1]), num_classes=3)
result += [scores, onehot, torch.eye(3)[torch.tensor([2, 0])], onehot.argmax(dim=1)]
