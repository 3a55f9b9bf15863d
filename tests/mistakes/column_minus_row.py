# expect: MistakeWarning
# words: x - y of shapes (8, 1) and (8,) gives (8, 8)
# cure: squeeze(-1)
# layer: 0 (Linear)
import nbdl
from nbdl import nn

net = nn.Sequential(nn.Linear(4, 1))
x, y = nbdl.randn(8, 4), nbdl.randn(8)
loss = ((net(x) - y) ** 2).mean()  # here
