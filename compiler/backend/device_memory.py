"""The runtime's table, and the host part's memory routines in LLVM text: references, reuse, copies before writes."""

from __future__ import annotations


class Table:
    """Words of the runtime's table, word 3 of the frame: C functions, the stream, the error record, memory to reuse."""

    ALLOCATE, FREE, READ, COPY, LAUNCH, STREAM, ERRORS, DOT = range(8)
    HANDLES, SLOTS = 8, 16
    KERNELS = HANDLES + SLOTS  # from here on, for each kernel: its handle, and how often it was launched


MEMORY = f"""
define internal void @wg_share(ptr %h) {{
  %p = getelementptr i64, ptr %h, i64 1
  %r = load i64, ptr %p
  %s = add i64 %r, 1
  store i64 %s, ptr %p
  ret void
}}
define internal void @wg_count(ptr %table, i64 %word) {{
  %p = getelementptr i64, ptr %table, i64 %word
  %r = load i64, ptr %p
  %s = add i64 %r, 1
  store i64 %s, ptr %p
  ret void
}}
define internal ptr @wg_acquire(ptr %table, i64 %size) {{
entry:
  br label %look
look:
  %k = phi i64 [ {Table.HANDLES}, %entry ], [ %next, %other ]
  %slot = getelementptr ptr, ptr %table, i64 %k
  %h = load ptr, ptr %slot
  %empty = icmp eq ptr %h, null
  br i1 %empty, label %other, label %compare
compare:
  %p = getelementptr i64, ptr %h, i64 2
  %held = load i64, ptr %p
  %same = icmp eq i64 %held, %size
  br i1 %same, label %found, label %other
found:
  store ptr null, ptr %slot
  %refs = getelementptr i64, ptr %h, i64 1
  store i64 1, ptr %refs
  ret ptr %h
other:
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, {Table.HANDLES + Table.SLOTS}
  br i1 %more, label %look, label %new
new:
  %where = getelementptr ptr, ptr %table, i64 {Table.ALLOCATE}
  %allocate = load ptr, ptr %where
  %made = call ptr %allocate(i64 %size)
  ret ptr %made
}}
define internal void @wg_drop(ptr %table, ptr %h) {{
entry:
  %p = getelementptr i64, ptr %h, i64 1
  %r = load i64, ptr %p
  %s = add i64 %r, -1
  store i64 %s, ptr %p
  %last = icmp eq i64 %s, 0
  br i1 %last, label %look, label %done
look:
  %k = phi i64 [ {Table.HANDLES}, %entry ], [ %next, %other ]
  %slot = getelementptr ptr, ptr %table, i64 %k
  %there = load ptr, ptr %slot
  %empty = icmp eq ptr %there, null
  br i1 %empty, label %keep, label %other
keep:
  store ptr %h, ptr %slot
  ret void
other:
  %next = add i64 %k, 1
  %more = icmp ult i64 %next, {Table.HANDLES + Table.SLOTS}
  br i1 %more, label %look, label %full
full:
  %where = getelementptr ptr, ptr %table, i64 {Table.FREE}
  %free = load ptr, ptr %where
  call void %free(ptr %h)
  ret void
done:
  ret void
}}
define internal ptr @wg_writable(ptr %table, ptr %h) {{
entry:
  %p = getelementptr i64, ptr %h, i64 1
  %r = load i64, ptr %p
  %alone = icmp eq i64 %r, 1
  br i1 %alone, label %same, label %copy
same:
  ret ptr %h
copy:
  %sizes = getelementptr i64, ptr %h, i64 2
  %size = load i64, ptr %sizes
  %new = call ptr @wg_acquire(ptr %table, i64 %size)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %none, label %fill
none:
  ret ptr null
fill:
  %from = load ptr, ptr %h
  %to = load ptr, ptr %new
  %where = getelementptr ptr, ptr %table, i64 {Table.COPY}
  %move = load ptr, ptr %where
  call void %move(ptr %to, ptr %from, i64 %size)
  call void @wg_drop(ptr %table, ptr %h)
  ret ptr %new
}}
"""
