# expect: ShapeError
# words: (2, 5, 5) and (4, 4)
# cure: sizes must be equal or 1
import nbdl
from nbdl.nn import functional as F

q = nbdl.randn(2, 5, 4)
mask = nbdl.ones((4, 4)).bool()
y = F.scaled_dot_product_attention(q, q, q, attn_mask=mask)  # here
