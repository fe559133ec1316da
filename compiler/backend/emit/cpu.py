"""Nests as loops of this CPU: vectorisable inner loops, accurate sums, looks for Ctrl-C in long ones.

Sums of floats are taken in blocks of 512 elements (each block over the vector's lanes), and the sums of the blocks are
added with the rounding error carried along (Neumaier 1974), so that the error does not grow with the length; NumPy's
pairwise sum has an error that grows with its logarithm. Sums along an axis that is not the last go row by row, as NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product as each_index

from wengert.compiler.backend.emit.host import COUNTERS, FUEL, Fault, HostEmitter
from wengert.compiler.backend.emit.loops import chunked, counted_loop, work_of
from wengert.compiler.backend.emit.nest import Nest, address, combine_elements, identity_of, load, store
from wengert.compiler.backend.emit.outline import NestHost, call_nest, outline
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.scope import Buffer, is_literal
from wengert.compiler.backend.emit.tasks import carry, corrected, run_loop, run_nest, split_axis
from wengert.compiler.backend.emit.text import constant_text, parallel_nodes, register_type
from wengert.compiler.ir.core import Op

UNROLLED = 16
"""Domains of up to so many elements are written out."""
QUIET = 4096
"""Domains of up to so many elements are not interrupted."""
BLOCK = 512
COUNTED = 1 << 15
"""Bools that 16 bits can count."""
TOGETHER = 4
"""Rows that are added to a destination at a time."""
TILE, WIDTH, NARROW = 32, 64, 16
"""Elements of a tile along the axis that is read along, and along the last: fewer where rows are a multiple of 256 elements
apart, as the cache has few places for those (copies of 1024x1024 transposed: 0.3 of the time; of 1000x1000: as without tiles)."""
LONG = 32
"""Extents from which on tiles are worth their loops."""
Each = Callable[[list[str]], None]


class CpuTarget:
    """See `host.Target`."""

    splits_loops = True
    latch = None

    def __init__(self, dialect: Dialect, contract: Callable[[HostEmitter, Op], bool] | None = None, lanes: int = 1):
        self.dialect, self.lanes = dialect, lanes
        self._contract = contract

    def run_parallel(self, host: HostEmitter, op: Op) -> bool:
        if op not in host.plan.threaded:
            return False
        run_loop(host, op)
        return True

    def contract(self, host: HostEmitter, op: Op) -> bool:
        return self._contract(host, op) if self._contract is not None else False

    # -- memory

    def allocate(self, host: HostEmitter, count: str, item_bytes: int) -> str:
        text = host.text
        text.module.declare("wg_allocate", "declare noalias align 64 ptr @wg_allocate(ptr, i64, i64)")
        pointer = text.value(f"call ptr @wg_allocate(ptr %live, i64 {count}, i64 {item_bytes})", "m")
        host.check(text.value(f"icmp ne ptr {pointer}, null"), Fault("memory", host.op), count, str(item_bytes))
        if host.count:
            self._counted(host, 2, host.scope.index.multiply(count, str(item_bytes)))
        return pointer

    def free(self, host: HostEmitter, pointer: str) -> None:
        host.text.module.declare("wg_free", "declare void @wg_free(ptr, ptr)")
        host.text.do(f"call void @wg_free(ptr %live, ptr {pointer})")

    def copy(self, host: HostEmitter, source: Buffer, target: Buffer) -> None:
        size = host.scope.index.multiply(host.scope.index.product(source.extents), str(source.dtype.bits // 8))
        host.text.module.declare("llvm.memcpy", "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        host.text.do(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {target.pointer}, ptr {source.pointer}, i64 {size}, i1 false)"
        )
        if host.count:
            self._counted(host, 0, size)

    def _counted(self, host: HostEmitter, counter: int, size: str) -> None:
        """Count an event and its bytes in the module's counters."""
        for k, amount in ((counter, "1"), (counter + 1, size)):
            pointer = host.text.value(f"getelementptr i64, ptr @{COUNTERS}, i64 {k}")
            host.text.do(f"atomicrmw add ptr {pointer}, i64 {amount} monotonic")

    # -- interrupts

    def strides(self, host: HostEmitter, extents: Sequence[str]) -> tuple[str, ...] | None:
        return None

    def poll(self, host: NestHost, work: str) -> None:
        text = host.text
        fuel = host.fuel_pointer()
        text.module.declare("wg_poll", "declare i32 @wg_poll(ptr) cold")
        left = text.value(f"sub i64 {text.value(f'load i64, ptr {fuel}')}, {work}")
        text.do(f"store i64 {left}, ptr {fuel}")
        look, after = text.fresh("look"), text.fresh("go")
        text.branch_if(text.value(f"icmp sge i64 {left}, 0"), after, look, "!prof !0")
        text.label(look)
        text.do(f"store i64 {FUEL}, ptr {fuel}")
        signal = text.value(f"call i32 @wg_poll(ptr {fuel})")
        host.leave_unless(text.value(f"icmp eq i32 {signal}, 0"), "0")
        text.branch(after)
        text.label(after)

    # -- nests

    def run(self, host: HostEmitter, nest: Nest) -> str | None:
        if all(is_literal(n) for n in nest.extents) and _literal_product(nest.extents) <= UNROLLED:
            return self.loops(host, nest)
        axis = None if host.context != "0" else split_axis(nest)
        if axis is None:
            return call_nest(host, outline(host, nest, self.loops))
        return run_nest(host, nest, axis, self.loops)

    def loops(self, host: NestHost, nest: Nest) -> str | None:
        """The loops of a nest, written where `host` is writing."""
        if not nest.reduced:
            each: Each = lambda index: _ignore(nest.body(host.scope, index))  # noqa: E731
            if nest.across is not None and not all(is_literal(n) and int(n) < LONG for n in nest.extents):
                self._tiles(host, nest, nest.across, each)
            else:
                self._map(host, nest.extents, each, nest.weight)
            return None
        if nest.into is None:
            return self._reduce(host, nest, nest.extents, lambda index: index, nest.weight)
        if self._accumulates_rows(nest):
            self._reduce_rows(host, nest, nest.into)
        else:
            self._reduce_each(host, nest, nest.into)
        return None

    def _map(self, host: NestHost, extents: Sequence[str], each: Each, weight: int, independent: bool = True) -> None:
        """`each` for every index, in any order if `independent`."""
        if all(is_literal(n) for n in extents) and _literal_product(extents) <= UNROLLED:
            for at in each_index(*(range(int(n)) for n in extents)):
                each([str(i) for i in at])
            return
        axes = [k for k, n in enumerate(extents) if n != "1"]
        index = ["0"] * len(extents)
        quiet = all(is_literal(n) for n in extents) and _literal_product(extents) * weight <= QUIET
        group, latch = _parallel_metadata(host) if independent else ("", "")

        def level(depth: int) -> None:
            axis = axes[depth]
            if depth == len(axes) - 1:
                before, host.scope.access_group = host.scope.access_group, group
                self._innermost(
                    host, extents[axis], lambda i: _with(index, axis, i, each), latch, quiet or depth > 0, weight
                )
                host.scope.access_group = before
                return

            def trip(i: str, _: list[str]) -> list[str]:
                index[axis] = i
                level(depth + 1)
                if depth == 0 and not quiet:
                    work = host.scope.index.product([extents[a] for a in axes[1:]])
                    self.poll(host, host.scope.index.multiply(work, str(weight)))
                return []

            counted_loop(host.text, "0", extents[axis], [], trip)

        level(0)

    def _tiles(self, host: NestHost, nest: Nest, across: int, each: Each) -> None:
        """`each` for every index, tile by tile of the axis that is read along and the one that is written along: the lines of
        both stay in the cache while they are used."""
        text, last = host.text, len(nest.extents) - 1
        index = ["0"] * len(nest.extents)
        group, latch = _parallel_metadata(host)
        work = host.scope.index.multiply(nest.extents[last], str(TILE * nest.weight))
        apart = text.value(f"and i64 {nest.extents[across]}, 255")
        width = text.value(f"select i1 {text.value(f'icmp eq i64 {apart}, 0')}, i64 {NARROW}, i64 {WIDTH}")

        def column(j: str, _: list[str]) -> list[str]:
            _with(index, last, j, each)
            return []

        def tile(low: str, high: str, _: list[str]) -> list[str]:
            def columns(first: str, after: str, _: list[str]) -> list[str]:
                def row(i: str, _: list[str]) -> list[str]:
                    index[across] = i
                    before, host.scope.access_group = host.scope.access_group, group
                    counted_loop(text, first, after, [], column, latch)
                    host.scope.access_group = before
                    return []

                counted_loop(text, low, high, [], row)
                return []

            chunked(text, "0", nest.extents[last], width, [], columns)
            self.poll(host, work)
            return []

        def level(axes: list[int]) -> None:
            if not axes:
                chunked(text, "0", nest.extents[across], TILE, [], tile)
                return

            def trip(i: str, _: list[str]) -> list[str]:
                index[axes[0]] = i
                level(axes[1:])
                return []

            counted_loop(text, "0", nest.extents[axes[0]], [], trip)

        level([k for k in range(last) if k != across and nest.extents[k] != "1"])

    def _innermost(
        self, host: NestHost, extent: str, each: Callable[[str], None], latch: str, quiet: bool, weight: int
    ) -> None:
        def trip(i: str, _: list[str]) -> list[str]:
            each(i)
            return []

        if quiet:
            counted_loop(host.text, "0", extent, [], trip, latch)
            return
        size = max(1024, FUEL // (8 * weight)) & -64  # whole vectors: the scalar rest comes last

        def chunk(low: str, high: str, _: list[str]) -> list[str]:
            counted_loop(host.text, low, high, [], trip, latch)
            self.poll(host, work_of(host.scope.index, low, high, weight))
            return []

        chunked(host.text, "0", extent, size, [], chunk)

    # -- reductions

    def _accumulates_rows(self, nest: Nest) -> bool:
        """Whether the innermost axis is kept: then rows are added up in the destination."""
        last = len(nest.extents) - 1
        return last not in nest.reduced and nest.extents[last] != "1"

    def _reduce_rows(self, host: NestHost, nest: Nest, into: Buffer) -> None:
        dtype, scope = into.dtype, host.scope
        identity = identity_of(nest.combine, dtype)
        self._map(host, into.extents, lambda index: store(scope, into, address(scope, into, index), identity), 1)

        def add(index: list[str], rows: Sequence[str]) -> None:
            """Combine the elements of some rows with the destination, in order."""
            where = address(scope, into, [index[k] for k in nest.kept])
            total = load(scope, into, where)
            for row in rows:
                index[before] = row
                element = nest.body(scope, list(index))
                assert element is not None
                total = combine_elements(scope, nest.combine, dtype, total, element)
            store(scope, into, where, total)

        before = len(nest.extents) - 2
        if nest.reduced == (before,) and not (
            is_literal(nest.extents[before]) and int(nest.extents[before]) < 2 * TOGETHER
        ):
            self._rows_together(host, nest, add)
        else:
            self._map(host, nest.extents, lambda index: add(index, [index[before]]), nest.weight + 1)

    def _rows_together(self, host: NestHost, nest: Nest, add: Callable[[list[str], Sequence[str]], None]) -> None:
        """Some rows at a time, so that the destination is read and written once for all of them."""
        *outer, rows, columns = nest.extents
        index, e, text = ["0"] * len(nest.extents), host.scope.index, host.text
        work = e.multiply(columns, str(nest.weight + 1))
        group, latch = _parallel_metadata(host)

        def stretch(low: str, high: str, count: int) -> None:
            def trip(i: str, _: list[str]) -> list[str]:
                first = e.multiply(i, str(count))
                together = [e.add(first, str(k)) for k in range(count)]
                before, host.scope.access_group = host.scope.access_group, group
                self._innermost(
                    host, columns, lambda j: add([*index[:-1], j], together), latch, quiet=True, weight=nest.weight + 1
                )
                host.scope.access_group = before
                self.poll(host, e.multiply(work, str(count)))
                return []

            counted_loop(text, low, high, [], trip)

        def level(depth: int) -> None:
            if depth < len(outer):

                def trip(i: str, _: list[str]) -> list[str]:
                    index[depth] = i
                    level(depth + 1)
                    return []

                counted_loop(text, "0", outer[depth], [], trip)
                return
            whole = str(int(rows) // TOGETHER) if is_literal(rows) else text.value(f"sdiv i64 {rows}, {TOGETHER}")
            stretch("0", whole, TOGETHER)
            stretch(e.multiply(whole, str(TOGETHER)), rows, 1)

        level(0)

    def _reduce_each(self, host: NestHost, nest: Nest, into: Buffer) -> None:
        kept, reduced, scope = nest.kept, nest.reduced, host.scope
        inner = tuple(nest.extents[k] for k in reduced)

        def each(index: list[str]) -> None:
            def place(rest: list[str]) -> list[str]:
                whole = [""] * len(nest.extents)
                for k, i in zip((*kept, *reduced), (*index, *rest), strict=True):
                    whole[k] = i
                return whole

            group, scope.access_group = scope.access_group, ""
            total = self._reduce(host, nest, inner, place, nest.weight, quiet=True)
            scope.access_group = group
            store(scope, into, address(scope, into, index), total)

        weight = host.scope.index.multiply(host.scope.index.product(inner), str(nest.weight))
        cost = int(weight) if is_literal(weight) and weight != "0" else 64
        self._map(host, tuple(nest.extents[k] for k in kept), each, cost, False)

    def _reduce(
        self,
        host: NestHost,
        nest: Nest,
        extents: Sequence[str],
        place: Callable[[list[str]], list[str]],
        weight: int,
        quiet: bool = False,
    ) -> str:
        """The combination of the elements at `place(index)` for all indices, as an operand."""
        dtype, scope = nest.dtype, host.scope
        assert dtype is not None
        type_ = register_type(dtype)
        identity = identity_of(nest.combine, dtype)
        flags = "reassoc" if nest.combine in ("add", "multiply") else ""

        def combined(total: str, index: list[str], with_flags: str) -> str:
            element = nest.body(scope, place(index))
            assert element is not None
            return combine_elements(scope, nest.combine, dtype, total, element, with_flags)

        if all(is_literal(n) for n in extents) and _literal_product(extents) <= UNROLLED:
            total = ""
            for at in each_index(*(range(int(n)) for n in extents)):
                element = nest.body(scope, place([str(i) for i in at]))
                assert element is not None
                total = combine_elements(scope, nest.combine, dtype, total, element) if total else element
            return total or identity
        exact = nest.combine == "add" and dtype.kind == "f"
        index = ["0"] * len(extents)
        start = [(type_, identity)] + ([(type_, identity)] if exact else [])

        def level(depth: int, totals: list[str]) -> list[str]:
            extent = extents[depth]
            if depth == len(extents) - 1:
                return innermost(depth, extent, totals)

            def trip(i: str, inner: list[str]) -> list[str]:
                index[depth] = i
                after = level(depth + 1, inner)
                if depth == 0 and not quiet:
                    self.poll(host, host.scope.index.multiply(host.scope.index.product(extents[1:]), str(weight)))
                return after

            return counted_loop(host.text, "0", extent, list(zip((t for t, _ in start), totals, strict=True)), trip)

        def block(low: str, high: str, first: str) -> str:
            if dtype.kind == "f" and nest.combine in ("maximum", "minimum"):
                return extreme(low, high, first)
            if nest.counted:
                return count(low, high, first)

            def trip(i: str, inner: list[str]) -> list[str]:
                index[-1] = i
                return [combined(inner[0], index, flags)]

            return counted_loop(host.text, low, high, [(type_, first)], trip)[0]

        def count(low: str, high: str, first: str) -> str:
            bits = f"i{nest.counted}"

            def trip(i: str, inner: list[str]) -> list[str]:
                index[-1] = i
                element = nest.body(scope, place(index))
                assert element is not None
                one = host.text.value(f"trunc {type_} {element} to {bits}")
                return [host.text.value(f"add {bits} {inner[0]}, {one}")]

            (found,) = counted_loop(host.text, low, high, [(bits, "0")], trip)
            return host.text.value(f"add {type_} {first}, {host.text.value(f'zext {bits} {found} to {type_}')}")

        def extreme(low: str, high: str, first: str) -> str:
            """Whether there is a NaN is found out beside the extreme, which is one instruction where there is none."""
            name, bits = f"llvm.{nest.combine[:3]}num.f{dtype.bits}", f"i{dtype.bits}"
            host.module.declare(name, f"declare {type_} @{name}({type_}, {type_})")

            def trip(i: str, inner: list[str]) -> list[str]:
                index[-1] = i
                element = nest.body(scope, place(index))
                assert element is not None
                best = host.text.value(f"call nnan nsz {type_} @{name}({type_} {inner[0]}, {type_} {element})")
                unordered = host.text.value(f"fcmp uno {type_} {element}, {element}")
                marked = host.text.value(f"sext i1 {unordered} to {bits}")
                return [best, host.text.value(f"or {bits} {inner[1]}, {marked}")]

            best, lost = counted_loop(host.text, low, high, [(type_, identity), (bits, "0")], trip)
            none = host.text.value(f"icmp eq {bits} {lost}, 0")
            found = host.text.value(f"select i1 {none}, {type_} {best}, {type_} {constant_text(float('nan'), dtype)}")
            return combine_elements(scope, nest.combine, dtype, first, found)

        def innermost(depth: int, extent: str, totals: list[str]) -> list[str]:
            short = is_literal(extent) and int(extent) <= BLOCK
            if short and exact:
                return carry(host, type_, totals, block("0", extent, identity))
            if short:
                return [block("0", extent, totals[0])]
            size = BLOCK if exact else COUNTED if nest.counted else 1 << 16

            def chunk(low: str, high: str, inner: list[str]) -> list[str]:
                if exact:
                    after = carry(host, type_, inner, block(low, high, identity))
                else:
                    after = [block(low, high, inner[0])]
                if not quiet:
                    self.poll(host, work_of(host.scope.index, low, high, weight))
                return after

            carried = list(zip((t for t, _ in start), totals, strict=True))
            return chunked(host.text, "0", extent, size, carried, chunk)

        totals = level(0, [operand for _, operand in start])
        if not exact:
            return totals[0]
        return corrected(host, type_, totals)


def _with(index: list[str], axis: int, i: str, each: Each) -> None:
    index[axis] = i
    each(list(index))


def _ignore(_: str | None) -> None:
    return None


def _literal_product(extents: Sequence[str]) -> int:
    total = 1
    for n in extents:
        total *= int(n)
    return total


def _parallel_metadata(host: NestHost) -> tuple[str, str]:
    """(what to append to memory accesses, what to append to the latch) to say that iterations are independent."""
    group, _ = parallel_nodes(host.module)
    return f", !llvm.access.group {group}", host.loop_metadata()
