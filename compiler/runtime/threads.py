"""The pool of threads that parallel loops and large array expressions run on, as machine code.

`wg_parallel` cuts a range into chunks and calls a *task* for each: the calling thread and the workers take the next chunk
when they are done with theirs. Which chunks there are depends on the range alone, never on the number of threads.

    i32 task(ptr env, i64 first, i64 last, ptr record, i64 context)      0: done, 1: a fault, 2: interrupted

A record holds a fault's number and two operands, then what the task leaves of reductions. After a fault chunks
that come later are skipped and the earlier ones finished, so the fault reported is the first in the order of iterations.
context: 0 outside of the pool, 1 a worker, 2 the calling thread; only the latter asks Python for signals.

While the pool is busy (a call from another Python thread, or from a signal handler), a range runs on the calling thread.
Workers start when first needed, sleep between ranges, end before the process does, and are forgotten in a forked child.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys

from wengert.compiler.backend import target
from wengert.compiler.diag.errors import OptionError

MOST = 256
"""Threads at most."""
VARIABLE = "WENGERT_NUM_THREADS"
SYMBOLS = ("wg_run", "wg_chunk_count", "wg_pool_init", "wg_pool_stop", "wg_threads", "wg_grain")

_POOL = """
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_attr_init(ptr)
declare i32 @pthread_attr_setstacksize(ptr, i64)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(ptr, ptr)
declare i64 @llvm.smin.i64(i64, i64)

@wg_threads = global i64 1
@wg_grain = global i64 32768
@wg_mutex = internal global [16 x i64] zeroinitializer, align 16
@wg_wake = internal global [16 x i64] zeroinitializer, align 16
@wg_done = internal global [16 x i64] zeroinitializer, align 16
@wg_handles = internal global [256 x ptr] zeroinitializer
@wg_started = internal global i64 0
@wg_quit = internal global i64 0
@wg_busy = internal global i64 0, align 64
@wg_generation = internal global i64 0, align 64       ; which range it is; the workers sleep on it
@wg_open = internal global i64 0                       ; whether workers may still join
@wg_active = internal global i64 0, align 64           ; workers that joined and are not done
@wg_next = internal global i64 0, align 64
@wg_first_fault = internal global i64 0
@job_task = internal global ptr null, align 64
@job_env = internal global ptr null
@job_first = internal global i64 0
@job_last = internal global i64 0
@job_size = internal global i64 0
@job_chunks = internal global i64 0
@job_records = internal global ptr null
@job_words = internal global i64 0

define void @wg_pool_init() {
  %1 = call i32 @pthread_mutex_init(ptr @wg_mutex, ptr null)
  %2 = call i32 @pthread_cond_init(ptr @wg_wake, ptr null)
  %3 = call i32 @pthread_cond_init(ptr @wg_done, ptr null)
  store i64 0, ptr @wg_started
  store i64 0, ptr @wg_busy
  store i64 0, ptr @wg_generation
  store i64 0, ptr @wg_open
  store i64 0, ptr @wg_active
  store i64 0, ptr @wg_quit
  ret void
}

define internal void @work(i64 %context) {
entry:
  %task = load ptr, ptr @job_task
  %env = load ptr, ptr @job_env
  %first = load i64, ptr @job_first
  %last = load i64, ptr @job_last
  %size = load i64, ptr @job_size
  %chunks = load i64, ptr @job_chunks
  %records = load ptr, ptr @job_records
  %words = load i64, ptr @job_words
  br label %take
take:
  %k = atomicrmw add ptr @wg_next, i64 1 acq_rel
  %some = icmp slt i64 %k, %chunks
  br i1 %some, label %look, label %end
look:
  %stop = load atomic i32, ptr @wg_stop acquire, align 4
  %go = icmp eq i32 %stop, 0
  %fault = load atomic i64, ptr @wg_first_fault acquire, align 8
  %before = icmp slt i64 %k, %fault
  %needed = and i1 %go, %before
  br i1 %needed, label %run, label %take
run:
  %skip = mul i64 %k, %size
  %low = add i64 %first, %skip
  %up = add i64 %low, %size
  %high = call i64 @llvm.smin.i64(i64 %up, i64 %last)
  %at = mul i64 %k, %words
  %record = getelementptr i64, ptr %records, i64 %at
  %status = call i32 %task(ptr %env, i64 %low, i64 %high, ptr %record, i64 %context)
  %faulty = icmp eq i32 %status, 1
  br i1 %faulty, label %note, label %take
note:
  %old = atomicrmw min ptr @wg_first_fault, i64 %k acq_rel
  br label %take
end:
  ret void
}

