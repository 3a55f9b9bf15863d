# expect: MistakeWarning
# words: 2 of SGD's parameters never got a gradient
# cure: is each layer used in forward
import nbdl
from nbdl import nn, optim
from nbdl.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return self.first(x)


net = Net()
optimizer = optim.SGD(net.parameters(), lr=0.1)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
for _ in range(3):
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step()  # here
