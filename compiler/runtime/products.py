"""Products, factorizations and transforms of arrays by a library: cuBLAS where both operands of a product lie as it reads them,
else by the library's functions (CuPy's, which call cuBLAS, cuSOLVER and cuFFT)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from wengert.compiler.backend.device_program import Call, Product
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DTYPES
from wengert.compiler.ops.contraction import free_axes
from wengert.compiler.runtime.accelerator import Accelerator, Gemm


class Multiplier:
    """One `dot_general`. As matrices: [batch, m, k] times [batch, k, n], row-major, each perhaps transposed."""

    def __init__(self, product: Product):
        self.product = p = product
        (ca, cb), (ba, bb) = p.contract, p.batch
        self.fa, self.fb = free_axes(p.ranks[0], ca, ba), free_axes(p.ranks[1], cb, bb)
        self.dtype = DTYPES[p.dtype].numpy
        straight_a, turned_a = [*ba, *self.fa, *ca], [*ba, *ca, *self.fa]
        straight_b, turned_b = [*bb, *cb, *self.fb], [*bb, *self.fb, *cb]
        a, b = list(range(p.ranks[0])), list(range(p.ranks[1]))
        self.direct = a in (straight_a, turned_a) and b in (straight_b, turned_b)
        self.turned = a != straight_a, b != straight_b

    def __call__(self, gpu: Accelerator, out: int, a: int, b: int, extents: Sequence[int]) -> None:
        """Write the product at `out`. extents: of the first operand, then of the second."""
        rank = self.product.ranks[0]
        (ca, _), (ba, _) = self.product.contract, self.product.batch
        batch, m = prod(extents[i] for i in ba), prod(extents[i] for i in self.fa)
        k, n = prod(extents[i] for i in ca), prod(extents[rank + i] for i in self.fb)
        if batch * m * n == 0:
            return
        if k == 0:
            gpu.array(out, (batch * m * n,), self.dtype)[...] = 0
            return
        if not self.direct or not gpu.gemm(Gemm(self.dtype, batch, m, n, k, *self.turned), out, a, b):
            self._by_matmul(gpu, out, a, b, extents, (batch, m, n, k))

    def _by_matmul(
        self, gpu: Accelerator, out: int, a: int, b: int, extents: Sequence[int], sizes: tuple[int, int, int, int]
    ) -> None:
        (ca, cb), (ba, bb), (rank, _) = self.product.contract, self.product.batch, self.product.ranks
        batch, m, n, k = sizes
        x: Any = gpu.array(a, tuple(extents[:rank]), self.dtype)
        y: Any = gpu.array(b, tuple(extents[rank:]), self.dtype)
        left = x.transpose(*ba, *self.fa, *ca).reshape(batch, m, k)
        right = y.transpose(*bb, *cb, *self.fb).reshape(batch, k, n)
        gpu.library.matmul(left, right, out=gpu.array(out, (batch, m, n), self.dtype))


class Caller:
    """One row of kind "library"."""

    def __init__(self, call: Call):
        self.call, self.row = call, REGISTRY[call.row]
        self.dtypes = [DTYPES[name].numpy for name in call.dtypes]
        self.numbers = [DTYPES[name].numpy for name in call.numbers]

    def __call__(self, gpu: Accelerator, pointers: Sequence[int], extents: Sequence[int], words: np.ndarray) -> bool:
        """Write the results into the outputs; whether all went well. words: the numbers, eight bytes each."""
        call, at, arrays = self.call, 0, list[Any]()
        for pointer, rank, dtype in zip(pointers, call.ranks, self.dtypes, strict=True):
            arrays.append(gpu.array(pointer, tuple(extents[at : at + rank]), dtype))
            at += rank
        outputs, given = arrays[: call.outputs], arrays[call.outputs :]
        if all(out.size == 0 for out in outputs):
            return True
        numbers = [word.view(dtype)[0] for word, dtype in zip(words.reshape(-1, 1), self.numbers, strict=True)]
        results, fine = self._computed(gpu, (*given, *numbers))
        for out, result in zip(outputs, results, strict=False):
            out[...] = result.reshape(out.shape)
        return fine

    def _computed(self, gpu: Accelerator, operands: tuple[Any, ...]) -> tuple[Sequence[Any], bool]:
        """By NumPy's functions, which hand arrays of CuPy on to CuPy's of the same names."""
        library = self.row.library
        if gpu.library is np:
            assert self.row.evaluate is not None
            *results, fine = self.row.evaluate(*operands)
            return [np.asarray(r) for r in results], bool(fine)
        from cupyx import errstate

        operands = operands if library.sized else operands[: len(library.operands)]
        try:
            with errstate(linalg="raise"):  # else a matrix that cannot be handled gives numbers without a word
                found = library.numpy(*operands)
        except np.linalg.LinAlgError:
            return (), False
        return found if isinstance(found, tuple) else (found,), True
