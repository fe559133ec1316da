"""Products of matrices by BLAS (through SciPy's pointers), read in place where a matrix has rows or columns without gaps.

BLAS counts in columns: the row-major C = A B is the column-major C' = B' A', so operands are given in reverse order.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from math import prod
from pathlib import Path
from typing import Any

from wengert.compiler.backend.emit.across import crossed_axis
from wengert.compiler.backend.emit.host import Fault, HostEmitter
from wengert.compiler.backend.emit.nest import address_at, fill_body
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.backend.emit.text import register_type
from wengert.compiler.ir.core import Op, Value

ROUTINES = {"f32": "sgemm", "f64": "dgemm"}
SMALL = 4096
"""Multiplications up to which a product of known extents is written as loops."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Element (i, j) is at pointer + i * rows + j * columns (in elements)."""

    pointer: str
    rows: str
    columns: str


def contract(host: HostEmitter, op: Op) -> bool:
    """Write a product of two matrices; False where it is something else."""
    (ca, cb), (ba, _) = op.attrs["contract"], op.attrs["batch"]
    a, b = op.operands
    if op.result.type.dtype.name not in ROUTINES or ba or len(ca) != 1 or a.type.rank != 2 or b.type.rank != 2:
        return False
    extents = [a.type.shape[1 - ca[0]], a.type.shape[ca[0]], b.type.shape[1 - cb[0]]]
    if None not in extents and prod(extents) <= SMALL:  # type: ignore[type-var]
        return False
    m, k, n = host.scope.extent(a, 1 - ca[0]), host.scope.extent(a, ca[0]), host.scope.extent(b, 1 - cb[0])
    temporaries: list[Buffer] = []
    left = _oriented(_matrix(host, a, temporaries), ca[0] == 1)
    right = _oriented(_matrix(host, b, temporaries), cb[0] == 0)
    result = host.allocate(op.result)
    _gemm(host, op, (m, n, k), left, right, result)
    for buffer in temporaries:
        host.target.free(host, buffer.pointer)
    host.scope.buffers[op.result] = result
    return True


def _oriented(matrix: Matrix, as_it_is: bool) -> Matrix:
    return matrix if as_it_is else Matrix(matrix.pointer, matrix.columns, matrix.rows)


def _matrix(host: HostEmitter, value: Value, temporaries: list[Buffer]) -> Matrix:
    """The operand where it lies, or a row-major copy of it."""
    found = _in_place(host.scope, value)
    if found is not None and "1" in (found.rows, found.columns):
        return found
    extents = tuple(host.scope.extents(value))
    buffer = Buffer(value.type.dtype, host.allocate_pointer(value, extents), extents)
    host.run_map(extents, fill_body(buffer, value), host.weight(value), crossed_axis(host.scope, value))
    temporaries.append(buffer)
    return Matrix(buffer.pointer, extents[1], "1")


def _in_place(scope: Scope, value: Value) -> Matrix | None:
    """A matrix that is a slice or transpose of a buffer; None where elements are computed or steps are negative."""
    e = scope.index
    axes: list[tuple[int, int]] = [(0, 1), (1, 1)]
    """Rows and columns: an axis of what `value` is at this point, and a step along it."""
    starts: list[str] | None = None
    while not scope.is_stored(value):
        op = value.owner
        if op is None or op.name not in ("slice", "transpose"):
            return None
        source = op.operands[0]
        if op.name == "transpose":
            axes = [(op.attrs["axes"][axis], step) for axis, step in axes]
            if starts is not None:
                moved = [""] * len(starts)
                for k, axis in enumerate(op.attrs["axes"]):
                    moved[axis] = starts[k]
                starts = moved
        else:
            kept = [k for k in range(source.type.rank) if k not in op.attrs["drop"]]
            if any(s < 0 for s in op.attrs["steps"]):
                return None
            inner = starts or ["0"] * len(kept)
            own = [scope.scalar(v) for v in op.operands[1 : 1 + source.type.rank]]
            for k, position in zip(kept, inner, strict=True):
                own[k] = e.add(own[k], e.scale(position, op.attrs["steps"][k]))
            starts = own
            axes = [(kept[axis], step * op.attrs["steps"][kept[axis]]) for axis, step in axes]
        value = source
    buffer = scope.buffer(value)
    if buffer.strides is not None:
        strides = list(buffer.strides)
    else:
        strides = ["1"]
        for n in reversed(buffer.extents[1:]):
            strides.insert(0, e.multiply(strides[0], n))
    base = "0"
    for position, stride in zip(starts or ["0"] * len(strides), strides, strict=True):
        base = e.add(base, e.multiply(position, stride))
    rows, columns = (e.scale(strides[axis], step) for axis, step in axes)
    return Matrix(address_at(scope, buffer, base), rows, columns)


