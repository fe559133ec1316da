"""The views as text and as a picture, for terminals, untrusted notebooks and hosting sites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.widgets import models
from wengert.widgets.models import Model

from . import tabs
from .graph import graph_png, graph_text
from .painter import WIDTH as PNG_WIDTH
from .placement import placement_png, placement_text
from .plot import plot_png, plot_text
from .timing import timing_png, timing_text

__all__ = ["PNG_WIDTH", "png", "text"]

_FALLBACKS: dict[type, tuple[Callable[[Any], str], Callable[[Any], bytes]]] = {
    models.ExploreModel: (tabs.explore_text, tabs.explore_png),
    models.FindingsModel: (tabs.findings_text, lambda model: tabs.words_png(tabs.findings_text(model))),
    models.GraphModel: (graph_text, graph_png),
    models.MemoryModel: (tabs.memory_text, tabs.memory_png),
    models.PlacementModel: (placement_text, placement_png),
    models.PlotModel: (plot_text, plot_png),
    models.StagesModel: (tabs.stages_text, tabs.stages_png),
    models.TimingModel: (timing_text, timing_png),
    models.TransfersModel: (tabs.transfers_text, tabs.transfers_png),
}


def text(model: Model) -> str:
    """The content of a view as plain text of at most about 100 columns."""
    return _FALLBACKS[type(model)][0](model)


def png(model: Model) -> bytes:
    """The content of a view as a PNG file, drawn at twice `PNG_WIDTH` pixels. Raises ImportError without Pillow."""
    return _FALLBACKS[type(model)][1](model)
