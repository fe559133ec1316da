"""Which lists have a length that is known only at run time, and what is known of their items.

Both are kept by the place in the program that makes the list, in `Tracer.lists`. What is learnt there has the function traced
anew (`Retrace`).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from wengert.compiler.frontend import heaps
from wengert.compiler.frontend.arithmetic import ONE
from wengert.compiler.frontend.heaps import ROOM, fresh_data
from wengert.compiler.frontend.list_models import (
    Model,
    heaps_in,
    is_vague,
    joined,
    leaves_of,
    model_of,
    replaced,
)
from wengert.compiler.frontend.objects import ArrayValue, ListOf, Object, Tuple, is_list
from wengert.compiler.frontend.tracer import Retrace, Tracer, provides
from wengert.compiler.ir.core import Value


@dataclass(frozen=True, slots=True)
class ItemOf:
    """The origin of a list that is an item, chosen at run time, of a list written out."""

    base: Tuple


def write_out(tracer: Tracer) -> None:
    """Where an index must be known: have the innermost loop over few known numbers written out, if there is one left."""
    for frame in reversed(tracer.frames):
        for loop in reversed(frame.loops):
            if loop.place is not None:
                tracer.lists[loop.place] = None
                raise Retrace


def grows(tracer: Tracer, node: ast.AST) -> bool:
    """Whether something is appended to the name that a literal is assigned to."""
    statement, changed = tracer.frame.statement, _changed(tracer.frame.node)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(n, ast.Name) and n.id in changed for t in targets if t is not None for n in ast.walk(t))


@lru_cache(maxsize=4096)
def _changed(function: ast.AST) -> frozenset[str]:
    """Names of what is appended to, by `+=` too, or pushed on as on a heap."""
    return frozenset(
        n.target.id
        for n in ast.walk(function)
        if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Add) and isinstance(n.target, ast.Name)
    ) | frozenset(
        n.func.value.id
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in ("append", "extend", "insert")
        and isinstance(n.func.value, ast.Name)
    ) | frozenset(
        n.args[0].id
        for n in ast.walk(function)
        if isinstance(n, ast.Call) and n.args and isinstance(n.args[0], ast.Name)
        and getattr(n.func, "attr", getattr(n.func, "id", "")) == "heappush"
    )  # fmt: skip


def empty(tracer: Tracer, key: Any, model: Model | None, room: Value | None = None, path: tuple[int, ...] = ()) -> Tuple:
    """No items, and room for some. path: where in what is known of `key` its items are."""
    builder = tracer.builder
    room = builder.integer(ROOM) if room is None else room
    count = tracer.fresh(ArrayValue(builder.emit("pack", builder.integer(0), shape=(1,)), (ONE,)), "$count")
    data = [fresh_data(tracer, leaf, room) for leaf in leaves_of(model)]
    if is_vague(model):
        tracer.unsettled = True
    inner = [part for rows in heaps_in(model) for part in heaps.empty(tracer, rows)]
    return Tuple(ListOf(key, model, path), (count, *data, *inner))


def learn(tracer: Tracer, key: Any, path: tuple[int, ...], model: Model) -> None:
    """Know more of the items of a list, and trace the function anew."""
    before = tracer.lists.get(key)
    whole = model if not path else replaced(before, path, model)
    tracer.lists[key] = whole if before is None else joined(tracer, before, whole)
    if tracer.lists[key] == before:
        tracer.refuse("list_mutation")
    raise Retrace


def growing(tracer: Tracer, owner: Object, model: Model) -> Tuple:
    """The list itself if it can take items of `model`; else the function is traced anew with what is known now."""
    assert isinstance(owner, Tuple)
    if isinstance(owner.kind, ListOf):
        wide = model if owner.kind.model is None else joined(tracer, owner.kind.model, model)
        if wide != owner.kind.model:
            learn(tracer, owner.kind.key, owner.kind.path, wide)
        return owner
    if isinstance(owner.origin, ItemOf):
        as_rows(tracer, owner.origin.base)
    key = owner.origin
    if key is None:
        tracer.refuse("list_given")
    if key[0] == "in":  # an item of a list, of known length so far
        tracer.lists["rows", key[1]] = tracer.lists.pop(key[1], None)
        raise Retrace
    wide = model
    for item in owner.items:
        wide = joined(tracer, wide, model_of(tracer, item, ("rows", key) in tracer.lists))
    learn(tracer, key, (), wide)
    raise AssertionError


def as_rows(tracer: Tracer, owner: Tuple) -> None:
    """Have a list whose items are lists traced anew with these in a heap, where they can be changed and chosen at run time."""
    key = owner.kind.key if isinstance(owner.kind, ListOf) else owner.origin
    if isinstance(key, ItemOf):
        as_rows(tracer, key.base)
    if key is None or ("rows", key) in tracer.lists:
        tracer.refuse("list_nested")
    if key[0] == "in":
        key = key[1]
    tracer.lists["rows", key] = None
    if isinstance(owner.kind, ListOf) or owner.origin[0] == "in":
        tracer.lists.pop(key, None)
    else:
        models = [model_of(tracer, item, True) for item in owner.items]
        wide = models[0]
        for model in models[1:]:
            wide = joined(tracer, wide, model)
        tracer.lists[key] = wide
    raise Retrace


@provides("unify_lists")
def unify(tracer: Tracer, a: Tuple, b: Tuple) -> bool:
    """Trace two lists, either of which a name is, as lists of run-time length with the same items. False if they cannot be."""
    models: list[Any] = []
    for item in (a, b):
        if isinstance(item.kind, ListOf):
            models.append(item.kind.model)
        elif item.origin is None or isinstance(item.origin, ItemOf) or item.origin[0] == "in":
            return False
        else:
            models += [model_of(tracer, part, ("rows", item.origin) in tracer.lists) for part in item.items]
    wide = None
    for model in models:
        wide = model if wide is None else wide if model is None else joined(tracer, wide, model)
    if wide is None:
        return False
    before = dict(tracer.lists)
    for item in (a, b):
        key, path = (item.kind.key, item.kind.path) if isinstance(item.kind, ListOf) else (item.origin, ())
        known = tracer.lists.get(key)
        whole = wide if not path else replaced(known, path, wide)
        tracer.lists[key] = whole if known is None else joined(tracer, known, whole)
    if tracer.lists == before:
        return False
    raise Retrace


def of_own_items(tracer: Tracer, owner: Tuple) -> Tuple:
    """The list, of run-time length. Raises Retrace where it is written out."""
    if is_list(owner):
        return owner
    if not owner.items:
        tracer.refuse("list_empty")
    return growing(tracer, owner, model_of(tracer, owner.items[0]))


def has_rows(tracer: Tracer, owner: Tuple) -> bool:
    """Whether lists in the items of a list are to be lists that may change."""
    key = owner.kind.key if isinstance(owner.kind, ListOf) else owner.origin
    return not isinstance(key, ItemOf) and ("rows", key) in tracer.lists
