# expect: ShapeError
# words: x's last size 3 must equal y's second last 2
# cure: transpose one of them
import nbdl

y = nbdl.ones((2, 3)) @ nbdl.ones((2, 4))  # here
