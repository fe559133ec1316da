"""Compiled runs: the derivative along directions, slopes at many steps from both sides, forward against reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import DifferentiationError, WengertError
from wengert.compiler.diag.span import Source
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.tree import Tree, flatten
from wengert.compiler.runtime import cpu
from wengert.compiler.transforms.derivatives import Jvp, Vjp

MIDDLE = (1e-2, 3e-2, 1e-1)
SMALL = (1e-3, 1e-4, 1e-5, 1e-6)
SAME = 2e-6
"""Two steps whose slopes agree to this part of them need no third."""
LIKE_AD = 2e-5
"""A slope over FIRST that is AD's to this part of it: neither side can then count as another."""
FIRST = 1e-5


class Quick:
    """Compiled for a few short runs: without LLVM's passes."""

    options = cpu.Options(level=0)

    def load(self, function: Function, source: Source | None, python: Sequence[bool], kept: cpu.Kept | None = None) -> Any:
        return cpu.load(function, source=source, options=self.options, python=python, kept=kept)


class QuickJvp(Quick, Jvp):
    """Forward mode for a few short runs."""


class LongJvp(Quick, Jvp):
    """Forward mode for some longer runs: loops over arrays in vectors, and machine code that is made in a fifth of the time."""

    options = cpu.Options(level=1, vectors=True, plain=True)


class QuickVjp(Quick, Vjp):
    """Reverse mode for a few short runs."""


@dataclass
class Direction:
    """A direction in which one leaf of the arguments moves; name: the leaf's; scale: the size of the leaf. others: the
    directions of all leaves where they move at once; leaf is -1 then."""

    leaf: int
    name: str
    scale: float
    vector: Any
    others: tuple[Direction, ...] = ()

    @property
    def moves(self) -> dict[int, Any]:
        """What is added to each leaf."""
        return {d.leaf: d.together for d in self.others} if self.others else {self.leaf: self.vector}

    @property
    def weight(self) -> float:
        """The factor of the direction when all leaves move at once: not the same for each, else a == b would move as one."""
        return 1 + 0.137 * (self.leaf % 7)

    @property
    def together(self) -> Any:
        """The direction when all leaves move at once."""
        return np.asarray(self.vector * self.weight, np.asarray(self.vector).dtype)[()]


def vector_of(results: Sequence[Any]) -> np.ndarray:
    """All floating results as one vector."""
    parts = [np.ravel(np.asarray(r)) for r in results if np.asarray(r).dtype.kind in "fc"]
    parts = [p.view(p.real.dtype) if p.dtype.kind == "c" else p for p in parts]
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts), float) if parts else np.zeros(0)


def size(v: np.ndarray) -> float:
    return float(np.maximum(np.max(v, initial=0.0), -np.min(v, initial=0.0)))  # the largest, without an array of them


@dataclass(frozen=True)
class Ran:
    """Of one run: value and derivative of the results as vectors, and the same of each path as rows."""

    value: np.ndarray
    dot: np.ndarray
    paths: tuple[tuple[np.ndarray, np.ndarray], ...] = ()


