# expect: MistakeWarning
# words: StepLR.step() before SGD.step()
# cure: optimizer.step() first
import nbdl
from nbdl import nn, optim
from nbdl.nn import functional as F

net = nn.Linear(4, 3)
optimizer = optim.SGD(net.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.StepLR(optimizer, 10)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
F.cross_entropy(net(x), y).backward()
scheduler.step()  # here
optimizer.step()
