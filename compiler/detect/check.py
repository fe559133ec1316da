"""`wg.check`: the derivative checks and every rule, in order, each finding once; and `wg.suppress`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from wengert.compiler.detect import digits, leftover, loops, rules
from wengert.compiler.detect.catalogue import KINDS
from wengert.compiler.detect.facts import Facts, shown
from wengert.compiler.detect.findings import Finding, Report
from wengert.compiler.detect.flow import COMPARISONS, Flow
from wengert.compiler.detect.refused import refused
from wengert.compiler.diag.errors import CompileError, OptionError
from wengert.compiler.frontend.bound import plain
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.source import unwrap
from wengert.compiler.frontend.trace import Traced, trace
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.loops import carried_params
from wengert.compiler.ir.tree import flatten
from wengert.compiler.transforms.activities import Const, activities, constant_leaves
from wengert.compiler.transforms.compiled import Compiled
from wengert.compiler.transforms.custom import CustomDerivative
from wengert.compiler.transforms.structure import leaf_ranges, parameter_names, positions

Rule = Callable[[Facts], Iterator[Finding]]

# Each stage is looked at unless one of the kinds beside it was warned of: that is the cause of what the stage would see.
ANY = frozenset(KINDS) - {"tape_memory"}
STAGES: tuple[tuple[Rule, frozenset[str]], ...] = (
    (loops.tape, frozenset()),
    (rules.cut, frozenset()),
    (rules.not_finite, frozenset()),
    (rules.at_the_point, frozenset({"domain_edge", "masked_nan", "overflow", "degenerate_eig"})),
    (leftover.own_rules, frozenset({"domain_edge", "masked_nan", "overflow", "degenerate_eig", "kink", "equality_branch", "pruned_zero"})),
    (loops.adaptive, frozenset({"overflow"})),
    (loops.convergence, frozenset({"adaptive_step", "overflow"})),
    (loops.growth, frozenset({"adaptive_step", "fixed_point_lag", "linear_solver", "overflow"})),
    (loops.averages, frozenset({"adaptive_step", "fixed_point_lag", "chaos", "overflow"})),
    (rules.detached, frozenset({"adaptive_step", "chaos", "fixed_point_lag", "linear_solver", "fixed_point_zero_iter", "overflow", "domain_edge"})),
    (digits.lost_digits, frozenset({"chaos", "overflow", "domain_edge", "degenerate_eig", "adaptive_step"})),
    (digits.narrow, frozenset({"chaos", "overflow"})),
    (leftover.kinks_left, ANY),
    (leftover.unexplained, ANY),
)  # fmt: skip
BUDGET = 60_000
"""Ops of the interpreted run: about half a second. Not seconds, so that findings do not depend on the machine's load."""

F = TypeVar("F", bound=Callable[..., Any])


def suppress(*kinds: str) -> Callable[[F], F]:
    """Decorator: `wg.check` does not report these kinds for the function. For one line, write the same as a comment
    at its end: `y = np.abs(x)  # wg.suppress("kink")`. Raises OptionError for a kind that does not exist."""
    unknown = [k for k in kinds if k not in KINDS]
    if unknown or not kinds:
        raise OptionError(f"no pitfall is called {', '.join(map(repr, unknown)) or 'nothing'}", help=f"There are {', '.join(KINDS)}.")

    def mark(function: F) -> F:
        function.__wengert_suppress__ = frozenset(kinds)  # type: ignore[attr-defined]
        return function

    return mark


def check(f: Callable[..., Any], *args: Any) -> Report:
    """The derivative check and pitfall report of a function at these arguments.

    f: a Python function or a compiled one; of a gradient, the function it is the gradient of is checked, by its `wrt`.
    Every floating argument is moved, except those annotated `Const` and tolerances (only compared in a loop's exit test). Returns a Report, iterable
    over its findings. Raises CompileError where f does not compile for a reason that is not a pitfall itself.
    """
    start = perf_counter()
    wrt = getattr(f, "wrt", None)
    function = function_of(f)
    name = getattr(function, "__name__", "f")
    try:
        traced = trace(function, signature_of(args))
    except CompileError as error:
        found = list(refused(function, error))
        if not found:
            raise
        return _report(name, function, found, {}, start, ())
    leaves, tree = flatten(args)
    marked = _marked(traced, leaves)
    if wrt is not None and isinstance(f, Compiled):
        ranges = leaf_ranges(tree)
        chosen = {k for p in positions(function, wrt, len(tree.children)) for k in ranges[p]}
        marked = [m and k in chosen for k, m in enumerate(marked)]
    said = activities(function)
    constant = constant_leaves(tree)
    for parameter, leaves_of in zip(parameter_names(function), leaf_ranges(tree), strict=False):
        for k in leaves_of:
            marked[k] &= not constant[k] and said.get(parameter) is not Const
    if not any(marked):
        return _report(name, function, [], {"derivative": "no floating-point argument to differentiate by"}, start, ())
    facts = Facts(traced, function, leaves, marked, BUDGET, _ruled(f))
    found = list(_findings(facts))
    unseen = [] if facts.run.complete else ["the interpreted run ends after its share of work and saw the beginning of the loops only"]
    if facts.heavy:
        unseen.append(f"reverse mode was not run: it would keep {facts.tape / loops.MEGABYTE:.0f} MB")
    if facts.large and facts.run.complete:
        unseen.append("the arrays are large: digits that differences lose were not counted in 80-bit numbers")
    if facts.long and len(facts.locals) < len(facts.directions):
        unseen.append("the function runs long: differences are taken along all arguments at once, not along each")
    return _report(name, function, found, _checks(facts), start, unseen)


