"""Tab completion after `%%autodiff`, `%%batch`, `%%offload` and `%wengert`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wengert.compiler.api import devices
from wengert.magics import line
from wengert.magics.options import PARSERS
from wengert.magics.session import Session


def complete(session: Session, word: str, event: Any) -> list[str]:
    """The completions where the line begins with `word`, "%%autodiff" or "%wengert"."""
    before = event.line[: event.line.rfind(" ") + 1]
    words = line_words(session, before) if word == "%wengert" else cell_words(word.removeprefix("%%"), before)
    return _rest(words, event)


def _rest(words: Iterable[str], event: Any) -> list[str]:
    """The words that fit, without what IPython takes for finished: it splits at ":" and ","."""
    typed = event.line[event.line.rfind(" ") + 1 :]
    done = len(typed) - len(event.symbol) if typed.endswith(event.symbol) else 0
    return [w[done:] for w in words if w.startswith(typed)]


def cell_words(magic: str, before: str) -> list[str]:
    """What may follow `before` on the line of a cell magic."""
    previous = before.split()[-1:]
    parser = PARSERS[magic]
    options = {o: action for action in parser._actions for o in action.option_strings}
    action = options.get(previous[0]) if previous else None
    if action is not None and action.nargs != 0:
        return list(action.choices or ())
    places = usable_devices() if magic == "offload" and len(before.split()) == 1 else []
    return [*places, *options]


def line_words(session: Session, before: str) -> list[str]:
    """What may follow `before` on a `%wengert` line."""
    words = before.split()[1:]
    if not words:
        return [*line.COMMANDS, "--help"]
    if words[0] == "settings":
        return ["view"] if len(words) == 1 else ["on", "off"]
    if words[-1] == "--devices":
        return usable_devices()
    if words[0] in line.TAKE_FUNCTION and len(words) == 1:
        return list(line.compiled_functions(session))
    if words[0] == "ir" and len(words) == 2:
        return stage_names(session, words[1])
    if words[0] == "graph" and len(words) == 2:
        return list(line.GRAPH_COLOURS)
    return ["--devices"] if words[0] == "bench" else []


def stage_names(session: Session, name: str) -> list[str]:
    last = getattr(session.user.get(name), "last", None)
    return list(dict.fromkeys(s.stage for s in last.recorder.snapshots)) if last is not None else []


def usable_devices() -> list[str]:
    return [d.id for d in devices() if d.available]
