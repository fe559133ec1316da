"""The views as text and as a picture, for terminals, untrusted notebooks and hosting sites."""

from __future__ import annotations

from wengert.widgets.models import GraphModel, Model, PlacementModel, PlotModel

from .graph import graph_png, graph_text
from .painter import WIDTH as PNG_WIDTH
from .placement import placement_png, placement_text
from .plot import plot_png, plot_text
from .timing import timing_png, timing_text

__all__ = ["PNG_WIDTH", "png", "text"]


def text(model: Model) -> str:
    """The content of a view as plain text of at most about 100 columns."""
    if isinstance(model, GraphModel):
        return graph_text(model)
    if isinstance(model, PlacementModel):
        return placement_text(model)
    if isinstance(model, PlotModel):
        return plot_text(model)
    return timing_text(model)


def png(model: Model) -> bytes:
    """The content of a view as a PNG file, drawn at twice `PNG_WIDTH` pixels. Raises ImportError without Pillow."""
    if isinstance(model, GraphModel):
        return graph_png(model)
    if isinstance(model, PlacementModel):
        return placement_png(model)
    if isinstance(model, PlotModel):
        return plot_png(model)
    return timing_png(model)
