"""The rules of loops: iterations that stop early, steps that adapt, tangents that grow, averages that do not settle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wengert.compiler.detect.facts import Facts, shown
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.flow import COMPARISONS
from wengert.compiler.detect.probe import Probe, size
from wengert.compiler.detect.stationary import is_affine
from wengert.compiler.detect.variants import frozen, more_laps, place_of, samples
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.ir.core import Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, carried_params
from wengert.compiler.passes.autodiff.reverse import reverse_with_plan

LAPS = 200
LIBRARY = {"interp", "searchsorted", "digitize", "sort", "sorted", "argsort", "argmax", "argmin", "partition", "argpartition"} | {
    "nanargmax", "nanargmin", "lexsort", "median", "nanmedian", "quantile", "percentile", "nanpercentile", "unique"
}
"""Calls whose loops are the library's own."""


def convergence(facts: Facts) -> Iterator[Finding]:
    """fixed_point_lag, fixed_point_zero_iter, linear_solver: the loop runs more laps."""
    for loop in facts.traced.function.walk():
        if facts.calls_of(loop) & LIBRARY:
            continue
        search = loop.name == "while" and is_search(facts, loop) and any(r in facts.flow.varied and r.type.dtype.is_float for r in loop.results)
        solver = solves(facts, loop) or (search and is_affine(loop))
        if not solver and not search:
            continue
        longer = _longer(facts, loop)
        if longer is None:
            continue
        value, after = facts.probe.value, longer.value
        scale = max(size(after), 1e-300)
        stays = size(after - value) / scale
        if (stays > (0.5 if solver else 0.3) and not (solver and _settles(facts, loop, after))) or (stays < 1e-10 and solver):
            continue
        trips = facts.run.trips[loop].count if loop in facts.run.trips else 0
        for d in facts.directions:
            a = facts.probe.derivative(d)
            try:
                b = longer.derivative(d)
            except (WengertError, ArithmeticError):
                break
            if not (np.all(np.isfinite(b)) and np.all(np.isfinite(a))):
                continue
            moved = size(b - a) / max(size(a), size(b), 1e-300)
            if max(size(a), size(b)) < 1e-9 * scale or moved < 1e-3:
                continue
            if solver or moved > 3 * stays or moved > 5e-3:
                kind = (
                    "linear_solver"
                    if solver
                    else "fixed_point_zero_iter"
                    if trips == 0 or not size(a)
                    else "fixed_point_lag"
                )
                text = (
                    f"after more laps the value moves by {stays:.1e} of itself and the derivative by `{d.name}` "
                    f"by {moved:.1e}: from {shown(a, d.scale)} to {shown(b, d.scale)}"
                )
                yield facts.finding(kind, loop, text, value_moves=stays, derivative_moves=moved, trips=trips)
                break


def _settles(facts: Facts, loop: Op, after: np.ndarray) -> bool:
    """Twice the laps do not change much any more."""
    twice = _longer(facts, loop, (2 * LAPS, 40, 10))
    return twice is not None and size(twice.value - after) < 0.3 * size(after - facts.probe.value)


def _longer(facts: Facts, loop: Op, tries: tuple[int, ...] = (LAPS, 20, 5)) -> Probe | None:
    """The function with more laps of the loop; as many as leave its value finite (0 / 0 follows where nothing is left to do)."""
    place = place_of(facts.traced.function, loop)
    seen = facts.run.trips.get(loop)
    done = seen.count if seen is not None and len(seen.starts) == 1 and facts.run.complete else None
    for laps in tries:
        longer = facts.changed(more_laps(laps, place, done))
        try:
            after = longer.value
        except (WengertError, ArithmeticError):
            continue
        if after.shape == facts.probe.value.shape and np.all(np.isfinite(after)):
            return longer
    return None


