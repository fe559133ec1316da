"""`offload(f, [devices])`: the calls of a batch, or the outer axis of another function, shared out over several devices."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import get_ident
from typing import Any, NoReturn

import numpy as np

from wengert.compiler.diag.errors import OptionError
from wengert.compiler.frontend.reads import unchanged
from wengert.compiler.frontend.signature import Signature, signature_of
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.passes.portion import portion, shares, without_single_places
from wengert.compiler.runtime.device_array import DeviceNumber
from wengert.compiler.runtime.ledger import Transfers
from wengert.compiler.runtime.placement import Placement
from wengert.compiler.runtime.support import support
from wengert.compiler.transforms.batched import Batch, axes_of
from wengert.compiler.transforms.compiled import trace_for
from wengert.compiler.transforms.offloaded import Offload
from wengert.compiler.transforms.settle import settled
from wengert.compiler.transforms.structure import positional


@dataclass(frozen=True, slots=True)
class Share:
    """The calls `start` to `stop` of a batch, and the device that ran them."""

    device: str
    start: int
    stop: int


class _Portions:
    """A function's part for shares of its outer axis (passes/portion.py), for arguments of one kind."""

    def __init__(self, function: Callable[..., Any], signature: Signature, parts: Sequence[Offload]):
        recorder = Recorder()
        self.traced = traced = settled(trace_for(function, signature, recorder), recorder, "language")
        self.portion = portion(traced.function)
        made = recorder.stage("part", lambda: self.portion.function)
        made = optimise(made, recorder)
        flags = [bool(weak) for weak in traced.weak]
        self.executables = [part.load(made, traced.source, flags) for part in parts]

    def count(self, leaves: Sequence[Any]) -> int:
        params = self.portion.count.params
        shapes = [np.broadcast_to(np.zeros((), p.type.dtype.numpy), np.shape(v)) for p, v in zip(params, leaves, strict=True)]
        (count,) = interpret(
            self.portion.count, [s if p.type.is_array else v for p, v, s in zip(params, leaves, shapes, strict=True)]
        )
        return int(count)

    def leaves(self, leaves: Sequence[Any], share: Share) -> list[Any]:
        """The arguments of one part: views of what is cut."""
        cuts = self.portion.cuts
        extents = [np.shape(leaf)[axis] for leaf, axis in zip(leaves, cuts, strict=True) if axis is not None]
        return [*_taken(leaves, cuts, share), share.start, share.stop, *extents]

    def joined(self, pieces: Sequence[Sequence[Any]]) -> list[Any]:
        return [_joined(how, column) for how, column in zip(self.portion.joins, zip(*pieces, strict=True), strict=True)]


_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add, "multiply": operator.mul, "maximum": np.maximum, "minimum": np.minimum,
    "bitwise_or": operator.or_, "bitwise_and": operator.and_,
}  # fmt: skip


def _joined(how: int | str, pieces: Sequence[Any]) -> Any:
    pieces = [_here(p) for p in pieces]
    if isinstance(how, int):
        return np.concatenate(pieces, how)
    if how == "same":
        return pieces[0]
    with np.errstate(all="ignore"):
        total = functools.reduce(_COMBINE[how], pieces)
    return type(pieces[0])(total) if isinstance(pieces[0], bool | int | float | complex) else total


class _Work:
    """One part of a call, on a thread of its own."""

    def __init__(self, pool: ThreadPoolExecutor, run: Callable[[], Any]):
        self._run, self._thread, self._wanted = run, 0, True
        self.future: Future[Any] = pool.submit(self._begin)

    def _begin(self) -> Any:
        self._thread = get_ident()
        if not self._wanted:
            raise CancelledError
        return self._run()

    def give_up(self) -> None:
        """End it where compiled code of the CPU looks for signals; a device finishes what it was asked for."""
        self._wanted = False
        thread = self._thread
        if self.future.cancel() or self.future.done() or not thread:
            return
        support().interrupt(thread)
        self.future.add_done_callback(lambda _: support().allow(thread))


def _gathered(work: Sequence[_Work]) -> list[Any]:
    """The results; where one part raises, or a signal does, the others are given up."""
    try:
        return [one.future.result() for one in work]
    except BaseException:
        for one in work:
            one.give_up()
        raise


