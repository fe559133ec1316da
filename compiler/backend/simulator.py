"""Kernels for the simulated GPU: the kernel's LLVM text as plain functions of this processor, one call a thread.

    define void @k(ptr %params, i32 %tid.x, i32 %tid.y, i32 %ctaid.x, ...)

`launch`, `read`, `copy` and `sync` have the parameters of cuLaunchKernel, cuMemcpyDtoHAsync, cuMemcpyDtoDAsync and
cuStreamSynchronize, so that the host code is the same for both.
"""

from __future__ import annotations

DEVICE_BIT = 1 << 62
"""Set in every simulated device address; the kernels' entries and the copies clear it. With it set, an address cannot
be read on any 64-bit processor there is."""

def _loop(name: str, count: str, outer: str, inside: str) -> str:
    """`for name in range(count)` around the block (or loop) `inside`, within the loop `outer`."""
    begin = "entry" if outer == "entry" else f"{outer}.head"
    inner = f"{inside}.head" if inside != "call" else "call"
    return f"""{name}.head:
  %{name} = phi i32 [ 0, %{begin} ], [ %{name}.more, %{name}.next ]
  %{name}.go = icmp ult i32 %{name}, %{count}
  br i1 %{name}.go, label %{inner}, label %{outer}.next
{name}.next:
  %{name}.more = add i32 %{name}, 1
  br label %{name}.head"""


# Kernels and launcher are compiled apart, as on a real GPU.
LAUNCHER = f"""
define i32 @launch(ptr %kernel, i32 %gx, i32 %gy, i32 %gz, i32 %bx, i32 %by, i32 %bz, i32 %shared, ptr %stream,
                   ptr %params, ptr %extra) {{
entry:
  br label %ay.head
{_loop("ay", "gy", "entry", "ax")}
{_loop("ax", "gx", "ay", "ty")}
{_loop("ty", "by", "ax", "tx")}
{_loop("tx", "bx", "ty", "call")}
call:
  call void %kernel(ptr %params, i32 %tx, i32 %ty, i32 %ax, i32 %ay, i32 %bx, i32 %by, i32 %gx, i32 %gy)
  br label %tx.next
entry.next:
  ret i32 0
}}
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
define internal ptr @here(i64 %address) {{
  %bits = and i64 %address, {~DEVICE_BIT}
  %p = inttoptr i64 %bits to ptr
  ret ptr %p
}}
define i32 @read(ptr %to, i64 %from, i64 %size, ptr %stream) {{
  %p = call ptr @here(i64 %from)
  call void @llvm.memmove.p0.p0.i64(ptr %to, ptr %p, i64 %size, i1 false)
  ret i32 0
}}
define i32 @copy(i64 %to, i64 %from, i64 %size, ptr %stream) {{
  %p = call ptr @here(i64 %to)
  %q = call ptr @here(i64 %from)
  call void @llvm.memmove.p0.p0.i64(ptr %p, ptr %q, i64 %size, i1 false)
  ret i32 0
}}
define i32 @query(ptr %stream) {{
  ret i32 0
}}
define i32 @mark(ptr %event, ptr %stream) {{
  ret i32 0
}}
define i32 @passed(ptr %event) {{
  ret i32 0
}}
"""
