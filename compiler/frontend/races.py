"""Whether the iterations of a `prange` are independent, decided on the IR of its body.

Each array the loop carries must be written, in every iteration, only where some axis has an index that is a
one-to-one function of the loop variable (the same one for all its writes), and read only there; or it must only be
added to. Carried numbers must be reductions.

    for i in prange(1, n): a[i] = a[i - 1]      RaceError: a is read at another index than it is written
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, NoReturn

from wengert.compiler.diag.span import Span
from wengert.compiler.frontend.index import Affine
from wengert.compiler.frontend.messages import make
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.loops import AHEAD, LOOPS
from wengert.compiler.ir.opdef import REGISTRY


@dataclass(slots=True)
class Access:
    """One read or write of a carried array: for each axis its index, None where it is a range."""

    op: Op
    index: tuple[Affine | None, ...]
    writes: bool
    accumulates: bool = False


@dataclass(slots=True)
class Uses:
    """Every use of one carried value in the body."""

    name: str
    accesses: list[Access] = field(default_factory=list)
    other: Op | None = None
    versions: set[Value] = field(default_factory=set)


def check_parallel(tracer: Tracer, loop: Op, node: ast.AST) -> None:
    """Raise RaceError unless the iterations of a parallel `for` are independent."""
    (body,) = loop.regions
    index, carried = body.params[0], body.params[1:]
    for position, parameter in enumerate(carried):
        if body.results[position] is parameter:
            continue
        if parameter.type.is_scalar:
            _check_reduction(loop, body, parameter, body.results[position])
        else:
            _check_array(tracer, loop, body, parameter, body.results[position], index)


def _fail(key: str, span: Span | None, note: str, other: Span | None, **fields: Any) -> NoReturn:
    raise make(key, span, ((note, other),) if other is not None else (), fields)


LOOP = "the loop is here"

# -- numbers

_REDUCING = {"add": 2, "multiply": 2, "minimum": 2, "maximum": 2, "subtract": 1, "bitwise_and": 2, "bitwise_or": 2}


def _check_reduction(loop: Op, body: Block, parameter: Value, result: Value) -> None:
    """`s = s + ...` and nothing else may use `s`."""
    chain = {parameter}
    family: set[str] = set()
    _follow(loop, body, chain, family, parameter)
    families = {"add" if f == "subtract" else f for f in family}
    if result not in chain or len(families) > 1:
        span = result.owner.span if result.owner is not None else None
        _fail("race_scalar", span, LOOP, loop.span, name=parameter.hint)


def _follow(loop: Op, block: Block, chain: set[Value], family: set[str], parameter: Value) -> None:
    for op in block.ops:
        used = [k for k, v in enumerate(op.operands) if v in chain]
        if op.name in ("for", "while"):
            first = AHEAD[op.name]
            for k in used:
                if k < first:
                    _fail("race_scalar", op.span, LOOP, loop.span, name=parameter.hint)
                for region in op.regions:
                    chain.add(region.params[k - first + (op.name == "for")])
                chain.add(op.results[k - first])
        elif used:
            if len(used) > 1 or op.name not in _REDUCING or used[0] >= _REDUCING[op.name]:
                _fail("race_scalar", op.span, LOOP, loop.span, name=parameter.hint)
            family.add(op.name)
            chain.add(op.result)
        for region in op.regions:
            _follow(loop, region, chain, family, parameter)
        if op.name == "if":
            for k, result in enumerate(op.results):
                if any(r.results[k] in chain for r in op.regions):
                    if not all(r.results[k] in chain for r in op.regions):
                        _fail("race_scalar", op.span, LOOP, loop.span, name=parameter.hint)
                    chain.add(result)


# -- arrays


def _check_array(tracer: Tracer, loop: Op, body: Block, parameter: Value, result: Value, index: Value) -> None:
    uses = Uses(parameter.hint)
    uses.versions.add(parameter)
    _collect(tracer, body, uses)
    writes = [a for a in uses.accesses if a.writes]
    if result not in uses.versions:
        _fail("race_rebind", loop.span, LOOP, None, name=uses.name)
    first = writes[0].op.span if writes else loop.span
    if uses.other is not None:
        _fail("race_read", uses.other.span, "written here", first, name=uses.name)
    if writes and all(a.accumulates for a in uses.accesses):
        return
    for axis in range(parameter.type.rank):
        at = writes[0].index[axis]
        if at is None or not _is_injective(tracer, at, index):
            continue
        differing = next((a for a in uses.accesses if a.index[axis] != at), None)
        if differing is None:
            return
    _explain(tracer, loop, uses, writes, index)


def _explain(tracer: Tracer, loop: Op, uses: Uses, writes: list[Access], index: Value) -> NoReturn:
    """The error for an array whose accesses are not independent: the read or write that is to blame."""
    good = [k for k, at in enumerate(writes[0].index) if at is not None and _is_injective(tracer, at, index)]
    if good:
        other = next(a for a in uses.accesses if any(a.index[k] != writes[0].index[k] for k in good))
        key = "race_write" if other.writes else "race_read"
        help = f"Write `{uses.name}` at one index that depends on the loop variable."
        _fail(key, other.op.span, "written here", writes[0].op.span, name=uses.name, help=help)
    some = f"`{index.hint}`" if index.hint else "the loop variable"
    help = (
        f"Index one axis of `{uses.name}` by {some} plus a constant (so that it cannot be negative); use `range`; "
        "or let each iteration have an array of its own."
    )
    _fail("race_write", writes[0].op.span, LOOP, loop.span, name=uses.name, help=help)


def _is_injective(tracer: Tracer, at: Affine, index: Value) -> bool:
    """Whether different iterations have different values of it, after negative ones are counted from the end."""
    coefficient = dict(at.terms).get(index, 0)
    return (
        coefficient != 0
        and all(v is index or _is_invariant(tracer, v) for v, _ in at.terms)
        and tracer.index.proves(at)
    )


def _is_invariant(tracer: Tracer, item: Any) -> bool:
    """Whether it is a value made outside of the loop (extents and arguments)."""
    return isinstance(item, Value) and tracer.builder.sees(item)


def _origin(tracer: Tracer, value: Value) -> Affine:
    """The affine form of an index, as it was before `index` checked it."""
    form = tracer.index.of(value)
    for atom, c in form.terms:
        if isinstance(atom, Value) and atom in tracer.index.wrapped:
            inner = tracer.index.wrapped[atom]
            form = form + Affine(0, ((atom, -c),)) + inner * c
    return form


def _collect(tracer: Tracer, block: Block, uses: Uses) -> None:
    versions = uses.versions
    for op in block.ops:
        used = [k for k, v in enumerate(op.operands) if v in versions]
        if op.name in ("for", "while"):
            first = AHEAD[op.name]
            for k in used:
                for region in op.regions:
                    versions.add(region.params[k - first + (op.name == "for")])
                versions.add(op.results[k - first])
        elif used:
            _access(tracer, op, used, uses)
        for region in op.regions:
            _collect(tracer, region, uses)
        if op.name == "if":
            versions.update(r for k, r in enumerate(op.results) if any(b.results[k] in versions for b in op.regions))
        _whole_replaced(op, uses)


def _whole_replaced(op: Op, uses: Uses) -> None:
    """A region that yields another array in place of the carried one has written all of it."""
    first = AHEAD[op.name] if op.name in LOOPS else None
    for k, result in enumerate(op.results if op.regions else ()):
        if result not in uses.versions:
            continue
        bodies = op.regions if op.name == "if" else op.regions[-1:]
        if (
            any(b.results[k] not in uses.versions for b in bodies)
            or first is not None
            and op.operands[first + k] not in uses.versions
        ):
            uses.other = uses.other or op


def _access(tracer: Tracer, op: Op, used: list[int], uses: Uses) -> None:
    row = REGISTRY[op.name]
    if used != [0]:
        uses.other = uses.other or op
    elif op.name == "dim":
        return
    elif op.name == "load":
        uses.accesses.append(Access(op, tuple(_origin(tracer, v) for v in op.operands[1:]), False))
    elif op.name == "slice":
        uses.accesses.append(Access(op, _region(tracer, op, op.operands[1:]), False))
    elif row.kind == "update":
        region = op.name.endswith("_slice")
        index = op.operands[2:]
        where = _region(tracer, op, index) if region else tuple(_origin(tracer, v) for v in index)
        uses.accesses.append(Access(op, where, True, op.name.startswith("accumulate")))
        uses.versions.add(op.result)
    else:
        uses.other = uses.other or op


def _region(tracer: Tracer, op: Op, starts: tuple[Value, ...]) -> tuple[Affine | None, ...]:
    """Axes with a single index; a size of 1 that is not dropped counts as a range."""
    drop = op.attrs["drop"]
    rank = op.operands[0].type.rank
    return tuple(_origin(tracer, starts[k]) if k in drop else None for k in range(rank))
