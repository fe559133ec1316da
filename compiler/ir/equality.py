"""Structural equality of functions: same ops, types, attributes, roles and wiring; hints and spans do not count."""

from __future__ import annotations

from wengert.compiler.ir.core import Block, Function, Op, Value


def same(a: Function, b: Function) -> bool:
    """Whether the two functions are the same program."""
    if a.written != b.written:
        return False
    return _same_block(a.body, b.body, {})


def _same_block(a: Block, b: Block, paired: dict[Value, Value]) -> bool:
    if len(a.params) != len(b.params) or len(a.ops) != len(b.ops) or len(a.results) != len(b.results):
        return False
    if any(p.type != q.type for p, q in zip(a.params, b.params, strict=True)):
        return False
    paired.update(zip(a.params, b.params, strict=True))
    if not all(_same_op(p, q, paired) for p, q in zip(a.ops, b.ops, strict=True)):
        return False
    return all(paired.get(v) is w for v, w in zip(a.results, b.results, strict=True))


def _same_op(a: Op, b: Op, paired: dict[Value, Value]) -> bool:
    if (a.name, a.role, repr(dict(a.attrs))) != (b.name, b.role, repr(dict(b.attrs))):
        return False
    if len(a.operands) != len(b.operands) or len(a.regions) != len(b.regions):
        return False
    if any(paired.get(v) is not w for v, w in zip(a.operands, b.operands, strict=True)):
        return False
    if [v.type for v in a.results] != [v.type for v in b.results]:
        return False
    if not all(_same_block(r, s, paired) for r, s in zip(a.regions, b.regions, strict=True)):
        return False
    paired.update(zip(a.results, b.results, strict=True))
    return True
