"""Kernels for the simulated GPU: the kernel's LLVM text as plain functions of this processor, one call a thread.

    define void @k(ptr %params, i32 %tid.x, i32 %tid.y, i32 %ctaid.x, ...)

`launch`, `read`, `copy`, `query`, `mark` and `passed` have the parameters of cuLaunchKernel, cuMemcpyDtoHAsync,
cuMemcpyDtoDAsync, cuStreamQuery, cuEventRecord and cuEventQuery, so that the host code is the same for both. While functions
are set by `capture`, launches and copies within the device go to those instead.
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


ENTRY_WORDS = 8


def _words(name: str, base: str, count: int) -> str:
    """The words 1 to `count` behind a pointer."""
    return "".join(
        f"  %{name}.at{k} = getelementptr i64, ptr %{base}, i64 {k}\n  %{name}{k} = load i64, ptr %{name}.at{k}\n"
        for k in range(1, count + 1)
    )


# Kernels and launcher are compiled apart, as on a real GPU.
LAUNCHER = f"""
@launches = internal global ptr null
@copies = internal global ptr null
define i32 @capture(ptr %launches, ptr %copies) {{
  store ptr %launches, ptr @launches
  store ptr %copies, ptr @copies
  ret i32 0
}}
define i32 @launch(ptr %kernel, i32 %gx, i32 %gy, i32 %gz, i32 %bx, i32 %by, i32 %bz, i32 %shared, ptr %stream,
                   ptr %params, ptr %extra) {{
  %note = load ptr, ptr @launches
  %noted = icmp ne ptr %note, null
  br i1 %noted, label %captured, label %entry
captured:
  %status = call i32 %note(ptr %kernel, i32 %gx, i32 %gy, i32 %gz, i32 %bx, i32 %by, i32 %bz, i32 %shared, ptr %stream,
                           ptr %params, ptr %extra)
  ret i32 %status
entry:
  br label %az.head
{_loop("az", "gz", "entry", "ay")}
{_loop("ay", "gy", "az", "ax")}
{_loop("ax", "gx", "ay", "ty")}
{_loop("ty", "by", "ax", "tx")}
{_loop("tx", "bx", "ty", "call")}
call:
  %layer = mul i32 %az, %gy
  %row = add i32 %layer, %ay
  call void %kernel(ptr %params, i32 %tx, i32 %ty, i32 %ax, i32 %row, i32 %bx, i32 %by, i32 %gx, i32 %gy)
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
  %note = load ptr, ptr @copies
  %noted = icmp ne ptr %note, null
  br i1 %noted, label %captured, label %now
captured:
  %status = call i32 %note(i64 %to, i64 %from, i64 %size, ptr %stream)
  ret i32 %status
now:
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
; a graph: its number of entries, then for each a kernel, six sizes and where the arguments are; or 0 and what `copy` takes
define i32 @run(ptr %graph, ptr %stream) {{
entry:
  %count = load i64, ptr %graph
  %first = getelementptr i64, ptr %graph, i64 1
  br label %head
head:
  %k = phi i64 [ 0, %entry ], [ %k1, %next ]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %one, label %done
one:
  %at = mul i64 %k, {ENTRY_WORDS}
  %e = getelementptr i64, ptr %first, i64 %at
  %kernel = load ptr, ptr %e
{_words("w", "e", 7)}  %copied = icmp eq ptr %kernel, null
  br i1 %copied, label %copying, label %launching
copying:
  %c = call i32 @copy(i64 %w1, i64 %w2, i64 %w3, ptr %stream)
  br label %next
launching:
{"".join(f"  %n{k} = trunc i64 %w{k} to i32{chr(10)}" for k in range(1, 7))}  %params = inttoptr i64 %w7 to ptr
  %l = call i32 @launch(ptr %kernel, i32 %n1, i32 %n2, i32 %n3, i32 %n4, i32 %n5, i32 %n6, i32 0, ptr %stream, ptr %params,
                        ptr null)
  br label %next
next:
  %k1 = add i64 %k, 1
  br label %head
done:
  ret i32 0
}}
"""
