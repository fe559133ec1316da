"""`for`, `while` and `if`: phis for carried scalars and for the pointers and varying extents of moving buffers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wengert.compiler.backend.emit.host import EMIT, HostEmitter
from wengert.compiler.backend.emit.loops import Carried, chunked, counted_loop, work_of
from wengert.compiler.backend.emit.ranges import split
from wengert.compiler.backend.emit.scope import Buffer, is_literal
from wengert.compiler.backend.emit.text import memory_type, register_type
from wengert.compiler.backend.fuse import is_undefined, is_virtual_kind, op_cost
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.loops import AHEAD, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY

CHUNK = 1 << 16
"""Trips of an innermost loop between two looks for an interrupt."""
COUNTED = 64
"""Trips from which on a loop of known length tells the poll for interrupts how much it did."""


# -- slots: how arrays go round


class Slots:
    """The carried values of a loop op as LLVM operands, and back."""

    def __init__(self, host: HostEmitter, op: Op):
        self.host, self.op = host, op
        self.first = AHEAD[op.name]
        self.body = op.regions[-1]
        self.params, self.inits = carried_params(op), carried_inits(op)
        self.rotations = host.plan.rotations.get(op, [])
        self.fixed: dict[int, Buffer] = {}

    def kind(self, k: int) -> str:
        return self.host.plan.slots[self.op, k].kind

    def enter(self) -> Carried:
        """Before the loop: hoisted allocations, copies of what is needed again; the operands that start the loop."""
        host, plan = self.host, self.host.plan
        if self.op not in plan.threaded:
            self.hoist()
        carried: Carried = []
        for k, (p, init) in enumerate(zip(self.params, self.inits, strict=True)):
            if p.type.is_scalar:
                carried.append((register_type(p.type.dtype), host.scope.scalar(init)))
                continue
            buffer = self._initial(k, p, init)
            if self.kind(k) == "moving":
                carried += [("ptr", buffer.pointer), *(("i64", buffer.extents[j]) for j in self._varying(p))]
            self.fixed[k] = buffer
        for site, _ in self.rotations:
            carried.append(("ptr", host.allocate_pointer(site, host.scope.extents(site))))
        return carried

    def hoist(self) -> None:
        """Allocate what the trips use one after the other; on threads each chunk does so."""
        host, plan = self.host, self.host.plan
        for value in plan.hoisted.get(self.op, ()):
            host.hoisted[plan.storage[value].find()] = host.allocate_pointer(value, host.scope.extents(value))

    def unhoist(self) -> None:
        host, plan = self.host, self.host.plan
        for value in plan.hoisted.get(self.op, ()):
            host.target.free(host, host.hoisted[plan.storage[value].find()])

    def _initial(self, k: int, p: Value, init: Value) -> Buffer:
        host, plan = self.host, self.host.plan
        source = host.scope.buffer(init)
        if (self.op, self.first + k) in plan.taken:
            return source
        storage = plan.slots[self.op, k].storage.find()
        target = host.allocate_for(storage, p, source.extents)
        if not is_undefined(init):
            host.copy(source, target)
        return target

    def _varying(self, p: Value) -> list[int]:
        """The axes whose extent changes from trip to trip."""
        return [j for j in range(p.type.rank) if self.host.plan.places.of(p, j) == (p, j)]

    def steady(self) -> dict[Value, Buffer]:
        """Carried arrays that stay where they are."""
        return {self.params[k]: buffer for k, buffer in self.fixed.items() if self.kind(k) == "fixed"}

    def bind(self, values: Sequence[Value], operands: Sequence[str], spare: bool = False) -> None:
        """Let `values` (the parameters of a region, or the op's results) stand for what goes round."""
        host, rest = self.host, iter(operands)
        for k, v in enumerate(values):
            if v.type.is_scalar:
                host.scope.scalars[v] = next(rest)
                continue
            buffer = self.fixed[k]
            if self.kind(k) == "moving":
                pointer = next(rest)
                extents = {j: next(rest) for j in self._varying(self.params[k])}
                known = [extents.get(j) or host.scope.extent(self.params[k], j) for j in range(v.type.rank)]
                buffer = Buffer(v.type.dtype, pointer, tuple(known), None, host.alias_of(v))
            host.scope.buffers[v] = buffer
        for (site, _), pointer in zip(self.rotations, rest, strict=True):
            host.spare[site] = pointer

    def follow(self) -> list[str]:
        """At the end of the body: the operands of the next trip."""
        host, plan, body = self.host, self.host.plan, self.body
        operands: list[str] = []
        copies: list[tuple[Buffer, Buffer]] = []
        for k, (p, v) in enumerate(zip(self.params, body.results, strict=True)):
            if p.type.is_scalar:
                operands.append(host.scope.scalar(v))
            elif self.kind(k) == "moving":
                buffer = host.scope.buffer(v)
                if (body, k) not in plan.taken:
                    buffer = host.copied(buffer, v)
                operands += [buffer.pointer, *(buffer.extents[j] for j in self._varying(p))]
            elif (body, k) not in plan.taken:
                copies.append((host.scope.buffer(v), self.fixed[k]))
        copy_at_once(host, copies)
        operands += [host.scope.buffer(self.params[j]).pointer for _, j in self.rotations]
        host.free_at_end(body)
        return operands

    def leave(self, operands: Sequence[str]) -> None:
        """After the loop: the results, and what was allocated for the loop is freed."""
        host = self.host
        self.bind(self.op.results, operands)
        for site, _ in self.rotations:
            host.target.free(host, host.spare.pop(site))
        if self.op not in host.plan.threaded:
            self.unhoist()


def copy_at_once(host: HostEmitter, copies: list[tuple[Buffer, Buffer]]) -> None:
    """Copy small arrays on the stack as one assignment: what is overwritten and still read goes by a temporary."""
    targets = {target.pointer for _, target in copies}
    staged = []
    for source, target in copies:
        if source.pointer in targets and len(copies) > 1:
            kept = host.text.alloca(
                f"[{host.scope.index.product(target.extents)} x {memory_type(target.dtype)}]", "kept", 16
            )
            temporary = replace(target, pointer=kept, alias=0)
            host.copy(source, temporary)
            source = temporary
        staged.append((source, target))
    for source, target in staged:
        host.copy(source, target)


# -- loops


def has_inner_loops(host: HostEmitter, block: Block) -> bool:
    """Whether loops will be written within the block: by control ops, reductions, or nests over stored arrays."""
    for op in block.walk():
        if op.name in ("for", "while") or REGISTRY[op.name].kind in ("reduce", "contract"):
            return True
        if op.name in ("update_slice", "accumulate_slice", "grow"):
            return True
        if op.name == "if":
            if any(v.type.is_array and host.plan.slots[op, k].kind != "fixed" for k, v in enumerate(op.results)):
                return True
        elif any(v in host.plan.stored for v in op.results) and is_virtual_kind(op):
            return True
    return False


def trip_weight(block: Block) -> int:
    return 2 + sum(1 + op_cost(op) for op in block.ops)


def _for(host: HostEmitter, op: Op) -> None:
    if op.attrs["parallel"] and host.target.run_parallel(host, op):
        return
    slots = Slots(host, op)
    low, high, step = (host.scope.scalar(v) for v in op.operands[:3])
    carried = slots.enter()
    first, trips = ("0", trip_count(host, low, high, step)) if step != "1" else (low, high)
    slots.leave(write_loop(slots, low, step, first, trips, carried))


def write_loop(slots: Slots, low: str, step: str, first: str, trips: str, carried: Carried) -> list[str]:
    """The loop of a `for` op over range(first, trips), its index itself where the step is 1, else the trip number."""
    host = slots.host
    innermost = not has_inner_loops(host, slots.body)
    host.depth += 1
    weight = trip_weight(slots.body)
    body_block = slots.body

    def body(k: str, operands: list[str]) -> list[str]:
        e = host.scope.index
        host.scope.scalars[body_block.params[0]] = k if step == "1" else e.add(low, e.multiply(k, step))
        slots.bind(slots.params, operands)
        host.block(body_block)
        following = slots.follow()
        if not innermost:
            host.target.poll(host, str(weight))
        return following

    short = is_literal(first) and is_literal(trips) and int(trips) - int(first) <= CHUNK
    if host.target.latch is not None:
        exits, latch = len(host.fail_code.incoming), host.target.latch

        def metadata() -> str:
            return latch(host, weight) if innermost and len(host.fail_code.incoming) == exits else ""

        results = counted_loop(host.text, first, trips, carried, body, metadata)
    elif innermost and not short:
        types = [type_ for type_, _ in carried]

        hint = _hint(host, body_block, carried)

        def chunk(start: str, end: str, operands: list[str], latch: str = "") -> list[str]:
            latch = latch or hint
            following = counted_loop(host.text, start, end, list(zip(types, operands, strict=True)), body, latch)
            host.target.poll(host, work_of(host.scope.index, start, end, weight))
            return following

        def whole(start: str, end: str, before: Carried, latch: str) -> list[str]:
            return chunked(host.text, start, end, CHUNK, before, lambda a, b, operands: chunk(a, b, operands, latch))

        results = (
            split(host, body_block, first, trips, carried, whole, slots.steady())
            if step == "1"
            else whole(first, trips, carried, "")
        )
    else:

        def once(start: str, end: str, before: Carried, latch: str) -> list[str]:
            return counted_loop(host.text, start, end, before, body, latch)

        splits = innermost and step == "1"
        results = (
            split(host, body_block, first, trips, carried, once, slots.steady())
            if splits
            else once(first, trips, carried, "")
        )
        if innermost and int(trips) - int(first) >= COUNTED:  # the loop around it takes its trips for a single op
            host.target.poll(host, str((int(trips) - int(first)) * weight))
    host.depth -= 1
    return results


SMALL = 16
"""Ops of a body that is worth writing out several times."""


def _hint(host: HostEmitter, body: Block, carried: Carried) -> str:
    """What LLVM does not see by itself, for small bodies. Sums in order: four trips between two branches, so that more of
    the next loop is begun while this one waits for its last sum. Integers, of which LLVM would take 16 at once: 8, as loops
    within loops are mostly short."""
    kinds = {type_[0] for type_, _ in carried}
    if not carried or sum(1 for _ in body.walk()) > SMALL:
        return ""
    if kinds <= {"d", "f"}:
        own = "unroll.count", 4
    elif kinds == {"i"}:
        stores = any(
            op.name in ("update", "accumulate") for op in body.walk()
        )  # at places that go on as numbers are found
        own = ("unroll.count", 4) if stores else ("interleave.count", 2)
    else:
        return ""
    node = host.module.node(f'!{{!"llvm.loop.{own[0]}", i32 {own[1]}}}')
    return f"!llvm.loop {host.module.node(f'!{{self, {node}}}')}"


def trip_count(host: HostEmitter, low: str, high: str, step: str) -> str:
    """How many trips `range(low, high, step)` has; not positive where none."""
    e, text = host.scope.index, host.text
    if is_literal(step):
        size = abs(int(step))
        distance = e.subtract(high, low) if int(step) > 0 else e.subtract(low, high)
        if size == 1:
            return distance
        if is_literal(distance):
            return str(-(-int(distance) // size))
        return text.value(f"sdiv i64 {e.add(distance, str(size - 1))}, {size}")
    positive = text.value(f"icmp sgt i64 {step}, 0")
    up, down = text.value(f"sub i64 {high}, {low}"), text.value(f"sub i64 {low}, {high}")
    distance = text.value(f"select i1 {positive}, i64 {up}, i64 {down}")
    length = text.value(f"select i1 {positive}, i64 {step}, i64 {text.value(f'sub i64 0, {step}')}")
    length = text.value(f"select i1 {text.value(f'icmp eq i64 {length}, 0')}, i64 1, i64 {length}")
    rounded = text.value(f"add i64 {distance}, {text.value(f'sub i64 {length}, 1')}")
    return text.value(f"sdiv i64 {rounded}, {length}")


def _while(host: HostEmitter, op: Op) -> None:
    slots, text = Slots(host, op), host.text
    condition = op.regions[0]
    carried = slots.enter()
    host.depth += 1
    head, inside, done = (text.fresh(n) for n in ("head", "body", "done"))
    before = text.block
    text.branch(head)
    text.label(head)
    phis = [text.phi(type_) for type_, _ in carried]
    for phi, (_, operand) in zip(phis, carried, strict=True):
        phi.add(operand, before)
    names = [phi.name for phi in phis]
    slots.bind(condition.params, names)
    slots.bind(slots.params, names)  # the condition may ask for extents of the body's parameters
    host.block(condition)
    again = host.scope.scalar(condition.results[0])
    host.free_at_end(condition)
    text.branch_if(again, inside, done)
    text.label(inside)
    host.block(slots.body)
    following = slots.follow()
    host.target.poll(host, str(trip_weight(slots.body) + trip_weight(condition)))
    for phi, operand in zip(phis, following, strict=True):
        phi.add(operand, text.block)
    text.branch(head)
    text.label(done)
    host.depth -= 1
    slots.leave(names)


# -- branches


def _if(host: HostEmitter, op: Op) -> None:
    text = host.text
    labels = [text.fresh("then"), text.fresh("else")]
    joined = text.fresh("joined")
    text.branch_if(host.scope.scalar(op.operands[0]), *labels)
    arms: list[tuple[list[str], str]] = []
    for label, region in zip(labels, op.regions, strict=True):
        text.label(label)
        host.block(region)
        operands = _deliver(host, op, region)
        host.free_at_end(region)
        arms.append((operands, text.block))
        text.branch(joined)
    text.label(joined)
    types = _delivered_types(host, op)
    merged = []
    for j, type_ in enumerate(types):
        values = [operands[j] for operands, _ in arms]
        if values[0] == values[1]:
            merged.append(values[0])
            continue
        phi = text.phi(type_)
        for (_, block), value in zip(arms, values, strict=True):
            phi.add(value, block)
        merged.append(phi.name)
    _receive(host, op, merged)


def _own_extents(host: HostEmitter, op: Op, k: int) -> list[int]:
    """The axes of an array result whose extent depends on the branch taken."""
    result = op.results[k]
    return [j for j in range(result.type.rank) if host.plan.places.of(result, j) == (result, j)]


def _delivered_types(host: HostEmitter, op: Op) -> list[str]:
    types: list[str] = []
    for k, result in enumerate(op.results):
        if result.type.is_scalar:
            types.append(register_type(result.type.dtype))
        elif host.plan.slots[op, k].kind == "moving":
            types += ["ptr", *("i64" for _ in _own_extents(host, op, k))]
    return types


def _deliver(host: HostEmitter, op: Op, region: Block) -> list[str]:
    """At the end of a branch: its results as operands; small arrays are copied to the result's place."""
    operands: list[str] = []
    copies: list[tuple[Buffer, Buffer]] = []
    for k, (result, v) in enumerate(zip(op.results, region.results, strict=True)):
        if result.type.is_scalar:
            operands.append(host.scope.scalar(v))
            continue
        slot, buffer = host.plan.slots[op, k], host.scope.buffer(v)
        if slot.kind == "moving":
            if (region, k) not in host.plan.taken:
                buffer = host.copied(buffer, v)
            operands += [buffer.pointer, *(buffer.extents[j] for j in _own_extents(host, op, k))]
        elif slot.kind == "stack":
            copies.append((buffer, host.allocate_for(slot.storage, result, tuple(str(n) for n in result.type.shape))))
    copy_at_once(host, copies)
    return operands


def _receive(host: HostEmitter, op: Op, operands: Sequence[str]) -> None:
    rest = iter(operands)
    for k, result in enumerate(op.results):
        if result.type.is_scalar:
            host.scope.scalars[result] = next(rest)
            continue
        slot = host.plan.slots[op, k]
        if slot.kind == "fixed":
            host.scope.buffers[result] = host.scope.buffer(op.regions[0].results[k])
        elif slot.kind == "stack":
            extents = tuple(str(n) for n in result.type.shape)
            host.scope.buffers[result] = host.allocate_for(slot.storage, result, extents)
        else:
            pointer = next(rest)
            varying = {j: next(rest) for j in _own_extents(host, op, k)}
            known = tuple(varying.get(j) or host.scope.extent(result, j) for j in range(result.type.rank))
            host.scope.buffers[result] = Buffer(result.type.dtype, pointer, known, None, host.alias_of(result))


EMIT.update({"for": _for, "while": _while, "if": _if})
