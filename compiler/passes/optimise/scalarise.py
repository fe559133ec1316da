"""Small arrays of static shape become scalars, one per element, also where loops and branches carry them.

    %u0 = pack %a, %b {shape = (2,)} : f64[2]
    %r = for ..., %u0 (%i, %u: f64[2]) {                   %r0, %r1 = for ..., %a, %b (%i, %u0: f64, %u1: f64) {
        %x = load %u, %0 : f64                       =>        %y = sin %u0 : f64
        %y = sin %x : f64                                      yield %y, %u1
        %w = update %u, %y, %0 : f64[2]                    }
        yield %w
    }

The state of an ODE then lives in registers, and its derivative needs no tape of arrays. An array stays an array where an
index into it is known only at run time, or where it is made by an op that is not in HANDLED; where another op reads it
(say, to store the state in a row of a trajectory) it is packed for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import clone_value, copy_op

MOST_ELEMENTS = 16
INDEXED = {"load": 1, "update": 2, "accumulate": 2, "slice": 1, "update_slice": 2, "accumulate_slice": 2}
"""Ops that take indices, and from which operand on."""


def scalarise(function: Function) -> Function:
    small = _candidates(function)
    if not small:
        return function
    return Function(function.name, _Scalariser(small).block(function.body, keep_results=True), function.written)


def is_small(value: Value) -> bool:
    """Whether an array is small enough to be kept as scalars."""
    shape = value.type.shape
    return bool(shape) and value.type.is_static and 0 < prod(shape) <= MOST_ELEMENTS  # type: ignore[arg-type]


# -- which arrays


def _candidates(function: Function) -> set[Value]:
    """The largest set of small arrays such that every use and definition of each can be written on elements."""
    small: set[Value] = set()
    groups: list[list[Value]] = []  # values that are one variable: all of them or none
    for op in function.walk():
        for v in op.results:
            if is_small(v):
                small.add(v)
        for region in op.regions:
            small.update(p for p in region.params if is_small(p))
        groups += _linked(op)
    barred = set(function.params)
    small -= barred
    changed = True
    while changed:
        changed = False
        for group in groups:
            inside = [v in small for v in group]
            if any(inside) and not all(inside):
                small.difference_update(group)
                changed = True
        for op in function.walk():
            if op.name in ("for", "while", "if") or _handled(op, small):
                continue
            lost = {v for v in op.results if v in small}
            if op.name in INDEXED:  # packing the elements at each access would be slower than the array
                lost |= {v for v in op.operands if v in small and v is op.operands[0]}
            if lost:
                small -= lost
                changed = True
    return small


def _linked(op: Op) -> list[list[Value]]:
    if op.name == "for":
        body = op.regions[0]
        rows = zip(op.operands[3:], body.params[1:], body.results, op.results, strict=True)
    elif op.name == "while":
        condition, body = op.regions
        rows = zip(op.operands, condition.params, body.params, body.results, op.results, strict=True)  # type: ignore[assignment]
    elif op.name == "if":
        rows = zip(op.regions[0].results, op.regions[1].results, op.results, strict=True)  # type: ignore[assignment]
    else:
        return []
    return [list(row) for row in rows if row[-1].type.is_array]


def _handled(op: Op, small: set[Value]) -> bool:
    """Whether the op can be written on the elements of every array it touches."""
    if REGISTRY[op.name].kind == "elementwise":
        return all(v in small for v in (*op.operands, *op.results) if v.type.is_array)
    if op.name not in HANDLED:
        return False
    if any(v.type.is_array and v not in small for v in op.results):
        return False
    arrays = [v for v in op.operands if v.type.is_array]
    if any(v not in small for v in arrays):
        return False
    first = INDEXED.get(op.name)
    return first is None or all(constant_of(v) is not None for v in op.operands[first:])


# -- writing them as elements

Elements = np.ndarray
"""An object array of Values, of the shape of the array it stands for."""


def _object_array(values: Sequence[Value], shape: Sequence[int | None]) -> Elements:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape([int(n) for n in shape if n is not None])


class _Scalariser:
    def __init__(self, small: set[Value]):
        self.small = small
        self.mapping: dict[Value, Value] = {}
        self.elements: dict[Value, Elements] = {}

    def block(self, block: Block, keep_results: bool = False) -> Block:
        new = Block()
        for p in block.params:
            new.params += self._param(p)
        builder = Builder(new)
        for op in block.ops:
            with builder.at(op.span, op.role):
                self._op(builder, op)
        for v in block.results:
            new.results += [self._packed(builder, v)] if keep_results else self._parts(v)
        return new

    def _param(self, p: Value) -> list[Value]:
        if p not in self.small:
            self.mapping[p] = clone_value(p)
            return [self.mapping[p]]
        count = prod(n for n in p.type.shape if n is not None)
        scalars = [Value(p.type.with_shape(()), f"{p.hint}{k}" if p.hint else "") for k in range(count)]
        self.elements[p] = _object_array(scalars, p.type.shape)
        return scalars

    def _packed(self, builder: Builder, value: Value) -> Value:
        """The value as an array (made of its elements) or scalar."""
        if value not in self.small:
            return self.mapping.get(value, value)
        elements = self.elements[value]
        return builder.emit("pack", *elements.flat, shape=tuple(elements.shape), hint=value.hint)

    def _parts(self, value: Value) -> list[Value]:
        return list(self.elements[value].flat) if value in self.small else [self.mapping.get(value, value)]

    def _op(self, builder: Builder, op: Op) -> None:
        if op.name in ("for", "while", "if"):
            self._control(builder, op)
            return
        touched = any(v in self.small for v in (*op.operands, *op.results))
        if not touched or not _handled(op, self.small):
            results = copy_op(builder, op, [self._packed(builder, v) for v in op.operands]).results
            self.mapping.update(zip(op.results, results, strict=True))
            return
        operands: list[Any] = [self.elements[v] if v in self.small else self.mapping.get(v, v) for v in op.operands]
        write = _elementwise if REGISTRY[op.name].kind == "elementwise" else HANDLED[op.name]
        result = write(builder, op, operands)
        if op.result in self.small:
            self.elements[op.result] = result
        else:
            self.mapping[op.result] = result

    def _control(self, builder: Builder, op: Op) -> None:
        operands = [part for v in op.operands for part in self._parts(v)]
        regions = [self.block(r) for r in op.regions]
        types, hints = [], []
        for v in op.results:
            count = prod(n for n in v.type.shape if n is not None) if v in self.small else 1
            types += [v.type.with_shape(()) if v in self.small else v.type] * count
            hints += [f"{v.hint}{k}" if v in self.small and v.hint else v.hint for k in range(count)]
        results = list(builder.op(op.name, operands, regions, hints, types, **op.attrs).results)
        for v in op.results:
            if v in self.small:
                count = prod(n for n in v.type.shape if n is not None)
                self.elements[v] = _object_array(results[:count], v.type.shape)
                del results[:count]
            else:
                self.mapping[v] = results.pop(0)


def _elementwise(builder: Builder, op: Op, operands: list[Any]) -> Any:
    shape = [int(n) for n in op.result.type.shape if n is not None]
    columns = [np.broadcast_to(x, shape).flat if isinstance(x, np.ndarray) else [x] * prod(shape) for x in operands]
    results = [builder.emit(op.name, *row, **op.attrs) for row in zip(*columns, strict=True)]
    return _object_array(results, shape)


def _index(values: Sequence[Value]) -> tuple[int, ...]:
    return tuple(int(constant_of(v)) for v in values)  # type: ignore[arg-type]


def _broadcast(builder: Builder, op: Op, operands: list[Any]) -> Any:
    shape = [int(n) for n in op.result.type.shape if n is not None]
    if not isinstance(operands[0], np.ndarray):
        return _object_array([operands[0]] * prod(shape), shape)
    source = [1] * len(shape)
    for own, axis in zip(operands[0].shape, op.attrs["axes"], strict=True):
        source[axis] = own
    return np.broadcast_to(operands[0].reshape(source), shape)


def _update(builder: Builder, op: Op, operands: list[Any]) -> Any:
    array, value, *index = operands
    array, place = array.copy(), _index(index)
    array[place] = value if op.name == "update" else builder.emit("add", array[place], value)
    return array


def _region(op: Op, starts: tuple[int, ...], sizes: Sequence[int]) -> Any:
    return np.ix_(*(s + step * np.arange(n) for s, n, step in zip(starts, sizes, op.attrs["steps"], strict=True)))


def _slice(builder: Builder, op: Op, operands: list[Any]) -> Any:
    array, *rest = operands
    rank = array.ndim
    part = array[_region(op, _index(rest[:rank]), _index(rest[rank:]))]
    return part.reshape([n for k, n in enumerate(part.shape) if k not in op.attrs["drop"]])


def _update_slice(builder: Builder, op: Op, operands: list[Any]) -> Any:
    array, value, *starts = operands
    array, extents = array.copy(), iter(value.shape)
    sizes = [1 if k in op.attrs["drop"] else next(extents) for k in range(array.ndim)]
    region, value = _region(op, _index(starts), sizes), value.reshape(sizes)
    if op.name == "accumulate_slice":
        sums = [builder.emit("add", a, b) for a, b in zip(array[region].flat, value.flat, strict=True)]
        value = _object_array(sums, sizes)
    array[region] = value
    return array


def _sum(builder: Builder, op: Op, operands: list[Any]) -> Any:
    (array,) = operands
    axes = op.attrs["axes"]
    kept = [k for k in range(array.ndim) if k not in axes]
    rows = array.transpose([*kept, *axes]).reshape(prod(array.shape[k] for k in kept), -1)
    if rows.shape[1] == 0:
        sums = [builder.constant(0, op.result.type.dtype)] * rows.shape[0]
    else:
        sums = []
        for row in rows:
            total = row[0]
            for v in row[1:]:
                total = builder.emit("add", total, v)
            sums.append(total)
    return _object_array(sums, [array.shape[k] for k in kept]) if kept else sums[0]


def _reshape(builder: Builder, op: Op, operands: list[Any]) -> Any:
    return operands[0].reshape([int(n) for n in op.result.type.shape if n is not None])


HANDLED: dict[str, Callable[[Builder, Op, list[Any]], Any]] = {
    "pack": lambda builder, op, operands: _object_array(operands, op.attrs["shape"]),
    "broadcast": _broadcast,
    "load": lambda builder, op, operands: operands[0][_index(operands[1:])],
    "update": _update,
    "accumulate": _update,
    "slice": _slice,
    "update_slice": _update_slice,
    "accumulate_slice": _update_slice,
    "transpose": lambda builder, op, operands: operands[0].transpose(op.attrs["axes"]),
    "reshape": _reshape,
    "sum": _sum,
}
"""How each op is written on elements. Element-wise rows are handled as such; control ops by `_Scalariser`."""
