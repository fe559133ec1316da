"""The live views: one widget class for each view model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import traitlets

from . import answers, models
from .base import View
from .graph_view import GraphView
from .models import Control, GraphModel, Model, PlacementModel, PlotModel, TimingModel
from .placement_view import PlacementView
from .timing_view import TimingView


class PlotView(View):
    """Curves that answer to sliders.

    `update` is called with the value of each control by name and returns the `PlotModel` to show; `values` holds the
    values. What it raises stands below the plot in place of its note, and the curves stay as they were.
    """

    kind = "plot"

    values = traitlets.Dict().tag(sync=True)

    def __init__(self, update: Callable[..., PlotModel], controls: Iterable[Control] = ()) -> None:
        self._update = update
        self._controls = tuple(controls)
        values = {control.name: control.value for control in self._controls}
        self.model: PlotModel
        super().__init__(self._answer(values), values=values)

    def _answer(self, values: dict[str, float]) -> PlotModel:
        whole = {c.name for c in self._controls if c.step is not None and float(c.step).is_integer()}
        arguments = {name: int(value) if name in whole else float(value) for name, value in values.items()}
        controls = tuple(replace(control, value=values[control.name]) for control in self._controls)
        return replace(self._update(**arguments), controls=controls)

    @traitlets.observe("values")
    def _redraw(self, change: traitlets.Bunch) -> None:
        if not self.data:  # the first values come with the first curves
            return
        try:
            self.model = self._answer(change["new"])
        except Exception as error:  # shown where the answer was expected; a comm handler's traceback is seen by nobody
            self.model = replace(self.model, note=f"{type(error).__name__}: {error}")
        self.data = {**self.model.to_dict(), "serial": self.data.get("serial", 0) + 1}  # equal curves are an answer, too


def view(model: Model) -> View:
    """The live view of a model."""
    makers: dict[type, Callable[[Any], View]] = {
        models.ExploreModel: answers.ExploreView,
        models.FindingsModel: answers.FindingsView,
        GraphModel: GraphView,
        models.MemoryModel: answers.MemoryView,
        PlacementModel: PlacementView,
        PlotModel: lambda plot: PlotView(lambda: plot),
        models.StagesModel: answers.StagesView,
        TimingModel: TimingView,
        models.TransfersModel: answers.TransfersView,
    }
    make = makers.get(type(model))
    if make is None:
        raise TypeError(f"no view for {type(model).__name__}: expected one of {', '.join(m.__name__ for m in makers)}")
    return make(model)
