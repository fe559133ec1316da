"""Discrete Fourier transforms by pocketfft, through NumPy's own loops, over the last axis.

Operands: the array, the factor that the results are multiplied with, and the extent of the result's last axis: n for all but
`rfft`, n // 2 + 1 for that. With w = exp(-2 pi i / n) and the pairing Re(sum(cotangent * tangent)) of complexes.py:

    y = fft x        y_k = sum_j w^jk x_j       the matrix is symmetric: x_bar = fft y_bar; ifft the same with w^-jk
    y = rfft x       x_bar_j = Re(sum_{k <= n/2} w^jk y_bar_k) = irfft(conj(y_bar) / c)
    x = irfft y      x_j = Re(sum_{k <= n/2} c_k w^-jk y_k),   y_bar = c * conj(rfft(x_bar))

where c_k is 1 for k = 0 and k = n/2, and 2 between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.types import BOOL, PART
from wengert.compiler.ops.complexes import complex_of, conjugate
from wengert.compiler.ops.library import row

MODULE = "numpy.fft._pocketfft_umath"


def _push(ctx: Any, op: Op, dx: Value, *rest: Any) -> Sequence[Value]:
    b: Builder = ctx.builder
    fixed = [ctx.primal(v) for v in op.operands[1:]]
    return b.op(op.name, (dx, *fixed)).results[0], b.constant(True, BOOL)


def _pull_same(ctx: Any, op: Op, cotangent: Value, fine: Value) -> None:
    fixed = [ctx.primal(v) for v in op.operands[1:]]
    ctx.add(op.operands[0], ctx.builder.op(op.name, (cotangent, *fixed)).results[0])


def _counted(b: Builder, half: Value, n: Value, inner: float) -> Value:
    """half_k times 1 for k = 0 and 2 k = n, `inner` elsewhere."""
    extents = b.extents(half)
    k = b.emit("iota", extents[-1])
    zero, two = b.integer(0), b.integer(2)
    edge = b.emit("bitwise_or", b.emit("equal", k, zero), b.emit("equal", b.emit("multiply", k, two), n))
    real = PART[half.type.dtype]
    count = b.emit("where", edge, b.constant(1.0, real), b.constant(inner, real))
    c = complex_of(Sym(b, count), 0.0).value
    return b.emit("multiply", half, b.broadcast(c, extents, (half.type.rank - 1,)))


def _pull_rfft(ctx: Any, op: Op, cotangent: Value, fine: Value) -> None:
    b: Builder = ctx.builder
    x, factor = op.operands[0], ctx.primal(op.operands[1])
    n = b.extent(ctx.primal(x), x.type.rank - 1)
    half = _counted(b, conjugate(Sym(b, cotangent)).value, n, 0.5)
    ctx.add(x, b.op("irfft", (half, factor, n)).results[0])


def _pull_irfft(ctx: Any, op: Op, cotangent: Value, fine: Value) -> None:
    b: Builder = ctx.builder
    x, (factor, n) = op.operands[0], [ctx.primal(v) for v in op.operands[1:]]
    size = b.extent(ctx.primal(x), x.type.rank - 1)
    found = b.op("rfft", (cotangent, factor, size)).results[0]
    ctx.add(x, _counted(b, conjugate(Sym(b, found)).value, n, 2.0))


def _scaled(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, factor, n=None: function(x, n, norm="backward" if function in _FORWARD else "forward") * factor


_FORWARD = (np.fft.fft, np.fft.rfft)


def _row(name: str, loop: str, signature: str, evaluate: Callable[..., Any], pullback: Any, doc: str, **fields: Any) -> None:
    row(name, loop, signature, evaluate, _push, (name,), module=MODULE, pullback=pullback, doc=doc, **fields)


_row("fft", "fft", "(n),()->(m)", _scaled(np.fft.fft), _pull_same, "discrete Fourier transform times a factor; m = n", sized=True)
_row("ifft", "ifft", "(n),()->(m)", _scaled(np.fft.ifft), _pull_same, "fft with the opposite sign in the exponent, times a factor; m = n", sized=True)
_row("rfft", "rfft_n_even", "(n),()->(m)", lambda x, factor: np.fft.rfft(x) * factor, _pull_rfft, "the first m = n // 2 + 1 of the fft of real numbers, times a factor", odd="rfft_n_odd")  # fmt: skip
_row("irfft", "irfft", "(m),()->(n)", _scaled(np.fft.irfft), _pull_irfft, "n real numbers from the first n // 2 + 1 of their fft, times n and a factor", sized=True)  # fmt: skip
