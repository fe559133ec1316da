"""Numbers that stay on the device, where a reduction, a loop or a library has left them in an array of one element.

    %s = load %total, 0         a kernel that uses %s, or what a few operations make of it, loads it itself
    %m = log %s                 more than a few operations are done once, by a kernel of one thread
    return %m                   given as an array of one element, which is read when somebody asks for it

The host part waits only for numbers that it needs itself: conditions, extents, indices, checks. Its loops carry the others in
such arrays, so that turns follow each other without a wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wengert.compiler.backend.fuse import op_cost
from wengert.compiler.ir.core import Block, Op, Value, free_values
from wengert.compiler.ir.opdef import row_of

if TYPE_CHECKING:
    from wengert.compiler.backend.device_kernels import KernelBuilder
    from wengert.compiler.backend.device_outline import Outliner

EACH = 12
"""The cost (see `op_cost`) up to which every thread computes a number."""
MOST = 256
"""Operations on numbers up to which the device does them; so many of one thread take as long as the host's wait."""


class Cells:
    """What is known of the numbers of a host part that is being written."""

    def __init__(self, outliner: Outliner):
        self._outliner = outliner
        self._read: dict[Value, Value] = {}  # what `read` gave, and the array
        self._derived: dict[Value, bool] = {}
        self._made: dict[tuple[Value, int], Value] = {}  # arrays made of numbers, by the block they were made in
        self._blocks: list[Block] = []

    @contextmanager
    def within(self, block: Block) -> Iterator[None]:
        """While a block is written: what is made in it is there for what follows, and for the blocks inside."""
        self._blocks.append(block)
        try:
            yield
        finally:
            self._blocks.pop()

    def read(self, cell: Value, hint: str) -> Value:
        host = self._outliner.host
        made = host.emit("load", cell, host.integer(0), hint=hint)
        self._read[made] = cell
        return made

    def is_derived(self, value: Value) -> bool:
        """Whether it is made of numbers on the device, by operations that cannot fail, and not by very many."""
        if value not in self._derived:
            order = _in_order(value, self._read.__contains__)
            found = len(order) <= MOST
            for v in order:
                if v in self._derived:
                    continue
                plain = v.owner is not None and _is_plain(v.owner)
                made = plain and any(self._derived.get(w, False) for w in v.owner.operands)  # type: ignore[union-attr]
                self._derived[v] = v in self._read or (found and made)
        return self._derived[value]

    def reads(self, value: Value) -> set[Value]:
        """The numbers on the device that it is made of, as `read` gave them."""
        return {v for v in _in_order(value, self._read.__contains__) if v in self._read}

    def source(self, value: Value, whole: bool) -> Value | Op | None:
        """See `Outliner.source`."""
        if not (whole or value.type.dtype.kind in "fcb") or not self.is_derived(value):
            return None
        if value in self._read or self._there(value) is not None or self._cost(value) > EACH:
            return self.cell(value)
        return value.owner

    def cell(self, value: Value) -> Value:
        """An array of one element, on the device, with a number."""
        made = self._there(value)
        if made is None:
            made = self._made[value, id(self._outliner.host.block)] = self._computed(value)
        return made

    def _there(self, value: Value) -> Value | None:
        """That array, where there is one already."""
        made = (self._made.get((value, id(block))) for block in (*self._blocks, self._outliner.host.block))
        return self._read.get(value) or next((array for array in made if array is not None), None)

    def _computed(self, value: Value) -> Value:
        outliner = self._outliner

        def write(kernel: KernelBuilder) -> list[Value]:
            known: dict[Value, Value] = {}
            for v in self._order(value):
                array, made = self._there(v), v.owner
                if array is not None:
                    known[v] = kernel.builder.emit("load", kernel.capture(array), kernel.zero())
                elif self.is_derived(v) and made is not None:
                    known[v] = kernel.builder.emit(made.name, *(known[w] for w in made.operands), **made.attrs)
                else:
                    known[v] = kernel.capture(v)
            return [kernel.builder.emit("update", kernel.outputs[0], known[value], kernel.zero())]

        op = value.owner
        with outliner.host.at(op.span if op else None, op.role if op else None):
            one = outliner.host.integer(1)
            out = outliner.empty([one], value.type.dtype, value.hint)
            return outliner.launch("number", one, [out], write, one_thread=True)[0]

    def _order(self, value: Value) -> list[Value]:
        """What it is computed from, each after its operands; what is in memory and what the host has first."""

        def stop(v: Value) -> bool:
            return self._there(v) is not None or not self.is_derived(v)

        return _in_order(value, stop)

    def _cost(self, value: Value) -> int:
        """Of computing it from what is in memory."""
        order = self._order(value)
        return sum(op_cost(v.owner) for v in order if v.owner is not None and self.is_derived(v) and self._there(v) is None)


