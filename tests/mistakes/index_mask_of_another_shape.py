# expect: IndexRangeError
# words: a mask of shape (2,) does not fit a tensor of shape (8, 4)
# cure: sizes must be those of the first axes
import nbdl

x = nbdl.randn(8, 4)
y = x[nbdl.tensor([True, False])]  # here
