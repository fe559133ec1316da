"""Statements that are written as others before a function is analysed.

    while (x := f()) > 0: ...           while True: if not (x := f()) > 0: break ...    what the test binds, the loop carries
    match x: case 0: ...                if x == 0: ...                            see matches.py
    with np.errstate(...): ...          if <entered>: ...                               see `Entered`
    d[key] = v                          d = {**d, key: v}                               where nothing else may refer to d
    d[key] += v                         $d = d[key]; $d += v; d = {**d, key: $d}
    d.update(e)                         d = {**d, **e}
    nonlocal count                      count is an item of a list                      see boxed.py
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from wengert.compiler.frontend import boxed, matches
from wengert.compiler.frontend.scopes import FunctionNode, own_nodes


class Entered(ast.Tuple):
    """The contexts of a `with`, as a test that holds; a tuple of them for whoever knows nothing of it."""

    items: list[ast.withitem]


class Rewriter(ast.NodeTransformer):
    """Changes a syntax tree in place."""

    def __init__(self) -> None:
        self.leaking: set[ast.Match] = set()

    def visit_While(self, node: ast.While) -> ast.While:
        self.generic_visit(node)
        leaves = (ast.Break, ast.Continue)
        binds = any(isinstance(n, ast.NamedExpr) for n in ast.walk(node.test))
        if not binds or any(isinstance(n, leaves) for s in node.orelse for n in ast.walk(s)):
            return node
        both = isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And)
        parts = node.test.values if both else [node.test]  # type: ignore[attr-defined]
        ends: list[ast.stmt] = []
        for part in parts:
            test = ast.copy_location(ast.UnaryOp(ast.Not(), part), part)
            end = ast.copy_location(ast.Break(), part)
            ends.append(ast.copy_location(ast.If(test, [*copy.deepcopy(node.orelse), end], []), part))
        forever = ast.copy_location(ast.Constant(True), node.test)
        return ast.copy_location(ast.While(forever, [*ends, *node.body], []), node)

    def visit_With(self, node: ast.With) -> ast.If:
        self.generic_visit(node)
        test = Entered([item.context_expr for item in node.items], ast.Load())
        test.items = node.items
        ast.copy_location(test, node.items[0].context_expr)
        return ast.copy_location(ast.If(test, node.body, []), node)

    def visit_Match(self, node: ast.Match) -> list[ast.stmt]:
        self.generic_visit(node)
        return [node] if node in self.leaking else matches.as_branches(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        boxed.box(node)
        self.leaking |= matches.leaking(node)
        self.generic_visit(node)
        stored = {name for s in own_nodes(node) for target in _targets(s) if (name := _dict_of(target))}
        stored |= {s.func.value.id for s in own_nodes(node) if _is_update(s)}  # type: ignore[attr-defined]
        private = {name for name in stored if _is_private(node, name)}
        if private:
            _Stores(private).generic_visit(node)
        return node


class _Stores(ast.NodeTransformer):
    """Stores to keys of these dicts, as dicts made anew."""

    def __init__(self, names: set[str]):
        self.names = names

    def _known(self, target: ast.expr) -> bool:
        return _dict_of(target) in self.names

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        if len(node.targets) != 1 or not self._known(node.targets[0]):
            return node
        return _made_anew(node, node.targets[0], node.value)

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """`d.update(e)`, `d.update(key=v)`."""
        call = node.value
        if not _is_update(call) or call.func.value.id not in self.names:  # type: ignore[attr-defined]
            return node
        assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        name = call.func.value
        assert isinstance(name, ast.Name)
        entries: list[tuple[ast.expr | None, ast.expr]] = [(None, part) for part in (_load(name), *call.args)]
        entries += [(ast.copy_location(ast.Constant(k.arg), k) if k.arg else None, k.value) for k in call.keywords]
        return _assigned(node, name, entries)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt | list[ast.stmt]:
        target = node.target
        if not self._known(target) or any(isinstance(n, ast.Call | ast.NamedExpr) for n in ast.walk(target)):
            return node
        assert isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
        name = f"${target.value.id}"

        def item(context: ast.expr_context) -> ast.Name:
            return ast.copy_location(ast.Name(name, context), target)

        held = ast.copy_location(ast.Subscript(_load(target.value), copy.deepcopy(target.slice), ast.Load()), target)
        first = ast.copy_location(ast.Assign([item(ast.Store())], held), node)
        changed = ast.copy_location(ast.AugAssign(item(ast.Store()), node.op, node.value), node)
        return [first, changed, _made_anew(node, target, item(ast.Load()))]


def _made_anew(node: ast.stmt, target: ast.expr, value: ast.expr) -> ast.Assign:
    assert isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)
    return _assigned(node, target.value, [(None, _load(target.value)), (target.slice, value)])


def _assigned(node: ast.stmt, name: ast.Name, entries: list[tuple[ast.expr | None, ast.expr]]) -> ast.Assign:
    keys, values = zip(*entries, strict=True)
    made = ast.copy_location(ast.Dict(list(keys), list(values)), node.value if isinstance(node, ast.Expr) else node)
    return ast.copy_location(ast.Assign([ast.copy_location(ast.Name(name.id, ast.Store()), name)], made), node)


def _load(name: ast.Name) -> ast.Name:
    return ast.copy_location(ast.Name(name.id, ast.Load()), name)


def _dict_of(target: ast.expr) -> str:
    """The name of d in `d[key]`; "" for anything else."""
    return target.value.id if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) else ""


def _is_update(node: ast.AST) -> bool:
    """Whether it is `d.update(...)` of one other dict, or of keywords."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "update":
        return False
    return isinstance(node.func.value, ast.Name) and len(node.args) < 2 and not any(isinstance(a, ast.Starred) for a in node.args)