; look at a word for a while, then sleep, until it is (%equal) or is not %value, or the pool is to stop; the mutex is then held
define internal void @await(ptr %word, i64 %value, i1 %equal, ptr %signal) {
entry:
  br label %spin
spin:
  %tries = phi i64 [0, %entry], [%tried, %again]
  %now = load atomic i64, ptr %word acquire, align 8
  %is = icmp eq i64 %now, %value
  %so = icmp eq i1 %is, %equal
  %tired = icmp eq i64 %tries, 1000
  %enough = or i1 %so, %tired
  br i1 %enough, label %lock, label %again
again:
  PAUSE
  %tried = add i64 %tries, 1
  br label %spin
lock:
  %l = call i32 @pthread_mutex_lock(ptr @wg_mutex)
  br label %check
check:
  %quit = load i64, ptr @wg_quit
  %leave = icmp ne i64 %quit, 0
  %then = load atomic i64, ptr %word acquire, align 8
  %then_is = icmp eq i64 %then, %value
  %then_so = icmp eq i1 %then_is, %equal
  %done = or i1 %leave, %then_so
  br i1 %done, label %end, label %sleep
sleep:
  %s = call i32 @pthread_cond_wait(ptr %signal, ptr @wg_mutex)
  br label %check
end:
  ret void
}

define internal ptr @worker(ptr %argument) {
entry:
  %own = ptrtoint ptr %argument to i64
  br label %rest
rest:
  %seen = phi i64 [0, %entry], [%g, %joined], [%g, %finish]
  call void @await(ptr @wg_generation, i64 %seen, i1 false, ptr @wg_wake)
  %quit = load i64, ptr @wg_quit
  %leave = icmp ne i64 %quit, 0
  br i1 %leave, label %exit, label %join
join:
  %g = load atomic i64, ptr @wg_generation monotonic, align 8
  %open = load i64, ptr @wg_open
  %is_open = icmp ne i64 %open, 0
  %threads = load i64, ptr @wg_threads
  %wanted = icmp slt i64 %own, %threads
  %joins = and i1 %is_open, %wanted
  %one = zext i1 %joins to i64
  %count = atomicrmw add ptr @wg_active, i64 %one acq_rel
  %u = call i32 @pthread_mutex_unlock(ptr @wg_mutex)
  br i1 %joins, label %do, label %joined
joined:
  br label %rest
do:
  call void @work(i64 1)
  %l2 = call i32 @pthread_mutex_lock(ptr @wg_mutex)
  %left = atomicrmw sub ptr @wg_active, i64 1 acq_rel
  %was_last = icmp eq i64 %left, 1
  br i1 %was_last, label %tell, label %finish_
tell:
  %t = call i32 @pthread_cond_broadcast(ptr @wg_done)
  br label %finish_
finish_:
  %u2 = call i32 @pthread_mutex_unlock(ptr @wg_mutex)
  br label %finish
finish:
  br label %rest
exit:
  %u3 = call i32 @pthread_mutex_unlock(ptr @wg_mutex)
  ret ptr null
}

define internal void @start_workers(i64 %wanted) {
entry:
  %attributes = alloca [16 x i64], align 16
  br label %each
each:
  %started = load i64, ptr @wg_started
  %more = icmp slt i64 %started, %wanted
  br i1 %more, label %make, label %done
make:
  %a = call i32 @pthread_attr_init(ptr %attributes)
  %b = call i32 @pthread_attr_setstacksize(ptr %attributes, i64 8388608)
  %handle = getelementptr ptr, ptr @wg_handles, i64 %started
  %number = add i64 %started, 1
  %argument = inttoptr i64 %number to ptr
  %failed = call i32 @pthread_create(ptr %handle, ptr %attributes, ptr @worker, ptr %argument)
  %ok = icmp eq i32 %failed, 0
  br i1 %ok, label %count, label %done
count:
  store i64 %number, ptr @wg_started
  br label %each
done:
  ret void
}

define void @wg_pool_stop() {
entry:
  %busy = load atomic i64, ptr @wg_busy acquire, align 8
  %idle = icmp eq i64 %busy, 0
  br i1 %idle, label %stop, label %done
stop:
  %l = call i32 @pthread_mutex_lock(ptr @wg_mutex)
  store i64 1, ptr @wg_quit
  %w = call i32 @pthread_cond_broadcast(ptr @wg_wake)
  %u = call i32 @pthread_mutex_unlock(ptr @wg_mutex)
  %n = load i64, ptr @wg_started
  br label %each
each:
  %k = phi i64 [0, %stop], [%next, %join]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %join, label %reset
join:
  %at = getelementptr ptr, ptr @wg_handles, i64 %k
  %handle = load ptr, ptr %at
  %j = call i32 @pthread_join(ptr %handle, ptr null)
  %next = add i64 %k, 1
  br label %each
reset:
  call void @wg_pool_init()
  br label %done
done:
  ret void
}

