"""One line for each way in which NumPy copies, and for some in which it does not.

The argument is the number of elements of most arrays, a multiple of 80; they are `float64`, so that
a whole copy is eight times as many bytes.
"""

import copy
import pickle
import sys

import numpy as np

n = int(sys.argv[1])
line = np.arange(n, dtype=np.float64)
table = line.reshape(-1, 20)
row = line[:20]
column = line[: n // 20]
by_column = np.asfortranarray(table)
target = np.zeros_like(table)
target_line = np.zeros_like(line)
narrow_target = np.zeros(table.shape, dtype=np.float32)
integers = np.zeros(n, dtype=np.int32)
long_integers = np.zeros(n, dtype=np.int64)
foreign = np.zeros(n, dtype=">f8")
foreign_table = np.zeros(table.shape, dtype=">f8")
misaligned = np.zeros(8 * n + 1, dtype=np.uint8)[1:].view(np.float64)
one = np.ones(1)
every_other_place = np.arange(0, n, 2)
every_other = np.arange(0, n // 20, 2)
is_even_row = np.arange(n // 20) % 2 == 0
is_even = np.arange(n).reshape(table.shape) % 2 == 0
half_rows = np.zeros((n // 40, 20))
half_line = np.zeros(n // 2)
weights = np.ones((20, 3))
half_weights = np.ones((10, 3))
half_columns = np.ones((3, 10))
square = np.ones((10, 10))
stack = np.ones((4, 10, 3))
raw = line.tobytes()
numbers = line.tolist()
pickled = pickle.dumps(line, 2)

# Asked for.
kept = table.copy()  # @copy_method
kept = table.copy(order="F")  # @copy_to_f_order
kept = np.copy(table)  # @copy_function
kept = np.array(table)  # @array
kept = copy.copy(table)  # @copy_copy
kept = copy.deepcopy(table)  # @deepcopy
kept = table.flatten()  # @flatten
kept = by_column.flatten()  # @flatten_f_order
kept = table.astype(np.float64)  # @astype_same
kept = np.frombuffer(raw).copy()  # @copy_of_bytes
kept = np.broadcast_to(row, table.shape).copy()  # @copy_of_broadcast
kept = np.flip(table).copy()  # @copy_of_flipped
kept = np.sort(line)  # @sort_function

# Another dtype.
kept = table.astype(np.float32)  # @astype_other
kept = np.array(table, dtype=np.float32)  # @array_other
kept = np.asarray(table, dtype=np.float32)  # @asarray_other
kept = integers.astype(np.float64)  # @astype_wider
kept = long_integers.astype(np.float64)  # @astype_same_size
kept = np.asarray(long_integers, dtype=np.float64)  # @asarray_same_size
kept = np.ascontiguousarray(line, dtype=np.float32)  # @ascontiguousarray_other

# Another order.
kept = by_column.ravel()  # @ravel_f_order
kept = table.T.reshape(-1)  # @reshape_transposed
kept = np.reshape(by_column, (20, -1))  # @reshape_f_order
kept = np.ascontiguousarray(table.T)  # @ascontiguousarray
kept = np.asfortranarray(table)  # @asfortranarray
kept = np.require(table, requirements="F")  # @require
target.sort(axis=0)  # @sort_lanes
target.partition(3, axis=0)  # @partition_lanes
foreign_table.sort(axis=1)  # @sort_byte_order

# By index.
kept = table[every_other]  # @index_array
kept = table[is_even_row]  # @mask_of_rows
kept = table[is_even]  # @mask_of_elements
kept = table.take(every_other, axis=0)  # @take_method
kept = np.take(table, every_other, axis=0)  # @take_function
kept = table.compress(is_even_row, axis=0)  # @compress

# Put together, and repeated.
kept = np.concatenate([table, table])  # @concatenate
kept = np.stack([table, table])  # @stack
kept = np.vstack([table, table])  # @vstack
kept = np.hstack([table, table])  # @hstack
kept = np.append(line, line)  # @append
kept = np.insert(line, 5, line)  # @insert
kept = np.repeat(column, 20)  # @repeat
kept = np.tile(row, (n // 20, 1))  # @tile

# Into another array.
target[...] = table  # @setitem
target[::2] = table[::2]  # @setitem_part
target[:] = row  # @setitem_broadcast
narrow_target[...] = table  # @setitem_other
target[every_other] = half_rows  # @setitem_index_array
np.copyto(target, table)  # @copyto
target_line.put(every_other_place, half_line)  # @put
np.putmask(target, is_even, table)  # @putmask
np.putmask(target, ~is_even & is_even, table)  # @putmask_nothing
np.place(target_line, is_even.reshape(-1), half_line)  # @place
kept = np.roll(line, 3)  # @roll
kept = np.pad(table, 1)  # @pad
kept = np.delete(line, slice(0, n // 2))  # @delete

# For a routine that needs it.
kept = np.dot(table[:, ::2], half_weights)  # @dot_strided
kept = table[::-1].dot(weights)  # @dot_reversed
kept = table[:, ::2] @ half_weights  # @matmul_strided
kept = table[:, ::2] @ stack  # @matmul_strided_with_each
np.matmul(table[:, ::2], square, out=target[:, ::2])  # @matmul_strided_both
kept = np.inner(table[:, ::2], half_columns)  # @inner_strided
kept = np.vdot(table[:, :10], half_line)  # @vdot_rows_with_gaps
kept = integers + line  # @ufunc_other
kept = misaligned + line  # @ufunc_misaligned
np.add(line, line, out=foreign)  # @ufunc_out_byte_order
kept = np.add.reduce(foreign)  # @reduce_byte_order
kept = foreign + line  # @ufunc_byte_order

# To Python and back.
kept = line.tolist()  # @tolist
kept = np.array(numbers)  # @array_of_list
kept = np.asarray(numbers)  # @asarray_of_list
kept = np.array([table, table])  # @array_of_arrays
kept = np.array(((line, line), [line, line]))  # @array_of_nested_arrays
kept = np.array(numbers, ndmin=2)  # @array_of_list_in_rows
kept = line.tobytes()  # @tobytes
kept = by_column.tobytes()  # @tobytes_f_order
kept = pickle.dumps(line, 2)  # @dumps_2
kept = pickle.dumps(table[:, ::2], 5)  # @dumps_5_strided

# No copies.
kept = pickle.dumps(line, 5)  # @dumps_5
kept = pickle.loads(pickled)  # @loads
target[...] = one  # @setitem_fill
np.copyto(target, one)  # @copyto_fill
np.place(target_line, is_even.reshape(-1), [1.0])  # @place_fill
kept = line.take(3)  # @take_one
kept = np.asarray(table)  # @asarray_same
kept = np.ascontiguousarray(table)  # @ascontiguousarray_same
kept = table.astype(np.float64, copy=False)  # @astype_same_no_copy
kept = table.ravel()  # @ravel_c_order
kept = table.reshape(20, -1)  # @reshape_view
kept = table[::2, 1:]  # @slice
kept = table.T  # @transposed
kept = np.flip(table)  # @flipped
kept = np.broadcast_to(row, table.shape)  # @broadcast
kept = memoryview(table)  # @memoryview
kept = np.frombuffer(raw)  # @frombuffer
kept = np.dot(table, weights)  # @dot_dense
kept = np.vdot(line[::2], half_line)  # @vdot_line_with_gaps
kept = table.T.dot(table[:, :20])  # @dot_transposed
kept = table @ weights  # @matmul_dense
kept = table[:, :10] @ half_weights  # @matmul_rows_with_gaps
kept = np.where(is_even, table, table)  # @where
kept = table + table  # @ufunc_same
target.sort(axis=1)  # @sort_rows
