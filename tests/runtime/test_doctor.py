"""`wengert doctor` on machines that lack this or that."""

from __future__ import annotations

import re

import pytest

from wengert.compiler.runtime import devices, doctor
from wengert.compiler.runtime.cuda_driver import DriverError, Gpu


class Driver:
    def __init__(self, version=13000, gpus=(), error=None):
        self._version, self._gpus, self._error = version, list(gpus), error

    @property
    def cuda_version(self):
        return self._version

    def gpus(self):
        if self._error:
            raise DriverError(self._error)
        return self._gpus


H200 = Gpu(0, "NVIDIA H200", 90, 132, 140 << 30, 139 << 30)
OLD = Gpu(0, "Tesla M40", 52, 24, 12 << 30, 11 << 30)


def states(monkeypatch, driver, cupy=(13,), libdevice="/x/libdevice.10.bc"):
    for module in (devices, doctor):
        monkeypatch.setattr(module.Driver, "load", staticmethod(lambda: driver))
        monkeypatch.setattr(module, "find_libdevice", lambda: libdevice)
    monkeypatch.setattr(devices, "installed_cupy", lambda: list(cupy))
    monkeypatch.delenv(devices.SIMULATE, raising=False)
    return {f.what: f for f in doctor.findings()}


def test_without_a_driver_it_says_what_that_means(monkeypatch):
    found = states(monkeypatch, None)
    assert found["NVIDIA driver"].state == "note" and "runs on the CPU" in found["NVIDIA driver"].sentence
    assert "cuda:0" not in found and found["processor"].state == "good"


@pytest.mark.parametrize(
    ("driver", "cupy", "libdevice", "what", "words"),
    [
        (Driver(error="no device"), (13,), "/x", "NVIDIA driver", "does not work"),
        (Driver(), (13,), "/x", "NVIDIA driver", "shows no GPU"),
        (Driver(gpus=[OLD]), (13,), "/x", "cuda:0", "compute capability 5.2"),
        (Driver(gpus=[H200]), (), "/x", "cuda:0", r"pip install 'wengert\[cuda13\]'"),
        (Driver(12020, [H200]), (13,), "/x", "cuda:0", "built for CUDA 13, and the driver serves CUDA 12"),
        (Driver(gpus=[H200]), (12, 13), "/x", "cuda:0", "Several CuPy packages"),
        (Driver(gpus=[H200]), (13,), None, "libdevice", "pip install nvidia-nvvm"),
    ],
)
def test_what_is_missing_is_named_in_one_sentence(monkeypatch, driver, cupy, libdevice, what, words):
    found = states(monkeypatch, driver, cupy, libdevice)[what]
    assert found.state == "missing" and re.search(words, found.sentence)
    assert found.sentence.endswith(".")


def test_the_command(monkeypatch, capsys):
    states(monkeypatch, Driver(gpus=[OLD]))
    assert doctor.main(["doctor"]) == 1
    assert "!!" in capsys.readouterr().out
    states(monkeypatch, None)
    assert doctor.main(["doctor"]) == 0
    assert doctor.main(["operate"]) == 2
