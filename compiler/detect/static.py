"""The cheap part of the detector: what can be said of a program whose types are known, without running it."""

from __future__ import annotations

from collections.abc import Iterator

from wengert.compiler.detect import loops, rules
from wengert.compiler.detect.check import at_line, function_of
from wengert.compiler.detect.facts import Facts
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.flow import COMPARISONS, ORDER, array_behind
from wengert.compiler.detect.observe import EDGES, EIGEN
from wengert.compiler.detect.stationary import is_affine
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend.source import unwrap
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Op, constant_of
from wengert.compiler.transforms.compiled import Compiled

SAID = {
    "step": "a value without a derivative gets into the result",
    "order": "a position without a derivative gets into the result",
    "stop": "this value is taken as a constant by every derivative",
    "compare": "where the two are equal, the branch has a slope of its own",
}


SOUND = {"sinc", "qr", "lstsq", "pinv", "fmax", "fmin", "nanmax", "nanmin", "nan_to_num", "logaddexp"}
"""Calls with branches and masks of their own, which have the right slope."""


def notes(compiled: Compiled) -> tuple[Finding, ...]:
    """What may be a pitfall at some arguments, as notes, line by line; nothing for a function whose types are not known
    before its first call, or that does not compile."""
    declared = compiled.declared
    if declared is None:
        return ()
    function = function_of(compiled)
    try:
        traced = trace(function, declared)
    except WengertError:
        return ()
    marked = [leaf.type.dtype.kind == "f" for leaf in declared.leaves]
    found: dict[tuple[str, int], Finding] = {}
    silent: frozenset[str] = getattr(unwrap(function), "__wengert_suppress__", frozenset())
    for finding in _notes(Facts(traced, function, (), marked)):
        if finding.kind not in silent and not at_line(finding):
            found.setdefault((finding.kind, finding.line), finding)
    return tuple(sorted(found.values(), key=lambda f: (f.line, f.column)))


def _notes(facts: Facts) -> Iterator[Finding]:
    for op, rough in facts.flow.detaching():
        if facts.calls_of(op) & (loops.LIBRARY - rules.ORDERS - rules.TABLES | SOUND):
            continue
        family = rules.family_of(facts, op, rough)
        if family == "compare":
            if op.name in ("equal", "not_equal"):
                kind: str | None = "pruned_zero" if rules.prunes(facts, op) else "equality_branch"
            else:
                continue
        else:
            kind = rules.kind_of(facts, op, family)
        if kind is not None and not (family == "step" and _is_between(facts, op)) and not (kind == "order_index" and _is_extreme(facts, op)):
            yield facts.finding(kind, rules.place_for(facts, op, kind), SAID[family], warn=False)
    for op in facts.traced.function.walk():
        yield from _of_op(facts, op)
    for op in loops.chosen_steps(facts):
        if _is_last_step(facts, op):
            continue
        yield facts.finding("adaptive_step", op, "the step depends on the input", warn=False)


def _is_between(facts: Facts, step: Op) -> bool:
    """How far the number is from the whole one, or from the entry of a grid there, is computed, too: x - floor(x). The result
    moves with x between the whole numbers."""
    x, whole = step.operands[0], facts.flow.forward([step.result])
    sources = facts.flow.parameters(x) & facts.flow.varied
    gaps = [op for op in facts.traced.function.walk() if op.name == "subtract" and op.operands[1] in whole and op.operands[0] not in whole]
    return any(op.result in facts.flow.active and facts.flow.parameters(op.operands[0]) & sources for op in gaps)


def _is_extreme(facts: Facts, op: Op) -> bool:
    """With the position that the line of the op finds only the array is read that was searched: the largest element has a slope."""
    line = op.span.line if op.span is not None else 0
    beside = [o for o in facts.traced.function.walk() if o.span is not None and o.span.line == line]
    searched = {array_behind(v) for o in beside if o.name in (*COMPARISONS, *ORDER, "sort") for v in o.operands}
    found = set().union(*(facts.flow.decisions(r) for o in beside for r in o.results if r.type.dtype.kind == "i"))
    reads = [u for v in found for u in facts.flow.users.get(v, ()) if not u.regions and any(r.type.dtype.is_float for r in u.results)]
    return bool(reads) and all(u.name in ("load", "gather", "slice") and array_behind(u.operands[0]) in searched for u in reads)


