"""A place beside the notebook for one panel after another."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from .base import close, mimebundle
from .engine import bundle, engine_key, ensure_library
from .panel import Panel


class Lab(anywidget.AnyWidget):
    """Shows one panel to the right of the notebook in JupyterLab, below its cell in other front ends.

    `show(panel)` puts another panel there and closes the one before. `closed` is set when the user closes the place.
    """

    _kind = traitlets.Unicode("lab").tag(sync=True)
    _engine = traitlets.Unicode().tag(sync=True)
    own = traitlets.Unicode().tag(sync=True)
    panel = traitlets.Unicode().tag(sync=True)
    closed = traitlets.Bool(False).tag(sync=True)

    def __init__(self) -> None:
        ensure_library()
        self._esm = bundle("view")
        self._panel: Panel | None = None
        super().__init__(_engine=engine_key())
        self.own = self.model_id or ""

    @property
    def is_open(self) -> bool:
        return self.comm is not None and not self.closed

    def show(self, panel: Panel) -> None:
        before, self._panel = self._panel, panel
        self.panel = panel.model_id or ""
        if before is not None:
            before.close()

    @traitlets.observe("closed")
    def _let_go(self, change: traitlets.Bunch) -> None:
        if change["new"] and self._panel is not None:
            self._panel.close()
            self._panel = None

    def close(self) -> None:
        if self._panel is not None:
            self._panel.close()
            self._panel = None
        close(self, super().close)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return mimebundle(self, None, "The panel of the last function stands beside the notebook.")
