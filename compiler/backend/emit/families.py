"""Importing this module fills `host.EMIT` with every family."""

from __future__ import annotations

from collections.abc import Collection

from wengert.compiler.backend.emit import checks, control, library, order, reductions, updates
from wengert.compiler.backend.emit.contraction import blas_addresses, contract
from wengert.compiler.backend.emit.library import loop_addresses
from wengert.compiler.backend.emit.order import order_addresses

__all__ = ["checks", "contract", "control", "library", "library_addresses", "order", "reductions", "updates"]


def library_addresses(declared: Collection[str]) -> dict[str, int]:
    """Where the functions of libraries are that a module declares."""
    return blas_addresses(declared) | loop_addresses(declared) | order_addresses(declared)
