"""The machine code that every compiled function shares: memory, interrupts, and the call from Python.

`wg_call` is a METH_FASTCALL function. Its `self` is a tuple whose first item, a bytes object, holds a *descriptor* (see
calls.py): the kernel's address and what each argument must be. It checks and unpacks the arguments into the frame, runs
the kernel, wraps the results. It never converts: what does not fit exactly makes it return NotImplemented, and Python
decides what to do.

Arrays are read by the fields of NumPy's array object, whose layout is part of its ABI (numpy/ndarraytypes.h:
PyArrayObject_fields); `_check_layout` compares them with what NumPy says before they are trusted. Buffers that become
results are given to arrays with a memory handler of our own (NEP 49) that frees them.
"""

from __future__ import annotations

import ctypes
import hashlib
from functools import cache

import llvmlite
import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from wengert.compiler.backend import target
from wengert.compiler.runtime import store, threads

ARRAY, SCALAR, PYTHON = 0, 1, 2
RAW, FROM_INT, FROM_BOOL = 0, 1, 2
HEADER_WORDS, FIXED_WORDS, RESULT_WORDS = 8, 8, 6
"""Words of a descriptor's header, of a parameter before its extents, of a result."""

_MEMORY = """
declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare ptr @realloc(ptr, i64)
declare ptr @malloc(i64)
declare ptr @calloc(i64, i64)
declare i32 @madvise(ptr, i64, i32)
declare i64 @malloc_usable_size(ptr)
declare {i64, i1} @llvm.umul.with.overflow.i64(i64, i64)
declare i32 @PyErr_CheckSignals()

; Large temporaries are kept for the next call that needs the size: malloc gives such memory back to the system when it is
; freed, and getting its pages anew takes longer than a pass over them. At most four, of 1 to 32 MB.
@wg_spares = global [4 x i64] zeroinitializer

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
  %end = icmp eq i64 %next, 4
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
  %below = icmp ule i64 %usable, 33554432
  %keep = and i1 %above, %below
  %number = ptrtoint ptr %p to i64
  br i1 %keep, label %each, label %let_go
each:
  %k = phi i64 [0, %look], [%next, %other]
  %slot = getelementptr i64, ptr @wg_spares, i64 %k
  %pair = cmpxchg ptr %slot, i64 0, i64 %number acq_rel monotonic
  %put = extractvalue {i64, i1} %pair, 1
  br i1 %put, label %done, label %other
other:
  %next = add i64 %k, 1
  %end = icmp eq i64 %next, 4
  br i1 %end, label %exchange, label %each
exchange:
  %old = atomicrmw xchg ptr @wg_spares, i64 %number acq_rel
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
  %r = call i32 @PyErr_CheckSignals()
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

_CALL = """
@PyFloat_Type = external global i8
@_Py_NotImplementedStruct = external global i8
@_Py_NoneStruct = external global i8
@_Py_TrueStruct = external global i8
@wg_array_type = external global i8
declare void @Py_IncRef(ptr)
declare void @Py_DecRef(ptr)
declare i64 @PyLong_AsLongLongAndOverflow(ptr, ptr)
declare ptr @PyTuple_New(i64)
declare i32 @PyTuple_SetItem(ptr, i64, ptr)
declare ptr @PyObject_CallFunction(ptr, ptr, ...)
declare ptr @wg_array_new(ptr, i32, ptr, i32, ptr, ptr, i32, i32, ptr)
declare ptr @wg_scalar_new(ptr, ptr, ptr)
declare ptr @PyBool_FromLong(i64)
declare ptr @PyLong_FromLongLong(i64)
declare ptr @PyFloat_FromDouble(double)
declare ptr @PyComplex_FromDoubles(double, double)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
@wg_format = constant [4 x i8] c"LLL\\00"

define internal i64 @word(ptr %base, i64 %k) alwaysinline {
  %p = getelementptr i64, ptr %base, i64 %k
  %v = load i64, ptr %p
  ret i64 %v
}

