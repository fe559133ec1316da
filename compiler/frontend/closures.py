"""Functions defined inside a compiled one, as functions of their own: what they read of those around is one more argument.

    def f(x, k):                                    def g(v, read):
        def g(v):                            =>         k, = read
            return np.sum(v**2) * k                     return np.sum(v**2) * k

(Lambda lifting, T. Johnsson 1985.) Names are read when the function is called, as Python does. What is known when compiled stays
so. It may not write what it reads: a derivative or a batch of it would have nowhere to put that.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.frontend.leaves import object_of
from wengert.compiler.frontend.liveness import analyse
from wengert.compiler.frontend.objects import (
    Array,
    Closure,
    Guarded,
    Method,
    Object,
    Partial,
    Scalar,
    Static,
    Tuple,
    Unset,
    is_list,
)
from wengert.compiler.frontend.scopes import FunctionNode
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.source import parameters
from wengert.compiler.frontend.traced import Traced, finish, parameter_leaves
from wengert.compiler.frontend.tracer import SERVICES, Frame, Retrace, Tracer

Rebuild = Callable[[Tracer, Sequence[Object]], Object]
"""An object made again for another tracer, of what stands there for the leaves it was made of."""


def lifted(tracer: Tracer, function: Object) -> tuple[Lifted, Tuple]:
    """A function defined inside as one of its own, and what it reads, to be passed as the last argument."""
    packed = _Packed(tracer)
    return Lifted(tracer, packed, function), Tuple(tuple, tuple(packed.leaves))


class _Packed:
    """leaves: numbers and arrays that are read; labels: what to call them. names: how names are made again, by frame."""

    def __init__(self, tracer: Tracer):
        self.tracer = tracer
        self.leaves: list[Object] = []
        self.labels: list[str] = []
        self.frames: dict[int, Frame] = {}
        self.names: dict[int, dict[str, Rebuild]] = {}

    def of(self, item: Object) -> Rebuild:
        if isinstance(item, Closure):
            self._read_by(item)
            defaults = self._each(item.defaults)
            named = self._each(item.keyword_defaults.values())
            return lambda t, given: Closure(
                item.node, item.frame, defaults(t, given), dict(zip(item.keyword_defaults, named(t, given), strict=True))
            )
        if isinstance(item, Partial):
            function, args = self.of(item.function), self._each(item.args)
            keywords = self._each(item.keywords.values())
            return lambda t, given: Partial(
                function(t, given), args(t, given), dict(zip(item.keywords, keywords(t, given), strict=True))
            )
        if isinstance(item, Method):
            owner = self.of(item.owner)
            return lambda t, given: Method(owner(t, given), item.handler, item.name)
        if isinstance(item, Static):
            return lambda t, given: item
        if isinstance(item, Guarded):
            return self.of(item.item)
        if isinstance(item, Tuple) and not is_list(item):
            parts = self._each(item.items)
            return lambda t, given: Tuple(item.kind, parts(t, given), item.names)
        if isinstance(item, Scalar | Array):
            place = len(self.leaves)
            self.leaves.append(item)
            self.labels.append(item.cell.name if isinstance(item, Array) else "number")
            return lambda t, given: given[place]
        missing = item if isinstance(item, Unset) else Unset("a function that is differentiated or batched cannot read it")
        return lambda t, given: missing

    def _each(self, items: Iterable[Object]) -> Callable[[Tracer, Sequence[Object]], tuple[Object, ...]]:
        made = [self.of(i) for i in items]
        return lambda t, given: tuple([make(t, given) for make in made])

    def _read_by(self, closure: Closure) -> None:
        """The names that a function reads in the frames around it."""
        tracer, free = self.tracer, free_names(closure.node)
        frame: Frame | None = tracer.closed_over[closure.frame]
        while frame is not None:
            known = self.names.setdefault(frame.index, {})
            self.frames[frame.index] = frame
            for name in sorted(free & tracer.state.frames[frame.index].keys() - known.keys()):
                item = tracer.state.frames[frame.index][name]
                if isinstance(item, Guarded):
                    tracer.checked_bound(name, item)
                known[name] = _undecided  # a function may read itself
                known[name] = self.of(item)
            frame = frame.parent


def _undecided(tracer: Tracer, given: Sequence[Object]) -> Object:
    raise AssertionError("a name is made again before it is known how")


def free_names(node: FunctionNode) -> frozenset[str]:
    """The names that a function, or one inside of it, reads and does not bind."""
    found: set[str] = set()
    todo: list[ast.AST] = list(ast.iter_child_nodes(node))
    while todo:
        n = todo.pop()
        if isinstance(n, ast.FunctionDef | ast.Lambda):
            found |= free_names(n)
            todo += [*n.args.defaults, *(d for d in n.args.kw_defaults if d is not None)]
            continue
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load):
            found.add(n.id)
        todo += ast.iter_child_nodes(n)
    return frozenset(found - analyse(node).locals)


class Lifted:
    """What transforms take for a Python function: `__wengert_trace__` runs the function on parameters, in frames like those
    around it."""

    __wengert_closes__ = True

    def __init__(self, tracer: Tracer, packed: _Packed, function: Object):
        self.packed, self.function = packed, packed.of(function)
        self.inside, self.span, self.frame = tracer.inside, tracer.builder.span, tracer.frame
        closure = function.function if isinstance(function, Partial) else function
        self.__name__ = self.__qualname__ = closure.name if isinstance(closure, Closure) else "f"
        self.__signature__ = parameters(function.node) if isinstance(function, Closure) else inspect.Signature()

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("a function defined inside a compiled one is called there only")

    def __wengert_trace__(self, signature: Signature) -> Traced:
        lists: dict[Any, Any] = {}
        while True:
            try:
                return self._trace(signature, lists)
            except Retrace:  # `lists` has grown
                continue

    def _trace(self, signature: Signature, lists: dict[Any, Any]) -> Traced:
        tracer, around = Tracer(lists), self.packed
        tracer.inside, tracer.builder.span = self.inside, self.span
        tracer.count = max([self.frame.index, *around.frames])
        tracer.closed_over |= around.frames
        tracer.frames.append(replace(self.frame, loops=[]))
        tracer.state.frames[self.frame.index] = {}
        passed = signature.tree.children[:-1]
        own = [*self.__signature__.parameters, *(f"argument {k + 1}" for k in range(len(passed)))]
        labels = [path for name, tree in zip(own, passed, strict=False) for path in tree.paths(name)]
        leaves, cells = parameter_leaves(tracer, signature, [*labels, *around.labels])
        given = iter(leaves)
        *args, read = (object_of(tracer, child, given) for child in signature.tree.children)
        assert isinstance(read, Tuple)
        for index, names in around.names.items():
            tracer.state.frames[index] = {name: make(tracer, read.items) for name, make in names.items()}
        result: Object = SERVICES["call"](tracer, self.function(tracer, read.items), args, {})
        if tracer.pending is not None:
            raise tracer.pending
        traced = finish(tracer, self.__name__, signature, result, cells, self.frame.source)
        if any(w is not None and w >= len(labels) for w in traced.function.written):
            raise UnsupportedError(
                f"`{self.__name__}` writes an array of the function around it, and is differentiated or batched",
                self.span,
                "Let it return a new array: write into a copy.",
            )
        return traced
