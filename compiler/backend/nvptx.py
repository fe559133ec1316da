"""LLVM text to PTX: link libdevice, keep only the kernels, optimise, emit. No GPU is needed, and no CUDA library.

    define ptx_kernel void @k(ptr addrspace(1) %x, i64 %n) {...}     in
    .visible .entry k(...)                                           out

libdevice's float functions pick their variants by `__nvvm_reflect`, which LLVM answers with 0: for `__nv_sqrtf` that
is the approximate root. Kernels therefore use `llvm.sqrt`, and `__nv_fmod` instead of `frem`, which LLVM expands to
x - y * trunc(x / y) for this target (both are the kernel emitter's business; a test here looks at the PTX).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import llvmlite
from llvmlite import binding as llvm

from wengert.compiler.backend.libdevice import find_libdevice
from wengert.compiler.diag.errors import DeviceError

TRIPLE = "nvptx64-nvidia-cuda"
DATA_LAYOUT = "e-p6:32:32-i64:64-i128:128-i256:256-v16:16-v32:32-n16:32:64"
HEADER = f'target datalayout = "{DATA_LAYOUT}"\ntarget triple = "{TRIPLE}"\n'

TARGETS = (70, 72, 75, 80, 86, 87, 88, 89, 90, 100, 101, 103, 120, 121)
"""The compute capabilities LLVM 22 knows. PTX for an older one runs on every newer GPU."""


class PtxError(Exception):
    """LLVM or ptxas refused a kernel: a fault of ours; the message holds theirs."""


def target_for(sm: int) -> int:
    """The newest known target that a GPU of compute capability `sm` runs. Raises DeviceError for GPUs before Volta."""
    fitting = [t for t in TARGETS if t <= sm]
    if not fitting:
        raise DeviceError(f"compute capability {sm // 10}.{sm % 10} is older than 7.0, the oldest supported")
    return fitting[-1]


def compile_ptx(text: str, kernels: Sequence[str], sm: int) -> str:
    """PTX for the LLVM module `text`, whose functions `kernels` are its entries, for compute capability `sm`.

    Kept in memory and on disk. Raises PtxError where LLVM refuses the text, DeviceError where libdevice is missing
    and the kernels need it.
    """
    key = code_key(text, kernels, sm)
    if key not in _IN_MEMORY:
        _IN_MEMORY[key] = _from_disk(key) or _to_disk(key, _compile(text, kernels, target_for(sm)))
    return _IN_MEMORY[key]


def code_key(text: str, kernels: Sequence[str], sm: int, form: str = "ptx") -> str:
    """The digest of all that the code of a module depends on. Raises DeviceError as `compile_ptx` does."""
    versions = f"{llvmlite.__version__} {'.'.join(map(str, llvm.llvm_version_info))}"
    parts = [text, *kernels, str(target_for(sm)), str(sm), versions, form, _libdevice_key(text)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


_IN_MEMORY: dict[str, str] = {}


def _compile(text: str, kernels: Sequence[str], sm: int) -> str:
    machine = _target().create_target_machine(cpu=f"sm_{sm}", opt=3)
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise PtxError(f"{error}\n{text}") from None
    if "@__nv_" in text:
        module.link_in(_libdevice())
    entries = set(kernels)
    for function in module.functions:
        if not function.is_declaration and function.name not in entries:
            function.linkage = "internal"
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    unused = llvm.create_new_module_pass_manager()
    unused.add_global_dead_code_eliminate_pass()  # most of libdevice; else half of the time goes into improving it
    unused.run(module, builder)
    builder.getModulePassManager().run(module, builder)
    ptx = str(machine.emit_assembly(module))
    declared = set(re.findall(r"^\.extern \.func.*?(\w+)\s*$", ptx, re.MULTILINE))
    if unresolved := declared - {"malloc", "free"}:  # those two the driver has
        raise PtxError(f"functions that exist on no GPU: {', '.join(unresolved)}\n{text}")
    return ptx


@cache
def _target() -> llvm.Target:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE)


def get_ready() -> None:
    """What the first `compile_ptx` of a process needs, whatever its kernels, done beforehand: by a thread of its own."""
    _target()
    with _parsing:
        if not _parsed and find_libdevice() is not None:
            _parsed.append(_parse_libdevice())


def _libdevice() -> llvm.ModuleRef:
    """libdevice, each time anew: linking consumes a module."""
    with _parsing:
        return _parsed.pop() if _parsed else _parse_libdevice()


_parsing = threading.Lock()
_parsed: list[llvm.ModuleRef] = []


def _parse_libdevice() -> llvm.ModuleRef:
    module = llvm.parse_bitcode(_libdevice_bytes())
    module.triple = TRIPLE  # its own, nvptx64-nvidia-gpulibs, would make the linker warn
    return module


@cache
def _libdevice_bytes() -> bytes:
    path = find_libdevice()
    if path is None:
        raise DeviceError(
            "libdevice.10.bc, NVIDIA's library of mathematical functions, was not found",
            help="install the CUDA toolkit, or pip install nvidia-nvvm (CUDA 12: nvidia-cuda-nvcc-cu12)",
        )
    return path.read_bytes()


def _libdevice_key(text: str) -> str:
    return _libdevice_digest() if "@__nv_" in text else ""


@cache
def _libdevice_digest() -> str:
    return hashlib.sha256(_libdevice_bytes()).hexdigest()


# -- the cache on disk


def cache_folder(kind: str = "ptx") -> Path:
    """Where PTX (or another kind of code) is kept: in $WENGERT_CACHE_DIR, else the platform's folder for caches."""
    if given := os.environ.get("WENGERT_CACHE_DIR"):
        return Path(given, kind)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/wengert" / kind
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "wengert" / kind
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wengert" / kind


