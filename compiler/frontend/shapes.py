"""The same elements under another shape: reshape, ravel, transpose, flip, swapaxes, expand_dims, squeeze, roll."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from wengert.compiler.frontend import written_grids
from wengert.compiler.frontend.arithmetic import ONE
from wengert.compiler.frontend.creation import array_only, axis_within, shape_from
from wengert.compiler.frontend.gather import empty
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.kinds import scalar_type
from wengert.compiler.frontend.objects import (
    NEW,
    NONE,
    Array,
    ArrayValue,
    Object,
    Reshaped,
    Slice,
    Static,
    Tuple,
    View,
    root,
)
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.frontend.views import indexed, simplified, whole
from wengert.compiler.ir.core import Value


def reshape(tracer: Tracer, a: Object, *shape: Object, order: Object = Static("C")) -> Object:
    """Under another shape: a view where the array is known to be contiguous, else a read-only array."""
    item = array_only(tracer, a)
    if order not in (Static("C"), Static("F")):
        tracer.refuse("order")
    wanted = shape[0] if len(shape) == 1 else Tuple(tuple, shape)
    parts = wanted.items if isinstance(wanted, Tuple) else (wanted,)
    own = tracer.extents(item)
    open_axes = [k for k, p in enumerate(parts) if p == Static(-1)]
    if len(open_axes) > 1:
        tracer.refuse("reshape_size", a=text(own), b="more than one unknown dimension")
    fixed = shape_from(tracer, Tuple(tuple, tuple(p for p in parts if p != Static(-1))))
    if open_axes:
        rest = remaining(tracer, own, fixed)
        extents = (*fixed[: open_axes[0]], rest, *fixed[open_axes[0] :])
    else:
        extents = fixed
        same_size(tracer, own, extents)
    if not extents:
        tracer.refuse("scalar_array")
    if order == Static("F") and (item.rank > 1 or len(extents) > 1):
        return transpose(tracer, under(tracer, transpose(tracer, item), extents[::-1]))  # type: ignore[arg-type]
    return under(tracer, item, extents)


def under(tracer: Tracer, item: Array, extents: tuple[Affine, ...]) -> Array:
    if tracer.extents(item) == extents:
        return item
    base = root(item.cell)
    if item.is_whole and base.contiguous and not base.pinned:
        cell = Reshaped(item.cell.name, item.dtype, len(extents), tracer.builder.span, parent=item, extents=extents)
        return Array(cell)
    content = tracer.read(item)
    made = tracer.fresh(ArrayValue(tracer.reshape(content.value, extents), extents), "")
    made.cell.alias_of = frozenset({base})
    return made


def text(extents: tuple[Affine, ...]) -> str:
    return "(" + ", ".join("?" if e.known is None else str(e.known) for e in extents) + ")"


def product(tracer: Tracer, extents: tuple[Affine, ...]) -> Value:
    total = tracer.builder.integer(1)
    for k, e in enumerate(extents):
        total = tracer.index.value(e) if k == 0 else tracer.builder.emit("multiply", total, tracer.index.value(e))
    return total


def essential(extents: tuple[Affine, ...], others: tuple[Affine, ...]) -> tuple[Affine, ...]:
    """The extents without the ones that also stand among `others`, and without ones."""
    rest = list(others)
    left = []
    for e in extents:
        if e in rest:
            rest.remove(e)
        elif e != ONE:
            left.append(e)
    return tuple(left)


def same_size(tracer: Tracer, own: tuple[Affine, ...], extents: tuple[Affine, ...]) -> None:
    """The products of two shapes must be equal: known to be, or checked."""
    a, b = essential(own, extents), essential(extents, own)
    if not a and not b:
        return
    if all(e.is_constant for e in (*own, *extents)):
        if prod(e.constant for e in own) != prod(e.constant for e in extents):
            tracer.refuse("reshape_size", a=text(own), b=text(extents))
        return
    same = tracer.builder.emit("equal", product(tracer, own), product(tracer, extents))
    tracer.check(same, "shape", f"cannot reshape an array of shape {text(own)} to {text(extents)}")


def remaining(tracer: Tracer, own: tuple[Affine, ...], fixed: tuple[Affine, ...]) -> Affine:
    """The extent that -1 stands for."""
    a, b = essential(own, fixed), essential(fixed, own)
    if not b:
        if not a:
            return ONE
        return a[0] if len(a) == 1 else tracer.index.of(natural(tracer, product(tracer, a)))
    if all(e.is_constant for e in (*own, *fixed)):
        size, known = prod(e.constant for e in own), prod(e.constant for e in fixed)
        if known == 0 or size % known:
            tracer.refuse("reshape_size", a=text(own), b=text(fixed))
        return number(size // known)
    builder = tracer.builder
    total, known_size = product(tracer, own), product(tracer, fixed)
    zero = builder.integer(0)
    tracer.check(
        builder.emit("greater", known_size, zero), "shape", "cannot reshape to an unknown extent beside extents of 0"
    )
    rest = builder.emit("floor_divide", total, known_size)
    exact = builder.emit("equal", builder.emit("multiply", rest, known_size), total)
    tracer.check(exact, "shape", f"cannot reshape an array of shape {text(own)} to {text(fixed)} and a rest")
    return tracer.index.of(natural(tracer, rest))


def natural(tracer: Tracer, value: Value) -> Value:
    tracer.index.suppose_natural(value)
    return value


def ravel(tracer: Tracer, a: Object, order: Object = Static("C")) -> Object:
    return reshape(tracer, a, Static(-1), order=order)


def flatten(tracer: Tracer, a: Object, order: Object = Static("C")) -> Object:
    made = ravel(tracer, a, order)
    assert isinstance(made, Array)
    return tracer.fresh(tracer.read(made))


def transpose(tracer: Tracer, a: Object, *given: Object, axes: Object = NONE) -> Object:
    """With its axes reversed, or in the order given: a view."""
    item = array_only(tracer, a)
    given = given or (axes,)
    chosen: tuple[Object, ...] = given
    if len(given) == 1:
        chosen = given[0].items if isinstance(given[0], Tuple) else () if given[0] == NONE else given
    order = [axis_within(tracer, k, item.rank) for k in chosen] or list(range(item.rank))[::-1]
    if sorted(order) != list(range(item.rank)):
        tracer.refuse("binding", name="transpose", problem="axes do not match the array")
    return permuted(tracer, item, order)


def permuted(tracer: Tracer, item: Array, order: list[int]) -> Array:
    view = whole(tracer, item)
    return simplified(
        tracer, replace(item, view=View(view.starts, view.sizes, view.steps, tuple(view.order[k] for k in order)))
    )


def swapaxes(tracer: Tracer, a: Object, axis1: Object, axis2: Object) -> Object:
    item = array_only(tracer, a)
    p, q = axis_within(tracer, axis1, item.rank), axis_within(tracer, axis2, item.rank)
    order = list(range(item.rank))
    order[p], order[q] = q, p
    return permuted(tracer, item, order)


def moveaxis(tracer: Tracer, a: Object, source: Object, destination: Object) -> Object:
    item = array_only(tracer, a)
    taken, places = axes_in_order(tracer, source, item.rank), axes_in_order(tracer, destination, item.rank)
    if len(taken) != len(places):
        tracer.refuse("binding", name="np.moveaxis", problem="as many destinations as sources are needed")
    order = [k for k in range(item.rank) if k not in taken]
    for q, p in sorted(zip(places, taken, strict=True)):
        order.insert(q, p)
    return permuted(tracer, item, order)


def axes_in_order(tracer: Tracer, item: Object, rank: int) -> list[int]:
    """One axis or several, each named once."""
    axes = [axis_within(tracer, a, rank) for a in (item.items if isinstance(item, Tuple) else (item,))]
    if len(set(axes)) != len(axes):
        tracer.refuse("binding", name="an axis argument", problem="an axis is named twice")
    return axes


def flip(tracer: Tracer, m: Object, axis: Object = NONE) -> Object:
    item = array_only(tracer, m)
    axes = list(range(item.rank)) if axis == NONE else axes_in_order(tracer, axis, item.rank)
    back = Slice(None, None, Static(-1))
    return indexed(tracer, item, [back if k in axes else Slice(None, None, None) for k in range(item.rank)])


def expand_dims(tracer: Tracer, a: Object, axis: Object) -> Object:
    item = array_only(tracer, a)
    view = whole(tracer, item)
    order = list(view.order)
    several = len(axis.items) if isinstance(axis, Tuple) else 1
    for at in sorted(axes_in_order(tracer, axis, item.rank + several)):
        order.insert(at, NEW)
    return replace(item, view=View(view.starts, view.sizes, view.steps, tuple(order)))


def squeeze(tracer: Tracer, a: Object, axis: Object = NONE) -> Object:
    item = array_only(tracer, a)
    extents = tracer.extents(item)
    axes = [k for k, e in enumerate(extents) if e == ONE] if axis == NONE else axes_in_order(tracer, axis, item.rank)
    if any(extents[k] != ONE for k in axes):
        tracer.refuse("binding", name="squeeze", problem="the extent of the axis is not known to be 1")
    return indexed(tracer, item, [Static(0) if k in axes else Slice(None, None, None) for k in range(item.rank)])


def roll(tracer: Tracer, a: Object, shift: Object, axis: Object = NONE) -> Object:
    """np.roll. By a constant along an axis: two slices of the array put together the other way round."""
    if isinstance(shift, Tuple) and isinstance(axis, Tuple) and len(shift.items) == len(axis.items):
        for one, along in zip(shift.items, axis.items, strict=True):
            a = roll(tracer, a, one, along)
        return a
    item = array_only(tracer, a)
    if not isinstance(shift, Static) or type(shift.value) is not int or (axis == NONE and item.rank > 1):
        if scalar_type(shift) is None:
            tracer.refuse("binding", name="np.roll", problem="shift and axis must be integers, or as many in tuples")
        rolled: Object = SERVICES["inline"](tracer, written_grids.rolled, [item, shift, axis])
        return rolled
    at = axis_within(tracer, axis, item.rank) if axis != NONE else 0
    content, by, index = tracer.read(item), shift.value, tracer.index
    n = content.extents[at]
    if not index.proves(n - abs(by)):
        enough = tracer.builder.emit("greater_equal", index.value(n), tracer.builder.integer(abs(by)))
        tracer.check(enough, "shape", f"np.roll by {by} of a shorter axis cannot be compiled")
    first = n - by if by >= 0 else number(-by)  # rolled[0] is this element
    made = empty(tracer, content.dtype, content.extents)
    for start, size, place in ((first, n - first, number(0)), (number(0), first, n - first)):
        sizes = [size if k == at else e for k, e in enumerate(content.extents)]
        steps = (1,) * item.rank
        starts = [index.value(start if k == at else number(0)) for k in range(item.rank)]
        part = tracer.builder.emit("slice", content.value, *starts, *map(index.value, sizes), steps=steps, drop=())
        places = [index.value(place if k == at else number(0)) for k in range(item.rank)]
        made = tracer.builder.emit("update_slice", made, part, *places, steps=steps, drop=())
    return tracer.fresh(ArrayValue(made, content.extents))


def contiguous(tracer: Tracer, a: Object) -> Object:
    """np.ascontiguousarray: the array itself or a copy, which only its strides tell; so read-only for arguments."""
    item = array_only(tracer, a)
    base = root(item.cell)
    if item.is_whole and base.contiguous and not base.pinned:
        return item
    made = tracer.fresh(tracer.read(item))
    made.cell.alias_of = frozenset({base})
    return made


SHAPES: dict[Any, Any] = {
    np.reshape: reshape, np.ravel: ravel, np.transpose: transpose, np.flip: flip, np.swapaxes: swapaxes,
    np.moveaxis: moveaxis, np.expand_dims: expand_dims, np.squeeze: squeeze, np.roll: roll,
    np.ascontiguousarray: contiguous, np.flipud: lambda t, m: flip(t, m, Static(0)),
    np.fliplr: lambda t, m: flip(t, m, Static(1)),
}  # fmt: skip

METHODS: dict[str, Any] = {
    "reshape": reshape, "ravel": ravel, "flatten": flatten, "transpose": transpose, "swapaxes": swapaxes,
    "squeeze": squeeze,
}  # fmt: skip
