"""Where libdevice, NVIDIA's bitcode library of mathematical functions, lies on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FILE = "libdevice.10.bc"


def _candidates() -> Iterator[Path]:
    if given := os.environ.get("WENGERT_LIBDEVICE"):
        yield Path(given)
    for variable in ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"):
        if root := os.environ.get(variable):
            yield Path(root, "nvvm/libdevice", FILE)
    for folder in map(Path, sys.path):
        # the wheels nvidia-nvvm (nvidia/cu13) and nvidia-cuda-nvcc (nvidia/cuda_nvcc), and Triton's copy
        if (folder / "nvidia").is_dir():
            yield from sorted(folder.glob(f"nvidia/*/nvvm/libdevice/{FILE}"), reverse=True)
        yield folder / "triton/backends/nvidia/lib" / FILE
    yield Path("/usr/local/cuda/nvvm/libdevice", FILE)
    yield from sorted(Path("/usr/local").glob(f"cuda-*/nvvm/libdevice/{FILE}"), reverse=True)
    yield Path("/usr/lib/nvidia-cuda-toolkit/libdevice", FILE)
    yield Path("/opt/cuda/nvvm/libdevice", FILE)
    if prefix := os.environ.get("CONDA_PREFIX"):
        yield Path(prefix, "nvvm/libdevice", FILE)


@cache
def find_libdevice() -> Path | None:
    """The path of libdevice.10.bc, or None where no CUDA toolkit or wheel on this machine brings one."""
    for path in _candidates():
        if path.is_file():
            return path
    return _ask_pathfinder()


def _ask_pathfinder() -> Path | None:
    try:
        from cuda.pathfinder import find_bitcode_lib
    except ImportError:  # absent, or a version that does not look for bitcode
        return None
    try:
        return Path(find_bitcode_lib("device"))
    except Exception:  # its errors have no common base in all versions; nothing found is nothing found
        return None
