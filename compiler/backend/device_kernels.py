"""Kernels as IR: `KernelBuilder` writes the body of one iteration and gathers what it needs from the host.

func @add_1(%count: i64, %out: f64[?], %x: f64[?], %y: f64[?]) {
    %out.1 = for 0, %count, 1, %out {parallel = True} (%i: i64, %o: f64[?]) {
        %a = load %x, %i
        %b = load %y, %i
        %c = add %a, %b
        yield update %o, %c, %i
    }
    return %out.1 {written = (1,)}
}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from wengert.compiler.backend.device_folded import REGION_UPDATES
from wengert.compiler.backend.device_fusion import is_lazy
from wengert.compiler.backend.fuse import is_fill
from wengert.compiler.diag.span import Span
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.rewrite import copy_ops
from wengert.compiler.ir.types import I64, DType, Type


class Known(Protocol):
    """What the host has for the values of the original function."""

    def scalar(self, old: Value) -> Value: ...
    def stored(self, old: Value) -> Value | None: ...
    def extent(self, old: Value, axis: int) -> Value: ...
    def source(self, value: Value, whole: bool) -> Value | Op | None: ...


class Site:
    """A place where elements can be computed: the host itself, or (see KernelBuilder) the body of a kernel."""

    def __init__(self, builder: Builder, known: Known):
        self.builder, self.known = builder, known
        self._elements: dict[tuple[Value, tuple[Value, ...]], Value] = {}
        self._arithmetic: dict[tuple[str, Value, Value | int], Value] = {}
        self._constants: dict[tuple[str, str], Value] = {}
        self._sums: dict[Value, tuple[Value, int]] = {}
        """Indices as another one plus a number."""
        self._assumed: dict[tuple[Value, Value | None], None] | None = None
        """(index, the end of its range or None for 0): what elements of region updates take for granted; None: nothing."""
        self.places: Sequence[Value] = ()
        """The indices of this element: the ones there are everywhere."""

    @contextmanager
    def inside(self, block: Block) -> Iterator[None]:
        """Within it, code is written into `block`, and what is computed there is not used outside of it."""
        before = dict(self._elements), dict(self._arithmetic), dict(self._constants)
        try:
            with self.builder.inside(block):
                yield
        finally:
            self._elements, self._arithmetic, self._constants = before

    def constant(self, value: bool | int | float | complex, dtype: DType) -> Value:
        key = (repr(value), dtype.name)
        if key not in self._constants:
            self._constants[key] = self.builder.constant(value, dtype)
        return self._constants[key]

    def capture(self, value: Value) -> Value:
        """A value of the host, for use here."""
        return value

    def scalar(self, old: Value) -> Value:
        return self.capture(self.known.scalar(old))

    def element(self, old: Value, index: Sequence[Value]) -> Value:
        """The element of a value of the original function at `index`."""
        if old.type.is_scalar:
            return self.scalar(old)
        key = (old, tuple(index))
        if key not in self._elements:
            stored = self.known.stored(old)
            self._elements[key] = self._computed(old, index) if stored is None else self.load(stored, index)
        return self._elements[key]

    def load(self, stored: Value, index: Sequence[Value]) -> Value:
        return self.builder.emit("load", self.capture(stored), *index)

    def _computed(self, old: Value, index: Sequence[Value]) -> Value:
        op = old.owner
        if op is not None and op.name in REGION_UPDATES:
            return self.updated(op, index)
        assert op is not None and is_lazy(op), f"{old!r} is neither stored nor computable"
        if op.name == "iota":
            return index[0]
        row = row_of(op)
        if row.view_index is not None:
            source = op.operands[0]
            if source.type.is_scalar:
                return self.scalar(source)
            return self.element(source, row.view_index(self, op, list(index)))
        operands = [self.element(v, index) for v in op.operands]
        with self.builder.at(op.span, op.role):
            return self.builder.emit(op.name, *operands, **op.attrs)

    # -- the index arithmetic that `view_index` is written with; the same index is the same value

    def integer(self, number: int) -> Value:
        return self.constant(number, I64)

    def zero(self) -> Value:
        return self.integer(0)

    def value(self, old: Value) -> Value:
        return self.scalar(old)

    def add(self, a: Value, b: Value) -> Value:
        for index, number in ((a, constant_of(b)), (b, constant_of(a))):
            if number is not None:
                return self._plus(index, int(number))
        return self._memo("add", a, b)

    def _plus(self, index: Value, number: int) -> Value:
        index, before = self._sums.get(index, (index, 0))
        if number + before == 0:
            return index
        made = self._memo("add", index, self.integer(number + before))
        self._sums[made] = index, number + before
        return made

    def updated(self, op: Op, index: Sequence[Value]) -> Value:
        """An element of a region update that is not stored: within the region the value's, elsewhere the array's."""
        array, value, *starts = op.operands
        builder, inside, place = self.builder, list[tuple[Value, Value | None]](), list[Value]()
        exact: list[Value] = []
        for axis, (i, start, step) in enumerate(zip(index, starts, op.attrs["steps"], strict=True)):
            number = constant_of(self.known.scalar(start))
            offset = self._memo("subtract", i, self.scalar(start)) if number is None else self._plus(i, -int(number))
            if step != 1:
                at = builder.emit("truncated_divide", offset, self.integer(step))
                exact.append(builder.emit("equal", builder.emit("multiply", at, self.integer(step)), offset))
                inside.append((offset, None))
                offset = at
            inside += [(offset, None), (offset, self.known.extent(value, axis))]
            place.append(offset)

        def replaced() -> Value:
            element = self.element(value, place)
            return element if op.name == "update_slice" else builder.emit("add", self.element(array, index), element)

        if self._assumed is not None and not exact:
            self._assumed.update(dict.fromkeys(inside))
            return replaced()
        then, orelse = Block(), Block()
        condition = self._all([*exact, *(self._within(*bound) for bound in inside)])
        with self.inside(then):
            then.results = [replaced()]
        with self.inside(orelse):
            orelse.results = [self.element(array, index)]
        return builder.if_(condition, then, orelse).result

    def _within(self, index: Value, end: Value | None) -> Value:
        if end is None:
            return self.builder.emit("greater_equal", index, self.zero())
        return self.builder.emit("less", index, self.capture(end))

    def _all(self, conditions: Sequence[Value]) -> Value:
        condition, *more = conditions
        for other in more:
            condition = self.builder.emit("bitwise_and", condition, other)
        return condition

    def mostly_inside(self, compute: Callable[[], Value]) -> Value:
        """What `compute` makes, twice: without any branch where all region updates on the way are within their regions."""
        then, orelse, self._assumed = Block(), Block(), {}
        with self.inside(then):
            then.results = [compute()]
        assumed, self._assumed = self._assumed, None
        ranges: dict[tuple[Value, Value | None], int] = {}
        for bound, end in assumed:  # of several, the narrowest
            index, number = self._sums.get(bound, (bound, 0))
            other = ranges.setdefault((index, end), number)
            ranges[index, end] = min(number, other) if end is None else max(number, other)
        if len(assumed) <= 4 or any(index not in self.places for index, _ in ranges):
            return compute()
        condition = self._all([self._within(self._plus(index, number), end) for (index, end), number in ranges.items()])
        with self.inside(orelse):
            orelse.results = [compute()]
        return self.builder.if_(condition, then, orelse).result

    def scale(self, a: Value, factor: int) -> Value:
        return a if factor == 1 else self._memo("multiply", a, self.integer(factor))

    def _memo(self, name: str, a: Value, b: Value) -> Value:
        key = (name, a, b)
        if key not in self._arithmetic:
            self._arithmetic[key] = self.builder.emit(name, a, b)
        return self._arithmetic[key]


class KernelBuilder(Site):
    """The body of one iteration of a kernel. `outputs` are its arrays as they are at the start of the iteration.

    columns: on the host, how many iterations (i, j) there are for each i; None for iterations numbered by i alone.
    combine: (row, group): iterations leave a value for each output, and `group` beside each other are combined by the row.
    """

    def __init__(
        self, known: Known, outputs: Sequence[Value], columns: Value | None = None, combine: tuple[str, Value] | None = None
    ):
        self.columns, self.combine = columns, combine
        self.body = Block(params=[Value(Type(I64), "i")])
        if columns is not None:
            self.body.params.append(Value(Type(I64), "j"))
        self.indices = len(self.body.params)
        super().__init__(Builder(self.body), known)
        self.places = tuple(self.body.params)
        self.hosts = list(outputs)
        self.outputs = [Value(v.type, v.hint or "out") for v in outputs]
        self.body.params += self.outputs
        self.captured: dict[Value, Value] = {}
        self._front = Block()  # numbers that are on the device, fetched before all else
        self._fetched: dict[Value, Value] = {}
        self.here: tuple[Value, list[Value]] | None = None  # an output and the only index written in it

    @property
    def iteration(self) -> Value:
        return self.body.params[0]

    def capture(self, value: Value) -> Value:
        if value in self.captured:
            return self.captured[value]
        number = constant_of(value)
        if number is not None:
            return self.constant(number, value.type.dtype)
        if value in self._fetched or self.known.source(value, whole=False) is not None:
            return self._fetch(value)
        inside = self.captured[value] = Value(value.type, value.hint)
        return inside

    def _fetch(self, value: Value) -> Value:
        """A number that is on the device: loaded from where it is, or computed from those that are."""
        if value in self._fetched:
            return self._fetched[value]
        source, number = self.known.source(value, whole=True), constant_of(value)
        if source is None and number is None:
            return self.capture(value)
        operands = [self._fetch(v) for v in source.operands] if isinstance(source, Op) else []
        array = self.capture(source) if isinstance(source, Value) else None
        with self.builder.inside(self._front):
            if array is not None:
                made = self.builder.emit("load", array, self.builder.integer(0), hint=value.hint)
            elif isinstance(source, Op):
                made = self.builder.emit(source.name, *operands, **source.attrs)
            else:
                made = self.builder.constant(number, value.type.dtype)  # type: ignore[arg-type]
        self._fetched[value] = made
        return made

    def load(self, stored: Value, index: Sequence[Value]) -> Value:
        """An element of an output at the index about to be written is read from the output: no second array is needed."""
        if self.here is not None and stored is self.hosts[0] and list(index) == self.here[1]:
            return self.builder.emit("load", self.outputs[0], *index)
        return super().load(stored, index)

    def place(self, extents: Sequence[Value]) -> list[Value]:
        """The indices of this iteration's element of an array of these extents: j is the last where there is a j."""
        if self.columns is None:
            return self.unflatten(self.iteration, extents)
        return [*self.unflatten(self.iteration, extents[:-1]), self.body.params[1]]

    def unflatten(self, flat: Value, extents: Sequence[Value]) -> list[Value]:
        """The indices of element number `flat` of an array of these extents (values of the host), row-major."""
        index: list[Value] = []
        for extent in reversed(extents[1:]):
            inside = self.capture(extent)
            above = self.builder.emit("truncated_divide", flat, inside)
            index.append(self.builder.emit("subtract", flat, self.builder.emit("multiply", above, inside)))
            flat = above
        return [flat, *reversed(index)]

    def array(self, old: Value) -> Value:
        """A whole array of the original function, for ops that take arrays: captured, or a view of what is captured."""
        stored = self.known.stored(old)
        if stored is not None and not is_fill(old):
            return self.capture(stored)
        op = old.owner
        assert op is not None and is_lazy(op)
        operands = [self.array(v) if v.type.is_array else self.scalar(v) for v in op.operands]
        return self.builder.emit(op.name, *operands, **op.attrs)

    def iteration_function(self, name: str) -> Function:
        """One iteration: (i, [j,] outputs..., inputs...) -> outputs. What is compiled; the rest of the kernel counts."""
        params = [*self.body.params, *self.captured.values()]
        written = tuple(range(self.indices, self.indices + len(self.outputs)))
        body = Block(params, list(self.body.ops), list(self.body.results))
        if self.combine is not None:  # into arrays of one element, which the kernel's entry gives it
            with self.builder.inside(body):
                pairs = zip(self.outputs, body.results, strict=True)
                body.results = [self.builder.emit("update", out, v, self.builder.integer(0)) for out, v in pairs]
        return Function(name, body, written)

    def finish(self, name: str, results: Sequence[Value], span: Span | None) -> tuple[Function, list[Value]]:
        """The kernel, and the operands on the host that it takes after count and outputs."""
        self.body.results = list(results)
        self.body.ops[:0] = self._front.ops
        if self.combine is not None:
            return self._finish_combined(name, *self.combine, span)
        whole = Block(params=[Value(Type(I64), "count"), *(Value(v.type, v.hint) for v in self.outputs)])
        builder = Builder(whole, span)
        outputs = whole.params[1 : 1 + len(self.outputs)]
        body = self.body
        if self.columns is not None:
            number = constant_of(self.columns)
            width = None if number is not None else self.capture(self.columns)
            row, inner = self.body.params[0], Block(self.body.params[1:], self.body.ops, self.body.results)
            body = Block(params=[row, *(Value(v.type, v.hint) for v in self.outputs)])
            with builder.inside(body):
                end = builder.integer(int(number or 0)) if width is None else width
                made = builder.for_(builder.integer(0), end, builder.integer(1), body.params[1:], inner, parallel=True)
                body.results = list(made.results)
        whole.params += self.captured.values()
        loop = builder.for_(builder.integer(0), whole.params[0], builder.integer(1), outputs, body, parallel=True)
        whole.results = list(loop.results)
        written = tuple(range(1, 1 + len(self.outputs)))
        return Function(name, whole, (*written,)), list(self.captured)


    def _finish_combined(self, name: str, how: str, group: Value, span: Span | None) -> tuple[Function, list[Value]]:
        """for o in range(count / group): each out[o] = the values of iterations o * group, o * group + 1, ... combined"""
        size = constant_of(group)
        inside = None if size is not None else self.capture(group)
        values, number = self.body.results, len(self.outputs)
        whole = Block(params=[Value(Type(I64), "count"), *(Value(v.type, v.hint) for v in self.outputs)])
        builder = Builder(whole, span)
        outer = Block(params=[Value(Type(I64), "o"), *(Value(v.type, v.hint) for v in self.outputs)])
        width = builder.integer(int(size or 0)) if inside is None else inside
        with builder.inside(outer):
            start = builder.emit("multiply", outer.params[0], width)
            first = {self.body.params[0]: start}
            copy_ops(builder, self.body.ops, first)
            inner = Block(params=[Value(Type(I64), "k"), *(Value(v.type, "total") for v in values)])
            with builder.inside(inner):
                each = {self.body.params[0]: builder.emit("add", start, inner.params[0])}
                copy_ops(builder, self.body.ops, each)
                totals = zip(inner.params[1:], values, strict=True)
                inner.results = [builder.emit(how, total, each.get(v, v)) for total, v in totals]
            starts = [first.get(v, v) for v in values]
            made = builder.for_(builder.integer(1), width, builder.integer(1), starts, inner).results
            outs = zip(outer.params[1:], made, strict=True)
            outer.results = [builder.emit("update", out, v, outer.params[0]) for out, v in outs]
        whole.params += self.captured.values()
        end = builder.emit("truncated_divide", whole.params[0], width)
        outputs = whole.params[1 : 1 + number]
        loop = builder.for_(builder.integer(0), end, builder.integer(1), outputs, outer, parallel=True)
        whole.results = list(loop.results)
        return Function(name, whole, tuple(range(1, 1 + number))), list(self.captured)


Write = Callable[[KernelBuilder], Sequence[Value]]
"""Writes the body of one iteration; returns the outputs after it."""
