"""Where the arrays and kernels of an offloaded function were at its last call, and what moved for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wengert.compiler.runtime.ledger import Transfers
from wengert.compiler.runtime.tables import html_table, readable_bytes, text_table


@dataclass(frozen=True, slots=True)
class ArrayAt:
    """An argument or result. bytes: its size. device: where it is now."""

    name: str
    bytes: int
    shape: tuple[int, ...]
    dtype: np.dtype
    device: str


@dataclass(frozen=True, slots=True)
class KernelAt:
    """A kernel of the function. launches: at the last call. line: in the user's source. milliseconds: where profiled."""

    name: str
    device: str
    launches: int
    line: int | None
    one_thread: bool
    milliseconds: float | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """One call of an offloaded function. Renders as tables."""

    device: str
    arrays: tuple[ArrayAt, ...]
    kernels: tuple[KernelAt, ...]
    transfers: Transfers
    notes: tuple[str, ...] = ()

    def _tables(self) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
        arrays: list[tuple[str, ...]] = [
            (a.name, str(a.dtype), str(a.shape), readable_bytes(a.bytes), a.device) for a in self.arrays
        ]
        kernels: list[tuple[str, ...]] = [
            (k.name, "-" if k.line is None else str(k.line), str(k.launches), "one" if k.one_thread else "many",
             "-" if k.milliseconds is None else f"{k.milliseconds:.3f}")
            for k in self.kernels
        ]  # fmt: skip
        return [
            (("array", "dtype", "shape", "bytes", "on"), arrays),
            (("kernel", "line", "launches", "threads", "ms"), kernels),
        ]

    def __repr__(self) -> str:
        parts = [text_table(headers, rows) for headers, rows in self._tables() if rows]
        return "\n\n".join([*parts, repr(self.transfers), *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        parts = [html_table(headers, rows) for headers, rows in self._tables() if rows]
        return "".join([*parts, self.transfers._repr_html_(), *(f"<p>note: {note}</p>" for note in self.notes)])
