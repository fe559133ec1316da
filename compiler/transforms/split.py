"""`offload(batch, [devices])`: the calls of one batch shared out over several devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from wengert.compiler.diag.errors import OptionError
from wengert.compiler.ir.tree import flatten
from wengert.compiler.transforms.batched import Batch, axes_of
from wengert.compiler.transforms.offloaded import Offload


@dataclass(frozen=True, slots=True)
class Share:
    """The calls `start` to `stop` of a batch, and the device that ran them."""

    device: str
    start: int
    stop: int


class Split:
    """A batch over several devices; results are NumPy arrays, put together in the order of the calls.

    `parts` are the offloaded functions, one for each device; `split` the shares of the last call. Each device has its part
    of the arguments that are counted by an axis and all of the others. Parts run at the same time.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        devices: Sequence[str],
        fallback: str | None = None,
        shares: Sequence[float] | None = None,
        deterministic: bool = False,
    ):
        if not isinstance(function, Batch):
            raise OptionError(
                "only a batch can be split over several devices: its calls are known to be independent",
                help="Write wg.offload(wg.batch(f), [...]), or name one device.",
            )
        shares = tuple(shares) if shares is not None else (1.0,) * len(devices)
        if len(shares) != len(devices) or not devices or min(shares) < 0 or not sum(shares) > 0:
            raise OptionError(f"shares={list(shares)}: one number that is not negative for each of {len(devices)} devices")
        self.__wrapped__, self.shares = function, shares
        self.__name__ = "_".join([function.__name__, *(d.replace(":", "") for d in devices)])
        self.parts = tuple(Offload(function, device, fallback, deterministic=deterministic) for device in devices)
        self.split: tuple[Share, ...] = ()
        self._pool = ThreadPoolExecutor(len(devices), "wengert-device")

    @property
    def notice(self) -> str:
        """What is not as asked: devices that are missing and were replaced by the CPU."""
        return "; ".join(part.notice for part in self.parts if part.notice)

    def __call__(self, *args: Any) -> Any:
        """Raises OptionError where axes of the arguments have different extents. A batch writes into no argument."""
        args = self.__wrapped__.convert(args)
        leaves, tree = flatten(args)
        axes = axes_of(self.__wrapped__, tree, [np.ndim(leaf) for leaf in leaves])
        count = self._count(leaves, axes)
        self.split = tuple(s for s in self._shares(count) if s.stop > s.start) or (Share(self.parts[0].device, 0, count),)
        parts = [part for part, s in zip(self.parts, self._shares(count), strict=True) if s.stop > s.start]
        work = [
            self._pool.submit(_run, part, tree.unflatten(_taken(leaves, axes, share)))
            for part, share in zip(parts or self.parts[:1], self.split, strict=True)
        ]
        results = [one.result() for one in work]
        out = results[0][1]
        out_axes = axes_of(self.__wrapped__, out, [leaf.ndim for leaf in results[0][0]], results=True)
        return out.unflatten(
            [np.concatenate(pieces, axis or 0) for axis, *pieces in zip(out_axes, *(r[0] for r in results), strict=True)]
        )

    def _count(self, leaves: list[Any], axes: list[int | None]) -> int:
        counts = {np.shape(leaf)[axis] for leaf, axis in zip(leaves, axes, strict=True) if axis is not None}
        if len(counts) != 1:
            raise OptionError(f"the axes that count calls have the extents {sorted(counts)}; they must be the same")
        return int(counts.pop())

    def _shares(self, count: int) -> list[Share]:
        ends = np.rint(np.cumsum(self.shares) / sum(self.shares) * count).astype(int).tolist()
        return [Share(p.device, a, b) for p, a, b in zip(self.parts, [0, *ends], ends, strict=False)]

    def __wengert_trace__(self, *_: Any) -> NoReturn:
        raise OptionError(
            f"{self.__name__} runs on several devices and cannot be part of another compiled function",
            help="Apply the transform first, and split its batch: wg.offload(wg.batch(wg.grad(f)), [...]).",
        )

    def __repr__(self) -> str:
        shares = ", ".join(f"{s.device} {s.stop - s.start}" for s in self.split) or "not called yet"
        return f"<wengert split {self.__name__}: {shares}>"


def _taken(leaves: list[Any], axes: list[int | None], share: Share) -> list[Any]:
    """The leaves of one part: views, no copies."""
    return [
        leaf if axis is None else np.asarray(leaf)[(slice(None),) * axis + (slice(share.start, share.stop),)]
        for leaf, axis in zip(leaves, axes, strict=True)
    ]


def _run(part: Offload, args: tuple[Any, ...]) -> tuple[list[np.ndarray], Any]:
    results, tree = flatten(part(*args))
    return [np.asarray(result) for result in results], tree
