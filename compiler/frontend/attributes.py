"""`x.name`: fields of structures, what arrays know of themselves, methods, and what modules hold."""

from __future__ import annotations

import ast
import difflib
import types
from typing import Any

import numpy as np

from wengert.compiler.frontend import (
    complexes,
    creation,
    functions,
    list_methods,
    masks,
    reductions,
    shapes,
    written_lists,
    written_numbers,
)
from wengert.compiler.frontend.arithmetic import PYTHON, binary, convert
from wengert.compiler.frontend.kinds import describe, scalar_type
from wengert.compiler.frontend.objects import NONE, Array, Method, Object, Scalar, Static, Tuple, is_list
from wengert.compiler.frontend.reads import note_attribute
from wengert.compiler.frontend.subscripts import known_key
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.frontend.views import element, indexed, store
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import BOOL, C128, F64, I64


def astype(tracer: Tracer, a: Object, dtype: Object, copy: Object = Static(True)) -> Object:
    return convert(tracer, a, creation.dtype_from(tracer, dtype))


def fill(tracer: Tracer, a: Object, value: Object) -> Object:
    assert isinstance(a, Array)
    store(tracer, a, value)
    return NONE


def item(tracer: Tracer, a: Object, *index: Object) -> Object:
    if isinstance(a, Scalar):
        if index and index != (Static(0),):
            tracer.refuse("too_many_indices", count=len(index), rank=0)
        return as_python(tracer, a.value)
    assert isinstance(a, Array)
    if len(index) != a.rank:
        tracer.refuse("static_needed", what="which element `.item()` takes")
    return as_python(tracer, element(tracer, indexed(tracer, a, index)).value)


def as_python(tracer: Tracer, value: Value) -> Scalar:
    """A number of NumPy's as Python's of its kind, which has 64 bits."""
    kind = value.type.dtype.kind
    return Scalar(tracer.builder.cast(value, {"b": BOOL, "f": F64, "c": C128}.get(kind, I64)), True)


def sort_in_place(tracer: Tracer, a: Object, axis: Object = Static(-1), kind: Object = NONE) -> Object:
    assert isinstance(a, Array)
    store(tracer, a, SERVICES["call"](tracer, Static(np.sort), [a, axis], {}))
    return NONE


def to_list(tracer: Tracer, a: Object) -> Object:
    """Of Python's numbers."""
    assert isinstance(a, Array)
    if a.rank == 0:
        return item(tracer, a)
    if a.rank > 2:
        tracer.refuse("call", name="tolist() of more than two axes", help="Return the array.")
    helper = written_lists.numbers if a.rank == 1 else written_lists.rows_of_numbers
    made: Object = SERVICES["inline"](tracer, helper, [a, Static({"b": bool, "f": float, "c": complex}.get(a.dtype.kind, int))])
    return made


def as_function(function: Any) -> Any:
    """A method that is a function of NumPy."""

    def build(tracer: Tracer, a: Object, *args: Object, **options: Object) -> Object:
        made: Object = SERVICES["call"](tracer, Static(function), [a, *args], options)
        return made

    return build


ARRAY_METHODS: dict[str, Any] = {
    **reductions.METHODS, **shapes.METHODS, **masks.METHODS, "copy": creation.copied, "astype": astype, "fill": fill,
    "item": item, "tolist": to_list,
    "dot": functions.FUNCTIONS[np.dot], "clip": lambda t, a, min=NONE, max=NONE: functions.clip(t, a, min, max),
    "round": functions.rounded, **complexes.METHODS, "sort": sort_in_place, "argsort": as_function(np.argsort),
    "searchsorted": as_function(np.searchsorted), "repeat": as_function(np.repeat), "choose": as_function(np.choose),
}  # fmt: skip
SCALAR_METHODS = (
    "copy", "astype", "item", "sum", "mean", "max", "min", "round", "any", "all", "prod", "clip", "conj", "conjugate",
)  # fmt: skip
METHOD_HELP = {
    "append": "Allocate an array with np.zeros and fill it.",
    "strides": "How elements lie in memory is not seen; use `np.lib.stride_tricks.sliding_window_view(x, n)`.",
    "view": "Write the array itself; its bits as another dtype are not read.",
}  # fmt: skip


def attribute(tracer: Tracer, owner: Object, name: str, node: ast.AST) -> Object:
    """The attribute `name` of an object."""
    if isinstance(owner, Tuple):
        return of_structure(tracer, owner, name, node)
    if isinstance(owner, Array):
        return of_array(tracer, owner, name, node)
    if isinstance(owner, Static) and not isinstance(owner.value, bool | int | float | complex):
        if owner.value is None or not hasattr(owner.value, name):
            near = difflib.get_close_matches(name, dir(owner.value), 1)
            help = f"Did you mean `{near[0]}`?" if near else ""
            tracer.refuse("attribute", node, what=describe(owner), name=name, help=help, raises=AttributeError)
        note_attribute(tracer.reads, owner.value, name)
        return tracer.lift(getattr(owner.value, name), name)
    if scalar_type(owner) is not None:
        return of_number(tracer, owner, name, node)
    tracer.refuse("attribute", node, what=describe(owner), name=name)


