"""Objects that are indexed to make arrays: np.mgrid, np.ogrid, np.r_, np.c_; and slices whose step is known at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend import written_grids
from wengert.compiler.frontend.creation import arange, as_array, concatenate, linspace
from wengert.compiler.frontend.kinds import scalar_type
from wengert.compiler.frontend.objects import NONE, Array, Object, Slice, Static, Tuple, root
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.frontend.views import indexed

PLAIN: dict[str, Any] = {"b": np.dtype(bool), "i": 0, "f": 0.0, "c": 0j}
"""Python's numbers, which give way to dtypes of their kind."""
WHOLE = Slice(None, None, None)


def vector(tracer: Tracer, part: Slice) -> Object:
    """start:stop:step as np.arange, or with a step of nj as n points from start to stop."""
    start, stop = part.start or Static(0), part.stop
    if stop is None or stop == NONE:
        tracer.refuse("binding", name="np.mgrid", problem="a slice without an end")
    step = part.step if part.step not in (None, NONE) else Static(1)
    if isinstance(step, Static) and isinstance(step.value, complex):
        return linspace(tracer, Static(0) if start == NONE else start, stop, Static(int(abs(step.value))))
    return arange(tracer, Static(0) if start == NONE else start, stop, step)  # type: ignore[arg-type]


def grid(function: Any) -> Any:
    def build(tracer: Tracer, items: Sequence[Object]) -> Object:
        parts = [vector(tracer, i) for i in items if isinstance(i, Slice)]
        if len(parts) != len(items):
            tracer.refuse("call", name="np.mgrid of this", help="Index it with slices: `np.mgrid[0:n, 0:m]`.")
        if any(isinstance(p, Array) and p.dtype.kind == "f" for p in parts):
            parts = [SERVICES["call"](tracer, Static(np.asarray), [p, Static(float)], {}) for p in parts]
        made: Object = SERVICES["inline"](tracer, function, parts)
        return made

    return build


def _one(tracer: Tracer, item: Object, dtype: np.dtype[Any]) -> Object:
    made: Object = SERVICES["call"](tracer, Static(np.array), [Tuple(list, (item,)), Static(dtype)], {})
    return made


def rows(tracer: Tracer, items: Sequence[Object]) -> Object:
    """np.r_: vectors, ranges and numbers one after the other."""
    parts = []
    for item in items:
        if isinstance(item, Static) and isinstance(item.value, str):
            tracer.refuse("call", name="np.r_ with a directive", help="Use np.concatenate or np.stack.")
        one = vector(tracer, item) if isinstance(item, Slice) else item
        parts.append(one if scalar_type(one) is not None else as_array(tracer, one))
    kinds = [scalar_type(p) or (p.dtype, False) for p in parts]  # type: ignore[union-attr]
    dtype = np.result_type(*(PLAIN[k[0].kind] if k[1] else k[0].numpy for k in kinds))
    items = [p if isinstance(p, Array) else _one(tracer, p, dtype) for p in parts]
    return concatenate(tracer, Tuple(tuple, tuple(items)))


def columns(tracer: Tracer, items: Sequence[Object]) -> Object:
    """np.c_: vectors as the columns of a matrix."""
    parts: list[Object] = []
    for item in items:
        one = vector(tracer, item) if isinstance(item, Slice) else as_array(tracer, item)
        if not isinstance(one, Array):
            one = as_array(tracer, Tuple(list, (one,)))
        assert isinstance(one, Array)
        parts.append(indexed(tracer, one, [WHOLE, NONE]) if one.rank == 1 else one)
    return concatenate(tracer, Tuple(tuple, tuple(parts)), Static(1))


GRIDS: dict[int, Any] = {
    id(np.s_): lambda tracer, items: items[0] if len(items) == 1 else Tuple(tuple, tuple(items)),
    id(np.index_exp): lambda tracer, items: Tuple(tuple, tuple(items)),
    id(np.mgrid): grid(written_grids.mgrid), id(np.ogrid): grid(written_grids.ogrid), id(np.r_): rows, id(np.c_): columns,
}  # fmt: skip
"""By identity: the objects have no hash that says which they are."""


def has_open_step(items: Sequence[Object]) -> bool:
    """Whether a slice has a step that is known only at run time."""
    return any(isinstance(i, Slice) and i.step is not None and not isinstance(i.step, Static) for i in items)


def stepped(tracer: Tracer, base: Array, items: Sequence[Object]) -> tuple[Array, list[Object]]:
    """The part of `base` that all but the slice of run-time step picks, and that slice as an index array."""
    opened = [k for k, i in enumerate(items) if has_open_step([i])]
    if len(opened) > 1 or any(isinstance(i, Array) for i in items):
        tracer.refuse("slice_step")
    (at,) = opened
    part = items[at]
    assert isinstance(part, Slice)
    view = indexed(tracer, base, [WHOLE if k == at else i for k, i in enumerate(items)])
    before = sum(1 for i in items[:at] if isinstance(i, Slice) or i == NONE)
    if any(isinstance(i, Static) and i.value is Ellipsis for i in items[:at]):
        tracer.refuse("slice_step")
    n = tracer.integer(tracer.extents(view)[before])
    places = SERVICES["inline"](tracer, written_grids.slice_places, [n, part.start or NONE, part.stop or NONE, part.step])
    return view, [*[WHOLE] * before, places]


def as_view(made: Array, base: Array) -> Array:
    """What NumPy gives as a view and is a copy here: it may not be written, nor read after its base was."""
    made.cell.alias_of = frozenset({root(base.cell)})
    return made