def _from_disk(key: str) -> str | None:
    """The text kept under `key`, unless it is not whole (its last line tells)."""
    try:
        text = (cache_folder() / f"{key}.ptx").read_text()
    except (OSError, UnicodeDecodeError):
        return None
    ptx, _, mark = text.rpartition("\n// ")
    return ptx if mark == _digest(ptx) else None


def _to_disk(key: str, ptx: str) -> str:
    """Keep it if that is possible: a read-only or full disk costs time, not results."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as file:
            file.write(f"{ptx}\n// {_digest(ptx)}")
        os.replace(file.name, folder / f"{key}.ptx")
    except OSError:
        pass
    return ptx


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# -- ptxas, for tests and for the assembly view


def find_ptxas() -> str | None:
    """The path of ptxas, NVIDIA's assembler, or None."""
    return shutil.which("ptxas") or next(
        (str(p) for p in (Path("/usr/local/cuda/bin/ptxas"), Path("/opt/cuda/bin/ptxas")) if p.is_file()), None
    )


@cache
def assembler_targets() -> tuple[int, ...]:
    """The compute capabilities that this machine's ptxas assembles for; empty where there is no ptxas."""
    ptxas = find_ptxas()
    if ptxas is None:
        return ()
    text = subprocess.run([ptxas, "--help"], capture_output=True, text=True, check=False).stdout
    return tuple(sorted({int(n) for n in re.findall(r"'sm_(\d+)'", text)}))


def assemble(ptx: str, sm: int) -> bytes:
    """The machine code (a cubin) that ptxas makes of `ptx`. Raises PtxError with its message where it refuses."""
    ptxas = find_ptxas()
    if ptxas is None:
        raise DeviceError("ptxas was not found", help="install the CUDA toolkit, or pip install nvidia-cuda-nvcc")
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "kernel.ptx"), Path(folder, "kernel.cubin")
        source.write_text(ptx)
        done = subprocess.run(
            [ptxas, f"-arch=sm_{sm}", "-o", str(target), str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise PtxError(f"ptxas: {done.stderr or done.stdout}\n{ptx}")
        return target.read_bytes()
