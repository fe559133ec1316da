"""The rules of loops: iterations that stop early, steps that adapt, tangents that grow, averages that do not settle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wengert.compiler.detect.facts import Facts, shown
from wengert.compiler.detect.findings import Finding
from wengert.compiler.detect.flow import COMPARISONS
from wengert.compiler.detect.probe import Probe, size
from wengert.compiler.detect.variants import Variant, more_laps
from wengert.compiler.diag.errors import WengertError
from wengert.compiler.ir.core import Op, Value, constant_of
from wengert.compiler.passes.autodiff.reverse import reverse_with_plan
from wengert.compiler.passes.autodiff.structure import carried_params

LAPS = 200


def convergence(facts: Facts) -> Iterator[Finding]:
    """fixed_point_lag, fixed_point_zero_iter, linear_solver: the loop runs 200 laps more."""
    loops = [op for op in facts.traced.function.walk() if op.name == "while" and _is_search(facts, op)]
    for loop in loops:
        assert loop.span is not None
        longer = Probe(Variant(facts.function, more_laps(LAPS, {loop.span.line})), facts.probe.tree, facts.leaves, facts.marked)
        value = facts.probe.value
        try:
            after = longer.value
        except (WengertError, ArithmeticError):
            continue
        if after.shape != value.shape or not np.all(np.isfinite(after)):
            continue
        scale = max(size(after), 1e-300)
        stays = size(after - value) / scale
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
            if max(size(a), size(b)) < 1e-9 * scale:
                continue
            if stays < 0.05 and moved > 1e-3 and moved > 3 * stays:
                kind = "linear_solver" if _has_product(loop) else "fixed_point_zero_iter" if trips == 0 or not size(a) else "fixed_point_lag"  # fmt: skip
                text = (
                    f"after {LAPS} more laps the value moves by {stays:.1e} of itself and the derivative by `{d.name}` "
                    f"by {moved:.1e}: from {shown(a, d.scale)} to {shown(b, d.scale)}"
                )
                yield facts.finding(kind, loop, text, value_moves=stays, derivative_moves=moved, trips=trips)
                break


def _is_search(facts: Facts, loop: Op) -> bool:
    """The exit test compares something floating that the loop computes (not only a clock that runs against a bound)."""
    inside = {v for r in loop.regions for o in r.walk() for v in o.results} | set(carried_params(loop)) | set(loop.regions[0].params)
    flags = set(loop.regions[0].results)
    for region in loop.regions:
        for op in region.walk():
            if op.name in COMPARISONS and op.operands[0].type.dtype.is_float and any(v in inside for v in op.operands):
                reached = facts.flow.forward([op.result])
                decides = flags & reached or _sets_flag(region, op)
                if decides and not _clock(facts, loop, op):
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


def _clock(facts: Facts, loop: Op, op: Op) -> bool:
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


def _has_product(loop: Op) -> bool:
    return any(op.name == "dot_general" and any(v.type.rank == 2 for v in op.operands) for op in loop.regions[-1].walk())


def adaptive(facts: Facts) -> Iterator[Finding]:
    """adaptive_step: a clock advanced by a step that depends on the active state and changes from trip to trip."""
    for loop in facts.traced.function.walk():
        if loop.name != "while":
            continue
        carried = set(carried_params(loop))
        for op in loop.regions[0].walk():
            if op.name not in COMPARISONS or not op.operands[0].type.dtype.is_float:
                continue
            adds = [a for v in op.operands if (a := _advance(loop, v)) is not None]
            for add in adds:
                steps = [v for v in add.operands if v not in carried]
                back = set().union(*(facts.flow.parameters(v) for v in add.operands))
                steered = [p for p in carried & back if p.type.dtype.is_float and p not in add.operands]
                steered += [p for p in carried & set(add.operands) if not _is_time(loop, p)]
                depends = [
                    p for p in steered
                    if any(v in facts.flow.varied for v in facts.flow.parameters(p)) and _changes(facts, loop, p)
                ]  # fmt: skip
                if not depends and not any(v in facts.flow.varied for v in steps):
                    continue
                if not depends:
                    continue
                wrong = next((b for b in facts.blinds if b.agree < 0.2 and b.off > 0.02), None)
                if wrong is None:
                    yield facts.finding("adaptive_step", add, "the step depends on the input; not seen to matter here", warn=False)
                    return
                unit = wrong.direction.scale
                text = (
                    f"the step depends on the input: AD gives {shown(wrong.ad, unit)} for `{wrong.direction.name}`, the slopes "
                    f"over wide steps are {', '.join(shown(s, unit) for s in wrong.slopes)}"
                )
                yield facts.finding("adaptive_step", add, text, ad=wrong.ad / unit)
                return


def _is_time(loop: Op, p: Value) -> bool:
    return _advance(loop, p) is not None


def _changes(facts: Facts, loop: Op, p: Value) -> bool:
    return loop.regions[-1].results[carried_params(loop).index(p)] is not p


def growth(facts: Facts) -> Iterator[Finding]:
    """chaos: the tangent grows exponentially over the trips, the state stays bounded."""
    for loop, trips in facts.run.trips.items():
        tangent, state = np.array(trips.tangent), np.array(trips.state)
        n = len(tangent)
        if n < 40 or len(trips.starts) > 1 or not np.all(np.isfinite(state)):
            continue
        good = np.isfinite(tangent) & (tangent > 0)
        if np.sum(good) < 40:
            continue
        logs = np.log(tangent[good])
        n = len(logs)
        first, last = np.median(logs[n // 10 : n // 5 + 1]), np.median(logs[-n // 10 :])
        middle = np.median(logs[9 * n // 20 : 11 * n // 20 + 1])
        half = max(1, len(state) // 2)
        bounded = np.max(state[half:]) < 5 * np.max(state[: half + 1]) + 1e-300
        total = last - first
        if bounded and total > np.log(1e3) and 0.2 * total < middle - first < 0.8 * total:
            rate = total / (0.8 * n)
            text = (
                f"over {trips.count} trips the tangent grows by a factor of {np.exp(min(total, 700.0)):.1e}, "
                f"{rate:.2g} in its logarithm per trip, while the state stays bounded"
            )
            yield facts.finding("chaos", loop, text, factor=float(np.exp(min(total, 700.0))), rate=float(rate))


def averages(facts: Facts) -> Iterator[Finding]:
    """time_average: an average that settles with a derivative that does not."""
    for loop, trips in facts.run.trips.items():
        if len(trips.starts) != 1 or len(trips.paths) < 100 or not trips.paths[0]:
            continue
        table = np.array(trips.paths)
        for k in range(table.shape[1]):
            if (found := _unsettled(np.diff(table[:, k, 0]), np.diff(table[:, k, 1]))) is not None:
                yield _average(facts, loop, found)
                break
    for op in facts.traced.function.walk():
        if op.name in ("sum", "mean") and op.operands[0].owner in facts.run.arrays:
            terms, dots = facts.run.arrays[op.operands[0].owner]
            if len(terms) >= 100 and (found := _unsettled(terms, dots)) is not None:
                yield _average(facts, op, found)


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
    if abs(flat - smooth) > 0.05 * max(abs(flat), spread) or spread == 0:
        return None
    if abs(dflat) > 3 * abs(dsmooth) and abs(dflat) > 0.005 * late:
        return float(flat), float(dflat), float(dsmooth)
    return None


MEGABYTE = 2**20


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
    for line, total in by_line.items():
        if total > 16 * MEGABYTE and total > 100 * inputs:
            text = f"the reverse sweep keeps {total / MEGABYTE:.0f} MB for this loop; the arguments are {inputs / 1024:.3g} kB"
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
