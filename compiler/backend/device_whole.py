"""Arrays that a parallel loop writes whole need not be filled before it.

    %0 = broadcast %zero, %n                             %0 = broadcast %zero, %n {undefined}
    %y = for 0, %n, 1, %0 {parallel} (%i, %a) {     =>   %y = for 0, %n, 1, %0 {parallel} (%i, %a) {
        yield update %a, %v, %i                              yield update %a, %v, %i

Nothing else may read the array, nor an iteration what it has not written itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wengert.compiler.backend.device_facts import plain_index
from wengert.compiler.backend.fuse import is_fill, is_undefined
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import extent_of
from wengert.compiler.ir.rewrite import rewrite


def leave_unfilled(function: Function) -> Function:
    """The function itself where every fill is needed."""
    uses = _uses(function.body)
    found = {
        init
        for op in function.walk()
        if op.name == "for" and op.attrs["parallel"]
        for k, init in enumerate(op.operands[3:])
        if is_fill(init) and not is_undefined(init) and uses[init] == 1 and _is_written_whole(op, k, init, uses)
    }
    if not found:
        return function

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if not op.results or op.results[0] not in found:
            return None
        return [builder.emit("broadcast", *operands, hint=op.result.hint, **{**op.attrs, "undefined": True})]

    return rewrite(function, replace)


def _uses(body: Block) -> Counter[Value]:
    """How often each value is read; `dim` reads no element."""
    uses = Counter(body.results)
    for op in body.walk():
        uses.update(() if op.name == "dim" else op.operands)
        for region in op.regions:
            uses.update(region.results)
    return uses


def _is_written_whole(loop: Op, position: int, array: Value, uses: Counter[Value]) -> bool:
    """Whether the nest of loops that begins with `loop` stores each element of what it carries there, and reads none."""
    trips: list[tuple[Value, Value]] = []  # (index, the end of its range) of each loop of the nest
    while True:
        (region,) = loop.regions
        low, high, step = loop.operands[:3]
        carried, result = region.params[1 + position], region.results[position]
        op = result.owner
        if constant_of(low) != 0 or constant_of(step) != 1 or uses[carried] != 1 or op is None or op not in region.ops:
            return False
        trips.append((region.params[0], high))
        if op.name != "for":
            break
        position = op.results.index(result)
        if uses[result] != 1 or op.operands[3 + position] is not carried:
            return False
        loop = op
    if uses[result] != 1 or op.operands[0] is not carried:
        return False
    if op.name == "update":
        index: Sequence[Value] = op.operands[2:]
    elif op.name == "update_slice" and op.attrs["drop"] == tuple(range(len(trips))):
        count = len(trips)
        index = op.operands[2 : 2 + count]
        rest = range(count, array.type.rank)
        if any(constant_of(v) != 0 for v in op.operands[2 + count :]) or any(n != 1 for n in op.attrs["steps"]):
            return False
        if not all(_same(_extent(array, k), _extent(op.operands[1], k - count)) for k in rest):
            return False
    else:
        return False
    ends = dict(trips)
    places = [plain_index(v) for v in index]
    if len(places) != len(trips) or set(places) != set(ends):
        return False
    return all(_same(_extent(array, k), ends[v]) for k, v in enumerate(places))


Extent = Value | int | tuple[Value, int]


def _extent(array: Value, axis: int) -> Extent:
    known = array.type.shape[axis]
    if known is not None:
        return known
    found = extent_of(array, axis)
    if found is None or found == (array, axis):
        return array, axis
    return _extent(*found) if isinstance(found, tuple) else found


def _same(a: Extent, b: Extent) -> bool:
    return _known(a) == _known(b)


def _known(extent: Extent) -> Extent:
    if isinstance(extent, Value):
        number, op = constant_of(extent), extent.owner
        if number is not None:
            return int(number)
        if op is not None and op.name == "dim":
            return _extent(op.operands[0], op.attrs["axis"])
    return extent
