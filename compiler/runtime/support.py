"""The machine code that every compiled function shares (its text: memory_text.py, threads.py, call_text.py,
dispatch_text.py), linked. In the text, ITEMS is where the items of a tuple begin, and FAST where a function object holds
its ways to be called."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from functools import cache, cached_property

import llvmlite
import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from wengert.compiler.backend import target
from wengert.compiler.runtime import store, threads
from wengert.compiler.runtime.call_text import CALL
from wengert.compiler.runtime.dispatch_text import DISPATCH
from wengert.compiler.runtime.memory_text import MEMORY

ARRAY, SCALAR, PYTHON = 0, 1, 2
RAW, FROM_INT, FROM_BOOL = 0, 1, 2
FIXED_WORDS = 8
"""Words of a parameter in a descriptor before its extents."""

SYMBOLS = ("wg_allocate", "wg_free", "wg_free_all", "wg_release", "wg_poll", "wg_run", "wg_chunk_count")


FAST = object.__basicsize__
"""Where a function object (functions.py) holds its ways to be called."""


class Support:
    """The linked support code: addresses for the linker, and the entry points of calls."""

    def __init__(self) -> None:
        _check_layout()
        table = _numpy_table()
        calls = (CALL + DISPATCH).replace("ITEMS", str(tuple.__basicsize__)).replace("FAST", str(FAST))
        self._loaded = target.link(
            machine_code(f'target triple = "{target.triple()}"\n{MEMORY}{threads.text()}{calls}'),
            [*SYMBOLS, *threads.SYMBOLS[2:], "wg_call", "wg_dispatch", "wg_handler", "wg_handler_capsule", "wg_replace_unwanted"],
            {"wg_array_type": id(np.ndarray), "wg_array_new": table[93] or 0, "wg_scalar_new": table[60] or 0},
        )
        self.entry, self.dispatch = self._loaded["wg_call"], self._loaded["wg_dispatch"]
        new_capsule = ctypes.pythonapi.PyCapsule_New
        new_capsule.restype, new_capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        ctypes.memmove(self._loaded["wg_handler"], b"wengert", 7)
        self._capsule = new_capsule(self._loaded["wg_handler"], b"mem_handler", None)
        ctypes.c_void_p.from_address(self._loaded["wg_handler_capsule"]).value = id(self._capsule)

    @cached_property
    def _replace_unwanted(self) -> Callable[[int, int, int], None]:
        function = ctypes.PYFUNCTYPE(None, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int)
        return function(self._loaded["wg_replace_unwanted"])

    def interrupt(self, thread: int) -> None:
        """End what compiled code does in a thread of Python, as a signal would in the main one, until `allow` is called.

        thread: its `threading.get_ident()`.
        """
        self._replace_unwanted(0, thread, 1)

    def allow(self, thread: int) -> None:
        self._replace_unwanted(thread, 0, -1)

    @cached_property
    def imports(self) -> dict[str, int]:
        """What compiled code may call; from now on the pool of threads is there."""
        _ = self.pool
        return {name: self._loaded[name] for name in SYMBOLS}

    @cached_property
    def pool(self) -> threads.Pool:
        return threads.Pool({name: self._loaded[name] for name in threads.SYMBOLS})


def machine_code(text: str) -> bytes:
    """The object file of LLVM text, compiled once per machine and version."""
    key = hashlib.sha256(f"{target.description()}\n{llvmlite.__version__}\n2\n{text}".encode()).hexdigest()
    kept = store.load(key)
    if isinstance(kept, bytes):
        return kept
    module = target.parse(text)
    target.optimise(module, 2)
    made = target.object_code(module)
    store.save(key, made)
    return made


@cache
def support() -> Support:
    """Compiled once per process."""
    return Support()


def _numpy_table() -> ctypes.Array[ctypes.c_void_p]:
    """NumPy's C API as a table of pointers."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return (ctypes.c_void_p * 400).from_address(get(_multiarray_umath._ARRAY_API, None))


def _check_layout() -> None:
    """Raises ImportError where the fields of NumPy's arrays are not where `wg_call` reads them."""
    array = np.arange(6, dtype=np.float64).reshape(2, 3)[:, ::2]
    at = id(array)

    def word(offset: int, kind: type = ctypes.c_int64) -> int:
        return int(kind.from_address(at + offset).value)  # type: ignore[attr-defined]

    dims = (ctypes.c_int64 * 2).from_address(word(32))
    strides = (ctypes.c_int64 * 2).from_address(word(40))
    descr = word(56)
    found = (
        word(8) == id(np.ndarray)
        and word(16) == array.ctypes.data
        and word(24, ctypes.c_int) == 2
        and tuple(dims) == array.shape
        and tuple(strides) == array.strides
        and descr == id(array.dtype)
        and ctypes.c_int.from_address(descr + 28).value == array.dtype.num
        and ctypes.c_char.from_address(descr + 26).value == array.dtype.byteorder.encode()
        and word(64, ctypes.c_int) == array.flags.num
    )
    if not found:
        raise ImportError(f"NumPy {np.__version__} lays out its arrays in a way this version of wengert does not know")
