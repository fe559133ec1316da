"""The cell magics `%%autodiff`, `%%batch`, `%%offload` and the line magic `%wengert`."""

from __future__ import annotations

from typing import Any

from wengert.compiler.api import devices
from wengert.magics import formatters
from wengert.magics.completion import completers
from wengert.magics.magic import NAMES, WengertMagics, help_needs_no_body, registered
from wengert.magics.session import NAMES as CELL_NAMES
from wengert.magics.session import Session

__all__ = ["load", "unload"]


def load(shell: Any) -> None:
    """Register magics, completion and formatters with an IPython shell and say what devices were found.

    Harmless when they are there already.
    """
    if registered(shell) is not None:
        return
    session = Session(shell)
    shell.register_magics(WengertMagics(session))
    shell.events.register("pre_run_cell", session.announce)
    shell.input_transformer_manager.cleanup_transforms.append(help_needs_no_body)
    for word, completer in completers(session).items():
        shell.set_hook("complete_command", completer, str_key=word)
    formatters.register(session)
    session.announce()
    print(found(devices()))


def unload(shell: Any) -> None:
    """Take away everything that `load` brought. Functions that were compiled go on working."""
    magics = registered(shell)
    if magics is None:
        return
    session = magics.session
    formatters.unregister(session)
    for word in completers(session):
        shell.strdispatchers["complete_command"].strs.pop(word, None)
    shell.input_transformer_manager.cleanup_transforms.remove(help_needs_no_body)
    shell.events.unregister("pre_run_cell", session.announce)
    for kind, names in NAMES.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop(WengertMagics.__name__)
    session.user.pop(CELL_NAMES, None)


def found(listed: Any) -> str:
    """One line: the devices that can be used, and why others cannot."""
    usable = [f"{d.id} ({d.name})" for d in listed if d.available]
    missing = [f"{d.id} cannot be used: {d.reason}" for d in listed if not d.available]
    return "wengert: " + "; ".join([", ".join(usable), *missing])
