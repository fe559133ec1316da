"""What the reverse sweep reads of the forward one: for each such value inside a loop or branch, recompute or save it.

    for ... (%i, %u) {                          asked for by the adjoint: %a, %c
        %e = load %x, %i                        %e  recomputed: %x is still there, %i is the reversed loop's own
        %a = multiply %u, %e                    %a  recomputed from %u and %e
        %b = sin %a
        %c = add %a, %u                         %c  recomputed from %a and %u
        yield %b                                %u  saved
    }

The rule: of all ways to have a value, the one that saves the fewest bytes; among equals, the one that recomputes.
Only cheap ops are recomputed (views, loads, arithmetic; not exp, a reduction or a product of matrices). Bytes are counted
over all trips of the loops around, with a guess where extents and trip counts are not known. So a load is recomputed if
its array is there anyway, and an array is kept for it only if that costs no more than all that is loaded.

Values at function level cost nothing: they are still there when the reverse sweep runs. So does what a loop reads of an
array that it writes, where the array before or after the loop has it still (settled.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, body_of, carried_at, carried_inits, carried_params
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.autodiff.checkpoints import describe
from wengert.compiler.passes.autodiff.parallel import are_sums
from wengert.compiler.passes.autodiff.plan import Kept, Plan, Recomputed, Size
from wengert.compiler.passes.autodiff.reverse_loops import trip_count
from wengert.compiler.passes.autodiff.settled import Read, Settled
from wengert.compiler.passes.autodiff.tape import Outside, Saved

GUESS = 64
"""Assumed for extents and trip counts that are not known: any number makes arrays dearer than scalars."""
DOUBT = 1.25
"""By how much an array of unknown size counts for more than that: the loop that reads each element once keeps what it reads."""
REACH = 32
"""How many ops at most are looked at to recompute one value."""

Decision = Literal["save", "recompute"]
Way = tuple[float, tuple[Value, ...], tuple[Value, ...]]
"""(bytes to save, values to save or to ask for further out, values to recompute)"""


def is_cheap(op: Op) -> bool:
    """Whether the op may be run again in the reverse sweep."""
    row = REGISTRY[op.name]
    if op.regions or (row.traps and row.untrapped is None):
        return False
    if row.cheap is not None:
        return row.cheap
    if row.kind == "elementwise":
        return row.call is None
    if row.kind == "structural":
        return all(v.type.is_scalar for v in op.operands)
    return row.kind in ("view", "source")


@dataclass(slots=True)
class Store:
    """The decisions. asked: block -> the values at home there that the adjoint reads, or that are needed for those.
    dims: (array, axis) -> the value that stands for this extent; `places` the other way round. saved: value -> how.
    again: block -> op, for bodies and branches that the reverse sweep runs once more (`runs_again`, bounded.py).
    settled: value -> where it is read from instead of being computed again (settled.py)."""

    state: Any
    asked: dict[Block, dict[Value, None]] = field(default_factory=dict)
    dims: dict[tuple[Value, int], Value] = field(default_factory=dict)
    places: dict[Value, tuple[Value, int]] = field(default_factory=dict)
    decided: dict[Value, Decision] = field(default_factory=dict)
    saved: dict[Value, Saved] = field(default_factory=dict)
    costs: dict[Value, float] = field(default_factory=dict)
    again: dict[Block, Op] = field(default_factory=dict)
    settled: dict[Value, Read] = field(default_factory=dict)
    finder: Settled = field(init=False)

    def __post_init__(self) -> None:
        self.finder = Settled(self.state.structure, self.state.extents)

    def extent(self, array: Value, axis: int) -> int | Value:
        """An extent of an array of the input, as a constant or as a value of the input (or one that stands for it)."""
        root = self.state.extents.root(array, axis)
        if not isinstance(root, tuple):
            return root
        if root not in self.dims:
            value = self.dims[root] = Value(Type(I64), "n")
            self.places[value] = root
            structure = self.state.structure
            structure.place(value, structure.home[root[0]], structure.order[root[0]])
        return self.dims[root]

    def ask(self, value: Value) -> None:
        self.asked.setdefault(self.state.structure.home[value], {})[value] = None

    def is_there(self, value: Value) -> bool:
        """Whether the value need not be kept: it is at home in a block that a sweep starts from."""
        block = self.state.structure.home[value]
        return block is self.state.function.body or block in self.again

    def path(self, block: Block) -> tuple[Block, tuple[tuple[Op, Block], ...]]:
        """The block that the sweep through `block` starts from, and the ops with regions from there to `block`."""
        path = self.state.structure.path(block)
        for k in range(len(path) - 1, -1, -1):
            if path[k][1] in self.again:
                return path[k][1], path[k + 1 :]
        return self.state.function.body, path

    def bounds_of_index(self, value: Value) -> tuple[Value, Value] | None:
        """(low, step) if `value` is the index of a `for`."""
        block = self.state.structure.home[value]
        op, _ = self.state.structure.parent.get(block, (None, None))
        if op is None or op.name != "for" or block.params[0] is not value:
            return None
        return op.operands[0], op.operands[2]

    # -- the rule

    def decide_block(self, block: Block) -> None:
        order = self.state.structure.order
        while True:
            open_ = [v for v in self.asked.get(block, ()) if v not in self.decided]
            if not open_:
                return
            for v in sorted(open_, key=order.__getitem__):
                if v not in self.decided:
                    self._decide(v)

    def _decide(self, value: Value) -> None:
        _, leaves, inner = self._best(value, [REACH])
        for v in inner:
            self.decided[v] = "recompute"
            bounds = self.bounds_of_index(v)
            for b in bounds or ():
                if constant_of(b) is None:
                    self.ask(b)
        home = self.state.structure.home[value]
        for v in leaves:
            self.ask(v)
            if self.state.structure.home[v] is home:
                self._save(v)

    def _save(self, value: Value) -> None:
        self.decided[value] = "save"
        saved = self.saved[value] = Saved.plan(self.state, value, *self.path(self.state.structure.home[value]))
        if saved.scheme != "stack":
            return
        for loop in saved.loops:
            self._run_in_order(loop)
        for axis in range(value.type.rank):
            extent = self.extent(value, axis)
            if isinstance(extent, int):
                continue
            self.ask(extent)
            if extent in self.places and self.places[extent][0] is value and self.decided.get(extent) != "save":
                self._save(extent)  # to read an array from a stack one must know its extents beforehand

    def _run_in_order(self, loop: Op) -> None:
        """What is pushed on a stack has to be popped in the opposite order."""
        if not loop.attrs.get("parallel") or loop in self.state.sequential:
            return
        self.state.sequential.add(loop)
        reversed_ = self.state.ops[loop]
        _, count, one, *carried = reversed_.operands
        minus = Op("constant", (), {"value": -1, "dtype": "i64"}, (), (), loop.span, "adjoint")
        last = Op("subtract", (count, one), {}, (), (), loop.span, "adjoint")
        for op in (minus, last):
            op.results = (Value(Type(I64), "", op),)
        block = self.state.blocks[self.state.structure.standing[loop]]
        at = block.ops.index(reversed_)
        block.ops[at:at] = [minus, last]
        reversed_.operands = (last.result, minus.result, minus.result, *carried)
        reversed_.attrs = {**reversed_.attrs, "parallel": False}

    def _best(self, value: Value, reach: list[int]) -> Way:
        """The cheapest way to have `value`; `reach[0]` is how many more ops may be looked at."""
        if self.is_there(value) or value in self.decided:
            return 0.0, (), ()
        if constant_of(value) is not None or self.bounds_of_index(value) is not None:
            return 0.0, (), (value,)
        saving: Way = (self._cost(value), (value,), ())
        reach[0] -= 1
        operands = self._recomputed_from(value)
        way = saving if operands is None or reach[0] < 0 else self._through(value, operands, saving, reach)
        read = self.finder.read(value) if way[0] > 0 and reach[0] >= 0 else None
        if read is not None:
            extents = [self.extent(value, k) for k in range(value.type.rank)] if read.stored else []
            operands = (read.source, *read.index, *(n for n in extents if isinstance(n, Value)))
            settled = self._through(value, operands, saving, reach)
            if settled[0] < way[0]:
                self.settled[value] = read
                return settled
        self.settled.pop(value, None)
        return way

    def _through(self, value: Value, operands: tuple[Value, ...], saving: Way, reach: list[int]) -> Way:
        """The cost of having `value` from these operands; `saving` where that is less."""
        structure = self.state.structure
        total = 0.0
        leaves: list[Value] = []
        inner: list[Value] = []
        for v in operands:
            if structure.home[v] is not structure.home[value] and not self.is_there(v):
                # from a loop further out: asked for there, where it is decided on once and for all
                free = v in self.asked.get(structure.home[v], ()) or constant_of(v) is not None
                way: Way = (0.0 if free else self._cost(v), (v,), ())
            else:
                way = self._best(v, reach)
            if not (set(way[1]) <= set(leaves)):
                total += way[0]
            if total > saving[0]:
                return saving
            leaves += way[1]
            inner += way[2]
        return total, tuple(dict.fromkeys(leaves)), (*dict.fromkeys(inner), value)

    def _recomputed_from(self, value: Value) -> tuple[Value, ...] | None:
        """What one needs to recompute `value`, None where that is not to be done."""
        if value in self.places:
            return (self.places[value][0],)
        op = value.owner
        if op is None or not is_cheap(op):
            return None
        if op.name == "dim":
            extent = self.extent(op.operands[0], op.attrs["axis"])
            if isinstance(extent, int):
                return ()
            if extent is not value:
                return (extent,)
        return op.operands

    def _cost(self, value: Value) -> float:
        """Bytes that saving `value` takes over all trips of the loops around it."""
        if value not in self.costs:
            bytes_ = value.type.dtype.bits / 8
            for n in value.type.shape:
                bytes_ *= GUESS if n is None else n
            if None in value.type.shape:
                bytes_ *= DOUBT
            for loop in self.state.structure.loops(self.state.structure.home[value]):
                trips = known_trips(loop)
                bytes_ *= GUESS if trips is None else trips
            self.costs[value] = bytes_
        return self.costs[value]

    # -- for the views

    def in_order(self) -> list[Saved]:
        """What is saved, in program order."""
        return [self.saved[v] for v in sorted(self.saved, key=self.state.structure.order.__getitem__)]

    def plan(self) -> Plan:
        order = self.state.structure.order
        kept = [self._kept(saved.value, saved) for saved in self.in_order()]
        again = [v for v, how in self.decided.items() if how == "recompute" and v.owner and constant_of(v) is None]
        recomputed = [
            Recomputed(v.hint or v.owner.name, v.owner.span, self._op(v))  # type: ignore[union-attr]
            for v in sorted(again, key=order.__getitem__)
        ]
        parameters = tuple(self.state.function.params)
        loops = describe(self.state, self.again)
        extra: float | None = self._extra_time(again)
        if loops:
            known = [c.runs for c in loops]
            extra = None if None in known else max(known) - 1.0  # type: ignore[type-var,operator]
        return Plan(tuple(kept), tuple(recomputed), loops, self.state.memory, extra, parameters)

    def _op(self, value: Value) -> str:
        return self.settled[value].name if value in self.settled else value.owner.name  # type: ignore[union-attr]

    def _extra_time(self, again: list[Value]) -> float:
        """Element operations that are done again over those of the function, with a guess for unknown sizes."""
        structure = self.state.structure

        def work(op: Op) -> float:
            size = 1.0 if REGISTRY[op.name].kind in ("elementwise", "reduce", "contract") else 0.0
            for n in max((v.type.shape for v in (*op.operands, *op.results)), key=len, default=()):
                size *= GUESS if n is None else n
            for loop in structure.loops(structure.standing[op]):
                trips = known_trips(loop)
                size *= GUESS if trips is None else trips
            return size

        total = sum(work(op) for op in self.state.function.walk() if not op.regions)
        again = [v for v in again if v not in self.settled]
        return sum(work(v.owner) for v in again if v.owner is not None) / total if total else 0.0

    def _kept(self, value: Value, saved: Saved) -> Kept:
        op = value.owner
        if op is None:
            block = self.state.structure.home[value]
            op = self.state.structure.parent[block][0] if block is not self.state.function.body else None
        size: int | None = value.type.dtype.bits // 8
        for n in value.type.shape:
            size = None if n is None or size is None else size * n
        total = size
        for loop in saved.loops:
            trips = known_trips(loop)
            total = None if trips is None or total is None else total * trips
        if value in self.places or value in self.state.counts.values():
            reason = "an extent or trip count that varies"
        elif value.type.dtype.is_differentiable:
            reason = "an adjoint reads it"
        else:
            reason = "control flow and indices of the reverse sweep"
        if value in self.state.structure.carrier:
            reason += "; carried from trip to trip"
        span = op.span if op is not None else None
        name = value.hint or (value.owner.name if value.owner is not None else "carried")
        extents = tuple(self._size(value, k) for k in range(value.type.rank))
        counts = tuple(self._trips(loop) for loop in saved.loops)
        return Kept(name, span, value.type, len(saved.loops), saved.scheme, size, total, reason, extents, counts)

    def _size(self, array: Value, axis: int) -> Size:
        return self.state.extents.root(array, axis)  # type: ignore[no-any-return]

    def _trips(self, loop: Op) -> Size:
        """The number of trips as one value; `Plan.at` knows it where its bounds come from arguments."""
        if loop.name != "for":
            return None
        known = known_trips(loop)
        if known is not None:
            return known
        builder = Builder(Block())
        return trip_count(builder, *loop.operands[:3])


def known_trips(loop: Op) -> int | None:
    """The number of trips of a loop where the compiler knows it."""
    if loop.name != "for":
        return None
    bounds = [constant_of(v) for v in loop.operands[:3]]
    return None if None in bounds else len(range(*bounds))  # type: ignore[arg-type]


def decide(state: Any) -> Store:
    """Step 2 of reverse.py: look up what the reversed blocks read, and decide, innermost blocks first."""
    store = Store(state)
    paths = state.structure.paths
    for op in sorted(state.ops, key=lambda op: len(paths[state.structure.standing[op]])):
        chosen = [region for region in op.regions if region in state.again.blocks]
        if op in state.again.loops or (op.name in LOOPS and runs_again(state, op, store.again)):
            chosen = [body_of(op)]
        store.again.update((region, op) for region in chosen if region in state.blocks)
    _look_up(store, state.blocks[state.function.body])
    for block in sorted(state.blocks, key=lambda b: -len(paths[b])):
        if block is not state.function.body and block not in store.again:
            store.decide_block(block)
    return store


def runs_again(state: Any, loop: Op, again: Mapping[Block, Op]) -> bool:
    """Whether the reverse sweep runs the trips of a parallel loop once more, instead of reading what they saved.

    A loop inside that runs for a varying number of trips needs a stack, which one trip cannot share with another: so
    that the reversed loop stays parallel, each of its trips runs forward, saves on its own stack, and goes back. Only
    where what the trip reads is still there (at function level, or in a block that runs `again`), and where it only
    writes the arrays it carries.
    """
    if not loop.attrs.get("parallel") or loop in state.sequential:
        return False
    standing = state.structure.standing[loop]
    if standing is not state.function.body and standing not in again:
        return False
    outside = Outside(state.structure, state.extents, loop)
    inner = [op for op in body_of(loop).walk() if op.name in LOOPS and op in state.ops]
    return any(not outside.has_trips(op) for op in inner) and only_writes(loop)


def only_writes(loop: Op) -> bool:
    """Whether no trip reads what the loop carries, but for adding to a sum."""
    params = carried_params(loop)
    if not are_sums(params, body_of(loop).results):
        return False
    carried = set(params)

    def visit(block: Block) -> bool:
        for op in block.ops:
            if op.name in LOOPS:
                for k, init in enumerate(carried_inits(op)):
                    if init in carried:
                        carried.update((*carried_at(op, k), op.results[k]))
            if not all(visit(region) for region in op.regions):
                return False
            if op.name == "if":
                carried.update(r for k, r in enumerate(op.results) if any(e.results[k] in carried for e in op.regions))
            found = [k for k, v in enumerate(op.operands) if v in carried]
            if op.regions or not found or op.name == "dim":
                continue
            if not op.operands[found[0]].type.is_scalar and (found != [0] or REGISTRY[op.name].kind != "update"):
                return False
            carried.update(op.results)
        return True

    return visit(body_of(loop))


def _look_up(store: Store, block: Block) -> None:
    """Ask for the values of the input that a reversed block reads. Extents are resolved, so that no array is kept
    for the sake of its extents."""
    state = store.state
    home = state.structure.home

    def use(value: Value) -> None:
        value = state.final(value)
        if value in home:
            store.ask(value)

    resolved: set[Op] = set()
    for op in block.ops:
        if op.name == "dim":
            array = state.final(op.operands[0])
            if array in home:
                extent = store.extent(array, op.attrs["axis"])
                if isinstance(extent, int):
                    op.name, op.operands, op.attrs = "constant", (), {"value": extent, "dtype": "i64"}
                else:
                    state.renamed[op.result] = extent
                    resolved.add(op)
                continue
        for v in op.operands:
            use(v)
        for region in op.regions:
            _look_up(store, region)
    for v in block.results:
        use(v)
    if resolved:
        block.ops[:] = [op for op in block.ops if op not in resolved]
