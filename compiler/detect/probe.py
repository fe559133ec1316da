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


class Quick:
    """Compiled for a few short runs: without LLVM's passes."""

    level = 0

    def load(self, function: Function, source: Source | None, python: Sequence[bool], kept: cpu.Kept | None = None) -> Any:
        return cpu.load(function, source=source, options=cpu.Options(level=self.level), python=python, kept=kept)


class QuickJvp(Quick, Jvp):
    """Forward mode for a few short runs."""


class ScalarJvp(Quick, Jvp):
    """Forward mode for a few long runs: no vectors."""

    level = 1


class QuickVjp(Quick, Vjp):
    """Reverse mode for a few short runs."""


@dataclass
class Direction:
    """A direction in which one leaf of the arguments moves; name: the leaf's; scale: the size of the leaf."""

    leaf: int
    name: str
    scale: float
    vector: Any

    @property
    def together(self) -> Any:
        """The direction when all leaves move at once: not the same for each, else a == b would move as one."""
        return np.asarray(self.vector * (1 + 0.137 * (self.leaf % 7)), np.asarray(self.vector).dtype)[()]


def vector_of(results: Sequence[Any]) -> np.ndarray:
    """All floating results as one vector."""
    parts = [np.ravel(np.asarray(r)) for r in results if np.asarray(r).dtype.kind in "fc"]
    parts = [p.view(p.real.dtype) if p.dtype.kind == "c" else p for p in parts]
    return np.concatenate(parts).astype(float) if parts else np.zeros(0)


def size(v: np.ndarray) -> float:
    return float(np.max(np.abs(v), initial=0.0))


