"""The views that ask the kernel: a question goes there, an answer with a new model comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import traitlets

from .base import View
from .models import ExploreModel, FindingsModel, MemoryModel, Model, StagesModel, StageText, TransfersModel

Question = dict[str, Any]
MOST_KEPT = 300_000
"""Characters of stage texts that a view holds at once: older ones are let go, so that a saved notebook stays small."""


class AskingView(View):
    """A view whose front end asks: `question` holds what, with a serial number, and `answered` the last number that was
    answered and the error in words, if there was one ({"serial": 3, "error": ""}).

    `answer` is called with the question and returns the model to show from now on. Without one the view only shows.
    """

    question = traitlets.Dict().tag(sync=True)
    answered = traitlets.Dict().tag(sync=True)
    asks = traitlets.Bool(False).tag(sync=True)

    def __init__(self, model: Model, answer: Callable[[Question], Model] | None = None, **state: Any) -> None:
        self._answer = answer
        super().__init__(model, asks=answer is not None, **state)

    @traitlets.observe("question")
    def _reply(self, change: traitlets.Bunch) -> None:
        asked = change["new"]
        if self._answer is None or not asked:
            return
        error = ""
        try:
            self._take(self._answer(asked), asked)
        except Exception as caught:  # said where the answer was expected; a comm handler's traceback is seen by nobody
            error = in_words(caught)
        self.answered = {"serial": asked.get("serial", 0), "error": error}

    def _take(self, answer: Any, asked: Question) -> None:
        self.model = answer
        self.data = self.model.to_dict()


def in_words(error: BaseException) -> str:
    """An error in words: its kind, unless its message stands alone, and its message where it has one."""
    message = str(error).strip()
    if message and is_a_sentence(error):
        return message
    return message if message.startswith(type(error).__name__) else f"{type(error).__name__}: {message}".rstrip(": ")


def is_a_sentence(error: BaseException) -> bool:
    """Whether nothing went wrong: its message says what is to be done first."""
    return bool(getattr(error, "is_a_sentence", False))


class StagesView(View):
    """The stages of a `StagesModel`, two side by side.

    `shown` are the numbers of the stages beside each other, `line` the chosen source line (0: none). `texts` holds the
    texts that were asked for, by number; `text_of` makes one.
    """

    kind = "stages"

    shown = traitlets.List(traitlets.Int()).tag(sync=True)
    line = traitlets.Int(0).tag(sync=True)
    texts = traitlets.Dict().tag(sync=True)

    def __init__(self, model: StagesModel, text_of: Callable[[int], StageText] | None = None) -> None:
        self._text_of = text_of
        last = max((k for k, stage in enumerate(model.stages) if stage.ops is not None), default=0)
        texts = {str(number): text.to_dict() for number, text in model.texts.items()}
        super().__init__(model, texts=texts)
        self.shown = [max(0, last - 1), last] if model.stages else []

    @traitlets.observe("shown")
    def _fill(self, change: traitlets.Bunch) -> None:
        missing = [number for number in change["new"] if str(number) not in self.texts]
        if self._text_of is None or not missing:
            return
        texts = dict(self.texts)
        for number in missing:
            try:
                texts[str(number)] = self._text_of(number).to_dict()
            except Exception as error:
                texts[str(number)] = StageText(in_words(error), (0,)).to_dict()
        while sum(len(t["text"]) for t in texts.values()) > MOST_KEPT:
            old = next((number for number in texts if int(number) not in change["new"]), None)
            if old is None:
                break
            del texts[old]
        self.texts = texts


class FindingsView(AskingView):
    """The findings of a `FindingsModel`; `selected` is the number of the chosen one (-1: none)."""

    kind = "findings"

    selected = traitlets.Int(-1).tag(sync=True)

    def __init__(self, model: FindingsModel, check: Callable[[], FindingsModel] | None = None) -> None:
        super().__init__(model, None if check is None else lambda _: check())


class MemoryView(AskingView):
    """The memory of a `MemoryModel`. `plan` is asked with a budget in bytes (None: no limit) and whether to measure."""

    kind = "memory"

    def __init__(self, model: MemoryModel, plan: Callable[[int | None, bool], MemoryModel] | None = None) -> None:
        answer = None if plan is None else lambda asked: plan(asked.get("budget"), bool(asked.get("measure")))
        super().__init__(model, answer)


class TransfersView(AskingView):
    """The timeline of a `TransfersModel`; `record` makes one call and returns its timeline.

    `window` is the part of the time that is shown, in shares of the whole; `sort` orders the table.
    """

    kind = "transfers"

    window = traitlets.List(traitlets.Float(), [0.0, 1.0]).tag(sync=True)
    sort = traitlets.Unicode("start:ascending").tag(sync=True)

    def __init__(self, model: TransfersModel, record: Callable[[], TransfersModel] | None = None) -> None:
        super().__init__(model, None if record is None else lambda _: record())


class ExploreView(AskingView):
    """The sliders of an `ExploreModel`. `evaluate` is asked with the values by name and the names of the axes.

    While a slider moves, the front end asks with messages, several at once, which are not saved: `steps` with the names that
    move, float64 places of these (n, names), all values by name and the names of the axes, for rows of float64 numbers.
    The message is {"steps": serial, "names": ..., "values": ..., "across": ...} with the places as its buffer; the answer
    {"steps": serial, "rows": m, "error": ""} with the rows as its.
    """

    kind = "explore"

    moves = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        model: ExploreModel,
        evaluate: Callable[[Mapping[str, float], tuple[str, ...]], ExploreModel] | None = None,
        steps: Callable[[list[str], Any, Mapping[str, float], list[str]], Any] | None = None,
    ) -> None:
        def answer(asked: Question) -> ExploreModel:
            assert evaluate is not None
            return evaluate(asked["values"], tuple(asked["across"]))

        self._steps = steps
        super().__init__(model, None if evaluate is None else answer, moves=steps is not None)
        self.on_msg(self._step)

    def _step(self, _: Any, asked: Question, buffers: Any) -> None:
        if self._steps is None or "steps" not in asked:
            return
        import numpy as np  # the models and views need it nowhere else

        answer = {"steps": asked["steps"], "rows": 0, "error": ""}
        try:
            places = np.frombuffer(buffers[0], np.float64).reshape(-1, len(asked["names"]))
            rows = np.ascontiguousarray(self._steps(asked["names"], places, asked["values"], asked["across"]), np.float64)
        except Exception as caught:  # said where the answer was expected; a comm handler's traceback is seen by nobody
            self.send({**answer, "error": in_words(caught)})
        else:
            self.send({**answer, "rows": len(rows)}, [rows.tobytes()])
