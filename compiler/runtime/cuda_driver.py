"""The NVIDIA driver (libcuda, and NVML for memory in use) by ctypes: what can be asked without CuPy or a context."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache

_SUCCESS = 0
_PTX, _ERROR_LOG, _ERROR_LOG_BYTES = 1, 5, 6  # CUjitInputType, CUjit_option
_COMPUTE_MAJOR, _COMPUTE_MINOR, _MULTIPROCESSORS = 75, 76, 16  # CUdevice_attribute


class DriverError(Exception):
    """A driver call that failed; the message is the driver's."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. sm: compute capability as major * 10 + minor. Memory in bytes, the free part None where unknown."""

    ordinal: int
    name: str
    sm: int
    multiprocessors: int
    memory_total: int
    memory_free: int | None


class Driver:
    """libcuda.so.1. `load` returns None where there is none."""

    def __init__(self, library: ctypes.CDLL):
        self.library = library

    @staticmethod
    @cache
    def load() -> Driver | None:
        for name in ("libcuda.so.1", "nvcuda.dll"):
            try:
                return Driver(ctypes.CDLL(name))
            except OSError:
                continue
        return None

    def call(self, name: str, *arguments: object) -> None:
        status = getattr(self.library, name)(*arguments)
        if status != _SUCCESS:
            text = ctypes.c_char_p()
            self.library.cuGetErrorString(status, ctypes.byref(text))
            raise DriverError(f"{name}: {(text.value or b'unknown error').decode()} ({status})")

    def address(self, name: str) -> int:
        """The address of a driver function, for compiled host code to call."""
        value = ctypes.cast(getattr(self.library, name), ctypes.c_void_p).value
        assert value is not None
        return value

    def context(self) -> int | None:
        """The context that is current in this thread, None where there is none."""
        found = ctypes.c_void_p()
        self.library.cuCtxGetCurrent(ctypes.byref(found))
        return found.value

    def machine_code(self, ptx: bytes) -> bytes:
        """The cubin that the driver makes of PTX for the current context's GPU. Raises DriverError with what it says."""
        log = ctypes.create_string_buffer(4096)
        options = (ctypes.c_int * 2)(_ERROR_LOG, _ERROR_LOG_BYTES)
        values = (ctypes.c_void_p * 2)(ctypes.addressof(log), len(log))
        state, made, size = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        self.call("cuLinkCreate_v2", 2, options, values, ctypes.byref(state))
        try:
            self.call("cuLinkAddData_v2", state, _PTX, ptx, ctypes.c_size_t(len(ptx)), b"kernels", 0, None, None)
            self.call("cuLinkComplete", state, ctypes.byref(made), ctypes.byref(size))
            return ctypes.string_at(made, size.value)
        except DriverError as error:
            raise DriverError(f"{error}: {log.value.decode(errors='replace')}") from None
        finally:
            self.library.cuLinkDestroy(state)

    @property
    def cuda_version(self) -> int:
        """The highest CUDA version the driver serves, as 1000 * major + 10 * minor."""
        version = ctypes.c_int()
        self.call("cuDriverGetVersion", ctypes.byref(version))
        return version.value

    def gpus(self) -> list[Gpu]:
        """Every GPU the driver shows to this process (CUDA_VISIBLE_DEVICES counts). Raises DriverError."""
        self.call("cuInit", 0)
        count = ctypes.c_int()
        self.call("cuDeviceGetCount", ctypes.byref(count))
        return [self._gpu(k) for k in range(count.value)]

    def _gpu(self, ordinal: int) -> Gpu:
        device = ctypes.c_int()
        self.call("cuDeviceGet", ctypes.byref(device), ordinal)
        name, bus = ctypes.create_string_buffer(256), ctypes.create_string_buffer(32)
        self.call("cuDeviceGetName", name, 256, device)
        self.call("cuDeviceGetPCIBusId", bus, 32, device)
        total = ctypes.c_size_t()
        self.call("cuDeviceTotalMem_v2", ctypes.byref(total), device)
        major, minor, units = (self._attribute(a, device) for a in (_COMPUTE_MAJOR, _COMPUTE_MINOR, _MULTIPROCESSORS))
        return Gpu(ordinal, name.value.decode(), 10 * major + minor, units, total.value, _free_memory(bus.value))

    def _attribute(self, attribute: int, device: ctypes.c_int) -> int:
        value = ctypes.c_int()
        self.call("cuDeviceGetAttribute", ctypes.byref(value), attribute, device)
        return value.value


class _NvmlMemory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


@cache
def _nvml() -> ctypes.CDLL | None:
    """NVML, started. cuMemGetInfo would need a context on every GPU: 300 ms and 500 MB each."""
    for name in ("libnvidia-ml.so.1", "nvml.dll"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        return library if library.nvmlInit_v2() == _SUCCESS else None
    return None


def _free_memory(bus: bytes) -> int | None:
    library = _nvml()
    if library is None:
        return None
    handle, memory = ctypes.c_void_p(), _NvmlMemory()
    if library.nvmlDeviceGetHandleByPciBusId_v2(bus, ctypes.byref(handle)) != _SUCCESS:
        return None
    if library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != _SUCCESS:
        return None
    return int(memory.free)
