"""Expressions other than subscripts and calls."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler.frontend import (
    arithmetic,
    list_kinds,
    list_methods,
    lists,
    liveness,
    once,
    overloads,
    written_lists,
)
from wengert.compiler.frontend.arithmetic import OPERATORS, binary, negate
from wengert.compiler.frontend.attributes import attribute
from wengert.compiler.frontend.index import number
from wengert.compiler.frontend.iteration import indexed_by_position, items_of, iterate, length_at_run_time
from wengert.compiler.frontend.kinds import scalar_type, to_value
from wengert.compiler.frontend.maybes import is_none, settled
from wengert.compiler.frontend.merge import branch
from wengert.compiler.frontend.objects import (
    NONE,
    Array,
    ArrayValue,
    Object,
    Scalar,
    Static,
    Tuple,
    given,
    is_list,
    is_maybe,
    is_number,
    same_object,
)
from wengert.compiler.frontend.output import combined
from wengert.compiler.frontend.products import matmul
from wengert.compiler.frontend.reductions import REDUCTIONS
from wengert.compiler.frontend.rewrite import Entered
from wengert.compiler.frontend.subscripts import known_key
from wengert.compiler.frontend.targets import assign, name_it
from wengert.compiler.frontend.tracer import EXPRESSIONS, SERVICES, STATEMENTS, Tracer, closure_of, handles, provides
from wengert.compiler.frontend.truth import choose, combine, condition_of, truth
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.types import BOOL, I64


@handles(EXPRESSIONS, ast.Constant)
def constant(tracer: Tracer, node: ast.Constant) -> Object:
    return Static(node.value)


@handles(EXPRESSIONS, ast.Name)
def name(tracer: Tracer, node: ast.Name) -> Object:
    found = tracer.lookup(node.id, node)
    once.read(tracer, found, node)
    return found


@handles(EXPRESSIONS, ast.Tuple, ast.List)
def sequence(tracer: Tracer, node: ast.Tuple | ast.List) -> Object:
    items: list[Object] = []
    before: Tuple | None = None  # what stands before `items`, where its length is known only at run time
    for element in node.elts:
        if isinstance(element, ast.Starred):
            part = tracer.evaluate(element.value)
            if isinstance(node, ast.List) and length_at_run_time(tracer, part):
                more = part if is_list(part) else SERVICES["inline"](tracer, written_lists.listed, [part])
                before, items = list_methods.concatenated(tracer, list_methods.joined(tracer, before, items), more), []
            else:
                items += items_of(tracer, part, element)
        else:
            items.append(tracer.evaluate_any(element) if isinstance(node, ast.Tuple) else tracer.evaluate(element))
    if before is not None:
        return list_methods.joined(tracer, before, items)
    return Tuple(tuple, tuple(items)) if isinstance(node, ast.Tuple) else lists.literal(tracer, node, tuple(items))


@handles(EXPRESSIONS, ast.Set)
def set_display(tracer: Tracer, node: ast.Set) -> Object:
    """Of values that are known; its items come in Python's own order."""
    items = [tracer.evaluate(element) for element in node.elts]
    if not all(isinstance(i, Static) for i in items):
        tracer.refuse("set_items", node)
    return Tuple(frozenset, tuple(map(Static, {i.value for i in items if isinstance(i, Static)})))


@handles(EXPRESSIONS, ast.Dict)
def dictionary(tracer: Tracer, node: ast.Dict) -> Object:
    made: dict[Any, Object] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        item = tracer.evaluate(value)
        if key is not None:
            made[known_key(tracer, tracer.evaluate(key), key)] = item
        elif isinstance(item, Tuple) and item.kind is dict:  # {**other}
            made |= dict(zip(item.names, item.items, strict=True))
        else:
            tracer.refuse("dict_keys", node)
    return Tuple(dict, tuple(made.values()), tuple(made))


@handles(EXPRESSIONS, ast.DictComp)
def dict_comprehension(tracer: Tracer, node: ast.DictComp) -> Object:
    """Over things of known length: its keys are known, too."""
    pair = ast.copy_location(ast.Tuple([node.key, node.value], ast.Load()), node.key)
    rows = tracer.evaluate(ast.copy_location(ast.ListComp(pair, node.generators), node))
    if not isinstance(rows, Tuple) or is_list(rows):
        tracer.refuse("dict_keys", node)
    made = {known_key(tracer, row.items[0], node.key): row.items[1] for row in rows.items if isinstance(row, Tuple)}
    return Tuple(dict, tuple(made.values()), tuple(made))


