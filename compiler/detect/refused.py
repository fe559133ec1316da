"""Programs that do not compile for a reason that is a pitfall itself: found in the Python source."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from wengert.compiler.detect.catalogue import KINDS
from wengert.compiler.detect.findings import Finding
from wengert.compiler.diag.errors import RaceError, WengertError
from wengert.compiler.frontend.source import parse, unwrap

CALLS = {
    "view": "bit_trick",
    "argsort": "order_index",
    "searchsorted": "table_lookup",
    "digitize": "table_lookup",
    "interp": "table_lookup",
    "binomial": "discrete_random",
    "poisson": "discrete_random",
    "choice": "discrete_random",
    "geometric": "discrete_random",
    "eigh": "degenerate_eig",
    "eig": "degenerate_eig",
    "eigvalsh": "degenerate_eig",
}


def refused(function: Callable[..., Any], error: WengertError) -> Iterator[Finding]:
    """What the refused line is known for; nothing where the refusal has another reason."""
    parsed = parse(unwrap(function))  # type: ignore[arg-type]
    if isinstance(error, RaceError):
        yield _finding("parallel_race", error.line or 0, error.span.column if error.span else 0, error.message, parsed.source)
        return
    for node in ast.walk(parsed.node):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        kind = CALLS.get(node.func.attr)
        if kind is None or node.lineno != error.line:
            continue
        if kind == "bit_trick" and not _takes_bits(parsed.node, node):
            continue
        yield _finding(kind, node.lineno, node.col_offset, f"wengert refuses to compile this: {error.message}", parsed.source)
        return


def _takes_bits(function: ast.AST, view: ast.Call) -> bool:
    """A view of floats as integers, or of integers as floats; of complex numbers as pairs it is none."""
    if any("int" in ast.unparse(a) for a in view.args):
        return True
    viewed = ast.unparse(view.func.value) if isinstance(view.func, ast.Attribute) else ""
    sources = [ast.unparse(n.value) for n in ast.walk(function) if isinstance(n, ast.Assign) and viewed in map(ast.unparse, n.targets)]
    return any("float" in ast.unparse(a) for a in view.args) and any("int" in text for text in (viewed, *sources))


def _finding(kind: str, line: int, column: int, message: str, source: Any) -> Finding:
    row = KINDS[kind]
    return Finding(
        kind, "warning", line, column, message, {}, row.remedy, row.title, source.line(line), source.name,
        f"pitfalls.md#{kind.replace('_', '-')}",
    )  # fmt: skip
