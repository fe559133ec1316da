"""What a function is compiled for: the structure of its arguments and the type of each leaf."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import TypeMismatch
from wengert.compiler.ir.tree import LEAF, NONE, Tree, field_names, flatten, plain_leaf, tuple_of
from wengert.compiler.ir.types import BOOL, C128, DTYPES, F64, I64, DType, Type, dtype_of


@dataclass(frozen=True, slots=True)
class Leaf:
    """One array or scalar argument. weak: a Python number, which gives way in dtype promotion (NEP 50)."""

    type: Type
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """A declared extent: axis `axis` of leaf `leaf` is `name` ("n", the same wherever it stands) or a number ("3")."""

    leaf: int
    axis: int
    name: str


@dataclass(frozen=True, slots=True)
class Signature:
    """tree: of the tuple of positional arguments; leaves: one per leaf; extents: declared ones, checked at entry."""

    tree: Tree
    leaves: tuple[Leaf, ...]
    extents: tuple[Extent, ...] = ()

    @property
    def key(self) -> tuple[Tree, tuple[Leaf, ...]]:
        """What a compiled function is found by, whether its signature was declared or met at a call."""
        return self.tree, self.leaves

    def accepts(self, other: Signature) -> bool:
        """Whether a function compiled for this signature may be called with arguments of `other`."""
        return self.tree == other.tree and all(
            a.type.accepts(b.type) and (a.weak or not b.weak or a.type.is_scalar)
            for a, b in zip(self.leaves, other.leaves, strict=True)
        )


_WEAK = {
    float: Leaf(Type(F64), True),
    int: Leaf(Type(I64), True),
    bool: Leaf(Type(BOOL), True),
    complex: Leaf(Type(C128), True),
}
_SCALARS: dict[type, Leaf] = {d.numpy.type: Leaf(Type(d)) for d in DTYPES.values()}
_ARRAYS: dict[tuple[Any, tuple[int | None, ...] | int], Leaf] = {}


_ARRAY_KINDS: set[type] = {np.ndarray}


def array_kind(kind: type) -> type:
    """Class decorator: values have the `shape` (a tuple) and `dtype` of a NumPy array, which is all that is looked at."""
    _ARRAY_KINDS.add(kind)
    return plain_leaf(kind)


_NUMBER_KINDS: set[type] = set()


def number_kind(kind: type) -> type:
    """Class decorator: values stand for a number of their `dtype`, one of Python's where `weak`."""
    _NUMBER_KINDS.add(kind)
    return plain_leaf(kind)


def leaf_of(value: Any) -> Leaf:
    """The leaf of an argument value.

    Arrays give their dtype and rank, with an extent of 1 static and every other unknown; NumPy scalars and
    arrays of rank 0 give strong scalars, Python numbers weak ones. Raises TypeMismatch for anything else.
    """
    kind = type(value)
    if kind in _ARRAY_KINDS:
        shape = value.shape
        key = (value.dtype, tuple([1 if n == 1 else None for n in shape]) if 1 in shape else len(shape))
        found = _ARRAYS.get(key)
        return found if found is not None else _array_leaf(key, value.dtype, shape)
    found = _WEAK.get(kind) or _SCALARS.get(kind)
    if kind in _NUMBER_KINDS:
        found = replace(_array_leaf((value.dtype, 0), value.dtype, ()), weak=value.weak)
    return found if found is not None else _other_leaf(value)


def _array_leaf(key: Any, dtype: np.dtype, shape: tuple[int, ...]) -> Leaf:
    known = dtype_of(dtype)
    if known is None:
        raise TypeMismatch(
            f"arrays of dtype {dtype} cannot be compiled", help="Convert it, e.g. `x.astype(np.float64)`."
        )
    leaf = Leaf(Type(known, tuple(1 if n == 1 else None for n in shape)))
    _ARRAYS[key] = leaf
    return leaf


def _other_leaf(value: Any) -> Leaf:
    if isinstance(value, (np.matrix, np.ma.MaskedArray)):
        raise TypeMismatch(
            f"a `{type(value).__name__}` means other things by its operators than arrays do, and cannot be compiled",
            help="Pass `np.asarray(...)` of it" + (", and the mask as an argument." if hasattr(value, "mask") else "."),
        )
    interface = getattr(value, "__cuda_array_interface__", None)
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if interface is not None:
        shape, dtype = interface["shape"], np.dtype(interface["typestr"])
    if shape is None or dtype is None:
        for base, leaf in _WEAK.items():
            if base is not bool and isinstance(value, base) and not isinstance(value, bool):
                return leaf
        raise TypeMismatch(
            f"an argument of type `{type(value).__name__}` cannot be compiled",
            help="Draw the numbers before the call and pass the array."
            if isinstance(value, np.random.Generator | np.random.RandomState)
            else "Pass numbers, NumPy arrays, or tuples, NamedTuples and dataclasses of these.",
        )
    try:
        dtype = np.dtype(dtype)
    except TypeError:  # another library's dtype object, printed like "torch.float64"
        try:
            dtype = np.dtype(str(dtype).rpartition(".")[2])
        except TypeError:
            raise TypeMismatch(f"arrays of dtype {dtype} cannot be compiled") from None
    return _array_leaf((dtype, tuple(1 if n == 1 else None for n in shape)), dtype, tuple(shape))


