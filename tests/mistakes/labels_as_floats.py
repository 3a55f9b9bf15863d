# expect: DtypeError
# words: class numbers are integers
# cure: target.to('int64')
import nbdl
from nbdl import nn
from nbdl.nn import functional as F

net = nn.Linear(4, 3)
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
loss = F.cross_entropy(net(x), y.float())  # here
