"""Rows of kind "library": a call of NumPy's compiled loop, on arrays as they lie in memory.

    void loop(char **args, npy_intp *dimensions, npy_intp *steps, void *data)       numpy/ufuncobject.h

`dimensions` are the number of matrices and the core extents, `steps` the bytes from one matrix to the next for each
operand and result, then along each core axis. A loop says that a matrix could not be handled by the floating-point flag
"invalid" (numpy/linalg/umath_linalg.cpp), which is cleared before.
"""

from __future__ import annotations

import ctypes
from collections.abc import Collection
from functools import cache

from wengert.compiler.backend.emit.across import crossed_axis
from wengert.compiler.backend.emit.host import EMIT, HostEmitter
from wengert.compiler.backend.emit.nest import fill_body, load
from wengert.compiler.backend.emit.scope import Buffer
from wengert.compiler.backend.emit.text import memory_type
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ops.library import Library

INVALID = 1
"""FE_INVALID, on x86-64 and AArch64."""
PREFIX, DATA = "wg_loop.", "wg_data."


def _library(host: HostEmitter, op: Op) -> None:
    library: Library = REGISTRY[op.name].library
    text, e = host.text, host.scope.index
    found = library.loop(op.operands[0].type.dtype)
    assert found is not None
    count = op.operands[0].type.rank - len(library.operands[0])
    temporaries: list[Buffer] = []
    given = [in_memory(host, v, temporaries, count > 1) for v in op.operands[: library.arrays]]
    given += [_number(host, v) for v in op.operands[library.arrays : len(library.operands)]]
    made = [_room(host, v) for v in op.results[:-1]]
    extents: dict[str, str] = {}
    for buffer, core in zip((*given, *made), (*library.operands, *library.results), strict=True):
        for name, n in zip(core, buffer.extents[count:], strict=core != ()):
            extents.setdefault(name, n)
    dimensions = [e.product(given[0].extents[:count]), *(extents[name] for name in library.axes)]
    outer, inner = [], []
    for k, buffer in enumerate((*given, *made)):
        if library.arrays <= k < len(library.operands):
            outer.append("0")
            continue
        strides = _strides(host, buffer)
        size = str(buffer.dtype.bits // 8)
        core_size = e.product(buffer.extents[count:])
        outer.append(e.multiply(strides[0] if count == 1 else core_size, size))
        inner += [e.multiply(s, size) for s in strides[count:]]
    arguments = [
        _row_of(host, "ptr", [b.pointer for b in (*given, *made)]),
        _row_of(host, "i64", dimensions),
        _row_of(host, "i64", outer + inner),
    ]
    loop, data = _loop(host, library.module, library.name, found[0])
    if library.odd:
        bit = text.value(f"trunc i64 {extents[library.operands[0][-1]]} to i1")
        other, _ = _loop(host, library.module, library.odd, found[0])
        loop = text.value(f"select i1 {bit}, ptr {other}, ptr {loop}")
    text.module.declare("feclearexcept", "declare i32 @feclearexcept(i32)")
    text.module.declare("fetestexcept", "declare i32 @fetestexcept(i32)")
    text.do(f"call i32 @feclearexcept(i32 {INVALID})")
    text.do(f"call void {loop}({', '.join(f'ptr {a}' for a in arguments)}, ptr {data})")
    flags = text.value(f"call i32 @fetestexcept(i32 {INVALID})")
    host.scope.scalars[op.results[-1]] = text.value(f"icmp eq i32 {flags}, 0")
    for value, buffer in zip(op.results, made, strict=False):
        if value.type.is_scalar:
            host.scope.scalars[value] = load(host.scope, buffer, buffer.pointer)
        else:
            host.scope.buffers[value] = buffer
    for buffer in temporaries:
        host.target.free(host, buffer.pointer)


def _loop(host: HostEmitter, module: str, name: str, number: int) -> tuple[str, str]:
    """The loop, and its data pointer."""
    symbol = f"{PREFIX}{module}.{name}.{number}"
    declare = host.text.module.declare
    declare(symbol, f'declare void @"{symbol}"(ptr, ptr, ptr, ptr)')
    if not _fields(Library(module, name, (), ()).ufunc, number)[1]:
        return f'@"{symbol}"', "null"
    data = symbol.replace(PREFIX, DATA, 1)
    declare(data, f'declare void @"{data}"()')  # never called: an address, as that of the loop
    return f'@"{symbol}"', f'@"{data}"'


def _number(host: HostEmitter, value: Value) -> Buffer:
    type_ = memory_type(value.type.dtype)
    place = host.text.alloca(type_, "number", 16)
    host.text.do(f"store {type_} {host.scope.scalar(value)}, ptr {place}")
    return Buffer(value.type.dtype, place, ())


def in_memory(host: HostEmitter, value: Value, temporaries: list[Buffer], dense: bool = True) -> Buffer:
    """The operand where it lies, or a row-major copy: of what is not stored, and if `dense` of what has gaps."""
    if host.scope.is_stored(value):
        buffer = host.scope.buffer(value)
        if not dense or buffer.strides is None:
            return buffer
    extents = tuple(host.scope.extents(value))
    made = Buffer(value.type.dtype, host.allocate_pointer(value, extents), extents)
    host.run_map(extents, fill_body(made, value), host.weight(value), crossed_axis(host.scope, value))
    temporaries.append(made)
    return made


def _room(host: HostEmitter, value: Value) -> Buffer:
    if value.type.is_array:
        return host.allocate(value)
    return Buffer(value.type.dtype, host.text.alloca(memory_type(value.type.dtype), "number", 16), ())


def _strides(host: HostEmitter, buffer: Buffer) -> list[str]:
    if buffer.strides is not None:
        return list(buffer.strides)
    strides: list[str] = []
    step = "1"
    for n in reversed(buffer.extents):
        strides.insert(0, step)
        step = host.scope.index.multiply(step, n)
    return strides


def _row_of(host: HostEmitter, type_: str, operands: list[str]) -> str:
    """The operands side by side in memory."""
    place = host.text.alloca(f"[{max(1, len(operands))} x {type_}]", "row")
    for k, operand in enumerate(operands):
        where = host.text.value(f"getelementptr {type_}, ptr {place}, i64 {k}")
        host.text.do(f"store {type_} {operand}, ptr {where}")
    return place


def loop_addresses(declared: Collection[str]) -> dict[str, int]:
    """The addresses of the loops, and of their data, among what a module declares."""
    names = [n.strip('"') for n in declared]
    return {n: _address(n) for n in names if n.startswith((PREFIX, DATA))}


@cache
def _address(symbol: str) -> int:
    path, _, number = symbol.removeprefix(PREFIX).removeprefix(DATA).rpartition(".")
    module, _, name = path.rpartition(".")
    return _fields(Library(module, name, (), ()).ufunc, int(number))[symbol.startswith(DATA)]


def _fields(ufunc: object, number: int) -> tuple[int, int]:
    """The address of a loop of a universal function and of its data, 0 for none: fields of PyUFuncObject, which are part of
    NumPy's ABI.

    Raises ImportError where they are not where this version of NumPy is known to have them.
    """
    at = id(ufunc)
    counts = tuple((ctypes.c_int * 3).from_address(at + 16))
    loops, data = (ctypes.c_void_p.from_address(at + k).value for k in (32, 40))
    name = ctypes.c_char_p.from_address(at + 56).value
    types = ctypes.c_int.from_address(at + 48).value
    wanted = (ufunc.nin, ufunc.nout, ufunc.nargs)  # type: ignore[attr-defined]
    if counts != wanted or types != ufunc.ntypes or name != ufunc.__name__.encode() or not loops:  # type: ignore[attr-defined]
        raise ImportError("this version of NumPy lays out its universal functions in a way wengert does not know")
    tables = ((ctypes.c_void_p * types).from_address(t)[number] if t else None for t in (loops, data))
    loop, own = (int(address or 0) for address in tables)
    return loop, own


EMIT["library"] = _library
