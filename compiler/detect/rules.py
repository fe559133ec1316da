"""The rules of numbers and branches: each looks at the facts and yields findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.compiler.detect.facts import Blind, Facts, shown
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.probe import size
from wengert.compiler.detect.variants import Variant, widened
from wengert.compiler.ir.core import Op, Value, constant_of

GROW = ("exp", "exp2", "expm1", "sinh", "cosh", "power", "multiply", "add", "sum", "logaddexp", "subtract")


def not_finite(facts: Facts) -> Iterator[Finding]:
    """overflow, domain_edge, masked_nan: where the first number that is not finite comes from."""
    seen = facts.run.seen
    masked = [(op, s) for op, s in seen.items() if op.name == "where" and s.masked and op.result in facts.flow.active]
    for op, s in masked:
        yield facts.finding(
            "masked_nan",
            op,
            "the arm of `where` that is not taken is not finite here: its derivative is only kept out by a strong zero, "
            f"and AD gives {_gradient(facts)}",
            elements=s.masked,
        )
    if masked:
        return
    value = facts.probe.value
    broken = [d for d in facts.directions if not np.all(np.isfinite(facts.probe.derivative(d)))]
    if np.all(np.isfinite(value)) and not broken:
        return
    order = [op for op in facts.traced.function.walk() if op in seen]
    born = [op for op in order if seen[op].born]
    broke = [op for op in order if seen[op].broke]
    if born and born[0].name not in ("divide", "log", "log2", "log10") and born[0].name in GROW:
        wide = [float(np.ravel(r)[0]) for r in facts.wide.results[:1]]
        yield facts.finding(
            "overflow", born[0], f"`{born[0].name}` overflows here: AD gives {_gradient(facts)}", in_80_bits=wide
        )
    elif np.all(np.isfinite(value)) and (broke or broken):
        for op in broke[:1]:
            text = f"the derivative of `{op.name}` is not finite here: AD gives {_gradient(facts)}"
            yield facts.finding("domain_edge", op, text)
    elif born:
        yield facts.finding(
            "domain_edge", born[0], f"`{born[0].name}` is outside or at the edge of its domain: the value is not finite"
        )


def _gradient(facts: Facts) -> str:
    return ", ".join(f"{shown(facts.probe.derivative(d), d.scale)} for `{d.name}`" for d in facts.directions[:3])


def at_the_point(facts: Facts) -> Iterator[Finding]:
    """kink, equality_branch, pruned_zero: AD against both sides where a comparison is met exactly."""
    tied = [(op, s) for op, s in facts.run.seen.items() if s.ties and op.result in facts.flow.useful]
    if not tied:
        return
    for one in facts.locals:
        if not (one.kinked or one.wrong):
            continue
        moved = [
            op
            for op, _ in tied
            if one.direction.leaf in set().union(*(facts.depends(v) for v in op.operands if v.type.dtype.is_float))
        ]
        if not moved:
            continue
        equal = [op for op in moved if op.name in ("equal", "not_equal")]
        unit = one.direction.scale
        numbers: dict[str, Any] = {"ad": one.ad / unit, "right": one.right / unit, "left": one.left / unit}
        what = f"AD gives {shown(one.ad, unit)} for `{one.direction.name}`"
        if one.wrong and equal:
            op = equal[0]
            kind = "pruned_zero" if _prunes(facts, op) else "equality_branch"
            text = f"the equality holds here: {what}, the differences on both sides {shown(one.right, unit)}"
            yield facts.finding(kind, op, text, **numbers)
        elif one.kinked:
            text = f"{what}, the slope is {shown(one.left, unit)} on the left and {shown(one.right, unit)} on the right"
            yield facts.finding("kink", moved[0], text, **numbers)
        elif one.wrong:
            text = f"{what}, the differences on both sides give {shown(one.right, unit)}"
            yield facts.finding("kink", moved[0], text, **numbers)


def _prunes(facts: Facts, op: Op) -> bool:
    """An equality with zero around work that multiplies by the number compared."""
    zero = [constant_of(v) for v in op.operands]
    if 0.0 not in [z for z in zero if z is not None]:
        return False
    numbers = [v for v, z in zip(op.operands, zero, strict=True) if z is None]
    if not numbers:
        return False
    number = numbers[0]
    same = {number}
    if number.owner is not None and number.owner.name == "load":  # read again: the same element of the same array
        same |= {
            o.result
            for o in facts.traced.function.walk()
            if o.name == "load" and o.operands[0] is number.owner.operands[0]
        }
    return any(o.name in ("multiply", "dot_general") and set(o.operands) & same for o in facts.traced.function.walk())


STEP_KINDS = {"bound": "step_count", "exit": "step_count", "index": "table_lookup"}


def detached(facts: Facts) -> Iterator[Finding]:
    """step_count, table_lookup, quantisation, order_index, parametric_discontinuity, discrete_random, bisection: a varied
    value acts on the result without a derivative, and AD is blind to it."""
    candidates = list(facts.flow.detaching())
    for op, family in candidates:
        kind = _kind_of(facts, op, family)
        if kind is None:
            continue
        blind = blinded(facts, op)
        if blind is not None:
            unit = blind.direction.scale
            text = (
                f"AD gives {shown(blind.ad, unit)} for `{blind.direction.name}`, the slopes over wide steps are "
                f"{', '.join(shown(s, unit) for s in blind.slopes)}"
            )
            yield facts.finding(kind, op, text, ad=blind.ad / unit, slopes=[float(s.flat[0]) / unit for s in blind.slopes])
        elif kind == "table_lookup" and (jump := cells(facts, op)) is not None:
            text = f"the slope by `{jump[0]}` jumps from {jump[1]:.4g} to {jump[2]:.4g} between neighbouring cells"
            yield facts.finding(kind, op, text, slopes=list(jump[1:]))
        elif family in ("step", "order"):
            yield facts.finding(kind, op, "a value without a derivative gets into the result; not seen to matter here", warn=False)


def blinded(facts: Facts, op: Op) -> Blind | None:
    leaves = set().union(*(facts.depends(v) for v in op.operands if v.type.dtype.is_float))
    for b in facts.blinds:
        if b.direction.leaf in leaves and (b.steady or b.loose):
            return b
    return None


def _kind_of(facts: Facts, op: Op, family: str) -> str | None:
    if family == "stop":
        return None
    sinks = facts.flow.sinks(op.result)
    if family == "order":
        return "order_index" if "arithmetic" in sinks else None
    if family == "step":
        for sink, kind in STEP_KINDS.items():
            if sink in sinks and (sink != "exit" or op.name == "cast"):
                return kind
        return "quantisation" if "arithmetic" in sinks or "branch" in sinks or "select" in sinks else None
    loops = facts.flow.loops(op)
    if loops and _steers(facts, op, loops[-1]):
        return "fixed_point_zero_iter"
    if not {"select", "branch", "arithmetic"} & set(sinks) or ("exit" in sinks and "arithmetic" not in sinks):
        return None
    return "discrete_random" if _irregular(facts, op) else "parametric_discontinuity"


def _steers(facts: Facts, op: Op, loop: Op) -> bool:
    """The comparison reads what the loop carries and its branch sets what the loop carries: a search."""
    carried = {p for region in loop.regions for p in region.params[(1 if loop.name == "for" else 0) :]}
    back = set().union(*(facts.flow.parameters(v) for v in op.operands))
    read = {p for p in carried & back if p.type.dtype.is_float}
    if not read:
        return False
    for branch in loop.regions[-1].walk():
        if branch.name == "if" and branch.operands[0] in facts.flow.forward([op.result]):
            written = {v for region in branch.regions for v in region.results if v.type.dtype.is_float}
            if written & (carried | _within(loop)):
                return True
        if branch.name == "where" and branch.operands[0] in facts.flow.forward([op.result]):
            return True
    return False


def _within(loop: Op) -> set[Value]:
    return {v for o in loop.regions[-1].walk() for v in o.results}


def _irregular(facts: Facts, op: Op) -> bool:
    """Whether one operand is (an element of) an unsorted sample among the arguments."""
    for v in op.operands:
        for k in facts.depends(v):
            leaf = facts.leaves[k] if k < len(facts.leaves) else None
            if isinstance(leaf, np.ndarray) and leaf.ndim == 1 and leaf.size >= 8:
                turns = np.sum(np.diff(np.sign(np.diff(leaf))) != 0)
                if turns > 0.3 * leaf.size:
                    return True
    return False


def cells(facts: Facts, op: Op) -> tuple[str, float, float] | None:
    """For a table read between its entries: the slopes in the cell and around it, where they differ by more than 5 %."""
    if "arithmetic" not in facts.flow.sinks(op.result):
        return None
    for d in facts.directions:
        if d.leaf not in facts.depends(op.operands[0]) or np.ndim(facts.leaves[d.leaf]):
            continue
        slopes = [facts.probe.derivative(d, h) for h in np.linspace(-0.3, 0.3, 241)]
        if not all(np.all(np.isfinite(s)) for s in slopes) or any(s.shape != slopes[0].shape for s in slopes):
            continue
        steps = [size(b - a) for a, b in zip(slopes, slopes[1:], strict=False)]
        top = max(size(s) for s in slopes)
        jumps = [k for k, s in enumerate(steps) if s > 0.03 * top]
        flat = sum(s < 1e-9 * top for s in steps)
        if jumps and flat > 0.5 * len(steps):
            k = jumps[0]
            return d.name, float(slopes[k].flat[0]) / d.scale, float(slopes[k + 1].flat[0]) / d.scale
    return None


def lost_digits(facts: Facts) -> Iterator[Finding]:
    """cancellation: the derivative in 80-bit numbers against the one in 64."""
    run = facts.run
    near = [(s.ratio, k, op) for k, (op, s) in enumerate(run.seen.items()) if op.name in ("add", "subtract") and s.ratio < 1e-5 and op.result in facts.flow.active]  # fmt: skip
    if not near or not run.complete or not facts.wide.complete:
        return
    count = len(facts.traced.function.results)
    trips = [(op, t.count) for op, t in run.trips.items()]
    if any(facts.wide.trips.get(op) is None or facts.wide.trips[op].count != n for op, n in trips):
        return
    plain, wide = run.results[count:], facts.wide.results[count:]
    off = max(size(np.asarray(a - b, float)) / max(size(np.asarray(b, float)), 1e-300) for a, b in zip(plain, wide, strict=True))
    if not off > 1e-6:
        return
    _, _, op = min(near)
    digits = "no digit" if off > 0.5 else f"{-np.log10(off):.0f} digits"
    unit = facts.directions[0].scale if len(facts.directions) == 1 else 1.0
    got, exact = (float(np.ravel(np.asarray(r[0], float))[0]) / unit for r in (plain, wide))
    text = f"{digits} of the derivative are left: {got:.6g} in 64-bit numbers, {exact:.6g} in 80-bit ones"
    yield facts.finding("cancellation", op, text, relative_error=off, double=got, extended=exact)


def narrow(facts: Facts) -> Iterator[Finding]:
    """precision: the derivative with double precision inside."""
    sums = [
        op
        for op in facts.traced.function.walk()
        if op.name in ("add", "accumulate", "sum") and op.result.type.dtype.name == "f32" and op.result in facts.flow.active
    ]
    if not sums:
        return
    wide = type(facts.probe)(Variant(facts.function, widened), facts.probe.tree, facts.leaves, facts.marked)
    looped = [op for op in sums if facts.flow.loops(op)] or sums
    for d in facts.directions:
        a, b = facts.probe.derivative(d), wide.derivative(d)
        value, better = facts.probe.value, wide.value
        off = size(a - b) / max(size(b), 1e-300)
        apart = size(value - better) / max(size(better), 1e-300)
        if max(off, apart) > 1e-4:
            text = (
                f"in single precision the derivative by `{d.name}` is {shown(a, d.scale)} and the value {shown(value)}; with "
                f"double precision inside they are {shown(b, d.scale)} and {shown(better)}"
            )
            yield facts.finding("precision", looped[-1], text, derivative_error=off, value_error=apart)
            return


def cut(facts: Facts) -> Iterator[Finding]:
    """detached: a note for `stop_gradient`."""
    for op, family in facts.flow.detaching():
        if family == "stop":
            yield facts.finding("detached", op, "this value is taken as a constant by every derivative", warn=False)


def unexplained(facts: Facts) -> Iterator[Finding]:
    """approximation: AD against steady slopes, with no known cause."""
    last = list(facts.traced.function.walk())[-1]
    for b in facts.blinds:
        if b.agree < 0.03 and b.off > 0.25:
            op = facts.traced.function.results[0].owner or last
            unit = b.direction.scale
            text = f"AD gives {shown(b.ad, unit)} for `{b.direction.name}`, the slopes over wide steps are {', '.join(shown(s, unit) for s in b.slopes)}"  # fmt: skip
            yield facts.finding("approximation", op, text)
            return
