"""Findings that come about in roundabout ways, and loops that look like them."""
import numpy as np

N = 300_000


def columns_transformed(matrix):
    spectrum = np.fft.fft(matrix, axis=0)  # @strided-access
    return spectrum[0, 0]


def there_and_back(values, convert):
    numbers = convert(values)  # @list-conversion
    return np.array([0.5 * number for number in numbers])[3]


def unpacked(values):
    numbers = [*values]  # @list-conversion
    return np.array(numbers)[3]


def looped(values):
    kept = []
    assert len(values) == N
    for value in values:  # @python-loop
        kept.append(0.5 * value)
    return np.array(kept)[3]


def comprehended(values):
    return np.array([0.5 * value for value in values])[3]  # @python-loop


def mapped(values):
    return np.array(list(map(abs, values)))[3]  # @python-loop


def chosen_by_a_list(matrix):
    keep = [True] * 700 + [False] * 300
    return matrix[keep].sum()  # @fancy-index-copy


def compressed(matrix):
    mask = np.arange(len(matrix)) < 700
    return np.compress(mask, matrix, axis=0).sum()  # @fancy-index-copy


def converted_again_and_again(numbers):
    return np.max(numbers), np.min(numbers), np.max(numbers)  # @list-conversion


def full_grid(make):
    grid = make((1200, 1200))  # @broadcast-blowup
    return (grid[0] * 2 + grid[1]).sum()


matrix = np.ones((1000, 1500))
values = np.arange(N) / 2
print(columns_transformed(np.ones((530, 1000), dtype=complex)))
for convert in (list, tuple, sorted):
    print(there_and_back(values, convert))
print(unpacked(values), looped(values), comprehended(values), mapped(values))
print(chosen_by_a_list(matrix), compressed(matrix))
print(converted_again_and_again(values.tolist()))
print(full_grid(np.indices))
