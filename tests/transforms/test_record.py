"""`record`: copies and kernels of two calls on one clock; and the plan without machine code."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.api import record
from wengert.compiler.diag.errors import OptionError


def smooth(u, steps):
    v = u * 1.0
    for _ in range(steps):
        v[1:-1] = v[1:-1] + 0.2 * (v[2:] - 2.0 * v[1:-1] + v[:-2])
    return v


def test_the_second_call_sends_nothing(monkeypatch):
    monkeypatch.setenv("WENGERT_SIMULATE_GPU", "1")
    u = np.linspace(0.0, 1.0, 1000)
    found = record(wg.offload(smooth, "cuda:0"), u, 5)
    (first, second) = found.calls
    assert [t.array for t in found.transfers] == ["u"]
    assert len(found.launches) >= 10 and {launch.end >= launch.start for launch in found.launches} == {True}
    assert first[0] <= found.launches[0].start and found.launches[-1].end <= second[1]
    assert first[1] <= second[0]


def test_only_offloaded_functions_are_recorded():
    with pytest.raises(OptionError, match="not offloaded"):
        record(wg.jit(smooth), np.ones(5), 2)


def test_plan_needs_no_machine_code():
    def loss(u, steps):
        return np.sum(smooth(u, steps) ** 3)

    g = wg.grad(loss)
    plan = g.plan(np.ones(50), 4)
    assert not g.programs and plan.bytes == g.lower(np.ones(50), 4).plan.bytes
    with pytest.raises(OptionError, match="no reverse sweep"):
        wg.jit(loss).plan(np.ones(50), 4)
