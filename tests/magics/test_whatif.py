"""The cost model of the placement tab: what it counts, what it predicts, and that its error is shown."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.magics.whatif import Calibration, CostModel, NotCounted, WhatIf, work
from wengert.widgets.models import ArrayPlace, Device, Movable, PlacementModel


def axpy(u: np.ndarray, a: float, n: int) -> np.ndarray:
    for _ in range(n):
        u = u * a + 1.0
    return u


@pytest.mark.parametrize(("size", "n"), [(10, 1), (1000, 7)])
def test_operations_and_bytes_are_counted(size: int, n: int) -> None:
    count, moved = work(wg.jit(axpy), (np.ones(size), 0.5, n))
    assert count == pytest.approx(2 * size * n, rel=0.01, abs=n + 3)
    assert moved == 2 * 8 * size  # the argument, and the result


def test_a_prediction_is_the_sum_of_its_parts() -> None:
    costs = CostModel()
    costs._known["cuda:0"] = Calibration(1e-5, 1e-10, 1e-9)
    estimate = costs.predict(wg.jit(axpy), (np.ones(1000), 0.5, 10), "cuda:0")
    assert estimate.compute == pytest.approx(1e-5 + 1e-10 * estimate.operations)
    assert estimate.copies == pytest.approx(1e-9 * 16_000)


def test_predict_then_measure_on_this_machine() -> None:
    model = PlacementModel("axpy", (Device("cpu", "this", "cpu"), Device("cuda:0", "", "cuda", available=False)))
    what_if = WhatIf(model, [(wg.jit(axpy), (np.ones(50_000), 0.5, 20), ("u", "a", "n"))], CostModel())
    assert (what_if.model.movable, what_if.model.targets) == ((Movable("axpy", "cpu"),), ("cpu",))
    assert [(a.name, a.bytes, a.device) for a in what_if.model.arrays] == [("u", 400_000, "cpu")]
    question = {"kind": "function", "name": "axpy", "device": "cpu"}
    (predicted,) = what_if.answer({"what": "predict", **question}).to_dict()["estimates"]
    assert predicted["measured"] is None and predicted["ratio"] is None and predicted["copies"] == 0.0
    found = what_if.answer({"what": "measure", **question})
    (both,) = found.to_dict()["estimates"]
    assert both["ratio"] == pytest.approx(both["predicted"] / both["measured"])
    assert found.error.startswith("Predictions that were measured were off by a factor of ")


def test_an_array_moved_to_a_device_costs_its_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = CostModel()
    costs._known |= {"cpu": Calibration(0.0, 1e-9, 0.0), "cuda:0": Calibration(1e-5, 1e-10, 1e-9)}
    times = {(8000, "cpu", "cuda:0"): 2e-5}
    monkeypatch.setattr("wengert.magics.whatif.copy_seconds", lambda *asked: times[asked])
    model = PlacementModel("axpy", (Device("cpu", "this", "cpu"), Device("cuda:0", "", "cuda")))
    what_if = WhatIf(model, [(wg.jit(axpy), (np.ones(1000), 0.5, 2), ("u", "a", "n"))], costs)
    question = {"what": "measure", "kind": "value", "name": "u"}
    there = what_if.answer({**question, "device": "cuda:0"}).estimates[0]
    assert there.to_dict()["predicted"] == pytest.approx(8e-6) and there.measured == 2e-5
    monkeypatch.undo()
    here = what_if.answer({**question, "device": "cpu"}).estimates[1]
    assert (here.bytes, here.measured) == (0, 0.0)


def test_what_cannot_be_counted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wengert.magics.whatif.watch_values", lambda *_: type("V", (), {"ended": "stopped after 2 s"}))
    with pytest.raises(NotCounted, match="stopped after 2 s"):
        work(wg.jit(axpy), (np.ones(3), 0.5, 1))


def test_an_array_costs_its_copy() -> None:
    costs = CostModel()
    costs._known.update({"cuda:0": Calibration(1e-5, 1e-10, 1e-10), "cuda:1": Calibration(1e-5, 1e-10, 3e-10)})
    devices = (Device("cpu", "", "cpu"), Device("cuda:0", "", "cuda"), Device("cuda:1", "", "cuda"))
    model = PlacementModel("m", devices, (ArrayPlace("u", 8_000_000, (1_000_000,), "float64", "cuda:0"),))
    asked = WhatIf(model, [], costs)
    for device, seconds in (("cpu", 8e-4), ("cuda:1", 3.2e-3), ("cuda:0", 0.0)):
        estimate = asked.answer({"what": "predict", "kind": "value", "name": "u", "device": device}).estimates[-1]
        assert (estimate.name, estimate.device, estimate.operations) == ("u", device, 0)
        assert estimate.copies == pytest.approx(seconds) and estimate.compute == 0.0
