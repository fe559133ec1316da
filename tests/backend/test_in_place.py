"""No array is copied or allocated in a loop that NumPy would write in place, nor in its adjoint loops."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from tests.backend.compare import check
from tests.backend.kernels import KERNELS, Kernel
from tests.harness.derivatives import direction, floating
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.parser import parse_function
from wengert.compiler.passes.autodiff import reverse
from wengert.compiler.passes.pipeline import optimise

ADJOINT_ALLOCATES = {
    "wave": "the three adjoints are exchanged and added in one trip",
    "lu_outer": "operands of the outer product have another extent in every trip",
}
"""Kernels whose adjoint loops still allocate, and why."""


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.function.__name__)
def test_loops_stay_in_place(kernel: Kernel) -> None:
    arguments = kernel.sample(np.random.default_rng(0))
    function = optimise(trace(kernel.function, signature_of(arguments)).function)
    primal = check(function, list(arguments))
    assert (primal.statistics["copies_in_loops"], primal.statistics["allocations_in_loops"]) == (0, 0)
    rng = np.random.default_rng(1)
    cotangents = [direction(rng, r) for r in interpret(function, list(arguments)) if np.asarray(r).dtype.kind in "fc"]
    adjoint = check(optimise(reverse(function, floating(function))), [*arguments, *cotangents])
    assert adjoint.statistics["copies_in_loops"] == 0
    assert (adjoint.statistics["allocations_in_loops"] > 0) == (kernel.function.__name__ in ADJOINT_ALLOCATES)


def triad(x, y, z):
    z[:] = x + 2.5 * y


def added(x, y, z):
    z += x * y
    return np.sum(z)


def both(x, y, z):
    x[:] = y + 1.0
    z[:] = x * 2.0


def part(x, y, z):
    z[1:-1] = x[2:] + y[:-2]


def backwards(x, y, z):
    z[:] = z[::-1] + x


def exchanged(x, y, z):
    t = x * 1.0
    x[:] = z * 2.0
    z[:] = t + x


def repeated(x, y, z):
    z[:] = x[2]
    z[:] = y + z


@pytest.mark.parametrize(
    ("function", "allocations"), [(triad, 0), (added, 0), (both, 0), (part, 0), (backwards, 1), (exchanged, 1), (repeated, 0)]
)
@pytest.mark.parametrize("step", [1, -2])
def test_arguments_are_computed_in_place(function, allocations: int, step: int) -> None:
    own, theirs = ([v[::step] for v in np.random.default_rng(0).random((3, 12))] for _ in range(2))
    compiled = wg.jit(function)
    assert compiled(*own) == function(*theirs)
    for a, b in zip(own, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    assert compiled.last.executable.statistics["allocations"] == allocations


def test_extents_known_of_the_value_alone() -> None:
    def f(y):
        y += np.tanh(y[[-2, 4, 2, 5, 4, 3]])
        return np.cos(np.median(y))

    own, theirs = np.linspace(0.0, 1.0, 6), np.linspace(0.0, 1.0, 6)
    np.testing.assert_allclose(wg.jit(f)(own), f(theirs))
    np.testing.assert_allclose(own, theirs)


def test_an_array_read_later_is_copied_once() -> None:
    function = parse_function("""
    func @f(%x: f64[?]) {
        %0 = constant {value = 0, dtype = 'i64'} : i64
        %v = constant {value = 5.0, dtype = 'f64'} : f64
        %y = multiply %x, %v : f64[?]
        %z = update %y, %v, %0 : f64[?]
        %w = update %z, %v, %0 : f64[?]
        %s = add %y, %w : f64[?]
        return %s
    }""")
    assert check(function, [np.arange(5.0)]).statistics["copies"] == 1


def test_a_result_is_never_an_argument_nor_twice_the_same() -> None:
    function = parse_function("""
    func @f(%x: f64[?]) {
        %y = add %x, %x : f64[?]
        return %x, %y, %y
    }""")
    executable = check(function, [np.arange(5.0)])
    x = np.arange(5.0)
    results = executable.call(x)
    for k, r in enumerate(results):
        r[:] = k
    assert [r[0] for r in results] == [0.0, 1.0, 2.0]
    np.testing.assert_array_equal(x, np.arange(5.0))
    assert all(r.flags.owndata and r.flags.writeable for r in results)


def test_written_arguments_may_change_places() -> None:
    function = parse_function("""
    func @swap(%x: f64[?], %y: f64[?]) {
        %0 = constant {value = 0, dtype = 'i64'} : i64
        %a = update_slice %x, %y, %0 {steps = (1,), drop = ()} : f64[?]
        %b = update_slice %y, %x, %0 {steps = (1,), drop = ()} : f64[?]
        return %a, %b {written = (0, 1)}
    }""")
    check(function, [np.arange(5.0), -np.arange(5.0)])


def test_an_extent_known_from_what_is_assigned_stays_known() -> None:
    """The argument's extent is known at run time only, that of the result assigned to it at compile time."""

    def f(y):
        y += 0.2 * np.tanh(y[[-2, 4, 2, 5, 4, 3]])
        return np.median(y)

    y = np.random.default_rng(0).normal(size=6)
    mine, theirs = y.copy(), y.copy()
    assert wg.jit(f)(mine) == pytest.approx(f(theirs), rel=1e-14)
    np.testing.assert_allclose(mine, theirs, rtol=1e-14)
