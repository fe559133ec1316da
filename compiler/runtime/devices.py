"""What can be computed on here, and why the rest cannot: `devices()` and `resolve("cuda:0")`.

Asking is cheap: CuPy is not imported, only looked for, and not even that where there is no NVIDIA driver.
"""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from importlib import metadata

from wengert.compiler.backend.libdevice import find_libdevice
from wengert.compiler.diag.errors import DeviceError
from wengert.compiler.runtime.cuda_driver import Driver, DriverError, Gpu
from wengert.compiler.runtime.tables import html_table, readable_bytes, text_table

OLDEST_SM = 70
SIMULATOR = "cuda-sim"
"""Always there, never listed: a GPU played by the CPU, for the tests."""
SIMULATE = "WENGERT_SIMULATE_GPU"
"""With this environment variable set to 1, a simulated GPU is listed as "cuda:0" where there is no real one."""

NO_DRIVER = (
    "No NVIDIA driver was found (libcuda.so.1 cannot be loaded): "
    "install the driver, or start the container with --gpus all."
)


@dataclass(frozen=True, slots=True)
class Device:
    """One device. kind: "cpu", "cuda" or "simulated". Memory in bytes, None where unknown.

    reason: where not `available`, one sentence saying why and what to install; else "" or a remark.
    sm: an NVIDIA GPU's compute capability as major * 10 + minor. units: CPU cores or multiprocessors.
    """

    id: str
    name: str
    kind: str
    memory_total: int | None
    memory_free: int | None
    available: bool
    reason: str = ""
    sm: int | None = None
    units: int | None = None

    @property
    def ordinal(self) -> int:
        """Its number among the GPUs; 0 for the CPU."""
        return int(self.id.partition(":")[2] or 0)


class Devices(list[Device]):
    """The list of devices; renders as a table."""

    HEADERS = ("device", "name", "memory", "free", "usable", "")

    def rows(self) -> list[tuple[str, ...]]:
        return [
            (
                d.id,
                d.name,
                *map(readable_bytes, (d.memory_total, d.memory_free)),
                "yes" if d.available else "no",
                d.reason,
            )
            for d in self
        ]

    def __repr__(self) -> str:
        return text_table(self.HEADERS, self.rows(), (2, 3))

    def _repr_html_(self) -> str:
        return html_table(self.HEADERS, self.rows(), (2, 3))


def devices() -> Devices:
    """What can be computed on here: a list of `Device`, the CPU, then every NVIDIA GPU; renders as a table.

    Of each: `id` ("cpu", "cuda:0", as `offload` takes them), `available`, and where it is not, `reason`, which says what to
    install; `memory_total` and `memory_free` in bytes (None where unknown), `units` (cores or multiprocessors). Where there is no
    GPU, one entry says what is missing. Raises nothing.
    """
    return Devices([_cpu(), *_gpus(Driver.load())])


def resolve(device: str) -> Device:
    """The usable device called `device` ("cpu", "cuda:1"; "cuda" and "gpu" mean "cuda:0").

    Raises DeviceError naming those that exist when there is none of that name or it cannot be used.
    """
    if not isinstance(device, str):
        raise DeviceError(f"a device is named by a string such as 'cuda:0', not {device!r}")
    wanted = {"cuda": "cuda:0", "gpu": "cuda:0"}.get(device.strip().lower(), device.strip().lower())
    if wanted == SIMULATOR:
        return simulated_device()
    known = [_cpu()] if wanted == "cpu" else devices()
    found = next((d for d in known if d.id == wanted), None)
    usable = ", ".join(repr(d.id) for d in known if d.available)
    help = f"usable here: {usable}; wengert.devices() says what the others lack, `wengert doctor` what to install"
    if found is None:
        missing = next((f": {d.reason}" for d in known if not d.available and "cuda" in wanted), "")
        raise DeviceError(f"there is no device {device!r} here{missing}", help=help)
    if not found.available:
        raise DeviceError(f"{wanted} cannot be used: {found.reason}", help=help)
    return found


# -- the CPU


