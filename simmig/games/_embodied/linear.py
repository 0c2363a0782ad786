"""Small linear systems, many at once."""

from __future__ import annotations

from simmig.contracts import FloatArray


def eliminated(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return x with matrix[N, J, J] x = right[N, J], by elimination in the order given.

    No pivoting, because diagonals outweigh the rest here, and no BLAS: the same bits whatever library there is.
    """
    matrix, right = matrix.copy(), right.copy()
    count = right.shape[1]
    for k in range(count - 1):
        factor = matrix[:, k + 1 :, k] / matrix[:, k, k, None]
        matrix[:, k + 1 :, k:] -= factor[:, :, None] * matrix[:, None, k, k:]
        right[:, k + 1 :] -= factor * right[:, k, None]
    for k in reversed(range(count)):
        right[:, k] = (right[:, k] - (matrix[:, k, k + 1 :] * right[:, k + 1 :]).sum(axis=1)) / matrix[:, k, k]
    return right
