"""`%wengert devices | ir | graph | transfers | bench | lab | settings | check | compare | tour`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError

from wengert.compiler.api import Compiled, Lowered, benchmark, check, code_cache, compare, devices, transfers
from wengert.compiler.diag.errors import OptionError
from wengert.magics import panel, present, tabs
from wengert.magics.options import LINE_HELP
from wengert.magics.session import Session
from wengert.magics.tour import tour


def run(session: Session, line: str) -> None:
    """Run `%wengert line`. Raises UsageError, in one line, for what is not understood."""
    word, _, rest = line.strip().partition(" ")
    if word in ("", "--help", "help"):
        print(LINE_HELP)
        return
    command = COMMANDS.get(word)
    if command is None:
        raise UsageError(f"%wengert {word}: choose from {', '.join(COMMANDS)} (see %wengert --help)")
    command(session, rest.strip())


def _devices(session: Session, rest: str) -> None:
    session.show(devices())


def _transfers(session: Session, rest: str) -> None:
    session.show(transfers())


def _ir(session: Session, rest: str) -> None:
    words = rest.split()
    if not 1 <= len(words) <= 2:
        raise UsageError("%wengert ir f [stage]: name a compiled function")
    lowered = _last_program(session, words[0], "ir")
    print("\n".join(ir_listing(lowered, words[1] if len(words) == 2 else "")))


def ir_listing(lowered: Lowered, stage: str) -> list[str]:
    """The table of stages, and the IR after `stage` (a name or a number; "" is the last)."""
    stages = lowered.stages
    kept = [name for name, _, ops in stages if ops is not None]
    number = int(stage) if stage.lstrip("-").isdigit() else None
    if number is not None and not -len(kept) <= number < len(kept):
        raise UsageError(f"%wengert ir: there are the stages 0 to {len(kept) - 1}")
    try:
        text = lowered.ir(number if number is not None else stage or -1)
    except OptionError as error:
        raise UsageError(f"%wengert ir: {error.message}") from None
    lines = [f"{lowered.name} {panel.types_of(lowered.compiled)}", f"  {'':>2}  {'stage':<14}{'ms':>8}{'ops':>7}"]
    for k, (name, ms, ops) in enumerate(stages):
        label = str(k) if ops is not None else ""
        lines.append(f"  {label:>2}  {name:<14}{ms:>8.2f}{'' if ops is None else ops:>7}")
    shown = kept[number] if number is not None else stage or kept[-1]
    return [*lines, "", f"after {shown}:", text]


def _graph(session: Session, rest: str) -> None:
    name, *colour = rest.split() or [""]
    if len(colour) > 1 or not set(colour) <= set(GRAPH_COLOURS):
        raise UsageError(f"%wengert graph f [colour]: the colours are {', '.join(GRAPH_COLOURS)}")
    model = present.graph_model(_last_program(session, name, "graph").graph)
    _show_model(session, model, **dict(zip(["colour"], colour, strict=False)))


def _bench(session: Session, rest: str) -> None:
    call, chosen = _split_devices(rest)
    function, arguments = evaluate_call(session, call)
    timings = benchmark(function, *arguments, devices=chosen) if chosen else benchmark(function, *arguments)
    session.show(timings)


def _split_devices(rest: str) -> tuple[str, tuple[str, ...]]:
    """The call, and the devices of `--devices cpu,cuda:0` (before or after it)."""
    before, option, after = rest.partition("--devices")
    if not option:
        return rest, ()
    words = after.removeprefix("=").split(None, 1)
    if not words:
        raise UsageError("%wengert bench: --devices needs names, such as --devices cpu,cuda:0")
    return (before + (words[1] if len(words) > 1 else "")).strip(), tuple(d for d in words[0].split(",") if d)


def evaluate_call(session: Session, text: str, command: str = "bench") -> tuple[Callable[..., Any], list[Any]]:
    """The function and the arguments of a call written as text, evaluated in the user's namespace; `*args` are put in
    one by one. Raises UsageError, naming `command`, for what is no such call."""
    magic = f"%wengert {command}"
    try:
        node = ast.parse(text, f"<{magic}>", "eval").body
    except SyntaxError:
        node = None
    if not isinstance(node, ast.Call):
        raise UsageError(f"{magic} f(x): write a call of the function")
    if node.keywords:
        raise UsageError(f"{magic} f(x): pass every argument by position")

    def value(part: ast.expr) -> Any:
        code = compile(ast.Expression(part), f"<{magic}>", "eval")
        try:
            return eval(code, session.shell.user_global_ns, session.user)
        except NameError as error:
            raise UsageError(f"{magic}: {error}") from None

    arguments = ast.Tuple(node.args, ast.Load())  # with its starred ones
    return value(node.func), list(value(ast.copy_location(arguments, node)))


def _settings(session: Session, rest: str) -> None:
    words = rest.split()
    if words and (words[0] != "view" or len(words) != 2 or words[1] not in ("on", "off")):
        raise UsageError("%wengert settings [view on|off]")
    if words:
        session.view = words[1] == "on"
    state = "on" if session.view else "off"
    print(f"view {state}   the panel below cells under %%autodiff, %%batch and %%offload")
    print(f"cache of compiled programs {code_cache()}")


def _check(session: Session, rest: str) -> None:
    function, arguments = evaluate_call(session, rest, "check")
    print(check(function, *arguments).text())


def _lab(session: Session, rest: str) -> None:
    if rest:
        raise UsageError("%wengert lab takes no arguments")
    panel.show_lab(session)


def _compare(session: Session, rest: str) -> None:
    function, arguments = evaluate_call(session, rest, "compare")
    session.show(compare(function, *arguments))


def _tour(session: Session, rest: str) -> None:
    if rest.strip():
        raise UsageError("%wengert tour takes no arguments")
    tour(session)


COMMANDS: dict[str, Callable[[Session, str], None]] = {
    "devices": _devices,
    "ir": _ir,
    "graph": _graph,
    "transfers": _transfers,
    "bench": _bench,
    "lab": _lab,
    "settings": _settings,
    "check": _check,
    "compare": _compare,
    "tour": _tour,
}
GRAPH_COLOURS = ("half", "activity", "sweep", "device")
"""What the graph may be coloured by from the start: its halves, or as the view itself offers."""
TAKE_FUNCTION = ("ir", "graph", "bench", "check", "compare")
"""The subcommands whose first word is a compiled function."""


def compiled_functions(session: Session) -> dict[str, Compiled]:
    """The compiled functions in the user's namespace, by name."""
    return {n: v for n, v in session.user.items() if isinstance(v, Compiled) and not n.startswith("_")}


def _last_program(session: Session, name: str, command: str) -> Lowered:
    function = session.user.get(name)
    if not isinstance(function, Compiled):
        known = ", ".join(compiled_functions(session)) or "none yet"
        what = f"{name} is not a compiled function" if name else "name a compiled function"
        raise UsageError(f"%wengert {command}: {what}; there are: {known}")
    try:
        return tabs.lowered(function)
    except tabs.NotYet as error:
        raise UsageError(f"%wengert {command}: {error}") from None


def _show_model(session: Session, model: Any, **chosen: str) -> None:
    """A view where one can be shown, with these of its settings chosen, else its text."""
    from wengert.widgets import text, view  # needs anywidget and the bundled front end where it is a view

    if session.has_views:
        try:
            shown = view(model)
            for setting, value in chosen.items():
                setattr(shown, setting, value)
        except (ImportError, RuntimeError) as error:
            print(f"no view: {error}")
        else:
            session.own(shown)
            session.show(shown)
            return
    print(text(model))
