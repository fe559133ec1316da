"""Timings over sizes: which sizes, at which arguments, break-even points, and recorded runs beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import wengert as wg
from wengert.magics.roofline import CHAINS, ELEMENTS, LANES, TRIPS, ceiling, chains
from wengert.magics.roofline import products as products_of_two
from wengert.magics.sweep import ARRAYS, CALLS, THREADS, Sweeper, recorded
from wengert.widgets.models import Ceiling, TimingModel, TimingRow
from wengert.widgets.models.timing import break_evens

RESULTS = Path(__file__).parents[2] / "benchmarks/results"


def f(u: np.ndarray, n: int) -> float:
    s = 0.0
    for k in range(n):
        s += u[k % len(u)]
    return s


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENGERT_NUM_THREADS", "2")


def sweeper() -> Sweeper:
    compiled = wg.jit(f)
    return Sweeper(TimingModel("f"), [compiled, wg.grad(compiled)], (np.arange(32.0), 64), ["u", "n"], f)


@pytest.mark.parametrize(
    ("vary", "lengths", "counts"), [(ARRAYS, [2, 8, 32, 128, 512], [64] * 5), ("n", [32] * 5, [4, 16, 64, 256, 1024])]
)
def test_the_arguments_at_each_size(vary: str, lengths: list[int], counts: list[int]) -> None:
    made = sweeper()
    assert made.model.sweep is not None and made.model.sweep.options == (ARRAYS, "n", THREADS, CALLS)
    found = [made.at(vary, size) for size in made.sizes(vary)]
    assert [len(u) for u, _ in found] == lengths and [n for _, n in found] == counts
    assert all(u[k] == k % 32 for u, _ in found for k in (0, len(u) - 1))


def test_one_size_after_another() -> None:
    made = sweeper()
    for point in (0, 1):
        model = made.answer({"what": "measure", "vary": "n", "point": point})
    assert model.sweep is not None and (model.sweep.done, model.sweep.failed) == (2, ())
    assert {(row.label, row.device, row.size) for row in model.curves} == {
        (label, device, size)
        for label, device in (("f", "Python"), ("f", "cpu"), ("grad_f", "cpu"))
        for size in (4, 16)
    }
    assert all(0 < row.q1 <= row.median <= row.q3 for row in model.curves)
    kept = json.dumps(model.to_dict())
    beside = made.answer({"what": "load", "text": kept})
    assert {bool(row.run) for row in beside.curves} == {False, True}
    said = beside.to_dict()["sentences"]
    assert len(said) == 5 and said[-1].startswith("grad_f · cpu: as fast on ") and said[-1].endswith(" at 16.")
    again = made.answer({"what": "measure", "vary": "n", "point": 0})
    assert [row.size for row in again.curves if not row.run] == [4, 4, 4] and any(row.run for row in again.curves)


def test_what_fails_at_a_size_is_said() -> None:
    def picked(u: np.ndarray, n: int) -> float:
        return u[n - 1]

    made = Sweeper(TimingModel("f"), [wg.jit(picked)], (np.arange(32.0), 32), ["u", "n"], None)
    model = made.answer({"what": "measure", "vary": "n", "point": 4})
    assert model.curves == () and model.sweep is not None and "picked at 512: " in model.sweep.failed[0]


def test_break_even() -> None:
    def row(device: str, size: int, median: float) -> TimingRow:
        return TimingRow(device, "f", size, median, median, median)

    rows = [row("cpu", n, n * 1e-6) for n in (10, 1000)] + [row("cuda:0", n, 1e-4) for n in (10, 1000)]
    assert break_evens(rows) == ["f · cuda:0 overtakes f · cpu near 100; at 1,000 it is 10.0× faster."]
    assert "at 10" in break_evens(rows[:2] + [row("b", n, n * 1e-7) for n in (10, 1000)])[0]


@pytest.mark.parametrize("name", ["2026-11-27_h200_milestones.json", "../../tutorials/recorded/00_lotka_volterra.json"])
def test_a_recorded_run_of_the_benchmarks_opens(name: str) -> None:
    curves = recorded((RESULTS / name).read_text()).curves
    assert curves and all("NVIDIA H200" in row.run and row.median > 0 for row in curves)


@pytest.mark.parametrize("text", ["", "[]", '{"rows": [{"what": 1}]}', '{"curves": [{"median": 1}]}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no recorded run"):
        recorded(text)


def test_over_threads_and_calls_in_one_batch() -> None:
    made = sweeper()
    assert made.sizes(THREADS) == (1, 2) and made.sizes(CALLS) == (1, 8, 64, 512, 4096)
    for point in (0, 1):
        model = made.answer({"what": "measure", "vary": THREADS, "point": point})
    assert {(row.label, row.size) for row in model.curves} == {("f", 1), ("f", 2), ("grad_f", 1), ("grad_f", 2)}
    assert [said.split(":")[0] for said in model.to_dict()["sentences"]] == ["f · cpu", "grad_f · cpu"]
    for point in (0, 1):
        model = made.answer({"what": "measure", "vary": CALLS, "point": point})
    assert [(row.label, row.size) for row in model.curves] == [
        (label, size) for size in (1, 8) for label in ("grad_f, call by call", "batch_grad_f")
    ]
    stacked = made.at(CALLS, 8)
    assert stacked[0].shape == (8, 32) and stacked[1] == 64


def test_batches_stay_within_memory() -> None:
    made = Sweeper(TimingModel("f"), [wg.jit(f)], (np.zeros(1_000_000), 64), ["u", "n"], f)
    assert made.sizes(CALLS) == (1, 8)


def products(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sum(np.tanh(a @ b) * 2.0))


def test_the_roofline() -> None:
    """Operations and bytes are those of the program; each function is under the ceilings of its device."""
    made = Sweeper(TimingModel("p"), [wg.jit(products)], (np.ones((20, 30)), np.ones((30, 10))), ["a", "b"], products)
    found = made.answer({"what": "roofline"}).roofline
    assert found is not None and found.failed == ()
    ((point,), (roof,)) = found.points, found.ceilings
    assert point.operations == 2 * 20 * 30 * 10 + 3 * 20 * 10 and point.bytes == 8 * (600 + 300)
    assert point.rate == pytest.approx(point.operations / point.seconds) and min(roof.operations, roof.bytes) > 0.0
    (said,) = made.model.to_dict()["roofline"]["sentences"]
    assert said.startswith(f"products · cpu: {point.intensity:.3g} operations a byte")


def test_ceilings_are_what_was_done_by_the_time_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    took = {chains: 0.5, products_of_two: 0.25}
    monkeypatch.setattr(
        "wengert.magics.roofline.measured", lambda f, *_: TimingRow("cpu", "", None, took[f.__wrapped__], 0.0, 0.0)
    )
    found = ceiling.__wrapped__("cpu")  # not the one kept
    assert found == Ceiling("cpu", 2 * CHAINS * TRIPS * LANES / 0.5, 2 * 8 * ELEMENTS / 0.25)


def test_what_cannot_be_placed_under_the_roofline_is_said() -> None:
    made = Sweeper(TimingModel("n"), [wg.jit(lambda n: n + 1)], (64,), ["n"], None)
    found = made.answer({"what": "roofline"}).roofline
    assert found is not None and found.points == () and "no arithmetic" in found.failed[0]
