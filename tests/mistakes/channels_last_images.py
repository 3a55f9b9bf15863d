# expect: ShapeError
# words: 32 channels, but weight (8, 3, 3, 3)
# cure: the channels are last here
# layer: 0 (Conv2d)
import nbdl
from nbdl import nn

net = nn.Sequential(
    nn.Conv2d(3, 8, 3),  # here
    nn.ReLU(),
)
y = net(nbdl.randn(2, 32, 32, 3))
