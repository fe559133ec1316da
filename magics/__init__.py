"""The cell magics `%%autodiff`, `%%batch`, `%%offload` and the line magic `%wengert`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from wengert.compiler.runtime.devices import devices
from wengert.magics import warm
from wengert.magics.magic import NAMES, WengertMagics, help_needs_no_body, later, registered
from wengert.magics.options import PARSERS
from wengert.magics.session import NAMES as CELL_NAMES
from wengert.magics.session import Session

__all__ = ["load", "unload"]

COMPLETED = (*(f"%%{magic}" for magic in PARSERS), "%wengert")
SHOWN = {
    ("wengert.compiler.transforms.measure", "Timings"): "timings",
    ("wengert.compiler.transforms.lowered", "Lowered"): "lowered",
    ("wengert.compiler.transforms.graph", "Graph"): "graph",
}
"""Types by module and name (so that they need not be imported), and the function of `formatters` that shows them."""


def load(shell: Any) -> None:
    """Register magics, completion and formatters with an IPython shell and say what devices were found.

    Harmless when they are there already.
    """
    if registered(shell) is not None:
        return
    session = Session(shell)
    shell.register_magics(WengertMagics(session))
    shell.events.register("pre_run_cell", session.begin)
    shell.events.register("post_run_cell", session.settle)
    shell.input_transformer_manager.cleanup_transforms.append(help_needs_no_body)
    for word in COMPLETED:
        shell.set_hook("complete_command", _completer(session, word), str_key=word)
    if session.has_views:  # in a terminal their own text is all there is
        for (module, name), function in SHOWN.items():
            bundle = _without_options(partial(later("formatters", function), session))
            shell.display_formatter.mimebundle_formatter.for_type_by_name(module, name, bundle)
        warm.soon()
    session.announce()
    print(found(devices()))


def unload(shell: Any) -> None:
    """Take away everything that `load` brought. Functions that were compiled go on working."""
    magics = registered(shell)
    if magics is None:
        return
    session = magics.session
    formatter = shell.display_formatter.mimebundle_formatter
    for module, name in SHOWN:
        formatter.deferred_printers.pop((module, name), None)
        for kind in [k for k in formatter.type_printers if (k.__module__, k.__name__) == (module, name)]:
            formatter.pop(kind)
    for word in COMPLETED:
        shell.strdispatchers["complete_command"].strs.pop(word, None)
    shell.input_transformer_manager.cleanup_transforms.remove(help_needs_no_body)
    shell.events.unregister("pre_run_cell", session.begin)
    shell.events.unregister("post_run_cell", session.settle)
    for kind, names in NAMES.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop(WengertMagics.__name__)
    session.user.pop(CELL_NAMES, None)


def _completer(session: Session, word: str) -> Callable[[Any, Any], list[str]]:
    complete = partial(later("completion", "complete"), session, word)
    return lambda shell, event: complete(event)


def _without_options(bundle: Callable[..., Any]) -> Callable[..., Any]:
    """IPython passes include= and exclude= to methods, and may to these."""
    return lambda thing, **_: bundle(thing)


def found(listed: Any) -> str:
    """One line: the devices that can be used, and why others cannot."""
    usable = [f"{d.id} ({d.name})" for d in listed if d.available]
    missing = [f"{d.id} cannot be used: {d.reason}" for d in listed if not d.available]
    return "wengert: " + "; ".join([", ".join(usable), *missing])
