"""What is left to say where AD and differences do not agree: rules of the user's own, and causes that are not known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wengert.compiler.detect.facts import Facts, Local, shown
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.probe import size
from wengert.compiler.detect.rules import DECIDING, NOTHING, moves
from wengert.compiler.detect.variants import inlined, more_laps
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.ir.loops import LOOPS
from wengert.compiler.ops.custom import CALLS

LOOSE = 0.1
"""A rule of the exact result and a function that iterates to a tolerance may differ by so much."""


def own_rules(facts: Facts) -> Iterator[Finding]:
    """wrong_rule: AD by a rule of the user's own against the differences on both sides."""
    calls = [(k, op) for k, op in enumerate(facts.traced.function.walk()) if op.name in CALLS and any(r in facts.flow.active for r in op.results)]
    if not calls and facts.ruled is None:
        return
    programs = [op.attrs["callee"].function for _, op in calls] or [facts.traced.function]
    iterates = any(op.name == "while" for program in programs for op in program.walk())
    for one in facts.locals:
        if not one.wrong:
            continue
        off = size(one.ad - one.right)
        if iterates and off < LOOSE * max(size(one.ad), size(one.right)):
            continue
        gaps = [_without(facts, k, one) for k, _ in calls]
        if gaps and min(converged for _, converged in gaps) < 0.5 * off:  # nearer to the rule than to the differences
            continue
        unit, name = one.direction.scale, one.direction.name
        ops = list(facts.traced.function.walk())
        op = calls[int(np.argmin([plain for plain, _ in gaps]))][1] if calls else next((o for o in ops if o.span is not None), ops[-1])
        rule = op.attrs["callee"].name if calls else facts.ruled.__name__  # type: ignore[union-attr]
        text = f"AD by the rule of `{rule}` gives {shown(one.ad, unit)} for `{name}`, the differences on both sides {shown(one.right, unit)}"
        yield facts.finding("wrong_rule", op, text, ad=one.ad / unit, right=one.right / unit, left=one.left / unit)
        return


def _without(facts: Facts, place: int, one: Local) -> tuple[float, float]:
    """What AD gives when the rule of the call at this place is not believed: how far that is from the differences, and,
    with more laps of the iteration that it stands for, from what the rule says."""
    call = list(facts.traced.function.walk())[place]
    plain = converged = np.inf
    try:
        plain = size(facts.changed(inlined(place)).derivative(one.direction) - one.right)
        for k, op in enumerate(call.attrs["callee"].function.walk()):
            if op.name in LOOPS:
                for laps in MORE:
                    further = facts.changed(lambda f, at=place + k, laps=laps: more_laps(laps, at)(inlined(place)(f))).derivative(one.direction)  # type: ignore[misc]
                    converged = min(converged, size(further - one.ad) if np.all(np.isfinite(further)) else np.inf)
    except (WengertError, ArithmeticError):
        pass
    return plain, converged


MORE = (200, 20, 5)


def kinks_left(facts: Facts) -> Iterator[Finding]:
    """kink: the slopes of both sides differ, and no rule has said why: at the likeliest place."""
    for one in facts.locals:
        if not one.kinked or one.direction.leaf in facts.explained:
            continue
        decisions = [op for op in facts.traced.function.walk() if op.name in DECIDING and moves(facts, one.direction.leaf, op)]
        seen = [facts.run.seen.get(op, NOTHING) for op in decisions]
        if any(s.near and not s.ties for s in seen):  # the point has a case of its own: a length of 0 that is guarded
            continue
        met = [op for op, s in zip(decisions, seen, strict=True) if s.ties]
        op = (met or decisions or [op for op in facts.traced.function.walk() if any(r in facts.flow.active for r in op.results)][-1:])[0]
        unit = one.direction.scale
        text = (
            f"AD gives {shown(one.ad, unit)} for `{one.direction.name}`, the slope is {shown(one.left, unit)} on the left and "
            f"{shown(one.right, unit)} on the right; the line is the likeliest of those that decide something"
        )
        yield facts.finding("kink", op, text, ad=one.ad / unit, right=one.right / unit, left=one.left / unit)
        return


def unexplained(facts: Facts) -> Iterator[Finding]:
    """approximation: AD against steady slopes, with no known cause."""
    last = list(facts.traced.function.walk())[-1]
    for b in facts.overall(lambda b: b.agree < 0.03 and b.off > 0.25):
        steep = [(s.steep, -k, o) for k, (o, s) in enumerate(facts.run.seen.items()) if o.result in facts.flow.active]
        unit = b.direction.scale
        op = facts.traced.function.results[0].owner or last
        if steep and max(steep)[0] > 100 * unit:
            op = max(steep)[2]
        text = f"AD gives {shown(b.ad, unit)} for `{b.direction.name}`, the slopes over wide steps are {', '.join(shown(s, unit) for s in b.slopes)}"
        yield facts.finding("approximation", op, text)
        return
