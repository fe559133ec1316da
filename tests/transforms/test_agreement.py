"""`compare`: distances in ULPs, and one call on two devices."""

from __future__ import annotations

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.transforms.agreement import INCOMPARABLE, ulps


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ulps_count_representable_numbers(dtype):
    x = np.array([1.0, -1.0, 0.0, -0.0, 1e-30, np.inf, np.nan], dtype)
    up = x.copy()
    for _ in range(3):
        up = np.nextafter(up, dtype(np.inf))
    assert ulps(x, x).tolist() == [0] * 7
    assert ulps(x, up).tolist() == [3, 3, 3, 3, 3, 0, 0]
    tiny = np.nextafter(dtype(0), dtype(1))
    assert ulps(np.array([-tiny, 0.0], dtype), np.array([tiny, -0.0], dtype)).tolist() == [2, 0]
    assert ulps(np.array([np.nan], dtype), np.array([1.0], dtype)).tolist() == [INCOMPARABLE]


def test_ulps_of_integers_and_complex_numbers():
    assert ulps(np.array([-3, 2**62]), np.array([4, -(2**62)])).tolist() == [7, 2**63]
    z = np.array([1 + 1j])
    assert ulps(z, z + 1j * np.spacing(1.0)).tolist() == [1]


def test_both_devices_agree_and_arguments_stay():
    def f(x, y):
        y[0] = x[1]
        return np.sum(np.exp(x)), x * 2.0

    x, y = np.linspace(0, 1, 100), np.zeros(3)
    found = wg.compare(f, x, y, device="cuda-sim")
    assert found.device == "cuda-sim" and y[0] == 0.0
    assert [d.output for d in found.outputs] == ["result 0", "result 1", "x afterwards", "y afterwards"]
    assert found.ulps is not None and found.ulps <= 64 and found.outputs[1].ulps == found.outputs[3].ulps == 0
    assert "ULP" in repr(found)


def test_a_gradient_and_an_offloaded_function():
    f = wg.offload(wg.grad(lambda x: np.sum(np.sin(x) * x)), "cuda-sim")
    assert wg.compare(f, np.linspace(0.1, 1.5, 50)).ulps <= 8


def test_a_missing_device_is_an_error_or_said():
    if any(d.id == "cuda:7" and d.available for d in wg.devices()):
        pytest.skip("there are eight GPUs")
    with pytest.raises(wg.errors.DeviceError):
        wg.compare(lambda x: x + 1.0, np.ones(3), device="cuda:7")
    same = wg.compare(lambda x: x + 1.0, np.ones(3), device="cuda:7", fallback="cpu")
    assert same.ulps == 0 and "CPU instead" in same.notice
    assert "compared with itself" in wg.compare(wg.offload(lambda x: x + 1.0, "cpu"), np.ones(3)).notice
