"""Colouring the columns of a sparsity pattern: columns of one colour share no row, so one product gives them all.

A. R. Curtis, M. J. D. Powell, J. K. Reid, "On the estimation of sparse Jacobian matrices", IMA J. Appl. Math. 13 (1974);
the order, most entries first, is that of T. F. Coleman, J. J. Moré, "Estimation of sparse Jacobian matrices and graph
coloring problems", SIAM J. Numer. Anal. 20 (1983). Star colouring, for symmetric matrices: T. F. Coleman, J. J. Moré,
"Estimation of sparse Hessian matrices and graph coloring problems", Math. Programming 28 (1984); A. H. Gebremedhin, F. Manne,
A. Pothen, "What color is your Jacobian?", SIAM Review 47 (2005).
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


def star_colours(rows: np.ndarray, columns: np.ndarray, count: int) -> np.ndarray:
    """The colour of each column of a symmetric pattern: neighbours differ, and so does any path of four from two colours.

    Then of each entry (i, j) column j is the only one of its colour in row i, or column i the only one of its in row j.
    """
    off = rows != columns
    near = _grouped(rows[off], columns[off], count)
    found = np.full(count, -1)
    by: list[dict[int, list[int]]] = [{} for _ in range(count)]
    """For each column its coloured neighbours, by colour."""
    closed: list[set[int]] = [set() for _ in range(count)]
    """For each coloured column w: the colours of its neighbours that have another neighbour of w's colour."""
    for v in sorted(range(count), key=lambda j: -len(near[j])):
        taken: set[int] = set()
        for w in near[v]:
            taken |= closed[w] | {int(found[w])} if found[w] >= 0 else by[w].keys()
        colour = 0
        while colour in taken:
            colour += 1
        found[v] = colour
        for same in by[v].values():
            if len(same) > 1:
                for w in same:
                    closed[w].add(colour)
        for x in near[v]:
            others = by[x].setdefault(colour, [])
            if others and found[x] >= 0:
                closed[v].add(int(found[x]))
                if len(others) == 1:
                    closed[others[0]].add(int(found[x]))
            others.append(v)
    return found


def _grouped(keys: np.ndarray, values: np.ndarray, count: int) -> list[list[int]]:
    """For each key below `count`, the values that stand beside it."""
    order = np.argsort(keys, kind="stable")
    ends = np.cumsum(np.bincount(keys, minlength=count))[:-1]
    return [part.tolist() for part in np.split(values[order], ends)]