def _cpu() -> Device:
    cores = usable_cores()
    total, free = _host_memory()
    name = f"{_processor_name()}, {cores} core{'' if cores == 1 else 's'}"
    return Device("cpu", name, "cpu", total, free, True, units=cores)


def usable_cores() -> int:
    """The CPU cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _host_memory() -> tuple[int | None, int | None]:
    try:
        with open("/proc/meminfo", encoding="utf-8") as lines:
            sizes = {key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in lines)}
        return sizes.get("MemTotal"), sizes.get("MemAvailable")
    except (OSError, ValueError, IndexError):
        return None, None


# -- GPUs


def _gpus(driver: Driver | None) -> list[Device]:
    """What the driver shows, each judged; the simulated GPU where that was asked for and none is real."""
    found = _judged(driver)
    if simulating() and not any(d.available for d in found):
        return [simulated_device("cuda:0")]
    return found


def _judged(driver: Driver | None) -> list[Device]:
    if driver is None:
        return [_absent(NO_DRIVER)]
    try:
        gpus, version = driver.gpus(), driver.cuda_version
    except DriverError as error:
        return [_absent(f"The NVIDIA driver does not work here ({error}): check that nvidia-smi lists a GPU.")]
    if not gpus:
        return [_absent("The NVIDIA driver shows no GPU: check nvidia-smi and the variable CUDA_VISIBLE_DEVICES.")]
    missing = _missing_software(version)
    return [_device(gpu, missing) for gpu in gpus]


def _absent(reason: str) -> Device:
    return Device("cuda:0", "NVIDIA GPU", "cuda", None, None, False, reason)


def _device(gpu: Gpu, missing: str) -> Device:
    reason = missing
    if gpu.sm < OLDEST_SM:
        reason = (
            f"This GPU has compute capability {gpu.sm // 10}.{gpu.sm % 10}, and {OLDEST_SM // 10}.{OLDEST_SM % 10} "
            "(Volta, 2017) or newer is needed: use another GPU."
        )
    return Device(
        f"cuda:{gpu.ordinal}", gpu.name, "cuda", gpu.memory_total, gpu.memory_free, not reason, reason, gpu.sm,
        gpu.multiprocessors,
    )  # fmt: skip


def _missing_software(driver_version: int) -> str:
    """What stands between a working driver and us, as one sentence; "" where nothing does."""
    major = driver_version // 1000
    extra = f"pip install 'wengert[cuda{13 if major >= 13 else 12}]'"
    versions = installed_cupy()
    if not versions:
        return f"CuPy is not installed: {extra}."
    if len(versions) > 1:
        return f"Several CuPy packages are installed and disturb each other: uninstall all of them, then {extra}."
    (built_for,) = versions
    if built_for is not None and built_for > major:
        return (
            f"CuPy is built for CUDA {built_for}, and the driver serves CUDA {major}: "
            f"pip uninstall cupy-cuda{built_for}x, then {extra}."
        )
    if find_libdevice() is None:
        package = "nvidia-nvvm" if major >= 13 else "nvidia-cuda-nvcc-cu12"
        return f"libdevice.10.bc, NVIDIA's library of mathematical functions, was not found: pip install {package}."
    return ""


_CUDA_MAJORS = range(11, 20)


def _is_installed(package: str) -> bool:
    """By its name alone: to read what all packages say of themselves took most of a first call from the disk."""
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    return True


def installed_cupy() -> list[int | None]:
    """The CUDA major version of each installed CuPy package, None for one that does not say; CuPy is not imported."""
    found: list[int | None] = [major for major in _CUDA_MAJORS if _is_installed(f"cupy-cuda{major}x")]
    if not found and importlib.util.find_spec("cupy") is not None:
        found.append(None)  # built from source, or by conda
    return found


# -- the simulator


def simulating() -> bool:
    return os.environ.get(SIMULATE, "") not in ("", "0")


def simulated_device(id: str = SIMULATOR) -> Device:
    """A GPU played by the CPU: the same host code and kernels, slow, for tests and for trying the views."""
    total, free = _host_memory()
    remark = "A simulation on the CPU, to try things out without a GPU: its times say nothing."
    return Device(id, f"{id} (simulated)", "simulated", total, free, True, remark, 90, 1)
