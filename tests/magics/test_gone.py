"""A device that went away after a function was offloaded to it: every tab still opens, and says what happened."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("anywidget")

import wengert as wg
from wengert.compiler.runtime.simulated import SimulatedAccelerator
from wengert.magics.bound import Bound
from wengert.magics.inputs import watch
from wengert.magics.layers import Made
from wengert.magics.tabs import tabs
from wengert.widgets import Panel


def doubled(u: np.ndarray) -> np.ndarray:
    return u * 2.0


def weighted(u: np.ndarray, k: float) -> float:
    return np.sum(np.sin(k * u))


def fall_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WENGERT_SIMULATE_GPU")

    def gone(*_: object) -> float:
        raise RuntimeError("cudaErrorDeviceUnavailable: the device fell off the bus")

    for call in ("upload", "download", "read"):
        monkeypatch.setattr(SimulatedAccelerator, call, gone)


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
    fall_off(monkeypatch)
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


def test_timings_memory_and_explore_of_a_device_that_went_away(monkeypatch):
    monkeypatch.setenv("WENGERT_SIMULATE_GPU", "1")
    inner = wg.jit(weighted)
    gradient = wg.grad(inner, "k")
    outer = wg.offload(gradient, "cuda:0")
    chain = [Made(("weighted",), inner), Made(("grad_weighted",), gradient), Made(("grad_gpu",), outer)]
    for made in chain:
        watch(made.compiled)
    u = np.linspace(0.0, 1.0, 100)
    outer(u, 2.0)
    panel = Panel("compiled", tabs(chain))
    bound = Bound(panel, [chain], lambda: "compiled")
    user = {made.name: made.compiled for made in chain}
    bound.look(user)
    assert "cuda:0" not in panel.status
    fall_off(monkeypatch)
    bound.look(user)
    assert "cuda:0 cannot be used any more: " in panel.status and panel.tone == "warning"
    panel.active = "Timings"
    timing = panel.views["Timings"]
    timing.question = {"what": "measure", "vary": "the arrays' first axis", "point": 0, "serial": 1}
    assert timing.answered == {"serial": 1, "error": ""}
    said = [*timing.data["sweep"]["failed"], *(gone["reason"] for gone in timing.data["unavailable"])]
    assert any("driver" in one or "fell off the bus" in one for one in said), said
    panel.active = "Memory"  # planned and measured on the host
    panel.views["Memory"].question = {"budget": None, "measure": True, "serial": 1}
    assert panel.views["Memory"].answered == {"serial": 1, "error": ""} and panel.views["Memory"].data["seconds"] > 0
    panel.active = "Explore"  # evaluates the function itself, on the host
    panel.views["Explore"].question = {"values": {"k": 0.5}, "across": ["k"], "serial": 1}
    assert panel.views["Explore"].data["value"] == pytest.approx(np.sum(np.sin(0.5 * u)))
    panel.close()
