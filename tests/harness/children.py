"""Work in a child process, so that a crash of compiled code is an outcome like any other."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable

SECONDS, MEMORY = 60, 4 << 30
"""What a child may take: seconds of processor time, bytes."""


def in_child(work: Callable[[], str]) -> str:
    """What `work` returns, run in a child process; "died: ..." where that was ended by a signal."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))  # of its own work: others may use the processor
        signal.alarm(20 * SECONDS)
        try:
            os.write(write, work().encode()[:60000])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return f"died: {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else text or "died: no word"
