"""Products of matrices by BLAS."""

from __future__ import annotations

from wengert.compiler.backend.emit.host import HostEmitter
from wengert.compiler.backend.emit.text import Module
from wengert.compiler.ir.core import Op


def contract(host: HostEmitter, op: Op) -> bool:
    return False


def blas_addresses(module: Module) -> dict[str, int]:
    return {}
