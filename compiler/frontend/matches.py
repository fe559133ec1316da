"""`match` as `if` and `elif`, before a function is analysed.

match f(x):                     $match = f(x)
    case 0 | 1: ...             if $match == 0 or $match == 1: ...
    case (x, 0) if x > 2: ...   elif isinstance($match, (tuple, list)) and len($match) == 2 and $match[1] == 0 and $match[0] > 2:
                                    x = $match[0]; ...

What a pattern cannot be is left, and refused when it is met: mappings, classes with positions, names that a guard leaves bound.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

BUILTINS = ("bool", "float", "int", "str", "complex")
Bindings = dict[str, ast.expr]


class _Unknown(Exception):
    """A pattern that has no such form."""


def as_branches(node: ast.Match) -> list[ast.stmt]:
    """The statements in place of a `match`; the `match` itself where they would not do the same."""
    name = f"$match{node.lineno}_{node.col_offset}"
    try:
        tests = [_case(case, ast.Name(name, ast.Load())) for case in node.cases]
    except _Unknown:
        return [node]
    following: list[ast.stmt] = []
    for case, (test, bound) in reversed(list(zip(node.cases, tests, strict=True))):
        binds = [ast.Assign([ast.Name(n, ast.Store())], value) for n, value in bound.items()]
        body: list[ast.stmt] = [*binds, *case.body]
        following = body if test is None else [ast.If(test, body, following)]
        for made in [*binds, *([following[0]] if test is not None else [])]:
            _place(made, case.pattern)
    first = ast.Assign([ast.Name(name, ast.Store())], node.subject)
    _place(first, node.subject)
    return [first, *following]


def _place(made: ast.AST, at: ast.AST) -> None:
    """Give the place of `at` to what has none yet."""
    for n in ast.walk(made):
        if "lineno" in n._attributes and not hasattr(n, "lineno"):
            ast.copy_location(n, at)


def _case(case: ast.match_case, subject: ast.expr) -> tuple[ast.expr | None, Bindings]:
    """The condition of a case, None where it always holds, and the names it binds."""
    tests, bound = _pattern(case.pattern, subject)
    if case.guard is not None:
        guard = copy.deepcopy(case.guard)
        inside = {n.id for n in ast.walk(guard) if isinstance(n, ast.Name)}
        scopes = (ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.NamedExpr)
        if bound.keys() & inside and any(isinstance(n, scopes) for n in ast.walk(guard)):
            raise _Unknown
        tests = [*tests, _Named(bound).visit(guard)]
    if not tests:
        return None, bound
    return (tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)), bound


class _Named(ast.NodeTransformer):
    """Names that a pattern binds, as what they are bound to."""

    def __init__(self, bound: Bindings):
        self.bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.bound[node.id]) if node.id in self.bound else node


def _call(function: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(function, ast.Load()), list(args), [])


def _item(subject: ast.expr, index: ast.expr) -> ast.expr:
    return ast.Subscript(subject, index, ast.Load())


def _pattern(pattern: ast.pattern, subject: ast.expr) -> tuple[list[ast.expr], Bindings]:
    """What must hold of the subject, in order, and what is bound."""
    if isinstance(pattern, ast.MatchValue):
        return [ast.Compare(subject, [ast.Eq()], [pattern.value])], {}
    if isinstance(pattern, ast.MatchSingleton):
        return [ast.Compare(subject, [ast.Is()], [ast.Constant(pattern.value)])], {}
    if isinstance(pattern, ast.MatchAs):
        tests, bound = ([], {}) if pattern.pattern is None else _pattern(pattern.pattern, subject)
        return tests, bound if pattern.name is None else bound | {pattern.name: subject}
    if isinstance(pattern, ast.MatchOr):
        return _alternatives(pattern, subject)
    if isinstance(pattern, ast.MatchSequence):
        return _sequence(pattern, subject)
    if isinstance(pattern, ast.MatchClass):
        return _class(pattern, subject)
    raise _Unknown


def _alternatives(pattern: ast.MatchOr, subject: ast.expr) -> tuple[list[ast.expr], Bindings]:
    options = []
    for part in pattern.patterns:
        tests, bound = _pattern(part, subject)
        if bound:
            raise _Unknown
        if not tests:
            return [], {}
        options.append(tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests))
    return [ast.BoolOp(ast.Or(), options)], {}


def _sequence(pattern: ast.MatchSequence, subject: ast.expr) -> tuple[list[ast.expr], Bindings]:
    parts = pattern.patterns
    stars = [k for k, p in enumerate(parts) if isinstance(p, ast.MatchStar)]
    count = len(parts) - len(stars)
    kinds = ast.Tuple([ast.Name("tuple", ast.Load()), ast.Name("list", ast.Load())], ast.Load())
    size = ast.Compare(_call("len", subject), [ast.GtE() if stars else ast.Eq()], [ast.Constant(count)])
    tests, bound = [_call("isinstance", subject, kinds), size], {}
    for k, part in enumerate(parts):
        place: ast.expr = ast.Constant(k)
        if stars and k > stars[0]:
            place = ast.UnaryOp(ast.USub(), ast.Constant(len(parts) - k))
        if isinstance(part, ast.MatchStar):
            end = len(parts) - 1 - k
            stop = ast.UnaryOp(ast.USub(), ast.Constant(end)) if end else None
            if part.name is not None:
                bound[part.name] = _call("list", _item(subject, ast.Slice(ast.Constant(k), stop, None)))
            continue
        more, names = _pattern(part, _item(subject, place))
        tests += more
        bound |= names
    return tests, bound


def _class(pattern: ast.MatchClass, subject: ast.expr) -> tuple[list[ast.expr], Bindings]:
    """Numbers and texts, and structures by the names of their fields."""
    tests: list[ast.expr] = [_call("isinstance", subject, pattern.cls)]
    bound: Bindings = {}
    parts: list[tuple[ast.pattern, ast.expr]] = []
    if pattern.patterns:
        if len(pattern.patterns) > 1 or not isinstance(pattern.cls, ast.Name) or pattern.cls.id not in BUILTINS:
            raise _Unknown
        parts.append((pattern.patterns[0], subject))
    for name, part in zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True):
        parts.append((part, ast.Attribute(subject, name, ast.Load())))
    for part, value in parts:
        more, names = _pattern(part, value)
        tests += more
        bound |= names
    return tests, bound


def leaking(function: ast.AST) -> set[ast.Match]:
    """Where a name bound by a case with a guard, which stays bound where that does not hold, is read where no case binds it."""
    found = [n for n in ast.walk(function) if isinstance(n, ast.Match)]
    cases = [(node, case, _names(case)) for node in found for case in node.cases]
    inside = {n for _, case, names in cases for n in _loads(case, names)}
    guarded = [(node, names) for node, case, names in cases if case.guard is not None]
    return {node for node, names in guarded if any(n not in inside for n in _loads(function, names))}


def _names(case: ast.match_case) -> set[str]:
    kinds = (ast.MatchAs, ast.MatchStar)
    return {n.name for n in ast.walk(case.pattern) if isinstance(n, kinds) and n.name is not None}


def _loads(node: ast.AST, names: set[str]) -> Iterator[ast.AST]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id in names)
