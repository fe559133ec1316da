"""How results of the compiler are shown in notebooks: timings and lowered programs as their views."""

from __future__ import annotations

from typing import Any

from wengert.compiler.api import Graph, Lowered, Timings
from wengert.magics import present
from wengert.magics.session import Session
from wengert.widgets import text

Bundle = tuple[dict[str, Any], dict[str, Any]]


def _bundle(session: Session, model: Any, plain: str) -> Bundle | None:
    """The live view of a model, with the text that a terminal would show; None where there are no widgets."""
    try:
        from wengert.widgets import view  # needs anywidget and the bundled front end

        shown = view(model)
    except (ImportError, RuntimeError):
        return None
    session.own(shown)
    data, metadata = shown._repr_mimebundle_()
    data["text/plain"] = plain
    return data, metadata


def timings(session: Session, timings: Timings) -> Bundle | None:
    return _bundle(session, present.timing_model(timings), repr(timings))


def lowered(session: Session, lowered: Lowered) -> Bundle | None:
    return _bundle(session, present.graph_model(lowered.graph), repr(lowered))


def graph(session: Session, graph: Graph) -> Bundle | None:
    model = present.graph_model(graph)
    return _bundle(session, model, text(model))
