"""What `devices()` says, on machines this one is not: every case is played by a driver of the test's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wengert.compiler.diag.errors import DeviceError
from wengert.compiler.runtime import devices as module
from wengert.compiler.runtime.cuda_driver import Driver, DriverError, Gpu
from wengert.compiler.runtime.devices import devices, resolve

GIB = 1 << 30


class PlayedDriver:
    def __init__(self, *gpus: Gpu, version: int = 13000, failing: str = ""):
        self.found, self.cuda_version, self.failing = list(gpus), version, failing

    def gpus(self) -> list[Gpu]:
        if self.failing:
            raise DriverError(self.failing)
        return self.found


H200 = Gpu(0, "NVIDIA H200", 90, 132, 140 * GIB, 139 * GIB)
K80 = Gpu(1, "Tesla K80", 37, 13, 12 * GIB, None)


@pytest.fixture
def machine(monkeypatch):
    """machine(driver, cupy versions, libdevice) makes this machine look like that one."""
    monkeypatch.delenv(module.SIMULATE, raising=False)

    def play(driver, cupy=(13,), libdevice="libdevice.10.bc"):
        monkeypatch.setattr(Driver, "load", staticmethod(lambda: driver))
        monkeypatch.setattr(module, "installed_cupy", lambda: list(cupy))
        monkeypatch.setattr(module, "find_libdevice", lambda: libdevice)

    return play


def test_the_cpu_is_always_there(machine):
    machine(None)
    cpu = devices()[0]
    assert (cpu.id, cpu.kind, cpu.available, cpu.reason) == ("cpu", "cpu", True, "")
    assert cpu.memory_total is None or cpu.memory_total > GIB // 8


@pytest.mark.parametrize(
    ("driver", "cupy", "libdevice", "words"),
    [
        (None, (), None, "libcuda.so.1 cannot be loaded"),
        (PlayedDriver(failing="no CUDA-capable device is detected"), (13,), "x", "no CUDA-capable device is detected"),
        (PlayedDriver(), (13,), "x", "shows no GPU"),
        (PlayedDriver(H200), (), "x", "CuPy is not installed: pip install 'wengert[cuda13]'."),
        (PlayedDriver(H200, version=12040), (), "x", "pip install 'wengert[cuda12]'."),
        (PlayedDriver(H200, version=12040), (13,), "x", "CuPy is built for CUDA 13, and the driver serves CUDA 12"),
        (PlayedDriver(H200), (12, 13), "x", "Several CuPy packages"),
        (PlayedDriver(H200), (13,), None, "pip install nvidia-nvvm."),
        (PlayedDriver(K80), (13,), "x", "compute capability 3.7"),
    ],
)
def test_one_sentence_says_what_is_missing(machine, driver, cupy, libdevice, words):
    machine(driver, cupy, libdevice)
    gpu = devices()[1]
    assert not gpu.available
    assert words in gpu.reason
    assert gpu.reason.endswith(".") and ". " not in gpu.reason
    with pytest.raises(DeviceError) as refused:
        resolve(gpu.id)
    assert words in str(refused.value) and "usable here: 'cpu'" in str(refused.value)


@pytest.mark.parametrize("cupy", [(13,), (12,), (None,)])  # a driver serves older CUDA versions too
def test_a_good_gpu_is_usable(machine, cupy):
    machine(PlayedDriver(H200, K80), cupy)
    assert [d.id for d in devices() if d.available] == ["cpu", "cuda:0"]
    assert resolve("cuda") == resolve("cuda:0")
    assert resolve("cuda:0").sm == 90


def test_resolve_names_what_exists(machine):
    machine(PlayedDriver(H200))
    with pytest.raises(DeviceError, match="no device 'cuda:7'") as refused:
        resolve("cuda:7")
    assert "'cpu', 'cuda:0'" in str(refused.value)
    with pytest.raises(DeviceError, match="named by a string"):
        resolve(0)  # type: ignore[arg-type]


def test_tables(machine):
    machine(PlayedDriver(H200))
    assert "cuda:0  NVIDIA H200" in repr(devices()) and "140.0 GiB" in repr(devices())
    assert devices()._repr_html_().count("<tr>") == 3


def test_a_simulated_gpu_only_where_asked_for(machine, monkeypatch):
    machine(None)
    assert resolve("cuda-sim").kind == "simulated"
    assert "cuda-sim" not in [d.id for d in devices()]
    monkeypatch.setenv(module.SIMULATE, "1")
    simulated = resolve("cuda:0")
    assert simulated.kind == "simulated" and "simulated" in simulated.name and "simulation" in simulated.reason
    machine(PlayedDriver(H200))
    assert resolve("cuda:0").kind == "cuda"


def test_asking_does_not_import_cupy():
    program = "import sys; from wengert.compiler.runtime import devices as d; d.devices(); print('cupy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "False"
