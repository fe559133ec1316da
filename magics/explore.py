"""The explore tab: a function of numbers evaluated at sliders, its gradient, and samples along one or two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from wengert.compiler.api import Compiled, batch, value_and_grad
from wengert.widgets.models import Control, ExploreModel

SAMPLES = 161
GRID = 41
EVERY_ARROW = 5
PICKED = range(EVERY_ARROW // 2, GRID, EVERY_ARROW)
PATIENCE = 0.008
"""Seconds that one question may take while a slider moves: then the kernel is there for the next."""
MOST_NUMBERS = 40_000
"""Numbers in one answer: 320 kB."""


class NothingToExplore(Exception):
    """The function has no scalar float argument, or does not return one number."""


class Explorer:
    """Evaluates `compiled` with some of its arguments on sliders.

    arguments: where to start; all that are no scalars stay as they are.
    """

    def __init__(self, compiled: Compiled, names: Sequence[str], arguments: Sequence[Any]):
        self.compiled, self.names, self.arguments = compiled, tuple(names), tuple(arguments)
        self.floats = tuple(n for n, a in zip(names, arguments, strict=True) if isinstance(a, (float, np.floating)))
        whole = tuple(n for n, a in zip(names, arguments, strict=True) if _is_whole(a))
        if not self.floats:
            raise NothingToExplore(f"{compiled.__name__} has no argument that is one float: there is nothing to slide")
        start = dict(zip(names, arguments, strict=True))
        value = compiled(*arguments)
        if not isinstance(value, (float, np.floating)):
            raise NothingToExplore(f"{compiled.__name__} returns no single float: explore a function that returns one")
        self.controls = tuple(_control(n, start[n]) for n in (*self.floats, *whole))
        self._slope = value_and_grad(compiled, tuple(self.names.index(n) for n in self.floats))
        self._curves: dict[frozenset[str], Compiled] = {}
        self._cost: dict[frozenset[str], float] = {}

    def model(self, values: Mapping[str, float] | None = None, across: tuple[str, ...] = ()) -> ExploreModel:
        """The picture at `values` (default: where it starts) along the arguments `across` (default: the first)."""
        controls = tuple(replace(c, value=(values or {}).get(c.name, c.value)) for c in self.controls)
        across = tuple(n for n in across if n in self.floats)[:2] or self.floats[:1]
        at = {c.name: c.value for c in controls}
        value, gradient = self._slope(*self._arguments(at))
        model = ExploreModel(
            self.compiled.__name__,
            controls,
            across,
            value=float(value),
            gradient={n: float(g) for n, g in zip(self.floats, gradient, strict=True)},
            fixed=self._fixed(),
        )
        return self._picture(model, at)

    def _arguments(self, values: Mapping[str, float]) -> list[Any]:
        kinds = dict(zip(self.names, self.arguments, strict=True))
        return [
            (int(round(values[n])) if _is_whole(kinds[n]) else float(values[n])) if n in values else kinds[n]
            for n in self.names
        ]

    def _fixed(self) -> tuple[str, ...]:
        held = [(n, a) for n, a in zip(self.names, self.arguments, strict=True) if not isinstance(a, (int, float, np.number))]
        return tuple(f"{n}: {_described(a)}, as in the last call" for n, a in held)

    def steps(self, names: Sequence[str], places: np.ndarray, values: Mapping[str, float], across: Sequence[str]) -> np.ndarray:
        """The function where sliders may be next: for as many rows of `places`, from the first on, as can be computed at once.

        places: values of the arguments `names`, shape (n, len(names)); the others have those of `values`.
        Returns float64 of shape (m, 1 + floats [+ samples]) with 0 < m <= n: value, gradient in the order of the sliders,
        and, where the picture along `across` depends on `names`, its samples as `_samples` has them.
        """
        across = tuple(across)
        picture = not set(names) & set(across)
        whole = any(n not in self.floats for n in names)
        varied = frozenset(across if picture else ()) | (frozenset() if whole else frozenset(names))
        lanes = (1 if not picture else SAMPLES if len(across) == 1 else GRID * GRID) + picture
        if varied not in self._cost:
            self._rows(names, places[:1], values, across, picture, whole)  # compiles, which is no measure of a step
            self._cost[varied] = PATIENCE / lanes
        count = int(min(len(places), max(1.0, PATIENCE / (self._cost[varied] * lanes)), max(1, MOST_NUMBERS // (3 * lanes))))
        start = perf_counter()
        rows = self._rows(names, places[:count], values, across, picture, whole)
        self._cost[varied] = (perf_counter() - start) / (count * lanes)
        return rows

    def _rows(
        self,
        names: Sequence[str],
        places: np.ndarray,
        values: Mapping[str, float],
        across: tuple[str, ...],
        picture: bool,
        whole: bool,
    ) -> np.ndarray:
        """`steps` at all of `places`. whole: whether whole numbers move, which are no lanes of a batch."""
        if whole and len(places) > 1:
            return np.concatenate([self._rows(names, one[None], values, across, picture, whole) for one in places])
        values = {**values, **dict(zip(names, places[0].tolist(), strict=True))}
        moved = {} if whole else {n: places[:, k] for k, n in enumerate(names)}
        value, gradient = self._at(values, moved) if moved else self._slope(*self._arguments(values))
        head = np.stack([np.broadcast_to(part, len(places)) for part in (value, *gradient)], axis=1)
        if not picture:
            return head
        axes = self._axes(across)
        size = len(axes[across[0]])
        tiled = {n: np.tile(axis, len(places)) for n, axis in axes.items()}
        heights, slopes = self._at(values, {n: np.repeat(column, size) for n, column in moved.items()} | tiled)
        parts = [np.reshape(part, (len(places), size)) for part in (heights, *(slopes[self.floats.index(n)] for n in across))]
        return np.hstack([head, self._samples(parts)])

    def _at(self, values: Mapping[str, float], varied: Mapping[str, np.ndarray]) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """Values and gradient for arrays, of one length, in the places of some arguments; one compiled call."""
        names = frozenset(varied)
        if names not in self._curves:
            self._curves[names] = batch(self._slope, tuple(0 if n in names else None for n in self.names))
        at = [varied.get(n, a) for n, a in zip(self.names, self._arguments(values), strict=True)]
        heights, slopes = self._curves[names](*at)
        return np.asarray(heights), tuple(np.asarray(s) for s in slopes)

    def _axes(self, across: Sequence[str]) -> dict[str, np.ndarray]:
        """The samples along one argument, or those of a grid over two, the first fastest."""
        spans = {c.name: (c.low, c.high) for c in self.controls}
        if len(across) == 1:
            return {across[0]: np.linspace(*spans[across[0]], SAMPLES)}
        grids = np.meshgrid(*(np.linspace(*spans[n], GRID) for n in across))
        return {n: grid.ravel() for n, grid in zip(across, grids, strict=True)}

    @staticmethod
    def _samples(parts: Sequence[np.ndarray]) -> np.ndarray:
        """Of heights and partial derivatives, each (n, samples), what is drawn: all, or of a grid the arrows' derivatives."""
        heights, *slopes = parts
        if len(slopes) == 1:
            return np.hstack(list(parts))
        picked = np.ix_(range(len(heights)), PICKED, PICKED)
        return np.hstack([heights, *(s.reshape(-1, GRID, GRID)[picked].reshape(len(s), -1) for s in slopes)])

    def _picture(self, model: ExploreModel, values: Mapping[str, float]) -> ExploreModel:
        axes = self._axes(model.across)
        heights, slopes = self._at(values, axes)
        partial = [slopes[self.floats.index(n)] for n in model.across]
        if len(partial) == 1:
            return replace(model, x=tuple(axes[model.across[0]]), y=tuple(heights), slope=tuple(partial[0]))
        x, y = (np.unique(axes[n]) for n in model.across)
        across, up = (p.reshape(GRID, GRID) for p in partial)
        arrows = tuple((x[i], y[j], float(across[j, i]), float(up[j, i])) for j in PICKED for i in PICKED)
        return replace(model, x=tuple(x), y=tuple(y), heights=tuple(heights), arrows=arrows)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def _control(name: str, value: Any) -> Control:
    """A slider around a value: whole numbers from 0 to twice as much, floats symmetric around it."""
    if _is_whole(value):
        return Control(name, min(0, 2 * int(value)), max(2 * int(value), 10), int(value), step=1)
    start = float(value) if math.isfinite(value) else 1.0
    room = max(1.0, 2 * abs(start))
    return Control(name, start - room, start + room, start)


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is None:
        return type(value).__name__
    return f"{'×'.join(map(str, shape)) or 'scalar'} {getattr(value, 'dtype', '')}".strip()
