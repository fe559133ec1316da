"""One compact panel for what a cell made: a status line, and tabs that are built when they are opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import anywidget
import traitlets

from .answers import in_words, is_a_sentence
from .base import View, close, mimebundle
from .engine import bundle, engine_key, ensure_library
from .models import Model
from .views import view

Tone = Literal["ok", "warning", "error"]
Tabs = Mapping[str, Callable[[], Model | View]]


class Panel(anywidget.AnyWidget):
    """A status line and tabs.

    `tabs` maps each tab's title to a function of no arguments that returns a model, or a view of one; it is
    called once, when the tab is first opened, and an error that it raises is shown in the tab; where that is but a sentence
    (`is_a_sentence`), the tab waits, and is built when the status changes. The panel starts with the first tab open. Where
    there are several functions to choose from, `functions` maps the name of each to its tabs, and `tabs` are those of
    `function`, the last. Assign `status` and `tone` to change the status line. `close()` closes the views of all tabs, too.
    """

    _kind = traitlets.Unicode("panel").tag(sync=True)
    _engine = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    tone = traitlets.Enum(["ok", "warning", "error"], "ok").tag(sync=True)
    active = traitlets.Unicode().tag(sync=True)
    retries = traitlets.Int(0).tag(sync=True)
    tabs = traitlets.List(traitlets.Dict()).tag(sync=True)
    functions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    function = traitlets.Unicode().tag(sync=True)

    def __init__(self, status: str, tabs: Tabs, *, tone: Tone = "ok", functions: Mapping[str, Tabs] | None = None) -> None:
        ensure_library()
        self._esm = bundle("view")
        self._choices = {name: dict(their) for name, their in (functions or {}).items()}
        self._start = self._key = next(reversed(self._choices), "")
        self._choices.setdefault(self._key, dict(tabs))
        self._views: dict[tuple[str, str], View] = {}
        self._errors: dict[tuple[str, str], str] = {}
        self._waiting: set[tuple[str, str]] = set()
        state = {"functions": list(functions or {}), "function": self._key, "tabs": self._tab_states()}
        super().__init__(_engine=engine_key(), status=status, tone=tone, **state)
        self.active = next(iter(self._builders), "")

    @property
    def _builders(self) -> Tabs:
        return self._choices[self._key]

    @property
    def views(self) -> dict[str, View]:
        """The views of the chosen function that were built so far, by the title of their tab."""
        return {title: built for (function, title), built in self._views.items() if function == self._key}

    @traitlets.observe("function")
    def _choose(self, change: traitlets.Bunch) -> None:
        if change["new"] in self._choices and change["new"] != self._key:
            self._key = change["new"]
            self._build(self.active)
            self.tabs = self._tab_states()

    @traitlets.observe("active")
    def _open(self, change: traitlets.Bunch) -> None:
        if change["new"] in self._builders:
            self._build(change["new"])

    @traitlets.observe("retries")
    def _try_again(self, change: traitlets.Bunch) -> None:
        if change["new"] > 0 and self._errors.pop((self._key, self.active), None) is not None:
            self._build(self.active)

    @traitlets.observe("status")
    def _look_again(self, change: traitlets.Bunch) -> None:
        waiting, self._waiting = self._waiting, set()
        for place in waiting:
            self._errors.pop(place, None)
        if (self._key, self.active) in waiting:
            self._build(self.active)

    def _build(self, title: str) -> None:
        place = self._key, title
        if place in self._views or place in self._errors:
            return
        try:
            built = self._builders[title]()
            self._views[place] = built if isinstance(built, View) else view(built)
        except Exception as error:  # the tab is where the user looks; a comm handler's traceback is seen by nobody
            self._errors[place] = in_words(error)
            if is_a_sentence(error):
                self._waiting.add(place)
        self.tabs = self._tab_states()

    def _tab_states(self) -> list[dict[str, str]]:
        """Title, state, and the child widget's id or the error, in the form the browser reads."""
        states = []
        for title in self._builders:
            place = self._key, title
            child, error = self._views.get(place), self._errors.get(place)
            missing = "closed" if error is None else "waiting" if place in self._waiting else "failed"
            states.append(
                {
                    "title": title,
                    "state": "ready" if child else missing,
                    "view": child.model_id if child else "",
                    "kind": child.kind if child else "",
                    "error": error or "",
                }
            )
        return states

    def close(self) -> None:
        for child in self._views.values():
            child.close()
        self._views.clear()
        close(self, super().close)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        first = self._start, next(iter(self._choices[self._start]), "")
        shown = self._views.get(first)
        heading = self.status if first not in self._errors else f"{self.status}\n{self._errors[first]}"
        title = self.status if len(self._choices) == 1 else ""  # of several functions the picture shows one
        return mimebundle(self, shown.model if shown else None, heading, title)