; unpack one array argument into its slot; false where it does not fit
define internal i1 @unpack_array(ptr %record, ptr %o, ptr %slot, ptr %range) {
entry:
  %type_at = getelementptr i8, ptr %o, i64 8
  %type = load ptr, ptr %type_at
  %is_array = icmp eq ptr %type, @wg_array_type
  br i1 %is_array, label %dtype, label %no
dtype:
  %descr_at = getelementptr i8, ptr %o, i64 56
  %descr = load ptr, ptr %descr_at
  %number_at = getelementptr i8, ptr %descr, i64 28
  %number32 = load i32, ptr %number_at
  %number = sext i32 %number32 to i64
  %want = call i64 @word(ptr %record, i64 1)
  %or = call i64 @word(ptr %record, i64 2)
  %is = icmp eq i64 %number, %want
  %is_other = icmp eq i64 %number, %or
  %typed = or i1 %is, %is_other
  %order_at = getelementptr i8, ptr %descr, i64 26
  %order = load i8, ptr %order_at
  %native = icmp ne i8 %order, 62
  %good = and i1 %typed, %native
  br i1 %good, label %rank, label %no
rank:
  %nd_at = getelementptr i8, ptr %o, i64 24
  %nd32 = load i32, ptr %nd_at
  %nd = sext i32 %nd32 to i64
  %want_rank = call i64 @word(ptr %record, i64 3)
  %same_rank = icmp eq i64 %nd, %want_rank
  %flags_at = getelementptr i8, ptr %o, i64 64
  %flags32 = load i32, ptr %flags_at
  %flags = sext i32 %flags32 to i64
  %mask = call i64 @word(ptr %record, i64 5)
  %have = and i64 %flags, %mask
  %flagged = icmp eq i64 %have, %mask
  %ok = and i1 %same_rank, %flagged
  br i1 %ok, label %fields, label %no
fields:
  %data_at = getelementptr i8, ptr %o, i64 16
  %data = load i64, ptr %data_at
  store i64 %data, ptr %slot
  %dims_at = getelementptr i8, ptr %o, i64 32
  %dims = load ptr, ptr %dims_at
  %strides_at = getelementptr i8, ptr %o, i64 40
  %strides = load ptr, ptr %strides_at
  %size = call i64 @word(ptr %record, i64 7)
  br label %axis
axis:
  %k = phi i64 [0, %fields], [%next, %store]
  %low = phi i64 [%data, %fields], [%low2, %store]
  %high = phi i64 [%data, %fields], [%high2, %store]
  %elements = phi i64 [1, %fields], [%elements2, %store]
  %more = icmp slt i64 %k, %nd
  br i1 %more, label %extent, label %yes
extent:
  %n = call i64 @word(ptr %dims, i64 %k)
  %static_at = add i64 %k, 8
  %static = call i64 @word(ptr %record, i64 %static_at)
  %any = icmp slt i64 %static, 0
  %is_static = icmp eq i64 %n, %static
  %not_one = icmp ne i64 %n, 1
  %fits = select i1 %any, i1 %not_one, i1 %is_static
  br i1 %fits, label %stride, label %no
stride:
  %s = call i64 @word(ptr %strides, i64 %k)
  %in_elements = sdiv i64 %s, %size
  %rest = srem i64 %s, %size
  %whole = icmp eq i64 %rest, 0
  %used = icmp sgt i64 %n, 1
  %unused = xor i1 %used, true
  %divides = or i1 %whole, %unused
  br i1 %divides, label %store, label %no
store:
  %at_n = add i64 %k, 1
  %slot_n = getelementptr i64, ptr %slot, i64 %at_n
  store i64 %n, ptr %slot_n
  %at_s = add i64 %at_n, %nd
  %slot_s = getelementptr i64, ptr %slot, i64 %at_s
  store i64 %in_elements, ptr %slot_s
  %last = sub i64 %n, 1
  %span = mul i64 %last, %s
  %back = icmp slt i64 %span, 0
  %low_b = add i64 %low, %span
  %high_b = add i64 %high, %span
  %low2 = select i1 %back, i64 %low_b, i64 %low
  %high2 = select i1 %back, i64 %high, i64 %high_b
  %elements2 = mul i64 %elements, %n
  %next = add i64 %k, 1
  br label %axis
yes:
  %none = icmp eq i64 %elements, 0
  %end = add i64 %high, %size
  %end_or = select i1 %none, i64 %low, i64 %end
  store i64 %low, ptr %range
  %range_end = getelementptr i64, ptr %range, i64 1
  store i64 %end_or, ptr %range_end
  ret i1 true
no:
  ret i1 false
}

