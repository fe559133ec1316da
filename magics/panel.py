"""The panel below a cell: one status line, and tabs that are built when they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.compiler.api import Compiled, Lowered
from wengert.magics import tabs
from wengert.magics.bound import Bound
from wengert.magics.layers import Made
from wengert.magics.session import Session


def show_panel(session: Session, made: Sequence[Sequence[Made]]) -> None:
    """Show what a cell made; where no widgets can be shown, the status line as text."""
    session.made = made
    status = status_line(made)
    if not session.has_views:
        print(status)
        return
    try:
        panel = make_panel(session, made)
    except (ImportError, RuntimeError) as error:
        print(f"{status}\nno view: {error}")
        return
    if session.lab is not None and session.lab.is_open:
        session.lab.show(panel)
        return
    session.own(panel)
    session.show(panel)


def make_panel(session: Session, made: Sequence[Sequence[Made]]) -> Any:
    """The panel of what a cell made. Raises ImportError or RuntimeError where no widgets can be shown."""
    from wengert.widgets import Panel  # needs anywidget, and the bundled front end: a terminal has neither

    tone: Any = "warning" if any(m.notice for chain in made for m in chain) else "ok"
    of_each = {chain[0].names[0]: tabs.tabs(chain) for chain in made}
    panel = Panel(status_line(made), tabs.tabs(made[-1]), tone=tone, functions=of_each if len(of_each) > 1 else None)
    session.follow(Bound(panel, made, lambda: status_line(made)))
    return panel


def show_lab(session: Session) -> None:
    """Open the place beside the notebook, with what was made last; panels go there from now on."""
    try:
        from wengert.widgets import Lab

        if not session.has_views:
            raise RuntimeError("a terminal shows no widgets")
        lab = Lab()
    except (ImportError, RuntimeError) as error:
        print(f"no view: {error}")
        return
    if session.lab is not None:
        session.lab.close()
    session.lab = lab
    if session.made is not None:
        lab.show(make_panel(session, session.made))
    session.own(lab)
    session.show(lab)


def status_line(made: Sequence[Sequence[Made]]) -> str:
    """What was compiled, for what types, in what time; and what waits for its first call."""
    parts = []
    for chain in made:
        ready: dict[str, list[Made]] = {}
        for one in chain:
            if one.is_compiled:
                ready.setdefault(types_of(one.compiled), []).append(one)
        parts += [f"{_names(same)} compiled for {types}" for types, same in ready.items()]
        waiting = [m for m in chain if not m.is_compiled]
        if waiting:
            parts.append(f"{_names(waiting)} will be compiled at {'its' if len(waiting) == 1 else 'their'} first call")
    spent = sum(milliseconds(m.compiled) for chain in made for m in chain)
    if spent:
        parts.append(f"{spent:.0f} ms")
    return "; ".join([*parts, *(m.notice for chain in made for m in chain if m.notice)])


def milliseconds(compiled: Compiled) -> float:
    """The time that went into the programs of a function."""
    return sum(ms for program in compiled.programs.values() for _, ms, _ in Lowered(compiled, program).stages)


def _names(made: Sequence[Made]) -> str:
    return ", ".join("/".join(m.names) for m in made)


def types_of(compiled: Compiled) -> str:
    """The types a function was last compiled for, with declared extents by name: "(x: f64, u: f64[?,n])"."""
    if compiled.last is None:
        return "(not compiled yet)"
    traced = compiled.last.traced
    count = traced.signature.tree.count
    words = {(e.leaf, e.axis): e.name for e in traced.signature.extents}

    def text(k: int, type: Any) -> str:
        if type.is_scalar:
            return str(type)
        known = ("?" if n is None else str(n) for n in type.shape)
        return f"{type.dtype.name}[{','.join(words.get((k, axis), n) for axis, n in enumerate(known))}]"

    types = [(p.hint, text(k, p.type)) for k, p in enumerate(traced.function.params[:count])]
    return f"({', '.join(f'{name}: {type}' if name else type for name, type in types)})"
