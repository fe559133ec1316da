"""The door of the front end: `trace` turns a Python function and the types of its arguments into IR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.diag.span import Source
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.tree import Tree


@dataclass(frozen=True)
class Traced:
    """A traced function.

    function    its parameters are the leaves of the signature, then the captures; its results are the leaves of the
                returned value, then the arrays written back (`function.written`)
    out         the tree of the returned value only
    captures    NumPy arrays read from the module or a closure, to be passed as trailing arguments
    weak        for each leaf of `out`, whether Python would give a Python number there (not a NumPy scalar)
    """

    function: Function
    signature: Signature
    out: Tree
    captures: tuple[np.ndarray, ...]
    source: Source
    weak: tuple[bool, ...] = field(default=())


def trace(python_function: Callable[..., Any], signature: Signature, static: dict[str, Any] | None = None) -> Traced:
    """IR of `python_function` for arguments of `signature`; `static` gives parameters fixed at compile time, by name.

    Raises only WengertError (UnsupportedError, TypeMismatch, RaceError, ...) for what cannot be compiled.
    """
    raise UnsupportedError("the front end is being written")
