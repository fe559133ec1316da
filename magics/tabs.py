"""The tabs of the panel: what each shows of the functions that one stack made, built when it is opened."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wengert.compiler.api import (
    Compiled,
    Grad,
    Lowered,
    benchmark,
    check,
    flatten,
    grad,
    placed,
    record,
    transfers,
    watch_values,
)
from wengert.magics import paths, present, present_tabs
from wengert.magics.explore import Explorer
from wengert.magics.inputs import called_like, last_arguments
from wengert.magics.layers import Made
from wengert.magics.sweep import Sweeper
from wengert.magics.whatif import CostModel, WhatIf

if TYPE_CHECKING:
    from wengert.widgets import (
        FindingsModel,
        GraphPath,
        GraphValues,
        MemoryModel,
        TransfersModel,
    )
    from wengert.widgets.base import View

Chain = Sequence[Made]
STOPS = 12
"""Positions of the slider of memory budgets, each half of the one before."""
SECONDS = 0.3
"""For how long one budget is measured."""


class NotYet(Exception):
    """Nothing to show before the first call."""

    is_a_sentence = True
    """It is shown without its kind."""


def tabs(chain: Chain) -> dict[str, Callable[[], Any]]:
    """The tabs for what was made of one function, by title; each is called when it is opened."""
    return {
        "Graph": lambda: graph(chain),
        "Stages": lambda: stages(shown(chain)),
        "Placement": lambda: placement(chain),
        "Transfers": lambda: transfer_view(chain),
        "Timings": lambda: timings(chain),
        "Memory": lambda: memory(chain),
        "Explore": lambda: explore(chain),
        "Findings": lambda: findings(chain),
    }


def shown(chain: Chain) -> Compiled:
    """The outermost function of a stack that has been compiled: the derivative, where the batch of it waits for its call.

    Where a derivative waits, that is what the reader looks for: the function that it is made of does not stand in for it.
    """
    for one in reversed(chain):
        if one.compiled.last is not None or hasattr(one.compiled, "wrt"):
            return one.compiled
    return chain[-1].compiled


def lowered(compiled: Compiled) -> Lowered:
    """The function's last program. Raises NotYet before the first one."""
    if compiled.last is None:
        raise NotYet(f"{compiled.__name__} is compiled at its first call: call it once")
    return Lowered(compiled, compiled.last)


def arguments(chain: Chain, compiled: Compiled, purpose: str) -> tuple[Any, ...]:
    """The arguments of the last call. Raises NotYet where there was none, or its arrays are gone."""
    found = last_arguments(chain, compiled)
    if found is None:
        raise NotYet(f"{purpose} at the arguments of the last call: call {compiled.__name__} once")
    return found


def graph(chain: Chain) -> View:
    from wengert.widgets import GraphView  # widgets are imported when one is shown: a terminal has none

    compiled, primal = shown(chain), chain[0].compiled
    program = lowered(compiled)
    drawn = program.graph
    own = lowered(primal).graph if primal.last is not None else None
    model = present.graph_model(drawn, own, devices_of(compiled))

    def values() -> GraphValues:
        found = flatten(compiled.convert(arguments(chain, compiled, "The values are those")))[0]
        return present.graph_values(model, watch_values(program, [*found, *program.program.captures]))

    def path(source: str, target: str) -> GraphPath:
        return paths.path(own if own is not None else drawn, drawn, source, target)

    return GraphView(model, answers={"values": values, "path": path, "ir": program.ir})


def devices_of(compiled: Compiled) -> dict[int, str] | None:
    """Source line -> the device of its kernels; None where nothing is offloaded, or was called yet."""
    found = getattr(compiled.last.executable, "placement", None) if compiled.last is not None else None
    if found is None:
        return None
    return {k.line: k.device for k in found().kernels if k.line is not None}


COSTS = CostModel()


def placement(chain: Chain) -> View:
    from wengert.widgets import PlacementView

    model = present.placement_model(chain[-1].compiled)
    known = [(one.compiled, last_arguments(chain, one.compiled)) for one in chain if placed(one.compiled) is None]
    functions = [(f, given, list(inspect.signature(f).parameters)) for f, given in known if given is not None]
    if not functions:
        return PlacementView(model)
    asked = WhatIf(model, functions, COSTS)
    return PlacementView(asked.model, asked.answer)


