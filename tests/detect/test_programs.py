"""A sample of what `python -m tests.detect.programs` goes through: programs that are right, and what is said of them."""

import numpy as np
import pytest

import wengert as wg
from tests.corpus.kernels import KERNELS
from tests.detect.programs import warned

SAID = {
    "affine_nearest": "table_lookup",
    "golden_section": "fixed_point_zero_iter",  # two values tie at its end, which is no kink
    "ema_generator": "quantisation",  # the position of the largest weight, beside it, depends on no argument
    "ising": "discrete_random",
    "autocorr_period": "",  # a loop that counts up to a peak is no iteration of numbers
}


@pytest.mark.parametrize("name", SAID)
def test_kernels_of_the_corpus(name):
    function, arguments = KERNELS[name]
    said = warned(function, arguments())
    assert said is not None and all(SAID[name] in line for line in said) and bool(said) is bool(SAID[name])


def test_results_that_are_no_numbers_beside_a_difference_that_cancels():
    def excess(x):
        e = (1.0 - np.cos(x)) / (x * x)
        return e, e > 0.4

    assert [f.kind for f in wg.check(excess, 1e-6) if f.severity == "warning"] == ["cancellation"]


@wg.custom_derivative
def solved(a, b):
    """Jacobi's iteration, ended early."""
    x, change = b / np.diag(a), 1.0
    while change > 1e-2:
        new = x + (b - a @ x) / np.diag(a)
        change = np.max(np.abs(new - x))
        x = new
    return x


def solved_fwd(a, b):
    x = solved(a, b)
    return x, (a, x)


def solved_bwd(saved, cotangent):
    a, x = saved
    b_bar = np.linalg.solve(a.T, cotangent)
    return -b_bar[:, None] * x[None, :], b_bar


solved.def_vjp(solved_fwd, solved_bwd)


def test_the_rule_of_the_solution_is_right_for_a_loose_solver():
    a = 3.0 * np.eye(6) - np.eye(6, k=1) - np.eye(6, k=-1)
    report = wg.check(lambda a, b: np.sum(solved(a, b) ** 2), a, np.arange(1.0, 7.0))
    assert not [f for f in report if f.kind == "wrong_rule"]
