"""Reductions and products as kernels. The order of every sum is fixed by the extents alone, so that the same call
gives the same bits in every run.

    sum over n elements     thread t of 131072 adds elements t, t + 131072, ..., the threads of a block are combined; then
                            the blocks' sums by one block
    sums of rows            a row is shared by up to 256 threads beside each other, a long row of few by several blocks
    sums of columns         neighbours take neighbouring columns, each in parts of the column; then the parts are combined
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from wengert.compiler.backend.device_facts import made_by
from wengert.compiler.backend.device_kernels import KernelBuilder
from wengert.compiler.backend.device_memory import BLOCK
from wengert.compiler.backend.fuse import op_cost
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.types import I64, DType, Type
from wengert.compiler.ops.contraction import free_axes
from wengert.compiler.ops.reductions import kept_axes

if TYPE_CHECKING:
    from wengert.compiler.backend.device_outline import Outliner

ElementOf = Callable[[KernelBuilder, Value, Sequence[Value]], Value]
"""(kernel, number of the outer element, index of the inner one) -> what is to be combined."""

THREADS = 1 << 17
"""Threads of a first step: enough to keep the memory of today's GPUs busy with several loads each, and few enough that all run
at once, also where each needs 64 registers."""
WARP = 32
EACH = 8
"""Elements that a thread should have at least, where there are so many."""
LIGHT, TOGETHER = 8, 4
"""The cost of an element (see `op_cost`) above which a thread loads so many before it computes: functions have branches, behind
which no load is moved."""
RESIDENT, APART = 4, 2
"""Blocks of a multiprocessor: a thread has 64 registers. With fewer, the assembler moves loads back to where they are used.
APART: where each element of a thread has addresses of its own, which take registers, too."""


def identity(combine: str, dtype: DType) -> bool | int | float:
    """What changes nothing when combined."""
    if combine in ("add", "multiply"):
        return int(combine == "multiply")
    if combine in ("bitwise_or", "bitwise_and") or dtype.kind == "b":
        return combine in ("bitwise_and", "minimum")
    low = combine == "maximum"
    if dtype.kind == "f":
        return float("-inf") if low else float("inf")
    limits = np.iinfo(dtype.numpy)
    return int(limits.min if low else limits.max)


def reduce(outliner: Outliner, op: Op) -> Value:
    """The result of a `reduce` row, on the host: an array, or a number (see `Outliner.read`)."""
    instruction = row_of(op).instruction
    assert instruction is not None
    (array,), axes, combine = op.operands, op.attrs["axes"], instruction["combine"]
    kept = kept_axes(array.type.rank, axes)
    outer, inner = [outliner.extent(array, k) for k in kept], [outliner.extent(array, k) for k in axes]

    def element(kernel: KernelBuilder, column: Value, place: Sequence[Value]) -> Value:
        out = kernel.unflatten(column, outer) if outer else []
        return kernel.element(array, _placed(array.type.rank, (kept, out), (axes, place)))

    fast = not axes or axes[-1] == array.type.rank - 1  # neighbours then share a result, else have neighbouring ones
    stages = _Stages(outliner, op.name, combine, op.result.type.dtype, op.result.hint)
    total = stages.run(element, outer, inner, fast)
    if not outer:
        return outliner.read(total, op.result.hint)
    return outliner.host.emit("reshape", total, *outer, hint=op.result.hint)


def sum_all(outliner: Outliner, partial: Value, combine: str, dtype: DType) -> Value:
    """All elements of a stored array of rank 1 combined, as a scalar on the host."""

    def element(kernel: KernelBuilder, _: Value, place: Sequence[Value]) -> Value:
        return kernel.builder.emit("load", kernel.capture(partial), *place)

    stages = _Stages(outliner, "combine", combine, dtype, "")
    total = stages.run(element, [], [outliner.host.extent(partial, 0)], True)
    return outliner.read(total)


class _Stages:
    """Steps of one reduction. Partial results are arrays [parts, outer elements], flat."""

    def __init__(self, outliner: Outliner, name: str, combine: str, dtype: DType, hint: str):
        self.outliner, self.name, self.combine, self.dtype, self.hint = outliner, name, combine, dtype, hint

    def run(self, element: ElementOf, outer: list[Value], inner: list[Value], fast: bool) -> Value:
        """The inner elements of each outer one combined, as a flat array of the outer elements."""
        host = self.outliner.host
        length = self.outliner.product(inner)
        width = self.outliner.product(outer) if outer else host.integer(1)
        parts = self._parts(width, length, fast)
        if fast:
            partial = self._shared(element, width, inner, length, parts)
        else:
            partial = self._apart(element, width, inner, length, parts)
        then, orelse = Block(), Block(results=[partial])
        with host.inside(then):

            def part(kernel: KernelBuilder, column: Value, place: Sequence[Value]) -> Value:
                flat = kernel.builder.emit("add", kernel.builder.emit("multiply", place[0], kernel.capture(width)), column)
                return kernel.builder.emit("load", kernel.capture(partial), flat)

            then.results = [self._shared(part, width, [parts], parts, host.integer(1))]
        return host.if_(host.emit("greater", parts, host.integer(1)), then, orelse, [partial.type]).result

    def _parts(self, width: Value, length: Value, fast: bool) -> Value:
        """In how many parts each outer element is done: so many that there are THREADS, if elements allow it."""
        host = self.outliner.host
        threads = host.integer(THREADS // BLOCK if fast else THREADS)
        room = host.emit("truncated_divide", threads, self._at_least(width, host.integer(1)))
        least = host.integer(EACH * BLOCK if fast else EACH)
        useful = host.emit("truncated_divide", length, least)
        return self._at_least(self._at_most(room, useful), host.integer(1))

    def _shared(self, element: ElementOf, width: Value, inner: list[Value], length: Value, parts: Value) -> Value:
        """Each part of each outer element by a group of threads beside each other, whose values are combined."""
        outliner, host = self.outliner, self.outliner.host
        shift = self._shift(width, length, parts)
        group = host.emit("left_shift", host.integer(1), shift)
        outputs = host.emit("multiply", parts, width)
        stride = host.emit("multiply", parts, group)
        step = self._digits(stride, inner)

        def write(kernel: KernelBuilder) -> list[Value]:
            builder = kernel.builder
            out = builder.emit("right_shift", kernel.iteration, kernel.capture(shift))
            lane = builder.emit("subtract", kernel.iteration, builder.emit("left_shift", out, kernel.capture(shift)))
            part = builder.emit("truncated_divide", out, kernel.capture(width))
            column = builder.emit("subtract", out, builder.emit("multiply", part, kernel.capture(width)))
            first = builder.emit("add", builder.emit("left_shift", part, kernel.capture(shift)), lane)
            return [self._combined(kernel, lambda place: element(kernel, column, place), first, length, stride, inner, step)]

        space = outliner.empty([outputs], self.dtype, self.hint)
        count = host.emit("multiply", outputs, group)
        return outliner.launch(self.name, count, [space], write, combine=(self.combine, group), resident=RESIDENT)[0]

    def _shift(self, width: Value, length: Value, parts: Value) -> Value:
        """log2 of the threads that share a part: at least a warp of them and as many as make THREADS in all, each with
        at least TOGETHER elements: to begin and to combine takes as long as those."""
        host = self.outliner.host
        each = host.emit("truncated_divide", length, parts)
        outputs = self._at_least(host.emit("multiply", parts, width), host.integer(1))
        room = self._at_least(host.emit("truncated_divide", host.integer(THREADS), outputs), host.integer(WARP))
        room = self._at_most(room, host.emit("truncated_divide", each, host.integer(TOGETHER)))
        shift = host.integer(0)
        for k in range(1, BLOCK.bit_length()):
            shift = host.emit("where", host.emit("greater_equal", room, host.integer(1 << k)), host.integer(k), shift)
        return shift

    def _apart(self, element: ElementOf, width: Value, inner: list[Value], length: Value, parts: Value) -> Value:
        """Each part of each outer element by one thread; neighbours have neighbouring outer elements."""
        outliner, host, step = self.outliner, self.outliner.host, self._digits(parts, inner)

        def write(kernel: KernelBuilder) -> list[Value]:
            builder = kernel.builder
            part = builder.emit("truncated_divide", kernel.iteration, kernel.capture(width))
            column = builder.emit("subtract", kernel.iteration, builder.emit("multiply", part, kernel.capture(width)))
            value = self._combined(kernel, lambda place: element(kernel, column, place), part, length, parts, inner, step)
            return [builder.emit("update", kernel.outputs[0], value, kernel.iteration)]

        total = host.emit("multiply", parts, width)
        return outliner.launch(self.name, total, [outliner.empty([total], self.dtype, self.hint)], write, resident=APART)[0]

    def _digits(self, step: Value, inner: list[Value]) -> list[Value]:
        """A number of elements as an index: of each axis but the first, less than its extent."""
        host, found = self.outliner.host, list[Value]()
        for extent in reversed(inner[1:]):
            some = self._at_least(extent, host.integer(1))
            above = host.emit("truncated_divide", step, some)
            found.insert(0, host.emit("subtract", step, host.emit("multiply", above, some)))
            step = above
        return [step, *found]

    def _combined(
        self, kernel: KernelBuilder, element: Callable[[Sequence[Value]], Value], first: Value, length: Value, stride: Value,
        inner: list[Value], step: list[Value],
    ) -> Value:  # fmt: skip
        """The elements first, first + stride, ... below length, combined in that order. step: the stride as an index, which is
        added to that of an element, for to divide would take longer than all else."""
        by, end = kernel.capture(stride), kernel.capture(length)
        begin = [first] if len(inner) == 1 else kernel.unflatten(first, inner)
        total = kernel.constant(identity(self.combine, self.dtype), self.dtype)

        def following(place: Sequence[Value]) -> list[Value]:
            return [kernel.builder.emit("add", place[0], by)] if len(inner) == 1 else self._after(kernel, place, inner, step)

        def several(count: int) -> Block:
            """A trip of `count` elements, which carries the place of the first; what they load comes before all else."""
            indices = [Value(Type(I64), "index") for _ in begin]
            body = Block(params=[Value(Type(I64), "k"), *indices, Value(Type(self.dtype), "total")])
            with kernel.inside(body):
                places: list[Sequence[Value]] = [indices]
                for _ in range(count):
                    places.append(following(places[-1]))
                work, result = Block(), body.params[-1]
                with kernel.inside(work):
                    elements = [element(place) for place in places[:count]]
                early = made_by([v for op in work.ops if op.name == "load" for v in op.results], work.ops)
                body.ops += early + [op for op in work.ops if op not in early]
                for e in elements:
                    result = kernel.builder.emit(self.combine, result, e)
                body.results = [*places[-1], result]
            return body

        # to divide takes as long as a dozen elements: once, for how many there are
        builder, zero, one = kernel.builder, kernel.zero(), kernel.integer(1)
        room = builder.emit("add", builder.emit("subtract", end, first), builder.emit("subtract", by, one))
        turns = builder.emit("truncated_divide", room, by)
        single, carried = several(1), [*begin, total]
        if sum(op_cost(op) for op in single.walk()) > LIGHT:
            together = builder.emit("right_shift", turns, kernel.integer(TOGETHER.bit_length() - 1))
            carried = list(builder.for_(zero, together, one, carried, several(TOGETHER)).results)
            turns = builder.emit("bitwise_and", turns, kernel.integer(TOGETHER - 1))
        return builder.for_(zero, turns, one, carried, single).results[-1]

    def _after(self, kernel: KernelBuilder, place: Sequence[Value], inner: list[Value], step: list[Value]) -> list[Value]:
        """The index a stride on."""
        emit, carry, found = kernel.builder.emit, None, list[Value]()
        for axis in reversed(range(len(inner))):
            after = emit("add", place[axis], kernel.capture(step[axis]))
            after = after if carry is None else emit("add", after, carry)
            if axis:
                extent = kernel.capture(inner[axis])
                beyond = emit("greater_equal", after, extent)
                carry = emit("where", beyond, kernel.integer(1), kernel.zero())
                after = emit("where", beyond, emit("subtract", after, extent), after)
            found.insert(0, after)
        return found

    def _at_most(self, a: Value, b: Value) -> Value:
        host = self.outliner.host
        return host.emit("where", host.emit("less", a, b), a, b)

    def _at_least(self, a: Value, b: Value) -> Value:
        host = self.outliner.host
        return host.emit("where", host.emit("less", a, b), b, a)


SMALL_PRODUCT = 1 << 15
"""Multiplications up to which a kernel of ours beats asking the library."""


def contract(outliner: Outliner, op: Op) -> Value:
    """`dot_general`: by the library (cuBLAS); small ones by a kernel, one thread for each element of the result."""
    a, b = op.operands
    if op.result.type.is_array and op.result.type.dtype.kind in "fc" and not _is_small(op):
        extents = _result_extents(outliner, op)
        out = outliner.empty(extents, op.result.type.dtype, op.result.hint)
        return outliner.host.emit(
            "library_dot", out, outliner.whole(a), outliner.whole(b), hint=op.result.hint, **op.attrs
        )
    (ca, cb), (ba, bb) = op.attrs["contract"], op.attrs["batch"]
    free_a, free_b = free_axes(a.type.rank, ca, ba), free_axes(b.type.rank, cb, bb)
    extents = _result_extents(outliner, op)
    inner, dtype = [outliner.extent(a, k) for k in ca], op.result.type.dtype
    length = outliner.product(inner)

    def element(kernel: KernelBuilder, index: Sequence[Value]) -> Value:
        batch, rest = index[: len(ba)], index[len(ba) :]
        body = Block(params=[Value(Type(I64), "k"), Value(Type(dtype), "total")])
        zero, one = kernel.zero(), kernel.integer(1)
        start, end = kernel.constant(0, dtype), kernel.capture(length)
        with kernel.inside(body):
            shared = kernel.unflatten(body.params[0], inner) if inner else []
            x = kernel.element(a, _placed(a.type.rank, (ba, batch), (free_a, rest[: len(free_a)]), (ca, shared)))
            y = kernel.element(b, _placed(b.type.rank, (bb, batch), (free_b, rest[len(free_a) :]), (cb, shared)))
            product = kernel.builder.emit("multiply", x, y)
            body.results = [kernel.builder.emit("add", body.params[1], product)]
        return kernel.builder.for_(zero, end, one, [start], body).result

    if extents:
        return outliner.fill("dot", extents, dtype, element, op.result.hint)
    return _dot_to_scalar(outliner, op, ca, cb, inner)


def _is_small(op: Op) -> bool:
    a, b = (v.type for v in op.operands)
    if not a.is_static or not b.is_static:
        return False
    shared = [n or 0 for n in a.shape] + [
        b.shape[k] or 0 for k in free_axes(b.rank, op.attrs["contract"][1], op.attrs["batch"][1])
    ]
    return prod(shared) <= SMALL_PRODUCT


def _result_extents(outliner: Outliner, op: Op) -> list[Value]:
    a, b = op.operands
    (ca, cb), (ba, bb) = op.attrs["contract"], op.attrs["batch"]
    free_a, free_b = free_axes(a.type.rank, ca, ba), free_axes(b.type.rank, cb, bb)
    return [outliner.extent(a, k) for k in (*ba, *free_a)] + [outliner.extent(b, k) for k in free_b]


def _dot_to_scalar(outliner: Outliner, op: Op, ca: Sequence[int], cb: Sequence[int], inner: list[Value]) -> Value:
    a, b = op.operands
    stages = _Stages(outliner, "dot", "add", op.result.type.dtype, op.result.hint)

    def element(kernel: KernelBuilder, column: Value, index: Sequence[Value]) -> Value:
        x = kernel.element(a, _placed(a.type.rank, (ca, index)))
        return kernel.builder.emit("multiply", x, kernel.element(b, _placed(b.type.rank, (cb, index))))

    return outliner.read(stages.run(element, [], inner, True), op.result.hint)


def _placed(rank: int, *parts: tuple[Sequence[int], Sequence[Value]]) -> list[Value]:
    index: dict[int, Value] = {axis: value for axes, values in parts for axis, value in zip(axes, values, strict=True)}
    return [index[k] for k in range(rank)]
