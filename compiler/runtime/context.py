"""What Python asks of the CUDA driver in machine code: whether a context is the thread's (by ctypes that took a tenth of a small
call), and the wait for a stream, which a signal may end."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

from wengert.compiler.backend import target
from wengert.compiler.backend.device_memory import WAIT
from wengert.compiler.diag.errors import DeviceError
from wengert.compiler.runtime.calls import function_object
from wengert.compiler.runtime.support import machine_code

_METH_NOARGS = 0x4

_TEXT = f"""
@_Py_TrueStruct = external global i8
@_Py_FalseStruct = external global i8
declare void @Py_IncRef(ptr)
; `self` is a tuple whose first item, a bytes object, holds the address of cuCtxGetCurrent and the context
define ptr @wg_is_current(ptr %self, ptr %none) {{
  %found = alloca ptr
  store ptr null, ptr %found
  %first = getelementptr i8, ptr %self, i64 {tuple.__basicsize__}
  %bytes = load ptr, ptr %first
  %words = getelementptr i8, ptr %bytes, i64 {bytes.__basicsize__ - 1}
  %ask = load ptr, ptr %words
  %wanted_at = getelementptr ptr, ptr %words, i64 1
  %wanted = load ptr, ptr %wanted_at
  %status = call i32 %ask(ptr %found)
  %context = load ptr, ptr %found
  %same = icmp eq ptr %context, %wanted
  %answer = select i1 %same, ptr @_Py_TrueStruct, ptr @_Py_FalseStruct
  call void @Py_IncRef(ptr %answer)
  ret ptr %answer
}}
"""


_STANDING = f"""{WAIT}
define i32 @wg_wait_for(ptr %query, ptr %stream) {{
  %status = call i32 @wg_wait(ptr %query, ptr %stream)
  ret i32 %status
}}
"""


def make_is_current(ask: int, context: int) -> Callable[[], bool]:
    """ask: the address of cuCtxGetCurrent."""
    code = target.link(machine_code(f'target triple = "{target.triple()}"\n{_TEXT}'), ["wg_is_current"], {})
    return function_object("is_current", code["wg_is_current"], _METH_NOARGS, (struct.pack("2q", ask, context), code))


def make_wait(query: int, device: str) -> Callable[[int], None]:
    """wait(stream). query: the address of cuStreamQuery. It raises what a handler of signals raises meanwhile, and
    DeviceError where the device has failed."""
    code = target.link(machine_code(f'target triple = "{target.triple()}"\n{_STANDING}'), ["wg_wait_for"], {})
    call = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(code["wg_wait_for"])

    def wait(stream: int, kept: object = code) -> None:
        status = call(query, stream)
        if status:
            raise DeviceError(f"{device} failed to run a kernel (CUDA error {status})")

    return wait
