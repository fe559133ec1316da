"""The view models: what each view shows, as frozen dataclasses that turn into JSON-able dictionaries.

Plain Python on purpose: a model can be built, tested and printed without a browser and without ipywidgets.
"""

from __future__ import annotations

from typing import TypeAlias

from .graph import Edge, GraphModel, Node, Region
from .placement import ArrayPlace, Device, KernelPlace, PlacementModel, Transfer
from .plot import Control, PlotModel, Series
from .timing import CompileStage, TimingModel, TimingRow, Unavailable

Model: TypeAlias = GraphModel | PlacementModel | PlotModel | TimingModel

__all__ = [
    "ArrayPlace",
    "CompileStage",
    "Control",
    "Device",
    "Edge",
    "GraphModel",
    "KernelPlace",
    "Model",
    "Node",
    "PlacementModel",
    "PlotModel",
    "Region",
    "Series",
    "TimingModel",
    "TimingRow",
    "Transfer",
    "Unavailable",
]
