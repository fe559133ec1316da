"""How results of the compiler are shown in notebooks: timings and lowered programs as their views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.compiler.api import Graph, Lowered, Timings
from wengert.magics import present
from wengert.magics.session import Session

Bundle = tuple[dict[str, Any], dict[str, Any]]


def _bundle(model: Any, text: str) -> Bundle | None:
    """The live view of a model, with the text that a terminal would show; None where there are no widgets."""
    try:
        from wengert.widgets import view  # needs anywidget and the bundled front end

        data, metadata = view(model)._repr_mimebundle_()
    except (ImportError, RuntimeError):
        return None
    data["text/plain"] = text
    return data, metadata


def timings_bundle(timings: Timings) -> Bundle | None:
    return _bundle(present.timing_model(timings), repr(timings))


def lowered_bundle(lowered: Lowered) -> Bundle | None:
    return _bundle(present.graph_model(lowered.graph), repr(lowered))


def graph_bundle(graph: Graph) -> Bundle | None:
    return _bundle(present.graph_model(graph), repr(graph))


BUNDLES: dict[type, Callable[[Any], Bundle | None]] = {
    Timings: timings_bundle,
    Lowered: lowered_bundle,
    Graph: graph_bundle,
}


def register(session: Session) -> None:
    """Show these types as views in this shell. In a terminal their own text is all there is."""
    if not session.has_views:
        return
    for kind, bundle in BUNDLES.items():
        session.shell.display_formatter.mimebundle_formatter.for_type(kind, _with_arguments(bundle))


def unregister(session: Session) -> None:
    for kind in BUNDLES:
        session.shell.display_formatter.mimebundle_formatter.type_printers.pop(kind, None)


def _with_arguments(bundle: Callable[[Any], Bundle | None]) -> Callable[..., Bundle | None]:
    """IPython passes include= and exclude= to methods, and may to these."""
    return lambda thing, **_: bundle(thing)
