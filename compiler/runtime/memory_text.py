"""LLVM text of what compiled functions call while they run: memory, the look for signals, the handler of results' memory.

Buffers that become results are given to arrays with a memory handler of our own (NEP 49) that frees them.
"""

MEMORY = """
declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare ptr @realloc(ptr, i64)
declare ptr @malloc(i64)
declare ptr @calloc(i64, i64)
declare i32 @madvise(ptr, i64, i32)
declare i64 @malloc_usable_size(ptr)
declare {i64, i1} @llvm.umul.with.overflow.i64(i64, i64)
declare i32 @PyErr_CheckSignals()
declare void @PyErr_SetNone(ptr)
declare i64 @PyThread_get_thread_ident()
@PyExc_KeyboardInterrupt = external global ptr
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare i32 @clock_gettime(i32, ptr)

; Large temporaries are kept for the next call that needs the size: malloc gives such memory back to the system when it is
; freed, and getting its pages anew takes longer than a pass over them. At most four of 1 to 32 MB, and one of up to 256 MB
; (the tape of a time loop).
@wg_spares = global [5 x i64] zeroinitializer

define ptr @wg_reuse(i64 %bytes) {
entry:
  %worth = icmp uge i64 %bytes, 1048576
  br i1 %worth, label %each, label %none
each:
  %k = phi i64 [0, %entry], [%next, %other]
  %slot = getelementptr i64, ptr @wg_spares, i64 %k
  %seen = load atomic i64, ptr %slot monotonic, align 8
  %nothing = icmp eq i64 %seen, 0
  br i1 %nothing, label %other, label %try
try:
  %taken = atomicrmw xchg ptr %slot, i64 0 acq_rel
  %gone = icmp eq i64 %taken, 0
  br i1 %gone, label %other, label %have
have:
  %p = inttoptr i64 %taken to ptr
  %usable = call i64 @malloc_usable_size(ptr %p)
  %half = lshr i64 %usable, 1
  %enough = icmp uge i64 %usable, %bytes
  %fitting = icmp ule i64 %half, %bytes
  %fits = and i1 %enough, %fitting
  br i1 %fits, label %found, label %put_back
put_back:
  %pair = cmpxchg ptr %slot, i64 0, i64 %taken acq_rel monotonic
  %back = extractvalue {i64, i1} %pair, 1
  br i1 %back, label %other, label %drop
drop:
  call void @free(ptr %p)
  br label %other
other:
  %next = add i64 %k, 1
  %end = icmp eq i64 %next, 5
  br i1 %end, label %none, label %each
found:
  ret ptr %p
none:
  ret ptr null
}

define void @wg_give_back(ptr %p) {
entry:
  %absent = icmp eq ptr %p, null
  br i1 %absent, label %done, label %look
look:
  %usable = call i64 @malloc_usable_size(ptr %p)
  %above = icmp uge i64 %usable, 1048576
  %below = icmp ule i64 %usable, 268435456
  %keep = and i1 %above, %below
  %number = ptrtoint ptr %p to i64
  br i1 %keep, label %kept, label %let_go
kept:
  %tape = icmp ugt i64 %usable, 33554432
  %last = getelementptr i64, ptr @wg_spares, i64 4
  br i1 %tape, label %exchange, label %each
each:
  %k = phi i64 [0, %kept], [%next, %other]
  %slot = getelementptr i64, ptr @wg_spares, i64 %k
  %pair = cmpxchg ptr %slot, i64 0, i64 %number acq_rel monotonic
  %put = extractvalue {i64, i1} %pair, 1
  br i1 %put, label %done, label %other
other:
  %next = add i64 %k, 1
  %end = icmp eq i64 %next, 4
  br i1 %end, label %exchange, label %each
exchange:
  %where = phi ptr [%last, %kept], [@wg_spares, %other]
  %old = atomicrmw xchg ptr %where, i64 %number acq_rel
  %old_p = inttoptr i64 %old to ptr
  call void @free(ptr %old_p)
  br label %done
let_go:
  call void @free(ptr %p)
  br label %done
done:
  ret void
}

; memory for %count elements of %size bytes, noted in the table of live buffers; null where there is none
define ptr @wg_allocate(ptr %live, i64 %count, i64 %size) {
entry:
  %product = call {i64, i1} @llvm.umul.with.overflow.i64(i64 %count, i64 %size)
  %bytes = extractvalue {i64, i1} %product, 0
  %overflow = extractvalue {i64, i1} %product, 1
  %large = icmp ugt i64 %bytes, 140737488355328
  %impossible = or i1 %overflow, %large
  br i1 %impossible, label %none, label %get
get:
  %plus = add i64 %bytes, 63
  %down = and i64 %plus, -64
  %empty = icmp eq i64 %down, 0
  %rounded = select i1 %empty, i64 64, i64 %down
  %spare = call ptr @wg_reuse(i64 %rounded)
  %is_spare = icmp ne ptr %spare, null
  br i1 %is_spare, label %note, label %fresh
fresh:
  %made = call ptr @aligned_alloc(i64 64, i64 %rounded)
  %missing = icmp eq ptr %made, null
  br i1 %missing, label %none, label %advise
advise:                                    ; huge pages for large buffers, as NumPy does
  %huge = icmp uge i64 %rounded, 4194304
  br i1 %huge, label %pages, label %note
pages:
  %address = ptrtoint ptr %made to i64
  %up = add i64 %address, 4095
  %page = and i64 %up, -4096
  %skipped = sub i64 %page, %address
  %length = sub i64 %rounded, %skipped
  %at = inttoptr i64 %page to ptr
  %ignored = call i32 @madvise(ptr %at, i64 %length, i32 14)
  br label %note
note:
  %p = phi ptr [%spare, %get], [%made, %advise], [%made, %pages]
  %capacity = load i64, ptr %live
  br label %find
find:
  %k = phi i64 [1, %note], [%next, %occupied]
  %full = icmp ugt i64 %k, %capacity
  br i1 %full, label %give_up, label %look
look:
  %slot = getelementptr ptr, ptr %live, i64 %k
  %held = load ptr, ptr %slot
  %is_free = icmp eq ptr %held, null
  br i1 %is_free, label %take, label %occupied
occupied:
  %next = add i64 %k, 1
  br label %find
take:
  store ptr %p, ptr %slot
  ret ptr %p
give_up:
  call void @free(ptr %p)
  ret ptr null
none:
  ret ptr null
}

; forget a buffer; returns whether it was in the table
define i1 @wg_forget(ptr %live, ptr %p) {
entry:
  %capacity = load i64, ptr %live
  br label %find
find:
  %k = phi i64 [1, %entry], [%next, %other]
  %absent = icmp ugt i64 %k, %capacity
  br i1 %absent, label %no, label %look
look:
  %slot = getelementptr ptr, ptr %live, i64 %k
  %held = load ptr, ptr %slot
  %same = icmp eq ptr %held, %p
  br i1 %same, label %yes, label %other
other:
  %next = add i64 %k, 1
  br label %find
yes:
  store ptr null, ptr %slot
  ret i1 true
no:
  ret i1 false
}

define void @wg_release(ptr %live, ptr %p) {
  %ignored = call i1 @wg_forget(ptr %live, ptr %p)
  ret void
}

define void @wg_free(ptr %live, ptr %p) {
entry:
  %held = call i1 @wg_forget(ptr %live, ptr %p)
  br i1 %held, label %do, label %done
do:
  call void @wg_give_back(ptr %p)
  br label %done
done:
  ret void
}

define void @wg_free_all(ptr %live) {
entry:
  %capacity = load i64, ptr %live
  br label %each
each:
  %k = phi i64 [1, %entry], [%next, %some]
  %end = icmp ugt i64 %k, %capacity
  br i1 %end, label %done, label %some
some:
  %slot = getelementptr ptr, ptr %live, i64 %k
  %held = load ptr, ptr %slot
  call void @wg_give_back(ptr %held)
  store ptr null, ptr %slot
  %next = add i64 %k, 1
  br label %each
done:
  ret void
}

; every 5 ms, as Python's own loop: let Python's other threads run, where some wait
@wg_gave_way = internal global i64 0
define internal void @wg_give_way() {
entry:
  %t = alloca [2 x i64]
  store [2 x i64] zeroinitializer, ptr %t
  %ignored = call i32 @clock_gettime(i32 1, ptr %t)
  %s = load i64, ptr %t
  %at = getelementptr i64, ptr %t, i64 1
  %n = load i64, ptr %at
  %b = mul i64 %s, 1000000000
  %now = add i64 %b, %n
  %before = load i64, ptr @wg_gave_way
  %since = sub i64 %now, %before
  %due = icmp sgt i64 %since, 5000000
  br i1 %due, label %give, label %done
give:
  %python = call ptr @PyEval_SaveThread()
  call void @PyEval_RestoreThread(ptr %python)
  %again = call i32 @clock_gettime(i32 1, ptr %t)
  %s1 = load i64, ptr %t
  %n1 = load i64, ptr %at
  %b1 = mul i64 %s1, 1000000000
  %now1 = add i64 %b1, %n1
  store i64 %now1, ptr @wg_gave_way
  br label %done
done:
  ret void
}

; Threads of Python (by their number) whose calls are to end as by a signal, which only the main thread is told of: the parts of a
; split call that was interrupted. Written and read with the GIL.
@wg_unwanted = global [64 x i64] zeroinitializer
@wg_unwanted_count = global i32 0

; where in the list %which is; 64: nowhere
define internal i64 @wg_place_of(i64 %which) {
entry:
  br label %each
each:
  %k = phi i64 [0, %entry], [%next, %other]
  %at = getelementptr i64, ptr @wg_unwanted, i64 %k
  %there = load i64, ptr %at
  %same = icmp eq i64 %there, %which
  br i1 %same, label %done, label %other
other:
  %next = add i64 %k, 1
  %go = icmp slt i64 %next, 64
  br i1 %go, label %each, label %done
done:
  %found = phi i64 [%k, %each], [64, %other]
  ret i64 %found
}

; put %who in place of %which; 0: nobody
define void @wg_replace_unwanted(i64 %which, i64 %who, i32 %more) {
entry:
  %k = call i64 @wg_place_of(i64 %which)
  %some = icmp slt i64 %k, 64
  br i1 %some, label %found, label %done
found:
  %at = getelementptr i64, ptr @wg_unwanted, i64 %k
  store i64 %who, ptr %at
  %count = load i32, ptr @wg_unwanted_count
  %changed = add i32 %count, %more
  store i32 %changed, ptr @wg_unwanted_count
  br label %done
done:
  ret void
}

; whether a handler of signals has raised, or this thread's call is not wanted any more
define i32 @wg_told() {
entry:
  %r = call i32 @PyErr_CheckSignals()
  %count = load i32, ptr @wg_unwanted_count
  %some = icmp ne i32 %count, 0
  %fine = icmp eq i32 %r, 0
  %look = and i1 %some, %fine
  br i1 %look, label %ask, label %done
ask:
  %me = call i64 @PyThread_get_thread_ident()
  %k = call i64 @wg_place_of(i64 %me)
  %mine = icmp slt i64 %k, 64
  br i1 %mine, label %unwanted, label %done
unwanted:
  %kind = load ptr, ptr @PyExc_KeyboardInterrupt
  call void @PyErr_SetNone(ptr %kind)
  ret i32 -1
done:
  ret i32 %r
}

; %fuel: what is left before the next look, and the context (see threads.py)
@wg_stop = global i32 0
define i32 @wg_poll(ptr %fuel) {
entry:
  %context_at = getelementptr i64, ptr %fuel, i64 1
  %context = load i64, ptr %context_at
  %is_worker = icmp eq i64 %context, 1
  br i1 %is_worker, label %worker, label %ask
worker:
  %stop = load atomic i32, ptr @wg_stop acquire, align 4
  ret i32 %stop
ask:
  call void @wg_give_way()
  %r = call i32 @wg_told()
  %in_pool = icmp eq i64 %context, 2
  %some = icmp ne i32 %r, 0
  %tell = and i1 %in_pool, %some
  br i1 %tell, label %halt, label %done
halt:
  store atomic i32 1, ptr @wg_stop release, align 4
  br label %done
done:
  ret i32 %r
}

; -- the memory handler of result arrays

define ptr @wg_h_malloc(ptr %c, i64 %n) {
  %p = call ptr @malloc(i64 %n)
  ret ptr %p
}
define ptr @wg_h_calloc(ptr %c, i64 %n, i64 %m) {
  %p = call ptr @calloc(i64 %n, i64 %m)
  ret ptr %p
}
define ptr @wg_h_realloc(ptr %c, ptr %o, i64 %n) {
  %p = call ptr @realloc(ptr %o, i64 %n)
  ret ptr %p
}
define void @wg_h_free(ptr %c, ptr %o, i64 %n) {
  call void @wg_give_back(ptr %o)
  ret void
}
@wg_handler = global {[127 x i8], i8, ptr, ptr, ptr, ptr, ptr} {[127 x i8] zeroinitializer, i8 1, ptr null,
  ptr @wg_h_malloc, ptr @wg_h_calloc, ptr @wg_h_realloc, ptr @wg_h_free}
@wg_handler_capsule = global ptr null
"""
