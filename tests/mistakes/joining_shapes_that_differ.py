# expect: ShapeError
# words: tensor 0 has shape (2, 3), tensor 1 has shape (2, 4)
# cure: all sizes but that of the joined axis
import nbdl

y = nbdl.cat([nbdl.ones((2, 3)), nbdl.ones((2, 4))])  # here
