"""What the first cell under a magic would wait for, done before it, while the kernel has nothing to do."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import import_module

IDLE = 0.1
"""Seconds after `%load_ext`: its own answer goes out first, and cells that were sent with it run first."""


def soon() -> None:
    """Have the kernel's event loop call `warm` when it is idle; nothing happens where no loop runs."""
    with suppress(RuntimeError):
        asyncio.get_running_loop().call_later(IDLE, warm)


def warm() -> None:
    """Import the compiler and the views, and send the browser its scripts."""
    import_module("wengert.magics.cells")
    with suppress(ImportError, RuntimeError):  # without anywidget, Pillow or the bundle the panel says so, where it is asked for
        import_module("wengert.widgets.engine").ensure_library()
        import_module("wengert.widgets.panel")
        import_module("wengert.widgets.fallback.painter").render_letters()
