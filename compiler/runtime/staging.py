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
from wengert.compiler.runtime.checksum import CHUNK, DECLARED, text
from wengert.compiler.runtime.support import machine_code


class CopyCalls(NamedTuple):
    """Addresses of C functions with the parameters of cuMemcpyHtoDAsync, cuMemcpyDtoHAsync, cuEventRecord, cuEventSynchronize."""

    to_device: int
    to_host: int
    record: int
    passed: int


class PastCaches(NamedTuple):
    """Whether what is sent is written to pinned memory, and what is fetched to the array, by stores that do not go through the
    caches: not to keep what nobody reads soon, and not to read what is written over."""

    send: bool
    fetch: bool


PAST_CACHES = PastCaches(send=True, fetch=True)
LARGEST = 4 * CHUNK
"""Bytes of a pinned buffer, and of a copy at most. Each copy costs the device some microseconds of its own."""


def pieces(size: int, lanes: int, largest: int = 0) -> list[int]:
    """Where the copies of so many bytes begin, and the end of the last, multiples of CHUNK but for that. They are small at first,
    so that the device soon has something to do, and at last, so that threads end together."""
    largest = largest or LARGEST
    sizes = [n for n in (CHUNK, 2 * CHUNK, 4 * CHUNK) if n < largest for _ in range(lanes)]
    ends, starts, last = [0], [size], size - size % -CHUNK - CHUNK if size else 0
    for n in sizes:
        if ends[-1] + n >= last:
            break
        ends.append(ends[-1] + n)
        if last - n > ends[-1]:
            starts.append(last)
            last -= n
    while last - ends[-1] > largest:
        ends.append(ends[-1] + largest)
    return sorted({*ends, last, *starts})


class Job:
    """A copy that is under way: shared by as many threads as there are lanes.

    digests: to be filled with those of the chunks, see checksum.py. host is kept until the job goes.
    """

    def __init__(
        self, calls: CopyCalls, device: int, host: np.ndarray, stream: int, lanes: int, digests: np.ndarray | None = None
    ):
        self._held = host, digests
        at = digests.ctypes.data if digests is not None else 0
        places = pieces(host.nbytes, lanes)
        words = (0, len(places) - 1, host.ctypes.data, device, stream, at, *calls, *places)
        self._words = (ctypes.c_int64 * len(words))(*words)

    def send(self, pinned: int, event: int) -> int:
        """What this thread does of it, until nothing is left; 0, or CUDA's error."""
        return _linked()[PAST_CACHES.send](self._words, pinned, event)

    def fetch(self, pinned: int, event: int) -> int:
        """As `send`, to the host."""
        return _linked()[2 + PAST_CACHES.fetch](self._words, pinned, event)


@cache
def _linked() -> tuple[Callable[..., int], ...]:
    names = ["wg_send", "wg_send_past", "wg_fetch", "wg_fetch_past"]
    code = target.link(machine_code(f'target triple = "{target.triple()}"\n{_text()}'), names, {})
    _KEEP.append(code)
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)  # without Python's lock
    return tuple(kind(code[name]) for name in names)


_KEEP: list[object] = []  # the code lives as long as this
_IN_PLACE = ("next", "places")
"""Fields of a job that are not loaded beforehand."""


