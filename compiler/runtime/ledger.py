"""The ledger: every byte that moves between host and device, with its reason.

One ledger serves the session; `transfers()` shows it. It keeps the last `CAPACITY` entries, its totals count all.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from wengert.compiler.runtime.tables import html_table, readable_bytes, text_table

CAPACITY = 10_000
TO_DEVICE, TO_HOST = "to device", "to host"
_HEADERS = ("#", "array", "direction", "device", "bytes", "ms", "GB/s", "why")
_RIGHT = (0, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One copy between host and device.

    array: its name in the user's function. bytes: its size. direction: "to device" or "to host".
    milliseconds: how long the copy took, staging included. why: the reason, a few words.
    order: 0, 1, ... over the session. device: e.g. "cuda:0". time: seconds since the epoch at its end.
    call: the number of the call that it was for, also where its result was read later; 0 where there is none.
    """

    array: str
    bytes: int
    direction: str
    milliseconds: float
    why: str
    order: int
    device: str
    time: float
    call: int = 0

    @property
    def gigabytes_per_second(self) -> float:
        return self.bytes / self.milliseconds / 1e6 if self.milliseconds > 0 else 0.0


class Transfers(list[Transfer]):
    """Transfers in order, the oldest first; renders as a table with totals."""

    def __init__(self, entries: Iterable[Transfer] = (), dropped: int = 0):
        super().__init__(entries)
        self.dropped = dropped

    def bytes(self, direction: str | None = None) -> int:
        """Bytes moved by the entries here, in one direction ("to device", "to host") or both."""
        return sum(t.bytes for t in self if direction in (None, t.direction))

    @property
    def milliseconds(self) -> float:
        return sum(t.milliseconds for t in self)

    def summary(self) -> str:
        up, down = self.bytes(TO_DEVICE), self.bytes(TO_HOST)
        text = (
            f"{len(self)} transfer{'' if len(self) == 1 else 's'}: {readable_bytes(up)} to the device, "
            f"{readable_bytes(down)} to the host, {self.milliseconds:.3f} ms"
        )
        return text + (f" ({self.dropped} older ones are no longer listed)" if self.dropped else "")

    def rows(self) -> list[tuple[str, ...]]:
        return [
            (str(t.order), t.array, t.direction, t.device, readable_bytes(t.bytes), f"{t.milliseconds:.3f}",
             f"{t.gigabytes_per_second:.1f}", t.why)
            for t in self
        ]  # fmt: skip

    def __repr__(self) -> str:
        if not self:
            return "no transfers"
        return text_table(_HEADERS, self.rows(), _RIGHT) + "\n" + self.summary()

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self.rows(), _RIGHT, self.summary()) if self else "no transfers"


class Ledger:
    """Records transfers; safe to use from several threads."""

    def __init__(self, capacity: int = CAPACITY):
        self._lock = threading.Lock()
        self._entries: deque[Transfer] = deque(maxlen=capacity)
        self._count = 0
        self._cleared_at = 0
        self._calls = itertools.count(1)
        self._now = threading.local()

    def begin(self) -> int:
        """The number of the call that begins now in this thread: what it records is its own."""
        number: int = next(self._calls)
        self._now.call = number
        return number

    def record(
        self, array: str, bytes: int, direction: str, milliseconds: float, why: str, device: str, call: int | None = None
    ) -> Transfer:
        """Note one transfer and return it. call: None for that of this thread."""
        if call is None:
            call = getattr(self._now, "call", 0)
        with self._lock:
            entry = Transfer(array, bytes, direction, milliseconds, why, self._count, device, time.time(), call)
            self._count += 1
            self._entries.append(entry)
        return entry

    @property
    def mark(self) -> int:
        """The order that the next transfer will have: give it to `since` later."""
        return self._count

    def since(self, mark: int) -> Transfers:
        """The transfers recorded from `mark` on."""
        with self._lock:
            return Transfers(t for t in self._entries if t.order >= mark)

    def of_call(self, call: int) -> Transfers:
        """The transfers that were for one call."""
        with self._lock:
            return Transfers(t for t in self._entries if t.call == call)

    def transfers(self) -> Transfers:
        with self._lock:
            return Transfers(self._entries, self._count - self._cleared_at - len(self._entries))

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._cleared_at = self._count


LEDGER = Ledger()
"""The session's ledger."""


def transfers() -> Transfers:
    """The copies between host and devices in this session, the oldest first: a list of `Transfer`; renders as a table.

    Of each: `array` (its name), `bytes`, `direction` ("to device", "to host"), `milliseconds`, `why`, `device`. The last 10,000
    are listed, `.dropped` counts the others; `.bytes("to device")` and `.milliseconds` are sums of those listed.
    """
    return LEDGER.transfers()


def clear() -> None:
    """Empty the list; orders go on counting."""
    LEDGER.clear()