def _is_guarded(facts: Facts, op: Op) -> bool:
    """What the op is computed of went through a `where` (or a maximum) itself."""
    behind = set().union(*(facts.flow.parameters(v) for v in op.operands))
    return any(v.owner is not None and v.owner.name in ("where", "maximum", "minimum") for v in behind)


def _is_last_step(facts: Facts, op: Op) -> bool:
    """min(h, end - t): only what is left of the way depends on the input."""
    arms = op.operands[1:] if op.name == "where" else op.operands
    active = [v for v in arms if v in facts.flow.varied]
    return op.name in ("where", "minimum") and len(active) == 1 and active[0].owner is not None and active[0].owner.name == "subtract"


def _divides_by_number(op: Op) -> bool:
    return op.name == "divide" and bool(constant_of(op.operands[1]))


def _masks_by_domain(facts: Facts, op: Op) -> bool:
    """Some `where` that can leave the result out asks for something else than the result: not `max` of it and a bound."""
    after = facts.flow.forward(op.results)
    masks = [w for w in facts.traced.function.walk() if w.name == "where" and after & set(w.operands[1:])]
    return any(w.operands[0].owner is None or not after & set(w.operands[0].owner.operands) for w in masks)


def _divides_only(facts: Facts, root: Op) -> bool:
    """Where the root is 0 its user has no value either."""
    users, stack = [], [root.result]
    while stack:
        for u in facts.flow.users.get(stack.pop(), ()):
            if u.name in ("broadcast", "reshape"):
                stack.append(u.result)
            else:
                users.append(u)
    divisors = [u for u in users if u.name in ("log", "reciprocal") or (u.name == "divide" and array_behind(u.operands[1]) is root.result)]
    return bool(divisors)


TIGHT = 1e-11
"""A tolerance below which the derivative has settled as well."""


def _is_tight(facts: Facts, loop: Op) -> bool:
    """The loop ends by a comparison with a tolerance that small."""
    for region in loop.regions:
        for op in region.walk():
            if op.name in COMPARISONS and op.operands[0].type.dtype.is_float:
                bounds = [c for v in op.operands for w in facts.flow.parameters(v) if isinstance(c := constant_of(w), float) and w.type.is_scalar]
                if any(0 < abs(c) <= TIGHT for c in bounds):
                    return True
    return False


def _of_op(facts: Facts, op: Op) -> Iterator[Finding]:
    active = any(r in facts.flow.active for r in op.results) and not facts.calls_of(op) & (loops.LIBRARY | SOUND)
    if op.name in EIGEN and any(r in facts.flow.active and r.type.rank == op.operands[0].type.rank for r in op.results):
        yield facts.finding("degenerate_eig", op, "the derivative divides by differences of eigenvalues", warn=False)
    elif op.name in EDGES and active and rules.is_masked(facts, op) and _masks_by_domain(facts, op) and not _is_guarded(facts, op) and not _divides_by_number(op):
        yield facts.finding("masked_nan", op, f"`{op.name}` is computed for the elements that `where` leaves out, too", warn=False)
    elif op.name == "sqrt" and active and op.operands[0].owner is not None and op.operands[0].owner.name in ("sum", "dot_general") and not _divides_only(facts, op):
        yield facts.finding("domain_edge", op, "the root of a sum of squares has no slope at 0", warn=False)
    elif op.name in ("for", "while") and any(r in facts.flow.varied for r in op.results):
        if facts.calls_of(op) & loops.LIBRARY or _is_tight(facts, op):
            return
        search = op.name == "while" and loops.is_search(facts, op)
        if loops.solves(facts, op) or (search and is_affine(op)):
            yield facts.finding("linear_solver", op, "the iterate converges before its derivative", warn=False)
        elif search:
            yield facts.finding("fixed_point_lag", op, "the exit test looks at the value, not at the derivative", warn=False)