def _in_order(value: Value, stop: Callable[[Value], bool]) -> list[Value]:
    """What a number is made of by plain operations, each after its operands, itself last. stop: where to look no further."""
    found, waiting = dict[Value, None](), [(value, False)]
    while waiting:
        v, done = waiting.pop()
        if v in found:
            continue
        inner = v.owner is not None and not stop(v) and _is_plain(v.owner)
        if done or not inner:
            found[v] = None
            continue
        waiting.append((v, True))
        waiting += [(w, False) for w in v.owner.operands]  # type: ignore[union-attr]
    return list(found)


def carried_numbers(op: Op, kernels: Callable[[Op], bool]) -> list[int]:
    """The numbers that a `for` of the host part had better carry on the device: those that a turn makes of what kernels have
    left, and that the host part does nothing with but compute others. kernels: whether an op with regions is one."""
    (body,) = op.regions
    return [
        k for k, (p, v) in enumerate(zip(body.params[1:], body.results, strict=True))
        if p.type.is_scalar and p.type.dtype.kind in "fc" and v is not p
        and _is_left_by_a_kernel(v, body, kernels) and not _is_needed(p, body, v, kernels)
    ]  # fmt: skip


def _is_left_by_a_kernel(value: Value, body: Block, kernels: Callable[[Op], bool]) -> bool:
    """Whether it is made, by plain operations, of a number that a kernel of this block leaves."""
    for v in _in_order(value, lambda _: False):
        op = v.owner
        if op is None or op not in body.ops:
            continue
        if (op.regions and kernels(op)) or row_of(op).kind in ("reduce", "contract"):
            return True
    return False


def _is_needed(number: Value, body: Block, result: Value, kernels: Callable[[Op], bool]) -> bool:
    """Whether the host part has to know a number that is carried through the block, where it leaves it as `result`."""
    waiting, seen = [number], set[Value]()
    if body.results.count(number) or body.results.count(result) != 1:
        return True
    while waiting:
        v = waiting.pop()
        if v in seen:
            continue
        seen.add(v)
        if v in body.results and v is not result:
            return True
        for op in body.ops:
            if op.regions:
                inside = v in op.operands or any(v in free_values(region) for region in op.regions)
                if inside and not kernels(op):
                    return True
                if v in op.operands[:3]:
                    return True
            elif v in op.operands:
                if _is_plain(op):
                    waiting.append(op.result)
                elif not _takes_on_device(op, v):
                    return True
    return False


def _takes_on_device(op: Op, number: Value) -> bool:
    """Whether an op without regions is a kernel, or part of one, to which a number may come on the device."""
    at = [k for k, v in enumerate(op.operands) if v is number]
    if op.name in ("update", "accumulate"):
        return at == [1]
    if op.name == "broadcast":
        return at == [0]
    return op.name == "pack" or (row_of(op).kind == "elementwise" and op.result.type.is_array)


def _is_plain(op: Op) -> bool:
    """Whether any thread can do it."""
    row = row_of(op)
    return row.kind == "elementwise" and not row.traps and len(op.results) == 1 and op.result.type.is_scalar


def _can_go(op: Op) -> bool:
    """Whether the host part is the same without it where nobody uses what it results in."""
    return op.name in ("load", "constant", "dim") or _is_plain(op)


def used_on_host(block: Block, results: Sequence[Value]) -> set[Value]:
    """What is used by the ops of the block that do something, and for the results."""
    needed = set(results)
    for op in reversed(block.ops):
        if _can_go(op) and not needed.intersection(op.results):
            continue
        needed.update(op.operands)
        for region in op.regions:
            needed |= used_on_host(region, region.results)
    return needed


def drop_unused(block: Block) -> None:
    """Leave out numbers that nobody uses."""
    _drop(block, used_on_host(block, block.results))


def _drop(block: Block, needed: set[Value]) -> None:
    block.ops[:] = [op for op in block.ops if not _can_go(op) or needed.intersection(op.results)]
    for op in block.ops:
        for region in op.regions:
            _drop(region, needed)
