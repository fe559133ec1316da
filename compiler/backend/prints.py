"""Where `print` cannot run: in loops whose iterations have no order, which threads share, and on devices."""

from __future__ import annotations

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.core import Block, Function


def refuse_prints(function: Function, device: bool = False) -> None:
    """Raises UnsupportedError at a `print` in a parallel loop (of `prange`, or of a batch), or with `device` at any."""
    _refuse(function.body, device)


def _refuse(block: Block, unordered: bool) -> None:
    for op in block.ops:
        if op.name == "print" and unordered:
            message = "`print` cannot run on a device, in a batch or in a parallel loop"
            raise UnsupportedError(message, op.span, help="Return what is to be shown, or take the print out.")
        for region in op.regions:
            _refuse(region, unordered or bool(op.attrs.get("parallel")))
