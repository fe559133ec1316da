"""What only shifts a computation and is taken away again: the largest exponent in front of a sum of exponentials.

    %m = max %x {axes = (0,)} : f64
    %z = subtract %x, %m              moves by -d where %m moves by d
    %e = exp %z                       by a factor exp(-d)
    %s = sum %e {axes = (0,)}         the same
    %l = log %s                       by -d
    %r = add %m, %l                   not at all

Nothing that leaves the block depends on %m, so that nothing is differentiated through it: no ties are counted, and no sum of
cotangents that cancel is formed. The same holds for `exp(x - m) / sum(exp(x - m))`, and in derivatives of both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ops.arrays import split_slice
from wengert.compiler.ops.contraction import free_axes

CHOSEN = ("max", "min", "maximum", "minimum", "where")


@dataclass(frozen=True, slots=True)
class Move:
    """How a value moves where each element d of the extremum moves by itself.

    factor: by + times * d where False, times exp(times * d) where True. axes: for each axis of the extremum, that of the
    value along which it lies.
    """

    factor: bool
    times: float
    axes: tuple[int, ...]

    def by(self, times: float) -> Move | None:
        """None where it does not move."""
        return Move(self.factor, times, self.axes) if abs(times) > 1e-12 else None


class _Unknown(Exception):
    """It moves in another way."""


Moves = dict[Value, Move]


def without_influence(function: Function) -> set[Op]:
    """The extrema through which nothing that leaves their block depends on anything."""
    blocks = [function.body, *(region for op in function.walk() for region in op.regions)]
    found = set[Op]()
    for block in blocks:
        places = [k for k, op in enumerate(block.ops) if op.name in CHOSEN and op.result.type.dtype.is_float]
        if places:
            readers = _readers(block)
            found |= {block.ops[k] for k in places if _cancels(block, k, readers)}
    return found


def _readers(block: Block) -> dict[Value, list[int]]:
    """For each value, the places of the block's ops that read it, themselves or in their regions."""
    readers: dict[Value, list[int]] = {}

    def read(op: Op, place: int) -> None:
        for v in (*op.operands, *(r for region in op.regions for r in region.results)):
            readers.setdefault(v, []).append(place)
        for region in op.regions:
            for inner in region.ops:
                read(inner, place)

    for place, op in enumerate(block.ops):
        read(op, place)
    return readers


def _cancels(block: Block, place: int, readers: dict[Value, list[int]]) -> bool:
    start = block.ops[place].result
    moves: Moves = {start: Move(False, 1.0, tuple(range(start.type.rank)))}
    waiting = set(readers.get(start, ()))
    while waiting:
        place = min(waiting)
        waiting.remove(place)
        op = block.ops[place]
        try:
            move = _moved(op, moves)
        except _Unknown:
            return False
        if move is not None:
            moves[op.result] = move
            waiting.update(readers.get(op.result, ()))
    return not any(v in moves for v in block.results)


def _moved(op: Op, moves: Moves) -> Move | None:
    """How the op's only result moves. Raises _Unknown."""
    if op.regions or len(op.results) != 1 or any(v in moves for v in op.operands[_READ.get(op.name, len(op.operands)) :]):
        raise _Unknown
    if (rule := _RULES.get(op.name)) is not None:
        return rule(op, moves)
    first = moves.get(op.operands[0])
    if first is not None and not first.axes and REGISTRY[op.name].kind == "view":
        return first
    raise _Unknown


def _is_zero(value: Value) -> bool:
    made = value.owner
    repeated = made.operands[0] if made is not None and made.name == "broadcast" else value
    return constant_of(repeated) == 0


def _alike(op: Op, moves: Moves, skip: int = 0) -> Move | None:
    """Of a sum or a choice: all move alike. A zero moves by any factor."""
    found = {moves.get(v) for v in op.operands[skip:] if not _is_zero(v)}
    if found == {None}:
        return None
    (move, *others) = found
    if move is None or others or (not move.factor and any(v not in moves for v in op.operands[skip:])):
        raise _Unknown
    return move


def _sum_of_two(sign: float) -> Callable[[Op, Moves], Move | None]:
    def rule(op: Op, moves: Moves) -> Move | None:
        a, b = (moves.get(v) for v in op.operands)
        if any(m is not None and m.factor for m in (a, b)):
            return _alike(op, moves)
        if a is not None and b is not None and a.axes != b.axes:
            raise _Unknown
        some = a or b
        assert some is not None
        return some.by((a.times if a is not None else 0.0) + sign * (b.times if b is not None else 0.0))

    return rule


def _product(op: Op, moves: Moves, sign: float = 1.0) -> Move | None:
    a, b = (moves.get(v) for v in op.operands)
    some = a or b
    assert some is not None
    if a is not None and b is not None and (a.axes != b.axes or not (a.factor and b.factor)):
        raise _Unknown
    if some.factor:
        return some.by((a.times if a is not None else 0.0) + sign * (b.times if b is not None else 0.0))
    known = constant_of(op.operands[1] if a is not None else op.operands[0])
    if known is None or (sign < 0 and (a is None or known == 0)) or isinstance(known, complex):
        raise _Unknown
    return some.by(some.times * (known if sign > 0 else 1.0 / known))


