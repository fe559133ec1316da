"""`try` where it is certain when compiled whether its statements raise what is caught, and imports within functions.

    try:                                     the key is known: the statements run as they are, or those of the handler
        code = CODES[name]
    except KeyError:                         what compiled code would raise at run time cannot be caught: refused
        code = 0

The statements are traced twice: first aside, to see where they fail and what may trap, then for good as far as they do not fail.
"""

from __future__ import annotations

import ast
import importlib
import sys
from typing import Any

from wengert.compiler.diag.errors import FAULTS, WengertError
from wengert.compiler.frontend.control import execute, fault_of, run_block
from wengert.compiler.frontend.merge import run_side
from wengert.compiler.frontend.merger import Side
from wengert.compiler.frontend.objects import Object, Static, Tuple
from wengert.compiler.frontend.tracer import STATEMENTS, Tracer, handles
from wengert.compiler.ir.core import Block
from wengert.compiler.ir.opdef import REGISTRY

_FAULTS = {"index": "index", "same_extent": "shape"}
_HARMLESS = frozenset({"constant", "dim", "cast", "negative", "add", "subtract", "multiply", "equal", "less", "where"})
"""Ops that raise nothing in Python either, of whatever numbers: a root or a quotient does where compiled code gives NaN."""


@handles(STATEMENTS, ast.Try)
def try_statement(tracer: Tracer, node: ast.Try) -> None:
    caught = [_classes(tracer, h) for h in node.handlers]
    failed: list[tuple[int, WengertError]] = []

    def aside() -> None:
        for position, statement in enumerate(node.body):
            held = dict(tracer.state.cells)
            try:
                execute(tracer, statement)
            except WengertError as error:
                _recover(tracer, frames, loops)
                if error.certain is None or error.certain[1] is not tracer.builder.block or _written(tracer, held):
                    raise
                failed.append((position, error))
            if failed or tracer.exited:
                return

    frames, loops = len(tracer.frames), len(tracer.frame.loops)
    side = run_side(tracer, aside)
    renamed = bool(node.handlers) and all(len(h.body) == 1 and isinstance(h.body[0], ast.Raise) for h in node.handlers)
    _require_safe(tracer, node, side, [c for classes in caught for c in classes], renamed)
    if not failed:
        before = len(tracer.builder.block.ops)
        run_block(tracer, node.body)
        if renamed:
            _raise_instead(tracer, node, caught, before)
        if not tracer.exited and not tracer.may_have_exited:
            run_block(tracer, node.orelse)
    else:
        position, error = failed[0]
        assert error.certain is not None
        raised = error.certain[0]
        chosen = next((k for k, c in enumerate(caught) if issubclass(raised, c)), None)
        if chosen is None:
            raise error
        run_block(tracer, node.body[:position])
        handler = node.handlers[chosen]
        if handler.name is not None:
            tracer.bind(handler.name, Static(str(error.message)))
        run_block(tracer, handler.body)
    if node.finalbody:
        if tracer.exited or tracer.may_have_exited:
            tracer.refuse("try_finally", node)
        run_block(tracer, node.finalbody)


def _raise_instead(tracer: Tracer, node: ast.Try, caught: list[tuple[type[BaseException], ...]], before: int) -> None:
    """Let what the statements check raise what their handlers, which do nothing else, raise."""
    for op in Block([], tracer.builder.block.ops[before:], []).walk():
        if op.name == "check":
            fault = FAULTS[op.attrs["fault"]]
            chosen = next((h for h, c in zip(node.handlers, caught, strict=True) if issubclass(fault, c)), None)
            if chosen is not None and chosen.body[0].exc is not None:  # type: ignore[attr-defined]
                kind, message = fault_of(tracer, chosen.body[0])  # type: ignore[arg-type]
                op.attrs = {**op.attrs, "fault": kind, "message": message}


def _written(tracer: Tracer, held: dict[Any, Any]) -> bool:
    return any(tracer.state.cells.get(c) is not v for c, v in held.items())


def _recover(tracer: Tracer, frames: int, loops: int) -> None:
    del tracer.frames[frames:], tracer.frame.loops[loops:]


def _classes(tracer: Tracer, handler: ast.ExceptHandler) -> tuple[type[BaseException], ...]:
    if handler.type is None:
        return (BaseException,)
    named: Object = tracer.evaluate(handler.type)
    parts = named.items if isinstance(named, Tuple) else (named,)
    found = [p.value for p in parts if isinstance(p, Static) and isinstance(p.value, type) and issubclass(p.value, BaseException)]
    if len(found) < len(parts):
        tracer.refuse("try", handler.type)
    return tuple(found)


def _require_safe(tracer: Tracer, node: ast.Try, side: Side, caught: list[type[BaseException]], renamed: bool) -> None:
    """Refuse what may raise at run time what a handler catches."""
    arithmetic = any(issubclass(e, c) for c in caught for e in (ValueError, ZeroDivisionError, OverflowError))
    for op in side.block.walk():
        row = REGISTRY[op.name]
        known = _FAULTS.get(op.name) or op.attrs.get("fault") or row.fault
        if renamed and (op.name == "check" or not row.traps and not row.fault):
            continue
        kinds = [known] if known else list(FAULTS) if row.traps and op.name != "print" else []
        may = any(issubclass(FAULTS[k], c) for k in kinds for c in caught)
        if may or (arithmetic and row.kind in ("elementwise", "library") and op.name not in _HARMLESS):
            tracer.refuse("try_at_run_time", node, notes=[("this may raise when it runs", op.span)])


# -- imports within functions


@handles(STATEMENTS, ast.Import, ast.ImportFrom)
def import_statement(tracer: Tracer, node: ast.Import | ast.ImportFrom) -> None:
    """Done when the function is compiled."""
    package = tracer.frame.namespace.get("__package__")
    for alias in node.names:
        try:
            if isinstance(node, ast.Import):
                module = importlib.import_module(alias.name)
                whole = module if alias.asname else sys.modules[alias.name.partition(".")[0]]
                tracer.bind(alias.asname or alias.name.partition(".")[0], Static(whole))
                continue
            module = importlib.import_module("." * node.level + (node.module or ""), package)
            if not hasattr(module, alias.name):
                importlib.import_module(f"{module.__name__}.{alias.name}")
        except ImportError as error:
            tracer.refuse("import", node, problem=str(error), raises=ImportError)
        tracer.bind(alias.asname or alias.name, tracer.lift(getattr(module, alias.name), alias.name))
