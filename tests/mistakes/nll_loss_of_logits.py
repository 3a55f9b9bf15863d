# expect: MistakeWarning
# words: nll_loss got logits
# cure: log_softmax as the last layer
# layer: 0 (Linear)
import nbdl
from nbdl import nn
from nbdl.nn import functional as F

net = nn.Sequential(nn.Linear(4, 3))
x, y = nbdl.randn(8, 4), nbdl.tensor([0, 1, 2, 0, 1, 2, 0, 1])
loss = F.nll_loss(net(x), y)  # here