class Probe:
    """f along directions. leaves: of the arguments; every floating leaf has a tangent in each run. bounded: the function
    with an end to its loops, for runs at other arguments. quick: it does not run long. often: it runs at many arguments,
    which is worth LLVM's vectors."""

    def __init__(
        self,
        function: Callable[..., Any],
        tree: Tree,
        leaves: Sequence[Any],
        marked: Sequence[bool],
        bounded: Callable[..., Any] | None = None,
        quick: bool = True,
        often: bool = False,
    ):
        self.tree, self.leaves, self.marked = tree, list(leaves), list(marked)
        self.jvp = (QuickJvp if quick else Jvp if often else ScalarJvp)(bounded or function)
        self.function = function
        self.known: dict[int, np.ndarray] = {}
        self.values: dict[tuple[int, float], np.ndarray] = {}

    @cached_property
    def vjp(self) -> Vjp:
        return QuickVjp(self.function)  # it runs once

    def _run(self, leaves: Sequence[Any], tangents: dict[int, Any]) -> tuple[np.ndarray, np.ndarray]:
        given = []
        for k, (leaf, on) in enumerate(zip(leaves, self.marked, strict=True)):
            given.append((tangents[k] if k in tangents else np.zeros_like(leaf)) if on else None)
        kept = [_copy(leaf) for leaf in leaves]
        # a leaf and None have different trees: build the tangents by hand along the tree of the arguments
        args = self.tree.unflatten(kept)
        dots = self.tree.unflatten([_python(g, leaf) for g, leaf in zip(given, leaves, strict=True)])
        out, dot = self.jvp(args, dots)
        return vector_of(_flat(out)), vector_of(_flat(dot))

    def at(self, direction: Direction | None = None, step: float = 0.0) -> np.ndarray:
        """The results with the leaf moved by `step` times the direction; NaN where the function raises."""
        key = (direction.leaf if direction is not None else -1, step)
        if key not in self.values:
            leaves = list(self.leaves)
            if direction is not None:
                k = direction.leaf
                leaves[k] = _python(leaves[k] + step * direction.vector, self.leaves[k])
            try:
                with np.errstate(all="ignore"):
                    self.values[key] = self._run(leaves, {})[0]
            except (WengertError, ArithmeticError):
                self.values[key] = np.full_like(self.value, np.nan)
        return self.values[key]

    @cached_property
    def value(self) -> np.ndarray:
        with np.errstate(all="ignore"):
            return self._run(self.leaves, {})[0]

    def derivative(self, direction: Direction, step: float = 0.0) -> np.ndarray:
        """What AD gives along the direction, at the point moved by `step` of it."""
        leaves, k = list(self.leaves), direction.leaf
        if not step:
            if k not in self.known:
                with np.errstate(all="ignore"):
                    self.known[k] = self._run(leaves, {k: direction.vector})[1]
            return self.known[k]
        leaves[k] = _python(leaves[k] + step * direction.vector, self.leaves[k])
        try:
            with np.errstate(all="ignore"):
                return self._run(leaves, {k: direction.vector})[1]
        except (WengertError, ArithmeticError):
            return np.full_like(self.value, np.nan)

    def along_all(self, directions: Sequence[Direction]) -> tuple[np.ndarray, np.ndarray]:
        """Value and derivative with every leaf moving along its direction at once."""
        with np.errstate(all="ignore"):
            return self._run(self.leaves, {d.leaf: d.together for d in directions})

    def slope(self, direction: Direction, step: float) -> np.ndarray:
        """The central difference quotient."""
        ahead, behind = self.at(direction, step), self.at(direction, -step)
        if ahead.shape != behind.shape:
            return np.full_like(self.value, np.nan)
        with np.errstate(all="ignore"):
            return (ahead - behind) / (2 * step)

    def one_sided(self, direction: Direction, sign: int) -> tuple[np.ndarray, float]:
        """The slope from one side by extrapolated differences, and how far the two steps that agree best differ;
        f' is (f(h)-f(0))/h."""
        slopes = []
        for h in SMALL:
            near, far = self.at(direction, sign * h), self.at(direction, sign * 2 * h)
            if near.shape != self.value.shape or far.shape != self.value.shape:
                return np.full_like(self.value, np.nan), np.inf
            with np.errstate(all="ignore"):
                slopes.append(sign * (4 * (near - self.value) - (far - self.value)) / (2 * h))
            if len(slopes) > 1 and size(slopes[-1] - slopes[-2]) < SAME * size(slopes[-1]):
                return slopes[-1], size(slopes[-1] - slopes[-2])
        spread = [size(a - b) for a, b in zip(slopes, slopes[1:], strict=False)]
        if not np.all(np.isfinite(slopes)):
            return slopes[1], np.inf
        best = int(np.argmin(spread))
        return slopes[best + 1], spread[best]

    @cached_property
    def pulled(self) -> tuple[Any, dict[int, Any]] | None:
        """Fixed weights for the one result there is, and what reverse mode gives for them, by leaf; None where that cannot be had."""
        try:
            args = self.tree.unflatten([_copy(leaf) for leaf in self.leaves])
            dots = [_python(np.zeros_like(x), x) if on else None for x, on in zip(self.leaves, self.marked, strict=True)]
            out = _flat(self.jvp(args, self.tree.unflatten(dots))[0])
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
            kept = self.tree.unflatten([_copy(leaf) for leaf in self.leaves])
            given = [_python(dots[k], leaf) if k in dots else None for k, leaf in enumerate(self.leaves)]
            tangents = _flat(self.jvp(kept, self.tree.unflatten(given))[1])
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

    def _run(self, leaves: Sequence[Any], tangents: dict[int, Any]) -> tuple[np.ndarray, np.ndarray]:
        out, back = self.vjp(self.tree.unflatten([_copy(leaf) for leaf in leaves]), self._weights)
        results, weights = _floats(out), _floats(self._weights)
        value = sum(float(np.sum(np.real(w * r))) for w, r in zip(weights, results, strict=True))
        pulled = iter(_flat(back))
        slope = 0.0
        for k, leaf in enumerate(leaves):
            cotangent = next(pulled) if np.asarray(leaf).dtype.kind in "fc" else None
            if k in tangents:
                slope += float(np.sum(np.real(cotangent * tangents[k])))
        return np.array([value]), np.array([slope])

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
) -> Probe:
    """By forward mode, or by reverse mode where that is all there is."""
    made = Probe(function, tree, leaves, marked, bounded, quick, often=True)
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