; unpack one scalar argument into its slot; false where it does not fit
define internal i1 @unpack_scalar(ptr %record, ptr %o, ptr %slot, ptr %scratch) {
entry:
  %type_at = getelementptr i8, ptr %o, i64 8
  %type = load i64, ptr %type_at
  %first = call i64 @word(ptr %record, i64 1)
  %is_first = icmp eq i64 %type, %first
  br i1 %is_first, label %raw, label %other
other:
  %second = call i64 @word(ptr %record, i64 2)
  %is_second = icmp eq i64 %type, %second
  br i1 %is_second, label %convert, label %no
convert:
  %mode = call i64 @word(ptr %record, i64 3)
  switch i64 %mode, label %raw [ i64 1, label %int i64 2, label %bool ]
raw:
  %value = getelementptr i8, ptr %o, i64 16
  %size = call i64 @word(ptr %record, i64 5)
  call void @llvm.memcpy.p0.p0.i64(ptr %slot, ptr %value, i64 %size, i1 false)
  ret i1 true
int:
  %n = call i64 @PyLong_AsLongLongAndOverflow(ptr %o, ptr %scratch)
  store i64 %n, ptr %slot
  %overflow = load i32, ptr %scratch
  %fits = icmp eq i32 %overflow, 0
  ret i1 %fits
bool:
  %true = icmp eq ptr %o, @_Py_TrueStruct
  %byte = zext i1 %true to i64
  store i64 %byte, ptr %slot
  ret i1 true
no:
  ret i1 false
}

define internal ptr @wrap(ptr %record, ptr %frame) {
entry:
  %at = call i64 @word(ptr %record, i64 3)
  %slot = getelementptr i64, ptr %frame, i64 %at
  %kind = call i64 @word(ptr %record, i64 0)
  switch i64 %kind, label %array [ i64 1, label %scalar i64 2, label %python ]
python:
  %which = call i64 @word(ptr %record, i64 1)
  switch i64 %which, label %complex [ i64 0, label %bool i64 1, label %int i64 2, label %float ]
bool:
  %byte = load i8, ptr %slot
  %truth = zext i8 %byte to i64
  %as_bool = call ptr @PyBool_FromLong(i64 %truth)
  ret ptr %as_bool
int:
  %i = load i64, ptr %slot
  %as_int = call ptr @PyLong_FromLongLong(i64 %i)
  ret ptr %as_int
float:
  %f = load double, ptr %slot
  %as_float = call ptr @PyFloat_FromDouble(double %f)
  ret ptr %as_float
complex:
  %imag_at = getelementptr double, ptr %slot, i64 1
  %re = load double, ptr %slot
  %im = load double, ptr %imag_at
  %as_complex = call ptr @PyComplex_FromDoubles(double %re, double %im)
  ret ptr %as_complex
scalar:
  %descr_i = call i64 @word(ptr %record, i64 5)
  %descr = inttoptr i64 %descr_i to ptr
  %number = call ptr @wg_scalar_new(ptr %slot, ptr %descr, ptr null)
  ret ptr %number
array:
  %rank = call i64 @word(ptr %record, i64 2)
  %rank32 = trunc i64 %rank to i32
  %type = call i64 @word(ptr %record, i64 1)
  %type32 = trunc i64 %type to i32
  %data = load ptr, ptr %slot
  %dims = getelementptr i64, ptr %slot, i64 1
  %made = call ptr @wg_array_new(ptr @wg_array_type, i32 %rank32, ptr %dims, i32 %type32, ptr null, ptr %data,
                                 i32 0, i32 1281, ptr null)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %error, label %own
own:
  %flags_at = getelementptr i8, ptr %made, i64 64
  %flags = load i32, ptr %flags_at
  %owning = or i32 %flags, 4
  store i32 %owning, ptr %flags_at
  %capsule = load ptr, ptr @wg_handler_capsule
  call void @Py_IncRef(ptr %capsule)
  %handler_at = getelementptr i8, ptr %made, i64 88
  store ptr %capsule, ptr %handler_at
  ret ptr %made
error:
  call void @free(ptr %data)
  ret ptr null
}

