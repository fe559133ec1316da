"""A 64-bit checksum of bytes, fast enough to be taken at every call: it decides whether an array must be sent again.

Each of 32 lanes takes every 32nd word and steps h -> g((h ^ word) * odd constant), where g adds, bit by bit, the upper 35 bits to
the lower ones: for a given word this is a bijection of h, and for a given h one of the word. So a change within one word always
changes the checksum, and a change of several goes unseen with probability 2**-64. The lanes are vectors: it reads 25 GB/s on one
core from its cache.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np

from wengert.compiler.backend import target
from wengert.compiler.runtime.support import machine_code

CHUNK = 1 << 20
"""Bytes hashed and copied at a time; fixed, so that the checksum does not depend on the number of threads."""
WHOLE = 8 << 20
"""Bytes up to which an array is hashed by one thread, as one chunk."""
_WIDTH, _VECTORS = 4, 8
_BLOCK = 8 * _WIDTH * _VECTORS
_MULTIPLIER = 0x9E3779B97F4A7C15 | 1
_SEEDS = [(0xD6E8FEB86659FD93 * (2 * k + 1)) % 2**64 for k in range(_WIDTH * _VECTORS)]


def checksum(array: np.ndarray) -> int:
    """The checksum of the elements of `array` in row-major order (a C-contiguous array is read in place)."""
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    return checksum_at(array.__array_interface__["data"][0], array.nbytes)  # `array.ctypes.data` takes 2 us


def checksum_at(address: int, size: int) -> int:
    """The checksum of `size` bytes at `address`, by several threads where that pays."""
    digests = digests_of(size)
    if digests is None:
        return _compiled()[0](address, size)
    work, threads = (ctypes.c_int64 * 4)(0, size, address, digests.ctypes.data), _threads()
    for one in [threads.submit(_compiled()[1], work) for _ in range(_cores())]:
        one.result()
    return combined(digests)


def digests_of(size: int) -> np.ndarray | None:
    """Room for the digests of the chunks of so many bytes; None where they are hashed at once."""
    return np.zeros(-(-size // CHUNK), np.uint64) if size > WHOLE else None


def digest_chunk(digests: np.ndarray, at: int, address: int, size: int) -> None:
    """Note the digest of the chunk that begins at byte `at`, which lies at `address`."""
    digests[at // CHUNK] = _compiled()[0](address, size)


def combined(digests: np.ndarray) -> int:
    """The checksum of the whole."""
    return _compiled()[0](digests.ctypes.data, digests.nbytes)


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, cores)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), "wengert-checksum")


@cache
def _compiled() -> tuple[Callable[[int, int], int], Callable[..., None]]:
    """uint64 hash(address, size), and what threads do together of {bytes begun, size, address, digests}; both without the GIL."""
    whole = f'target triple = "{target.triple()}"\n{DECLARED}{text("wg_hash")}{_TOGETHER}'
    code = target.link(machine_code(whole), ["wg_hash", "wg_hash_chunks"], {})
    _KEEP.append(code)
    one = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)(code["wg_hash"])
    return one, ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code["wg_hash_chunks"])


_KEEP: list[object] = []  # the code lives as long as these

DECLARED = "declare i64 @llvm.fshl.i64(i64, i64, i64)\n"
"""What the texts here need in their module."""

_TOGETHER = f"""
define void @wg_hash_chunks(ptr %work) {{
entry:
  %size.at = getelementptr i64, ptr %work, i64 1
  %size = load i64, ptr %size.at
  %data.at = getelementptr i64, ptr %work, i64 2
  %data = load ptr, ptr %data.at
  %digests.at = getelementptr i64, ptr %work, i64 3
  %digests = load ptr, ptr %digests.at
  br label %take
take:
  %at = atomicrmw add ptr %work, i64 {CHUNK} monotonic
  %some = icmp slt i64 %at, %size
  br i1 %some, label %chunk, label %done
chunk:
  %left = sub i64 %size, %at
  %last = icmp slt i64 %left, {CHUNK}
  %n = select i1 %last, i64 %left, i64 {CHUNK}
  %here = getelementptr i8, ptr %data, i64 %at
  %digest = call i64 @wg_hash(ptr %here, i64 %n)
  %k = udiv i64 %at, {CHUNK}
  %d = getelementptr i64, ptr %digests, i64 %k
  store i64 %digest, ptr %d
  br label %take
done:
  ret void
}}
"""

_VECTOR = f"<{_WIDTH} x i64>"


def _constant(numbers: Sequence[int]) -> str:
    return "<" + ", ".join(f"i64 {n - 2**64 if n >= 2**63 else n}" for n in numbers) + ">"


def _vector_step(lanes: str, words: str, out: str) -> str:
    return f"""  %{out}.x = xor {_VECTOR} {lanes}, {words}
  %{out}.m = mul {_VECTOR} %{out}.x, {_constant([_MULTIPLIER] * _WIDTH)}
  %{out}.s = lshr {_VECTOR} %{out}.m, {_constant([29] * _WIDTH)}
  %{out} = xor {_VECTOR} %{out}.m, %{out}.s
