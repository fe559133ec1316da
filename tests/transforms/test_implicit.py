"""Derivatives of solutions: exact at the solution, whatever the solver did."""

import numpy as np
import pytest

import wengert.compiler.api as wg


def square(x, a):
    return x * x - a


def system(x, a, b):
    return np.array([x[0] ** 2 + x[1] - a, x[0] - b * x[1]])


def cosine(x, p):
    return p * np.cos(x)


@pytest.mark.parametrize("start", [1.0, 2.0, 100.0])
def test_root_of_a_number(start):
    f = lambda a: wg.root(square, start, a)
    assert f(4.0) == pytest.approx(2.0) and wg.root(square, start, 4.0) == pytest.approx(2.0)
    assert wg.grad(f)(4.0) == pytest.approx(0.25, rel=1e-12)
    assert wg.jvp(f)((4.0,), (2.0,))[1] == pytest.approx(0.5, rel=1e-12)
    assert wg.grad(wg.grad(f))(4.0) == pytest.approx(-1 / 32, rel=1e-10)


def test_root_of_a_system():
    f = lambda a, b: wg.root(system, np.ones(2), a, b)
    x = f(3.0, 0.5)
    np.testing.assert_allclose(system(x, 3.0, 0.5), 0, atol=1e-12)
    h = 1e-5
    wanted = (f(3.0 + h, 0.5) - f(3.0 - h, 0.5)) / (2 * h), (f(3.0, 0.5 + h) - f(3.0, 0.5 - h)) / (2 * h)
    for mode in ("forward", "reverse"):
        for got, want in zip(wg.jacobian(f, (0, 1), mode)(3.0, 0.5), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-8)


def test_fixed_point():
    f = lambda p: wg.fixed_point(cosine, 0.0, p)
    x = f(0.5)
    assert x == pytest.approx(0.5 * np.cos(x))
    wanted = np.cos(x) / (1 + 0.5 * np.sin(x))
    assert wg.grad(f)(0.5) == pytest.approx(wanted, rel=1e-10)
    assert wg.jvp(f)((0.5,), (1.0,))[1] == pytest.approx(wanted, rel=1e-10)
    h = 1e-4
    assert wg.grad(wg.grad(f))(0.5) == pytest.approx((wg.grad(f)(0.5 + h) - wg.grad(f)(0.5 - h)) / (2 * h), rel=1e-6)


def test_what_does_not_converge_raises():
    with pytest.raises(ValueError, match="did not converge"):
        wg.root(square, 1.0, -1.0)
    with pytest.raises(ValueError, match="did not converge"):
        wg.fixed_point(lambda x, a: a * x + 1.0, 1.0, 2.0)


def implicit_euler(p, steps):
    """x' = -p x^2, each step solved by `root`, whose start is what a fixed point gives."""
    x = 1.0
    for _ in range(steps):
        guess = wg.fixed_point(euler_step, x, x, p, tol=1e-3)
        if guess > 0.0:
            x = wg.root(euler_residual, guess, x, p)
    return x


def euler_step(new, x, p):
    return x - 0.1 * p * new * new


def euler_residual(new, x, p):
    return new - euler_step(new, x, p)


def test_solvers_in_loops_and_branches():
    def exact(p):
        x = 1.0
        for _ in range(5):
            x = (np.sqrt(1.0 + 0.4 * p * x) - 1.0) / (0.2 * p)
        return x

    h = 1e-4
    slope, bend = (exact(0.7 + h) - exact(0.7 - h)) / (2 * h), (exact(0.7 + h) - 2 * exact(0.7) + exact(0.7 - h)) / h**2
    assert wg.jit(implicit_euler)(0.7, 5) == pytest.approx(exact(0.7), rel=1e-13)
    assert wg.grad(implicit_euler)(0.7, 5) == pytest.approx(slope, rel=1e-7)
    assert wg.jvp(implicit_euler)((0.7, 5), (1.0, None))[1] == pytest.approx(slope, rel=1e-7)
    assert wg.grad(wg.grad(implicit_euler))(0.7, 5) == pytest.approx(bend, rel=1e-5)


@pytest.mark.parametrize("solve", [wg.root, wg.fixed_point])
def test_nothing_to_solve_for(solve):
    gradient = wg.grad(lambda a: np.sum(solve(lambda x, a: 0.5 * x - a, np.zeros(len(a)), a)))
    assert gradient(np.zeros(0)).shape == (0,)