; iterations per chunk: chunks of 32,768 simple operations or more, 256 of them at most, and one where there would be fewer
; than 4; a multiple of %align. It depends on nothing but the range
define i64 @wg_chunk_size(i64 %trips, i64 %weight, i64 %align) {
entry:
  %capped = call i64 @llvm.smin.i64(i64 %trips, i64 1099511627776)
  %light = call i64 @llvm.smin.i64(i64 %weight, i64 1048576)
  %work = mul i64 %capped, %light
  %grain = load i64, ptr @wg_grain
  %grains = sdiv i64 %work, %grain
  %some = call i64 @llvm.smin.i64(i64 %grains, i64 256)
  %most = call i64 @llvm.smin.i64(i64 %some, i64 %capped)
  %few = icmp slt i64 %grains, 4
  %least = icmp slt i64 %most, 1
  %one = or i1 %few, %least
  %chunks = select i1 %one, i64 1, i64 %most
  %above = add i64 %trips, %chunks
  %up = sub i64 %above, 1
  %size = sdiv i64 %up, %chunks
  %none = icmp slt i64 %size, 1
  %some_size = select i1 %none, i64 1, i64 %size
  %most_over = sub i64 %align, 1
  %over = add i64 %some_size, %most_over
  %units = sdiv i64 %over, %align
  %result = mul i64 %units, %align
  ret i64 %result
}

define i64 @wg_chunk_count(i64 %trips, i64 %weight, i64 %align) {
  %size = call i64 @wg_chunk_size(i64 %trips, i64 %weight, i64 %align)
  %more = sub i64 %size, 1
  %above = add i64 %trips, %more
  %chunks = sdiv i64 %above, %size
  ret i64 %chunks
}

; as wg_parallel, for iterations of a weight in chunks that are multiples of %align
define i64 @wg_run(ptr %task, ptr %env, i64 %first, i64 %last, i64 %weight, i64 %align, ptr %records, i64 %words, i64 %whole) {
  %trips = sub i64 %last, %first
  %size = call i64 @wg_chunk_size(i64 %trips, i64 %weight, i64 %align)
  %chunks = call i64 @wg_chunk_count(i64 %trips, i64 %weight, i64 %align)
  %outcome = call i64 @wg_parallel(ptr %task, ptr %env, i64 %first, i64 %last, i64 %size, i64 %chunks, ptr %records,
                                   i64 %words, i64 %whole)
  ret i64 %outcome
}

