# expect: ShapeError
# words: in_features=100
# cure: in_features=288
# layer: 2 (Linear)
import nbdl
from nbdl import nn

net = nn.Sequential(
    nn.Conv2d(3, 8, 3),
    nn.Flatten(),
    nn.Linear(100, 10),  # here
)
y = net(nbdl.randn(2, 3, 8, 8))
