"""LeNet-5 on 28×28 pictures: Y. LeCun and others, 1998; ReLU and max pooling as today."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim


class LeNet(nn.Module):
    def __init__(self, num_classes=10):
        super(LeNet, self).__init__()  # noqa: UP008 - as many people write it
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def num_flat_features(self, x):
        size = x.size()[1:]
        num_features = 1
        for s in size:
            num_features *= s
        return num_features


def build():
    return {"net": LeNet()}


def data(rng):
    return rng.normal(size=(8, 1, 28, 28)), rng.integers(0, 10, 8)


def optimizers(models):
    return [optim.SGD(models["net"].parameters(), lr=0.01, momentum=0.9)]


def output(models, x, y):
    return models["net"](x)


def step(models, optimizers, x, y):
    criterion = nn.CrossEntropyLoss()
    optimizer = optimizers[0]
    optimizer.zero_grad()
    outputs = models["net"](x)
    loss = criterion(outputs, y)
    loss.backward()
    optimizer.step()
    _, predicted = torch.max(outputs.data, 1)
    correct = (predicted == y).sum().item()
    assert 0 <= correct <= y.size(0)
    return loss.item()
