"""The published score of the detector, case by case: docs/pitfalls says how many; `python -m tests.detect.score` measures."""

import pytest

from tests.detect.score import FAMILIES, cases, judge
from wengert.compiler.detect.catalogue import KINDS

MISSED: frozenset[str] = frozenset({"comet_step_control", "triangle_area", "viscosity"})
"""Planted pitfalls that are not warned of on their line with their kind."""

ALIKE = {
    "adaptive_step": "frozen_adaptive",
    "approximation": "romberg",
    "bit_trick": "frexp_free_log",
    "cancellation": "expm1_ratio",
    "chaos": "stable_logistic",
    "degenerate_eig": "distinct_eigenvalues",
    "detached": "stopped_step",
    "discrete_random": "european_call",
    "domain_edge": "norm_away_from_zero",
    "equality_branch": "nonzero_guard",
    "fixed_point_lag": "picard_tight",
    "fixed_point_zero_iter": "newton_kepler_while",
    "kink": "rectified_off_kink",
    "linear_solver": "conjugate_gradient_full",
    "masked_nan": "double_where_entropy",
    "order_index": "best_of",
    "overflow": "stable_softplus",
    "parallel_race": "parallel_sum_of_squares",
    "parametric_discontinuity": "sigmoid_exceedance",
    "precision": "double_accumulator",
    "pruned_zero": "sparse_without_zeros",
    "quantisation": "rounded_label",
    "step_count": "fixed_count_cooling",
    "table_lookup": "catmull_rom",
    "tape_memory": "short_stencil",
    "time_average": "windowed_power",
}
"""For each kind a case that looks like it and has no pitfall. (`wrong_rule` is in test_check.)"""


SAMPLED, EVERY = "held_out", 4
"""Of the sets that were written unseen every fourth case is run here, to save time; `python -m tests.detect.score` runs all."""


def run_here():
    found = [(f, k, c) for f in FAMILIES for k, c in enumerate(cases([f]))]
    return [c for f, k, c in found if not f.startswith(SAMPLED) or k % EVERY == 0 or c.name in ALIKE.values()]


@pytest.mark.parametrize("case", run_here(), ids=lambda c: c.name)
def test_evaluation(case):
    outcome = judge(case)
    if not case.planted:
        assert not outcome.found
    else:
        assert (outcome.right == len(case.planted)) is (case.name not in MISSED), outcome.found


def test_every_kind_has_cases_that_fire_and_one_that_is_silent():
    found = {kind for case in run_here() if case.name not in MISSED for _, kind in case.planted}
    clean = {case.name for case in run_here() if not case.planted}
    assert found - {"wrong_rule"} == set(ALIKE) == set(KINDS) - {"wrong_rule"}
    assert set(ALIKE.values()) <= clean
