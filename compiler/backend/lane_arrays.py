"""Arrays that each lane of a parallel loop has for itself: tapes, and what a call fills element by element.

    for i in parallel range(n):           x, live vary; t is an array of each lane
        t = tape                          begins as a fill whose extents all lanes share
        while f(x) > 0:
            t[k] = x                      written in place, always the one array of its slot
            x, k = g(x), k + 1
        for k in range(k - 1, -1, -1):
            y = h(y, t[k])                read by elements

Only arrays of which this can be followed are found: whatever an op writes in place goes on under one name. Others, and all that
is read as a whole, leave the loop without lanes.
"""

from __future__ import annotations

from dataclasses import dataclass

from wengert.compiler.backend.bufferise import Plan
from wengert.compiler.backend.fuse import is_undefined
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import AHEAD, carried_inits, carried_params


@dataclass(eq=False, slots=True)
class LaneArray:
    """One array in each lane. like: the fill that it begins as, at the op `start`. grows: along its first axis."""

    like: Value
    start: Op
    grows: bool = False


def lane_arrays(plan: Plan, loop: Op) -> dict[Value, LaneArray]:
    """The array that each value of the loop's body is, where all of it can be followed; values that cannot are left out."""
    (body,) = loop.regions
    finder = _Finder(plan, {v for op in body.walk() for v in (*op.results, *(p for r in op.regions for p in r.params))})
    finder.inside.update(body.params)
    finder.block(body)
    return {v: a for v, a in finder.found.items() if a not in finder.lost}


class _Finder:
    def __init__(self, plan: Plan, inside: set[Value]):
        self.plan, self.inside = plan, inside
        self.found: dict[Value, LaneArray] = {}
        self.lost: set[LaneArray] = set()

    def block(self, block: Block) -> None:
        for op in block.ops:
            if op.name in ("update", "accumulate", "grow"):
                self.written(op)
            elif op.name in ("for", "while"):
                self.loop(op)
            elif op.name == "if":
                self.branches(op)
            elif op.name == "broadcast" and op.result in self.plan.stored and self.is_fill(op.result):
                self.found[op.result] = LaneArray(op.result, op)

    def is_fill(self, value: Value) -> bool:
        """Whether it is one number everywhere, with extents that are known before the loop over the lanes."""
        op = value.owner
        if op is None or op.name != "broadcast" or not op.operands[0].type.is_scalar or value.type.dtype.kind == "c":
            return False
        if value.type.dtype.kind == "b" and is_undefined(value):
            return False
        return not any(v in self.inside and constant_of(v) is None for v in op.operands[1:])

    def start(self, value: Value, op: Op, operand: int) -> LaneArray | None:
        """What a slot or an update that takes `value` writes to."""
        if value in self.found:
            array = self.found[value]
            if (op, operand) in self.plan.taken:
                return array
            self.lost.add(array)
            return None
        return LaneArray(value, op) if self.is_fill(value) else None

    def written(self, op: Op) -> None:
        array = self.start(op.operands[0], op, 0)
        if array is None:
            return
        if op.name == "grow":
            array.grows = True
        self.found[op.result] = array

    def loop(self, op: Op) -> None:
        ahead, body = AHEAD[op.name], op.regions[-1]
        params, inits = carried_params(op), carried_inits(op)
        slots = [k for k, p in enumerate(params) if p.type.is_array]
        for k in slots:
            array = self.start(inits[k], op, ahead + k)
            if array is None:
                continue
            self.found[params[k]] = self.found[op.results[k]] = array
            if op.name == "while":
                self.found[op.regions[0].params[k]] = array
        for region in op.regions:
            self.block(region)
        for k in slots:
            self.same(params[k], body, k)

    def branches(self, op: Op) -> None:
        for region in op.regions:
            self.block(region)
        for k, result in enumerate(op.results):
            if not result.type.is_array:
                continue
            ends = [self.found.get(region.results[k]) for region in op.regions]
            if ends[0] is not None and ends[0] is ends[1] and self.plan.slots[op, k].kind == "fixed":
                self.found[result] = ends[0]
            else:
                self.lost.update(a for a in ends if a is not None)

    def same(self, param: Value, body: Block, k: int) -> None:
        """A slot whose trips end with another array than they begin with cannot be followed."""
        mine, last = self.found.get(param), self.found.get(body.results[k])
        if mine is None and last is None:
            return
        if mine is not last or (body, k) not in self.plan.taken:
            self.lost.update(a for a in (mine, last) if a is not None)
