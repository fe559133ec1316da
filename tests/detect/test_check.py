"""`wg.check`: seeded pitfalls are warned of on their line with their kind, and clean look-alikes are silent."""

import functools
from typing import Annotated

import numpy as np
import pytest

import wengert as wg
from tests.corpus.programs import PROGRAMS


def lag(p):
    x = 0.5
    new = p * np.cos(x)
    while abs(new - x) > 1e-2:
        x = new
        new = p * np.cos(x)
    return new


def converged(p):
    x = 0.5
    new = p * np.cos(x)
    while abs(new - x) > 1e-13:
        x = new
        new = p * np.cos(x)
    return new


def cooled(T):
    n = int(T / 0.01)
    y = 1.0
    for _ in range(n):
        y = y - 0.01 * y
    return y


def cooled_fixed(T):
    y = 1.0
    for _ in range(100):
        y = y - T / 100 * y
    return y


def folded(x):
    return 3.0 * np.abs(x) + x


def versine(x):
    return (1.0 - np.cos(x)) / x**2


def logs(x):
    return np.sum(np.where(x > 0, np.log(x), 0.0))


@wg.suppress("kink")
def silenced(x):
    return np.abs(x)


def silenced_line(x):
    return np.abs(x)  # wg.suppress("kink")


def lowest(x):
    ordered = np.sort(x)
    return 2.0 * ordered[0] + ordered[2]


def shortest(p):
    """Continuous: the shortest way changes, its length does not jump."""
    best = np.inf
    for k in range(p.size):
        length = abs(p[k] - 0.3) + 0.1 * k
        if length < best:
            best = length
    return best


def ruled(slope, forward):
    """sin, with a rule that says its derivative is `slope`."""

    @wg.custom_derivative
    def sine(x):
        return np.sin(x)

    if forward:
        sine.def_jvp(lambda args, tangents: (np.sin(args[0]), slope(args[0]) * tangents[0]))
    else:
        sine.def_vjp(lambda x: (np.sin(x), x), lambda x, cotangent: (slope(x) * cotangent,))
    return sine


@pytest.mark.parametrize("forward", [True, False], ids=["def_jvp", "def_vjp"])
def test_rules_are_compared_with_their_functions(forward):
    """Those of the function itself, and those of what it calls; a rule for reverse mode is checked by reverse mode."""
    x = np.array([0.3, 0.4])
    for slope, kinds in ((np.cos, []), (np.sin, ["wrong_rule"])):
        sine = ruled(slope, forward)

        def summed(x, sine=sine):
            return np.sum(x * sine(x))

        for function in (sine, summed, wg.grad(summed)):
            assert [f.kind for f in wg.check(function, x).warnings] == kinds


@pytest.mark.parametrize(
    ("function", "argument", "kind", "line"),
    [
        (lag, 0.9, "fixed_point_lag", 3),
        (cooled, 1.0, "step_count", 1),
        (folded, 0.0, "kink", 1),
        (versine, 1e-6, "cancellation", 1),
        (logs, np.array([0.0, 1.0, 2.0]), "masked_nan", 1),
        (lowest, np.array([1.0, 1.0, 2.0]), "kink", 1),
    ],
    ids=lambda v: getattr(v, "__name__", None),
)
def test_warned(function, argument, kind, line):
    report = wg.check(function, argument)
    first = function.__code__.co_firstlineno
    assert [(f.kind, f.line - first) for f in report.warnings] == [(kind, line)]
    assert not report.ok and kind in report.text() and report.to_dict()["findings"][0]["kind"] == kind


@pytest.mark.parametrize(
    ("function", "argument"),
    [(converged, 0.9), (cooled_fixed, 1.0), (folded, 0.5), (versine, 0.7), (logs, np.array([0.5, 1.0, 2.0])), (lowest, np.array([1.0, 1.5, 2.0])), (shortest, np.array([0.9, 0.75, 0.6])), (silenced, 0.0), (silenced_line, 0.0)],  # noqa: E501
    ids=lambda v: getattr(v, "__name__", None),
)
def test_silent(function, argument):
    assert wg.check(function, argument).ok