@handles(EXPRESSIONS, ast.BinOp)
def binary_operator(tracer: Tracer, node: ast.BinOp) -> Object:
    a, b = tracer.evaluate(node.left), tracer.evaluate(node.right)
    own = overloads.operator(tracer, type(node.op), a, b)
    if own is not None:
        return own
    if isinstance(node.op, ast.MatMult):
        return matmul(tracer, a, b)
    text = combined(tracer, type(node.op), a, b)
    if text is not None:
        return text
    if isinstance(node.op, ast.Add) and isinstance(a, Tuple) and isinstance(b, Tuple):
        listed = [is_list(a), is_list(b)]
        if any(listed) and all(known or x.kind is list for known, x in zip(listed, (a, b), strict=True)):
            return list_methods.concatenated(tracer, a, b)
    for item, other in ((a, b), (b, a)):
        if isinstance(item, Tuple) and (item.kind in (list, tuple) or is_list(item)) and not isinstance(other, Array):
            made = sequence_operator(tracer, node, item, other)
            if made is not None:
                return made
    return binary(tracer, type(node.op), a, b)


def sequence_operator(tracer: Tracer, node: ast.BinOp, item: Tuple, other: Object) -> Object | None:
    """Python's `*` and `+` of lists and tuples; None where those of known length are left to `binary`."""
    known = scalar_type(other)
    repeats = isinstance(node.op, ast.Mult) and known == (I64, True)
    if repeats and isinstance(other, Scalar) and item.kind is list and len(item.items) == 1:
        return lists.repeated(tracer, node, item.items[0], other)
    if isinstance(other, Static) and repeats and not is_list(item):
        return None
    if isinstance(other, Tuple) and isinstance(node.op, ast.Add) and not is_list(item) and not is_list(other):
        return None
    if known is not None and not known[1]:  # a NumPy number makes an array of the list
        return None
    tracer.refuse("list_operator", node, sign=OPERATORS[type(node.op)][1])


@handles(EXPRESSIONS, ast.UnaryOp)
def unary_operator(tracer: Tracer, node: ast.UnaryOp) -> Object:
    item = tracer.evaluate(node.operand)
    if isinstance(node.op, ast.Not):
        return negated(tracer, item)
    own = overloads.unary(tracer, type(node.op), item)
    if own is not None:
        return own
    if isinstance(node.op, ast.USub):
        return negate(tracer, item)
    if isinstance(node.op, ast.UAdd):
        return item
    item = arithmetic.operand(tracer, item)
    if scalar_type(item) == (BOOL, True):
        item = Scalar(to_value(tracer, item, I64), True)
    return arithmetic.apply(tracer, "invert", (item,))


@provides("negated")
def negated(tracer: Tracer, item: Object) -> Object:
    condition = truth(tracer, item)
    return Static(not condition) if isinstance(condition, bool) else Scalar(tracer.builder.emit("invert", condition), True)


@handles(EXPRESSIONS, ast.Compare)
def compare(tracer: Tracer, node: ast.Compare) -> Object:
    left = tracer.evaluate_any(node.left)
    result: Object | None = None
    for operator, right_node in zip(node.ops, node.comparators, strict=True):
        right = tracer.evaluate_any(right_node)
        one = compare_two(tracer, type(operator), left, right, node)
        result = one if result is None else both(tracer, result, one, node)
        left = right
    assert result is not None
    return result


def both(tracer: Tracer, a: Object, b: Object, node: ast.AST) -> Object:
    """`a < b < c`: what was compared is evaluated once, in any case."""
    p, q = truth(tracer, a, node), truth(tracer, b, node)
    if isinstance(p, bool):
        return b if p else Static(False)
    if isinstance(q, bool):
        return a if q else Static(False)
    return Scalar(tracer.builder.emit("bitwise_and", p, q), True)


