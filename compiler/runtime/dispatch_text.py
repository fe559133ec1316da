"""LLVM text of `wg_dispatch`: the call of a function object from Python.

It is the tp_call of functions.py: it looks whether what was read of Python (frontend/reads.py) has the values it had, tells who
watches the calls, and tries the ways to call that the object knows. What none of them takes goes to Python.
"""

DISPATCH = """
declare ptr @PyObject_CallFunctionObjArgs(ptr, ...)
declare ptr @PyObject_CallMethod(ptr, ptr, ptr, ...)
declare ptr @PyObject_Vectorcall(ptr, ptr, i64, ptr)
declare ptr @PyDict_GetItemWithError(ptr, ptr)
declare ptr @PyDict_New()
declare ptr @PyList_GetItem(ptr, i64)
declare i64 @PyObject_Size(ptr)
declare i64 @PyLong_AsSsize_t(ptr)
@PyList_Type = external global i8
@_Py_EllipsisObject = external global i8
declare void @PyErr_Clear()
declare ptr @llvm.stacksave()
declare void @llvm.stackrestore(ptr)
@wg_called = constant [8 x i8] c"_called\\00"
@wg_dispatched = constant [10 x i8] c"_dispatch\\00"
@wg_found = constant [7 x i8] c"_found\\00"
@wg_one = constant [2 x i8] c"O\\00"
@wg_two = constant [3 x i8] c"OO\\00"
@wg_plain = constant [4 x i8] c"O{}\\00"

; the call of a function object. At FAST it holds a tuple: who watches the calls (or None); a tuple of (dict, key, value),
; (list, number, value), (cell, None, value) and (dict or list, Ellipsis, length), one after the other; then for each way to
; call it a callable and a tuple of arguments that come last
define ptr @wg_dispatch(ptr %self, ptr %args, ptr %keywords) {
entry:
  %fast_at = getelementptr i8, ptr %self, i64 FAST
  %fast = load ptr, ptr %fast_at
  %unset = icmp eq ptr %fast, null
  %named = icmp ne ptr %keywords, null
  %long = or i1 %unset, %named
  br i1 %long, label %call, label %short
short:
  call void @Py_IncRef(ptr %fast)          ; a signal handler may give it another one
  %fast_items = getelementptr i8, ptr %fast, i64 ITEMS
  %reads_at = getelementptr i8, ptr %fast_items, i64 8
  %all_reads = load ptr, ptr %reads_at
  %reads_size = getelementptr i8, ptr %all_reads, i64 16
  %count = load i64, ptr %reads_size
  %read_items = getelementptr i8, ptr %all_reads, i64 ITEMS
  br label %reads
reads:
  %k = phi i64 [0, %short], [%k3, %compare]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %look, label %watched
look:
  %read = getelementptr ptr, ptr %read_items, i64 %k
  %space = load ptr, ptr %read
  %name_at = getelementptr ptr, ptr %read, i64 1
  %name = load ptr, ptr %name_at
  %value_at = getelementptr ptr, ptr %read, i64 2
  %value = load ptr, ptr %value_at
  %is_cell = icmp eq ptr %name, @_Py_NoneStruct
  br i1 %is_cell, label %cell, label %no_cell
cell:
  %content_at = getelementptr i8, ptr %space, i64 16
  %content = load ptr, ptr %content_at
  br label %compare
no_cell:
  %is_length = icmp eq ptr %name, @_Py_EllipsisObject
  br i1 %is_length, label %length, label %by_name
length:
  %own_length = call i64 @PyObject_Size(ptr %space)
  %known_length = call i64 @PyLong_AsSsize_t(ptr %value)
  %as_long = icmp eq i64 %own_length, %known_length
  %length_now = select i1 %as_long, ptr %value, ptr null
  br label %compare
by_name:
  %type_at = getelementptr i8, ptr %space, i64 8
  %type = load ptr, ptr %type_at
  %is_list = icmp eq ptr %type, @PyList_Type
  br i1 %is_list, label %list, label %dict
list:
  %place = call i64 @PyLong_AsSsize_t(ptr %name)
  %list_item = call ptr @PyList_GetItem(ptr %space, i64 %place)
  br label %compare
dict:
  %dict_item = call ptr @PyDict_GetItemWithError(ptr %space, ptr %name)
  br label %compare
compare:
  %now = phi ptr [%content, %cell], [%length_now, %length], [%list_item, %list], [%dict_item, %dict]
  %same = icmp eq ptr %now, %value
  %k3 = add i64 %k, 3
  br i1 %same, label %reads, label %changed
changed:
  call void @PyErr_Clear()
  call void @Py_DecRef(ptr %fast)
  br label %call
call:
  %has_names = icmp ne ptr %keywords, null
  br i1 %has_names, label %call_named, label %call_plain
call_named:
  %r1 = call ptr (ptr, ptr, ptr, ...) @PyObject_CallMethod(ptr %self, ptr @wg_called, ptr @wg_two, ptr %args, ptr %keywords)
  ret ptr %r1
call_plain:
  %r2 = call ptr (ptr, ptr, ptr, ...) @PyObject_CallMethod(ptr %self, ptr @wg_called, ptr @wg_plain, ptr %args)
  ret ptr %r2
watched:
  %watcher = load ptr, ptr %fast_items
  %nobody = icmp eq ptr %watcher, @_Py_NoneStruct
  br i1 %nobody, label %ways, label %tell
tell:
  %no_names = call ptr @PyDict_New()
  %no_dict = icmp eq ptr %no_names, null
  br i1 %no_dict, label %error, label %told
told:
  %heard = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %watcher, ptr %args, ptr %no_names, ptr null)
  call void @Py_DecRef(ptr %no_names)
  %raised = icmp eq ptr %heard, null
  br i1 %raised, label %error, label %heard_
heard_:
  call void @Py_DecRef(ptr %heard)
  br label %ways
ways:
  %fast_size = getelementptr i8, ptr %fast, i64 16
  %items = load i64, ptr %fast_size
  %given_at = getelementptr i8, ptr %args, i64 16
  %given = load i64, ptr %given_at
  %arguments = getelementptr i8, ptr %args, i64 ITEMS
  br label %way
way:
  %j = phi i64 [2, %ways], [%j2, %refused]
  %some = icmp slt i64 %j, %items
  br i1 %some, label %try, label %none
try:
  %way_at = getelementptr ptr, ptr %fast_items, i64 %j
  %callable = load ptr, ptr %way_at
  %last_at = getelementptr ptr, ptr %way_at, i64 1
  %last = load ptr, ptr %last_at
  %last_size = getelementptr i8, ptr %last, i64 16
  %held = load i64, ptr %last_size
  %plain = icmp eq i64 %held, 0
  br i1 %plain, label %straight, label %joined
straight:
  %r3 = call ptr @PyObject_Vectorcall(ptr %callable, ptr %arguments, i64 %given, ptr null)
  br label %tried
joined:
  %stack = call ptr @llvm.stacksave()
  %total = add i64 %given, %held
  %both = alloca ptr, i64 %total, align 16
  %given_bytes = shl i64 %given, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %both, ptr %arguments, i64 %given_bytes, i1 false)
  %rest = getelementptr ptr, ptr %both, i64 %given
  %last_items = getelementptr i8, ptr %last, i64 ITEMS
  %held_bytes = shl i64 %held, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %rest, ptr %last_items, i64 %held_bytes, i1 false)
  %r4 = call ptr @PyObject_Vectorcall(ptr %callable, ptr %both, i64 %total, ptr null)
  call void @llvm.stackrestore(ptr %stack)
  br label %tried
tried:
  %result = phi ptr [%r3, %straight], [%r4, %joined]
  %j2 = add i64 %j, 2
  %not = icmp eq ptr %result, @_Py_NotImplementedStruct
  br i1 %not, label %refused, label %taken
refused:
  call void @Py_DecRef(ptr %result)
  br label %way
taken:
  %is_first = icmp eq i64 %j, 2
  %failed = icmp eq ptr %result, null
  %leave = or i1 %is_first, %failed
  br i1 %leave, label %give, label %found
found:                                     ; let it be the first that is tried from now on
  %noted = call ptr (ptr, ptr, ptr, ...) @PyObject_CallMethod(ptr %self, ptr @wg_found, ptr @wg_one, ptr %callable)
  %unnoted = icmp eq ptr %noted, null
  br i1 %unnoted, label %drop, label %noted_
noted_:
  call void @Py_DecRef(ptr %noted)
  br label %give
give:
  call void @Py_DecRef(ptr %fast)
  ret ptr %result
drop:
  call void @Py_DecRef(ptr %result)
  br label %error
none:
  call void @Py_DecRef(ptr %fast)
  %r5 = call ptr (ptr, ptr, ptr, ...) @PyObject_CallMethod(ptr %self, ptr @wg_dispatched, ptr @wg_plain, ptr %args)
  ret ptr %r5
error:
  call void @Py_DecRef(ptr %fast)
  ret ptr null
}
"""