def timings(chain: Chain) -> View:
    from wengert.widgets import TimingView

    compiled = shown(chain)
    model = present.stages_model(lowered(compiled))
    given = last_arguments(chain, compiled)
    if given is None:
        return TimingView(model)
    functions = called_like(chain, compiled)
    names = list(inspect.signature(compiled).parameters)
    python = chain[0].compiled.__wrapped__ if functions[0] is chain[0].compiled else None
    sweeper = Sweeper(model, functions, given, names, python if inspect.isfunction(python) else None)
    return TimingView(sweeper.model, sweeper.answer)


def stages(compiled: Compiled) -> View:
    from wengert.widgets import StagesView

    program = lowered(compiled)
    return StagesView(present_tabs.stage_list(program), lambda number: present_tabs.stage_text(program, number))


def transfer_view(chain: Chain) -> View:
    from wengert.widgets import TransfersView

    compiled = chain[-1].compiled
    offload = placed(compiled)
    if offload is None or offload.device == "cpu":
        return TransfersView(present_tabs.ledger_model(compiled.__name__, (), present.where(compiled)))

    def recorded() -> TransfersModel:
        return present_tabs.recording_model(compiled.__name__, record(compiled, *arguments(chain, compiled, "Recorded")))

    return TransfersView(replace(present_tabs.ledger_model(compiled.__name__, transfers()), recordable=True), recorded)


def gradient_in(chain: Chain) -> Grad | None:
    """The outermost gradient of a stack."""
    for made in reversed(chain):
        compiled = getattr(made.compiled, "chosen", None) or made.compiled
        if isinstance(compiled, Grad):
            return compiled
    return None


def memory(chain: Chain) -> View:
    from wengert.widgets import MemoryView

    found = gradient_in(chain)
    if found is None:
        raise NotYet("Memory is what a reverse sweep keeps: put %%autodiff above a function that returns one float")
    given = arguments(chain, found, "Memory is planned")
    name = found.__name__

    def planned(limit: int | None) -> tuple[Compiled, Any]:
        made = grad(found.__wrapped__, found.wrt, memory=limit)
        return made, made.plan(*given)

    free = planned(None)[1]
    stops = present_tabs.budgets(free.bytes, STOPS)
    fixed = ""
    if not stops or not planned(stops[-1])[1].checkpoints:
        stops, fixed = (), "No loop of it can be run again from snapshots: a smaller limit would change nothing."

    def answer(limit: int | None, measure: bool) -> MemoryModel:
        made, plan = planned(limit)
        model = present_tabs.memory_model(name, plan, limit, free.bytes, stops, fixed)
        if not measure:
            return model
        rows = benchmark(made, *given, devices=("cpu",), seconds=SECONDS).rows
        return replace(model, seconds=rows[0].median)

    return MemoryView(answer(found.memory, False), answer)


def explore(chain: Chain) -> View:
    from wengert.widgets import ExploreView

    compiled = chain[0].compiled
    names = list(inspect.signature(compiled).parameters)
    explorer = Explorer(compiled, names, starting(chain, compiled))
    return ExploreView(explorer.model(), explorer.model, explorer.steps)


def starting(chain: Chain, compiled: Compiled) -> tuple[Any, ...]:
    """Where sliders start: the arguments of the last call, else ones where every argument is a number."""
    found = last_arguments(chain, compiled)
    declared = compiled.declared
    if found is not None or declared is None or any(leaf.type.rank for leaf in declared.leaves):
        return found if found is not None else arguments(chain, compiled, "Explored")
    start = {"f": 1.0, "i": 10, "b": True, "c": 1j}
    return declared.tree.unflatten([start[leaf.type.dtype.kind] for leaf in declared.leaves])


def findings(chain: Chain) -> View:
    from wengert.widgets import FindingsView

    primal = chain[0].compiled

    def checked() -> FindingsModel:
        return present_tabs.findings_model(primal, check(primal, *arguments(chain, primal, "Checked")))

    if last_arguments(chain, primal) is None:
        return FindingsView(present_tabs.unchecked_model(primal), checked)
    return FindingsView(checked(), checked)
