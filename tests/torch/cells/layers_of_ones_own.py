"""Initialising with apply, freezing, replacing a head, hooks, moving averages of weights."""

import torch
from torch import nn


def init_weights(m):
    if isinstance(m, nn.Linear):
        torch.nn.init.xavier_uniform_(m.weight)
        m.bias.data.fill_(0.01)
    elif type(m) is nn.Conv2d:
        nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(m.bias)


net = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 2)), nn.Conv2d(1, 1, 3))
net.apply(init_weights)
lstm = nn.LSTM(3, 5)
n = lstm.bias_hh_l0.size(0)
lstm.bias_hh_l0.data[n // 4 : n // 2].fill_(1.0)
result = [net[0].bias, net[2].bias, (lstm.bias_hh_l0 == 1).sum()]

for name, param in net.named_parameters():
    if name.startswith("0"):
        param.requires_grad = False
trainable = sum(p.numel() for p in net.parameters() if p.requires_grad)
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, net.parameters()), lr=0.1)
net[1][0] = nn.Linear(4, 3)
result += [trainable, net[:2](torch.ones(1, 4)).shape[1]]

activation = {}


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


handle = net[1].register_forward_hook(get_activation("head"))
net[:2](torch.ones(2, 4))
handle.remove()
net[:2](torch.ones(5, 4))
seen = []
x = torch.ones(2, requires_grad=True)
x.register_hook(lambda grad: seen.append(grad.clone()))
(x * 2).sum().backward()
result += [activation["head"].shape[0], seen]


class EMA:
    def __init__(self, model, decay):
        self.model, self.decay = model, decay
        self.shadow, self.backup = {}, {}
        for name, param in model.named_parameters():
            self.shadow[name] = param.data.clone()

    def update(self):
        for name, param in self.model.named_parameters():
            new = (1.0 - self.decay) * param.data + self.decay * self.shadow[name]
            self.shadow[name] = new.clone()

    def apply_shadow(self):
        for name, param in self.model.named_parameters():
            self.backup[name] = param.data
            param.data = self.shadow[name]

    def restore(self):
        for name, param in self.model.named_parameters():
            param.data = self.backup[name]
        self.backup = {}


layer = nn.Linear(2, 1, bias=False)
nn.init.ones_(layer.weight)
ema = EMA(layer, 0.5)
with torch.no_grad():
    layer.weight.mul_(3)
ema.update()
ema.apply_shadow()
result.append(layer.weight.detach().clone())
ema.restore()
result.append(layer.weight)
