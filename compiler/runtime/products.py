"""Products of arrays by a library: cuBLAS where both operands lie as it reads them, else by the library's `matmul`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from wengert.compiler.backend.device_program import Product
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
