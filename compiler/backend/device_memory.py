"""The runtime's table, and what the host part calls, in LLVM text: references, reuse, copies before writes, reads."""

from __future__ import annotations

ERROR_WORDS = 4
"""Of the error record: kernel number * 2**32 + fault number (0: none), and the two operands of its message."""
PINNED_BYTES = 64
BLOCK = 256
"""Threads of an ordinary block."""
CHUNK = 4 * BLOCK
"""Iterations of a block of short ones."""
POLLED = 64
"""Turns of the host part's loops between two marks in the device's work. A power of two. A loop is at most twice as many turns
ahead of the device: with more, the driver's launch would wait, where no signal is seen and Python's other threads stand still."""


class Table:
    """Words of the runtime's table, word 3 of the frame.

    Python's functions: ALLOCATE(bytes) -> handle, FREE(handle), DOT, LIBRARY.
    The driver's (see runtime/accelerator.py): READ, COPY, QUERY, LAUNCH, MARK, PASSED, and what they take: STREAM; two EVENTS;
    ERRORS, the error record on the device; PINNED, host memory of PINNED_BYTES that copies are quick to.
    For graphs (device_graphs.py): BEGIN, END, INSTANTIATE, RUN, DESTROY and DESTROY_GRAPH of the driver (BEGIN is 0 where there
    are none), the stream to CAPTURE on; HELD, the call's own stream meanwhile.
    Counters: TICKS of loops, READS of single elements, their READ_BYTES and READ_NANOSECONDS; ASKED, how often memory was asked
    of Python or given back to it.
    RECORD: the error record, read at the end. HANDLES: memory to use again. From LAUNCHES on: how often each kernel was
    launched; then their handles.
    """

    ALLOCATE, FREE, DOT, READ, COPY, QUERY, LAUNCH, STREAM, ERRORS, PINNED, LIBRARY = range(11)
    MARK, PASSED, EVENTS, SECOND_EVENT = range(11, 15)
    BEGIN, END, INSTANTIATE, RUN, DESTROY, DESTROY_GRAPH, CAPTURE = range(15, 22)
    TICKS, READS, READ_BYTES, READ_NANOSECONDS, ASKED, HELD, RECORD = range(22, 29)
    HANDLES, SLOTS = RECORD + ERROR_WORDS, 16
    LAUNCHES = HANDLES + SLOTS


INTERRUPTED = 0x7FFF
"""What a wait comes to that a signal's exception ended; no error of CUDA's has this number."""
_PENDING = 600
"""CUDA_ERROR_NOT_READY"""
_SPIN, _LOOK = 10_000_000, 50_000_000
"""Nanoseconds of a wait without a pause, and between two looks for signals."""

WAIT = f"""
declare i32 @clock_gettime(i32, ptr)
declare i32 @usleep(i32)
declare i32 @PyErr_CheckSignals()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
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
; wait for what `query` asks of a stream or an event; 0 where all went well. Meanwhile Python's other threads run, and a signal
; whose handler raises ends it
define internal i32 @wg_wait(ptr %query, ptr %what) {{
entry:
  %first = call i32 %query(ptr %what)
  %at.once = icmp ne i32 %first, {_PENDING}
  br i1 %at.once, label %ready, label %begin
ready:
  ret i32 %first
begin:
  %python = call ptr @PyEval_SaveThread()
  %start = call i64 @wg_now()
  br label %ask
ask:
  %looked = phi i64 [ %start, %begin ], [ %looked, %more ], [ %looked, %rest ], [ %now, %go.on ]
  %status = call i32 %query(ptr %what)
  %pending = icmp eq i32 %status, {_PENDING}
  br i1 %pending, label %more, label %done
more:
  %now = call i64 @wg_now()
  %waited = sub i64 %now, %start
  %long = icmp ugt i64 %waited, {_SPIN}
  br i1 %long, label %rest, label %ask
rest:
  %slept = call i32 @usleep(i32 50)
  %since = sub i64 %now, %looked
  %due = icmp ugt i64 %since, {_LOOK}
  br i1 %due, label %signals, label %ask
signals:
  call void @PyEval_RestoreThread(ptr %python)
  %told = call i32 @PyErr_CheckSignals()
  %raised = icmp ne i32 %told, 0
  br i1 %raised, label %stop, label %go.on
go.on:
  %again = call ptr @PyEval_SaveThread()
  br label %ask
stop:
  ret i32 {INTERRUPTED}
done:
  call void @PyEval_RestoreThread(ptr %python)
  ret i32 %status
}}
"""
MEMORY = f"""{WAIT}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
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
; wait for the device and fetch some bytes; 0 where that went well
define internal i32 @wg_fetch(ptr %table, ptr %to, ptr %from, i64 %size) {{
entry:
  %stream = call ptr @wg_word(ptr %table, i64 {Table.STREAM})
  %read = call ptr @wg_word(ptr %table, i64 {Table.READ})
  %pinned = call ptr @wg_word(ptr %table, i64 {Table.PINNED})
  %asked = call i32 %read(ptr %pinned, ptr %from, i64 %size, ptr %stream)
  %good = icmp eq i32 %asked, 0
  br i1 %good, label %wait, label %bad
wait:
  %query = call ptr @wg_word(ptr %table, i64 {Table.QUERY})
  %done = call i32 @wg_wait(ptr %query, ptr %stream)
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
  %turn = and i64 %n, {POLLED}
  %odd = icmp ne i64 %turn, 0
  %which = zext i1 %odd to i64
  %word = add i64 %which, {Table.EVENTS}
  %event = call ptr @wg_word(ptr %table, i64 %word)
  %passed = call ptr @wg_word(ptr %table, i64 {Table.PASSED})
  %waited = call i32 @wg_wait(ptr %passed, ptr %event)
  %stopped = icmp eq i32 %waited, {INTERRUPTED}
  br i1 %stopped, label %stop, label %mark
mark:
  %record = call ptr @wg_word(ptr %table, i64 {Table.MARK})
  %stream = call ptr @wg_word(ptr %table, i64 {Table.STREAM})
  %recorded = call i32 %record(ptr %event, ptr %stream)
  %python = call ptr @PyEval_SaveThread()
  call void @PyEval_RestoreThread(ptr %python)
  %told = call i32 @PyErr_CheckSignals()
  %raised = icmp ne i32 %told, 0
  ret i1 %raised
stop:
  ret i1 true
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
  call void @wg_add(ptr %table, i64 {Table.ASKED}, i64 1)
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
  call void @wg_add(ptr %table, i64 {Table.ASKED}, i64 1)
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
