"""The rules of rounding: digits that a difference loses, and what single precision costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.compiler.detect.facts import Facts, shown
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.probe import size
from wengert.compiler.detect.variants import widened


def lost_digits(facts: Facts) -> Iterator[Finding]:
    """cancellation: the derivative in 80-bit numbers against the one in 64."""
    run = facts.run
    sums = [(k, op, s) for k, (op, s) in enumerate(run.seen.items()) if op.name in ("add", "subtract") and op.result in facts.flow.active]
    near = [(s.ratio, k, op) for k, op, s in sums if s.ratio < 1e-5] or [(s.ratio, k, op) for k, op, s in sums if s.drowned and not facts.flow.loops(op)]
    if not near or not run.complete or facts.large or not facts.wide.complete:
        return
    count = len(facts.traced.function.results)
    trips = [(op, t.count) for op, t in run.trips.items()]
    if any(facts.wide.trips.get(op) is None or facts.wide.trips[op].count != n for op, n in trips):
        return
    off, apart = (_furthest(run.results[part], facts.wide.results[part]) for part in (slice(count, None), slice(count)))
    if apart <= 1e-4 and not _matters(run.results, facts.wide.results, count):
        return
    single = any(op.result.type.dtype.name == "f32" for _, _, op in near)
    if not (off > (1e-3 if single else 1e-8) or apart > (1e-2 if single else 1e-4)):
        return
    warn = off > 10**-5.5 or apart > 1e-4  # six good digits are worth a note
    _, _, op = min(near)
    lost = [o for o, s in run.seen.items() if s.absorbed > 0.5 * s.runs and s.runs > 4 and o.result in facts.flow.active]
    kind = "precision" if lost else "cancellation"
    good = round(-np.log10(min(max(off, 1e-16), 1.0)))
    digits = f"{good} digits of the derivative are" if good > 1 else f"{('no', 'one')[good]} digit of the derivative is"
    unit = facts.directions[0].scale * float(np.ravel(facts.directions[0].together)[0] / np.ravel(facts.directions[0].vector)[0]) if len(facts.directions) == 1 else 1.0
    got, exact = (float(np.ravel(np.asarray(r.results[count], float))[0]) / unit for r in (run, facts.wide))
    text = f"{digits} left: {got:.6g} in {32 if single else 64}-bit numbers, {exact:.6g} in 80-bit ones"
    if apart > 1e-4:
        text += f"; the value is off by {apart:.1e} of its size"
    yield facts.finding(kind, lost[0] if lost else op, text, warn=warn, relative_error=off, value_error=apart, double=got, extended=exact)


def _matters(plain: Any, wide: Any, count: int) -> bool:
    """Whether the derivative's error is more than nothing beside the values: a root does not depend on where its search began."""
    error = max((size(np.asarray(a - b, float)) for a, b in zip(plain[count:], wide[count:], strict=True)), default=0.0)
    return error > 1e-12 * max((size(np.asarray(v, float)) for v in wide[:count]), default=0.0)


def _furthest(plain: Any, wide: Any) -> float:
    pairs = [(a, b) for a, b in zip(plain, wide, strict=True) if np.asarray(b).dtype.kind in "fc"]
    gaps = [size(np.asarray(a - b, float)) / max(size(np.asarray(b, float)), 1e-300) for a, b in pairs]
    return max(gaps, default=0.0)


def narrow(facts: Facts) -> Iterator[Finding]:
    """precision: the derivative with double precision inside."""
    sums = [
        op
        for op in facts.traced.function.walk()
        if op.name in ("add", "accumulate", "sum") and op.result.type.dtype.name == "f32" and op.result in facts.flow.active
    ]
    if not sums:
        return
    for op in sums:
        seen = facts.run.seen.get(op)
        if seen is not None and op.result.type.is_scalar and seen.runs > 4 and seen.absorbed > 0.5 * seen.runs:
            text = f"{seen.absorbed} of {seen.runs} addends are absorbed whole: they are smaller than half a unit in the last place of the sum"
            yield facts.finding("precision", op, text, absorbed=seen.absorbed, additions=seen.runs)
            return
    wide = facts.changed(widened)
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
