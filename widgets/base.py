"""The base of the live views, and what each puts into a notebook beside itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import anywidget
import traitlets

from . import fallback
from .engine import bundle, engine_key, ensure_library
from .models import Model


def mimebundle(
    widget: anywidget.AnyWidget, model: Model | None, heading: str = "", title: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a front end may choose from: the live widget, a picture (under `title`, or else the model's own), text.

    A notebook opened untrusted, on a hosting site or in a terminal shows one of the last two.
    """
    data, metadata = anywidget.AnyWidget._repr_mimebundle_(widget) or ({}, {})
    data["text/plain"] = "\n".join(filter(None, [heading, "" if model is None else fallback.text(model)]))
    if model is None:
        return data, metadata
    try:
        picture = fallback.png(replace(model, title=title) if title else model)
    except ImportError:  # Pillow is optional
        return data, metadata
    data["image/png"] = b64encode(picture).decode("ascii")
    named = heading.partition("\n")[0] or model.title
    metadata["image/png"] = {"width": fallback.PNG_WIDTH, "alt": f"{named}: the view {model.kind}".removeprefix(": ")}
    return data, metadata


class View(anywidget.AnyWidget):
    """Base of the views: carries the model's data, and the stub that waits for the engine."""

    kind: ClassVar[str] = ""

    _kind = traitlets.Unicode().tag(sync=True)
    _engine = traitlets.Unicode().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, model: Model, **state: Any) -> None:
        ensure_library()
        self._esm = bundle("view")
        self.model = model
        super().__init__(_kind=self.kind, _engine=engine_key(), data=model.to_dict(), **state)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return mimebundle(self, self.model)

    def close(self) -> None:
        close(self, super().close)


def close(widget: anywidget.AnyWidget, itself: Callable[[], None]) -> None:
    """Close a widget and the layout that ipywidgets made for it, which nothing else would close."""
    layout = widget.layout if widget.comm is not None else None
    itself()
    if layout is not None:
        layout.close()