def _gemm(host: HostEmitter, op: Op, shape: tuple[str, str, str], a: Matrix, b: Matrix, result: Buffer) -> None:
    text, routine = host.text, ROUTINES[result.dtype.name]
    type_ = register_type(result.dtype)
    m, n, k = shape
    leading = [x.rows if x.columns == "1" else x.columns for x in (a, b)]
    together = m
    for size in (n, k, *leading):
        together = text.value(f"or i64 {together}, {size}")
    host.check(
        text.value(f"icmp ult i64 {together}, {2**31}"), Fault("memory", op), together, str(result.dtype.bits // 8)
    )
    text.module.declare("llvm.smax", "declare i64 @llvm.smax.i64(i64, i64)")
    text.module.declare(f"wg_{routine}", f"declare void @wg_{routine}({', '.join(['ptr'] * 13)})")

    def leading_of(value: str, run: str) -> str:
        """At least the `run` of elements side by side: of a single row or column the distance says nothing."""
        longer = text.value(f"call i64 @llvm.smax.i64(i64 {value}, i64 {run})")
        return size_of(text.value(f"call i64 @llvm.smax.i64(i64 {longer}, i64 1)"))

    def size_of(value: str) -> str:
        place = text.alloca("i32", "arg", 4)
        text.do(f"store i32 {text.value(f'trunc i64 {value} to i32')}, ptr {place}")
        return place

    def number(value: str) -> str:
        place = text.alloca(type_, "arg")
        text.do(f"store {type_} {value}, ptr {place}")
        return place

    def letter(matrix: Matrix) -> str:
        place = text.alloca("i8", "arg", 1)
        text.do(f"store i8 {ord('N') if matrix.columns == '1' else ord('T')}, ptr {place}")
        return place

    arguments = [
        letter(b), letter(a), size_of(n), size_of(m), size_of(k), number("1.0"),
        b.pointer, leading_of(leading[1], n if b.columns == "1" else k),
        a.pointer, leading_of(leading[0], k if a.columns == "1" else m), number("0.0"), result.pointer, leading_of(n, n),
    ]  # fmt: skip
    text.do(f"call void @wg_{routine}({', '.join(f'ptr {x}' for x in arguments)})")

BLAS = "scipy.linalg.cython_blas"


def blas_addresses(declared: Collection[str]) -> dict[str, int]:
    """The addresses of the routines among the functions that a module declares."""
    return {f"wg_{name}": _address(name) for name in ROUTINES.values() if f"wg_{name}" in declared}


@cache
def _address(name: str) -> int:
    capsule = _blas().__pyx_capi__[name]
    name_of, pointer_of = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer_of(capsule, name_of(capsule)))


@cache
def _blas() -> Any:
    """SciPy's module of BLAS routines, by itself: the package around it takes longer to import than the compiler.

    It is not left among the imported modules, so that who imports the package has it bound there; Cython then gives the
    module that was made here.
    """
    known = sys.modules.get(BLAS)
    if known is not None:
        return known
    folder = Path(import_module("scipy").__path__[0], "linalg")
    files = (folder / f"{BLAS.rpartition('.')[2]}{suffix}" for suffix in EXTENSION_SUFFIXES)
    spec = next((spec_from_file_location(BLAS, file) for file in files if file.exists()), None)
    if spec is None or spec.loader is None:
        return import_module(BLAS)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop(BLAS, None)
    return module
