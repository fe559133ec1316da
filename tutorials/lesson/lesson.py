"""A lesson: what the reader predicts, what is right, and what is left to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from IPython.display import display

from .checks import MIME, Check, Outcome
from .progress import Progress

SHOWN = 3
"""A check says this many of the things that are off; more would be a wall of text."""
COLOURS = {"right": "#009e73", "off": "#d55e00", "plain": "#0072b2"}


class Lesson:
    """One tutorial, by its number ("01"). `progress` is the store, the reader's own by default."""

    def __init__(self, number: str, progress: Progress | None = None) -> None:
        self.number = number
        self.progress = progress or Progress()
        self.outcomes: dict[str, Outcome] = {}
        self.guesses: dict[str, Any] = dict(self.progress.of(number)["guesses"])

    # Predictions

    def guess(self, name: str, value: float | str) -> None:
        """Store a guess: a number, or the words of an option."""
        self.guesses[name] = value
        self._keep()

    def predict(self, name: str, question: str, options: Sequence[str] = ()) -> None:
        """Ask `question`: a field for a number, or a choice of `options`. The guess is stored as it is made."""
        try:
            import ipywidgets
        except ImportError:
            _say("plain", f"{question} Store your guess with lesson.guess({name!r}, ...).")
            return
        stored = self.guesses.get(name)
        label = ipywidgets.HTML(f"<b>Predict first.</b> {escape(question)}")
        entry: Any
        if options:
            entry = ipywidgets.ToggleButtons(options=list(options), value=stored if stored in options else None,
                                             style={"button_width": "initial"})  # fmt: skip
        else:
            entry = ipywidgets.Text(value="" if stored is None else f"{stored:g}", placeholder="a number, then Enter",
                                    continuous_update=False)  # fmt: skip
        answer = ipywidgets.HTML("" if stored is None else "Stored.")

        def store(change: Any) -> None:
            try:
                value = change["new"] if options else float(change["new"])
            except (TypeError, ValueError):
                answer.value = "Write a number, such as 0.5 or 2e-3."
                return
            if value is not None:
                self.guess(name, value)
                answer.value = "Stored."

        entry.observe(store, names="value")
        box = ipywidgets.VBox([label, ipywidgets.HBox([entry, answer])])
        display({**box._repr_mimebundle_(), "text/plain": f"Predict first. {question} {' / '.join(options)}".strip()}, raw=True)

    def reveal(self, name: str, value: float | str, explain: str = "") -> None:
        """Show the reader's guess beside the measured `value`."""
        shown = value if isinstance(value, str) else f"{float(value):.6g}"
        guess = self.guesses.get(name)
        if guess is None:
            _say("plain", f"{name}: it is {shown}. You made no guess. {explain}")
            return
        near = {"rtol": 0.05, "atol": 1e-12, "equal_nan": True}
        right = guess == value if isinstance(value, str) else np.isclose(float(guess), float(value), **near)
        said = guess if isinstance(guess, str) else f"{guess:.6g}"
        _say("right" if right else "off", f"{name}: you said {said}, it is {shown}. {explain}")

    # Checks

    def check(self, name: str) -> Check:
        """A check cell: `with lesson.check(name) as expect: expect.close(...)`."""
        return Check(name, self._report)

    def card(self) -> None:
        """Which checks of this notebook are right, and which are still to do."""
        rows = "".join(f"<li>{'✓' if o.passed else '○'} {escape(o.name.replace('_', ' '))}</li>" for o in self.outcomes.values())
        done = sum(o.passed for o in self.outcomes.values())
        words = f"{done} of {len(self.outcomes)} exercises are right."
        _box("right" if done == len(self.outcomes) else "plain", f"<b>{words}</b><ul style='margin:4px 0'>{rows}</ul>", words)

    def _report(self, outcome: Outcome) -> None:
        self.outcomes[outcome.name] = outcome
        self._keep()
        tone, lead = ("right", "Right.") if outcome.passed else ("off", "Not yet.")
        more = len(outcome.messages) - SHOWN
        said = [*outcome.messages[:SHOWN], *([f"And {more} more."] if more > 0 else [])]
        name = outcome.name.replace("_", " ")
        text = ": ".join(filter(None, [name, " ".join(said)]))
        items = "".join(f"<li>{_marked(one[:1].upper() + one[1:])}</li>" for one in said)
        markup = f"<b>{lead}</b> {escape(name)}" + (f"<ul style='margin:2px 0'>{items}</ul>" if said else "")
        record = {"name": outcome.name, "passed": outcome.passed, "messages": list(outcome.messages)}
        _box(tone, markup, f"{lead} {text}", {MIME: record})

    def _keep(self) -> None:
        entry = self.progress.of(self.number)
        passed = {*entry["passed"], *(o.name for o in self.outcomes.values() if o.passed)}
        passed -= {o.name for o in self.outcomes.values() if not o.passed}
        self.progress.store(self.number, {"guesses": self.guesses, "passed": sorted(passed)})


def _say(tone: str, words: str) -> None:
    _box(tone, _marked(words), words)


def _marked(words: str) -> str:
    """`words` as HTML: what stands in backticks is code, and an error of several lines keeps them."""
    first, newline, rest = words.partition("\n")
    markup = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(first))
    return markup + (f"<pre style='margin:2px 0;white-space:pre-wrap'>{escape(rest)}</pre>" if newline else "")


def _box(tone: str, markup: str, text: str, more: dict[str, Any] | None = None) -> None:
    style = f"border-left:4px solid {COLOURS[tone]};padding:4px 10px;margin:2px 0"
    display({"text/html": f"<div style='{style}'>{markup}</div>", "text/plain": text.strip(), **(more or {})}, raw=True)
