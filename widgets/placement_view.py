"""The live view of a placement, and what it asks the kernel: what a function would cost on another device."""

from __future__ import annotations

from collections.abc import Callable

import traitlets

from .answers import AskingView, Question
from .models import PlacementModel


class PlacementView(AskingView):
    """Devices, arrays and transfers of a `PlacementModel`.

    `selected` is the `order` of the chosen transfer (-1 for none), `sort` the ledger's order as
    "<column>:ascending" or "<column>:descending". answer: is asked {"what": "predict" or "measure", "kind": "function" or
    "value", "name": name, "device": id} and returns the model with that estimate.
    """

    kind = "placement"

    selected = traitlets.Int(-1).tag(sync=True)
    sort = traitlets.Unicode("order:ascending").tag(sync=True)

    def __init__(self, model: PlacementModel, answer: Callable[[Question], PlacementModel] | None = None) -> None:
        super().__init__(model, answer)
