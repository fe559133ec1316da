"""`nonlocal`: what an inner function gives another value is an item of a list, which both functions see.

    count = 0                             count = [0]
    def step():                           def step():
        nonlocal count                        pass
        count += 1                            count[0] += 1
    return count                          return count[0]

Left as it is, and refused later, where the name is bound in any other way than by assignment, or first in a branch or loop.
"""

from __future__ import annotations

import ast

from wengert.compiler.frontend.scopes import FunctionNode, own_nodes


def box(node: ast.FunctionDef) -> None:
    """Rewrites, in place, the names of a function that functions in it declare as nonlocal."""
    declared = {name for n in ast.walk(node) if isinstance(n, ast.Nonlocal) for name in n.names}
    for name in sorted(declared):
        at = _beginning(node, name)
        if at is None or not all(_fits(n, name) for n in ast.walk(node) if n is not node):
            continue
        first = node.body[at]
        if name in _parameters(node):
            own = ast.copy_location(ast.Name(name, ast.Store()), first)
            first = ast.copy_location(ast.Assign([own], ast.copy_location(ast.Name(name, ast.Load()), first)), first)
            node.body.insert(at, first)
        boxes = _Boxes(name)
        node.body[at + 1 :] = [boxes.visit(statement) for statement in node.body[at + 1 :]]
        assert isinstance(first, ast.Assign)
        target = first.targets[0]
        if isinstance(target, ast.Tuple):
            assert isinstance(first.value, ast.Tuple)
            first.value.elts = [_held(v, t, name) for t, v in zip(target.elts, first.value.elts, strict=True)]
        else:
            first.value = _held(first.value, target, name)


def _held(value: ast.expr, target: ast.expr, name: str) -> ast.expr:
    """The value as that of the list which the name is."""
    own = isinstance(target, ast.Name) and target.id == name
    return ast.copy_location(ast.List([value], ast.Load()), value) if own else value


def _parameters(node: FunctionNode) -> set[str]:
    return {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}


def _beginning(node: ast.FunctionDef, name: str) -> int | None:
    """The statement in the body of the function itself that gives the name its first value; 0 for a parameter."""
    if name in _parameters(node):
        return 0
    for at, statement in enumerate(node.body):
        if _mentions(statement, name):
            return at if isinstance(statement, ast.Assign) and _gives(statement, name) else None
    return None


def _gives(statement: ast.Assign, name: str) -> bool:
    """Whether it is `name = value` or `name, other = value, another`."""
    if len(statement.targets) > 1 or _mentions(statement.value, name):
        return False
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Name):
        return _is_item(value)
    if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple) or len(target.elts) != len(value.elts):
        return False
    parts = (*target.elts, *value.elts)
    mine = [t for t in target.elts if _mentions(t, name)]
    fit = all(_is_item(v) for t, v in zip(target.elts, value.elts, strict=True) if t in mine)
    return fit and len(mine) == 1 and isinstance(mine[0], ast.Name) and not any(isinstance(p, ast.Starred) for p in parts)


def _is_item(value: ast.expr) -> bool:
    """Whether it may be an item of a list, as numbers and arrays are."""
    if isinstance(value, ast.Constant):
        return isinstance(value.value, bool | int | float | complex)
    return not isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp | ast.Lambda)


def _mentions(node: ast.AST, name: str) -> bool:
    return any(
        (isinstance(n, ast.Name) and n.id == name) or (isinstance(n, ast.Nonlocal) and name in n.names) for n in ast.walk(node)
    )


def _fits(node: ast.AST, name: str) -> bool:
    """Whether a part of the function binds the name by assignments only, and as no name of its own."""
    if isinstance(node, ast.Name):
        return node.id != name or not isinstance(node.ctx, ast.Del)
    if isinstance(node, ast.For | ast.comprehension | ast.NamedExpr):
        return not _mentions(node.target, name)
    if isinstance(node, ast.withitem):
        return node.optional_vars is None or not _mentions(node.optional_vars, name)
    if isinstance(node, FunctionNode):
        given = any(isinstance(n, ast.Nonlocal) and name in n.names for n in own_nodes(node))
        bound = any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in own_nodes(node))
        return name not in _parameters(node) and getattr(node, "name", "") != name and (given or not bound)
    if isinstance(node, ast.Global | ast.ClassDef):
        return not isinstance(node, ast.Global) or name not in node.names
    return name not in (getattr(node, "name", None), getattr(node, "rest", None))


class _Boxes(ast.NodeTransformer):
    def __init__(self, name: str):
        self.name = name

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id != self.name:
            return node
        held = ast.copy_location(ast.Name(node.id, ast.Load()), node)
        return ast.copy_location(ast.Subscript(held, ast.copy_location(ast.Constant(0), node), node.ctx), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.simple = 0
        return self.generic_visit(node)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.stmt:
        rest = [n for n in node.names if n != self.name]
        return ast.copy_location(ast.Nonlocal(rest) if rest else ast.Pass(), node)