define ptr @wg_call(ptr %self, ptr %args, i64 %n) {
entry:
  %item_at = getelementptr i8, ptr %self, i64 24
  %bytes = load ptr, ptr %item_at
  %d = getelementptr i8, ptr %bytes, i64 32
  %params = call i64 @word(ptr %d, i64 2)
  %arity = icmp eq i64 %params, %n
  br i1 %arity, label %start, label %refuse
start:
  %words = call i64 @word(ptr %d, i64 1)
  %frame = alloca i64, i64 %words, align 16
  %range_words = mul i64 %n, 2
  %range_words1 = add i64 %range_words, 2
  %ranges = alloca i64, i64 %range_words1, align 16
  call void @llvm.memset.p0.i64(ptr %frame, i8 0, i64 24, i1 false)
  %first_record = getelementptr i64, ptr %d, i64 8
  %stride = call i64 @word(ptr %d, i64 7)
  br label %param
param:
  %k = phi i64 [0, %start], [%k1, %done_param]
  %record = phi ptr [%first_record, %start], [%record1, %done_param]
  %more = icmp slt i64 %k, %n
  br i1 %more, label %unpack, label %overlap
unpack:
  %arg_at = getelementptr ptr, ptr %args, i64 %k
  %o = load ptr, ptr %arg_at
  %slot_word = call i64 @word(ptr %record, i64 4)
  %slot = getelementptr i64, ptr %frame, i64 %slot_word
  %range_at = mul i64 %k, 2
  %range = getelementptr i64, ptr %ranges, i64 %range_at
  %kind = call i64 @word(ptr %record, i64 0)
  %is_scalar = icmp eq i64 %kind, 1
  br i1 %is_scalar, label %scalar, label %array
scalar:
  store i64 0, ptr %range
  %fits_s = call i1 @unpack_scalar(ptr %record, ptr %o, ptr %slot, ptr %range)
  store i64 0, ptr %range
  %scalar_end = getelementptr i64, ptr %range, i64 1
  store i64 0, ptr %scalar_end
  br i1 %fits_s, label %done_param, label %refuse
array:
  %fits_a = call i1 @unpack_array(ptr %record, ptr %o, ptr %slot, ptr %range)
  br i1 %fits_a, label %done_param, label %refuse
done_param:
  %k1 = add i64 %k, 1
  %record1 = getelementptr i64, ptr %record, i64 %stride
  br label %param

overlap:                                   ; a written array may not overlap another argument
  %written = call i64 @word(ptr %d, i64 5)
  %some = icmp ne i64 %written, 0
  br i1 %some, label %outer, label %run
outer:
  %i = phi i64 [0, %overlap], [%i1, %outer_next]
  %outer_more = icmp slt i64 %i, %n
  br i1 %outer_more, label %is_written, label %run
is_written:
  %record_i_at = mul i64 %i, %stride
  %record_i = getelementptr i64, ptr %first_record, i64 %record_i_at
  %w = call i64 @word(ptr %record_i, i64 6)
  %kind_i = call i64 @word(ptr %record_i, i64 0)
  %array_i = icmp eq i64 %kind_i, 0
  %flag_i = icmp ne i64 %w, 0
  %check_i = and i1 %array_i, %flag_i
  %ri = mul i64 %i, 2
  %ri1 = add i64 %ri, 1
  %low_i = call i64 @word(ptr %ranges, i64 %ri)
  %high_i = call i64 @word(ptr %ranges, i64 %ri1)
  br i1 %check_i, label %inner, label %outer_next
inner:
  %j = phi i64 [0, %is_written], [%j1, %inner_next]
  %inner_more = icmp slt i64 %j, %n
  br i1 %inner_more, label %compare, label %outer_next
compare:
  %rj = mul i64 %j, 2
  %rj1 = add i64 %rj, 1
  %low_j = call i64 @word(ptr %ranges, i64 %rj)
  %high_j = call i64 @word(ptr %ranges, i64 %rj1)
  %a = icmp ult i64 %low_i, %high_j
  %b = icmp ult i64 %low_j, %high_i
  %ab = and i1 %a, %b
  %other = icmp ne i64 %i, %j
  %clash = and i1 %ab, %other
  br i1 %clash, label %refuse, label %inner_next
inner_next:
  %j1 = add i64 %j, 1
  br label %inner
outer_next:
  %i1 = add i64 %i, 1
  br label %outer

run:
  %kernel_i = call i64 @word(ptr %d, i64 0)
  %kernel = inttoptr i64 %kernel_i to ptr
  %status = call i32 %kernel(ptr %frame)
  switch i32 %status, label %interrupted [ i32 0, label %finished i32 1, label %fault ]
finished:
  %observer_i = call i64 @word(ptr %d, i64 6)
  %mode_single = and i64 %observer_i, 1
  %is_single = icmp ne i64 %mode_single, 0
  %results = call i64 @word(ptr %d, i64 3)
  %result_at = mul i64 %n, %stride
  %first_result = getelementptr i64, ptr %first_record, i64 %result_at
  br i1 %is_single, label %single, label %tuple
single:
  %nothing = icmp eq i64 %results, 0
  br i1 %nothing, label %give_none, label %give_one
give_none:
  call void @Py_IncRef(ptr @_Py_NoneStruct)
  ret ptr @_Py_NoneStruct
give_one:
  %one = call ptr @wrap(ptr %first_result, ptr %frame)
  ret ptr %one
tuple:
  %t = call ptr @PyTuple_New(i64 %results)
  br label %item
item:
  %q = phi i64 [0, %tuple], [%q1, %put]
  %r = phi ptr [%first_result, %tuple], [%r1, %put]
  %items = icmp slt i64 %q, %results
  br i1 %items, label %make, label %give_tuple
make:
  %made = call ptr @wrap(ptr %r, ptr %frame)
  %failed = icmp eq ptr %made, null
  br i1 %failed, label %drop, label %put
put:
  %set = call i32 @PyTuple_SetItem(ptr %t, i64 %q, ptr %made)
  %q1 = add i64 %q, 1
  %r1 = getelementptr i64, ptr %r, i64 6
  br label %item
give_tuple:
  ret ptr %t
drop:
  call void @Py_DecRef(ptr %t)
  ret ptr null
fault:
  %handler_i = call i64 @word(ptr %d, i64 4)
  %handler = inttoptr i64 %handler_i to ptr
  %code = call i64 @word(ptr %frame, i64 0)
  %va = call i64 @word(ptr %frame, i64 1)
  %vb = call i64 @word(ptr %frame, i64 2)
  %raised = call ptr (ptr, ptr, ...) @PyObject_CallFunction(ptr %handler, ptr @wg_format, i64 %code, i64 %va, i64 %vb)
  ret ptr null
interrupted:
  ret ptr null
refuse:
  call void @Py_IncRef(ptr @_Py_NotImplementedStruct)
  ret ptr @_Py_NotImplementedStruct
}
"""

SYMBOLS = ("wg_allocate", "wg_free", "wg_free_all", "wg_release", "wg_poll", "wg_parallel", "wg_chunk_size")


class Support:
    """The linked support code: addresses for the linker, and the entry point of calls."""

    def __init__(self) -> None:
        _check_layout()
        table = _numpy_table()
        self._loaded = target.link(
            machine_code(f'target triple = "{target.triple()}"\n{_MEMORY}{threads.text()}{_CALL}'),
            [*SYMBOLS, *threads.SYMBOLS[2:], "wg_call", "wg_handler", "wg_handler_capsule"],
            {"wg_array_type": id(np.ndarray), "wg_array_new": table[93] or 0, "wg_scalar_new": table[60] or 0},
        )
        self.imports = {name: self._loaded[name] for name in SYMBOLS}
        self.entry = self._loaded["wg_call"]
        self.pool = threads.Pool({name: self._loaded[name] for name in threads.SYMBOLS})
        new_capsule = ctypes.pythonapi.PyCapsule_New
        new_capsule.restype, new_capsule.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        ctypes.memmove(self._loaded["wg_handler"], b"wengert", 7)
        self._capsule = new_capsule(self._loaded["wg_handler"], b"mem_handler", None)
        ctypes.c_void_p.from_address(self._loaded["wg_handler_capsule"]).value = id(self._capsule)


def machine_code(text: str) -> bytes:
    """The object file of LLVM text, compiled once per machine and version."""
    key = hashlib.sha256(f"{target.description()}\n{llvmlite.__version__}\n{text}".encode()).hexdigest()
    kept = store.load(key)
    if isinstance(kept, bytes):
        return kept
    module = target.parse(text)
    target.optimise(module, 1)
    made = target.object_code(module)
    store.save(key, made)
    return made


@cache
def support() -> Support:
    """Compiled once per process."""
    return Support()


def _numpy_table() -> ctypes.Array[ctypes.c_void_p]:
    """NumPy's C API as a table of pointers."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return (ctypes.c_void_p * 400).from_address(get(_multiarray_umath._ARRAY_API, None))


def _check_layout() -> None:
    """Raises ImportError where the fields of NumPy's arrays are not where `wg_call` reads them."""
    array = np.arange(6, dtype=np.float64).reshape(2, 3)[:, ::2]
    at = id(array)

    def word(offset: int, kind: type = ctypes.c_int64) -> int:
        return int(kind.from_address(at + offset).value)  # type: ignore[attr-defined]

    dims = (ctypes.c_int64 * 2).from_address(word(32))
    strides = (ctypes.c_int64 * 2).from_address(word(40))
    descr = word(56)
    found = (
        word(8) == id(np.ndarray)
        and word(16) == array.ctypes.data
        and word(24, ctypes.c_int) == 2
        and tuple(dims) == array.shape
        and tuple(strides) == array.strides
        and descr == id(array.dtype)
        and ctypes.c_int.from_address(descr + 28).value == array.dtype.num
        and ctypes.c_char.from_address(descr + 26).value == array.dtype.byteorder.encode()
        and word(64, ctypes.c_int) == array.flags.num
    )
    if not found:
        raise ImportError(f"NumPy {np.__version__} lays out its arrays in a way this version of wengert does not know")
