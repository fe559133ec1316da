"""Which names may be read after each statement of a function, and which a statement may bind.

Merges of branches and loops carry only names that are live, so a name private to one branch costs nothing and
cannot conflict with what it is in another.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from wengert.compiler.frontend.scopes import FunctionNode

Names = frozenset[str]
NONE: Names = frozenset()


@dataclass(slots=True)
class Liveness:
    """after: names live after a statement; head: names live where a loop decides whether to go on;
    locals: every name the function binds; shared: names its inner functions read."""

    after: dict[ast.stmt, Names] = field(default_factory=dict)
    head: dict[ast.stmt, Names] = field(default_factory=dict)
    locals: Names = NONE
    shared: Names = NONE


@lru_cache(maxsize=1024)
def analyse(node: FunctionNode) -> Liveness:
    result = Liveness()
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    parameters = frozenset(a.arg for a in named)
    if isinstance(node, ast.Lambda):
        result.locals = parameters
        return result
    result.locals = parameters | assigned(node.body)
    inner = (n for s in node.body for n in ast.walk(s) if isinstance(n, ast.FunctionDef | ast.Lambda))
    result.shared = frozenset(name for n in inner for name in reads(n)) & result.locals
    _Backward(result).block(node.body, NONE, NONE, NONE)
    return result


@lru_cache(maxsize=65536)
def reads(node: ast.AST) -> Names:
    """Every name loaded in it, inner functions included."""
    return frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def assigned(body: Iterable[ast.AST]) -> Names:
    """Every name the statements may bind (inner functions' own names are not counted)."""
    return frozenset(name for statement in body for name in _assigned(statement))


@lru_cache(maxsize=65536)
def _assigned(node: ast.AST) -> Names:
    if isinstance(node, ast.Name):
        return frozenset((node.id,)) if isinstance(node.ctx, ast.Store) else NONE
    if isinstance(node, ast.FunctionDef):
        return frozenset((node.name,))
    if isinstance(node, ast.alias):
        return frozenset((node.asname or node.name.partition(".")[0],))
    if isinstance(node, ast.ExceptHandler) and node.name is not None:
        return frozenset((node.name, *assigned(node.body)))
    if isinstance(node, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
        return NONE
    return frozenset(name for child in ast.iter_child_nodes(node) for name in _assigned(child))


@lru_cache(maxsize=65536)
def stored(node: ast.AST) -> Names:
    """Names through which the statements may write an array: roots of stored subscripts, targets of +=, call arguments."""
    found: set[str] = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Subscript | ast.Attribute) and isinstance(n.ctx, ast.Store):
            root: ast.AST = n
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name):
                found.add(root.id)
        elif isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name):
            found.add(n.target.id)
    return frozenset(found)


EXITS = (ast.Return, ast.Break, ast.Continue)


@lru_cache(maxsize=65536)
def may_exit(node: ast.AST) -> bool:
    """Whether running it may leave the block it stands in: by return, or break or continue of a loop around it."""
    if isinstance(node, EXITS):
        return True
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        return False
    if isinstance(node, ast.For | ast.While):
        return _returns(node) or any(may_exit(s) for s in node.orelse)
    return any(map(may_exit, _statements(node)))


def _statements(node: ast.AST) -> list[ast.stmt]:
    """The statements directly in a statement."""
    children = list(ast.iter_child_nodes(node))
    handled = [s for h in children if isinstance(h, ast.ExceptHandler) for s in h.body]
    return [c for c in children if isinstance(c, ast.stmt)] + handled


@lru_cache(maxsize=65536)
def _returns(node: ast.AST) -> bool:
    if isinstance(node, ast.Return):
        return True
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        return False
    return any(map(_returns, _statements(node)))


def loop_exits(loop: ast.For | ast.While) -> tuple[bool, bool]:
    """Whether the loop may be left by `break`, and by `return`."""
    return any(_breaks(s) for s in loop.body), any(_returns(s) for s in loop.body)


@lru_cache(maxsize=65536)
def _breaks(node: ast.AST) -> bool:
    if isinstance(node, ast.Break):
        return True
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        return False
    if isinstance(node, ast.For | ast.While):
        return any(_breaks(s) for s in node.orelse)
    return any(map(_breaks, _statements(node)))


def terminates(body: list[ast.stmt]) -> bool:
    """Whether control never falls out of the end of these statements, by their form alone."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, (*EXITS, ast.Raise)):
        return True
    return isinstance(last, ast.If) and terminates(last.body) and terminates(last.orelse)


class _Backward:
    """One backward pass; loops are gone through until nothing is added (twice)."""

    def __init__(self, result: Liveness):
        self.result = result

    def block(self, body: list[ast.stmt], out: Names, broken: Names, continued: Names) -> Names:
        for statement in reversed(body):
            self.result.after[statement] = out | self.result.shared
            out = self.before(statement, out, broken, continued)
        return out

    def before(self, node: ast.stmt, out: Names, broken: Names, continued: Names) -> Names:
        if isinstance(node, ast.If):
            then = self.block(node.body, out, broken, continued)
            return reads(node.test) | then | self.block(node.orelse, out, broken, continued)
        if isinstance(node, ast.For | ast.While):
            return self.loop(node, out, broken, continued)
        if isinstance(node, ast.Try):
            end = self.block(node.finalbody, out, broken, continued)
            handled = frozenset[str]().union(*(self.block(h.body, end, broken, continued) for h in node.handlers))
            kinds = frozenset[str]().union(*(reads(h.type) for h in node.handlers if h.type is not None))
            orelse = self.block(node.orelse, end, broken, continued)
            return self.block(node.body, orelse | handled, broken, continued) | handled | kinds
        if isinstance(node, ast.Return):
            return reads(node)
        if isinstance(node, ast.Break):
            return broken
        if isinstance(node, ast.Continue):
            return continued
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            return (out - frozenset(n for t in targets for n in _bound(t))) | reads(node)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            return out | reads(node.value) | {node.target.id}
        if isinstance(node, ast.FunctionDef):
            return (out - {node.name}) | reads(node)
        return out | reads(node)

    def loop(self, node: ast.For | ast.While, out: Names, broken: Names, continued: Names) -> Names:
        head = self.block(node.orelse, out, broken, continued)
        if isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
            head = NONE  # `while True` is left by `break` and `return` only
        own = frozenset(_bound(node.target)) if isinstance(node, ast.For) else NONE
        head |= NONE if isinstance(node, ast.For) else reads(node.test)
        while True:
            self.result.head[node] = head | self.result.shared
            wider = head | (self.block(node.body, head, out, head) - own)
            if wider == head:
                break
            head = wider
        return head | (reads(node.iter) | reads(node.target) if isinstance(node, ast.For) else NONE)


def _bound(target: ast.expr) -> list[str]:
    """Names that an assignment to the target certainly binds."""
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Tuple | ast.List):
        return [name for element in target.elts for name in _bound(element)]
    if isinstance(target, ast.Starred):
        return _bound(target.value)
    return []