def signature_of(args: tuple[Any, ...]) -> Signature:
    """The signature of actual arguments. Raises TypeMismatch for what the IR has no type for, naming the argument."""
    leaves, tree = flatten(args)
    try:
        return Signature(tree, tuple([leaf_of(leaf) for leaf in leaves]))
    except TypeMismatch as error:
        for path, leaf in zip(tree.paths("argument"), leaves, strict=True):
            try:
                leaf_of(leaf)
            except TypeMismatch:
                raise TypeMismatch(f"{path}: {error.message}", help=error.help) from None
        raise


# -- declared types


def declared_dtypes(function: Callable[..., Any]) -> dict[int, DType]:
    """For each positional parameter annotated as `NDArray[dtype]`, which leaves the rank open, its dtype."""
    try:
        hints = typing.get_type_hints(function)
        parameters = inspect.signature(function).parameters.values()
    except (NameError, TypeError, ValueError, AttributeError):
        return {}
    found = {}
    for k, parameter in enumerate(parameters):
        hint = unaliased(hints.get(parameter.name))
        if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            break
        inner = typing.get_args(typing.get_args(hint)[-1]) if typing.get_origin(hint) is np.ndarray else ()
        dtype = dtype_of(np.dtype(inner[0])) if inner and _is_concrete(inner[0]) else None
        if dtype is not None:
            found[k] = dtype
    return found


def unaliased(hint: Any) -> Any:
    """What a `type` alias stands for: from NumPy 2.5 on, NDArray[np.float64] is one."""
    origin = typing.get_origin(hint) or hint
    while hasattr(origin, "__value__"):
        arguments = typing.get_args(hint)
        hint = origin.__value__[arguments] if arguments else origin.__value__
        origin = typing.get_origin(hint) or hint
    return hint


def _is_concrete(scalar: Any) -> bool:
    """Whether a NumPy scalar type is that of one dtype (np.float64; not np.floating, not Any)."""
    return isinstance(scalar, type) and scalar in _SCALARS


class _Undeclared(Exception):
    """An annotation that leaves the type open."""


def declared_signature(function: Callable[..., Any]) -> Signature | None:
    """The signature that annotations state in full, or None where one parameter leaves it open."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters.values()
    except (NameError, TypeError, ValueError, AttributeError):
        return None
    leaves: list[Leaf] = []
    extents: list[Extent] = []
    try:
        trees = []
        for parameter in parameters:
            if parameter.name not in hints or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                return None
            trees.append(_declared(hints[parameter.name], leaves, extents))
    except _Undeclared:
        return None
    repeated = [e for e in extents if e.name.isdigit() or sum(o.name == e.name for o in extents) > 1]
    return Signature(tuple_of(trees), tuple(leaves), tuple(repeated))


def _declared(hint: Any, leaves: list[Leaf], extents: list[Extent]) -> Tree:
    """The tree of an annotation; its leaves are appended."""
    hint = unaliased(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _declared(arguments[0], leaves, extents)
    if hint is None or hint is type(None):
        return NONE
    if isinstance(hint, type) and (hint in _WEAK or hint in _SCALARS):
        leaves.append(_WEAK.get(hint) or _SCALARS[hint])
        return LEAF
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return tuple_of([_declared(a, leaves, extents) for a in arguments])
    if hasattr(hint, "dtypes") and hasattr(hint, "dims"):
        return _declared_jaxtyping(hint, leaves, extents)
    if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"):
        names, hints = field_names(hint), typing.get_type_hints(hint, include_extras=True)
        return Tree("dataclass", hint, tuple(_declared(hints[n], leaves, extents) for n in names), names)
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        hints = typing.get_type_hints(hint, include_extras=True)
        if set(hint._fields) <= set(hints):
            parts = tuple(_declared(hints[n], leaves, extents) for n in hint._fields)
            return Tree("named", hint, parts, tuple(hint._fields))
    raise _Undeclared


def _declared_jaxtyping(hint: Any, leaves: list[Leaf], extents: list[Extent]) -> Tree:
    names = {
        "float64": "f64",
        "float32": "f32",
        "complex64": "c64",
        "complex128": "c128",
        "bool": "bool",
        "bool_": "bool",
    }
    dtypes = [names.get(d, d.replace("uint", "u").replace("int", "i")) for d in hint.dtypes]
    if len(dtypes) != 1 or dtypes[0] not in DTYPES:
        raise _Undeclared
    words = hint.dim_str.split()
    if any(not (w.isidentifier() or w.isdigit()) for w in words):
        raise _Undeclared
    dtype: DType = DTYPES[dtypes[0]]
    extents += [Extent(len(leaves), axis, w) for axis, w in enumerate(words) if w != "_"]
    leaves.append(Leaf(Type(dtype, tuple(1 if w == "1" else None for w in words))))
    return LEAF
