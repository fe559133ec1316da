"""Loops of the host part whose turns are all alike run as CUDA graphs: a launch in a graph takes a third of its own time.

A turn depends on nothing but the arrays carried and the spare memory. Once those are what they were some turns before, and no
memory was asked of Python meanwhile, the turns to come are those turns again and again: they are captured into a graph instead
of run, and the graph is launched as often as it fits. What is left over runs turn by turn.
"""

from __future__ import annotations

from wengert.compiler.backend.device_memory import Table
from wengert.compiler.ir.core import Op, constant_of
from wengert.compiler.ir.opdef import REGISTRY

_WARM = 3
"""Turns before any is captured."""
_LONGEST = 48
"""Turns after which everything must be as it was."""
_WORTH = 16
"""Graphs that a loop must have turns for: making one takes as long as some hundred launches."""
_MOST = 20
"""Launches of a turn; with more, the device is busy all the time anyway."""
_HOST_OPS = frozenset({"constant", "dim", "index", "wrap_index", "same_extent", "check", "empty", "reshape", "launch"})

_RELAXED = 2
"""CU_STREAM_CAPTURE_MODE_RELAXED: other threads may do what they like meanwhile."""
_STATE_WORDS = Table.SLOTS + 1


def turns_of_a_graph(op: Op) -> int:
    """How many turns of a `for` of the host part make a graph, about; 0 where it runs turn by turn.

    A turn may depend on what is the same in all of them and on arrays carried.
    """
    (body,) = op.regions
    index, *carried = body.params
    if constant_of(op.operands[2]) != 1 or any(p.type.is_scalar for p in carried) or any(index in o.operands for o in body.ops):
        return 0
    for inner in body.ops:
        if inner.regions or (inner.name not in _HOST_OPS and not _is_scalar_row(inner)):
            return 0
    launches = sum(inner.name == "launch" for inner in body.ops)
    return 0 if not 0 < launches <= _MOST else 24 if launches <= 2 else 12


def _is_scalar_row(op: Op) -> bool:
    return REGISTRY[op.name].kind == "elementwise" and len(op.results) == 1 and op.result.type.is_scalar


def state_words(carried: int, kernels: int) -> int:
    """Of the memory that `wg_repeat` needs for a loop; zero at its start."""
    return 3 + 2 * (3 * carried + _STATE_WORDS) + kernels


