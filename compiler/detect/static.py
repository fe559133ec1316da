"""The cheap part of the detector: what can be said of a program whose types are known, without running it."""

from __future__ import annotations

from collections.abc import Iterator

from wengert.compiler.detect import loops, rules
from wengert.compiler.detect.check import at_line, function_of
from wengert.compiler.detect.facts import Facts
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.observe import EDGES, EIGEN
from wengert.compiler.detect.stationary import is_affine
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend.source import unwrap
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.core import Op
from wengert.compiler.transforms.compiled import Compiled

SAID = {
    "step": "a value without a derivative gets into the result",
    "order": "a position without a derivative gets into the result",
    "stop": "this value is taken as a constant by every derivative",
    "compare": "where the two are equal, the branch has a slope of its own",
}


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
        if facts.calls_of(op) & loops.LIBRARY - rules.ORDERS - rules.TABLES:
            continue
        family = rules.family_of(facts, op, rough)
        if family == "compare":
            if op.name in ("equal", "not_equal"):
                kind: str | None = "pruned_zero" if rules.prunes(facts, op) else "equality_branch"
            else:
                continue
        else:
            kind = rules.kind_of(facts, op, family)
        if kind is not None:
            yield facts.finding(kind, rules.place_for(facts, op, kind), SAID[family], warn=False)
    for op in facts.traced.function.walk():
        yield from _of_op(facts, op)
    for op in loops.chosen_steps(facts):
        yield facts.finding("adaptive_step", op, "the step depends on the input", warn=False)


def _is_guarded(op: Op) -> bool:
    """What the op is computed of went through a `where` (or a maximum) itself."""
    sources = [v.owner for v in op.operands if v.owner is not None]
    sources += [v.owner for s in sources for v in s.operands if v.owner is not None]
    return any(s.name in ("where", "maximum", "minimum") for s in sources)


def _of_op(facts: Facts, op: Op) -> Iterator[Finding]:
    active = any(r in facts.flow.active for r in op.results) and not facts.calls_of(op) & loops.LIBRARY
    if op.name in EIGEN and active:
        yield facts.finding("degenerate_eig", op, "the derivative divides by differences of eigenvalues", warn=False)
    elif op.name in EDGES and active and rules.is_masked(facts, op) and not _is_guarded(op):
        yield facts.finding("masked_nan", op, f"`{op.name}` is computed for the elements that `where` leaves out, too", warn=False)
    elif op.name == "sqrt" and active and op.operands[0].owner is not None and op.operands[0].owner.name in ("sum", "dot_general"):
        yield facts.finding("domain_edge", op, "the root of a sum of squares has no slope at 0", warn=False)
    elif op.name in ("for", "while") and any(r in facts.flow.varied for r in op.results):
        if facts.calls_of(op) & loops.LIBRARY:
            return
        search = op.name == "while" and loops.is_search(facts, op)
        if loops.solves(facts, op) or (search and is_affine(op)):
            yield facts.finding("linear_solver", op, "the iterate converges before its derivative", warn=False)
        elif search:
            yield facts.finding("fixed_point_lag", op, "the exit test looks at the value, not at the derivative", warn=False)
