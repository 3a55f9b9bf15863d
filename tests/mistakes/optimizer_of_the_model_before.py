# expect: MistakeWarning
# words: none of its 2 parameters has a gradient
# cure: make the optimizer anew
import nbdl
from nbdl import nn, optim
from nbdl.nn import functional as F

net = nn.Linear(4, 3)
optimizer = optim.SGD(net.parameters(), lr=0.1)
net = nn.Linear(4, 3)  # the cell of the model was run again
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
optimizer.zero_grad()
F.cross_entropy(net(x), y).backward()
optimizer.step()  # here