class Split:
    """A function over several devices; results are NumPy arrays and numbers, put together in order.

    The calls of a batch are shared out; of other functions the outer axis of their results, or of what these are reduced from:
    loops whose iterations each keep to an index of their own, and array expressions. `parts` are the offloaded functions, one
    for each device; `split` the shares of the last call, `placement` what each device held and ran. Each device is sent its
    part of the arguments that are cut, and all of the others. Parts run at the same time.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        devices: Sequence[str],
        fallback: str | None = None,
        shares: Sequence[float] | None = None,
        deterministic: bool = False,
    ):
        if not devices:
            raise OptionError("the list of devices is empty", help='Name at least one: "cpu", "cuda:0".')
        weights = tuple(shares) if shares is not None else (1.0,) * len(devices)
        if len(weights) != len(devices) or not all(0 <= w < np.inf for w in weights) or not any(weights):
            raise OptionError(
                f"shares={list(weights)}: one number for each of {len(devices)} devices, none negative and not all of them 0"
            )
        self.__wrapped__, self.shares = function, weights
        self.__name__ = "_".join([getattr(function, "__name__", "f"), *(d.replace(":", "") for d in devices)])
        self.parts = tuple(Offload(function, device, fallback, deterministic=deterministic) for device in devices)
        self.split: tuple[Share, ...] = ()
        self._portions: dict[Any, _Portions] = {}
        self._ran: list[Any] = []
        self._pool = ThreadPoolExecutor(len(devices), "wengert-device")

    @property
    def notice(self) -> str:
        """What is not as asked: devices that are missing and were replaced by the CPU."""
        return "; ".join(part.notice for part in self.parts if part.notice)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises OptionError where axes of a batch's arguments have different extents, and UnsupportedError, with the line, for a
        function whose outer axis cannot be shared out."""
        args = self.parts[0].convert(positional(self.__wrapped__, args, kwargs))
        if isinstance(self.__wrapped__, Batch):
            return self._batch(self.__wrapped__, self.__wrapped__.convert(args))
        return self._outer_axis(args)

    def _batch(self, batch: Batch, args: tuple[Any, ...]) -> Any:
        leaves, tree = flatten(args)
        axes = axes_of(batch, tree, [np.ndim(leaf) for leaf in leaves])
        work = self._start(
            shares(self.shares, self._count(leaves, axes)),
            lambda k, share: _run(self.parts[k], tree.unflatten(_taken(leaves, axes, share))),
        )
        results = _gathered(work)
        self._ran = [part.last.executable for part in self.parts if part.last is not None]
        out = results[0][1]
        out_axes = axes_of(batch, out, [leaf.ndim for leaf in results[0][0]], results=True)
        return out.unflatten(
            [np.concatenate(pieces, axis or 0) for axis, *pieces in zip(out_axes, *(r[0] for r in results), strict=True)]
        )

    def _outer_axis(self, args: tuple[Any, ...]) -> Any:
        leaves, _ = flatten(args)
        if all(np.shape(v)[0] == 1 for v in leaves if np.ndim(v)) and any(np.ndim(v) for v in leaves):
            return self._alone(args)  # an axis of extent 1 may repeat: there is nothing to share out
        made = self._made(signature_of(args))
        given = [*(np.asarray(v) if np.ndim(v) else v for v in leaves), *made.traced.captures]
        places = without_single_places(shares(self.shares, made.count(given)))
        work = self._start(places, lambda k, share: made.executables[k].call(*made.leaves(given, share)))
        results = made.joined(_gathered(work))
        self._ran = made.executables
        written = made.traced.function.written
        for place, result in zip(written, results, strict=True):
            if place is not None:
                np.copyto(leaves[place], result)
        return made.traced.out.unflatten([r for r, place in zip(results, written, strict=True) if place is None])

    def _alone(self, args: tuple[Any, ...]) -> Any:
        results, tree = _run(self.parts[0], args)
        self.split, self._ran = (Share(self.parts[0].device, 0, 1),), [self.parts[0].last and self.parts[0].last.executable]
        return tree.unflatten(results)

    def _made(self, signature: Signature) -> _Portions:
        known = self._portions.get(signature.key)
        if known is None or not unchanged(known.traced.reads):
            known = self._portions[signature.key] = _Portions(self.__wrapped__, signature, self.parts)
        return known

    def _start(self, places: Sequence[range], run: Callable[[int, Share], Any]) -> list[_Work]:
        """Every share that is not empty, each on its device's thread."""
        every = [Share(p.device, r.start, r.stop) for p, r in zip(self.parts, places, strict=True)]
        chosen = [k for k, share in enumerate(every) if share.stop > share.start] or [0]
        self.split = tuple(every[k] for k in chosen)
        return [_Work(self._pool, functools.partial(run, k, every[k])) for k in chosen]

    @property
    def placement(self) -> Placement:
        """Who ran which places at the last call, and the arrays, kernels and transfers of each device."""
        places = [found() for one in self._ran if (found := getattr(one, "placement", None)) is not None]
        notes = [f"{s.device} ran {s.start} to {s.stop} of {self.split[-1].stop}" for s in self.split]
        transfers = {t.order: t for place in places for t in place.transfers}
        return Placement(
            ", ".join(s.device for s in self.split),
            tuple(array for place in places for array in place.arrays),
            tuple(kernel for place in places for kernel in place.kernels),
            Transfers(transfers[k] for k in sorted(transfers)),
            (*notes, *dict.fromkeys(note for place in places for note in place.notes)),
        )

    def _count(self, leaves: list[Any], axes: list[int | None]) -> int:
        counts = {np.shape(leaf)[axis] for leaf, axis in zip(leaves, axes, strict=True) if axis is not None}
        if len(counts) != 1:
            raise OptionError(f"the axes that count calls have the extents {sorted(counts)}; they must be the same")
        return int(counts.pop())

    def __wengert_trace__(self, *_: Any) -> NoReturn:
        raise OptionError(
            f"{self.__name__} runs on several devices and cannot be part of another compiled function",
            help="Apply the transform first, and split its batch: wg.offload(wg.batch(wg.grad(f)), [...]).",
        )

    def __repr__(self) -> str:
        shares = ", ".join(f"{s.device} {s.stop - s.start}" for s in self.split) or "not called yet"
        return f"<wengert split {self.__name__}: {shares}>"


def _taken(leaves: Sequence[Any], axes: Sequence[int | None], share: Share) -> list[Any]:
    """The leaves of one part: views, no copies."""
    return [
        leaf if axis is None else np.asarray(leaf)[(slice(None),) * axis + (slice(share.start, share.stop),)]
        for leaf, axis in zip(leaves, axes, strict=True)
    ]


def _run(part: Offload, args: tuple[Any, ...]) -> tuple[list[np.ndarray], Any]:
    results, tree = flatten(part(*args))
    return [_here(result) for result in results], tree


def _here(result: Any) -> Any:
    """A part's result as an array of NumPy, or as the number that it is."""
    return result.number("gathered") if isinstance(result, DeviceNumber) else np.asarray(result) if np.ndim(result) else result
