"""The live view of timings: what was measured, and measuring over sizes one size at a time."""

from __future__ import annotations

from collections.abc import Callable

import traitlets

from .answers import AskingView, Question
from .models import TimingModel


class TimingView(AskingView):
    """The timings of a `TimingModel`; `scale` is "auto", "linear" or "log".

    answer: is asked {"what": "measure", "vary": name, "point": k} for one size after another, so that the browser can
    show how far it is and stop, and {"what": "load", "text": ...} to put a recorded run beside; it returns the model.
    """

    kind = "timing"

    scale = traitlets.Enum(["auto", "linear", "log"], "auto").tag(sync=True)

    def __init__(self, model: TimingModel, answer: Callable[[Question], TimingModel] | None = None) -> None:
        super().__init__(model, answer)
