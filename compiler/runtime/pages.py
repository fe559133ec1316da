"""Host memory for arrays that come home: kept, when an array and its views have gone, for the next one.

Memory new from the system costs a fault for every page at its first touch, which took as long as the copy into it.
"""

from __future__ import annotations

import mmap
import threading
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np

_SMALL = 1 << 20
"""Bytes below which malloc does well."""
_MOST = 1 << 30
"""Bytes kept at most, in `_BLOCKS` blocks."""
_BLOCKS = 4

_lock = threading.RLock()  # a block may come back, by the collector, while one is taken
_spare: list[mmap.mmap] = []


class _Block:
    """What an array's memory belongs to; the memory goes back with it."""

    def __init__(self, memory: mmap.mmap, shape: tuple[int, ...], dtype: np.dtype):
        self.memory = memory
        data = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        self.__array_interface__ = {"shape": shape, "typestr": dtype.str, "data": (data, False), "version": 3}

    def __del__(self) -> None:
        with _lock:
            if len(self.memory) <= _MOST:
                _spare.append(self.memory)
                while len(_spare) > _BLOCKS or sum(map(len, _spare)) > _MOST:
                    del _spare[0]


def empty(shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """As np.empty."""
    size = prod(shape) * dtype.itemsize
    if size < _SMALL:
        return np.empty(shape, dtype)
    with _lock:
        fitting = [k for k, memory in enumerate(_spare) if size <= len(memory) <= size + size // 4]
        memory = _spare.pop(fitting[-1]) if fitting else None
    if memory is None:
        memory = _mapped(size)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with suppress(OSError):  # a system without them
                memory.madvise(mmap.MADV_HUGEPAGE)
    return np.asarray(_Block(memory, shape, dtype))


def _mapped(size: int) -> mmap.mmap:
    """Private memory: a process that is forked off has its own."""
    if hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return mmap.mmap(-1, size)
