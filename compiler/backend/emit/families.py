"""Importing this module fills `host.EMIT` with every family."""

from __future__ import annotations

from wengert.compiler.backend.emit import checks, control, library, reductions, updates
from wengert.compiler.backend.emit.contraction import blas_addresses, contract
from wengert.compiler.backend.emit.library import loop_addresses

__all__ = ["blas_addresses", "checks", "contract", "control", "library", "loop_addresses", "reductions", "updates"]
