"""Reductions and products as kernels. The order of every sum is fixed by the extents alone, so that the same call
gives the same bits on every device; no thread waits for another.

    sum over n elements:   65536 partial sums, each of every 65536th element  ->  256 of those  ->  1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

from wengert.compiler.backend.device_kernels import KernelBuilder
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.types import I64, DType, Type
from wengert.compiler.ops.contraction import free_axes
from wengert.compiler.ops.reductions import kept_axes

if TYPE_CHECKING:
    from wengert.compiler.backend.device_outline import Outliner

ElementOf = Callable[[KernelBuilder, Value, Value], Value]
"""(kernel, number of the outer element, number of the inner one) -> what is to be combined."""

THREADS = 65536
"""Partial results of the first step: enough threads to keep the memory of today's GPUs busy."""
SECOND = 256
"""Partial results of the second step: few enough for one thread to finish."""


def identity(combine: str, dtype: DType) -> bool | int | float | None:
    """What changes nothing when combined; None for the extrema, which start from an element."""
    return {"add": 0, "multiply": 1, "bitwise_or": False, "bitwise_and": True}.get(combine)


def reduce(outliner: Outliner, op: Op) -> Value:
    """The result of a `reduce` row, on the host: an array, or a scalar that was read from the device."""
    instruction = row_of(op).instruction
    assert instruction is not None
    (array,), axes, combine = op.operands, op.attrs["axes"], instruction["combine"]
    kept = kept_axes(array.type.rank, axes)
    outer, inner = [outliner.extent(array, k) for k in kept], [outliner.extent(array, k) for k in axes]

    def element(kernel: KernelBuilder, column: Value, flat: Value) -> Value:
        out = kernel.unflatten(column, outer) if outer else []
        return kernel.element(array, _placed(array.type.rank, (kept, out), (axes, kernel.unflatten(flat, inner))))

    fast = (
        bool(axes) and axes[-1] == array.type.rank - 1
    )  # neighbouring threads then share one result, else neighbour them
    stages = _Stages(outliner, op.name, combine, op.result.type.dtype, op.result.hint)
    partial, count = stages.first(element, outer, outliner.product(inner), fast)
    if not outer:
        total = stages.rest(partial, outer, count)
        return outliner.host.emit("load", total, outliner.host.integer(0), hint=op.result.hint)
    host, then, orelse = outliner.host, Block(), Block(results=[partial])
    with host.inside(then):  # where there are enough outer elements, each is done by one thread, at once
        then.results = [stages.rest(partial, outer, count)]
    total = host.if_(host.emit("greater", count, host.integer(1)), then, orelse).result
    return host.emit("reshape", total, *outer, hint=op.result.hint)


def sum_all(outliner: Outliner, partial: Value, combine: str, dtype: DType) -> Value:
    """All elements of a stored array of rank 1 combined, as a scalar on the host."""
    stages = _Stages(outliner, "combine", combine, dtype, "")
    count = outliner.host.extent(partial, 0)
    for most in (THREADS, SECOND, 1):
        partial, count = stages.again(partial, [], count, most)
    return outliner.host.emit("load", partial, outliner.host.integer(0))


