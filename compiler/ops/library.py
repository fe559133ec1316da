"""Rows computed by NumPy's own compiled loops: its generalised universal functions, those of np.linalg and np.fft.

    %x, %ok = solve %a, %b : f64[?,?,?], bool          NumPy's loop over the leading axis, on the arrays as they lie

A row says which loop and what its core axes are, in NumPy's notation: "(m,m),(m,n)->(m,n)". Operands have equal leading
axes (the front end broadcasts them). The last result tells whether every matrix could be handled; where not, the other
results are NaN there, and a `check` raises the error that NumPy raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import InferenceError, OpDef, register
from wengert.compiler.ir.types import BOOL, PART, DType, Type, dtype_of
from wengert.compiler.ops.arrays import static

Core = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """module, name: where the loop is. operands, results: the names of the core axes of each; array operands come first, and a
    later one without core axes is one real number for all matrices. odd: the loop in place of `name` where operand 0 has an
    odd last extent."""

    module: str
    name: str
    operands: tuple[Core, ...]
    results: tuple[Core, ...]
    odd: str = ""
    numpy: Callable[..., Any] | None = field(default=None, compare=False)
    """NumPy's function, given the operands, which may raise LinAlgError; other libraries' arrays find theirs by it."""
    sized: bool = field(default=False, compare=False)
    """Whether that takes the sizes, too."""

    @property
    def arrays(self) -> int:
        """The number of array operands; the other operands of the loop are numbers."""
        return 1 + sum(1 for core in self.operands[1:] if core)

    @property
    def sizes(self) -> list[str]:
        """The core axes of results that no operand has: their extents are further i64 operands of the op."""
        known = {n for core in self.operands for n in core}
        return list(dict.fromkeys(n for core in self.results for n in core if n not in known))

    @property
    def axes(self) -> list[str]:
        """The names of the core axes in the order in which the loop takes their extents."""
        return list(dict.fromkeys(n for core in (*self.operands, *self.results) for n in core))

    def result_dtypes(self, dtype: DType) -> tuple[DType, ...]:
        """The dtypes of the results for operands of `dtype`; () where NumPy has no loop for it."""
        found = self.loop(dtype)
        return () if found is None else found[1]

    def loop(self, dtype: DType) -> tuple[int, tuple[DType, ...]] | None:
        """The number of the loop for operands of `dtype`, and the dtypes of its results."""
        for k, types in enumerate(self.ufunc.types):
            given, made = types.split("->")
            if all(dtype_of(np.dtype(c)) == dtype for c in given[: self.arrays]):
                return k, tuple(dtype_of(np.dtype(c)) or BOOL for c in made)
        return None

    @property
    def ufunc(self) -> Any:
        return getattr(__import__(self.module, fromlist=["_"]), self.name)


def _cores(text: str) -> tuple[Core, ...]:
    return tuple(tuple(n for n in part.split(",") if n) for part in re.findall(r"\(([^)]*)\)", text.replace(" ", "")))


def leading(op_or_operands: Sequence[Value], library: Library) -> int:
    return op_or_operands[0].type.rank - len(library.operands[0])


def row(
    name: str,
    loop: str,
    signature: str,
    evaluate: Callable[..., Any],
    pushforward: Callable[..., Sequence[Value]] | None,
    numpy: tuple[str, ...],
    module: str = "numpy.linalg._umath_linalg",
    odd: str = "",
    sized: bool = False,
    **fields: Any,
) -> None:
    """Register a row for the loop `loop` of `module`. evaluate: NumPy's function, which may raise LinAlgError; it is given the
    sizes, too, if `sized`."""
    given, made = signature.split("->")
    library = Library(module, loop, _cores(given), _cores(made), odd, evaluate, sized)
    library_row(name, library, evaluate, pushforward=pushforward, numpy=numpy, **fields)


def library_row(name: str, library: Library, evaluate: Callable[..., Any], **fields: Any) -> None:
    """Register a row that `library` computes; evaluate as for `row`."""

    def infer(operands: Sequence[Value], attrs: dict[str, Any]) -> tuple[Type, ...]:
        arrays, extra = operands[: library.arrays], operands[len(library.operands) :]
        numbers = operands[library.arrays : len(library.operands)]
        types = [v.type for v in arrays]
        if len(operands) != len(library.operands) + len(library.sizes):
            raise InferenceError(f"{name} with {len(operands)} operands")
        real = Type(PART.get(types[0].dtype, types[0].dtype))
        if len({t.dtype for t in types}) != 1 or any(v.type != real for v in numbers):
            raise InferenceError(f"{name} of {', '.join(map(str, types))}")
        dtypes, count = library.result_dtypes(types[0].dtype), leading(arrays, library)
        if not dtypes or any(t.rank != count + len(core) for t, core in zip(types, library.operands, strict=False)):
            raise InferenceError(f"{name} of {', '.join(map(str, types))}")
        known: dict[str | int, int | None] = dict(zip(library.sizes, static(extra), strict=True))
        for t, core in zip(types, library.operands, strict=False):
            for label, n in zip((*range(count), *core), t.shape, strict=True):
                if None not in (n, known.get(label)) and known[label] != n:
                    raise InferenceError(f"{name} of {', '.join(map(str, types))}: extents {known[label]} and {n} differ")
                known[label] = known.get(label) if n is None else n
        results = [
            Type(d, tuple(known[label] for label in (*range(count), *core)))
            for d, core in zip(dtypes, library.results, strict=True)
        ]
        return (*results, Type(BOOL))

    def extent(op: Op, axis: int, position: int = 0) -> Any:
        count = leading(op.operands, library)
        if axis < count:
            return op.operands[0], axis
        wanted = library.results[position][axis - count]
        if wanted in library.sizes:
            return op.operands[len(library.operands) + library.sizes.index(wanted)]
        return next(
            (v, count + core.index(wanted)) for v, core in zip(op.operands, library.operands, strict=False) if wanted in core
        )

    def run(*operands: Any) -> tuple[Any, ...]:
        """Matrix by matrix where one of them cannot be handled: NaN there."""
        operands = operands if library.sized else operands[: len(library.operands)]
        try:
            found = evaluate(*operands)
            return (*(found if isinstance(found, tuple) else (found,)), True)
        except np.linalg.LinAlgError:
            with np.errstate(all="ignore"):
                found = library.ufunc(*operands)
            return (*(found if isinstance(found, tuple) else (found,)), False)

    register(OpDef(name, "library", infer, run, extent=extent, library=library, **fields))
