"""Finding a function's source text and its syntax tree, with the line and column numbers the user sees."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import os
import re
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.diag.span import Source
from wengert.compiler.frontend.rewrite import Rewriter
from wengert.compiler.frontend.scopes import FunctionNode


class Parsed(NamedTuple):
    node: FunctionNode
    source: Source


_CELL = re.compile(r"<ipython-input-(\d+)-")
_texts: dict[str, tuple[str, Source, list[FunctionNode]]] = {}
_functions: dict[tuple[str, str, types.CodeType], Parsed] = {}


def parse(function: types.FunctionType) -> Parsed:
    """The syntax tree of a Python function. Raises UnsupportedError where its source cannot be found."""
    code = function.__code__
    # Code objects of equal functions in two files are equal, and a cell that is run again has another number.
    key = (code.co_filename, _name(code.co_filename, function.__globals__), code)
    found = _functions.get(key)
    if found is None:
        found = _functions[key] = _find(function, code)
    return found


def unwrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """The plain function behind decorators that keep it in `__wrapped__` (wengert's own do)."""
    while not isinstance(function, types.FunctionType) and hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def text_of(function: types.FunctionType) -> tuple[str, str]:
    """The name and the text, as they are now, of the file or cell that a function is defined in; "" where unknown."""
    filename = function.__code__.co_filename
    linecache.checkcache(filename)
    return _name(filename, function.__globals__), "".join(linecache.getlines(filename, function.__globals__))


def _find(function: types.FunctionType, code: types.CodeType) -> Parsed:
    filename = code.co_filename
    name, text = text_of(function)
    if not text:
        raise UnsupportedError(
            f"the source of `{function.__name__}` cannot be found",
            help="Define it in a notebook cell or a file; functions made by exec() or typed at >>> keep no source.",
        )
    known = _texts.get(filename)
    if known is None or known[0] != text or known[1].name != name:
        tree = ast.parse(text)
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
        known = _texts[filename] = (text, Source(name, text), nodes)
    candidates = [n for n in known[2] if _matches(n, code)]
    if len(candidates) > 1:
        candidates = [n for n in candidates if _covers(n, code)] or candidates
    if len(candidates) != 1:
        raise UnsupportedError(
            f"the source of `{function.__name__}` cannot be found: {filename} has changed since it was defined"
            if not candidates
            else f"`{function.__name__}` is one of several lambdas of one line; wengert cannot tell which",
            help="Run the cell or import the module again." if not candidates else "Put each on a line of its own.",
        )
    Rewriter().visit(candidates[0])  # in place; what is rewritten already stays
    return Parsed(candidates[0], known[1])


def _matches(node: FunctionNode, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        if code.co_name != "<lambda>" or node.lineno != code.co_firstlineno:
            return False
    elif (
        node.name != code.co_name or min([node.lineno] + [d.lineno for d in node.decorator_list]) != code.co_firstlineno
    ):
        return False
    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return list(code.co_varnames[: len(arguments)]) == arguments


def _covers(node: FunctionNode, code: types.CodeType) -> bool:
    """Whether the places of the code's instructions are those of the node's body."""
    body = node.body if isinstance(node, ast.Lambda) else node.body[-1]
    last = [p for p in code.co_positions() if p[0] is not None and p[2] is not None and p[3] != p[2]]
    return any(
        (p[0], p[2]) == (body.lineno, body.col_offset) and (p[1], p[3]) == (body.end_lineno, body.end_col_offset)
        for p in last
    )


def _name(filename: str, namespace: dict[str, Any]) -> str:
    hint = namespace.get("__wengert_cell__")
    if isinstance(hint, dict):
        hint = hint.get(filename)
    if isinstance(hint, str):
        return hint
    match = _CELL.match(filename)
    if match:
        return f"In[{match.group(1)}]"
    return filename if filename.startswith("<") else os.path.basename(filename)


@functools.lru_cache(maxsize=4096)
def parameters(node: FunctionNode) -> inspect.Signature:
    """The Python signature of a function node; defaults are marked by Ellipsis."""
    a, P = node.args, inspect.Parameter
    made: list[inspect.Parameter] = []
    positional = [(x, P.POSITIONAL_ONLY) for x in a.posonlyargs] + [(x, P.POSITIONAL_OR_KEYWORD) for x in a.args]
    first = len(positional) - len(a.defaults)
    made += [P(x.arg, kind, default=P.empty if k < first else ...) for k, (x, kind) in enumerate(positional)]
    made += [P(a.vararg.arg, P.VAR_POSITIONAL)] if a.vararg else []
    made += [
        P(x.arg, P.KEYWORD_ONLY, default=P.empty if d is None else ...)
        for x, d in zip(a.kwonlyargs, a.kw_defaults, strict=True)
    ]
    made += [P(a.kwarg.arg, P.VAR_KEYWORD)] if a.kwarg else []
    return inspect.Signature(made)