class _Stages:
    """Steps of one reduction. Partial results are arrays [parts, outer elements], flat."""

    def __init__(self, outliner: Outliner, name: str, combine: str, dtype: DType, hint: str):
        self.outliner, self.name, self.combine, self.dtype, self.hint = outliner, name, combine, dtype, hint
        self.neutral = identity(combine, dtype)

    def first(self, element: ElementOf, outer: list[Value], length: Value, fast: bool) -> tuple[Value, Value]:
        """Combine `length` elements of each outer element into at most THREADS / (outer elements) parts."""
        host, width = self.outliner.host, self.outliner.product(outer)
        if not outer:
            parts = self._at_most(host.integer(THREADS), length)
        else:
            one = host.integer(1)
            room = host.emit("truncated_divide", host.integer(THREADS), self._at_least(width, one))
            parts = self._at_most(self._at_least(room, host.integer(32) if fast else one), length)
        return self._step(element, outer, width, length, parts, fast)

    def rest(self, partial: Value, outer: list[Value], length: Value) -> Value:
        """The steps after the first."""
        partial, length = self.again(partial, outer, length, SECOND)
        return self.again(partial, outer, length, 1)[0]

    def again(self, partial: Value, outer: list[Value], length: Value, most: int) -> tuple[Value, Value]:
        """Combine the parts of a former step into at most `most` (exactly one where `most` is 1)."""
        host, width = self.outliner.host, self.outliner.product(outer)
        parts = host.integer(1) if most == 1 else self._at_most(host.integer(most), length)

        def element(kernel: KernelBuilder, column: Value, part: Value) -> Value:
            flat = part
            if outer:
                flat = kernel.builder.emit("add", kernel.builder.emit("multiply", part, kernel.capture(width)), column)
            return kernel.builder.emit("load", kernel.capture(partial), flat)

        return self._step(element, outer, width, length, parts, False)

    def _step(
        self, element: ElementOf, outer: list[Value], width: Value, length: Value, parts: Value, fast: bool
    ) -> tuple[Value, Value]:
        outliner = self.outliner
        total = outliner.host.emit("multiply", parts, width) if outer else parts

        def write(kernel: KernelBuilder) -> list[Value]:
            part, column = kernel.iteration, kernel.zero()
            if outer:
                by = kernel.capture(parts if fast else width)
                high = kernel.builder.emit("truncated_divide", kernel.iteration, by)
                low = kernel.builder.emit("subtract", kernel.iteration, kernel.builder.emit("multiply", high, by))
                part, column = (low, high) if fast else (high, low)
            value = self._combined(kernel, lambda flat: element(kernel, column, flat), part, length, parts)
            place = kernel.iteration
            if fast:  # parts are stored as rows, whatever the order of the threads
                place = kernel.builder.emit("add", kernel.builder.emit("multiply", part, kernel.capture(width)), column)
            return [kernel.builder.emit("update", kernel.outputs[0], value, place)]

        space = outliner.empty([total], self.dtype, self.hint)
        return outliner.launch(self.name, total, [space], write)[0], parts

    def _combined(
        self, kernel: KernelBuilder, element: Callable[[Value], Value], first: Value, length: Value, step: Value
    ) -> Value:
        """element(first), element(first + step), ... below length, combined in that order."""
        body = Block(params=[Value(Type(I64), "k"), Value(Type(self.dtype), "total")])
        stride, low = kernel.capture(step), first
        if self.neutral is None:
            start = element(first)
            low = kernel.builder.emit("add", first, stride)
        else:
            start = kernel.constant(self.neutral, self.dtype)
        end = kernel.capture(length)
        with kernel.inside(body):
            body.results = [kernel.builder.emit(self.combine, body.params[1], element(body.params[0]))]
        return kernel.builder.for_(low, end, stride, [start], body).result

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

    def element(kernel: KernelBuilder, column: Value, flat: Value) -> Value:
        index = kernel.unflatten(flat, inner)
        x = kernel.element(a, _placed(a.type.rank, (ca, index)))
        return kernel.builder.emit("multiply", x, kernel.element(b, _placed(b.type.rank, (cb, index))))

    partial, count = stages.first(element, [], outliner.product(inner), False)
    total = stages.rest(partial, [], count)
    return outliner.host.emit("load", total, outliner.host.integer(0), hint=op.result.hint)


def _placed(rank: int, *parts: tuple[Sequence[int], Sequence[Value]]) -> list[Value]:
    index: dict[int, Value] = {axis: value for axes, values in parts for axis, value in zip(axes, values, strict=True)}
    return [index[k] for k in range(rank)]
