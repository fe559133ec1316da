"""What belongs to a function itself, and not to those defined in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

FunctionNode = ast.FunctionDef | ast.Lambda


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Everything in a function but for what is in inner ones and in classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, FunctionNode | ast.ClassDef):
            yield from own_nodes(child)
