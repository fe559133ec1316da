"""The explore tab: a function of numbers evaluated at sliders, its gradient, and samples along one or two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from wengert.compiler.api import Compiled, batch, value_and_grad
from wengert.widgets.models import Control, ExploreModel

SAMPLES = 161
GRID = 41
EVERY_ARROW = 5


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
        positions = tuple(self.names.index(n) for n in self.floats)
        self._slope = value_and_grad(compiled, positions)
        self._curves: dict[tuple[str, ...], Compiled] = {}

    def model(self, values: Mapping[str, float] | None = None, across: tuple[str, ...] = ()) -> ExploreModel:
        """The picture at `values` (default: where it starts) along the arguments `across` (default: the first)."""
        controls = tuple(replace(c, value=(values or {}).get(c.name, c.value)) for c in self.controls)
        across = tuple(n for n in across if n in self.floats)[:2] or self.floats[:1]
        at = self._arguments({c.name: c.value for c in controls})
        value, gradient = self._slope(*at)
        model = ExploreModel(
            self.compiled.__name__,
            controls,
            across,
            value=float(value),
            gradient={n: float(g) for n, g in zip(self.floats, gradient, strict=True)},
            fixed=self._fixed(),
        )
        spans = [next((c.low, c.high) for c in controls if c.name == n) for n in across]
        return self._curve(model, at, spans[0]) if len(across) == 1 else self._map(model, at, spans)

    def _arguments(self, values: Mapping[str, float]) -> list[Any]:
        kinds = dict(zip(self.names, self.arguments, strict=True))
        return [
            (int(round(values[n])) if _is_whole(kinds[n]) else float(values[n])) if n in values else kinds[n]
            for n in self.names
        ]

    def _fixed(self) -> tuple[str, ...]:
        held = [(n, a) for n, a in zip(self.names, self.arguments, strict=True) if not isinstance(a, (int, float, np.number))]
        return tuple(f"{n}: {_described(a)}, as in the last call" for n, a in held)

    def _many(self, across: tuple[str, ...]) -> Compiled:
        """(values, gradients) for arrays in the places of `across`."""
        if across not in self._curves:
            axes = tuple(0 if n in across else None for n in self.names)
            positions = tuple(self.names.index(n) for n in across)
            self._curves[across] = batch(value_and_grad(self.compiled, positions), axes)
        return self._curves[across]

    def _curve(self, model: ExploreModel, at: list[Any], span: tuple[float, float]) -> ExploreModel:
        (name,) = model.across
        x = np.linspace(*span, SAMPLES)
        at[self.names.index(name)] = x
        y, (slope,) = self._many(model.across)(*at)
        return replace(model, x=tuple(x), y=tuple(np.asarray(y)), slope=tuple(np.asarray(slope)))

    def _map(self, model: ExploreModel, at: list[Any], spans: list[tuple[float, float]]) -> ExploreModel:
        x, y = (np.linspace(*span, GRID) for span in spans)
        xs, ys = (grid.ravel() for grid in np.meshgrid(x, y))
        for name, grid in zip(model.across, (xs, ys), strict=True):
            at[self.names.index(name)] = grid
        heights, slopes = self._many(model.across)(*at)
        across, up = (np.asarray(s).reshape(GRID, GRID) for s in slopes)
        picked = range(EVERY_ARROW // 2, GRID, EVERY_ARROW)
        arrows = tuple((x[i], y[j], float(across[j, i]), float(up[j, i])) for j in picked for i in picked)
        return replace(model, x=tuple(x), y=tuple(y), heights=tuple(np.asarray(heights)), arrows=arrows)



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
