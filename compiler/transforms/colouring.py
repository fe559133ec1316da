"""Colouring the columns of a sparsity pattern: columns of one colour share no row, so one product gives them all.

A. R. Curtis, M. J. D. Powell, J. K. Reid, "On the estimation of sparse Jacobian matrices", IMA J. Appl. Math. 13 (1974);
the order, most entries first, is that of T. F. Coleman, J. J. Moré, "Estimation of sparse Jacobian matrices and graph
coloring problems", SIAM J. Numer. Anal. 20 (1983).
"""

from __future__ import annotations

import numpy as np


def colours(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The colour (0, 1, ...) of each column of the pattern with entries (rows[k], columns[k])."""
    by_row = _grouped(rows, columns, shape[0])
    by_column = _grouped(columns, rows, shape[1])
    found = np.full(shape[1], -1)
    for column in sorted(range(shape[1]), key=lambda j: -len(by_column[j])):
        taken = {found[j] for row in by_column[column] for j in by_row[row]}
        colour = 0
        while colour in taken:
            colour += 1
        found[column] = colour
    return found


def _grouped(keys: np.ndarray, values: np.ndarray, count: int) -> list[list[int]]:
    """For each key below `count`, the values that stand beside it."""
    order = np.argsort(keys, kind="stable")
    ends = np.cumsum(np.bincount(keys, minlength=count))[:-1]
    return [part.tolist() for part in np.split(values[order], ends)]
