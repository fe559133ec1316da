"""The arguments of the last call of each function that a cell made, for the views that compute at them.

Within a cell the arguments themselves are held. When the cell has run, large arrays are held weakly and small ones
copied, so that no panel keeps memory that the user let go.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wengert.compiler.api import Compiled, flatten
from wengert.magics.layers import Made

SMALL = 1_000_000
"""Bytes up to which an array is copied."""

_calls = itertools.count()


class LastCall:
    """The last call of one function; itself its `on_call`."""

    def __init__(self) -> None:
        self.number = -1
        self._arguments: tuple[Any, ...] | None = None
        self._leaves: list[Any] | None = None
        self._tree: Any = None

    def __call__(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        if not keywords:
            self._arguments, self.number = arguments, next(_calls)

    def settle(self) -> None:
        """Let go of the arguments as far as that can be: called when a cell has run."""
        if self._arguments is None:
            return
        leaves, self._tree = flatten(self._arguments)
        self._leaves = [_held(leaf) for leaf in leaves]
        self._arguments = None

    @property
    def arguments(self) -> tuple[Any, ...] | None:
        """The arguments, None where nothing was called or an array is gone."""
        if self._arguments is not None:
            return self._arguments
        if self._leaves is None:
            return None
        leaves = [leaf() if isinstance(leaf, weakref.ref) else leaf for leaf in self._leaves]
        gone = any(leaf is None and kept is not None for leaf, kept in zip(leaves, self._leaves, strict=True))
        return None if gone else self._tree.unflatten(leaves)


def _held(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.nbytes <= SMALL:
        return leaf.copy()
    try:
        return weakref.ref(leaf) if hasattr(leaf, "shape") and not np.isscalar(leaf) else leaf
    except TypeError:
        return leaf


def watch(compiled: Compiled) -> LastCall:
    """Note the arguments of the calls of `compiled` from now on."""
    if not isinstance(compiled.on_call, LastCall):
        compiled.on_call = LastCall()
    return compiled.on_call


@contextmanager
def unwatched(functions: Iterable[Compiled]) -> Iterator[None]:
    """Calls that are made here to measure are no calls of the user's: the last arguments stay what they are."""
    before = [(f, f.on_call) for f in functions]
    for f, _ in before:
        f.on_call = None
    try:
        yield
    finally:
        for f, noted in before:
            f.on_call = noted


def called_like(chain: Sequence[Made], compiled: Compiled) -> list[Compiled]:
    """Those of a stack that take the same arguments as `compiled`, itself among them."""
    group: list[Compiled] = []
    for made in chain:
        if not made.compiled.takes_the_same:
            if compiled in group:
                break
            group = []
        group.append(made.compiled)
    return group


def last_arguments(chain: Sequence[Made], compiled: Compiled) -> tuple[Any, ...] | None:
    """The last arguments that `compiled`, one of a stack, was called with, or one that is called like it."""
    calls = [c.on_call for c in called_like(chain, compiled) if isinstance(c.on_call, LastCall)]
    for call in sorted(calls, key=lambda call: -call.number):
        if call.arguments is not None:
            return call.arguments
    return None
