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
        if kind == "bit_trick" and not any("int" in ast.unparse(a) for a in node.args):
            continue
        yield _finding(kind, node.lineno, node.col_offset, f"wengert refuses to compile this: {error.message}", parsed.source)
        return


def _finding(kind: str, line: int, column: int, message: str, source: Any) -> Finding:
    row = KINDS[kind]
    return Finding(
        kind, "warning", line, column, message, {}, row.remedy, row.title, source.line(line), source.name,
        f"pitfalls.md#{kind.replace('_', '-')}",
    )  # fmt: skip
