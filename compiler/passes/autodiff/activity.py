"""Activity: which values carry derivatives. Varied: reached from an active parameter. Useful: reaches a result.

    func @f(%x: f64, %y: f64) {          with active = (True, False)
        %a = multiply %x, %y : f64       varied, useful: active
        %b = sin %y : f64                useful, but not varied
        %c = cos %x : f64                varied, but not useful
        %d = add %a, %b : f64            active
        return %d
    }

Both are reachability in one graph of differentiable dependences (operand -> result, start and end of a trip -> carried
value), so loops need no iteration to a fixed point and the time is linear in the size of the function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.loops import LOOPS, body_of, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY, OpDef
from wengert.compiler.ir.types import F64, Type
from wengert.compiler.passes.autodiff.shifts import without_influence
from wengert.compiler.passes.autodiff.structure import Structure

Edges = dict[Value, list[Value]]


@cache
def _depends(name: str, count: int) -> tuple[bool, ...]:
    """For an element-wise row with partials: which operands have one (a step function has none)."""
    values = [Value(Type(F64)) for _ in range(count + 1)]
    builder = Builder(Block())
    partials = REGISTRY[name].partials
    assert partials is not None
    return tuple(p is not None for p in partials(*(Sym(builder, v) for v in values)))


def has_rule(row: OpDef) -> bool:
    """Whether the row says anything about its derivative."""
    return bool(row.partials or row.linear_in or row.pullback or row.pushforward)


def differentiable_operands(op: Op) -> list[Value]:
    """The operands through which the op's results have a derivative. Ops without regions only."""
    row = REGISTRY[op.name]
    if not any(r.type.dtype.is_differentiable for r in op.results):
        return []
    operands = [v for v in op.operands if v.type.dtype.is_differentiable]
    if not operands:
        return []
    if row.partials is not None:
        depends = _depends(op.name, len(op.operands))
        return [v for v, d in zip(op.operands, depends, strict=True) if d and v.type.dtype.is_differentiable]
    if row.linear_in:
        return [v for k, v in enumerate(op.operands) if k in row.linear_in and v.type.dtype.is_differentiable]
    return operands  # also where there is no rule: found out, and refused, only if the value turns out to be active


@dataclass(frozen=True, slots=True)
class Activity:
    """varied, useful: see above; active: both. reads: for each op with regions, the active values defined outside it
    whose derivatives its regions need, in the order of first use."""

    varied: set[Value]
    useful: set[Value]
    active: set[Value]
    reads: dict[Op, dict[Value, None]]


def activity(function: Function, active: Sequence[bool]) -> set[Value]:
    """The active values of `function` when it is differentiated by the parameters marked in `active`."""
    return analyse(Structure(function), active).active


def analyse(structure: Structure, active: Sequence[bool]) -> Activity:
    """Raises DifferentiationError for a marked parameter that is not floating point, and for an op on an active
    path that has no derivative rule."""
    function = structure.function
    for p, marked in zip(function.params, active, strict=True):
        if marked and not p.type.dtype.is_differentiable:
            raise DifferentiationError(
                f"cannot differentiate with respect to `{p.hint}`: its values are of type {p.type.dtype}",
                help="pass floating-point values, or leave this argument out of `wrt`",
            )
    forward: Edges = {}
    backward: Edges = {}
    for source, target in _edges(function):
        forward.setdefault(source, []).append(target)
        backward.setdefault(target, []).append(source)
    varied = reach([p for p, marked in zip(function.params, active, strict=True) if marked], forward)
    useful = reach([r for r in function.results if r.type.dtype.is_differentiable], backward)
    both = varied & useful
    _refuse_without_rule(function, both)
    return Activity(varied, useful, both, _reads(structure, both))


def _edges(function: Function) -> Iterator[tuple[Value, Value]]:
    inert = without_influence(function)
    for op in function.walk():
        if op in inert:
            continue
        if op.name in LOOPS:
            carried = zip(carried_inits(op), body_of(op).results, carried_params(op), op.results, strict=True)
            pairs = [(v, to) for init, end, param, result in carried for v in (init, end) for to in (param, result)]
        elif op.name == "if":
            pairs = [(v, r) for region in op.regions for v, r in zip(region.results, op.results, strict=True)]
        else:
            pairs = [(v, r) for v in differentiable_operands(op) for r in op.results]
        yield from (pair for pair in pairs if all(v.type.dtype.is_differentiable for v in pair))


def reach(start: Iterable[Value], edges: Edges) -> set[Value]:
    """What the edges lead to, from any of the values and with these."""
    seen = set(start)
    stack = list(seen)
    while stack:
        for v in edges.get(stack.pop(), ()):
            if v not in seen:
                seen.add(v)
                stack.append(v)
    return seen


def _refuse_without_rule(function: Function, active: set[Value]) -> None:
    for op in function.walk():
        if op.regions or has_rule(REGISTRY[op.name]) or not any(r in active for r in op.results):
            continue
        if any(v in active for v in differentiable_operands(op)):
            raise DifferentiationError(
                f"`{op.name}` has no derivative",
                op.span,
                "give the function around it a rule with `wengert.custom_derivative`, or take its argument as a "
                "constant with `wengert.stop_gradient`",
            )


def _reads(structure: Structure, active: set[Value]) -> dict[Op, dict[Value, None]]:
    reads: dict[Op, dict[Value, None]] = {}

    def used(value: Value, block: Block) -> None:
        home = structure.home[value]
        while block is not home:
            op, block = structure.parent[block]
            known = reads.setdefault(op, {})
            if value in known:
                return
            known[value] = None

    def visit(block: Block, ends: Callable[[int], bool]) -> None:
        for op in block.ops:
            live = [r in active for r in op.results]
            if op.name in LOOPS:
                either = [a or p in active for a, p in zip(live, carried_params(op), strict=True)]
                visit(body_of(op), either.__getitem__)
                for v, e in zip(carried_inits(op), either, strict=True):
                    if e and v in active:
                        used(v, block)
            elif op.regions:
                for region in op.regions:
                    visit(region, live.__getitem__)
            elif any(live):
                for v in differentiable_operands(op):
                    if v in active:
                        used(v, block)
        for k, v in enumerate(block.results):
            if v in active and ends(k):
                used(v, block)

    visit(structure.function.body, lambda k: True)
    return reads
