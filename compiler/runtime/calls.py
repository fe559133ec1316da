"""Making compiled functions callable: the descriptor that `wg_call` reads (see support.py), and the function object.

    header   kernel, frame words, parameters, results, fault handler, written arrays, options (1: a bare result),
             words per parameter
    array    0, type number, another, rank, slot, flags needed, written?, item size, then each extent (-1: any but 1)
    scalar   1, exact type, another type, how to read the other, slot, size
    result   kind, type number, rank, slot, item size, dtype object (scalars)
    result   2, which Python number (bool, int, float, complex), rank, slot, item size, dtype object
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.backend.emit.host import FrameLayout
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.types import Type
from wengert.compiler.runtime.support import ARRAY, FIXED_WORDS, FROM_BOOL, FROM_INT, PYTHON, RAW, SCALAR, support

_C_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
_SAME_AS = {np.dtype(np.int64).num: np.dtype(np.longlong).num, np.dtype(np.uint64).num: np.dtype(np.ulonglong).num}
"""Type numbers that mean the same on this platform."""
METH_FASTCALL = 0x80


class _MethodDef(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("meth", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p)]


_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.restype = ctypes.py_object
_new_function.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]


def make_native(
    function: Function,
    layout: FrameLayout,
    kernel: int,
    code: object,
    contiguous: Sequence[bool],
    fault: Callable[[int, int, int], None],
    single: bool = False,
    check_overlap: bool = True,
    weak: Sequence[bool] | None = None,
    python: Sequence[bool] = (),
) -> Callable[..., Any]:
    """The Python-callable for a kernel compiled for arguments of these layouts.

    single: return a sole result itself (None where there is none) instead of a tuple.
    check_overlap: False where the caller has proved that written arrays overlap no other.
    weak: for each parameter whether a scalar must be a Python number (True) or a NumPy one (False); None: either.
    python: for each of the first results whether it is given as a Python number.
    code: what keeps the kernel loaded. It and all else that the call reads are held by the function object's `self`:
    freeing a function object reads its method definition (PyCFunction_GET_CLASS), which must not be gone by then.
    """
    written = {w for w in function.written if w is not None}
    arrays = [p.type.rank for p in function.params if p.type.is_array]
    stride = FIXED_WORDS + max(arrays, default=0)
    results = [k for k, w in enumerate(function.written) if w is None]
    pairs = len(written) if check_overlap and len(arrays) > 1 else 0
    words = [kernel, layout.words, len(function.params), len(results), id(fault), pairs, int(single), stride]
    for k, p in enumerate(function.params):
        if p.type.is_array:
            record = _array(p.type, k in written, contiguous[k])
        else:
            record = _scalar(p.type, None if weak is None else weak[k])
        record[4] = layout.params[k]
        words += record + [0] * (stride - len(record))
    for k in results:
        type_ = function.results[k].type
        numpy = type_.dtype.numpy
        kind = SCALAR if type_.is_scalar else ARRAY
        number: int = numpy.num
        if k < len(python) and python[k]:
            kind, number = PYTHON, "bifc".index(numpy.kind)
        words += [kind, number, type_.rank, layout.results[k], numpy.itemsize, id(numpy)]
    descriptor = struct.pack(f"{len(words)}q", *words)
    dtypes = [function.results[k].type.dtype.numpy for k in results]
    return function_object(function.name, support().entry, METH_FASTCALL, (descriptor, fault, dtypes, code))


def function_object(name: str, address: int, flags: int, held: tuple[Any, ...]) -> Callable[..., Any]:
    """The function object of Python's for C code at an address, whose `self` is a tuple that begins with what it holds."""
    text = name.encode()
    method = _MethodDef(text, address, flags, None)
    return _new_function(ctypes.byref(method), (*held, method, text), None)  # type: ignore[no-any-return]


def _array(type_: Type, written: bool, contiguous: bool) -> list[int]:
    numpy = type_.dtype.numpy
    flags = _ALIGNED | (_WRITEABLE if written else 0) | (_C_CONTIGUOUS if contiguous else 0)
    extents = [-1 if n is None else n for n in type_.shape]
    return [ARRAY, numpy.num, _SAME_AS.get(numpy.num, numpy.num), type_.rank, 0, flags, int(written), numpy.itemsize, *extents]


def _scalar(type_: Type, weak: bool | None) -> list[int]:
    numpy = type_.dtype.numpy
    other, mode = {
        "f64": (float, RAW),
        "c128": (complex, RAW),
        "i64": (int, FROM_INT),
        "bool": (bool, FROM_BOOL),
    }.get(type_.dtype.name, (numpy.type, RAW))
    first = 0 if weak else id(numpy.type)  # no type is at address 0
    second = id(other if weak is None or weak else numpy.type)
    return [SCALAR, first, second, mode, 0, numpy.itemsize, 0, 0]