def solves(facts: Facts, loop: Op) -> bool:
    """An iteration for a linear system: its counter is not read, and it multiplies by a matrix and scales by a quotient of
    scalar products, or the step and the residual with it (gradient methods), or divides by elements of a diagonal (relaxation)."""
    if loop.name not in LOOPS or loop.span is None:
        return False
    if loop.name == "for" and any(loop.regions[0].params[0] in op.operands for op in loop.regions[0].walk()):
        return False
    if not any(p.type.rank and p.type.dtype.is_float for p in carried_params(loop)):
        return False
    ops = list(loop.regions[-1].walk())
    products = {op.result for op in ops if op.name == "dot_general" and op.result.type.is_scalar} | {
        op.result for op in ops if op.name == "sum" and op.result.type.is_scalar
    }
    matrix = any(op.name == "dot_general" and any(v.type.rank == 2 for v in op.operands) for op in ops)
    for op in ops:
        if op.name != "divide":
            continue
        below = op.operands[1]
        if op.result.type.is_scalar and products & facts.flow.parameters(below) and _steps(facts, loop, op.result) > (0 if matrix else 1):
            return True
        if _relaxes(op, ops) or (matrix and _splits(facts, loop, op)):
            return True
        if below.owner is not None and below.owner.name == "load" and below.owner.operands[0].type.rank == 2:
            _, *index = below.owner.operands
            if _behind(index[0]) is _behind(index[1]):
                return True
    return False


def _relaxes(op: Op, ops: list[Op]) -> bool:
    """A quotient becomes an element of an array, computed from two or more others of it and not from itself: a sweep of
    Gauss and Seidel, or of Jacobi. (A step in time starts from the element.)"""
    for update in ops:
        if update.name != "update" or update.operands[1] is not op.result:
            continue
        reads: list[Op] = []
        seen, stack = {op}, [op]
        while stack:
            for v in stack.pop().operands:
                if v.owner is not None and v.owner not in seen and v.type.is_scalar and v.type.dtype.is_float:
                    seen.add(v.owner)
                    (reads if v.owner.name == "load" else stack).append(v.owner)
        place = [_behind(v) for v in update.operands[2:]]
        own = [r for r in reads if r.operands[0] is update.operands[0]]
        if len(own) >= 2 and all([_behind(v) for v in r.operands[1:]] != place for r in own):
            return True
    return False


def _splits(facts: Facts, loop: Op, quotient: Op) -> bool:
    """x = (b - R x) / d for arrays x and d, of which the loop changes x: Jacobi's iteration. (A step in time adds to x.)"""
    above, below = quotient.operands
    params = carried_params(loop)
    if not below.type.rank or facts.flow.parameters(below) & set(params) or quotient.result not in loop.regions[-1].results:
        return False
    p = params[loop.regions[-1].results.index(quotient.result)]
    inside = set(loop.regions[-1].walk())
    reads = [u for u in facts.flow.users.get(p, ()) if u in inside and u.result in facts.flow.parameters(above)]
    return bool(reads) and all(u.name == "dot_general" and any(v.type.rank == 2 for v in u.operands) for u in reads)


def _steps(facts: Facts, loop: Op, alpha: Value) -> int:
    """How many carried arrays make a step of this length: x + alpha * p, and the residual with it."""
    carried = set(carried_params(loop))
    scaled = [op.result for op in facts.flow.users.get(alpha, ()) if op.name == "multiply" and op.result.type.rank]
    scaled += [op.result for v in facts.flow.users.get(alpha, ()) if v.name == "broadcast" for op in facts.flow.users.get(v.result, ()) if op.name == "multiply"]
    uses = [use for v in scaled for use in facts.flow.users.get(v, ()) if use.name in ("add", "subtract")]
    return len({v for use in uses for v in use.operands if v in carried})


def _behind(index: Value) -> Value:
    """What an index was before it was checked against the bounds."""
    while index.owner is not None and index.owner.name in ("index", "wrap_index"):
        index = index.owner.operands[0]
    return index


def is_search(facts: Facts, loop: Op) -> bool:
    """The exit test compares something floating that the loop computes (not only a clock that runs against a bound)."""
    inside = (
        {v for r in loop.regions for o in r.walk() for v in o.results}
        | set(carried_params(loop))
        | set(loop.regions[0].params)
    )
    flags = set(loop.regions[0].results)
    for region in loop.regions:
        for op in region.walk():
            if op.name in COMPARISONS and op.operands[0].type.dtype.is_float and any(v in inside for v in op.operands):
                decides = flags & facts.flow.decisions(op.result) or _sets_flag(region, op)
                if decides and not clock_of(loop, op):
                    return True
    return False


def _sets_flag(region: object, op: Op) -> bool:
    for branch in region.walk():  # type: ignore[attr-defined]
        if branch.name == "if" and branch.operands[0] is op.result:
            for k, result in enumerate(branch.results):
                ends = [constant_of(r.results[k]) for r in branch.regions]
                if result.type.dtype.kind == "b" and True in ends:
                    return True
    return False


