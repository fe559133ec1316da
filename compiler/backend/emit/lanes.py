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
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from wengert.compiler.backend.emit.control import CHUNK, Slots, has_inner_loops, trip_count, trip_weight
from wengert.compiler.backend.emit.host import EMIT, Count
from wengert.compiler.backend.emit.loops import chunked, counted_loop
from wengert.compiler.backend.emit.nest import Elements, address, load, store
from wengert.compiler.backend.emit.scalars import INTRINSICS, PURE, emit_row
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.backend.emit.text import Phi, memory_type, register_type
from wengert.compiler.backend.lanes import varying_values
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DType

GUARDED = ("sdiv", "udiv", "srem", "urem", "shl", "lshr", "ashr")
"""Integer instructions that need more than themselves: element by element."""


def write_blocks(slots: Slots, op: Op, first: str, last: str, lanes: int) -> str:
    """Write the loop over whole blocks of lanes; returns where the loop as written is to go on."""
    host, text = slots.host, slots.host.text
    host.statistics.counts.append(Count("lanes", host.depth, op))
    writer = _Lanes(slots, op, lanes)
    length = text.value(f"sub i64 {last}, {first}")
    end = text.value(f"add i64 {first}, {text.value(f'and i64 {length}, {-lanes}')}")
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
    return stop.name


class _OneLane(Scope):
    """The scope as one lane sees it: its elements of what varies."""

    def __init__(self, writer: _Lanes, lane: int):
        parent = writer.host.scope
        super().__init__(parent.places, parent.text, parent.dialect)
        self.writer, self.parent, self.lane = writer, parent, lane

    def scalar(self, value: Value) -> str:
        if value not in self.writer.varying:
            return self.parent.scalar(value)
        return self.writer.element(value, self.lane)

    def buffer(self, value: Value) -> Buffer:
        return self.parent.buffer(value)

    def is_stored(self, value: Value) -> bool:
        return self.parent.is_stored(value)

    def extent(self, value: Value, axis: int) -> str:
        return self.parent.extent(value, axis)

    def metadata(self, buffer: Buffer) -> str:
        return self.parent.metadata(buffer)


