"""Iterators, which Python goes through once: under a name they are read at one place, which no loop runs again.

A second pass over a `zip` or a generator finds nothing in Python. Compiled, what is looped over knows its items and would
give them again, so a second place, or a place in a loop around which the iterator was made, is refused.
"""

from __future__ import annotations

import ast
import functools
import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from wengert.compiler.frontend.objects import Iteration, Object, Once, Tuple
from wengert.compiler.frontend.tracer import Tracer

ITERATORS: tuple[Any, ...] = (
    enumerate, zip, reversed, map, filter, itertools.pairwise, itertools.accumulate, itertools.islice, itertools.takewhile,
    itertools.dropwhile, itertools.zip_longest, itertools.product, itertools.combinations, itertools.permutations,
    itertools.combinations_with_replacement, np.ndindex, np.ndenumerate,
)  # fmt: skip


def marked(item: Object) -> Object:
    """The same, as something to go through once."""
    return replace(item, once=Once()) if isinstance(item, Tuple | Iteration) else item


def one_shot(build: Any) -> Any:
    @functools.wraps(build)
    def made(tracer: Tracer, *args: Object, **options: Object) -> Object:
        return marked(build(tracer, *args, **options))

    return made


def read(tracer: Tracer, item: Object, node: ast.Name) -> None:
    """A name is read; refuse a second pass over an iterator."""
    once = item.once if isinstance(item, Tuple | Iteration) else None
    if once is None or tracer.frame.namespace.get("__name__", "").startswith("wengert."):
        return
    here = tracer.place(node)
    if once.place not in (None, here) or tracer.loops_around() > once.loops:
        tracer.refuse("iterator_again", node, name=node.id)
    once.place = here


def check_comprehension(tracer: Tracer, node: ast.ListComp | ast.GeneratorExp) -> None:
    """Only the first thing looped over is read once."""
    again = [node.elt, *(c for clause in node.generators for c in clause.ifs), *(c.iter for c in node.generators[1:])]
    for part in again:
        for n in ast.walk(part):
            item = tracer.names.get(n.id) if isinstance(n, ast.Name) else None
            if isinstance(item, Tuple | Iteration) and item.once is not None:
                tracer.refuse("iterator_again", n, name=n.id)  # type: ignore[attr-defined]
