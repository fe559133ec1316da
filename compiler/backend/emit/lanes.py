"""Iterations of a parallel loop side by side in vector registers: what depends on the lane is a vector, the rest a scalar.

    for i in parallel range(n):           for block in range(0, n - n % 8, 8):
        x = a[i]                              x = <8 x double> a[block ...]
        while f(x) > 0: x = g(x)     =>       live = all
        out[i] = x                            while any(live &= f(x) > 0): x = select(live, g(x), x)
                                              out[block ...] = x
                                          for i in the rest: as written

Whether a value depends on the lane is found beforehand (`varying_values`). Branches and loops whose condition does not stay as
they are; where lanes part, both branches run under masks, and a lane that has left its loop keeps what it had. A check that
fails in an active lane leaves the vector loop: the scalar one begins again with this block and raises the fault where it
belongs. So the body may not read what it writes, and must be made of scalars (`fits_lanes`); other loops stay as written.
What single values become is in lane_values.py; here are memory, checks, branches and loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wengert.compiler.backend.emit.control import CHUNK, Slots, has_inner_loops, trip_count, trip_weight
from wengert.compiler.backend.emit.host import EMIT, Count
from wengert.compiler.backend.emit.lane_arrays import OWN, LaneArrays
from wengert.compiler.backend.emit.lane_values import OneLane
from wengert.compiler.backend.emit.loops import chunked, counted_loop, work_of
from wengert.compiler.backend.emit.nest import Elements, address, load, store
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.backend.emit.text import Phi, memory_type, register_type
from wengert.compiler.backend.lanes import parted
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import I64


def write_blocks(slots: Slots, op: Op, first: str, last: str, lanes: int) -> str:
    """Write the loop over whole blocks of lanes; returns where the loop as written is to go on."""
    host, text = slots.host, slots.host.text
    host.statistics.counts.append(Count("lanes", host.depth, op))
    writer = _Lanes(slots, op, lanes)
    fine = writer.reserve()
    length = text.value(f"sub i64 {last}, {first}")
    end = text.value(f"add i64 {first}, {text.value(f'and i64 {length}, {-lanes}')}")
    end = text.value(f"select i1 {fine}, i64 {end}, i64 {first}") if fine else end
    head, inside, rest = (text.fresh(n) for n in ("blocks", "block", "rest"))
    before = text.block
    text.branch(head)
    text.label(head)
    block, stop = text.phi("i64", "b"), Phi("%" + text.fresh("from"), "i64")
    block.add(first, before)
    stop.add(block.name, text.block)
    text.branch_if(text.value(f"icmp slt i64 {block.name}, {end}"), inside, rest)
    text.label(inside)
    host.bail = (rest, stop, block.name)
    writer.body(block.name)
    host.bail = None
    host.target.poll(host, str(lanes * trip_weight(slots.body)))
    block.add(text.value(f"add nsw i64 {block.name}, {lanes}"), text.block)
    text.branch(head)
    text.label(rest)
    text.lines.append(stop)
    writer.give_back()
    return stop.name


class _Lanes(LaneArrays):
    def body(self, first: str) -> None:
        self.first_lane = first
        steps = ", ".join(f"i64 {k}" for k in range(self.n))
        base = self.splat(first, "i64")
        self.vectors[self.index] = self.text.value(f"add nsw <{self.n} x i64> {base}, <{steps}>")
        self.outputs = {p: self.slots.fixed[k] for k, p in enumerate(self.slots.params)}
        self.block(self.slots.body)

    def block(self, block: Block) -> None:
        for op in block.ops:
            self.host.op = op
            self.begin(op)
            if not op.regions and any(v in self.own for v in (*op.operands, *op.results)):
                OWN[op.name](self, op)
            elif op.name in _OPS:
                _OPS[op.name](self, op)
            elif REGISTRY[op.name].kind == "elementwise" and op.result in self.varying and op.result.type.is_scalar:
                self.row(op)
            elif not any(v in self.varying for v in (*op.operands, *op.results)):
                EMIT[REGISTRY[op.name].kind if op.name not in EMIT else op.name](self.host, op)

    # -- memory

    def _lane_row(self, array: Value, index: Sequence[Value]) -> Buffer | None:
        """The buffer, where the lanes' elements lie side by side in it."""
        scope = self.host.scope
        if array.type.dtype.kind == "b" or not scope.is_stored(array) or not index:
            return None
        *others, last = index
        buffer = scope.buffer(array)
        beside = self.unchecked(last) is self.index and not any(v in self.varying for v in others)
        return buffer if beside and buffer.strides is None else None

    def unchecked(self, value: Value) -> Value:
        """An index before it was checked: the loop's own is never negative."""
        while value is not self.index and value.owner is not None and value.owner.name in ("index", "wrap_index"):
            value = value.owner.operands[0]
        return value

    def load(self, op: Op) -> None:
        array, *index = op.operands
        if op.result not in self.varying:
            EMIT["load"](self.host, op)
            return
        dtype, buffer = array.type.dtype, self._lane_row(array, index)
        if buffer is not None and not self.mask:
            where = address(self.host.scope, buffer, [*(self.host.scope.scalar(v) for v in index[:-1]), self.first_lane])
            size = dtype.bits // 8
            self.vectors[op.result] = self.text.value(f"load {self.type(dtype)}, ptr {where}, align {size}")
            return

        def one(lane: int) -> str:
            scope = OneLane(self, lane)
            return Elements(scope).at(array, [scope.scalar(v) for v in index])

        self.vectors[op.result] = self.gathered(dtype, one)

    def update(self, op: Op) -> None:
        base, value, *index = op.operands
        buffer = self.outputs[op.result] = self.outputs[base]
        scope = self.host.scope
        beside = len(index) == 1 and index[0] is self.index and buffer.strides is None
        if beside and not self.mask and buffer.dtype.kind != "b":
            where = address(scope, buffer, [self.first_lane])
            size = buffer.dtype.bits // 8
            self.text.do(f"store <{self.n} x {memory_type(buffer.dtype)}> {self.vector(value)}, ptr {where}, align {size}")
            return
        self._store_each(buffer, lambda scope: [scope.scalar(v) for v in index], value)

    def update_slice(self, op: Op) -> None:
        base, value, *starts = op.operands
        buffer = self.outputs[op.result] = self.outputs[base]
        pack = value.owner
        assert pack is not None
        for number, part in enumerate(pack.operands):
            at, place = number, list[int]()
            for n in reversed(value.type.shape):
                assert n is not None
                place.insert(0, at % n)
                at //= n

            def index(scope: Scope, place: list[int] = place) -> list[str]:
                rest = iter(zip(place, (s for k, s in enumerate(op.attrs["steps"]) if k not in op.attrs["drop"]), strict=True))
                found = []
                for k, start in enumerate(starts):
                    if k in op.attrs["drop"]:
                        found.append(scope.scalar(start))
                    else:
                        offset, step = next(rest)
                        found.append(scope.index.add(scope.scalar(start), str(offset * step)))
                return found

            self._store_each(buffer, index, part)

    def _store_each(self, buffer: Buffer, index: Callable[[Scope], list[str]], value: Value) -> None:
        """Lane by lane; an inactive lane's element is written as it is."""
        vector, dtype = self.vector(value), value.type.dtype
        mask = self.mask
        for lane in range(self.n):
            scope = OneLane(self, lane)
            with self.masked(""):  # the indices of outputs vary by the loop's index alone
                where = address(scope, buffer, index(scope))
            element = self.text.value(f"extractelement {self.type(dtype)} {vector}, i64 {lane}")
            if mask:
                active = self.text.value(f"extractelement <{self.n} x i1> {mask}, i64 {lane}")
                type_ = register_type(dtype)
                element = self.text.value(f"select i1 {active}, {type_} {element}, {type_} {load(scope, buffer, where)}")
            store(scope, buffer, where, element)

    # -- checks

    def check_index(self, op: Op) -> None:
        i, extent = op.operands
        if op.result not in self.varying:
            EMIT[op.name](self.host, op)
            return
        n, vector, size = self.n, self.vector(i), self.vector(extent)
        wrapped = vector
        if self.unchecked(i) is not self.index:
            negative = self.text.value(f"icmp slt <{n} x i64> {vector}, zeroinitializer")
            shifted = self.text.value(f"add <{n} x i64> {vector}, {size}")
            wrapped = self.text.value(f"select <{n} x i1> {negative}, <{n} x i64> {shifted}, <{n} x i64> {vector}")
        if REGISTRY[op.name].fault is not None:
            self.require(self.text.value(f"icmp ult <{n} x i64> {wrapped}, {size}"))
        self.vectors[op.result] = wrapped

    def same_extent(self, op: Op) -> None:
        if op.result not in self.varying:
            EMIT[op.name](self.host, op)
            return
        a, b = (self.vector(v) for v in op.operands)
        self.require(self.text.value(f"icmp eq <{self.n} x i64> {a}, {b}"))
        self.vectors[op.result] = a

    def check(self, op: Op) -> None:
        if op.operands[0] in self.varying:
            self.require(self.vector(op.operands[0]))
        else:
            EMIT[op.name](self.host, op)

    def require(self, holds: str) -> None:
        """Leave the vector loop unless the condition holds in all active lanes."""
        failing = self._not(holds)
        failing = self._both(self.mask, failing) if self.mask else failing
        fine = self.text.value(f"xor i1 {self.any(failing)}, true")
        self.host.leave_unless(fine, "1")

    # -- control

    def if_(self, op: Op) -> None:
        if op.operands[0] in self.varying:
            self._parted(op)
            return
        text = self.text
        labels, joined = [text.fresh("then"), text.fresh("else")], text.fresh("joined")
        text.branch_if(self.host.scope.scalar(op.operands[0]), *labels)
        arms = []
        for label, region in zip(labels, op.regions, strict=True):
            text.label(label)
            self.block(region)
            pairs = zip(region.results, op.results, strict=True)
            arms.append(([self.operand(v, r) for v, r in pairs if r.type.is_scalar], text.block))
            text.branch(joined)
        text.label(joined)
        for k, result in enumerate(_numbers(op.results)):
            phi = text.phi(arms[0][0][k][0])
            for operands, block in arms:
                phi.add(operands[k][1], block)
            self.define(result, phi.name)

    def _parted(self, op: Op) -> None:
        """Each branch where some lane takes it."""
        text, condition = self.text, self.vectors[op.operands[0]]
        masks = [self._both(self.mask, condition), self._both(self.mask, self._not(condition))]
        found: list[list[str]] = []
        for mask, region in zip(masks, op.regions, strict=True):
            if not region.ops:
                found.append([self.vector(v) for v in _numbers(region.results)])
                continue
            before, inside, after = text.block, text.fresh("some"), text.fresh("after")
            text.branch_if(self.any(mask), inside, after)
            text.label(inside)
            with self.masked(mask):
                self.block(region)
                operands = [self.vector(v) for v in _numbers(region.results)]
            last = text.block
            text.branch(after)
            text.label(after)
            merged = []
            for v, operand in zip(_numbers(region.results), operands, strict=True):
                phi = text.phi(self.type(v.type.dtype))
                phi.add(operand, last)
                phi.add("poison", before)
                merged.append(phi.name)
            found.append(merged)
        for k, result in enumerate(_numbers(op.results)):
            type_ = self.type(result.type.dtype)
            self.vectors[result] = text.value(f"select <{self.n} x i1> {condition}, {type_} {found[0][k]}, {type_} {found[1][k]}")

    def for_(self, op: Op) -> None:
        low, high, step = op.operands[:3]
        (body,) = op.regions
        how = parted(op, self.varying)
        if how:
            (self._late_for if how == "late" else self._parting_for)(op)
            return
        host, scope = self.host, self.host.scope
        bounds = [scope.scalar(v) for v in (low, high, step)]
        params, results = _numbers(body.params[1:]), _numbers(op.results)
        carried = [self.operand(v, p) for v, p in zip(_numbers(op.operands[3:]), params, strict=True)]
        trips = trip_count(host, *bounds)
        innermost = not has_inner_loops(host, body)
        weight = trip_weight(body) * self.n

        def trip(k: str, operands: list[str]) -> list[str]:
            scope.scalars[body.params[0]] = scope.index.add(bounds[0], scope.index.multiply(k, bounds[2]))
            for p, operand in zip(params, operands, strict=True):
                self.define(p, operand)
            self.block(body)
            following = [self.operand(v, p)[1] for v, p in zip(_numbers(body.results), params, strict=True)]
            if not innermost:
                host.target.poll(host, str(weight))
            return following

        def stretch(first: str, last: str, operands: list[str]) -> list[str]:
            pairs = list(zip((t for t, _ in carried), operands, strict=True))
            following = counted_loop(self.text, first, last, pairs, trip)
            host.target.poll(host, work_of(scope.index, first, last, weight))
            return following

        if innermost:
            ends = chunked(self.text, "0", trips, CHUNK, carried, stretch)
        else:
            ends = counted_loop(self.text, "0", trips, carried, trip)
        for result, operand in zip(results, ends, strict=True):
            self.define(result, operand)

    def while_(self, op: Op) -> None:
        condition, body = op.regions
        if condition.results[0] not in self.varying:
            self._together(op)
            return
        params, tested = _numbers(body.params), _numbers(condition.params)

        def holds(operands: list[str]) -> str:
            for p, q, operand in zip(tested, params, operands, strict=True):
                self.define(p, operand)
                self.define(q, operand)
            self.block(condition)
            return self.vector(condition.results[0])

        def step(operands: list[str]) -> list[str]:
            self.block(body)
            return [self.operand(v, p)[1] for v, p in zip(_numbers(body.results), params, strict=True)]

        start = [self.operand(v, p) for v, p in zip(_numbers(op.operands), params, strict=True)]
        ends = self._parting(start, holds, step, trip_weight(body) + trip_weight(condition))
        self.vectors.update(zip(_numbers(op.results), ends, strict=True))

    def _parting_for(self, op: Op) -> None:
        """A `for` whose lanes leave it at different indices: a `while` that counts."""
        low, high, step = op.operands[:3]
        (body,) = op.regions
        params = [body.params[0], *_numbers(body.params[1:])]
        size = constant_of(step)
        assert size is not None
        compare = "slt" if size > 0 else "sgt"
        end = self.vector(high)
        index, by = (self.type(I64), self.splat(str(size), "i64")) if params[0] in self.varying else ("i64", str(size))

        def holds(operands: list[str]) -> str:
            for p, operand in zip(params, operands, strict=True):
                self.define(p, operand)
            return self.text.value(f"icmp {compare} <{self.n} x i64> {self.vector(params[0])}, {end}")

        def trip(operands: list[str]) -> list[str]:
            self.block(body)
            following = self.text.value(f"add {index} {operands[0]}, {by}")
            return [following, *(self.operand(v, p)[1] for v, p in zip(_numbers(body.results), params[1:], strict=True))]

        start = [self.operand(v, p) for v, p in zip((low, *_numbers(op.operands[3:])), params, strict=True)]
        ends = self._parting(start, holds, trip, trip_weight(body))
        self.vectors.update(zip(_numbers(op.results), ends[1:], strict=True))

    def _parting(
        self,
        start: list[tuple[str, str]],
        holds: Callable[[list[str]], str],
        step: Callable[[list[str]], list[str]],
        weight: int,
    ) -> list[str]:
        """A loop that goes on while it does so for some lane; the others keep what they have. start: (type, operand) of what
        goes round; a scalar is what all lanes share that go on. Returns the vectors with which the lanes left."""
        text, all_ = self.text, "splat (i1 true)"
        head, inside, done = (text.fresh(n) for n in ("head", "body", "done"))
        begins = [operand if type_[0] == "<" else self.splat(operand, type_) for type_, operand in start]
        before = text.block
        text.branch(head)
        text.label(head)
        live = text.phi(f"<{self.n} x i1>", "live")
        live.add(self.mask or all_, before)
        phis = [text.phi(type_) for type_, _ in start]
        ends = [phi if phi.type[0] == "<" else text.phi(f"<{self.n} x {phi.type}>") for phi in phis]
        for phi, end, (_, operand), begin in zip(phis, ends, start, begins, strict=True):
            phi.add(operand, before)
            if end is not phi:
                end.add(begin, before)
        names = [phi.name for phi in phis]
        with self.masked(live.name):
            still = self._both(live.name, holds(names))
        text.branch_if(self.any(still), inside, done)
        text.label(inside)
        with self.masked(still):
            following = step(names)
        self.host.target.poll(self.host, str(weight * self.n))
        for phi, end, (type_, _), new in zip(phis, ends, start, following, strict=True):
            vector = new if end is phi else self.splat(new, type_)
            kept = text.value(f"select <{self.n} x i1> {still}, {end.type} {vector}, {end.type} {end.name}")
            end.add(kept, text.block)
            if end is not phi:
                phi.add(new, text.block)
        live.add(still, text.block)
        text.branch(head)
        text.label(done)
        return [end.name for end in ends]

    def _late_for(self, op: Op) -> None:
        """A `for` that lanes begin at different indices and leave together: from the first of these on, each from its own."""
        text, n, (low, high, step) = self.text, self.n, op.operands[:3]
        (body,) = op.regions
        index, params = body.params[0], _numbers(body.params[1:])
        size, end, own = constant_of(step), self.host.scope.scalar(high), self.vector(low)
        down = size == -1
        begins = own
        if self.mask:
            begins = text.value(f"select <{n} x i1> {self.mask}, <{n} x i64> {own}, <{n} x i64> {self.splat(end, 'i64')}")
        first = self.reduced("smax" if down else "smin", begins)
        start = [("i64", first), *(self.operand(v, p) for v, p in zip(_numbers(op.operands[3:]), params, strict=True))]
        head, inside, done = (text.fresh(k) for k in ("head", "body", "done"))
        before = text.block
        text.branch(head)
        text.label(head)
        phis = [text.phi(type_) for type_, _ in start]
        for phi, (_, operand) in zip(phis, start, strict=True):
            phi.add(operand, before)
        place = phis[0].name
        text.branch_if(text.value(f"icmp {'sgt' if down else 'slt'} i64 {place}, {end}"), inside, done)
        text.label(inside)
        begun = text.value(f"icmp {'sge' if down else 'sle'} <{n} x i64> {own}, {self.splat(place, 'i64')}")
        begun = self._both(self.mask, begun)
        self.define(index, place)
        for p, phi in zip(params, phis[1:], strict=True):
            self.define(p, phi.name)
        with self.masked(begun):
            self.block(body)
            following = [self.vector(v) for v in _numbers(body.results)]
        self.host.target.poll(self.host, str(trip_weight(body) * n))
        phis[0].add(text.value(f"add i64 {place}, {size}"), text.block)
        for phi, new in zip(phis[1:], following, strict=True):
            phi.add(text.value(f"select <{n} x i1> {begun}, {phi.type} {new}, {phi.type} {phi.name}"), text.block)
        text.branch(head)
        text.label(done)
        self.vectors.update((r, phi.name) for r, phi in zip(_numbers(op.results), phis[1:], strict=True))

    def _together(self, op: Op) -> None:
        """A `while` that all lanes leave at once."""
        text, (condition, body) = self.text, op.regions
        params = _numbers(body.params)
        start = [self.operand(v, p) for v, p in zip(_numbers(op.operands), params, strict=True)]
        head, inside, done = (text.fresh(n) for n in ("head", "body", "done"))
        before = text.block
        text.branch(head)
        text.label(head)
        phis = [text.phi(type_) for type_, _ in start]
        for phi, (_, operand), p, q in zip(phis, start, _numbers(condition.params), params, strict=True):
            phi.add(operand, before)
            self.define(p, phi.name)
            self.define(q, phi.name)
        self.block(condition)
        text.branch_if(self.host.scope.scalar(condition.results[0]), inside, done)
        text.label(inside)
        self.block(body)
        following = [self.operand(v, p)[1] for v, p in zip(_numbers(body.results), params, strict=True)]
        self.host.target.poll(self.host, str((trip_weight(body) + trip_weight(condition)) * self.n))
        for phi, operand in zip(phis, following, strict=True):
            phi.add(operand, text.block)
        text.branch(head)
        text.label(done)
        for result, phi in zip(_numbers(op.results), phis, strict=True):
            self.define(result, phi.name)

    def nothing(self, op: Op) -> None:
        """`pack` is stored by its reader; views are read element by element."""

    def any_op(self, op: Op) -> None:
        EMIT[REGISTRY[op.name].kind if op.name not in EMIT else op.name](self.host, op)


def _numbers(values: Sequence[Value]) -> list[Value]:
    """Without the arrays, which stay where they are."""
    return [v for v in values if v.type.is_scalar]


_OPS: dict[str, Callable[[_Lanes, Op], None]] = {
    "load": _Lanes.load,
    "update": _Lanes.update,
    "update_slice": _Lanes.update_slice,
    "pack": _Lanes.nothing,
    "index": _Lanes.check_index,
    "wrap_index": _Lanes.check_index,
    "same_extent": _Lanes.same_extent,
    "check": _Lanes.check,
    "if": _Lanes.if_,
    "for": _Lanes.for_,
    "while": _Lanes.while_,
    "dim": _Lanes.any_op,
}