GRAPHS = f"""
declare i32 @memcmp(ptr, ptr, i64)
; what the turns to come depend on: carried arrays, spare memory, and whether any was asked for or given back
define internal void @wg_state(ptr %table, i64 %n, ptr %handles, ptr %out) {{
entry:
  br label %next
next:
  %k = phi i64 [ 0, %entry ], [ %k1, %take ]
  %at = mul i64 %k, 3
  %to = getelementptr i64, ptr %out, i64 %at
  %more = icmp slt i64 %k, %n
  br i1 %more, label %take, label %rest
take:
  %p = getelementptr ptr, ptr %handles, i64 %k
  %h = load ptr, ptr %p
  store ptr %h, ptr %to
  %to.words = getelementptr i64, ptr %to, i64 1
  call void @llvm.memcpy.p0.p0.i64(ptr %to.words, ptr %h, i64 16, i1 false)
  %k1 = add i64 %k, 1
  br label %next
rest:
  %slots = getelementptr i64, ptr %table, i64 {Table.HANDLES}
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %slots, i64 {8 * Table.SLOTS}, i1 false)
  %last = getelementptr i64, ptr %to, i64 {Table.SLOTS}
  %asked = call ptr @wg_word(ptr %table, i64 {Table.ASKED})
  store ptr %asked, ptr %last
  ret void
}}
; at the start of each turn: how many to leave out, as a graph has done them; -1 where a signal ends the loop, -2 where the
; device has failed. state: phase (0: the first turns, 3: to see when all is as it was, 1: capturing, 2: the rest), turns in it,
; turns of the graph, what turns depend on before and after, launches of each kernel before
define internal i64 @wg_repeat(ptr %table, ptr %state, i64 %left, i64 %aim, i64 %n, ptr %handles, i64 %kernels) {{
entry:
  %graph.at = alloca ptr
  %made.at = alloca ptr
  %phase = load i64, ptr %state
  %count.at = getelementptr i64, ptr %state, i64 1
  %done = load i64, ptr %count.at
  %count = add i64 %done, 1
  store i64 %count, ptr %count.at
  %words.n = mul i64 %n, 3
  %words = add i64 %words.n, {_STATE_WORDS}
  %bytes = shl i64 %words, 3
  %size.at = getelementptr i64, ptr %state, i64 2
  %before = getelementptr i64, ptr %state, i64 3
  %after = getelementptr i64, ptr %before, i64 %words
  %launches = getelementptr i64, ptr %after, i64 %words
  %counters = getelementptr i64, ptr %table, i64 {Table.LAUNCHES}
  %stream.at = getelementptr i64, ptr %table, i64 {Table.STREAM}
  %held.at = getelementptr i64, ptr %table, i64 {Table.HELD}
  %own = call ptr @wg_word(ptr %table, i64 {Table.CAPTURE})
  %capturing = icmp eq i64 %phase, 1
  br i1 %capturing, label %captured, label %look
look:
  %stop = call i1 @wg_tick(ptr %table)
  br i1 %stop, label %interrupted, label %going
going:
  switch i64 %phase, label %plain [ i64 0, label %first
                                    i64 3, label %seen ]
first:
  %warm = icmp eq i64 %count, {_WARM + 1}
  %least = mul i64 %aim, {_WORTH}
  %long = icmp sge i64 %left, %least
  %begin = call ptr @wg_word(ptr %table, i64 {Table.BEGIN})
  %can = icmp ne ptr %begin, null
  %a = and i1 %warm, %long
  %worth = and i1 %a, %can
  br i1 %worth, label %note, label %plain
note:
  call void @wg_state(ptr %table, i64 %n, ptr %handles, ptr %before)
  store i64 3, ptr %state
  store i64 0, ptr %count.at
  br label %plain
seen:
  call void @wg_state(ptr %table, i64 %n, ptr %handles, ptr %after)
  %unlike = call i32 @memcmp(ptr %before, ptr %after, i64 %bytes)
  %as.it.was = icmp eq i32 %unlike, 0
  br i1 %as.it.was, label %start, label %on
on:
  %late = icmp sge i64 %count, {_LONGEST}
  br i1 %late, label %never, label %plain
never:
  store i64 2, ptr %state
  br label %plain
start:
  %periods = sdiv i64 %aim, %count
  %none = icmp eq i64 %periods, 0
  %times = select i1 %none, i64 1, i64 %periods
  %chosen = mul i64 %times, %count
  store i64 %chosen, ptr %size.at
  store i64 2, ptr %state
  %kernel.bytes = shl i64 %kernels, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %launches, ptr %counters, i64 %kernel.bytes, i1 false)
  %capture.f = call ptr @wg_word(ptr %table, i64 {Table.BEGIN})
  %begun = call i32 %capture.f(ptr %own, i32 {_RELAXED})
  %good = icmp eq i32 %begun, 0
  br i1 %good, label %capture, label %plain
capture:
  %stream = load ptr, ptr %stream.at
  store ptr %stream, ptr %held.at
  store ptr %own, ptr %stream.at
  store i64 1, ptr %state
  store i64 0, ptr %count.at
  br label %plain
plain:
  ret i64 0
captured:
  %size = load i64, ptr %size.at
  %full = icmp eq i64 %count, %size
  br i1 %full, label %end, label %plain
end:
  %back = load ptr, ptr %held.at
  store ptr %back, ptr %stream.at
  store ptr null, ptr %held.at
  store i64 2, ptr %state
  %finish = call ptr @wg_word(ptr %table, i64 {Table.END})
  %ended = call i32 %finish(ptr %own, ptr %graph.at)
  %whole = icmp eq i32 %ended, 0
  br i1 %whole, label %make, label %failed
make:
  %graph = load ptr, ptr %graph.at
  %instantiate = call ptr @wg_word(ptr %table, i64 {Table.INSTANTIATE})
  %status = call i32 %instantiate(ptr %made.at, ptr %graph, i64 0)
  %made.well = icmp eq i32 %status, 0
  br i1 %made.well, label %compare, label %failed
compare:
  %made = load ptr, ptr %made.at
  %run = call ptr @wg_word(ptr %table, i64 {Table.RUN})
  call void @wg_state(ptr %table, i64 %n, ptr %handles, ptr %after)
  %differs = call i32 @memcmp(ptr %before, ptr %after, i64 %bytes)
  %same = icmp eq i32 %differs, 0
  %fit = sdiv i64 %left, %size
  %again = select i1 %same, i64 %fit, i64 0
  br label %replay
replay:
  %k = phi i64 [ 0, %compare ], [ %k1, %next ]
  %ran = call i32 %run(ptr %made, ptr %back)
  %ran.well = icmp eq i32 %ran, 0
  br i1 %ran.well, label %poll, label %failed
poll:
  %told = call i1 @wg_tick(ptr %table)
  br i1 %told, label %give.up, label %next
next:
  %k1 = add i64 %k, 1
  %more = icmp sle i64 %k1, %again
  br i1 %more, label %replay, label %counts
counts:
  %j = phi i64 [ 0, %next ], [ %j1, %counted ]
  %some = icmp slt i64 %j, %kernels
  br i1 %some, label %counted, label %over
counted:
  %was.at = getelementptr i64, ptr %launches, i64 %j
  %was = load i64, ptr %was.at
  %is.at = getelementptr i64, ptr %counters, i64 %j
  %is = load i64, ptr %is.at
  %each = sub i64 %is, %was
  %others = mul i64 %each, %again
  %all = add i64 %is, %others
  store i64 %all, ptr %is.at
  %j1 = add i64 %j, 1
  br label %counts
over:
  call void @wg_let_go(ptr %table, ptr %made, ptr %graph)
  %left.out = mul i64 %again, %size
  ret i64 %left.out
give.up:
  call void @wg_let_go(ptr %table, ptr %made, ptr %graph)
  ret i64 -1
interrupted:
  ret i64 -1
failed:
  ret i64 -2
}}
; they go when they have run
define internal void @wg_let_go(ptr %table, ptr %made, ptr %graph) {{
  %f = call ptr @wg_word(ptr %table, i64 {Table.DESTROY})
  %a = call i32 %f(ptr %made)
  %g = call ptr @wg_word(ptr %table, i64 {Table.DESTROY_GRAPH})
  %b = call i32 %g(ptr %graph)
  ret void
}}
"""
