"""What is read along another axis than it is written along, at indices that were read, and extremes found block by block."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg


def crossed(a):  # type: ignore[no-untyped-def]
    b = np.zeros((a.shape[1], a.shape[0]))
    b[1:] = a.T[1:] * 2.0
    return a.T.copy(), a.T + a.T[::-1], b


CROSSED = wg.jit(crossed)


@pytest.mark.parametrize("shape", [(100, 131), (64, 16), (17, 65), (0, 50), (50, 0)])
def test_tiles_meet_every_element_once(shape: tuple[int, int]) -> None:
    a = np.random.default_rng(1).random(shape)
    for given, wanted in zip(CROSSED(a), crossed(a), strict=True):
        np.testing.assert_array_equal(given, wanted)


def picked(x, k):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(k.shape[0]):
        total += x[k[i]]
    return total


def test_indices_that_were_read_count_from_the_end_and_are_checked() -> None:
    x, k = np.random.default_rng(2).random(9), np.array([0, 8, -1, -9, 3])
    compiled = wg.jit(picked)
    assert compiled(x, k) == picked(x, k)
    for outside in (9, -10, 2**62, -(2**63)):
        with pytest.raises(IndexError, match=f"index {outside} is out of bounds for axis 0 with size 9"):
            compiled(x, np.array([0, outside]))


def extremes(x):  # type: ignore[no-untyped-def]
    return np.max(x), np.min(x), np.argmax(x, axis=1), np.argmin(x, axis=1)


@pytest.mark.parametrize("kind", ["f8", "f4"])
def test_extremes_of_several_blocks_and_nan(kind: str) -> None:
    row = np.random.default_rng(3).random(2200).astype(kind)
    late, twice, low = row.copy(), row.copy(), np.full(2200, -np.inf, kind)
    late[[1500, 2100]] = np.nan
    twice[[70, 1100, 2199]] = 2
    x = np.stack((row, twice, low, row[::-1]))
    compiled = wg.jit(extremes)
    for array in (x, np.vstack((x, late))):
        for given, wanted in zip(compiled(array), extremes(array), strict=True):
            np.testing.assert_array_equal(given, wanted)
