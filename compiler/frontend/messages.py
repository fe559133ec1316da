"""Every refusal of the front end in one table: the error's class, what is wrong, what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wengert.compiler.diag.errors import CompileError, RaceError, TypeMismatch, UnsupportedError, WengertError
from wengert.compiler.diag.span import Span

_U, _T, _C, _R = UnsupportedError, TypeMismatch, CompileError, RaceError

CATALOGUE: dict[str, tuple[type[WengertError], str, str | None]] = {
    # statements and expressions
    "statement": (_U, "`{what}` statements cannot be compiled", "Move this out of the compiled function."),
    "with": (_U, "`with` cannot be compiled", "Enter the context around the call of the compiled function; `np.errstate` and `warnings.catch_warnings` with \"ignore\" are left out of it."),
    "try": (_U, "this class of exceptions is not known when the function is compiled", "Name it."),
    "try_at_run_time": (_U, "an exception that depends on values known only at run time cannot be caught", "Test the condition with `if`, or let the caller handle it."),
    "try_finally": (_U, "`finally` after statements that may leave the block cannot be compiled", "Write its statements before each `return`, `break` or `continue`."),
    "nonlocal": (_U, "`nonlocal` can be compiled only for a number or array that the function around gives the name before anything else", "Give it such a value at the top of that function, or return the new value."),
    "global": (_U, "`{what}` cannot be compiled: a compiled function has no side effects on names outside it", "Return the value instead."),
    "import": (_U, "this import fails: {problem}", "Import at the top of the cell or file."),
    "del": (_U, "`del` of this cannot be compiled", "Names, and items and parts of lists that the function made, can be deleted; of a dict make a new one."),
    "class": (_U, "classes cannot be defined inside a compiled function", "Define it outside."),
    "parallel_print": (_U, "`print` in a parallel loop has no order and cannot be compiled", "Print after the loop, or write `range`."),
    "raise": (_U, "only `raise SomeError(\"text\")` of a built-in exception can be compiled", "Raise ValueError, RuntimeError or the like."),
    "yield": (_U, "a generator cannot be compiled by itself, nor what is sent into one", "Call it in a compiled function that loops over it, or return a list."),
    "iterator_again": (_U, "`{name}` is an iterator, which has nothing left after one pass", "Make it a list first: `list(...)`."),
    "generator": (_U, "`{name}` is run to its end where it is called, and {problem}", "Put its loop where its values are used, or let it return a list."),
    "expression": (_U, "`{what}` expressions cannot be compiled", "Compute this outside of the compiled function."),
    "comprehension": (_U, "a comprehension over something whose length is known only at run time cannot be compiled", "Allocate an array with np.zeros and fill it in a loop."),
    "fstring": (_U, "{what} cannot be written into a text at run time", "Print numbers: elements, sums, norms."),
    "constructor": (_U, "the constructor of `{name}` cannot be compiled: it does more with the new object than to read and set its attributes", "Set the fields only, or use a plain dataclass."),
    "spread": (_U, "`*` of something whose length is known only at run time, in a call of what takes any number of arguments", "Pass the items, `f(x[0], x[1])`, or the array itself."),
    "starred": (_U, "`*` is supported only over tuples and lists of known length", None),
    "match": (_U, "this `match` cannot be compiled", "Write `if`/`elif`: for mappings, classes with positions, and names that a guard leaves bound."),
    # names
    "undefined": (_C, "name `{name}` is not defined", "{help}"),
    "unbound": (_C, "`{name}` is read before anything is assigned to it", "Assign a value first."),
    "unset": (_C, "`{name}` may have no value here: {reason}", "Assign it on every path, for example before the `if` or the loop."),
    "differs": (_T, "`{name}` cannot be used here: {reason}", "Use two names, or make both the same type."),
    "stale": (_U, "{name} {reason}, which was written since", "Take a copy where the two part: `.copy()`."),
    "ambiguous_write": (_U, "writing {name}, which may be {names}, depending on the path taken", "Decide first which array it is: make it a new one with `.copy()` before the branch or loop."),
    "shared": (_U, "`{function}` is for arrays apart: `{name}` is written by the function, and `{other}` may be (part of) the same array", "Pass a copy of one: `.copy()`."),
    "captured_write": (_U, "`{name}` belongs to the module or an enclosing function and would be written", "Pass it as an argument."),
    "opaque": (_U, "an object of type `{kind}` cannot be used in compiled code", "Pass arrays, numbers, tuples and dataclasses."),
    # types
    "dtype": (_T, "arrays of dtype {dtype} cannot be compiled", "Convert it, e.g. `x.astype(np.float64)`."),
    "unknown_dtype": (_T, "this is not a dtype compiled code knows", "Use bool, int, float, complex or a NumPy dtype such as np.float32."),
    "number_expected": (_T, "a number is needed here, not {what}", None),
    "operand": (_T, "`{name}` does not take {types}", None),
    "operand_result": (_T, "`{name}` of {types} gives {dtype} in NumPy, which cannot be compiled", "Convert the operand first, e.g. `x.astype(np.float64)`."),
    "weak_range": (_T, "the Python number {value} does not fit into {dtype}", None),
    "augmented_cast": (_T, "`{op}` would put {source} into an array of {target}, which NumPy refuses", "Write `x = x {sign} ...` for a new array, or convert with `.astype`."),
    "complex_store": (_T, "a complex number cannot be put into an array of {target}", "Take `.real` or `abs()`."),
    "truth_array": (_T, "the truth value of an array is ambiguous", "Use `np.any(...)` or `np.all(...)`."),
    "truth": (_U, "the truth value of {what} cannot be used", "Compare explicitly, e.g. `x != 0`."),
    "and_or_value": (_U, "`and`/`or` of values that are not bools cannot be compiled here", "Compare explicitly, or write `a if condition else b`."),
    "loop_type": (_T, "`{name}` changes from {before} to {after} from one iteration to the next", "Give it one type before the loop."),
    "loop_list": (_T, "`{name}` changes from {before} to {after} from one iteration to the next", "Begin with a list of your own: `{name} = list({name})`."),
    "result_type": (_T, "the function returns {a} on one path and {b} on another", "Return values of the same structure and type on every path."),
    "conditional_types": (_T, "this is {a} on one path and {b} on another", "Make both the same type."),
    "returned": (_U, "{what} cannot be returned from a compiled function", "Return numbers, arrays, or tuples and dataclasses of these."),
    "is": (_U, "`is` works only with None and with objects known at compile time", "Use `==`."),
    "in": (_U, "`in` works only for tuples, lists and arrays", "Use `np.any(a == x)`."),
    "static_division": (_C, "division by zero", None),
    # calls
    "call": (_U, "`{name}` cannot be compiled", "{help}"),
    "call_argument": (_U, "`{name}` with these arguments cannot be compiled: {problem}", None),
    "binding": (_T, "`{name}`: {problem}", None),
    "recursion": (_U, "`{name}` calls itself; recursion cannot be compiled", "Write a loop; where several calls would be open, keep their arguments in a list: `todo = [n]`, then `while todo: n = todo.pop()`."),
    "not_callable": (_T, "{what} cannot be called", None),
    "method": (_U, "arrays have no `.{name}` in compiled code", "{help}"),
    "attribute": (_U, "{what} has no attribute `{name}` in compiled code", "{help}"),
    "shape_store": (_U, "`{name}.shape` cannot be assigned: other names or the caller see the same array", "Write `{name} = {name}.reshape(...)`."),
    "attribute_store": (_U, "fields cannot be assigned in compiled code", "Make a new object with `dataclasses.replace(...)`, or write the field's array with `[...] =`."),
    "where_argument": (_U, "`where=` without `out=` leaves elements without a value and cannot be compiled", "Add `out=`, or use `np.where(condition, a, b)`."),
    "static_needed": (_U, "{what} must be known at compile time", "Write it as a constant."),
    "set_items": (_U, "a set of values known only at run time", "Use a tuple: `x in (a, b)`."),
    "list_item": (_U, "{what} cannot be put into a list", "{help}"),
    "list_items_differ": (_U, "the items of this list are of different kinds", "Use one list for each kind."),
    "list_method": (_U, "lists have no `.{name}` in compiled code", "Use append, extend, insert, pop, remove, sort, reverse, indexing, or an array made by `np.array`."),
    "list_slice": (_U, "a part of a list with a step, or by an operator in place, cannot be written", "Write item by item in a loop, or use an array."),
    "list_array": (_U, "a list of these items has no array", "Use one list for each part of the items."),
    "list_empty": (_U, "nothing is ever put into this list", None),
    "list_nested": (_U, "these lists in a list cannot be changed, or chosen at run time", "Make them here, `[[0.0] * m for _ in range(n)]`, or use an array: np.zeros((n, m))."),
    "list_returned": (_U, "a list of structures with lists in them cannot be returned", "Return a list for each part."),
    "list_operator": (_U, "`{sign}` of a list in compiled code", "Make it an array first: `np.array(xs)`."),
    "list_repeat": (_U, "a list of arrays repeated a number of times known only at run time", "Use np.zeros((n, m))."),
    "dict_keys": (_U, "the keys of a dict must be texts, whole numbers or tuples of these, known at compile time", "For numbers known only at run time use an array, `d = np.zeros(n)` with `d[key] += 1`, or a list of lists: `[[] for _ in range(n)]`."),
    "item_store": (_T, "{what} has no items that could be assigned", "Give it another value, `x = ...`, or make it an array before: `x = np.atleast_1d(x)`."),
    "number_index": (_T, "{what} has no axes to index", "Make it an array before: `x = np.atleast_1d(x)`."),
    "dict_key": (_T, "this dict has no key {missing}", None),
    "dict_mutation": (_U, "a dict that something else may refer to cannot be changed in compiled code", "Change one that the function made and gave one name, or make a new one: `d = {{**d, 'key': value}}`."),
    "list_mutation": (_U, "this list cannot be changed in compiled code", "Allocate an array with np.zeros and fill it, or build a new tuple."),
    "list_given": (_U, "a list that was not made here cannot be changed in compiled code", "Change a copy: `xs = list(xs)`, or pass an array: `np.array(xs)`."),
    # arrays
    "axis": (_T, "axis {axis} is out of bounds for an array of rank {rank}", None),
    "too_many_indices": (_T, "{count} indices for an array of rank {rank}", None),
    "index_type": (_T, "an index must be an integer, not {what}", "Convert it with `int(...)`."),
    "bool_index": (_U, "a single bool cannot be used as an index", "Write an `if`, or use `int(...)`."),
    "slice_step": (_U, "the step of a slice must be known at compile time", "Use a constant step, or loop with `range(start, stop, step)`."),
    "slice_zero": (_C, "the step of a slice cannot be zero", None),
    "slice_bound": (_T, "slice bounds must be integers, not {what}", None),
    "mask_read": (_U, "`x[mask]` has a length known only at run time and cannot be compiled", "Use `np.where(mask, x, 0)`, `np.sum(x * mask)`, or a loop with `if`."),
    "mask_store": (_U, "this masked assignment cannot be compiled", "Assign a scalar or an array of the same shape, or write `x[:] = np.where(mask, new, x)`."),
    "fancy": (_U, "this kind of advanced indexing cannot be compiled", "Index one axis with one integer array, or write a loop."),
    "fancy_store": (_U, "assignment through an integer array cannot be compiled", "Write a loop: `for k in range(len(idx)): x[idx[k]] = ...`."),
    "shapes": (_T, "shapes {a} and {b} do not fit together", None),
    "assign_rank": (_T, "an array of {source} dimensions cannot be assigned to {target}", None),
    "reshape_size": (_T, "an array of shape {a} cannot be reshaped to {b}", None),
    "contract": (_T, "`{name}`: {problem}", None),
    "scalar_array": (_U, "an array of no dimensions cannot be made here", "Use a plain number."),
    "data_shape": (_U, "`{name}` gives an array whose size depends on the data and cannot be compiled", "{help}"),
    "ragged": (_T, "rows of different shape", None),
    "tuple_index": (_U, "a tuple or list of different things can be indexed only by constants", "Use an array."),
    "text_index": (_U, "a text can be indexed only by what is known at compile time", "Make an array of it before: `codes = np.array([ord(c) for c in text])`, and compare with `ord('a')`."),
    "tuple_range": (_C, "index {index} is out of range for {length} items", None),
    "unpack": (_C, "{found} values cannot be unpacked into {wanted} names", None),
    "unpack_array": (_U, "an array whose length is known only at run time cannot be unpacked", "Index it: `a, b = x[0], x[1]`."),
    "iterate": (_U, "{what} cannot be looped over", "Use `range(...)`, an array, or a tuple."),
    "unroll_exit": (_U, "this loop over different things cannot be left early here", "Loop over an array."),
    "order": (_U, "only order=\"C\" is supported", None),
    # parallel loops
    "parallel_exit": (_U, "`{what}` cannot leave a parallel loop", "Use `range` for a loop that ends early."),
    "race_write": (_R, "iterations of this `prange` may write the same element of `{name}`", "{help}"),
    "race_read": (_R, "one iteration of this `prange` may read an element of `{name}` that another writes", "Read from a copy made before the loop, or index `{name}` by the loop variable as where it is written."),
    "race_scalar": (_R, "`{name}` keeps its value from one iteration of this `prange` to the next", "Only reductions such as `{name} += ...` are parallel; use `range`, or an array with one element for each iteration."),
    "race_rebind": (_R, "`{name}` is bound to another array inside this `prange`", "Write into its elements: `{name}[i] = ...`."),
}  # fmt: skip


def make(key: str, span: Span | None, notes: tuple[Any, ...], fields: Mapping[str, Any]) -> WengertError:
    """The error `key` with its fields filled in."""
    kind, message, help = CATALOGUE[key]
    text = help.format(**{"help": "", **fields}) if help else None
    return kind(message.format(**fields), span, text or None, notes)
