"""Large copies between host and device, in machine code: each thread takes one chunk after the other through a pinned buffer of
its own, so that some fill theirs while those of others are on their way. Python has no part in it but to begin.

What goes to the device is hashed as it is copied: reading it once more for its checksum took half as long again.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from wengert.compiler.backend import target
from wengert.compiler.runtime.checksum import CHUNK, FSHL, text
from wengert.compiler.runtime.support import machine_code


class CopyCalls(NamedTuple):
    """Addresses of C functions with the parameters of cuMemcpyHtoDAsync, cuMemcpyDtoHAsync, cuEventRecord, cuEventSynchronize."""

    to_device: int
    to_host: int
    record: int
    passed: int


class Job:
    """A copy that is under way: shared by the threads that work on it.

    digests: to be filled with those of the chunks, see checksum.py. host is kept until the job goes.
    """

    def __init__(self, calls: CopyCalls, device: int, host: np.ndarray, stream: int, digests: np.ndarray | None = None):
        self._held = host, digests
        at = digests.ctypes.data if digests is not None else 0
        words = (0, host.nbytes, host.ctypes.data, device, stream, at, *calls)
        self._words = (ctypes.c_int64 * len(words))(*words)

    def send(self, pinned: int, event: int) -> int:
        """What this thread does of it, until nothing is left; 0, or CUDA's error."""
        return _linked()[0](self._words, pinned, event)

    def fetch(self, pinned: int, event: int) -> int:
        """As `send`, to the host."""
        return _linked()[1](self._words, pinned, event)


@cache
def _linked() -> tuple[Callable[..., int], ...]:
    code = target.link(machine_code(f'target triple = "{target.triple()}"\n{_text()}'), ["wg_send", "wg_fetch"], {})
    _KEEP.append(code)
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)  # without Python's lock
    return kind(code["wg_send"]), kind(code["wg_fetch"])


_KEEP: list[object] = []  # the code lives as long as this


def _text() -> str:
    names = ("next", "size", "host", "device", "stream", "digests", "to_device", "to_host", "record", "passed")
    fields = "".join(
        f"  %{name}.at = getelementptr i64, ptr %job, i64 {k}\n"
        + (f"  %{name} = load {'i64' if name in ('size', 'device') else 'ptr'}, ptr %{name}.at\n" if k else "")
        for k, name in enumerate(names)
    )
    begin = f"""(ptr %job, ptr %pinned, ptr %event) {{
entry:
{fields}  br label %take
take:
  %at = atomicrmw add ptr %next.at, i64 {CHUNK} monotonic
  %some = icmp slt i64 %at, %size
  br i1 %some, label %chunk, label %done
chunk:
  %left = sub i64 %size, %at
  %last = icmp slt i64 %left, {CHUNK}
  %n = select i1 %last, i64 %left, i64 {CHUNK}
  %here = getelementptr i8, ptr %host, i64 %at
  %there = add i64 %device, %at
"""
    end = """done:
  ret i32 0
failed:
  ret i32 %status
}
"""
    return f"""{FSHL}{text("wg_hash_copy", copies=True)}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define i32 @wg_send{begin}  %free = call i32 %passed(ptr %event)
  %hashed = icmp ne ptr %digests, null
  br i1 %hashed, label %with, label %without
with:
  %digest = call i64 @wg_hash_copy(ptr %here, i64 %n, ptr %pinned)
  fence seq_cst                            ; stores past the caches are in order from here on
  %k = udiv i64 %at, {CHUNK}
  %d = getelementptr i64, ptr %digests, i64 %k
  store i64 %digest, ptr %d
  br label %go
without:
  call void @llvm.memcpy.p0.p0.i64(ptr %pinned, ptr %here, i64 %n, i1 false)
  br label %go
go:
  %status = call i32 %to_device(i64 %there, ptr %pinned, i64 %n, ptr %stream)
  %noted = call i32 %record(ptr %event, ptr %stream)
  %well = icmp eq i32 %status, 0
  br i1 %well, label %take, label %failed
{end}
define i32 @wg_fetch{begin}  %asked = call i32 %to_host(ptr %pinned, i64 %there, i64 %n, ptr %stream)
  %noted = call i32 %record(ptr %event, ptr %stream)
  %came = call i32 %passed(ptr %event)
  %status = or i32 %asked, %came
  %well = icmp eq i32 %status, 0
  br i1 %well, label %copy, label %failed
copy:
  call void @llvm.memcpy.p0.p0.i64(ptr %here, ptr %pinned, i64 %n, i1 false)
  br label %take
{end}
!0 = !{{i32 1}}
"""
