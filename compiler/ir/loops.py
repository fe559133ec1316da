"""What the ops with regions are made of: which operands, parameters and results belong together.

    %r = for %lo, %hi, %step, %init (%i, %carried) { ... yield %end }
    %r = while %init (%carried) { ... yield %goes_on } (%carried) { ... yield %end }
    %r = if %condition () { ... yield %a } () { ... yield %b }
"""

from __future__ import annotations

from collections.abc import Collection

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.rewrite import Mapping, Replace, copy_block

LOOPS = ("for", "while")
AHEAD = {"for": 3, "while": 0, "if": 1}
"""How many operands stand in front of those that are carried."""


def body_of(loop: Op) -> Block:
    """The block that a `for` or `while` repeats."""
    return loop.regions[-1]


def carried_params(loop: Op) -> list[Value]:
    """The parameters of a loop's body that are carried from trip to trip."""
    params = body_of(loop).params
    return params[1:] if loop.name == "for" else params


def carried_at(loop: Op, place: int) -> list[Value]:
    """What a loop carries at `place`, in each of its regions: the condition of a `while` has parameters of its own."""
    return [region.params[place - len(loop.results)] for region in loop.regions]


def carried_inits(loop: Op) -> tuple[Value, ...]:
    """What a loop's carried values start with."""
    return loop.operands[AHEAD[loop.name] :]


def carry_less(
    builder: Builder, loop: Op, operands: list[Value], left: Collection[int], mapping: Mapping, replace: Replace
) -> list[Value]:
    """The loop once more, on new operands; what it carries at the positions `left` is in each trip, and after the loop, what
    it was in front of it. Returns what stands for the results."""
    first = AHEAD[loop.name]
    kept = [k for k in range(len(loop.results)) if k not in left]
    regions = []
    for region in loop.regions:
        ahead = len(region.params) - len(loop.results)
        mapping.update((region.params[ahead + k], operands[first + k]) for k in left)
        params = [*region.params[:ahead], *(region.params[ahead + k] for k in kept)]
        results = [region.results[k] for k in kept] if region is body_of(loop) else region.results
        regions.append(copy_block(Block(params, region.ops, results), mapping, replace))
    new = [*operands[:first], *(operands[first + k] for k in kept)]
    old = [loop.results[k] for k in kept]
    made = iter(builder.op(loop.name, new, regions, [v.hint for v in old], [v.type for v in old], **loop.attrs).results)
    return [operands[first + k] if k in left else next(made) for k in range(len(loop.results))]