def _text() -> str:
    names = ("next", "pieces", "host", "device", "stream", "digests", "to_device", "to_host", "record", "passed", "places")
    fields = "".join(
        f"  %{name}.at = getelementptr i64, ptr %job, i64 {k}\n"
        + ("" if name in _IN_PLACE else f"  %{name} = load {'i64' if name in ('pieces', 'device') else 'ptr'}, ptr %{name}.at\n")
        for k, name in enumerate(names)
    )
    begin = f"""(ptr %job, ptr %pinned, ptr %event) {{
entry:
{fields}  br label %take
take:
  %piece = atomicrmw add ptr %next.at, i64 1 monotonic
  %some = icmp slt i64 %piece, %pieces
  br i1 %some, label %chunk, label %done
chunk:
  %place = getelementptr i64, ptr %places.at, i64 %piece
  %at = load i64, ptr %place
  %place.end = getelementptr i64, ptr %place, i64 1
  %end = load i64, ptr %place.end
  %n = sub i64 %end, %at
  %here = getelementptr i8, ptr %host, i64 %at
  %there = add i64 %device, %at
"""
    end = """done:
  ret i32 0
failed:
  ret i32 %status
}
"""
    def send(past: str) -> str:
        return f"""
define i32 @wg_send{past}{begin}  %free = call i32 %passed(ptr %event)
  %hashed = icmp ne ptr %digests, null
  br i1 %hashed, label %with, label %without
with:
  %p = phi i64 [ 0, %chunk ], [ %p.next, %with ]
  %p.next = add i64 %p, {CHUNK}
  %over = icmp ult i64 %n, %p.next
  %stop = select i1 %over, i64 %n, i64 %p.next
  %m = sub i64 %stop, %p
  %from = getelementptr i8, ptr %here, i64 %p
  %to = getelementptr i8, ptr %pinned, i64 %p
  %digest = call i64 @wg_hash_copy{past}(ptr %from, i64 %m, ptr %to)
  %byte = add i64 %at, %p
  %k = udiv i64 %byte, {CHUNK}
  %d = getelementptr i64, ptr %digests, i64 %k
  store i64 %digest, ptr %d
  %more = icmp ult i64 %p.next, %n
  br i1 %more, label %with, label %go
without:
  call void @wg_copy{past}(ptr %pinned, ptr %here, i64 %n)
  br label %go
go:
  fence seq_cst                            ; stores past the caches are in order from here on
  %status = call i32 %to_device(i64 %there, ptr %pinned, i64 %n, ptr %stream)
  %noted = call i32 %record(ptr %event, ptr %stream)
  %well = icmp eq i32 %status, 0
  br i1 %well, label %take, label %failed
{end}"""

    def fetch(past: str) -> str:
        return f"""
define i32 @wg_fetch{past}{begin}  %asked = call i32 %to_host(ptr %pinned, i64 %there, i64 %n, ptr %stream)
  %noted = call i32 %record(ptr %event, ptr %stream)
  %came = call i32 %passed(ptr %event)
  %status = or i32 %asked, %came
  %well = icmp eq i32 %status, 0
  br i1 %well, label %copy, label %failed
copy:
  call void @wg_copy{past}(ptr %here, ptr %pinned, i64 %n)
  fence seq_cst
  br label %take
{end}"""

    past = ("", "_past")
    hashes = text("wg_hash_copy", copies=True) + text("wg_hash_copy_past", copies=True, past_caches=True)
    return f"{DECLARED}{hashes}{_COPY}{''.join(map(send, past))}{''.join(map(fetch, past))}!0 = !{{i32 1}}\n"


_COPY = """
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
define void @wg_copy(ptr %to, ptr %from, i64 %n) alwaysinline {
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %n, i1 false)
  ret void
}
define void @wg_copy_past(ptr %to, ptr %from, i64 %n) {
entry:
  %address = ptrtoint ptr %to to i64
  %odd = and i64 %address, 31
  %aligned = icmp eq i64 %odd, 0
  %blocks = and i64 %n, -128
  %whole = select i1 %aligned, i64 %blocks, i64 0
  br label %head
head:
  %at = phi i64 [ 0, %entry ], [ %at3, %block ]
  %more = icmp ult i64 %at, %whole
  br i1 %more, label %block, label %rest
block:
BLOCK  br label %head
rest:
  %to.rest = getelementptr i8, ptr %to, i64 %whole
  %from.rest = getelementptr i8, ptr %from, i64 %whole
  %left = sub i64 %n, %whole
  call void @llvm.memcpy.p0.p0.i64(ptr %to.rest, ptr %from.rest, i64 %left, i1 false)
  ret void
}
""".replace(
    "BLOCK",
    "".join(
        f"  %f{k} = getelementptr i8, ptr %from, i64 {at}\n  %v{k} = load <4 x i64>, ptr %f{k}, align 1\n"
        f"  %t{k} = getelementptr i8, ptr %to, i64 {at}\n  store <4 x i64> %v{k}, ptr %t{k}, align 32, !nontemporal !0\n"
        f"  %at{k} = add i64 {at}, 32\n"
        for k, at in enumerate(("%at", "%at0", "%at1", "%at2"))
    ),
)
