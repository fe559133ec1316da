"""Types of the IR: one frozen class for scalars and arrays alike.

    type   ::= dtype | dtype "[" extent ("," extent)* "]"
    extent ::= integer | "?"            an extent known to the compiler, or not
    dtype  ::= bool | i8 | i16 | i32 | i64 | u8 | u16 | u32 | u64 | f32 | f64 | c64 | c128

A scalar is an array of rank 0. An extent of 1 broadcasts only where it is known (static): arguments
are specialised on their extents of 1, so NumPy's rule holds, and shapes never change meaning at run time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class DType:
    """A scalar type. kind: one of "b" (bool), "i", "u", "f", "c", as NumPy's; bits: its size."""

    name: str
    kind: str
    bits: int

    @property
    def numpy(self) -> np.dtype:
        return _NUMPY[self.name]

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_differentiable(self) -> bool:
        """Whether values of this type carry derivatives: real and complex floating point."""
        return self.kind in "fc"

    @property
    def is_integer(self) -> bool:
        return self.kind in "iu"

    def __str__(self) -> str:
        return self.name


BOOL = DType("bool", "b", 8)
I8, I16, I32, I64 = (DType(f"i{n}", "i", n) for n in (8, 16, 32, 64))
U8, U16, U32, U64 = (DType(f"u{n}", "u", n) for n in (8, 16, 32, 64))
F32, F64 = DType("f32", "f", 32), DType("f64", "f", 64)
C64, C128 = DType("c64", "c", 64), DType("c128", "c", 128)

DTYPES = {d.name: d for d in (BOOL, I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, C64, C128)}
PART = {C64: F32, C128: F64}
"""The dtype of the real and imaginary part of a complex one."""
_NUMPY = {
    "bool": np.dtype(np.bool_),
    **{f"i{n}": np.dtype(f"int{n}") for n in (8, 16, 32, 64)},
    **{f"u{n}": np.dtype(f"uint{n}") for n in (8, 16, 32, 64)},
    "f32": np.dtype(np.float32), "f64": np.dtype(np.float64),
    "c64": np.dtype(np.complex64), "c128": np.dtype(np.complex128),
}
_FROM_NUMPY = {v: DTYPES[k] for k, v in _NUMPY.items()}


def dtype_of(numpy_dtype: np.dtype | type | str) -> DType | None:
    """The DType of a NumPy dtype in native byte order; None where the IR has none (strings, objects, float16)."""
    return _FROM_NUMPY.get(np.dtype(numpy_dtype))


_SCALARS: dict[str, Type] = {}


@dataclass(frozen=True, slots=True)
class Type:
    """dtype and shape; an entry of `shape` is the extent of that axis, None where known only at run time."""

    dtype: DType
    shape: tuple[int | None, ...] = ()

    def __new__(cls, dtype: DType | None = None, shape: tuple[int | None, ...] = ()) -> Type:
        """Scalar types are one object each: most values have one, and most comparisons are then of identities."""
        known = None if dtype is None or shape else _SCALARS.get(dtype.name)
        if known is None:
            known = object.__new__(cls)
            if dtype is not None and not shape:
                _SCALARS[dtype.name] = known
        return known

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_scalar(self) -> bool:
        return not self.shape

    @property
    def is_array(self) -> bool:
        return bool(self.shape)

    @property
    def is_static(self) -> bool:
        """Whether every extent is known at compile time."""
        return None not in self.shape

    def with_dtype(self, dtype: DType) -> Type:
        return Type(dtype, self.shape)

    def with_shape(self, shape: tuple[int | None, ...]) -> Type:
        return Type(self.dtype, shape)

    def accepts(self, other: Type) -> bool:
        """Whether a value of type `other` may stand where this type is declared: same, or with more extents known."""
        return self is other or (
            self.dtype == other.dtype
            and len(self.shape) == len(other.shape)
            and all(a is None or a == b for a, b in zip(self.shape, other.shape, strict=True))
        )

    def join(self, other: Type) -> Type | None:
        """The least type that accepts both, None where dtype or rank differ."""
        if self.dtype != other.dtype or self.rank != other.rank:
            return None
        return self.with_shape(tuple(a if a == b else None for a, b in zip(self.shape, other.shape, strict=True)))

    def __str__(self) -> str:
        if self.is_scalar:
            return self.dtype.name
        return f"{self.dtype.name}[{','.join('?' if n is None else str(n) for n in self.shape)}]"


def parse_type(text: str) -> Type:
    """The type that prints as `text`. Raises ValueError where none does."""
    name, bracket, rest = text.strip().partition("[")
    if name not in DTYPES or (bracket and not rest.endswith("]")):
        raise ValueError(f"not a type: {text!r}")
    extents = [e.strip() for e in rest[:-1].split(",")] if rest else []
    return Type(DTYPES[name], tuple(None if e == "?" else int(e) for e in extents))
