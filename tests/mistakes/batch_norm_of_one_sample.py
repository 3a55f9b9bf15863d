# expect: ShapeError
# words: more than one value per channel
# cure: a larger batch
# layer: 1 (BatchNorm1d)
import nbdl
from nbdl import nn

net = nn.Sequential(
    nn.Linear(4, 3),
    nn.BatchNorm1d(3),  # here
)
y = net(nbdl.randn(1, 4))
