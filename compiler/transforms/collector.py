"""Python's cyclic garbage collector waits while something is compiled.

A compilation makes tens of thousands of objects that live until its end: looking through them for garbage finds none and takes
a twentieth of its time, and far more in a process that holds much else.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_LOCK = Lock()
_waiting = 0
_was_on = False


@contextmanager
def collector_waits() -> Iterator[None]:
    """Within it, in any thread, the collector is off; after the last one it is as it was before the first."""
    global _waiting, _was_on
    with _LOCK:
        if _waiting == 0:
            _was_on = gc.isenabled()
            gc.disable()
        _waiting += 1
    try:
        yield
    finally:
        with _LOCK:
            _waiting -= 1
            if _waiting == 0 and _was_on:
                gc.enable()
