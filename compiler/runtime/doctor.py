"""`wengert doctor`: what wengert finds on this machine, and what to install where something is missing.

    findings()      each thing looked at: whether it is as it should be, and one sentence
    main([...])     the command: prints them; exit status 1 where something keeps a GPU that is there from being used
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata

import llvmlite
import numpy as np
from llvmlite import binding as llvm

from wengert.compiler.backend import nvptx, target
from wengert.compiler.backend.libdevice import find_libdevice
from wengert.compiler.runtime import devices, store
from wengert.compiler.runtime.cuda_driver import Driver, DriverError
from wengert.compiler.runtime.tables import readable_bytes


@dataclass(frozen=True, slots=True)
class Finding:
    """state: "good", "missing" (something cannot be used until the sentence is followed), or "note"."""

    what: str
    state: str
    sentence: str


def findings() -> list[Finding]:
    """What there is, the processor first, then what a GPU needs. CuPy is imported, as its import is what may fail."""
    cpu, *gpus = devices.devices()
    found = [
        Finding("versions", "good", _versions()),
        Finding("processor", "good", f"{cpu.name}, {readable_bytes(cpu.memory_total)} of memory."),
        _vector_functions(),
        _disk(),
        _driver(),
    ]
    real = [gpu for gpu in gpus if gpu.kind == "cuda"]
    for gpu in real:
        if gpu.sm is not None:
            size = f"{readable_bytes(gpu.memory_free)} of {readable_bytes(gpu.memory_total)} free"
            name = f"{gpu.name}, compute capability {gpu.sm // 10}.{gpu.sm % 10}, {size}"
            found.append(Finding(gpu.id, "good" if gpu.available else "missing", gpu.reason or f"{name}."))
    if any(gpu.sm is not None for gpu in real):
        found += [_cupy(), _libdevice()]
    return found


def _versions() -> str:
    try:
        own = metadata.version("wengert")
    except metadata.PackageNotFoundError:
        own = "not installed, used from its folder"
    llvm_version = ".".join(map(str, llvm.llvm_version_info))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"wengert {own}, {python}, NumPy {np.__version__}, llvmlite {llvmlite.__version__} with LLVM {llvm_version}."


def _vector_functions() -> Finding:
    if target.vector_variants("exp", 1, 64):
        return Finding("vector functions", "good", f"{target.LIBMVEC} gives exp, sin and their kind for whole vectors.")
    return Finding(
        "vector functions", "note",
        f"{target.LIBMVEC} (of glibc 2.22 or newer, on x86-64) is not there: exp, sin and their kind run one by one.",
    )  # fmt: skip


def _disk() -> Finding:
    if not store.enabled():
        return Finding("programs on disk", "note", "Nothing is kept from one process to the next: WENGERT_CACHE is off.")
    folder = store.directory()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = store.is_private(folder)
    except OSError as error:
        return Finding("programs on disk", "note", f"{folder} cannot be written ({error.strerror}): set WENGERT_CACHE_DIR.")
    if not private:
        return Finding("programs on disk", "note", f"{folder} can be written by others and is not used: chmod go-w {folder}.")
    return Finding("programs on disk", "good", f"{store.summary()}.")


def _driver() -> Finding:
    driver = Driver.load()
    if driver is None:
        return Finding("NVIDIA driver", "note", f"{devices.NO_DRIVER} Without it everything runs on the CPU.")
    try:
        version, count = driver.cuda_version, len(driver.gpus())
    except DriverError as error:
        return Finding("NVIDIA driver", "missing", f"It does not work ({error}): check that nvidia-smi lists a GPU.")
    if not count:
        return Finding("NVIDIA driver", "missing", "It shows no GPU: check nvidia-smi and the variable CUDA_VISIBLE_DEVICES.")
    return Finding("NVIDIA driver", "good", f"It serves CUDA {version // 1000}.{version % 1000 // 10} and shows {count} GPU(s).")


def _cupy() -> Finding:
    try:
        import cupy
    except Exception as error:  # whatever a broken installation raises
        missing = next((d.reason for d in devices.devices() if d.kind == "cuda" and d.reason), "")
        return Finding("CuPy", "missing", missing or f"CuPy cannot be imported ({type(error).__name__}: {error}): reinstall it.")
    return Finding("CuPy", "good", f"CuPy {cupy.__version__} gives memory and streams.")


def _libdevice() -> Finding:
    path = find_libdevice()
    if path is None:
        wheel = "pip install nvidia-nvvm (CUDA 12: nvidia-cuda-nvcc-cu12)"
        return Finding("libdevice", "missing", f"libdevice.10.bc was not found: {wheel}.")
    assembler = nvptx.find_ptxas()
    beside = f"ptxas at {assembler}" if assembler else "no ptxas, which only tests need"
    return Finding("libdevice", "good", f"{path}; {beside}.")


_MARKS = {"good": "ok ", "missing": "!! ", "note": "-- "}


def report(found: Sequence[Finding]) -> str:
    width = max(len(f.what) for f in found)
    return "\n".join(f"{_MARKS[f.state]} {f.what:<{width}}  {f.sentence}" for f in found)


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given != ["doctor"]:
        print("usage: wengert doctor\n\nSays what wengert finds on this machine, and what to install where something is missing.")
        return 0 if given in (["-h"], ["--help"]) else 2
    found = findings()
    print(report(found))
    return int(any(f.state == "missing" for f in found))
