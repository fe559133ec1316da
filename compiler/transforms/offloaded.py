"""`offload(f, device)`: the function on a device, its arrays sent there and kept there by themselves."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from wengert.compiler.diag.errors import DeviceError, OptionError, UnsupportedError
from wengert.compiler.diag.span import Source
from wengert.compiler.frontend.signature import Signature, signature_of
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.core import Function
from wengert.compiler.passes.pipeline import Recorder
from wengert.compiler.runtime import cpu, devices, offload
from wengert.compiler.runtime.support import support
from wengert.compiler.transforms.batched import Batch
from wengert.compiler.transforms.compiled import Compiled, Program
from wengert.compiler.transforms.entries import Way
from wengert.compiler.transforms.settle import Sorts
from wengert.compiler.transforms.structure import positional

FALLBACK = """fallback="cpu" (in a cell: --fallback cpu) runs it on all cores of the CPU"""


class FallbackWarning(UserWarning):
    """A function runs on the CPU because its device cannot run it, which was seen when it was compiled."""


class Offload(Compiled):
    """`f` on one device. Its array results stay there (`DeviceArray`) until they are read.

    fallback="cpu": without the device, or where it cannot run the function, the CPU; `notice` says so. deterministic: the same
    bits in every run; what would add in an order that changes is refused at its line.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        device: str = "cuda:0",
        fallback: str | None = None,
        name: str | None = None,
        deterministic: bool = False,
    ):
        if fallback not in (None, "cpu"):
            raise OptionError(f"fallback={fallback!r}: it is None or 'cpu'")
        self.asked, self.fallback, self.deterministic = device, fallback, deterministic
        self.notice, self.why = "", ""
        """What the user is to know where it does not run on the device that was asked for; `why` is the reason alone."""
        try:
            self.device = devices.resolve(device).id
        except DeviceError as error:
            if fallback is None:
                raise DeviceError(error.message, error.span, help=f"{FALLBACK}; {error.help}") from None
            self.device, self.why = fallback, error.message.rstrip(".")
            self.notice = f"{self.why}; running on the CPU instead{_on_threads()}"
        self.watch: Callable[[Offload, tuple[Any, ...]], None] | None = None
        """Called with the arguments before the first call of each kind: `%%offload --compare` compares there."""
        self.__wengert_device__ = self.device  # compiled code around it would run its body elsewhere: it is refused there
        self._watched: set[Any] = set()
        label = device.replace(":", "")  # the device that was asked for: a notebook's names are the same everywhere
        super().__init__(function, name or f"{getattr(function, '__name__', 'f')}_{label}")

    FORGOTTEN = Compiled.FORGOTTEN | {"watch", "_watched", "notice", "why"}

    def signature(self, args: tuple[Any, ...]) -> Signature:
        inner = self.__wrapped__
        return inner.exact_signature(args, self.programs) if isinstance(inner, Batch) else super().signature(args)

    def program(self, signature: Signature) -> Program:
        try:
            return self._made(signature)
        except UnsupportedError as error:
            if self.fallback is None or self.device == self.fallback:
                raise
            asked, self.device = self.device, self.fallback
            try:
                made = self._made(signature)
            except BaseException:
                self.device = asked
                raise
            self.__wengert_device__ = self.device
            self.why = error.message.rstrip(".")
            self.notice = f"{self.why}; running on the CPU instead of {asked}{_on_threads()}"
            warnings.warn(f"{self.__name__}: {self.notice}", FallbackWarning, _level_of_the_caller())
            return made

    def _made(self, signature: Signature) -> Program:
        inner = self.__wrapped__
        if isinstance(inner, Batch):
            return inner.general_if_need_be(super().program, signature)
        return super().program(signature)

    def _way(self, program: Program, signature: Signature) -> Way | None:
        return super()._way(program, signature) if self.watch is None else None

    def _dispatch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        watch, self.watch = self.watch, None  # what it calls is not watched
        try:
            if watch is not None:
                given = self.convert(positional(self.__wrapped__, args, kwargs))
                if signature_of(given).key not in self._watched:
                    self._watched.add(signature_of(given).key)
                    watch(self, given)
        finally:
            self.watch = watch
        return super()._dispatch(args, kwargs)

    @property
    def sorts(self) -> Sorts:
        return "library" if self.device == "cpu" else "kernels"

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        if self.device != "cpu":
            offload.accelerator(self.device)[0].get_ready()
        return super().trace(signature, recorder)

    def load(self, function: Function, source: Source | None, python: Sequence[bool], kept: cpu.Kept | None = None) -> Any:
        return offload.load(function, self.device, source, python, kept, self.deterministic)


def placed(function: Any) -> Offload | None:
    """The offload that decides where a function runs: itself, or the outermost one it is a transform of."""
    while isinstance(function, Compiled) and not isinstance(function, Offload):
        function = function.__wrapped__
    return function if isinstance(function, Offload) else None


def _level_of_the_caller() -> int:
    """How many frames up the first one is that is not of this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "wengert":
        frame, level = frame.f_back, level + 1
    return level


def _on_threads() -> str:
    count = support().pool.count
    return f", on {count} threads" if count > 1 else ""
