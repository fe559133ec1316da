"""`__init__` and `__post_init__` of dataclasses: `self` is a value that each store makes anew.

    self.x = v                            self = with_field(self, "x", v)
    self.x += v                           $x = self.x; $x += v; self = with_field(self, "x", $x)
    object.__setattr__(self, "x", v)      self = with_field(self, "x", v)
    (end, `return`)                       return self

That is right while nothing else refers to the new object: `self` may stand only in front of a dot.
"""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

from wengert.compiler.frontend.objects import Object, Static, Tuple
from wengert.compiler.frontend.scopes import FunctionNode
from wengert.compiler.frontend.source import Parsed, parse
from wengert.compiler.frontend.tracer import Tracer
from wengert.compiler.ir.tree import field_names


def own_init(cls: type) -> types.FunctionType | None:
    """The `__init__` of a dataclass that is not the one that `dataclass` made."""
    init = cls.__init__  # type: ignore[misc]
    made = isinstance(init, types.FunctionType) and init.__code__.co_filename == "<string>" and "__init__" in vars(cls)
    return None if made else init


def stored(owner: Any, name: str, value: Any) -> Any:
    """What a store to an attribute is written as."""
    raise NotImplementedError


MARK: Any = stored


def with_field(tracer: Tracer, owner: Object, name: Object, value: Object) -> Object:
    """The object with a field of this value; fields stand in the order of the class, others behind them."""
    assert isinstance(owner, Tuple) and isinstance(name, Static)
    given = dict(zip(owner.names, owner.items, strict=True)) | {name.value: value}
    fields = field_names(owner.kind)
    order = [n for n in fields if n in given] + sorted(given.keys() - set(fields))
    return Tuple(owner.kind, tuple(given[n] for n in order), tuple(order))


def finished(tracer: Tracer, owner: Object) -> Object:
    """The object when its constructor has ended: it has all its fields."""
    assert isinstance(owner, Tuple)
    cls = owner.kind
    for name in field_names(cls):
        if owner.field(name) is None:
            if not hasattr(cls, name):
                tracer.refuse("binding", name=cls.__name__, problem=f"its constructor does not set {name!r} on each path")
            owner = with_field(tracer, owner, Static(name), tracer.lift(getattr(cls, name), name))  # type: ignore[assignment]
            assert isinstance(owner, Tuple)
    return owner


@functools.lru_cache(maxsize=256)
def written_out(function: types.FunctionType) -> Parsed | None:
    """The constructor as a function that returns `self`; None where it does more with it than to read and set attributes."""
    parsed = parse(function)
    if not isinstance(parsed.node, ast.FunctionDef) or not parsed.node.args.args:
        return None
    node = copy.deepcopy(parsed.node)
    name = node.args.args[0].arg
    _Stores(name).generic_visit(node)
    node.body.append(_at(ast.Return(_at(ast.Name(name, ast.Load()), node.body[-1])), node.body[-1]))
    return Parsed(node, parsed.source) if _is_private(node, name) else None


def parameters_of(cls: type) -> list[str]:
    """What the constructor that `dataclass` made takes."""
    return list(inspect.signature(cls).parameters)


def _is_private(node: FunctionNode, name: str) -> bool:
    fine: set[ast.AST] = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load):
            fine.add(n.value)
        elif isinstance(n, ast.Assign) and _is_store(n.value):
            fine |= {n.targets[0], n.value.args[0]}  # type: ignore[attr-defined]
        elif isinstance(n, ast.Return) and n.value is not None:
            fine.add(n.value)
        elif isinstance(n, ast.FunctionDef | ast.Lambda) and n is not node and any(
            isinstance(m, ast.Name) and m.id == name for m in ast.walk(n)
        ):
            return False
    return all(n in fine for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == name)


def _is_store(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Constant) and node.func.value == MARK


class _Stores(ast.NodeTransformer):
    def __init__(self, name: str):
        self.name = name

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        stores: list[ast.stmt] = []
        held: Callable[[ast.expr], ast.expr] = lambda target: self._held(target, stores)  # noqa: E731
        targets = [held(target) for target in node.targets]
        return [_at(ast.Assign(targets, node.value), node), *stores] if stores else [node]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | list[ast.stmt]:
        if node.value is None or not self._is_field(node.target):
            return node
        return self.visit_Assign(_at(ast.Assign([node.target], node.value), node))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        target = node.target
        if not self._is_field(target):
            return node
        assert isinstance(target, ast.Attribute)
        stores: list[ast.stmt] = []
        held = self._held(target, stores)
        assert isinstance(held, ast.Name)
        before = _at(ast.Attribute(self._self(target), target.attr, ast.Load()), target)
        return [_at(ast.Assign([held], before), node), _at(ast.AugAssign(held, node.op, node.value), node), *stores]

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "object.__setattr__" and len(call.args) == 3:
            owner, name, value = call.args
            if isinstance(owner, ast.Name) and owner.id == self.name and isinstance(name, ast.Constant):
                return self._store(node, str(name.value), value)
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        empty = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
        return _at(ast.Return(self._self(node)), node) if empty else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def _is_field(self, target: ast.expr) -> bool:
        return isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == self.name

    def _held(self, target: ast.expr, stores: list[ast.stmt]) -> ast.expr:
        """A target with names in place of fields, which `stores` then set."""
        if self._is_field(target):
            assert isinstance(target, ast.Attribute)
            name = f"${target.attr}"
            stores.append(self._store(target, target.attr, _at(ast.Name(name, ast.Load()), target)))
            return _at(ast.Name(name, ast.Store()), target)
        if isinstance(target, ast.Tuple | ast.List):
            return _at(type(target)([self._held(t, stores) for t in target.elts], ast.Store()), target)
        return target

    def _self(self, place: ast.AST) -> ast.Name:
        return _at(ast.Name(self.name, ast.Load()), place)

    def _store(self, place: ast.AST, name: str, value: ast.expr) -> ast.stmt:
        function = _at(ast.Constant(MARK), place)
        call = _at(ast.Call(function, [self._self(place), _at(ast.Constant(name), place), value], []), place)
        return _at(ast.Assign([_at(ast.Name(self.name, ast.Store()), place)], call), place)


def _at(made: Any, place: ast.AST) -> Any:
    return ast.copy_location(made, place)