class Probe:
    """f along directions. leaves: of the arguments; every floating leaf has a tangent in each run. bounded: the function
    with an end to its loops, for runs at other arguments; it may return paths of loops after its returned value. quick: it
    does not run long. paths: how many it returns. writes: the function writes arguments; keeps: it is known not to. results:
    the structure it returns at the point."""

    def __init__(
        self,
        function: Callable[..., Any],
        tree: Tree,
        leaves: Sequence[Any],
        marked: Sequence[bool],
        bounded: Callable[..., Any] | None = None,
        quick: bool = True,
        paths: int = 0,
        writes: bool = False,
        keeps: bool = False,
    ):
        self.paths, self.writes, self.keeps = paths, writes, keeps
        self.results: Any = None
        self.tree, self.leaves, self.marked = tree, list(leaves), list(marked)
        self.jvp = (QuickJvp if quick else LongJvp)(bounded or function)
        self.function = function
        self.known: dict[int | None, Ran] = {}
        self.values: dict[tuple[int, float], np.ndarray] = {}

    @cached_property
    def vjp(self) -> Vjp:
        return QuickVjp(self.function)  # it runs once

    def _run(self, leaves: Sequence[Any], tangents: dict[int, Any]) -> Ran:
        given: list[Any] = [None] * len(leaves)
        for k in (k for k, on in enumerate(self.marked) if on):
            given[k] = tangents[k] if k in tangents else np.zeros_like(leaves[k])
        (out, paths), (dot, path_dots) = (self._parted(part) for part in self._called(leaves, given))
        if leaves is self.leaves:
            self.results = out
        return Ran(vector_of(_flat(out)), vector_of(_flat(dot)), tuple(zip(paths, path_dots, strict=True)))

    def _called(self, leaves: Sequence[Any], tangents: Sequence[Any]) -> Any:
        """Forward mode, called with the structure of the arguments."""
        kept = [leaf if self.keeps else _copy(leaf) for leaf in leaves]
        # a leaf and None have different trees: build the tangents by hand along the tree of the arguments
        return self.jvp(self.tree.unflatten(kept), self.tree.unflatten([_python(t, leaf) for t, leaf in zip(tangents, leaves, strict=True)]))

    def _parted(self, results: Any) -> tuple[Any, tuple[Any, ...]]:
        """What the function returns and writes, and the paths."""
        if not self.paths:
            return results, ()
        head, *written = results if self.writes else (results,)
        return (head[0], *written), head[1:]

    def along(self, direction: Direction | None) -> Ran:
        """The run at the arguments."""
        key = direction.leaf if direction is not None else None
        if key not in self.known:
            with np.errstate(all="ignore"):
                self.known[key] = self._run(self.leaves, direction.moves if direction is not None else {})
        return self.known[key]

    @property
    def value(self) -> np.ndarray:
        return self.along(None).value

    def at(self, direction: Direction, step: float) -> np.ndarray:
        """The results with the leaf moved by `step` times the direction; NaN where the function raises."""
        key = (direction.leaf, step)
        if key not in self.values:
            self.values[key] = self._moved(direction, step, {}).value
        return self.values[key]

    def _moved(self, direction: Direction, step: float, tangents: dict[int, Any]) -> Ran:
        leaves = list(self.leaves)
        for k, vector in direction.moves.items():
            leaves[k] = _python(leaves[k] + step * vector, leaves[k])
        try:
            with np.errstate(all="ignore"):
                return self._run(leaves, tangents)
        except (WengertError, ArithmeticError):
            nothing = np.full_like(self.value, np.nan)
            return Ran(nothing, nothing)

    def derivative(self, direction: Direction, step: float = 0.0) -> np.ndarray:
        """What AD gives along the direction, at the point moved by `step` of it."""
        return self._moved(direction, step, direction.moves).dot if step else self.along(direction).dot

    def slope(self, direction: Direction, step: float) -> np.ndarray:
        """The central difference quotient."""
        ahead, behind = self.at(direction, step), self.at(direction, -step)
        if ahead.shape != behind.shape:
            return np.full_like(self.value, np.nan)
        with np.errstate(all="ignore"):
            return (ahead - behind) / (2 * step)

    def one_sided(self, direction: Direction, sign: int) -> tuple[np.ndarray, float]:
        """The slope from one side by extrapolated differences, and how far the two steps that agree best differ;
        f' is (f(h)-f(0))/h. One step is enough where it gives what AD gives."""
        ad, first = self.derivative(direction), self._from(direction, sign, FIRST)
        if first is not None and size(first - ad) <= LIKE_AD * size(first):
            return first, size(first - ad)
        slopes: list[np.ndarray] = []
        for h in SMALL:
            slope = self._from(direction, sign, h)
            if slope is None:
                return np.full_like(self.value, np.nan), np.inf
            slopes.append(slope)
            if len(slopes) > 1 and size(slopes[-1] - slopes[-2]) < SAME * size(slopes[-1]):
                return slopes[-1], size(slopes[-1] - slopes[-2])
        spread = [size(a - b) for a, b in zip(slopes, slopes[1:], strict=False)]
        if not np.all(np.isfinite(slopes)):
            return slopes[1], np.inf
        best = int(np.argmin(spread))
        return slopes[best + 1], spread[best]

    def _from(self, direction: Direction, sign: int, h: float) -> np.ndarray | None:
        """The slope from the values one and two steps to a side; None where the results have other shapes there."""
        near, far = self.at(direction, sign * h), self.at(direction, sign * 2 * h)
        if near.shape != self.value.shape or far.shape != self.value.shape:
            return None
        with np.errstate(all="ignore"):
            return sign * (4 * (near - self.value) - (far - self.value)) / (2 * h)

    @cached_property
    def pulled(self) -> tuple[Any, dict[int, Any]] | None:
        """Fixed weights for the one result there is, and what reverse mode gives for them, by leaf; None where that cannot be had."""
        try:
            out = _flat(self.results)
            if len(out) != 1:
                return None
            weight = np.asarray(np.random.default_rng(1).uniform(0.5, 1.5, np.shape(out[0])), np.asarray(out[0]).dtype)[()]
            kept = self.tree.unflatten([_copy(leaf) for leaf in self.leaves])
            with np.errstate(all="ignore"):
                back = iter(_flat(self.vjp(kept, _python(weight, out[0]))[1]))
            pulled = {k: np.asarray(next(back)) for k, leaf in enumerate(self.leaves) if np.asarray(leaf).dtype.kind in "fc"}
            return (weight, pulled) if all(p.dtype.kind in "fc" for p in pulled.values()) else None
        except (WengertError, ValueError, TypeError, ArithmeticError, StopIteration):
            return None

    def reverse_finite(self) -> bool | None:
        """Whether reverse mode is finite; None where there is none for the function."""
        if self.pulled is None:
            return None
        return all(bool(np.all(np.isfinite(p))) for p in self.pulled[1].values())

    def reverse_gap(self, rng: np.random.Generator) -> float | None:
        """Forward against reverse: |<w, J d> - <J'w, d>| relative to its size, for random d and fixed w; None where not to be had."""
        if self.pulled is None:
            return None
        weight, back = self.pulled
        dots = {k: np.asarray(rng.standard_normal(np.shape(leaf)), np.asarray(leaf).dtype) for k, leaf in enumerate(self.leaves) if self.marked[k]}
        try:
            tangents = _flat(self._parted(self._called(self.leaves, [dots.get(k) for k in range(len(self.leaves))])[1])[0])
        except (WengertError, ValueError, TypeError):
            return None
        if len(tangents) != 1:
            return None
        with np.errstate(all="ignore"):
            left = float(np.real(np.sum(weight * tangents[0])))
            right = float(sum(np.real(np.sum(back[k] * d)) for k, d in dots.items()))
        return abs(left - right) / max(abs(left), abs(right), 1e-300) if left != right else 0.0