; -1: all done, -2: interrupted, else the first chunk with a fault
define i64 @wg_parallel(ptr %task, ptr %env, i64 %first, i64 %last, i64 %size, i64 %chunks, ptr %records, i64 %words,
                        i64 %whole) {
entry:
  %threads = load i64, ptr @wg_threads
  %alone = icmp slt i64 %threads, 2
  %single = icmp slt i64 %chunks, 2
  %serial = or i1 %alone, %single
  br i1 %serial, label %in_order, label %try
try:
  %pair = cmpxchg ptr @wg_busy, i64 0, i64 1 acq_rel monotonic
  %got = extractvalue {i64, i1} %pair, 1
  br i1 %got, label %open, label %in_order
open:
  %wanted = sub i64 %threads, 1
  %most = sub i64 %chunks, 1
  %needed = call i64 @llvm.smin.i64(i64 %wanted, i64 %most)
  call void @start_workers(i64 %needed)
  store ptr %task, ptr @job_task
  store ptr %env, ptr @job_env
  store i64 %first, ptr @job_first
  store i64 %last, ptr @job_last
  store i64 %size, ptr @job_size
  store i64 %chunks, ptr @job_chunks
  store ptr %records, ptr @job_records
  store i64 %words, ptr @job_words
  store atomic i32 0, ptr @wg_stop monotonic, align 4
  store atomic i64 9223372036854775807, ptr @wg_first_fault monotonic, align 8
  store atomic i64 0, ptr @wg_next release, align 8
  %l = call i32 @pthread_mutex_lock(ptr @wg_mutex)
  store i64 1, ptr @wg_open
  %g = atomicrmw add ptr @wg_generation, i64 1 acq_rel
  %b = call i32 @pthread_cond_broadcast(ptr @wg_wake)
  %u = call i32 @pthread_mutex_unlock(ptr @wg_mutex)
  call void @work(i64 2)
  %l2 = call i32 @pthread_mutex_lock(ptr @wg_mutex)
  store i64 0, ptr @wg_open
  %u2 = call i32 @pthread_mutex_unlock(ptr @wg_mutex)
  call void @await(ptr @wg_active, i64 0, i1 true, ptr @wg_done)
  %u3 = call i32 @pthread_mutex_unlock(ptr @wg_mutex)
  %stopped32 = load atomic i32, ptr @wg_stop acquire, align 4
  %fault = load atomic i64, ptr @wg_first_fault acquire, align 8
  store atomic i64 0, ptr @wg_busy release, align 8
  %stopped = icmp ne i32 %stopped32, 0
  %fine = icmp eq i64 %fault, 9223372036854775807
  %fault_or = select i1 %fine, i64 -1, i64 %fault
  %result = select i1 %stopped, i64 -2, i64 %fault_or
  ret i64 %result

in_order:
  %at_once = icmp ne i64 %whole, 0
  br i1 %at_once, label %one, label %head
one:
  %status1 = call i32 %task(ptr %env, i64 %first, i64 %last, ptr %records, i64 0)
  br label %leave
head:
  %k = phi i64 [0, %in_order], [%next, %chunk]
  %more = icmp slt i64 %k, %chunks
  br i1 %more, label %chunk, label %all_done
chunk:
  %skip = mul i64 %k, %size
  %low = add i64 %first, %skip
  %up = add i64 %low, %size
  %high = call i64 @llvm.smin.i64(i64 %up, i64 %last)
  %at = mul i64 %k, %words
  %record = getelementptr i64, ptr %records, i64 %at
  %status = call i32 %task(ptr %env, i64 %low, i64 %high, ptr %record, i64 0)
  %next = add i64 %k, 1
  %good = icmp eq i32 %status, 0
  br i1 %good, label %head, label %leave
leave:
  %number = phi i64 [0, %one], [%k, %chunk]
  %outcome = phi i32 [%status1, %one], [%status, %chunk]
  %interrupted = icmp eq i32 %outcome, 2
  %is_fine = icmp eq i32 %outcome, 0
  %which = select i1 %is_fine, i64 -1, i64 %number
  %final = select i1 %interrupted, i64 -2, i64 %which
  ret i64 %final
all_done:
  ret i64 -1
}
"""

_ALONE = """
@wg_threads = global i64 1
@wg_grain = global i64 32768
define void @wg_pool_init() {
  ret void
}
define void @wg_pool_stop() {
  ret void
}
"""


def are_there() -> bool:
    """Whether this system has threads as the pool uses them (POSIX)."""
    return sys.platform != "win32"


def text() -> str:
    """The LLVM text of the pool."""
    if not are_there():  # `wg_parallel` alone, which then never finds a second thread
        serial = _POOL[_POOL.index("; iterations per chunk") :]
        head, tail = serial.split("try:\n")[0], serial[serial.index("in_order:") :]
        return (_ALONE + "declare i64 @llvm.smin.i64(i64, i64)\n" + head + tail).replace(
            "br i1 %serial, label %in_order, label %try", "br label %in_order"
        )
    x86 = target.triple().startswith(("x86_64", "i686"))
    pause = "call void @llvm.x86.sse2.pause()" if x86 else ""
    return ("declare void @llvm.x86.sse2.pause()\n" if x86 else "") + _POOL.replace("PAUSE", pause)


class Pool:
    """The pool of this process. addresses: of SYMBOLS."""

    def __init__(self, addresses: dict[str, int]):
        self._count = ctypes.c_int64.from_address(addresses["wg_threads"])
        self.grain = ctypes.c_int64.from_address(addresses["wg_grain"])
        """Simple operations that a chunk has at least."""
        initialise = ctypes.CFUNCTYPE(None)(addresses["wg_pool_init"])
        self.stop = ctypes.CFUNCTYPE(None)(addresses["wg_pool_stop"])
        initialise()
        self.count = default_count()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=initialise)
        atexit.register(self.stop)

    @property
    def count(self) -> int:
        """How many threads work at once, the calling one included."""
        return self._count.value

    @count.setter
    def count(self, number: int) -> None:
        self._count.value = max(1, min(number, MOST)) if are_there() else 1


def default_count() -> int:
    """WENGERT_NUM_THREADS, else the cores that this process may use. Raises OptionError where the variable is no count."""
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not given.isdigit() or int(given) < 1:
        raise OptionError(f"{VARIABLE} is {given!r}", help="It is a number of threads, 1 or more.")
    return int(given)