def compare_two(tracer: Tracer, kind: type[ast.AST], a: Object, b: Object, node: ast.AST) -> Object:
    if kind in (ast.Is, ast.IsNot, ast.Eq, ast.NotEq) and NONE in (a, b):
        other = b if a == NONE else a
        if is_maybe(other):
            missing = is_none(tracer, other)
            if kind in (ast.Is, ast.Eq):
                return missing
            return Static(not missing.value) if isinstance(missing, Static) else other.items[0]
    if kind in (ast.Eq, ast.NotEq) and (is_maybe(a) or is_maybe(b)):
        return equal_or_none(tracer, kind, given(a), given(b), node)
    a, b = settled(tracer, a), settled(tracer, b)
    if kind in (ast.Is, ast.IsNot):
        for item, other in ((a, b), (b, a)):  # a bool of Python's is True or False itself, one of NumPy's is neither
            if scalar_type(item) == (BOOL, True) and isinstance(item, Scalar) and other in (Static(True), Static(False)):
                return binary(tracer, ast.Eq if kind is ast.Is else ast.NotEq, item, other)
        same = identical(tracer, a, b, node)
        return Static(same == (kind is ast.Is))
    if kind in (ast.In, ast.NotIn):
        found = contained(tracer, a, b, node)
        if isinstance(found, Static):
            return Static(found.value == (kind is ast.In))
        assert isinstance(found, Scalar)
        return found if kind is ast.In else Scalar(tracer.builder.emit("invert", found.value), True)
    if kind in (ast.Eq, ast.NotEq) and (a == Static(None) or b == Static(None)):
        return Static((a == b) == (kind is ast.Eq))
    own = overloads.operator(tracer, kind, a, b)
    if own is not None:
        return own
    if isinstance(a, Tuple) and isinstance(b, Tuple) and kind in ORDERS:
        return compare_sequences(tracer, kind, a, b, node)
    return binary(tracer, kind, a, b)


def equal_or_none(tracer: Tracer, kind: type[ast.AST], a: Tuple, b: Tuple, node: ast.AST) -> Object:
    """`==` of what may be None on either side."""
    (p, v), (q, w) = a.items, b.items
    if scalar_type(v) is None or scalar_type(w) is None:
        return compare_two(tracer, kind, settled(tracer, a), settled(tracer, b), node)
    emit = tracer.builder.emit
    has, other, same = (to_value(tracer, x, BOOL) for x in (p, q, binary(tracer, ast.Eq, v, w)))
    made = emit("bitwise_and", emit("equal", has, other), emit("bitwise_or", emit("invert", has), same))
    return Scalar(made if kind is ast.Eq else emit("invert", made), True)


ORDERS = {ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE}


def compare_sequences(tracer: Tracer, kind: type[ast.AST], a: Tuple, b: Tuple, node: ast.AST) -> Object:
    """Tuples by their items, the first that differ deciding."""
    strict = ast.Lt if kind is ast.LtE else ast.Gt if kind is ast.GtE else kind
    if kind in (ast.Eq, ast.NotEq) and (a.kind is not b.kind or len(a.items) != len(b.items)):
        return Static(kind is ast.NotEq)
    common = min(len(a.items), len(b.items))
    result: Object = Static(OPERATORS[kind][2](len(a.items), len(b.items)))
    for p, q in reversed(list(zip(a.items[:common], b.items[:common], strict=True))):
        same = truth(tracer, compare_two(tracer, ast.Eq, p, q, node), node)
        if same is True:
            continue
        one: Object = Static(kind is ast.NotEq) if kind in (ast.Eq, ast.NotEq) else compare_two(tracer, strict, p, q, node)
        if same is False:
            result = one
            continue
        result = Scalar(
            tracer.builder.emit("where", same, to_value(tracer, result, BOOL), to_value(tracer, one, BOOL)), True
        )
    return result


def identical(tracer: Tracer, a: Object, b: Object, node: ast.AST) -> bool:
    if a == Static(None) or b == Static(None):
        return a == b
    if is_number(a) or is_number(b) or not isinstance(a, Static) or not isinstance(b, Static):
        if {a, b} & {Static(True), Static(False)} and isinstance(a, Static) and isinstance(b, Static):
            return same_object(a, b)
        tracer.refuse("is", node)
    return a.value is b.value


def contained(tracer: Tracer, item: Object, where: Object, node: ast.AST) -> Object:
    if isinstance(item, Static) and isinstance(where, Static) and isinstance(where.value, str):
        return Static(item.value in where.value)
    own = overloads.special(tracer, "contains", where, item)
    if own is not None:
        known = truth(tracer, own, node)
        return Static(known) if isinstance(known, bool) else Scalar(known, True)
    if is_list(where):
        return SERVICES["inline"](tracer, written_lists.is_among, [where, item])  # type: ignore[no-any-return]
    if isinstance(where, Array):
        found = REDUCTIONS[np.any](tracer, binary(tracer, ast.Eq, where, item))
        return Scalar(to_value(tracer, found, BOOL), True)
    if not isinstance(where, Tuple):
        tracer.refuse("in", node)
    if where.kind is dict:
        if isinstance(item, Static):
            return Static(item.value in where.names)
        if scalar_type(item) is None and not isinstance(item, Tuple):
            tracer.refuse("dict_keys", node)
        alike = tuple if isinstance(item, Tuple) else int
        keys = (key for key, name in zip(where.keys, where.names, strict=True) if isinstance(name, alike))
        where = Tuple(tuple, tuple(keys))
    result: Object = Static(False)
    for part in where.items:
        pair = isinstance(item, Tuple) and isinstance(part, Tuple)
        one = compare_two(tracer, ast.Eq, item, part, node) if pair else binary(tracer, ast.Eq, item, part)
        if isinstance(one, Static):
            if one.value:
                return one
        elif isinstance(result, Static):
            result = one
        else:
            result = binary(tracer, ast.BitOr, result, one)
    return result