def test_suppressed_findings_are_kept_apart():
    assert [f.kind for f in wg.check(silenced, 0.0).suppressed] == ["kink"]
    with pytest.raises(wg.errors.OptionError, match="no pitfall is called 'knik'"):
        wg.suppress("knik")


@pytest.mark.parametrize("program", [p for p in PROGRAMS if not p.kinks], ids=lambda p: p.name)
def test_the_corpus_is_silent(program):
    assert wg.check(program.function, *program.arguments()).ok


def test_what_is_annotated_const_is_not_moved():
    def energy(k: Annotated[float, wg.Const], x: Annotated[float, wg.Active]) -> float:
        return abs(k) * abs(x)

    assert wg.check(energy, 0.0, 2.0).ok
    report = wg.check(energy, 3.0, 0.0)
    assert [f.kind for f in report.warnings] == ["kink"] and not any("by k" in name for name in report.checks)


class Spring:
    def __init__(self, k):
        self.k = k

    def energy(self, x):
        return self.k * np.abs(x)

    def __call__(self, x):
        return self.energy(x)


FORMS = [lambda s: s.energy, lambda s: s, lambda s: functools.partial(Spring.energy, s), lambda s: wg.grad(s.energy)]


@pytest.mark.parametrize("made", FORMS, ids=["method", "object", "partial", "gradient"])
def test_methods_partials_and_objects_that_are_called(made):
    report = wg.check(made(Spring(2.0)), 0.0)
    assert [f.kind for f in report.warnings] == ["kink"] and report.warnings[0].evidence["right"] == pytest.approx(2.0)


def test_a_kink_after_a_loop_too_long_to_be_interpreted():
    """What the interpreted run does not reach is decided by deciding ties the other way in compiled code."""

    def misfit(a, n):
        u, total = 1.0, 0.0
        for _ in range(n):
            u = u + 0.1 * np.sin(a * u) - 0.02 * u * u
            total += abs(u - 1.5)
        return total + abs(a - 1.0)

    report = wg.check(misfit, 1.0, 20_000)
    assert [(f.kind, f.severity) for f in report] == [("kink", "warning")]
    assert not list(wg.check(misfit, 1.1, 20_000))


def long_field(u0, rate, limit):
    u = u0.copy()
    for _ in range(1500):
        u[1:-1] = u[1:-1] + rate * u[1:-1] * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.mean(u) + 0.1 * max(limit - 1.0, 0.0)


@pytest.mark.parametrize(("limit", "kinds"), [(1.0, {"kink", "tape_memory"}), (1.7, {"tape_memory"})])
def test_a_long_function_is_moved_along_all_arguments_first(limit, kinds):
    report = wg.check(long_field, np.linspace(0.3, 0.8, 1500), 0.3, limit)
    assert {f.kind for f in report.warnings} == kinds
    assert any("reverse mode was not run" in text for text in report.unseen)
    assert any("all arguments at once" in text for text in report.unseen) is ("kink" not in kinds)


def test_what_is_cut_on_purpose_makes_no_kink_of_a_tie():
    """The remedy of adaptive steps: t == end ties where the loop ends, and the difference is what `stop_gradient` cuts."""

    def frozen(rate, end, tolerance):
        t, u, h = 0.0, 1.0, 0.1
        while t < end:
            h = min(wg.stop_gradient(h), end - t)
            k1 = -rate * u
            k2 = -rate * (u + h * k1)
            error = 0.5 * h * abs(k2 - k1)
            u = u + 0.5 * h * (k1 + k2)
            t = t + h
            h = 0.9 * h * np.sqrt(tolerance / error)
        return u

    def held(x, y):
        up, down = x if x > 0.0 else 0.0, -x if -x > 0.0 else 0.0
        return up - down + wg.stop_gradient(x) * y

    assert not wg.check(frozen, 0.5, 3.0, 1e-3).warnings
    assert "kink" in {f.kind for f in wg.check(held, 0.0, 0.0).warnings}  # the tie explains all of it
