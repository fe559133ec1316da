"""LLVM text of `wg_call`: the call of one program from Python.

`wg_call` is a METH_FASTCALL function. Its `self` is a tuple whose first item, a bytes object, holds a *descriptor* (see
calls.py): the kernel's address and what each argument must be. It checks and unpacks the arguments into the frame, runs
the kernel, wraps the results. It never converts: what does not fit exactly makes it return NotImplemented, and Python
decides what to do.

Arrays are read by the fields of NumPy's array object, whose layout is part of its ABI (numpy/ndarraytypes.h:
PyArrayObject_fields); support.py compares them with what NumPy says before they are trusted. ITEMS is where the items of a
tuple begin.
"""

CALL = """
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
  %size = call i64 @word(ptr %record, i64 7)
  %packed_flag = and i64 %mask, 1
  %is_packed = icmp ne i64 %packed_flag, 0
  br i1 %is_packed, label %packed, label %strided
packed:                                    ; contiguous: nobody reads strides
  %pk = phi i64 [0, %fields], [%pnext, %pstore]
  %pelements = phi i64 [1, %fields], [%pelements2, %pstore]
  %pmore = icmp slt i64 %pk, %nd
  br i1 %pmore, label %pextent, label %pyes
pextent:
  %pn = call i64 @word(ptr %dims, i64 %pk)
  %pnext = add i64 %pk, 1
  %pstatic_at = add i64 %pk, 8
  %pstatic = call i64 @word(ptr %record, i64 %pstatic_at)
  %pany = icmp slt i64 %pstatic, 0
  %pis_static = icmp eq i64 %pn, %pstatic
  %pnot_one = icmp ne i64 %pn, 1
  %pfits = select i1 %pany, i1 %pnot_one, i1 %pis_static
  br i1 %pfits, label %pstore, label %no
pstore:
  %pslot_n = getelementptr i64, ptr %slot, i64 %pnext
  store i64 %pn, ptr %pslot_n
  %pelements2 = mul i64 %pelements, %pn
  br label %packed
pyes:
  %pbytes = mul i64 %pelements, %size
  %pend = add i64 %data, %pbytes
  store i64 %data, ptr %range
  %prange_end = getelementptr i64, ptr %range, i64 1
  store i64 %pend, ptr %prange_end
  ret i1 true
strided:
  %strides_at = getelementptr i8, ptr %o, i64 40
  %strides = load ptr, ptr %strides_at
  br label %axis
axis:
  %k = phi i64 [0, %strided], [%next, %store]
  %low = phi i64 [%data, %strided], [%low2, %store]
  %high = phi i64 [%data, %strided], [%high2, %store]
  %elements = phi i64 [1, %strided], [%elements2, %store]
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
  %item_at = getelementptr i8, ptr %self, i64 ITEMS
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