@handles(EXPRESSIONS, ast.BoolOp)
def boolean_operator(tracer: Tracer, node: ast.BoolOp) -> Object:
    return combine(tracer, node.values, isinstance(node.op, ast.And))


@handles(EXPRESSIONS, ast.IfExp)
def conditional(tracer: Tracer, node: ast.IfExp) -> Object:
    """`a if c else b`: a `where` of two numbers that cost little, else an `if`."""
    condition = condition_of(tracer, node.test)
    if isinstance(condition, bool):
        return tracer.evaluate_any(node.body if condition else node.orelse)
    return choose(tracer, node, condition, lambda: part_of(tracer, node, node.body), lambda: part_of(tracer, node, node.orelse))


def part_of(tracer: Tracer, node: ast.IfExp, part: ast.expr) -> Object:
    """One side of `a if x is None else b`, in which it is known whether x is None."""
    test, held = node.test, dict(tracer.names)
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and len(test.ops) == 1:
        item, operator = tracer.names.get(test.left.id), type(test.ops[0])
        none = isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value is None
        if is_maybe(item) and none and operator in (ast.Is, ast.IsNot):
            tracer.bind(test.left.id, NONE if (operator is ast.Is) == (part is node.body) else item.items[1])
            made = tracer.evaluate_any(part)
            tracer.bind(test.left.id, held[test.left.id])
            return made
    return tracer.evaluate_any(part)


@handles(EXPRESSIONS, ast.Lambda)
def lambda_expression(tracer: Tracer, node: ast.Lambda) -> Object:
    return closure_of(tracer, node)


@handles(STATEMENTS, ast.FunctionDef)
def inner_function(tracer: Tracer, node: ast.FunctionDef) -> None:
    closure = closure_of(tracer, node)
    tracer.bind(node.name, closure)


@handles(EXPRESSIONS, ast.NamedExpr)
def walrus(tracer: Tracer, node: ast.NamedExpr) -> Object:
    item = tracer.evaluate_any(node.value)
    name_it(tracer, node.target.id, item)
    tracer.bind(node.target.id, item)
    return item


@handles(EXPRESSIONS, ast.ListComp, ast.GeneratorExp)
def comprehension(tracer: Tracer, node: ast.ListComp | ast.GeneratorExp) -> Object:
    """Over things of known length: one item after the other; else a loop that appends to a list."""
    once.check_comprehension(tracer, node)
    made = known_or_growing(tracer, node)
    return once.marked(made) if isinstance(node, ast.GeneratorExp) else made


def known_or_growing(tracer: Tracer, node: ast.ListComp | ast.GeneratorExp) -> Object:
    if tracer.place(node) in tracer.lists:
        return growing_comprehension(tracer, node)
    made: list[Object] = []
    kept = dict(tracer.names)

    def run(depth: int) -> None:
        if depth == len(node.generators):
            made.append(tracer.evaluate(node.elt))
            return
        clause = node.generators[depth]
        source = indexed_by_position(tracer, iterate(tracer, tracer.evaluate(clause.iter), clause.iter))
        if source.at_run_time:
            growing_comprehension(tracer, node)
        for item in items_of(tracer, source, clause.iter):
            assign(tracer, clause.target, item)
            wanted = [condition_of(tracer, t) for t in clause.ifs]
            if not all(isinstance(w, bool) for w in wanted):
                growing_comprehension(tracer, node)
            if all(wanted):
                run(depth + 1)

    run(0)
    names = tracer.names
    for target in list(names):
        if target in kept:
            names[target] = kept[target]
        else:
            del names[target]
    return Tuple(list, tuple(made), origin=tracer.place(node), fresh=True)


def growing_comprehension(tracer: Tracer, node: ast.ListComp | ast.GeneratorExp) -> Object:
    """A loop for each clause, and in the innermost one an item appended to a list of run-time length."""
    key = tracer.place(node)
    held = f"$made{node.lineno}_{node.col_offset}"
    known = tracer.lists.get(key)
    listed = isinstance(node.elt, ast.ListComp) or (isinstance(node.elt, ast.List) and bool(node.elt.elts))
    listed = listed and ("rows", key) not in tracer.lists

    def append() -> None:
        item = tracer.evaluate(node.elt)
        lists.append(tracer, tracer.names[held], list_methods.as_row(tracer, item) if listed else item, listed)

    made = Tuple(list, (), origin=key) if known is None else list_kinds.empty(tracer, key, known)
    return looped(tracer, node, held, made, append)


