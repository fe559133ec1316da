"""Sorting by the loops of NumPy's dtypes, fields of a struct that is part of NumPy's ABI (PyArray_ArrFuncs):

    int sort(void *start, npy_intp n, void *array)       int argsort(void *start, npy_intp *order, npy_intp n, void *array)

in place, below 0 where memory did not suffice. They look at `array` only for dtypes whose items differ in size.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection
from functools import cache

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from wengert.compiler.backend.emit.across import crossed_axis
from wengert.compiler.backend.emit.host import EMIT, HostEmitter
from wengert.compiler.backend.emit.library import in_memory
from wengert.compiler.backend.emit.loops import counted_loop
from wengert.compiler.backend.emit.nest import Body, address, address_at, fill_body, store
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.ir.core import Op
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DTYPES, DType
from wengert.compiler.ops.order import SORT, Ordering

PREFIX = "wg_order."
FUNCTIONS_OF_DTYPE = 365
"""Where NumPy's table of functions has _PyDataType_GetArrFuncs."""
FIRST = {SORT: 33, "argsort": 36}
"""The first of three (quick, heap, stable) among the words of PyArray_ArrFuncs."""


def _order(host: HostEmitter, op: Op) -> None:
    library: Ordering = REGISTRY[op.name].library
    text, e, x = host.text, host.scope.index, op.operands[0]
    symbol = f"{PREFIX}{library.name}.{library.kind}.{x.type.dtype.name}"
    sorts = library.name == SORT
    host.module.declare(symbol, f'declare i32 @"{symbol}"(ptr, {"" if sorts else "ptr, "}i64, ptr)')
    temporaries: list[Buffer] = []
    keys = host.allocate(op.results[0]) if sorts else in_memory(host, x, temporaries)
    made = keys
    if not sorts:
        made = host.allocate(op.results[0])
        host.run_map(made.extents, _counting(made))
    elif host.scope.is_stored(x):
        host.copy(host.scope.buffer(x), keys)
    else:
        host.run_map(keys.extents, fill_body(keys, x), host.weight(x), crossed_axis(host.scope, x))
    n = keys.extents[-1]
    some = text.value(f"icmp sgt i64 {n}, 1")
    rows = text.value(f"select i1 {some}, i64 {e.product(keys.extents[:-1])}, i64 0")

    def row(k: str, bad: list[str]) -> list[str]:
        start = e.multiply(k, n)
        given = [f"ptr {address_at(host.scope, b, start)}" for b in ((keys,) if sorts else (keys, made))]
        code = text.value(f'call i32 @"{symbol}"({", ".join(given)}, i64 {n}, ptr null)')
        return [text.value(f"or i32 {bad[0]}, {code}")]

    (bad,) = counted_loop(text, "0", rows, [("i32", "0")], row)
    host.scope.scalars[op.results[1]] = text.value(f"icmp sge i32 {bad}, 0")
    host.scope.buffers[op.results[0]] = made
    for buffer in temporaries:
        host.target.free(host, buffer.pointer)


def _counting(made: Buffer) -> Body:
    def body(scope: Scope, index: list[str]) -> None:
        own = scope.outer_buffer(made)
        store(scope, own, address(scope, own, index), index[-1])

    return body


def order_addresses(declared: Collection[str]) -> dict[str, int]:
    """The addresses of the sorting loops among what a module declares."""
    found = {}
    for name in (n.strip('"') for n in declared):
        if name.startswith(PREFIX):
            function, kind, dtype = name.removeprefix(PREFIX).split(".")
            found[name] = _address(function, int(kind), DTYPES[dtype])
    return found


@cache
def _address(function: str, kind: int, dtype: DType) -> int:
    """0 where NumPy has none."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = (ctypes.c_void_p * 400).from_address(get(_multiarray_umath._ARRAY_API, None))
    functions = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(table[FUNCTIONS_OF_DTYPE] or 0)
    word = FIRST[function] + kind
    return ctypes.c_void_p.from_address(functions(np.dtype(dtype.numpy)) + 8 * word).value or 0


def has_loop(op: Op) -> bool:
    """Whether NumPy has the loop for a row of SORTING."""
    library: Ordering = REGISTRY[op.name].library
    return _address(library.name, library.kind, op.operands[0].type.dtype) != 0


SORTING = ("sort", "argsort", "argsort_stable")
EMIT |= dict.fromkeys(SORTING, _order)
