"""Importing this module fills `host.EMIT` with every family."""

from __future__ import annotations

from wengert.compiler.backend.emit import checks, control, reductions, updates
from wengert.compiler.backend.emit.contraction import blas_addresses, contract

__all__ = ["blas_addresses", "checks", "contract", "control", "reductions", "updates"]