def function_of(f: Any) -> Any:
    """The Python function behind transforms; a method or partial with what is given to it."""
    while isinstance(f, Compiled):
        f = f.__wrapped__
    return plain(f)


def _ruled(f: Any) -> CustomDerivative | None:
    """The function with rules of its own that `f` is, or is a transform of."""
    while isinstance(f, Compiled):
        if isinstance(f, CustomDerivative):
            return f
        f = f.__wrapped__
    return None


def _findings(facts: Facts) -> Iterator[Finding]:
    warned: set[str] = set()
    lines: set[int] = set()
    for rule, causes in STAGES:
        if warned & causes:
            continue
        found = [f for f in rule(facts) if f.severity == "note" or f.line not in lines]
        yield from found
        warned |= {f.kind for f in found if f.severity == "warning"}
        lines |= {f.line for f in found if f.severity == "warning" and f.kind != "tape_memory"}


TOLERANCES = re.compile(r"^(\w*tol\w*|eps|epsilon)$")


def _marked(traced: Traced, leaves: list[Any]) -> list[bool]:
    """Which leaves are moved: floating ones that are no tolerances, and that are finite."""
    params = traced.function.params
    can = [np.asarray(leaf).dtype.kind == "f" and bool(np.all(np.isfinite(leaf))) for leaf in leaves]
    if not any(can):
        return can
    flow = Flow(traced.function, [*can, *[False] * (len(params) - len(can))])
    return [c and not _is_tolerance(flow, params[k]) for k, c in enumerate(can)]


def _is_tolerance(flow: Flow, param: Any) -> bool:
    if TOLERANCES.match(param.hint) and param not in flow.active:
        return True
    users = flow.users.get(param, [])
    if param in flow.active or not users or any(u.name not in COMPARISONS for u in users):
        return False
    return all("exit" in flow.sinks(u.result) and flow.loops(u) and _ends_search(flow, u, param) for u in users)


def _ends_search(flow: Flow, test: Op, param: Value) -> bool:
    """The test compares with a number that the loop makes from numbers it carries: not with a clock, nor with the entries of
    a table."""
    loop = flow.loops(test)[-1]
    carried = {p for p in (*carried_params(loop), *loop.regions[0].params) if p.type.dtype.is_float}
    other = set().union(*(flow.parameters(v) for v in test.operands if v is not param))
    return bool(carried & other) and not loops.clock_of(loop, test)


def _checks(facts: Facts) -> dict[str, Any]:
    checks: dict[str, Any] = {}
    gap = None if facts.heavy else facts.probe.reverse_gap(np.random.default_rng(0))
    if gap is not None:
        same = "agree to the last bit" if gap == 0 else f"differ by {gap:.1e} of their size"
        checks["forward against reverse"] = same if np.isfinite(gap) else _not_finite(facts)
    for one in facts.locals[:4]:
        unit, name = one.direction.scale, one.direction.name
        along = "" if one.direction.others or np.ndim(one.direction.vector) == 0 else " (along one direction)"
        by = "with" if one.direction.others else "by"
        checks[f"derivative {by} {name}{along}"] = (
            f"AD {shown(one.ad, unit)}, differences {shown(one.left, unit)} from the left, {shown(one.right, unit)} from the right"
        )
    return checks


def _not_finite(facts: Facts) -> str:
    forward = all(np.all(np.isfinite(facts.probe.derivative(d))) for d in facts.directions)
    return "reverse mode gives NaN or infinity, forward mode does not" if forward else "NaN or infinity"


def _report(name: str, function: Any, found: list[Finding], checks: dict[str, Any], start: float, unseen: Any) -> Report:
    unique: dict[tuple[str, int], Finding] = {}
    for finding in found:
        known = unique.get((finding.kind, finding.line))
        if known is None or (known.severity == "note" and finding.severity == "warning"):
            unique[finding.kind, finding.line] = finding
    silent: frozenset[str] = getattr(unwrap(function), "__wengert_suppress__", frozenset())
    shown_: list[Finding] = []
    hidden: list[Finding] = []
    for finding in unique.values():
        (hidden if finding.kind in silent or at_line(finding) else shown_).append(finding)
    shown_.sort(key=lambda f: (f.severity != "warning", f.line, f.column))
    return Report(name, tuple(shown_), checks, tuple(hidden), perf_counter() - start, tuple(unseen))


_COMMENT = re.compile(r"#.*wg\.suppress\(([^)]*)\)")


def at_line(finding: Finding) -> bool:
    """Whether a comment on the finding's line silences it."""
    found = _COMMENT.search(finding.code)
    return found is not None and finding.kind in re.findall(r"[\"'](\w+)[\"']", found[1])

