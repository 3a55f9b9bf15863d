# expect: ArgumentError
# words: needs probabilities between 0 and 1
# cure: binary_cross_entropy_with_logits
import nbdl
from nbdl import nn
from nbdl.nn import functional as F

net = nn.Linear(4, 1)
x, y = nbdl.randn(8, 4) * 9, nbdl.ones((8, 1))
loss = F.binary_cross_entropy(net(x), y)  # here
