"""The rules of numbers and branches: each looks at the facts and yields findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from wengert.compiler.detect.draws import is_computed, is_irregular
from wengert.compiler.detect.facts import Blind, Facts, Local, shown
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.flow import COMPARISONS, Flow
from wengert.compiler.detect.observe import EIGEN, NEAR, Seen
from wengert.compiler.detect.probe import Direction, size
from wengert.compiler.detect.variants import flipped, inverted
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.ir.core import Op, Value, constant_of
from wengert.compiler.ir.loops import AHEAD, LOOPS, carried_params

GROW = ("exp", "exp2", "expm1", "sinh", "cosh", "power", "multiply", "add", "sum", "logaddexp", "subtract")


def not_finite(facts: Facts) -> Iterator[Finding]:
    """overflow, domain_edge, masked_nan: where the first number that is not finite comes from."""
    seen = facts.run.seen
    masked = [op for op, s in seen.items() if op.name == "where" and _leaves_out(facts, s) and op.result in facts.flow.active and not _special_case(facts, op)]
    for op in masked:
        yield facts.finding(
            "masked_nan",
            op,
            "the arm of `where` that is not taken, or its derivative, is not finite here: " + _kept_out(facts),
            times=seen[op].masked,
        )
    if masked:
        return
    value = facts.probe.value
    broken = [d for d in facts.directions if not np.all(np.isfinite(facts.probe.derivative(d)))]
    backwards = facts.backwards
    if np.all(np.isfinite(value)) and not broken and backwards is not False:
        return
    order = [op for op in facts.traced.function.walk() if op in seen]
    born = [op for op in order if seen[op].born]
    broke = [op for op in order if seen[op].broke]
    if born and born[0].name not in ("divide", "log", "log2", "log10") and born[0].name in GROW:
        wide = [float(np.ravel(r)[0]) for r in facts.wide.results[:1]]
        yield facts.finding(
            "overflow", born[0], f"`{born[0].name}` overflows here: AD gives {_gradient(facts)}", in_80_bits=wide
        )
    elif np.all(np.isfinite(value)):
        edge = [op for op in order if seen[op].edges]
        equal = [op for op in edge if op.name in EIGEN]
        reverse = ", reverse mode NaN or infinity" if backwards is False else ""
        for op in equal or edge[:1] or broke[:1]:
            kind = "degenerate_eig" if op in equal else "masked_nan" if is_masked(facts, op) else "domain_edge"
            text = f"{_singular(op)}: AD gives {_gradient(facts)}{reverse}"
            yield facts.finding(kind, op, text)
    elif born:
        yield facts.finding(
            "domain_edge", born[0], f"`{born[0].name}` is outside or at the edge of its domain: the value is not finite"
        )


def _leaves_out(facts: Facts, seen: Seen) -> bool:
    """The arm that is not taken has no finite tangent, or became infinite in the program (and was not to begin with)."""
    if seen.masked or seen.infinite is None:
        return bool(seen.masked)
    behind = facts.flow.parameters(seen.infinite)
    return any(s.born and op.results[0] in behind for op, s in facts.run.seen.items())


def _kept_out(facts: Facts) -> str:
    if facts.backwards is False:
        return f"forward mode gives {_gradient(facts)}, reverse mode NaN or infinity"
    return f"only a strong zero keeps it out of the derivative, and AD gives {_gradient(facts)}"


def _special_case(facts: Facts, op: Op) -> bool:
    """`where` on an equality that gives a wrong slope: rather a branch on equality than a mask."""
    test = op.operands[0].owner
    return test is not None and test.name in ("equal", "not_equal") and any(one.wrong for one in facts.locals)


def is_masked(facts: Facts, op: Op) -> bool:
    """What the op gives passes a `where` on the same line that can leave it out."""
    after = facts.flow.forward(op.results)
    return any(w.name == "where" and w.span is not None and op.span is not None and w.span.line == op.span.line and after & set(w.operands[1:]) for w in facts.traced.function.walk())




def _singular(op: Op) -> str:
    """Why the derivative of the op is not finite here."""
    if op.name in EIGEN:
        what, of = ("singular values", "singular vectors") if op.name.startswith("svd") else ("eigenvalues", "eigenvectors")
        return f"{what} repeat here, and the derivative of the {of} divides by their differences"
    return f"`{op.name}` has no finite derivative here"


def _gradient(facts: Facts) -> str:
    return ", ".join(f"{shown(facts.probe.derivative(d), d.scale)} for `{d.name}`" for d in facts.directions[:3])


def at_the_point(facts: Facts) -> Iterator[Finding]:
    """kink, equality_branch, pruned_zero, domain_edge: AD against both sides where a comparison or an edge is met exactly."""
    places = {op: k for k, op in enumerate(facts.traced.function.walk())}
    tied = [op for op, s in facts.run.seen.items() if s.ties and op in places]
    edges = [op for op, s in facts.run.seen.items() if s.edges and op in places]
    unseen = []
    if not facts.run.complete:  # what was not reached may be tied: deciding it the other way tells
        unseen = [op for op in places if op.name in FLIPPED and not facts.run.seen.get(op, NOTHING).ties]
    near = [op for op, s in facts.run.seen.items() if s.near and op in places and op.name in COMPARISONS]
    if not tied and not unseen and not edges and not near:
        return
    suspects = [one for one in facts.locals if one.kinked or one.wrong or (edges and (one.off if one.converged else one.far) and not ((tied or unseen) and one.converged))]
    if not suspects:
        return
    matter = {op: _matters(facts, op, places[op]) for op in _by_line(tied)[:MOST]}
    for one in suspects:
        unit = one.direction.scale
        numbers: dict[str, Any] = {"ad": one.ad / unit, "right": one.right / unit, "left": one.left / unit}
        what = f"AD gives {shown(one.ad, unit)} for `{one.direction.name}`"
        sides = f"the slope is {shown(one.left, unit)} on the left and {shown(one.right, unit)} on the right"
        moved = [op for op, matters in matter.items() if matters and _concerns(facts, one, op)]
        for op in unseen[:MOST] if not moved and one.converged else ():
            if _concerns(facts, one, op):
                matter[op] = matter[op] if op in matter else _matters(facts, op, places[op])
                if matter[op]:
                    moved = [op]
                    break
        if one.wrong and _is_cut(facts, one.direction.leaf):  # which explains the difference, unless the tie does
            moved = [op for op in moved if op.name in ("max", "min") or _repairs(facts, one, places[op])]
        beside = [op for op in edges if one.direction.leaf in set().union(*(facts.depends(v) for v in op.operands))]
        equal = [op for op in moved if op.name in ("equal", "not_equal")]
        if one.wrong and not moved:
            equal = [op for op in _by_line(near)[:4] if moves(facts, one.direction.leaf, op) and "exit" not in facts.flow.sinks(op.result) and _decides(facts, one, places[op])]
        for op in equal if one.wrong else ():
            kind = "pruned_zero" if prunes(facts, op) else "equality_branch"
            text = f"the equality holds here: {what}, the differences on both sides {shown(one.right, unit)}"
            yield facts.finding(kind, op, text, **numbers)
        if one.wrong and equal:
            continue
        for op in beside if not (moved and one.converged) else ():
            kind = "degenerate_eig" if op.name in EIGEN else "masked_nan" if is_masked(facts, op) else "domain_edge"
            yield facts.finding(kind, op, f"{_singular(op)}: {what}, {sides}", **numbers)
        for op in moved if one.converged or not beside else ():
            kind = "table_lookup" if facts.calls_of(op) & TABLES else "pruned_zero" if one.wrong and _prunes_near(facts, op) else "kink"
            yield facts.finding(kind, op, f"{what}, {sides}", **numbers)
            facts.explained.add(one.direction.leaf)


FLIPPED = {"less", "less_equal", "greater", "greater_equal", "absolute", "maximum", "minimum"}
NOTHING = Seen()
DECIDING = FLIPPED | {"equal", "not_equal", "max", "min", "sort"}
MOST = 12
"""Places that are decided the other way: each is a compilation."""
TABLES = {"interp", "searchsorted", "digitize"}
ORDERS = {"argmax", "argmin", "argsort", "nanargmax", "nanargmin", "argpartition", "lexsort"}


def _by_line(ops: list[Op]) -> list[Op]:
    """One op for each line."""
    found: dict[int, Op] = {}
    for op in ops:
        found.setdefault(op.span.line if op.span is not None else 0, op)
    return list(found.values())


def moves(facts: Facts, leaf: int, op: Op) -> bool:
    return leaf in set().union(*(facts.depends(v) for v in op.operands if v.type.dtype.is_float))


def _concerns(facts: Facts, one: Local, op: Op) -> bool:
    return moves(facts, one.direction.leaf, op) and not (one.wrong and _searches(facts, op))


def _searches(facts: Facts, op: Op) -> bool:
    loops = facts.flow.loops(op)
    return bool(loops) and op.name in FLIPPED and _steers(facts, op, loops[-1])


def _matters(facts: Facts, op: Op, place: int) -> bool:
    """Whether AD gives another derivative when ties at this op are decided the other way."""
    if op.name in ("max", "min"):
        return True
    other = facts.changed(flipped(place))
    try:
        here, there = (probe.along(facts.everything) for probe in (facts.probe, other))
    except (WengertError, ArithmeticError):
        return True
    if here.dot.shape != there.dot.shape or not np.all(np.isfinite(there.dot)) or not np.all(np.isfinite(there.value)):
        return True
    moved, tops = size(here.dot - there.dot), (size(here.dot), size(there.dot))
    return moved > 1e-9 * max(tops) or size(here.value - there.value) > 1e-9 * size(here.value)


def _is_cut(facts: Facts, leaf: int) -> bool:
    """`stop_gradient` takes what depends on the leaf."""
    stops = [op for op, family in facts.flow.detaching() if family == "stop" and "stop_gradient" in facts.calls_of(op)]
    return any(leaf in facts.depends(op.operands[0]) for op in stops)


def _repairs(facts: Facts, one: Local, place: int) -> bool:
    """With ties at this place decided the other way AD gives what the differences give."""
    try:
        other = facts.changed(flipped(place)).derivative(one.direction)
    except (WengertError, ArithmeticError):
        return False
    return other.shape == one.right.shape and size(other - one.right) < 0.1 * size(one.ad - one.right)


def _decides(facts: Facts, one: Local, place: int) -> bool:
    """The comparison nearly holds, or the other way round: with the opposite, AD is not finite or nearer to the differences."""
    try:
        other = facts.changed(inverted(place)).derivative(one.direction)
    except (WengertError, ArithmeticError):
        return True
    return other.shape != one.right.shape or not size(other - one.right) > 0.5 * size(one.ad - one.right)


def prunes(facts: Facts, op: Op) -> bool:
    """A comparison with zero or a tiny bound, whose branch leaves out an addition or an update that the other makes."""
    bounds = [c for v in op.operands if isinstance(c := constant_of(v), (int, float))]
    if not any(abs(c) <= NEAR for c in bounds):
        return False
    decided = facts.flow.forward([op.result])
    for branch in facts.traced.function.walk():
        if branch.name != "if" or branch.operands[0] not in decided:
            continue
        for yes, no in zip(*(region.results for region in branch.regions), strict=True):
            for kept, made in ((yes, no), (no, yes)):
                if kept is not made and made.owner is not None and made.type == kept.type and _adds_to(made, kept, 8):
                    return True
    return False


def _prunes_near(facts: Facts, op: Op) -> bool:
    """A comparison on the same line prunes: abs(c) > 0."""
    line = op.span.line if op.span is not None else 0
    beside = [o for o in facts.traced.function.walk() if o.name in COMPARISONS and o.span is not None and o.span.line == line]
    return any(prunes(facts, o) for o in beside)


def _adds_to(end: Value, start: Value, depth: int) -> bool:
    """`end` is `start` after additions and updates, which may be those of a loop."""
    op = end.owner
    if op is None or not depth:
        return False
    if op.name in LOOPS:
        k = op.results.index(end)
        return op.operands[k + AHEAD[op.name]] is start
    if op.name == "if":
        k = op.results.index(end)
        return any(region.results[k] is not start and _adds_to(region.results[k], start, depth - 1) for region in op.regions)
    if op.name not in ("add", "subtract", "update", "accumulate"):
        return False
    return start in op.operands or any(_adds_to(v, start, depth - 1) for v in op.operands)


STEP_KINDS = {"bound": "step_count", "extent": "step_count", "exit": "step_count", "index": "table_lookup", "store": "quantisation"}


def detached(facts: Facts) -> Iterator[Finding]:
    """step_count, table_lookup, quantisation, order_index, parametric_discontinuity, discrete_random, bisection, detached:
    a varied value acts on the result without a derivative, and AD is blind to it."""
    if not facts.probe.value.size:
        return
    explained = facts.explained
    ranks = {"step": 0, "order": 0, "stop": 1, "compare": 2}
    candidates = [(op, family_of(facts, op, family)) for op, family in facts.flow.detaching()]
    for op, family in sorted(candidates, key=lambda c: ranks[c[1]]):
        kind = kind_of(facts, op, family)
        if kind is None:
            continue
        at = place_for(facts, op, kind)
        leaves = set().union(*(facts.depends(v) for v in op.operands if v.type.dtype.is_float))
        blind = blinded(facts, leaves - explained if family == "compare" else leaves, family)
        if blind is not None and kind == "parametric_discontinuity" and facts.run.seen.get(op, NOTHING).ties and not _jumps(facts, blind.direction):
            continue
        smooth = blind is not None and family != "stop" and _continuous(facts, blind)
        if smooth and family == "compare":
            continue
        if smooth:
            blind = None
        if blind is not None:
            unit = blind.direction.scale
            text = (
                f"AD gives {shown(blind.ad, unit)} for `{blind.direction.name}`, the slopes over wide steps are "
                f"{', '.join(shown(s, unit) for s in blind.slopes)}"
            )
            yield facts.finding(kind, at, text, ad=blind.ad / unit, slopes=[float(s.flat[0]) / unit for s in blind.slopes])
            if family != "compare":
                explained.add(blind.direction.leaf)
        elif family in ("step", "order") and (dead := _severed(facts, leaves)):
            text = f"the result depends on `{dead}` through this whole number only: every derivative by it is 0"
            yield facts.finding(kind, at, text, ad=0.0)
        elif kind == "table_lookup" and (node := _at_node(facts, at, leaves - explained)) is not None:
            unit, sides = node.direction.scale, f"{shown(node.left, node.direction.scale)} on the left and {shown(node.right, node.direction.scale)} on the right"
            text = f"the argument is on an entry of the table: AD gives {shown(node.ad, unit)} for `{node.direction.name}`, the slope is {sides}"
            yield facts.finding(kind, at, text, ad=node.ad / unit, right=node.right / unit, left=node.left / unit)
            explained.add(node.direction.leaf)
        elif kind == "table_lookup" and op.name != "stop_gradient" and (jump := cells(facts, op)) is not None:
            text = f"the slope by `{jump[0]}` jumps from {jump[1]:.4g} to {jump[2]:.4g} between neighbouring cells"
            yield facts.finding(kind, at, text, slopes=list(jump[1:]))
        elif family in ("step", "order") and not smooth:
            yield facts.finding(kind, at, "a value without a derivative gets into the result; not seen to matter here", warn=False)


def _at_node(facts: Facts, at: Op, leaves: set[int]) -> Local | None:
    """A kink by a leaf from which the line reads the table and computes on."""
    line = at.span.line if at.span is not None else 0
    active = [v for op in facts.traced.function.walk() if op.span is not None and op.span.line == line for v in op.results if v in facts.flow.active]
    smooth = set().union(*(facts.depends(v) for v in active))
    return next((one for one in facts.locals if one.kinked and one.direction.leaf in leaves & smooth), None)


def _continuous(facts: Facts, blind: Blind) -> bool:
    """What AD gives along the way adds up to how far the value moves: kinks are crossed, and no jump."""
    d, top = blind.direction, blind.reach
    ahead, behind = facts.probe.at(d, top), facts.probe.at(d, -top)
    slopes = [facts.probe.derivative(d, top * (2 * (k + 0.5) / PIECES - 1)) for k in range(PIECES)]
    if any(s.shape != ahead.shape or not np.all(np.isfinite(s)) for s in (behind, *slopes)):
        return False
    moved = ahead - behind
    gap = size(moved - 2 * top * np.mean(slopes, axis=0))
    return gap < 0.2 * size(moved - 2 * top * blind.ad) and size(moved) > 0


PIECES = 32


def _jumps(facts: Facts, direction: Direction) -> bool:
    """The value next to the point is not the one at the point."""
    close, apart = (max(size(facts.probe.at(direction, s * h) - facts.probe.value) for s in (-1, 1)) for h in (1e-6, 1e-2))
    return not close < 1e-2 * apart


def family_of(facts: Facts, op: Op, family: str) -> str:
    """Library functions are written in the language: what they are is read from the call on the line."""
    if family not in ("compare", "stop"):
        return family
    calls = facts.calls_of(op)
    return "order" if calls & TABLES or (calls & ORDERS and _of_search(facts, op)) else family


def _of_search(facts: Facts, op: Op) -> bool:
    """A loop on the line itself compares, as `argmax` and its like do; or what it found is asked whether it is NaN."""
    line = op.span.line if op.span is not None else 0
    return op.operands[0] is op.operands[-1] or any(loop.span is not None and loop.span.line == line for loop in facts.flow.loops(op))


def _severed(facts: Facts, leaves: set[int]) -> str | None:
    """The name of a leaf from which no differentiable path leads to the results."""
    for k in sorted(leaves):
        only = [j == k and on for j, on in enumerate(facts.padded)]
        if facts.padded[k] and not any(v in Flow(facts.traced.function, only).varied for v in facts.traced.function.results):
            return facts.params[k].hint
    return None


def place_for(facts: Facts, op: Op, kind: str) -> Op:
    """A table is to blame where it is read, a search where it compares."""
    if kind == "table_lookup" and not facts.calls_of(op) & {"interp"}:
        sinks = facts.flow.sinks(op.results[0])
        counted = _counted_index(facts, sinks["exit"]) if "exit" in sinks else None
        return sinks.get("index") or _chosen_index(facts, op) or counted or op
    return op


def blinded(facts: Facts, leaves: set[int], family: str) -> Blind | None:
    for d in facts.directions:
        b = facts.blind_of(d) if d.leaf in leaves else None
        if b is None:
            continue
        if b.steady or (family != "stop" and (b.loose or b.dead)):
            return b
    return None


def kind_of(facts: Facts, op: Op, family: str) -> str | None:
    sinks = facts.flow.sinks(op.results[0])
    if family == "stop":
        return "detached" if "stop_gradient" in facts.calls_of(op) else None
    if family == "order":
        if facts.calls_of(op) & ORDERS:
            return "order_index"
        return "table_lookup"
    if family == "step":
        if _wraps(facts, op):
            return None
        counts = op.results[0].type.is_scalar
        for sink in sinks:
            if sink in STEP_KINDS and (counts or sink in ("index", "store")) and (sink != "exit" or op.name == "cast"):
                return STEP_KINDS[sink]
        if "arithmetic" in sinks or "branch" in sinks or "select" in sinks:
            return "quantisation"
        return "step_count" if "bound" in sinks else None
    if is_irregular(facts, op):
        return "discrete_random" if all(v in facts.flow.varied for v in op.operands) or is_computed(facts, op) else None
    loops = facts.flow.loops(op)
    if loops and _chosen_index(facts, op) is not None:
        return "table_lookup"
    if loops and _is_best(op, loops[-1]):
        return "order_index"
    if "exit" in sinks and _counted_index(facts, sinks["exit"]) is not None:
        return "table_lookup"
    if loops and _steers(facts, op, loops[-1]):
        return "fixed_point_zero_iter"
    if "exit" in sinks and not {"select", "branch"} & set(sinks):
        return "step_count"
    if not {"select", "branch", "arithmetic"} & set(sinks):
        return None
    return "parametric_discontinuity"


def _wraps(facts: Facts, op: Op) -> bool:
    """x - b * floor(x / b), and with rint: the remainder, whose slope is right but where it jumps."""
    ratio = op.operands[0].owner
    if op.name not in ("floor", "rint", "trunc") or ratio is None or ratio.name != "divide":
        return False
    (x, b), whole = ratio.operands, facts.flow.users.get(op.result, ())
    known = constant_of(b)
    if not all(u.name == "multiply" and any(v is b or (known is not None and constant_of(v) == known) for v in u.operands) for u in whole):
        return False
    users = [u for product in whole for u in facts.flow.users.get(product.result, ())]
    return bool(users) and all(u.name == "subtract" and u.operands[0] is x for u in users)


def _counted_index(facts: Facts, loop: Op) -> Op | None:
    """Where a whole number that the loop counts up to its exit is an index afterwards."""
    for result in loop.results if loop.name == "while" else ():
        if result.type.dtype.kind == "i" and result.type.is_scalar:
            inside = set(loop.regions[-1].walk()) | set(loop.regions[0].walk())
            for v in facts.flow.nearest(result):
                for use in facts.flow.users.get(v, ()):
                    if use.name in ("index", "wrap_index") and use not in inside:
                        return use
    return None


def _chosen_index(facts: Facts, op: Op) -> Op | None:
    """Where the whole number that a branch on this comparison chooses is used as an index."""
    decided = facts.flow.forward([op.result])
    for branch in facts.traced.function.walk():
        if branch.name in ("if", "where") and branch.operands[0] in decided:
            for result in branch.results:
                if result.type.dtype.kind == "i" and (found := facts.flow.sinks(result).get("index")) is not None:
                    return found
    return None


def _steers(facts: Facts, op: Op, loop: Op) -> bool:
    """A search: the comparison reads what the loop carries, and its branch keeps a carried value or replaces it by one that
    was compared: a new one (bisection), or one that is carried, too, where the kept one was not compared (golden section)."""
    carried = {p for region in loop.regions for p in region.params[(1 if loop.name == "for" else 0) :]}
    back = set().union(*(facts.flow.parameters(v, carried) for v in op.operands))  # within the lap
    if not any(p.type.dtype.is_float for p in carried & back):
        return False
    decided = facts.flow.forward([op.result])
    for branch in loop.regions[-1].walk():
        if branch.name == "if" and branch.operands[0] in decided:
            pairs = list(zip(*(region.results for region in branch.regions), strict=True))
        elif branch.name == "where" and branch.operands[0] in decided:
            pairs = [(branch.operands[1], branch.operands[2])]
        else:
            continue
        for yes, no in pairs:
            if yes.type.dtype.is_float and any(a in carried and b in back and (b not in carried or a not in back) for a, b in ((yes, no), (no, yes))):
                return True
    return False


def _is_best(op: Op, loop: Op) -> bool:
    """The smallest (largest) so far: the branch replaces a number that the loop carries by the other one that was compared."""
    params = carried_params(loop)
    for branch in loop.regions[-1].walk():
        if branch.name in ("if", "where") and branch.operands[0] is op.result:
            arms = [branch.operands[1:]] if branch.name == "where" else zip(*(region.results for region in branch.regions), strict=True)
            if any(set(arm) == set(op.operands) and set(arm) & set(params) for arm in arms):
                return True
    return False


def cells(facts: Facts, op: Op) -> tuple[str, float, float] | None:
    """For a table read between its entries: the slopes before and behind a jump of theirs by more than half a percent."""
    if "arithmetic" not in facts.flow.sinks(op.result):
        return None
    for d in facts.directions:
        if d.leaf not in facts.depends(op.operands[0]) or np.ndim(facts.leaves[d.leaf]):
            continue
        slopes = [facts.probe.derivative(d, h) for h in np.linspace(-0.3, 0.3, 241)]
        inside = [np.all(np.isfinite(s)) and s.shape == slopes[120].shape for s in slopes]  # beyond the table's ends there is no value
        pairs = [(a, b) for a, b, *on in zip(slopes, slopes[1:], inside, inside[1:], strict=False) if all(on)]
        steps = [size(b - a) for a, b in pairs]
        top = max((size(s) for pair in pairs for s in pair), default=0.0)
        jumps = [pair for pair, s in zip(pairs, steps, strict=True) if s > max(0.005 * top, 10 * float(np.median(steps)))]
        if jumps:
            before, behind = (float(s.flat[0]) / d.scale for s in jumps[0])
            return d.name, before, behind
    return None


def cut(facts: Facts) -> Iterator[Finding]:
    """detached: a note for `stop_gradient`."""
    for op, family in facts.flow.detaching():
        if family == "stop" and "stop_gradient" in facts.calls_of(op):
            yield facts.finding("detached", op, "this value is taken as a constant by every derivative", warn=False)