class _Lanes:
    def __init__(self, slots: Slots, op: Op, lanes: int):
        self.slots, self.host, self.text, self.n = slots, slots.host, slots.host.text, lanes
        self.varying = varying_values(op)
        self.index = slots.body.params[0]
        self.vectors: dict[Value, str] = {}
        self.first_lane = ""
        self.mask = ""
        """The active lanes, "" where all are."""

    # -- operands

    def type(self, dtype: DType) -> str:
        return f"<{self.n} x {register_type(dtype)}>"

    def splat(self, operand: str, type_: str) -> str:
        if not operand.startswith("%"):
            return f"splat ({type_} {operand})"
        vector = f"<{self.n} x {type_}>"
        one = self.text.value(f"insertelement {vector} poison, {type_} {operand}, i64 0")
        return self.text.value(f"shufflevector {vector} {one}, {vector} poison, <{self.n} x i32> zeroinitializer")

    def vector(self, value: Value) -> str:
        """The value in all lanes."""
        if value in self.varying:
            return self.vectors[value]
        return self.splat(self.host.scope.scalar(value), register_type(value.type.dtype))

    def operand(self, value: Value, like: Value) -> tuple[str, str]:
        """(type, operand) of a value as `like` is held: a vector where that varies."""
        dtype = like.type.dtype
        if like in self.varying:
            return self.type(dtype), self.vector(value)
        return register_type(dtype), self.host.scope.scalar(value)

    def define(self, value: Value, operand: str) -> None:
        (self.vectors if value in self.varying else self.host.scope.scalars)[value] = operand

    def element(self, value: Value, lane: int) -> str:
        if value is self.index:
            return self.host.scope.index.add(self.first_lane, str(lane))
        at = self._lane(lane)
        return self.text.value(f"extractelement {self.type(value.type.dtype)} {self.vectors[value]}, i64 {at}")

    def _lane(self, lane: int) -> str:
        """The lane itself, or one that is active where it is not: what an inactive lane holds is no index."""
        if not self.mask:
            return str(lane)
        mask, text = self.mask, self.text
        if (self._stand_ins[0], self._stand_ins[2]) != (mask, text.block):
            text.module.declare("llvm.cttz.i32", "declare i32 @llvm.cttz.i32(i32, i1)")
            bits = text.value(f"bitcast <{self.n} x i1> {mask} to i{self.n}")
            wide = text.value(f"zext i{self.n} {bits} to i32") if self.n < 32 else bits
            found = text.value(f"call i32 @llvm.cttz.i32(i32 {wide}, i1 true)")
            self._stand_ins = mask, text.value(f"zext i32 {found} to i64"), text.block
        active = self.text.value(f"extractelement <{self.n} x i1> {self.mask}, i64 {lane}")
        return self.text.value(f"select i1 {active}, i64 {lane}, i64 {self._stand_ins[1]}")

    _stand_ins: tuple[str, str, str] = ("", "", "")

    def any(self, mask: str) -> str:
        name = f"llvm.vector.reduce.or.v{self.n}i1"
        self.text.module.declare(name, f"declare i1 @{name}(<{self.n} x i1>)")
        return self.text.value(f"call i1 @{name}(<{self.n} x i1> {mask})")

    def _both(self, a: str, b: str) -> str:
        return self.text.value(f"and <{self.n} x i1> {a}, {b}") if a else b

    def _not(self, mask: str) -> str:
        return self.text.value(f"xor <{self.n} x i1> {mask}, splat (i1 true)")

    @contextmanager
    def masked(self, mask: str) -> Iterator[None]:
        before, self.mask = self.mask, mask
        yield
        self.mask = before

    # -- blocks and ops

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
            if op.name in _OPS:
                _OPS[op.name](self, op)
            elif REGISTRY[op.name].kind == "elementwise" and op.result in self.varying and op.result.type.is_scalar:
                self.row(op)
            elif not any(v in self.varying for v in (*op.operands, *op.results)):
                EMIT[REGISTRY[op.name].kind if op.name not in EMIT else op.name](self.host, op)

    def row(self, op: Op) -> None:
        self.vectors[op.result] = self._instruction(op) or self._call(op) or self._each(op)

    def _instruction(self, op: Op) -> str | None:
        row, dtype = REGISTRY[op.name], op.operands[-1].type.dtype
        instruction = (row.instruction or {}).get(dtype.kind)
        if op.name == "cast" or instruction is None or instruction in GUARDED:
            return self._cast(op) if op.name == "cast" else None
        operands = [self.vector(v) for v in op.operands]
        type_ = self.type(dtype)
        if instruction == "select":
            return self.text.value(f"select <{self.n} x i1> {operands[0]}, {type_} {operands[1]}, {type_} {operands[2]}")
        return self.text.value(f"{instruction} {type_} {', '.join(operands)}")

    def _cast(self, op: Op) -> str | None:
        source, target = op.operands[0].type.dtype, op.result.type.dtype
        if target.kind != "f" or source.kind not in "iub":
            return None
        instruction = "sitofp" if source.kind == "i" else "uitofp"
        return self.text.value(f"{instruction} {self.type(source)} {self.vector(op.operands[0])} to {self.type(target)}")

    def _call(self, op: Op) -> str | None:
        """The vector version of a math function, where this processor has one for as many lanes."""
        row, dtype = REGISTRY[op.name], op.operands[-1].type.dtype
        if row.call is None or dtype.kind != "f":
            return None
        type_, module = self.type(dtype), self.text.module
        name, operands = row.call[0], [self.vector(v) for v in op.operands]
        if name in INTRINSICS:
            name = f"llvm.{name}.v{self.n}f{dtype.bits}"
            module.declare(name, f"declare {type_} @{name}({', '.join([type_] * len(operands))})")
            return self.text.value(f"call {type_} @{name}({', '.join(f'{type_} {o}' for o in operands)})")
        scalar = name + ("f" if dtype.bits == 32 else "")
        found = self.host.scope.dialect.vector_variants(scalar, len(operands), dtype.bits)
        size, name = max(((lanes, vector) for _, vector, lanes in found if self.n % lanes == 0), default=(0, ""))
        return self._by_parts(name, size, dtype, operands) if name else None

    def _by_parts(self, name: str, size: int, dtype: DType, operands: list[str]) -> str:
        """A function of `size` lanes called for one part of the vectors after the other."""
        text, part = self.text, f"<{size} x {register_type(dtype)}>"
        text.module.declare(name, f"declare {part} @{name}({', '.join([part] * len(operands))}) {PURE}")
        whole, width = "", 0
        for start in range(0, self.n, size):
            lanes = self._numbers(range(start, start + size))
            cut = [text.value(f"shufflevector {self.type(dtype)} {o}, {self.type(dtype)} poison, {lanes}") for o in operands]
            made = text.value(f"call {part} @{name}({', '.join(f'{part} {o}' for o in cut)}) {PURE}")
            whole, width = self._joined(whole, width, made, size, dtype), width + size
        return whole

    def _joined(self, a: str, width: int, b: str, size: int, dtype: DType) -> str:
        """The lanes of a, of which there are `width`, and those of b, `size` or fewer than a has, behind them."""
        if not a:
            return b
        text, type_ = self.text, register_type(dtype)
        if width != size:
            lanes = self._numbers([k if k < size else -1 for k in range(width)])
            b = text.value(f"shufflevector <{size} x {type_}> {b}, <{size} x {type_}> poison, {lanes}")
        vector = f"<{width} x {type_}>"
        return text.value(f"shufflevector {vector} {a}, {vector} {b}, {self._numbers(range(width + size))}")

    @staticmethod
    def _numbers(lanes: Iterable[int]) -> str:
        numbers = [f"i32 {k}" if k >= 0 else "i32 poison" for k in lanes]
        return f"<{len(numbers)} x i32> <{', '.join(numbers)}>"

    def _each(self, op: Op) -> str:
        """Lane by lane, for what has no vector form."""

        def one(lane: int) -> str:
            scope = _OneLane(self, lane)
            with self.masked(""):
                return emit_row(self.text, self.host.scope.dialect, op, [scope.scalar(v) for v in op.operands])

        return self.gathered(op.result.type.dtype, one)

    def gathered(self, dtype: DType, one: Callable[[int], str]) -> str:
        vector, type_ = "poison", register_type(dtype)
        for lane in range(self.n):
            vector = self.text.value(f"insertelement {self.type(dtype)} {vector}, {type_} {one(lane)}, i64 {lane}")
        return vector

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
            scope = _OneLane(self, lane)
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
            scope = _OneLane(self, lane)
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
            arms.append(([self.operand(v, r) for v, r in zip(region.results, op.results, strict=True)], text.block))
            text.branch(joined)
        text.label(joined)
        for k, result in enumerate(op.results):
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
                found.append([self.vector(v) for v in region.results])
                continue
            before, inside, after = text.block, text.fresh("some"), text.fresh("after")
            text.branch_if(self.any(mask), inside, after)
            text.label(inside)
            with self.masked(mask):
                self.block(region)
                operands = [self.vector(v) for v in region.results]
            last = text.block
            text.branch(after)
            text.label(after)
            merged = []
            for v, operand in zip(region.results, operands, strict=True):
                phi = text.phi(self.type(v.type.dtype))
                phi.add(operand, last)
                phi.add("poison", before)
                merged.append(phi.name)
            found.append(merged)
        for k, result in enumerate(op.results):
            type_ = self.type(result.type.dtype)
            self.vectors[result] = text.value(f"select <{self.n} x i1> {condition}, {type_} {found[0][k]}, {type_} {found[1][k]}")

    def for_(self, op: Op) -> None:
        low, high, step = op.operands[:3]
        (body,) = op.regions
        if body.params[0] in self.varying:
            self._parting_for(op)
            return
        host, scope = self.host, self.host.scope
        bounds = [scope.scalar(v) for v in (low, high, step)]
        carried = [self.operand(v, p) for v, p in zip(op.operands[3:], body.params[1:], strict=True)]
        trips = trip_count(host, *bounds)
        innermost = not has_inner_loops(host, body)
        weight = trip_weight(body) * self.n

        def trip(k: str, operands: list[str]) -> list[str]:
            scope.scalars[body.params[0]] = scope.index.add(bounds[0], scope.index.multiply(k, bounds[2]))
            for p, operand in zip(body.params[1:], operands, strict=True):
                self.define(p, operand)
            self.block(body)
            following = [self.operand(v, p)[1] for v, p in zip(body.results, body.params[1:], strict=True)]
            if not innermost:
                host.target.poll(host, str(weight))
            return following

        def stretch(first: str, last: str, operands: list[str]) -> list[str]:
            pairs = list(zip((t for t, _ in carried), operands, strict=True))
            following = counted_loop(self.text, first, last, pairs, trip)
            host.target.poll(host, str(CHUNK * weight))
            return following

        if innermost:
            results = chunked(self.text, "0", trips, CHUNK, carried, stretch)
        else:
            results = counted_loop(self.text, "0", trips, carried, trip)
        for result, operand in zip(op.results, results, strict=True):
            self.define(result, operand)

    def while_(self, op: Op) -> None:
        condition, body = op.regions
        inits = list(op.operands)
        if condition.results[0] not in self.varying:
            self._together(op)
            return

        def holds(operands: list[str]) -> str:
            for p, operand in zip(condition.params, operands, strict=True):
                self.define(p, operand)
            self.block(condition)
            return self.vector(condition.results[0])

        def step(operands: list[str]) -> list[str]:
            for p, operand in zip(body.params, operands, strict=True):
                self.define(p, operand)
            self.block(body)
            return [self.vector(v) for v in body.results]

        results = self._parting(
            [(self.type(p.type.dtype), self.vector(v)) for p, v in zip(body.params, inits, strict=True)],
            holds, step, trip_weight(body) + trip_weight(condition),
        )  # fmt: skip
        for result, operand in zip(op.results, results, strict=True):
            self.vectors[result] = operand

    def _parting_for(self, op: Op) -> None:
        """A `for` whose bounds differ between lanes (or whose lanes differ): a `while` that counts."""
        low, high, step = op.operands[:3]
        (body,) = op.regions
        index, n = body.params[0], self.n
        size = constant_of(step)
        assert size is not None
        compare = "slt" if size > 0 else "sgt"
        end, by = self.vector(high), self.splat(str(size), "i64")

        def holds(operands: list[str]) -> str:
            return self.text.value(f"icmp {compare} <{n} x i64> {operands[0]}, {end}")

        def trip(operands: list[str]) -> list[str]:
            for p, operand in zip(body.params, operands, strict=True):
                self.define(p, operand)
            self.block(body)
            following = self.text.value(f"add <{n} x i64> {self.vectors[index]}, {by}")
            return [following, *(self.vector(v) for v in body.results)]

        start = [(self.type(p.type.dtype), self.vector(v)) for p, v in zip(body.params, (low, *op.operands[3:]), strict=True)]
        for result, operand in zip(op.results, self._parting(start, holds, trip, trip_weight(body))[1:], strict=True):
            self.vectors[result] = operand

    def _parting(
        self,
        start: list[tuple[str, str]],
        holds: Callable[[list[str]], str],
        step: Callable[[list[str]], list[str]],
        weight: int,
    ) -> list[str]:
        """A loop that goes on while it does so for some lane; the others keep what they have."""
        text, all_ = self.text, "splat (i1 true)"
        head, inside, done = (text.fresh(n) for n in ("head", "body", "done"))
        before = text.block
        text.branch(head)
        text.label(head)
        live = text.phi(f"<{self.n} x i1>", "live")
        live.add(self.mask or all_, before)
        phis = [text.phi(type_) for type_, _ in start]
        for phi, (_, operand) in zip(phis, start, strict=True):
            phi.add(operand, before)
        names = [phi.name for phi in phis]
        with self.masked(live.name):
            still = self._both(live.name, holds(names))
        text.branch_if(self.any(still), inside, done)
        text.label(inside)
        with self.masked(still):
            following = step(names)
        self.host.target.poll(self.host, str(weight * self.n))
        for phi, (type_, _), new in zip(phis, start, following, strict=True):
            kept = text.value(f"select <{self.n} x i1> {still}, {type_} {new}, {type_} {phi.name}")
            phi.add(kept, text.block)
        live.add(still, text.block)
        text.branch(head)
        text.label(done)
        return names

    def _together(self, op: Op) -> None:
        """A `while` that all lanes leave at once."""
        text, (condition, body) = self.text, op.regions
        start = [self.operand(v, p) for v, p in zip(op.operands, body.params, strict=True)]
        head, inside, done = (text.fresh(n) for n in ("head", "body", "done"))
        before = text.block
        text.branch(head)
        text.label(head)
        phis = [text.phi(type_) for type_, _ in start]
        for phi, (_, operand), p, q in zip(phis, start, condition.params, body.params, strict=True):
            phi.add(operand, before)
            self.define(p, phi.name)
            self.define(q, phi.name)
        self.block(condition)
        text.branch_if(self.host.scope.scalar(condition.results[0]), inside, done)
        text.label(inside)
        self.block(body)
        following = [self.operand(v, p)[1] for v, p in zip(body.results, body.params, strict=True)]
        self.host.target.poll(self.host, str((trip_weight(body) + trip_weight(condition)) * self.n))
        for phi, operand in zip(phis, following, strict=True):
            phi.add(operand, text.block)
        text.branch(head)
        text.label(done)
        for result, phi in zip(op.results, phis, strict=True):
            self.define(result, phi.name)

    def nothing(self, op: Op) -> None:
        """`pack` is stored by its reader; views are read element by element."""

    def any_op(self, op: Op) -> None:
        EMIT[REGISTRY[op.name].kind if op.name not in EMIT else op.name](self.host, op)


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