def _targets(node: ast.AST) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []


def _is_private(node: ast.FunctionDef, name: str) -> bool:
    """Whether a name is only ever bound to dicts made there, and these are read by keys or handed out at the end: nothing
    else refers to them when one is changed."""
    arguments = node.args
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    if any(a is not None and a.arg == name for a in parameters):
        return False
    inner = [n for n in ast.walk(node) if isinstance(n, FunctionNode) and n is not node]
    if any(isinstance(n, ast.Name) and n.id == name for scope in inner for n in ast.walk(scope)):
        return False
    if not any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in own_nodes(node)):
        return False
    fine: set[ast.AST] = set()
    for n in own_nodes(node):
        fine.update(v for v in _uses(n) if isinstance(v, ast.Name) and v.id == name)
    return all(n in fine for n in own_nodes(node) if isinstance(n, ast.Name) and n.id == name)


def _bound(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is bound to what: the items of one tuple to those of another."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


def _makes_dict(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(node, ast.Dict | ast.DictComp) or (isinstance(called, ast.Name) and called.id == "dict")


def _uses(node: ast.AST) -> Iterator[ast.AST | None]:
    """What stands in a node where a dict may, without another name for it."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        yield from (target for target, value in _bound(node.targets[0], node.value) if _makes_dict(value))
    elif isinstance(node, ast.Subscript):
        yield node.value
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "keys", "values", "get", "copy", "update"):
            yield node.func.value
        if isinstance(node.func, ast.Name) and node.func.id in ("len", "dict", "list", "tuple", "sorted"):
            yield from node.args
        yield from (k.value for k in node.keywords if k.arg is None)
    elif isinstance(node, ast.Return):
        yield from (node.value.elts if isinstance(node.value, ast.Tuple) else [node.value])
    elif isinstance(node, ast.Dict):
        yield from (value for key, value in zip(node.keys, node.values, strict=True) if key is None)
    elif isinstance(node, ast.Compare) and all(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
        yield from node.comparators
    elif isinstance(node, ast.For | ast.comprehension):
        yield node.iter
