"""A device that went away after a function was offloaded to it: every tab still opens, and says what happened."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("anywidget")

import wengert as wg
from wengert.compiler.runtime.simulated import SimulatedAccelerator
from wengert.magics.inputs import watch
from wengert.magics.layers import Made
from wengert.magics.tabs import tabs


def doubled(u: np.ndarray) -> np.ndarray:
    return u * 2.0


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WENGERT_SIMULATE_GPU", "1")
    inner = wg.jit(doubled)
    outer = wg.offload(inner, "cuda:0")
    for one in (inner, outer):
        watch(one)
    u = np.linspace(0.0, 1.0, 1000)
    np.asarray(outer(u))
    inner(u)
    yield [Made(("doubled",), inner), Made(("doubled_gpu",), outer)]


def test_the_tabs_of_a_device_that_went_away(chain, monkeypatch):
    monkeypatch.delenv("WENGERT_SIMULATE_GPU")

    def gone(*_: object) -> float:
        raise RuntimeError("cudaErrorDeviceUnavailable: the device fell off the bus")

    for call in ("upload", "download", "read"):
        monkeypatch.setattr(SimulatedAccelerator, call, gone)
    built = tabs(chain)
    placement = built["Placement"]()
    (device,) = (d for d in placement.data["devices"] if d["id"] == "cuda:0")
    assert not device["available"] and device["reason"]
    assert [a["device"] for a in placement.data["arrays"] if a["name"] == "u"]
    assert list(placement.data["targets"]) == ["cpu"]
    placement.question = {"what": "predict", "kind": "function", "name": "doubled", "device": "cuda:0", "serial": 1}
    assert placement.answered["serial"] == 1 and "cuda:0" in placement.answered["error"]
    transfers = built["Transfers"]()
    transfers.question = {"serial": 1}
    assert "fell off the bus" in transfers.answered["error"]
    assert transfers.data["events"]  # what the ledger has is still shown
    for title in ("Graph", "Stages", "Findings"):
        built[title]()
