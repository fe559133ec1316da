"""Which host arrays are on the device already: an unchanged array is never sent twice, a changed one always is.

An entry is found by address, shape, strides and dtype, and holds only while the buffer's owner lives. Whether the
elements are still those that were sent is decided at every use by a checksum of all of them (runtime/checksum.py):
a change within one 8-byte word is always seen, others but for a chance of 2**-64. Nothing cheaper would do: a NumPy
array keeps no version, and one marked read-only may have a writable view, or be marked writable again.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import MemoryFault
from wengert.compiler.runtime.accelerator import Accelerator, Memory
from wengert.compiler.runtime.checksum import checksum, combined, digests_of
from wengert.compiler.runtime.ledger import LEDGER, TO_DEVICE
from wengert.compiler.runtime.tables import readable_bytes

FIRST_USE, CHANGED = "first use", "changed since it was sent"

CAPACITY = 1024
"""Entries kept at most; those whose owner takes no weak reference (`bytes`) are only ever pushed out."""

SHORTAGE_HELP = "Let go of results that are no longer needed (`del y`), or do the work in parts, such as batches of fewer calls."

Key = tuple[int, tuple[int, ...], tuple[int, ...], str]


@dataclass(slots=True)
class Entry:
    memory: Memory
    checksum: int
    owner: weakref.ref[Any] | None  # None: the owner takes no weak references


def _key(array: np.ndarray) -> Key:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def owner_of(array: np.ndarray) -> Any:
    """The object at the end of the chain of bases: the one whose memory it is."""
    owner: Any = array
    while True:
        base = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
        if base is None:
            return owner
        owner = base


class Residency:
    """The host arrays held by one device, the least recently used first."""

    def __init__(self, accelerator: Accelerator):
        self._accelerator = accelerator
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def on_device(self, array: np.ndarray, name: str) -> Memory:
        """Device memory with the elements of `array` in row-major order, sent only where it must be.

        The memory is shared with later calls: kernels may read it, never write it.
        """
        key, packed = _key(array), np.ascontiguousarray(array)
        entry = self._entries.get(key)
        if entry is not None and entry.checksum == checksum(packed):
            self._entries.move_to_end(key)
            return entry.memory
        memory, digest = self._send(packed, name, FIRST_USE if entry is None else CHANGED)
        self._enter(key, Entry(memory, digest, self._watch(owner_of(array), key)))
        return memory

    def take(self, array: np.ndarray, name: str) -> Memory:
        """As `on_device`, but the memory is the caller's alone, who may write it."""
        memory = self.on_device(array, name)
        del self._entries[_key(array)]
        return memory

    def keep(self, array: np.ndarray, memory: Memory) -> None:
        """Note that `memory`, which nobody writes any more, holds the elements of `array` (just brought home)."""
        key = _key(array)
        self._enter(key, Entry(memory, checksum(array), self._watch(owner_of(array), key)))

    def release(self) -> None:
        """Forget every array: their device memory is free again."""
        self._entries.clear()

    @property
    def bytes(self) -> int:
        return sum(e.memory.size for e in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def _send(self, packed: np.ndarray, name: str, why: str) -> tuple[Memory, int]:
        """The memory, and the checksum of what was sent."""
        memory, digests = self.allocate(packed.nbytes), digests_of(packed.nbytes)
        milliseconds = self._accelerator.upload(packed, memory.pointer, digests)
        LEDGER.record(name, packed.nbytes, TO_DEVICE, milliseconds, why, self._accelerator.id)
        return memory, checksum(packed) if digests is None else combined(digests)

    def _enter(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > CAPACITY:
            self._entries.popitem(last=False)

    def allocate(self, size: int) -> Memory:
        """Memory, if need be in the place of arrays that were not used for longest. Raises MemoryFault where there is none."""
        while True:
            try:
                return self._accelerator.allocate(max(1, size))
            except MemoryError:
                if not self._entries:
                    raise MemoryFault(self.shortage(size), help=SHORTAGE_HELP) from None
                self._entries.popitem(last=False)

    def shortage(self, size: int) -> str:
        """What was asked for, and what is held: arrays sent from here were let go of already."""
        text = f"{self._accelerator.id} has no room for {readable_bytes(size)} more"
        memory = self._accelerator.memory()
        if memory is not None:
            free, total, held = memory
            text += (
                f": {readable_bytes(free)} of its {readable_bytes(total)} are free, results and temporaries of this "
                f"process hold {readable_bytes(held)}"
            )
        return text

    def _watch(self, owner: Any, key: Key) -> weakref.ref[Any] | None:
        try:
            return weakref.ref(owner, self._forget(key))
        except TypeError:
            return None

    def _forget(self, key: Key) -> Callable[[weakref.ref[Any]], None]:
        entries = weakref.ref(self)

        def forget(dead: weakref.ref[Any]) -> None:
            residency = entries()
            entry = residency._entries.get(key) if residency is not None else None
            if residency is not None and entry is not None and entry.owner is dead:
                del residency._entries[key]

        return forget