"""


def _step(state: str, word: str, out: str) -> str:
    return (
        f"  %{out}.x = xor i64 {state}, {word}\n"
        f"  %{out}.m = mul i64 %{out}.x, {_MULTIPLIER - 2**64}\n"
        f"  %{out} = call i64 @llvm.fshl.i64(i64 %{out}.m, i64 %{out}.m, i64 29)\n"
    )


def text(name: str, copies: bool = False, past_caches: bool = False) -> str:
    """LLVM text of `i64 name(ptr data, i64 size)`: blocks of 32 words, then single words and bytes, then all lanes and the size
    folded into one. copies: of `i64 name(ptr data, i64 size, ptr to)`, which copies what it reads; past_caches: by stores to
    memory itself, for which `to` must be a multiple of 16 (and with !0 = {i32 1} in the module)."""
    vectors = range(_VECTORS)
    seeds = [_constant(_SEEDS[_WIDTH * k :][:_WIDTH]) for k in vectors]
    begin = "".join(f"  %h{k} = phi {_VECTOR} [ {seeds[k]}, %entry ], [ %n{k}, %blocks ]\n" for k in vectors)

    def store(type_: str, value: str, at: str) -> str:
        if not copies:
            return ""
        how = "align 16, !nontemporal !0" if past_caches and type_ == _VECTOR else "align 1"
        return f"  %o.{value} = getelementptr i8, ptr %to, i64 %{at}\n  store {type_} %{value}, ptr %o.{value}, {how}\n"

    loads = "".join(
        f"  %a{k} = add i64 %at, {8 * _WIDTH * k}\n"
        f"  %p{k} = getelementptr i8, ptr %data, i64 %a{k}\n  %w{k} = load {_VECTOR}, ptr %p{k}, align 1\n"
        + _vector_step(f"%h{k}", f"%w{k}", f"n{k}")
        + store(_VECTOR, f"w{k}", f"a{k}")
        for k in vectors
    )
    ends = "".join(f"  %e{k} = phi {_VECTOR} [ {seeds[k]}, %entry ], [ %n{k}, %blocks ]\n" for k in vectors)
    fold, state = "", "%v"
    for k in range(_WIDTH * _VECTORS):
        fold += f"  %l{k} = extractelement {_VECTOR} %e{k // _WIDTH}, i32 {k % _WIDTH}\n" + _step(state, f"%l{k}", f"f{k}")
        state = f"%f{k}"
    return f"""
define i64 @{name}(ptr %data, i64 %size{", ptr %to" if copies else ""}) {{
entry:
  %whole = and i64 %size, -{_BLOCK}
  %none = icmp eq i64 %whole, 0
  br i1 %none, label %tail, label %blocks
blocks:
  %at = phi i64 [ 0, %entry ], [ %next, %blocks ]
{begin}{loads}  %next = add i64 %at, {_BLOCK}
  %more = icmp ult i64 %next, %whole
  br i1 %more, label %blocks, label %tail
tail:
{ends}  %words.end = and i64 %size, -8
  br label %words
words:
  %c = phi i64 [ %whole, %tail ], [ %c.next, %word ]
  %u = phi i64 [ %size, %tail ], [ %u.next, %word ]
  %is.word = icmp ult i64 %c, %words.end
  br i1 %is.word, label %word, label %bytes
word:
  %cp = getelementptr i8, ptr %data, i64 %c
  %cw = load i64, ptr %cp, align 1
{store("i64", "cw", "c")}{_step("%u", "%cw", "u.next")}  %c.next = add i64 %c, 8
  br label %words
bytes:
  %b = phi i64 [ %words.end, %words ], [ %b.next, %byte ]
  %v = phi i64 [ %u, %words ], [ %v.next, %byte ]
  %left = icmp ult i64 %b, %size
  br i1 %left, label %byte, label %done
byte:
  %q = getelementptr i8, ptr %data, i64 %b
  %bv = load i8, ptr %q
{store("i8", "bv", "b")}  %w = zext i8 %bv to i64
{_step("%v", "%w", "v.next")}  %b.next = add i64 %b, 1
  br label %bytes
done:
{fold}  %g = lshr i64 {state}, 32
  %result = xor i64 {state}, %g
  ret i64 %result
}}
"""