class ReverseProbe(Probe):
    """For a function with rules for reverse mode only: the results are added up with fixed weights, and what reverse mode
    gives for the sum is its derivative along a direction."""

    def _run(self, leaves: Sequence[Any], tangents: dict[int, Any]) -> Ran:
        out, back = self.vjp(self.tree.unflatten([_copy(leaf) for leaf in leaves]), self._weights)
        results, weights = _floats(out), _floats(self._weights)
        value = sum(float(np.sum(np.real(w * r))) for w, r in zip(weights, results, strict=True))
        pulled = iter(_flat(back))
        slope = 0.0
        for k, leaf in enumerate(leaves):
            cotangent = next(pulled) if np.asarray(leaf).dtype.kind in "fc" else None
            if k in tangents:
                slope += float(np.sum(np.real(cotangent * tangents[k])))
        return Ran(np.array([value]), np.array([slope]))

    @cached_property
    def _weights(self) -> Any:
        args = self.tree.unflatten([_copy(leaf) for leaf in self.leaves])
        leaves, tree = flatten(self.vjp(args, None)[0])
        rng = np.random.default_rng(0)
        made = [_python(rng.uniform(0.5, 1.5, np.shape(x)), x) if np.asarray(x).dtype.kind in "fc" else None for x in leaves]
        return tree.unflatten(made)


def probe_of(
    function: Callable[..., Any],
    tree: Tree,
    leaves: Sequence[Any],
    marked: Sequence[bool],
    bounded: Callable[..., Any] | None = None,
    quick: bool = True,
    paths: int = 0,
    writes: bool = False,
    keeps: bool = False,
) -> Probe:
    """By forward mode, or by reverse mode where that is all there is."""
    made = Probe(function, tree, leaves, marked, bounded, quick, paths, writes, keeps)
    try:
        _ = made.value
    except DifferentiationError:
        return ReverseProbe(function, tree, leaves, marked, None)
    except (WengertError, ArithmeticError):
        pass
    return made


def _floats(value: Any) -> list[Any]:
    return [leaf for leaf in _flat(value) if np.asarray(leaf).dtype.kind in "fc"]


def directions(traced: Traced, leaves: Sequence[Any], marked: Sequence[bool], limit: int = 6) -> list[Direction]:
    """A direction for each floating leaf; arrays along a fixed pseudo-random vector, symmetric matrices along a symmetric one."""
    names = [p.hint for p in traced.function.params]
    found = []
    for k, (leaf, on) in enumerate(zip(leaves, marked, strict=True)):
        if not on or np.size(leaf) == 0:
            continue
        array = np.asarray(leaf)
        finite = np.abs(array[np.isfinite(array)])
        scale = float(np.sqrt(np.mean(finite**2))) if finite.size else 1.0
        scale = scale if scale > 0 else 1.0
        if array.ndim == 0:
            vector: Any = array.dtype.type(scale)
        else:
            noise = np.random.default_rng(k).uniform(0.5, 1.5, array.shape) * np.random.default_rng(k + 99).choice(
                [-1.0, 1.0], array.shape
            )
            if array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, array.T):
                noise = 0.5 * (noise + noise.T)  # what takes a symmetric matrix may not be meant for others
            vector = (noise * scale).astype(array.dtype)
        found.append(Direction(k, names[k], scale, vector))
    return found[:limit]


def _copy(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def _python(value: Any, like: Any) -> Any:
    """`value` as the kind of number that `like` is, so that the same program is called."""
    if value is None:
        return None
    if isinstance(like, np.ndarray) and like.ndim:
        return np.asarray(value, like.dtype)
    if type(like) in (float, int, bool, complex):
        return type(like)(value)
    return np.asarray(value).astype(np.asarray(like).dtype)[()]


def _flat(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in _flat(part)]
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _flat(part)]
    if hasattr(value, "__dataclass_fields__"):
        return [leaf for name in value.__dataclass_fields__ for leaf in _flat(getattr(value, name))]
    return [value]
