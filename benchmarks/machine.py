"""What a benchmark ran on: the processor, and the versions of what was compared."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

import wengert as wg


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
        names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    except OSError:
        names = []
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {platform.system()}"


def versions(*packages: str) -> dict[str, str]:
    """wengert's, Python's and those of the packages; "missing" where one is not installed."""
    found = {"wengert": wg.__version__, "Python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