def of_structure(tracer: Tracer, owner: Tuple, name: str, node: ast.AST) -> Object:
    found = owner.field(name) if owner.kind is not dict else None
    if found is not None:
        return found
    if owner.kind is list or is_list(owner):
        if name in list_methods.METHODS:
            return Method(owner, list_methods.METHODS[name], name)
        tracer.refuse("list_method", node, name=name)
    defined = getattr(owner.kind, name, None) if owner.kind not in (tuple, list, dict) else None
    if name == "_replace" and hasattr(owner.kind, "_fields"):
        return Method(owner, replaced, name)
    cached = getattr(vars(owner.kind).get(name), "func", None) if defined is not None else None
    getter = defined.fget if isinstance(defined, property) else cached
    if isinstance(getter, types.FunctionType):
        made: Object = SERVICES["property"](tracer, getter, owner)
        return made
    if isinstance(defined, types.MethodType):
        return Static(defined)
    if isinstance(defined, types.FunctionType) and not isinstance(vars(owner.kind).get(name), staticmethod):
        return Method(owner, defined, name)
    if owner.kind is dict and name in _OF_DICTS:
        return Method(owner, _OF_DICTS[name], name)
    if defined is not None and not callable(defined):
        return tracer.lift(defined, name)
    if isinstance(defined, types.FunctionType):
        return Static(defined)
    raises = None if is_list(owner) or hasattr(owner.kind, name) else AttributeError
    tracer.refuse("attribute", node, what=describe(owner), name=name, raises=raises)


def replaced(tracer: Tracer, owner: Object, **changes: Object) -> Object:
    """dataclasses.replace and NamedTuple._replace."""
    assert isinstance(owner, Tuple)
    unknown = set(changes) - set(owner.names)
    if unknown:
        tracer.refuse("attribute", what=describe(owner), name=min(unknown))
    return Tuple(
        owner.kind, tuple(changes.get(n, i) for n, i in zip(owner.names, owner.items, strict=True)), owner.names
    )


def _items(tracer: Tracer, owner: Object) -> Object:
    assert isinstance(owner, Tuple)
    return Tuple(tuple, tuple(Tuple(tuple, pair) for pair in zip(owner.keys, owner.items, strict=True)))


def _keys(tracer: Tracer, owner: Object) -> Object:
    assert isinstance(owner, Tuple)
    return Tuple(tuple, owner.keys)


def _values(tracer: Tracer, owner: Object) -> Object:
    assert isinstance(owner, Tuple)
    return Tuple(tuple, owner.items)


def _get(tracer: Tracer, owner: Object, key: Object, default: Object = NONE) -> Object:
    assert isinstance(owner, Tuple)
    found = owner.field(known_key(tracer, key))
    return default if found is None else found


_OF_DICTS = {"items": _items, "keys": _keys, "values": _values, "get": _get}


def of_array(tracer: Tracer, owner: Array, name: str, node: ast.AST) -> Object:
    if name == "shape":
        return functions.shape_of(tracer, owner)
    if name == "T":
        return shapes.transpose(tracer, owner)
    if name == "size":
        return functions.size_of(tracer, owner)
    if name == "ndim":
        return Static(owner.rank)
    if name == "flat":
        return owner if owner.rank == 1 else shapes.ravel(tracer, owner)
    if name in ("itemsize", "nbytes"):
        size = Static(owner.dtype.numpy.itemsize)
        return size if name == "itemsize" else binary(tracer, ast.Mult, functions.size_of(tracer, owner), size)
    if name == "dtype":
        return Static(owner.dtype.numpy)
    if name in ("real", "imag"):
        return complexes.part(tracer, owner, name)
    if name in ARRAY_METHODS:
        return Method(owner, ARRAY_METHODS[name], name)
    raises = None if hasattr(np.ndarray, name) else AttributeError
    tracer.refuse("method", node, name=name, help=METHOD_HELP.get(name, ""), raises=raises)


def of_number(tracer: Tracer, owner: Object, name: str, node: ast.AST) -> Object:
    dtype, weak = scalar_type(owner)  # type: ignore[misc]
    if name in ("real", "imag"):
        return complexes.part(tracer, owner, name)
    if name == "conjugate" and weak:
        return Method(owner, complexes.conjugate, name)
    if name == "bit_length" and weak and dtype.kind in "bi":
        return Method(owner, lambda t, n: SERVICES["inline"](t, written_numbers.bit_length, [n]), name)
    if not weak and name in ("shape", "ndim", "size", "dtype"):
        known: dict[str, Object] = {"shape": Tuple(tuple, ()), "ndim": Static(0), "size": Static(1)}
        return known.get(name, Static(dtype.numpy))
    if not weak and name in ("itemsize", "nbytes"):
        return Static(dtype.numpy.itemsize)
    if not weak and name == "T":
        return owner
    if not weak and name in ("ravel", "flatten", "reshape", "std", "var"):
        return Method(SERVICES["call"](tracer, Static(np.atleast_1d), [owner], {}), ARRAY_METHODS[name], name)
    if not weak and name in SCALAR_METHODS:
        return Method(owner, ARRAY_METHODS[name], name)
    raises = None if hasattr(PYTHON[dtype.kind] if weak else dtype.numpy.type, name) else AttributeError
    tracer.refuse("attribute", node, what=describe(owner), name=name, raises=raises)
