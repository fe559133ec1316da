"""The runtime's table, and what the host part calls, in LLVM text: references, reuse, copies before writes, reads."""

from __future__ import annotations

ERROR_WORDS = 4
"""Of the error record: kernel number * 2**32 + fault number (0: none), and the two operands of its message."""
PINNED_BYTES = 64
BLOCK = 256
"""Threads of an ordinary block."""
CHUNK = 4 * BLOCK
"""Iterations of a block of short ones."""
POLLED = 256
"""Turns of the host part's loops between two looks for an interrupt. A power of two."""


class Table:
    """Words of the runtime's table, word 3 of the frame.

    Python's functions: ALLOCATE(bytes) -> handle, FREE(handle), DOT, LIBRARY.
    The driver's (see runtime/accelerator.py): READ, COPY, SYNC, LAUNCH, and what they take: STREAM; ERRORS, the error record
    on the device; PINNED, host memory of PINNED_BYTES that copies are quick to.
    Counters: TICKS of loops, READS of single elements, their READ_BYTES and READ_NANOSECONDS.
    RECORD: the error record, read at the end. HANDLES: memory to use again. From LAUNCHES on: how often each kernel was
    launched; then their handles.
    """

    ALLOCATE, FREE, DOT, READ, COPY, SYNC, LAUNCH, STREAM, ERRORS, PINNED, LIBRARY = range(11)
    TICKS, READS, READ_BYTES, READ_NANOSECONDS, RECORD = range(11, 16)
    HANDLES, SLOTS = RECORD + ERROR_WORDS, 16
    LAUNCHES = HANDLES + SLOTS


MEMORY = f"""
declare i32 @clock_gettime(i32, ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare i32 @PyErr_CheckSignals()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
define internal ptr @wg_word(ptr %table, i64 %word) alwaysinline {{
  %p = getelementptr i64, ptr %table, i64 %word
  %v = load ptr, ptr %p
  ret ptr %v
}}
define internal void @wg_add(ptr %table, i64 %word, i64 %by) alwaysinline {{
  %p = getelementptr i64, ptr %table, i64 %word
  %r = load i64, ptr %p
  %s = add i64 %r, %by
  store i64 %s, ptr %p
  ret void
}}
define internal i64 @wg_now() {{
  %t = alloca [2 x i64]
  %ignored = call i32 @clock_gettime(i32 1, ptr %t)
  %s = load i64, ptr %t
  %at = getelementptr i64, ptr %t, i64 1
  %n = load i64, ptr %at
  %b = mul i64 %s, 1000000000
  %all = add i64 %b, %n
  ret i64 %all
}}
; wait for the device and fetch some bytes; 0 where that went well. Meanwhile Python's other threads run
define internal i32 @wg_fetch(ptr %table, ptr %to, ptr %from, i64 %size) {{
entry:
  %stream = call ptr @wg_word(ptr %table, i64 {Table.STREAM})
  %read = call ptr @wg_word(ptr %table, i64 {Table.READ})
  %pinned = call ptr @wg_word(ptr %table, i64 {Table.PINNED})
  %asked = call i32 %read(ptr %pinned, ptr %from, i64 %size, ptr %stream)
  %good = icmp eq i32 %asked, 0
  br i1 %good, label %wait, label %bad
wait:
  %sync = call ptr @wg_word(ptr %table, i64 {Table.SYNC})
  %python = call ptr @PyEval_SaveThread()
  %done = call i32 %sync(ptr %stream)
  call void @PyEval_RestoreThread(ptr %python)
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %pinned, i64 %size, i1 false)
  ret i32 %done
bad:
  ret i32 %asked
}}
; the same, counted
define internal i32 @wg_read(ptr %table, ptr %to, ptr %from, i64 %size) {{
  %start = call i64 @wg_now()
  %status = call i32 @wg_fetch(ptr %table, ptr %to, ptr %from, i64 %size)
  %end = call i64 @wg_now()
  %spent = sub i64 %end, %start
  call void @wg_add(ptr %table, i64 {Table.READS}, i64 1)
  call void @wg_add(ptr %table, i64 {Table.READ_BYTES}, i64 %size)
  call void @wg_add(ptr %table, i64 {Table.READ_NANOSECONDS}, i64 %spent)
  ret i32 %status
}}
; whether a loop is to stop: a handler of signals has raised
define internal i1 @wg_tick(ptr %table) {{
entry:
  call void @wg_add(ptr %table, i64 {Table.TICKS}, i64 1)
  %p = getelementptr i64, ptr %table, i64 {Table.TICKS}
  %n = load i64, ptr %p
  %low = and i64 %n, {POLLED - 1}
  %now = icmp eq i64 %low, 0
  br i1 %now, label %ask, label %on
ask:
  %python = call ptr @PyEval_SaveThread()
  call void @PyEval_RestoreThread(ptr %python)
  %told = call i32 @PyErr_CheckSignals()
  %stop = icmp ne i32 %told, 0
  ret i1 %stop
on:
  ret i1 false
}}
define internal void @wg_share(ptr %h) {{
  %p = getelementptr i64, ptr %h, i64 1
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
  %allocate = call ptr @wg_word(ptr %table, i64 {Table.ALLOCATE})
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
  %free = call ptr @wg_word(ptr %table, i64 {Table.FREE})
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
  %move = call ptr @wg_word(ptr %table, i64 {Table.COPY})
  %stream = call ptr @wg_word(ptr %table, i64 {Table.STREAM})
  %status = call i32 %move(ptr %to, ptr %from, i64 %size, ptr %stream)
  call void @wg_drop(ptr %table, ptr %h)
  %moved = icmp eq i32 %status, 0
  %result = select i1 %moved, ptr %new, ptr null
  ret ptr %result
}}
"""