def clock_of(loop: Op, op: Op) -> bool:
    """One side is carried and only grows by additions of what is not computed from itself: t = t + h."""
    return any(_advance(loop, v) is not None for v in op.operands)


def _advance(loop: Op, value: Value) -> Op | None:
    """The addition t + h that advances the carried scalar which `value` is (in the test or the body)."""
    body = loop.regions[-1]
    for k, p in enumerate(carried_params(loop)):
        test = loop.regions[0].params[k] if loop.name == "while" else p
        end = body.results[k]
        if value not in (p, test, end) or not p.type.is_scalar:
            continue
        found = _addition(end, p, set())
        if found is not None:
            return found
    return None


def _addition(end: Value, start: Value, seen: set[Value]) -> Op | None:
    op = end.owner
    if op is None or end in seen:
        return None
    seen.add(end)
    if op.name == "if":
        k = op.results.index(end)
        found = [_addition(r.results[k], start, seen) for r in op.regions]
        return next((f for f in found if f is not None), None)
    if op.name in ("add", "subtract") and start in op.operands:
        return op
    return None


def adaptive(facts: Facts) -> Iterator[Finding]:
    """adaptive_step: a clock is advanced by a step that depends on the active state and moves the state, too."""
    for chosen in chosen_steps(facts):
        change = frozen(place_of(facts.traced.function, chosen))
        held = facts.changed(change)
        for d in facts.directions:
            ad = facts.probe.derivative(d)
            try:
                still = held.derivative(d)
            except (WengertError, ArithmeticError):
                break
            blind = facts.blind_of(d)
            blind = blind if blind is not None and blind.agree < 0.3 else None
            if blind is not None and blind.agree < 0.15 and size(ad - blind.slopes[0]) < 0.01 * size(ad):
                continue  # wide steps say the same as AD
            if blind is not None and blind.agree < 0.15 and all(size(ad - s) < size(still - s) for s in blind.slopes):
                continue  # and rather than with the steps held
            part = size(ad - still) / max(size(ad), size(still), 1e-300)
            if part > 1e-2 or (blind is not None and max(blind.off, blind.beside) > 0.02):
                text = f"the step depends on the input: AD gives {shown(ad, d.scale)} for `{d.name}`, with the steps held fixed {shown(still, d.scale)}"
                if blind is not None:
                    text += f", the slopes over wide steps are {', '.join(shown(s, d.scale) for s in blind.slopes)}"
                yield facts.finding("adaptive_step", chosen, text, ad=ad / d.scale, held=still / d.scale)
                return
        yield facts.finding("adaptive_step", chosen, "the step depends on the input; not seen to matter here", warn=False)
        return


def chosen_steps(facts: Facts) -> Iterator[Op]:
    """The ops that choose the step by which a `while` loop advances its clock, where that depends on what is differentiated."""
    for loop in facts.traced.function.walk():
        for op in loop.regions[0].walk() if loop.name == "while" else ():
            if op.name not in COMPARISONS or not op.operands[0].type.dtype.is_float:
                continue
            add, clock = next(((a, v) for v in op.operands if (a := _advance(loop, v)) is not None), (None, None))
            chosen = _chosen_step(facts, loop, add, clock) if add is not None and clock is not None else None
            if chosen is not None:
                yield chosen


def _chosen_step(facts: Facts, loop: Op, add: Op, compared: Value) -> Op | None:
    """The op that chooses the step which `add` advances the clock by, where that depends on what is differentiated."""
    body, params = loop.regions[-1], carried_params(loop)
    tests = loop.regions[0].params
    clock = {p for p, test, end in zip(params, tests, body.results, strict=True) if compared in (p, test, end)}
    steps = [v for v in add.operands if v not in clock] or list(add.operands)
    back = set().union(*(facts.flow.parameters(v) for v in steps))
    inside = {v for o in body.walk() for v in o.results}
    for k, p in enumerate(params):
        end = body.results[k]
        if (
            p in back
            and p.type.is_scalar
            and p.type.dtype.is_float
            and end is not p
            and _scales(end, p, set())
            and p not in clock
        ):
            behind = facts.flow.parameters(end)
            controls = {
                v
                for o in body.walk()
                if o.name == "if" and end in o.results
                for v in facts.flow.parameters(o.operands[0])
            }
            if (behind | controls) & facts.flow.varied:
                return end.owner
    for v in steps:  # computed anew on each lap (a CFL condition)
        if v in inside and v in facts.flow.varied and v.type.is_scalar and v.owner is not None:
            moved = [u for u in facts.flow.users.get(v, []) if u is not add]
            carried = facts.flow.parameters(v) & set(params)
            if moved and carried and any(body.results[k] in facts.flow.forward([u.result]) for u in moved if u.results for k, p in enumerate(params) if p not in clock):  # fmt: skip
                return v.owner
    return None


