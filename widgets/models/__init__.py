"""The view models: what each view shows, as frozen dataclasses that turn into JSON-able dictionaries.

Plain Python on purpose: a model can be built, tested and printed without a browser and without ipywidgets.
"""

from __future__ import annotations

from typing import TypeAlias

from .explore import ExploreModel
from .findings import Finding, FindingsModel
from .graph import Edge, GraphModel, GraphPath, GraphValues, Node, Region
from .memory import KeptValue, MemoryModel
from .placement import ArrayPlace, Device, Estimate, KernelPlace, Movable, PlacementModel, Transfer
from .plot import Control, PlotModel, Series
from .roofline import Ceiling, Roofline, RoofPoint
from .stages import Stage, StagesModel, StageText
from .timing import CompileStage, Sweep, TimingModel, TimingRow, Unavailable
from .transfers import Event, TransfersModel

Model: TypeAlias = (
    ExploreModel
    | FindingsModel
    | GraphModel
    | MemoryModel
    | PlacementModel
    | PlotModel
    | StagesModel
    | TimingModel
    | TransfersModel
)

__all__ = [
    "ArrayPlace",
    "Ceiling",
    "CompileStage",
    "Control",
    "Device",
    "Edge",
    "Estimate",
    "Event",
    "ExploreModel",
    "Finding",
    "FindingsModel",
    "GraphModel",
    "GraphPath",
    "GraphValues",
    "KeptValue",
    "KernelPlace",
    "MemoryModel",
    "Model",
    "Movable",
    "Node",
    "PlacementModel",
    "PlotModel",
    "Region",
    "RoofPoint",
    "Roofline",
    "Series",
    "Stage",
    "StageText",
    "StagesModel",
    "Sweep",
    "TimingModel",
    "TimingRow",
    "Transfer",
    "TransfersModel",
    "Unavailable",
]
