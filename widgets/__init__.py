"""What wengert shows: view models in plain Python, their text and picture, and their live views.

    from wengert.widgets import GraphModel, view
    view(GraphModel("f", ...))          # a live view in JupyterLab
    print(text(model))                  # the same content in a terminal

The models cost nothing to import; ipywidgets and anywidget are imported when the first view is made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import models
from .models import *  # noqa: F403 - the models are this package's public names

if TYPE_CHECKING:
    from .answers import ExploreView as ExploreView
    from .answers import FindingsView as FindingsView
    from .answers import MemoryView as MemoryView
    from .answers import StagesView as StagesView
    from .answers import TransfersView as TransfersView
    from .fallback import png as png
    from .fallback import text as text
    from .graph_view import GraphView as GraphView
    from .lab import Lab as Lab
    from .panel import Panel as Panel
    from .placement_view import PlacementView as PlacementView
    from .timing_view import TimingView as TimingView
    from .views import PlotView as PlotView
    from .views import view as view

_LAZY = {
    "png": ".fallback",
    "text": ".fallback",
    "Lab": ".lab",
    "Panel": ".panel",
    "ExploreView": ".answers",
    "FindingsView": ".answers",
    "MemoryView": ".answers",
    "StagesView": ".answers",
    "TransfersView": ".answers",
    "GraphView": ".graph_view",
    "PlacementView": ".placement_view",
    "PlotView": ".views",
    "TimingView": ".timing_view",
    "view": ".views",
}

__all__ = [*models.__all__, *_LAZY]  # noqa: PLE0604 - names of strings, put together


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
