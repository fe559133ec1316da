"""Several iterations of a kernel at a time, all that they load before all that they compute.

    y = log(a[i]) + b[i]               a0, b0, a1, b1 = a[i0], b[i0], a[i1], b[i1]
                               =>      y[i0] = log(a0) + b0
                                       y[i1] = log(a1) + b1

Functions have branches, behind which neither LLVM nor the driver's assembler moves a load: a thread would wait for memory as
often as it calls one.
"""

from __future__ import annotations

from wengert.compiler.backend.device_facts import is_plain, made_by
from wengert.compiler.backend.fuse import op_cost
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.rewrite import copy_ops
from wengert.compiler.passes.optimise.share import share

LIGHT = 4
"""The cost (see `op_cost`) of an iteration that has no functions worth this."""
HELD = 12
"""Numbers loaded that a thread holds in registers before it computes."""


def loads_first(function: Function, indices: int) -> Function:
    """The iteration with what it loads before all else; itself where that changes nothing."""
    early = _early(function)
    return function if early is None else _written(function, indices, 1, early)


def together(function: Function, indices: int, most: int) -> tuple[Function, int] | None:
    """(iterations i0, i1, ... as one function, how many they are: a divisor of `most`): its first parameters are their first
    indices. None where that gains nothing."""
    early = _early(function)
    if early is None:
        return None
    loads = sum(op.name == "load" for op in early)
    count = next((n for n in (4, 2) if most % n == 0 and n * loads <= HELD), 1)
    return None if count == 1 else (_written(function, indices, count, early), count)


def _early(function: Function) -> list[Op] | None:
    """What the iteration loads, and what is needed for that; None where it is better left as it is."""
    body = function.body
    every = list(body.walk())
    if any(row_of(op).traps or op.name in ("for", "while") for op in every) or sum(op_cost(op) for op in every) <= LIGHT:
        return None
    if any(v.type.is_array and row_of(op).kind != "update" for op in every for v in op.results):
        return None
    early = made_by([v for op in body.ops if op.name == "load" for v in op.results], body.ops)
    if not early or not all(is_plain(op) for op in early):
        return None
    written = {body.params[k] for k in function.written if k is not None}
    late = [op for op in every if op not in early and row_of(op).kind != "update"]
    return None if any(v in written for op in late for v in op.operands) else early  # it reads elsewhere what it writes


def _written(function: Function, indices: int, count: int, early: list[Op]) -> Function:
    old = function.body
    firsts = [Value(old.params[0].type, f"{old.params[0].hint}{u}") for u in range(count)]
    rest = [Value(p.type, p.hint) for p in old.params[1:]]
    body = Block([*firsts, *rest])
    builder = Builder(body)
    outputs = range(indices, indices + len(function.written))
    late = [op for op in old.ops if op not in early]
    with builder.inside(body):
        mappings = [dict(zip(old.params, [first, *rest], strict=True)) for first in firsts]
        for mapping in mappings:
            copy_ops(builder, early, mapping)
        now = [rest[k - 1] for k in outputs]
        for mapping in mappings:
            mapping.update(zip((old.params[k] for k in outputs), now, strict=True))
            copy_ops(builder, late, mapping)
            now = [mapping.get(v, v) for v in old.results]
        body.results = now
    name = function.name if count == 1 else f"{function.name}.{count}"
    return share(Function(name, body, tuple(k + count - 1 for k in outputs)))
