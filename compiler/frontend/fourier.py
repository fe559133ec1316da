"""np.fft in the language, around the transforms over the last axis, which are rows (ops/fourier.py)."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.compiler.frontend.arithmetic import scalar_value
from wengert.compiler.frontend.creation import array_only
from wengert.compiler.frontend.objects import ArrayValue, Object
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.types import C64, C128, F32, F64, I64, PART

# ruff: noqa: A002, E501, SIM108
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, check-untyped-defs=False


class _Transform:
    """`row(x, factor)` or `row(x, factor, size)` in compiled code: the transform over the last axis."""

    def __init__(self, row: str):
        self.row = row
        self.__name__ = f"np.fft.{row}"

    def build(self, tracer: Tracer, x: Object, factor: Object, n: Object = None) -> Object:  # type: ignore[assignment]
        content = tracer.read(array_only(tracer, x))
        given = content.value.type.dtype
        single = given in (F32, C64)
        wanted = (F32 if single else F64) if self.row == "rfft" else (C64 if single else C128)
        value = tracer.builder.cast(content.value, wanted)
        operands = [value, scalar_value(tracer, factor, PART.get(wanted, wanted))]
        last = content.extents[-1]
        if self.row == "rfft":
            last = tracer.index.quotient(last, 2) + 1
        elif self.row == "irfft":
            last = tracer.index.of(scalar_value(tracer, n, I64))
        operands.append(tracer.index.value(last))
        made = tracer.builder.op(self.row, operands).results[0]
        return tracer.fresh(ArrayValue(made, (*content.extents[:-1], last)))


_fft, _ifft, _rfft, _irfft = map(_Transform, ("fft", "ifft", "rfft", "irfft"))
TRANSFORMS: dict[Any, Any] = {t: t.build for t in (_fft, _ifft, _rfft, _irfft)}

# -- in the language


def _resized(x, n):
    """Zeros after the elements of the last axis, or fewer of these."""
    if n is None:
        return x
    made = np.zeros(x.shape[:-1] + (n,), dtype=x.dtype)
    m = min(n, x.shape[-1])
    made[..., :m] = x[..., :m]
    return made


def _factor(n, norm, forward):
    if n < 1:
        raise ValueError("Invalid number of FFT data points specified.")
    if norm is None or norm == "backward":
        return 1.0 if forward else 1.0 / n
    if norm == "ortho":
        return 1.0 / np.sqrt(np.float64(n))
    if norm == "forward":
        return 1.0 / n if forward else 1.0
    raise ValueError('Invalid norm value; should be "backward", "ortho" or "forward".')


def fft(a, n=None, axis=-1, norm=None):
    x = _resized(np.moveaxis(np.asarray(a), axis, -1), n)
    return np.moveaxis(_fft(x, _factor(x.shape[-1], norm, True)), -1, axis)


def ifft(a, n=None, axis=-1, norm=None):
    x = _resized(np.moveaxis(np.asarray(a), axis, -1), n)
    return np.moveaxis(_ifft(x, _factor(x.shape[-1], norm, False)), -1, axis)


def rfft(a, n=None, axis=-1, norm=None):
    x = _resized(np.moveaxis(np.asarray(a), axis, -1), n)
    if np.iscomplexobj(x):
        raise TypeError("np.fft.rfft takes real numbers: use np.fft.fft")
    return np.moveaxis(_rfft(x, _factor(x.shape[-1], norm, True)), -1, axis)


def irfft(a, n=None, axis=-1, norm=None):
    x = np.moveaxis(np.asarray(a), axis, -1)
    size = 2 * (x.shape[-1] - 1) if n is None else n
    factor = _factor(size, norm, False)
    return np.moveaxis(_irfft(_resized(x, size // 2 + 1), factor, size), -1, axis)


def hfft(a, n=None, axis=-1, norm=None):
    x = np.moveaxis(np.asarray(a), axis, -1)
    size = 2 * (x.shape[-1] - 1) if n is None else n
    factor = _factor(size, norm, True)
    return np.moveaxis(_irfft(np.conj(_resized(x, size // 2 + 1)), factor, size), -1, axis)


def ihfft(a, n=None, axis=-1, norm=None):
    if np.iscomplexobj(a):
        raise TypeError("ihfft takes real numbers")
    x = _resized(np.moveaxis(np.asarray(a), axis, -1), n)
    return np.moveaxis(np.conj(_rfft(x, _factor(x.shape[-1], norm, False))), -1, axis)


def _lengths(a, s, axes):
    """Which extents the transform over several axes is of, and which axes."""
    if axes is None:
        chosen = tuple(range(-len(s), 0)) if s is not None else tuple(range(-np.ndim(a), 0))
    else:
        chosen = tuple(axes)
    sizes = (None,) * len(chosen) if s is None else tuple(s)
    return tuple(zip(sizes, chosen))  # noqa: B905


def fftn(a, s=None, axes=None, norm=None):
    x = np.asarray(a)
    for n, k in reversed(_lengths(x, s, axes)):
        x = fft(x, n, k, norm)
    return x


def ifftn(a, s=None, axes=None, norm=None):
    x = np.asarray(a)
    for n, k in reversed(_lengths(x, s, axes)):
        x = ifft(x, n, k, norm)
    return x


def rfftn(a, s=None, axes=None, norm=None):
    plan = _lengths(a, s, axes)
    n, k = plan[-1]
    x = rfft(a, n, k, norm)
    for n, k in plan[:-1]:
        x = fft(x, n, k, norm)
    return x


def irfftn(a, s=None, axes=None, norm=None):
    x = np.asarray(a)
    plan = _lengths(x, s, axes)
    for n, k in plan[:-1]:
        x = ifft(x, n, k, norm)
    n, k = plan[-1]
    return irfft(x, n, k, norm)


def fft2(a, s=None, axes=(-2, -1), norm=None):
    return fftn(a, s, axes, norm)


def ifft2(a, s=None, axes=(-2, -1), norm=None):
    return ifftn(a, s, axes, norm)


def rfft2(a, s=None, axes=(-2, -1), norm=None):
    return rfftn(a, s, axes, norm)


def irfft2(a, s=None, axes=(-2, -1), norm=None):
    return irfftn(a, s, axes, norm)


def fftfreq(n, d=1.0):
    k = np.arange(n)
    return np.where(k < (n - 1) // 2 + 1, k, k - n) * (1.0 / (n * d))


def rfftfreq(n, d=1.0):
    return np.arange(n // 2 + 1) * (1.0 / (n * d))


def _turned(x, axis, start):
    """The elements of an axis from `start` on, then those before."""
    y = np.moveaxis(x, axis, -1)
    made = np.zeros_like(y)
    n = y.shape[-1]
    made[..., : n - start(n)] = y[..., start(n) :]
    made[..., n - start(n) :] = y[..., : start(n)]
    return np.moveaxis(made, -1, axis)


def _axes(x, axes):
    if axes is None:
        return tuple(range(np.ndim(x)))
    if np.ndim(axes) == 0:
        return (axes,)
    return tuple(axes)


def fftshift(x, axes=None):
    y = np.asarray(x)
    if y.ndim == 0:
        raise ValueError("an array of no dimensions has nothing to shift")
    for k in _axes(y, axes):
        y = _turned(y, k, lambda n: (n + 1) // 2)
    return y


def ifftshift(x, axes=None):
    y = np.asarray(x)
    if y.ndim == 0:
        raise ValueError("an array of no dimensions has nothing to shift")
    for k in _axes(y, axes):
        y = _turned(y, k, lambda n: n // 2)
    return y


WRITTEN: dict[Any, Any] = {
    getattr(np.fft, f.__name__): f
    for f in (
        fft, ifft, rfft, irfft, hfft, ihfft, fftn, ifftn, rfftn, irfftn, fft2, ifft2, rfft2, irfft2, fftfreq, rfftfreq, fftshift, ifftshift
    )
}  # fmt: skip
