"""Programs on disk: what is kept of one, and how a later process gets it back without tracing or LLVM.

An entry holds the types of parameters and results, the structure of what is returned, and which of the arrays met by the
fingerprint are captured; the machine code of each combination of argument layouts is an entry of its own. The IR is not
kept: who asks for it (a transform, `lower`) has the function traced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.compiler.frontend.reads import Reads
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.tree import Tree
from wengert.compiler.ir.types import DTYPES, Type
from wengert.compiler.runtime import store
from wengert.compiler.transforms.fingerprint import Fingerprint, Uncertain

_Typed = tuple[str, tuple[int | None, ...], str]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a program beside its machine code. captures: positions among the fingerprint's arrays; python: which
    results are Python numbers; apart: as of `Traced`."""

    name: str
    params: tuple[_Typed, ...]
    results: tuple[_Typed, ...]
    written: tuple[int | None, ...]
    out: Tree
    captures: tuple[int, ...]
    python: tuple[bool, ...]
    apart: frozenset[tuple[int, int]]


@dataclass(slots=True)
class KeptProgram:
    """A place on disk for one program: `entry` is what is there already. Serves `cpu.Kept`."""

    key: str
    arrays: list[np.ndarray]
    reads: Reads
    traced: Callable[[], Traced]
    entry: Entry | None = field(init=False)

    def __post_init__(self) -> None:
        found = store.load(self.key)
        self.entry = found if isinstance(found, Entry) else None

    # -- for the executable

    def find(self, variant: Hashable) -> Any:
        """The machine code kept for a combination of layouts of the arguments, or for a kind of device; None without."""
        return store.load(self._image_key(variant))

    def keep(self, variant: Hashable, image: Any) -> None:
        store.save(self._image_key(variant), image)

    def function(self) -> Function:
        return self.traced().function

    def _image_key(self, variant: Hashable) -> str:
        return hashlib.sha256(f"{self.key} {variant}".encode()).hexdigest()

    # -- for the program

    def interface(self) -> Function:
        """The function without its body."""
        entry = self.entry
        assert entry is not None
        params, results = (
            [Value(Type(DTYPES[d], shape), hint) for d, shape, hint in row] for row in (entry.params, entry.results)
        )
        return Function(entry.name, Block(params, [], results), entry.written)

    def captures(self) -> tuple[np.ndarray, ...]:
        assert self.entry is not None
        return tuple(self.arrays[k] for k in self.entry.captures)

    def save(self, traced: Traced) -> None:
        """Keep what a later process needs; nothing where a captured array is not among those the key counts."""
        places = {id(array): k for k, array in enumerate(self.arrays)}
        if any(id(array) not in places for array in traced.captures):
            return
        function = traced.function
        store.save(
            self.key,
            Entry(
                function.name,
                _typed(function.params),
                _typed(function.results),
                function.written,
                traced.out,
                tuple(places[id(array)] for array in traced.captures),
                traced.weak,
                traced.apart,
            ),
        )


def _typed(values: list[Value]) -> tuple[_Typed, ...]:
    return tuple((v.type.dtype.name, v.type.shape, v.hint) for v in values)


def place_of(compiled: Any, signature: Signature, traced: Callable[[], Traced]) -> KeptProgram | None:
    """Where the program of a compiled function for a signature is kept; None where it cannot be."""
    if not store.enabled():
        return None
    fingerprint = Fingerprint()
    try:
        fingerprint.value(compiled)
        fingerprint.signature(signature)
    except (Uncertain, RecursionError):
        return None
    return KeptProgram(fingerprint.digest, fingerprint.arrays, fingerprint.reads, traced)
