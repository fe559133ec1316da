"""The live view of a derivative graph, and what it asks the kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from .answers import AskingView, Question
from .models import GraphModel


class GraphView(AskingView):
    """The derivative graph of a `GraphModel`.

    `selected` is the id of the chosen node ("" for none), `detail` what Python has to say about it as
    `{"node": id, "text": text}`, `opened` the expanded regions in the order in which they were opened, `colour` the mode
    of colouring. `explain` gives the text for a node id; without it the model's own `detail` does.

    answers: what the kernel can be asked: "values" -> GraphValues of one watched run, "path" (of two names) -> GraphPath,
    "ir" -> the program as text. `values` and `path` hold the last answers; text goes out as a message, which is not saved.
    """

    kind = "graph"

    selected = traitlets.Unicode().tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colour = traitlets.Enum(["half", "activity", "sweep", "size", "device"], "half").tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    path = traitlets.Dict().tag(sync=True)
    offers = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(
        self,
        model: GraphModel,
        explain: Callable[[str], str] | None = None,
        answers: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._explain = explain or model.detail
        self._answers = dict(answers or {})
        super().__init__(model, self._ask if self._answers else None, offers=list(self._answers))

    @traitlets.observe("selected")
    def _fill_detail(self, change: traitlets.Bunch) -> None:
        node = change["new"]
        try:
            text = self._explain(node) if node else ""
        except Exception as error:  # shown where the answer was expected; a comm handler's traceback is seen by nobody
            text = f"no details: {type(error).__name__}: {error}"
        self.detail = {"node": node, "text": text}

    def _ask(self, asked: Question) -> Any:
        what = asked["what"]
        return self._answers[what](asked["source"], asked["target"]) if what == "path" else self._answers[what]()

    def _take(self, answer: Any, asked: Question) -> None:
        if asked["what"] == "values":
            self.values = answer.to_dict()
        elif asked["what"] == "path":
            self.path = answer.to_dict()
        else:
            self.send({"ir": answer})
