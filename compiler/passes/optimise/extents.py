"""Extents of carried arrays: where a loop or branch keeps an array's extents, `dim` of it is the extent outside.

    %r = for ... , %u0 (%i, %u) {                    %n = dim %u0 {axis = 0} : i64
        %n = dim %u {axis = 0} : i64           =>    %r = for ... , %u0 (%i, %u) {
        %w = update %u, %v, %k : f64[?]                  %w = update %u, %v, %k : f64[?]
        yield %w                                         yield %w
    }                                                }

It lets checks of equal shapes fold and trip counts leave their loops.
"""

from __future__ import annotations

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_block

Place = tuple[Value, int]
"""An axis of an array."""


def resolve_extents(function: Function) -> Function:
    carried: dict[Value, Op] = {}
    for op in function.walk():
        if op.name in ("for", "while"):
            for region in op.regions:
                for p in region.params[1:] if op.name == "for" else region.params:
                    carried[p] = op
    if not any(op.name == "dim" and _made_by_control(op.operands[0], carried) for op in function.walk()):
        return function
    finder = Finder(carried)
    mapping: dict[Value, Value] = {}

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op.name != "dim":
            return None
        place = (op.operands[0], op.attrs["axis"])
        found = finder.outermost(place)
        if found == place:
            return None
        if isinstance(found, Value):
            return [mapping.get(found, found)]
        array, axis = found
        return [builder.extent(mapping.get(array, array), axis)]

    return Function(function.name, copy_block(function.body, mapping, replace), function.written)


def _made_by_control(array: Value, carried: dict[Value, Op]) -> bool:
    """Whether its extents are not resolved yet: `simplify` follows other ops, but neither loops nor branches."""
    return array in carried or (array.owner is not None and bool(array.owner.regions))


class Finder:
    """Follows an axis from value to value, as far out as it can be proved to keep its extent."""

    def __init__(self, carried: dict[Value, Op]):
        self.carried = carried
        self.known: dict[Place, Place | Value] = {}

    def outermost(self, place: Place) -> Place | Value:
        if place not in self.known:
            self.known[place] = place  # while it is being followed, it stands for itself
            self.known[place] = self._follow(place)
        return self.known[place]

    def _follow(self, place: Place) -> Place | Value:
        array, axis = place
        op = self.carried.get(array) or array.owner
        if op is None:
            return place
        if op.name in ("for", "while"):
            return self._loop(op, place)
        if op.name == "if":
            a, b = (self.outermost((region.results[op.results.index(array)], axis)) for region in op.regions)
            outside = _defined_in(op.regions[0]) | _defined_in(op.regions[1])
            if a == b and (a if isinstance(a, Value) else a[0]) not in outside:
                return a
            if isinstance(a, Value) and isinstance(b, Value) and constant_of(a) is not None and constant_of(a) == constant_of(b):
                return place
            return place
        rule = REGISTRY[op.name].extent
        found = rule(op, axis) if rule is not None else None
        if found is None:
            return place
        return self.outermost(found) if isinstance(found, tuple) else found

    def _loop(self, op: Op, place: Place) -> Place | Value:
        """The extent before the loop, if one trip through the body keeps it."""
        array, axis = place
        body = op.regions[-1]
        params = body.params[1:] if op.name == "for" else body.params
        first = 3 if op.name == "for" else 0
        if array in op.results:
            position = list(op.results).index(array)
        else:
            position = next(
                k
                for region in op.regions
                for k, p in enumerate(region.params[1:] if op.name == "for" else region.params)
                if p is array
            )
        if params[position].type.shape[axis] is not None:
            return place
        param = (params[position], axis)
        # following the yielded value must lead back to the parameter itself
        self.known[param] = param
        end = self._strip((body.results[position], axis), param)
        del self.known[param]
        return self.outermost((op.operands[first + position], axis)) if end == param else place

    def _strip(self, place: Place, param: Place) -> Place | Value:
        while place != param:
            array, axis = place
            op = self.carried.get(array) or array.owner
            if op is None:
                return place
            if op.name in ("for", "while", "if"):
                found = self._follow(place)
                if isinstance(found, Value) or found == place:
                    return found
            else:
                rule = REGISTRY[op.name].extent
                extent: Place | Value | None = rule(op, axis) if rule is not None else None
                if not isinstance(extent, tuple):
                    if isinstance(extent, Value) and extent.owner is not None and extent.owner.name == "dim":
                        extent = (extent.owner.operands[0], extent.owner.attrs["axis"])
                    else:
                        return place
                found = extent
            place = found
        return place


def _defined_in(block: Block) -> set[Value]:
    return set(block.params) | {r for op in block.walk() for r in op.results} | {
        p for op in block.walk() for region in op.regions for p in region.params
    }