def looped(tracer: Tracer, node: ast.ListComp | ast.GeneratorExp, held: str, made: Object, inside: Callable[[], None]) -> Object:
    """The clauses of a comprehension as loops, with `inside` in the innermost; `made` is what that changes, bound to `held`."""
    names = dict(tracer.names)
    tracer.bind(held, made)

    def run(depth: int) -> None:
        if depth == len(node.generators):
            inside()
            return
        clause = node.generators[depth]
        SERVICES["loop_over"](tracer, clause, tracer.evaluate(clause.iter), lambda: chosen(clause.ifs, depth))

    def chosen(tests: list[ast.expr], depth: int) -> None:
        if not tests:
            run(depth + 1)
            return
        wanted = condition_of(tracer, tests[0])
        if wanted is True:
            chosen(tests[1:], depth)
        elif wanted is not False:
            branch(tracer, wanted, lambda: chosen(tests[1:], depth), lambda: None, frozenset(tracer.names))

    run(0)
    made = tracer.names[held]
    tracer.names.clear()
    tracer.names.update(names)
    return made


@provides("decided")
def decided(tracer: Tracer, node: ast.expr, unit: bool) -> Object | None:
    """any (unit: False) or all (True) of a generator over run-time items: none is looked at once it is decided.

    None where the items are known one by one, or it is not yet known whether they are.
    """
    if not isinstance(node, ast.GeneratorExp) or tracer.place(node) not in tracer.lists:
        return None
    builder, held = tracer.builder, f"$decided{node.lineno}_{node.col_offset}"
    flag = tracer.fresh(ArrayValue(builder.emit("pack", builder.boolean(unit), shape=(1,)), (number(1),)), held)

    def current() -> Value:
        return builder.emit("load", tracer.content(flag.cell).value, builder.integer(0))

    def one() -> None:
        known = condition_of(tracer, node.elt)
        value = builder.boolean(known) if isinstance(known, bool) else known
        tracer.put(flag.cell, ArrayValue(builder.emit("pack", value, shape=(1,)), (number(1),)))

    def inside() -> None:
        open_ = current() if unit else builder.emit("invert", current())
        branch(tracer, open_, one, lambda: None, frozenset(tracer.names))

    looped(tracer, node, held, flag, inside)
    return Scalar(current(), True)


@handles(EXPRESSIONS, ast.Attribute)
def attribute_expression(tracer: Tracer, node: ast.Attribute) -> Object:
    return attribute(tracer, tracer.evaluate(node.value), node.attr, node)


@handles(EXPRESSIONS, Entered)
def entered(tracer: Tracer, node: Entered) -> Object:
    """The contexts of a `with`: those that say what becomes of warnings, of which compiled code has none."""
    for item in node.items:
        call, fine = item.context_expr, False
        if isinstance(call, ast.Call) and not call.args and item.optional_vars is None:
            made = tracer.evaluate(call.func)
            given = {k.arg: tracer.evaluate(k.value) for k in call.keywords}
            quiet = all(v in (Static("ignore"), Static("warn")) for v in given.values())
            fine = made == Static(np.errstate) and quiet or made == Static(warnings.catch_warnings) and not given
        if not fine:
            tracer.refuse("with", call, what="with")
    return Static(True)


# -- statements that are one expression, and those that are refused


@handles(STATEMENTS, ast.Expr)
def expression_statement(tracer: Tracer, node: ast.Expr) -> None:
    if not isinstance(node.value, ast.Constant):
        tracer.evaluate(node.value)


@handles(STATEMENTS, ast.Pass)
def nothing(tracer: Tracer, node: ast.Pass) -> None:
    """`pass`"""


_REFUSED: dict[type[ast.AST], str] = {
    ast.Global: "global", ast.Nonlocal: "nonlocal", ast.ClassDef: "class", ast.Match: "match",
}  # fmt: skip


def refuse_statement(tracer: Tracer, node: ast.stmt) -> None:
    if isinstance(node, ast.Global) and not liveness.assigned(tracer.frame.node.body) & set(node.names):  # type: ignore[arg-type]
        return  # only read
    tracer.refuse(_REFUSED[type(node)], node, what=type(node).__name__.lower())


STATEMENTS.update(dict.fromkeys(_REFUSED, refuse_statement))
