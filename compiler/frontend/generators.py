"""Generators of the program: run to their end where they are called, what they yield in a list of run-time length.

for v in steps(x): ...      made = steps(x), each `yield e` in it made.append(e);  for v in made: ...

So what a generator reads must not be written while its values are used (they are spoilt then), and one that need not end, or may
raise after it has been left, is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import lru_cache

from wengert.compiler.frontend import list_kinds, lists, liveness
from wengert.compiler.frontend.objects import NONE, Object, Tuple, is_list
from wengert.compiler.frontend.once import marked
from wengert.compiler.frontend.tracer import EXPRESSIONS, SERVICES, Frame, Tracer, handles

YIELDED = "$heldyields"
"""The name of the list in the frame of a generator."""


@lru_cache(maxsize=4096)
def is_generator(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Yield | ast.YieldFrom) for n in _own(node))


def _own(node: ast.AST) -> Iterable[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.GeneratorExp):
            yield child
            yield from _own(child)


def check_call(tracer: Tracer, node: ast.AST, name: str) -> None:
    """Refuse what running a generator at once would do otherwise. The current frame is the caller's."""
    statement = tracer.frame.statement
    whiles = [n for n in _own(node) if isinstance(n, ast.While)]
    for loop in whiles:
        if isinstance(loop.test, ast.Constant) and loop.test.value and liveness.loop_exits(loop) == (False, False):
            tracer.refuse("generator", name=name, problem="never ends by itself")
    if any(isinstance(n, ast.Name) and n.id == "print" for n in _own(node)):
        tracer.refuse("generator", name=name, problem="prints while its values are used")
    if isinstance(statement, ast.For):
        raises = any(isinstance(n, ast.Raise | ast.Assert) for n in _own(node))
        if any(liveness.loop_exits(statement)) and (whiles or raises):
            tracer.refuse("generator", name=name, problem="may be left before it ends, and has a `while` or `raise`")
        changed = liveness.assigned([statement.target, *statement.body]) & liveness.reads(node) - liveness.analyse(node).locals  # type: ignore[arg-type]
        if changed and isinstance(node, ast.FunctionDef):
            tracer.refuse("generator", name=name, problem=f"reads `{min(changed)}`, which the loop over it changes")


def begin(tracer: Tracer) -> None:
    """In the frame of a generator: the list of what it yields."""
    key = (*tracer.place(tracer.frame.node), "yielded")
    known = tracer.lists.get(key)
    if known is None:
        tracer.unsettled = True
    tracer.bind(YIELDED, Tuple(list, (), origin=key) if known is None else list_kinds.empty(tracer, key, known))


def finish(tracer: Tracer, args: Iterable[Object], parent: Frame | None) -> Object:
    """What was yielded; it is spoilt when anything the generator reads is written."""
    made = tracer.names[YIELDED]
    if not is_list(made):
        return marked(made)
    read = list(args)
    names = liveness.reads(tracer.frame.node)
    while parent is not None:
        read += [item for name, item in tracer.state.frames[parent.index].items() if name in names]
        parent = parent.parent
    return marked(lists.spoilt_with(made, read))


@handles(EXPRESSIONS, ast.Yield)
def yield_expression(tracer: Tracer, node: ast.Yield) -> Object:
    held = tracer.names.get(YIELDED)
    if held is None or not _is_statement(tracer, node):
        tracer.refuse("yield", node)
    lists.append(tracer, held, tracer.evaluate(node.value) if node.value is not None else NONE)
    return NONE


@handles(EXPRESSIONS, ast.YieldFrom)
def yield_from(tracer: Tracer, node: ast.YieldFrom) -> Object:
    held = tracer.names.get(YIELDED)
    if held is None or not _is_statement(tracer, node):
        tracer.refuse("yield", node)
    SERVICES["loop_items"](tracer, tracer.evaluate(node.value), lambda item: lists.append(tracer, tracer.names[YIELDED], item))
    return NONE


def _is_statement(tracer: Tracer, node: ast.expr) -> bool:
    """Whether nothing is sent in, that is, its value is not used."""
    statement = tracer.frame.statement
    return isinstance(statement, ast.Expr) and statement.value is node
