"""Reverse mode of rows that have a forward rule only: the rule, being linear in the tangents, is transposed.

    %x = inv %a          forward rule: %1 = dot %x, %da; %2 = dot %1, %x; %x_dot = negative %2
    =>                   adjoint:      %3 = negative %x_bar; %4 = dot %3, %xT; %a_bar = dot %xT, %4

What the rule computes from primal values alone is emitted as it is; the rest is gone through backward, op by op.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.passes.autodiff.activity import differentiable_operands
from wengert.compiler.passes.autodiff.cotangents import Cotangents


class _Local:
    """For the rule's own values: all are at home in its block."""

    def __init__(self, block: Block):
        self.home = _Always(block)


class _Always(dict[Value, Block]):
    def __init__(self, block: Block):
        super().__init__()
        self.block = block

    def __missing__(self, value: Value) -> Block:
        return self.block


def pull_by_transposing(
    op: Op, ctx: Cotangents, arrived: Sequence[Value | None], reverse_op: Callable[[Op, Cotangents], None]
) -> None:
    """Send the results' cotangents to the operands of `op`. `reverse_op` reverses an op without regions."""
    through = [v for v in differentiable_operands(op) if ctx.wants(v)]
    if not through:
        return
    rule, tangents = _rule(op, ctx, through)
    ends = rule.results
    linear = set(tangents.values())
    kept: list[Op] = []
    start = len(ctx.builder.block.ops)
    for made in rule.ops:
        if any(v in linear for v in differentiable_operands(made)) and any(r.type.dtype.is_differentiable for r in made.results):
            linear.update(r for r in made.results if r.type.dtype.is_differentiable)
            kept.append(made)
        else:
            ctx.builder.append(made)
    local = Cotangents(ctx.builder, rule, linear, _Local(rule))  # type: ignore[arg-type]
    for end, cotangent in zip(ends, arrived, strict=True):
        if cotangent is not None and end in linear:
            local.add(end, cotangent)
    for made in reversed(kept):
        reverse_op(made, local)
    # A tangent has the extents of its primal, which is all that the adjoint can ask of it.
    stands = {t: v for v, t in tangents.items()}
    for made in ctx.builder.block.ops[start:]:
        made.operands = tuple(stands.get(v, v) for v in made.operands)
    for v, t in tangents.items():
        found = local.of.get(t)
        if found is not None:
            ctx.add(v, found)


class _Forward:
    """What a forward rule is given: primal values stand for themselves."""

    def __init__(self, builder: Builder):
        self.builder = builder

    def primal(self, value: Value) -> Value:
        return value


def _rule(op: Op, ctx: Cotangents, through: Sequence[Value]) -> tuple[Block, dict[Value, Value]]:
    """The forward rule in a block of its own, and the tangent that stands for each operand."""
    block = Block()
    tangents = {v: Value(v.type, f"{v.hint}_dot" if v.hint else "") for v in through}
    pushforward = REGISTRY[op.name].pushforward
    assert pushforward is not None
    builder = Builder(block, op.span, ctx.builder.role)
    block.results = list(pushforward(_Forward(builder), op, *(tangents.get(v) for v in op.operands)))
    return block, tangents
