"""The widgets' JavaScript: one engine sent once a kernel, and the stub that each view carries.

A widget's `_esm` goes to the browser with every instance, so the engine (layout, zoom, all drawing code)
lies in a library widget that is never displayed; it registers itself on the page under the bundle's hash.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import anywidget
import traitlets

STATIC = Path(__file__).parent / "static"


class EngineMissing(RuntimeError):
    """The JavaScript was not bundled; says how to do it."""


@cache
def bundle(name: str) -> str:
    """The source of bundle `name` ("engine" or "view")."""
    path = STATIC / f"{name}.js"
    if not path.is_file():
        raise EngineMissing(
            f"{path} is missing: the front end was not bundled. "
            "Run `npm ci && npm run build` in widgets/js, or install wengert anew."
        )
    return path.read_text(encoding="utf-8")


@cache
def engine_key() -> str:
    """Names the engine on the page: notebooks of two versions of wengert can be open together."""
    return hashlib.sha256(bundle("engine").encode()).hexdigest()[:16]


class Library(anywidget.AnyWidget):
    """Carries the engine to the browser; never displayed."""

    _engine = traitlets.Unicode().tag(sync=True)

    def __init__(self) -> None:
        self._esm = bundle("engine")
        super().__init__(_engine=engine_key())


_library: Library | None = None


def ensure_library() -> None:
    """Send the engine, unless this kernel has; again when somebody closed every widget."""
    global _library
    if _library is None or _library.comm is None:
        _library = Library()
