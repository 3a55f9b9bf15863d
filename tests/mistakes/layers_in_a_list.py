# expect: HiddenLayersWarning
# words: Net.layers keeps layers in a plain list
# cure: nn.ModuleList
import nbdl
from nbdl import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(4, 4), nn.Linear(4, 3)]

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


y = Net()(nbdl.randn(8, 4))  # here