def _exp(op: Op, moves: Moves) -> Move | None:
    move = moves[op.operands[0]]
    if move.factor:
        raise _Unknown
    return Move(True, move.times, move.axes)


def _log(op: Op, moves: Moves) -> Move | None:
    move = moves[op.operands[0]]
    if not move.factor:
        raise _Unknown
    return Move(False, move.times, move.axes)


def _negative(op: Op, moves: Moves) -> Move | None:
    move = moves[op.operands[0]]
    return move if move.factor else move.by(-move.times)


def _reduced(op: Op, moves: Moves) -> Move | None:
    """A sum of what is multiplied is multiplied; an extremum of what moves alike moves so."""
    move, gone = moves[op.operands[0]], op.attrs["axes"]
    if any(a in gone for a in move.axes) or (op.name == "sum" and not move.factor):
        raise _Unknown
    return Move(move.factor, move.times, tuple(a - sum(g < a for g in gone) for a in move.axes))


def _broadcast(op: Op, moves: Moves) -> Move | None:
    move, places = moves[op.operands[0]], op.attrs["axes"]
    return Move(move.factor, move.times, tuple(places[a] for a in move.axes))


def _transpose(op: Op, moves: Moves) -> Move | None:
    move, order = moves[op.operands[0]], list(op.attrs["axes"])
    return Move(move.factor, move.times, tuple(order.index(a) for a in move.axes))


def _reshape(op: Op, moves: Moves) -> Move | None:
    """Axes of extent 1 come and go."""
    move = moves[op.operands[0]]
    if not move.axes:
        return move
    before, after = ([k for k, n in enumerate(v.type.shape) if n != 1] for v in (op.operands[0], op.result))
    if len(before) != len(after) or any(a not in before for a in move.axes) or not _others_are_ones(op, len(before)):
        raise _Unknown
    return Move(move.factor, move.times, tuple(after[before.index(a)] for a in move.axes))


def _others_are_ones(op: Op, rest: int) -> bool:
    """Whether each axis that is not of extent 1 keeps its extent: with one of them it must."""
    known = [[n for n in v.type.shape if n != 1] for v in (op.operands[0], op.result)]
    return rest == 1 or (known[0] == known[1] and None not in known[0])


def _slice(op: Op, moves: Moves) -> Move | None:
    """Axes that lie along the extremum's are kept whole."""
    move = moves[op.operands[0]]
    array, starts, sizes = split_slice(op)
    made = array.owner
    for a in move.axes:
        whole = constant_of(starts[a]) == 0 and made is not None and made.name == "broadcast" and made.operands[1 + a] is sizes[a]
        if a in op.attrs["drop"] or op.attrs["steps"][a] != 1 or not whole:
            raise _Unknown
    return Move(move.factor, move.times, tuple(a - sum(d < a for d in op.attrs["drop"]) for a in move.axes))


def _dot(op: Op, moves: Moves) -> Move | None:
    """Sums over axes along which the extremum does not lie."""
    moved = [k for k, v in enumerate(op.operands) if v in moves]
    if any(not moves[op.operands[k]].factor for k in moved):
        raise _Unknown
    if not any(moves[op.operands[k]].axes for k in moved):
        return _product(op, moves)
    if len(moved) > 1:
        raise _Unknown
    (side,) = moved
    move, (summed, batch) = moves[op.operands[side]], (op.attrs[n][side] for n in ("contract", "batch"))
    free = [free_axes(v.type.rank, op.attrs["contract"][k], op.attrs["batch"][k]) for k, v in enumerate(op.operands)]
    order = [*batch, *([None] * len(free[0]) if side else []), *free[side]]
    if any(a in summed for a in move.axes):
        raise _Unknown
    return Move(True, move.times, tuple(order.index(a) for a in move.axes))


def _same(op: Op, moves: Moves) -> Move | None:
    return moves[op.operands[0]]


def _where(op: Op, moves: Moves) -> Move | None:
    if op.operands[0] in moves:
        raise _Unknown
    return _alike(op, moves, 1)


def _pack(op: Op, moves: Moves) -> Move | None:
    if any(m.axes for v in op.operands if (m := moves.get(v)) is not None):
        raise _Unknown
    return _alike(op, moves)


_READ = {"broadcast": 1, "reshape": 1, "load": 1, "slice": 1}
"""How many operands may move, where it is not all of them: the others are extents and indices."""

_RULES: dict[str, Callable[[Op, Moves], Move | None]] = {
    "add": _sum_of_two(1.0),
    "subtract": _sum_of_two(-1.0),
    "multiply": _product,
    "divide": lambda op, moves: _product(op, moves, -1.0),
    "negative": _negative,
    "exp": _exp,
    "log": _log,
    "where": _where,
    "sum": _reduced,
    "max": _reduced,
    "min": _reduced,
    "broadcast": _broadcast,
    "transpose": _transpose,
    "reshape": _reshape,
    "slice": _slice,
    "dot_general": _dot,
    "pack": _pack,
    "stop_gradient": _same,
}