def _scales(end: Value, p: Value, seen: set[Value]) -> bool:
    """`end` is p times or over something, possibly bounded, or p itself on another branch: not p plus an increment."""
    if end is p:
        return True
    op = end.owner
    if op is None or end in seen:
        return False
    seen.add(end)
    if op.name == "if":
        k = op.results.index(end)
        return any(r.results[k] is not p and _scales(r.results[k], p, seen) for r in op.regions)
    if op.name in ("multiply", "divide", "minimum", "maximum", "where", "sqrt", "power", "cast"):
        return any(_scales(v, p, seen) for v in op.operands if v.type.dtype.is_float)
    return False


def growth(facts: Facts) -> Iterator[Finding]:
    """chaos: the tangent grows exponentially over the trips, the state stays bounded."""
    for loop, (values, dots, _) in facts.paths.items():
        if len(values) < 40 or values.shape[1] < 2:
            continue
        columns = [k for k, (at, _) in enumerate(samples([v.type for v in loop.results]), 1) if not _sums(facts, loop, at)]
        if not columns:
            continue
        state, tangent = np.max(np.abs(values[:, columns]), axis=1), np.max(np.abs(dots[:, columns]), axis=1)
        trips = values[-1, 0] - values[0, 0]
        if not np.all(np.isfinite(state)):
            continue
        good = np.isfinite(tangent) & (tangent > 0)
        if np.sum(good) < 40:
            continue
        logs = np.log(tangent[good])
        n = len(logs)
        smooth = [np.max(logs[k * n // 10 : (k + 1) * n // 10]) for k in range(10)]
        half = max(1, len(state) // 2)
        bounded = np.max(state[half:]) < 5 * np.max(state[: half + 1]) + 1e-300
        total = smooth[9] - smooth[1]
        middle = smooth[5] - smooth[1]
        last = int(np.flatnonzero(good)[-1]) + 1
        steady = total > np.log(1e3) and 0.2 * total < middle < 0.9 * total and last > 0.5 * len(good)
        overflows = last < len(good) and total > 50
        huge = logs[-1] - np.log(np.max(state) + 1e-300) > max(np.log(1e6), np.log(10) + 1.5 * np.log(values[-1, 0]))
        passing = max(smooth) - smooth[0] > np.log(100) and facts.outgrown
        if bounded and (steady or overflows or huge or passing):
            total = max(max(smooth) - smooth[0], smooth[9] - logs[0]) if not steady else total
            rate = total / (0.8 * trips * n / len(good))
            text = (
                f"over {int(values[-1, 0])} trips the tangent grows by a factor of {np.exp(min(total, 700.0)):.1e}, "
                f"{rate:.2g} in its logarithm per trip, while the state stays bounded"
            )
            yield facts.finding("chaos", loop, text, factor=float(np.exp(min(total, 700.0))), rate=float(rate))


def averages(facts: Facts) -> Iterator[Finding]:
    """time_average: an average that settles with a derivative that does not."""
    for loop, (values, _, dots) in facts.paths.items():
        if len(values) < 100:
            continue
        for k, (position, _) in enumerate(samples([v.type for v in loop.results]), 1):
            if not _sums(facts, loop, position):
                continue
            found = next((f for d in dots if (f := _unsettled(np.diff(values[:, k]), np.diff(d[:, k]))) is not None), None)
            if found is not None:
                yield _average(facts, loop, found)
                break
    for op in facts.traced.function.walk():
        if op.name in ("sum", "mean") and op.operands[0].owner in facts.smooth_run.arrays:
            terms, tangents = facts.smooth_run.arrays[op.operands[0].owner]
            if len(terms) >= 100 and (found := _unsettled(terms, tangents)) is not None:
                yield _average(facts, op, found)


def _sums(facts: Facts, loop: Op, position: int) -> bool:
    """The carried number is only added to, and not read besides: s = s + term."""
    p, end = carried_params(loop)[position], loop.regions[-1].results[position]
    add = _addition(end, p, set())
    if add is None or not p.type.is_scalar or not set(facts.flow.users.get(p, [])) <= {add}:
        return False
    return not facts.flow.users.get(add.result) or not set(facts.flow.users[add.result]) & set(loop.regions[-1].walk())


def _average(facts: Facts, op: Op, found: tuple[float, float, float]) -> Finding:
    text = (
        f"the average is {found[0]:.4g} with any window, its derivative (along the checked direction) {found[1]:.4g}, and with "
        f"a smooth (Hann) window {found[2]:.4g}"
    )
    return facts.finding("time_average", op, text, average=found[0], derivative=found[1], windowed=found[2])


def _unsettled(terms: np.ndarray, dots: np.ndarray) -> tuple[float, float, float] | None:
    """(average, its derivative, the derivative under a Hann window) of terms whose tangents oscillate and grow with time."""
    n = len(terms)
    if not (np.all(np.isfinite(terms)) and np.all(np.isfinite(dots))) or not np.any(dots):
        return None
    quarter = n // 4
    early, late = np.max(np.abs(dots[:quarter])), np.max(np.abs(dots[-quarter:]))
    level = np.max(np.abs(terms[-quarter:])) < 1.3 * np.max(np.abs(terms[:quarter])) + 1e-300
    signs = np.sign(dots[np.abs(dots) > 1e-3 * late])
    turns = int(np.sum(np.diff(signs) != 0))
    if not (level and 2.5 < late / max(early, 1e-300) < 30 and turns >= 6):
        return None
    window = 1 - np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)
    flat, smooth = np.mean(terms), np.mean(terms * window)
    dflat, dsmooth = np.mean(dots), np.mean(dots * window)
    spread = np.std(terms)
    if abs(flat - smooth) > 0.1 * max(abs(flat), spread) or spread == 0:
        return None
    running = (np.cumsum(dots) / np.arange(1, n + 1))[7 * n // 10 :]
    swing = float(np.ptp(running))
    if swing > 0.1 * spread and swing > 0.5 * abs(dsmooth):
        return float(flat), float(dflat), float(dsmooth)
    return None


MEGABYTE = 10**6


def tape(facts: Facts) -> Iterator[Finding]:
    """tape_memory: what the reverse sweep keeps."""
    if not facts.run.trips:
        return
    try:
        _, plan = reverse_with_plan(facts.traced.function, facts.padded)
    except WengertError:
        return
    inputs = sum(np.asarray(leaf).nbytes for leaf in facts.leaves)
    by_line: dict[int, int] = {}
    loops = {}
    for kept in plan.kept:
        if kept.span is None:
            continue
        for op, trips in facts.run.trips.items():
            if op.span and op.span.line <= kept.span.line <= op.span.end_line and kept.loops:
                trip = kept.bytes_per_trip or _bytes(facts, kept)
                loops[op.span.line] = op
                by_line[op.span.line] = by_line.get(op.span.line, 0) + trip * _all_trips(facts, op, trips.count)
                break
    facts.tape = sum(by_line.values())
    for line, total in by_line.items():
        if total > 16 * MEGABYTE and total > 100 * inputs:
            text = f"the reverse sweep keeps {total / MEGABYTE:.0f} MB for this loop; the arguments are {inputs / 1000:.3g} kB"
            yield facts.finding("tape_memory", loops[line], text, bytes=total, arguments=inputs)


def _bytes(facts: Facts, kept: object) -> int:
    largest = max((np.asarray(leaf).nbytes for leaf in facts.leaves), default=8)
    type_ = kept.type  # type: ignore[attr-defined]
    return type_.dtype.bits // 8 if type_.is_scalar else largest


def _all_trips(facts: Facts, op: Op, seen: int) -> int:
    """The trips of a counted loop with bounds among the arguments, else those that were seen."""
    if op.name == "for":
        bounds = [_number(facts, v) for v in op.operands[:3]]
        if None not in bounds:
            return len(range(*bounds))  # type: ignore[arg-type]
    return seen


def _number(facts: Facts, v: Value) -> int | None:
    if v in facts.params:
        k = facts.params.index(v)
        return int(facts.leaves[k]) if k < len(facts.leaves) else None
    return constant_of(v)
