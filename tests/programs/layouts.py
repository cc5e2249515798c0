"""One array of each kind of layout and dtype."""

import count
import numpy as np

count.start()
c_order = np.zeros((3, 4))  # @c_order
count.charge("c_order")
f_order = np.zeros((3, 4), order="F")  # @f_order
count.charge("f_order")
short = np.empty((2, 3, 5), dtype=np.int16)  # @int16
count.charge("int16")
text = np.array(["ab", "abcdefghij"])  # @text
count.charge("text")
raw = np.zeros(3, dtype="S7")  # @bytes
count.charge("bytes")
flags = np.empty(9, dtype=bool)  # @bool
count.charge("bool")
waves = np.zeros((2, 2), dtype=complex)  # @complex
count.charge("complex")
half = np.zeros(11, dtype=np.float16)  # @half
count.charge("half")
foreign = np.zeros(5, dtype=">i4")  # @big_endian
count.charge("big_endian")
when = np.zeros(4, dtype="datetime64[ns]")  # @datetime
count.charge("datetime")
table = np.zeros(7, dtype=[("x", "<i4"), ("y", "<f8")])  # @structured
count.charge("structured")
blob = np.zeros(3, dtype="V5")  # @void
count.charge("void")
things = np.empty(6, dtype=object)  # @object
count.charge("object")
nothing = np.empty((0, 5))  # @zero_size
count.charge("zero_size")
single = np.array(1.5)  # @zero_d
count.charge("zero_d")
cube = np.zeros((2, 3, 4))  # @cube
count.charge("cube")
turned = cube.transpose(1, 0, 2).copy("K")  # @permuted
count.charge("permuted")
flipped = np.add(c_order.T, c_order.T)  # @flipped
count.charge("flipped")
joined = np.concatenate([c_order, c_order])  # @joined
count.charge("joined")
deep = np.zeros((1,) * 20 + (3,))  # @deep
count.charge("deep")
wide = np.empty((1000, 1000))  # @wide
count.charge("wide")
count.fact("permuted_strides", list(turned.strides))
count.fact("wide_bytes", wide.nbytes)
count.done()
