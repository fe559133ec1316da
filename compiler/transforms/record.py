"""`record(f, *args)`: the copies and kernels of two calls of an offloaded function, on one clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wengert.compiler.diag.errors import OptionError
from wengert.compiler.ir.tree import flatten
from wengert.compiler.runtime.ledger import LEDGER, Transfer
from wengert.compiler.runtime.offload import DeviceExecutable, Launch
from wengert.compiler.transforms.compiled import Compiled
from wengert.compiler.transforms.measure import copies_of


@dataclass(frozen=True, slots=True)
class Recording:
    """What happened, in seconds since the epoch. calls: (start, end) on the host of the first call, whose arguments have
    to be sent, and of a second one with the same arguments."""

    device: str
    calls: tuple[tuple[float, float], ...]
    launches: tuple[Launch, ...]
    transfers: tuple[Transfer, ...]


def record(f: Callable[..., Any], *args: Any) -> Recording:
    """Call an offloaded function twice with copies of `args`, with a clock around every kernel.

    Raises OptionError for a function that is not offloaded.
    """
    copies = copies_of(args)
    program = f.program(f.signature(f.convert(copies))) if isinstance(f, Compiled) else None
    executable = program.executable if program is not None else None
    if program is None or not isinstance(executable, DeviceExecutable):
        name = getattr(f, "__name__", "f")
        raise OptionError(f"{name} is not offloaded, it has no kernels to record", help="Record `wg.offload(f, device)`.")
    assert isinstance(f, Compiled)
    leaves = [*flatten(f.convert(copies))[0], *program.captures]
    mark, calls, launches = LEDGER.mark, [], []
    for _ in range(2):
        start = time.time()
        executable.profile(*leaves)
        calls.append((start, time.time()))
        launches += executable.launches
    return Recording(executable.device, tuple(calls), tuple(launches), tuple(LEDGER.since(mark)))
