"""Which buffer every stored array is in, so that updates are stores in place wherever the operand is not needed again.

    %r = for ..., %u (%i, %w: f64[?]) {        %u is a parameter that is not written: it is copied once, before the loop
        %w2 = update %w, %v, %i : f64[?]       in place: %w is not read after it
        yield %w2                              the same buffer again: nothing to do
    }
    return %r                                  the buffer becomes the result, without a copy

Some uses of an array *take* its buffer: being operand 0 of an update, starting a loop-carried value, being yielded or
returned. A use takes if the array owns a buffer that may be written, is not read later, and is defined in this
trip of the loops around the use; otherwise the buffer is copied. A virtual array that reads a buffer which is taken before the
virtual array's elements are computed is stored after all (NumPy would have stored it too).

Carried values have *slots*. A slot is fixed where the body yields the buffer it was given (then it is the initial value's
buffer, or a copy of it), else moving: the buffer changes from trip to trip. Small arrays of static shape are on the
stack; their slots are fixed always, and what is yielded is copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from wengert.compiler.backend.disjoint import Bounds, Region
from wengert.compiler.backend.fuse import is_virtual_kind, stored_values
from wengert.compiler.backend.places import Places
from wengert.compiler.backend.structure import Structure, Use
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.loops import AHEAD, carried_params
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.ops.arrays import split_slice

if TYPE_CHECKING:
    from wengert.compiler.backend.joined import Group

SMALL = 64
"""Arrays of static shape with up to so many elements live on the stack."""


@dataclass(eq=False, slots=True)
class Storage:
    """A buffer as the plan sees it. kind: "heap", "stack", "parameter" (the caller's), "within" (part of another) or "slot"
    (still undecided).

    same: another storage that it turned out to be. hoisted: the loop before which it is allocated, once.
    """

    kind: str
    writable: bool = True
    parameter: int | None = None
    site: Value | None = None
    moved: bool = False
    same: Storage | None = None
    hoisted: Op | None = None
    group: Storage | None = None

    def find(self) -> Storage:
        storage = self
        while storage.same is not None:
            storage = storage.same
        return storage

    def alias_group(self) -> Storage:
        """The representative of the storages whose memory may be exchanged with this one's."""
        storage = self.find()
        while storage.group is not None:
            storage = storage.group.find()
        return storage

    def joins(self, other: Storage) -> None:
        """Memory may move between the two."""
        a, b = self.alias_group(), other.alias_group()
        if a is not b:
            a.group = b


@dataclass(eq=False, slots=True)
class Slot:
    """How a carried array, or the array result of a branch, is held. kind: "fixed", "moving" or "stack"."""

    kind: str
    storage: Storage


Point = tuple[Op | Block, int]
"""A consuming use: operand `index` of an op, result `index` of a block."""


@dataclass(eq=False, slots=True)
class Plan:
    function: Function
    structure: Structure
    places: Places
    stored: set[Value]
    storage: dict[Value, Storage] = field(default_factory=dict)
    taken: set[Point] = field(default_factory=set)
    slots: dict[Point, Slot] = field(default_factory=dict)
    through_temporary: set[Op] = field(default_factory=set)
    free_after: dict[Op, list[Value]] = field(default_factory=dict)
    free_at_end: dict[Block, list[Value]] = field(default_factory=dict)
    hoisted: dict[Op, list[Value]] = field(default_factory=dict)
    rotations: dict[Op, list[tuple[Value, int]]] = field(default_factory=dict)
    threaded: dict[Op, dict[int, str]] = field(default_factory=dict)
    """Loops that run on threads; see threads.py."""
    joined: dict[Op, Group] = field(default_factory=dict)
    """What is written by one nest; see joined.py."""
    within: dict[Value, Op] = field(default_factory=dict)
    """Arrays whose memory is the region that this update puts them in; see within.py."""

    def kind(self, value: Value) -> str:
        return self.storage[value].find().kind


def is_small(type_: Type) -> bool:
    return type_.is_static and prod(type_.shape) <= SMALL  # type: ignore[arg-type]


def bufferise(function: Function) -> Plan:
    """The plan of a lowered function."""
    structure = Structure(function)
    plan = Plan(function, structure, Places(function), stored_values(function, structure))
    _Bufferiser(plan).run()
    return plan


class _Bufferiser:
    def __init__(self, plan: Plan):
        self.plan, self.structure = plan, plan.structure
        self.takers: dict[Value, set[Op | Block]] = {}
        self.virtual_over: dict[Value, list[Value]] = {}
        self.bounds = Bounds(plan.structure, plan.places)
        self._unknown = Value(Type(I64))
        self.structure.home[self._unknown] = plan.function.body
        self._find_virtual_readers()

    def _find_virtual_readers(self) -> None:
        """For each stored array, the virtual arrays whose elements are computed from it."""
        reads: dict[Value, set[Value]] = {}
        for op in self.structure.ops:
            if not is_virtual_kind(op) or op.result in self.plan.stored:
                continue
            mine: set[Value] = set()
            for v in op.operands:
                if v in self.plan.stored:
                    mine.add(v)
                mine |= reads.get(v, set())
            reads[op.result] = mine
            for v in mine:
                self.virtual_over.setdefault(v, []).append(op.result)

    def readers(self, value: Value) -> list[Value]:
        return [v for v in self.virtual_over.get(value, []) if v not in self.plan.stored]

    # -- the walk

    def run(self) -> None:
        written = {w for w in self.plan.function.written if w is not None}
        for k, p in enumerate(self.plan.function.params):
            if p.type.is_array:
                self.plan.storage[p] = Storage("parameter", k in written, k)
        self._block(self.plan.function.body)
        self._results()

    def _block(self, block: Block) -> None:
        for op in block.ops:
            kind = REGISTRY[op.name].kind
            if kind == "control":
                (self._if if op.name == "if" else self._loop)(op)
            elif op.name == "grow":
                self._grow(op)
            elif kind == "update":
                self._update(op)
            else:
                for v in op.results:
                    if v in self.plan.stored:
                        self.plan.storage[v] = self.fresh(v)

    def fresh(self, value: Value) -> Storage:
        return Storage("stack" if is_small(value.type) else "heap", site=value)

    def _update(self, op: Op) -> None:
        base, result = op.operands[0], op.result
        if self.can_take(base, (op, 0)):
            self.take(base, (op, 0))
            self.plan.storage[result] = self.plan.storage[base]
            if op.name in ("update_slice", "accumulate_slice") and self._reads_elsewhere(op):
                value = op.operands[1]
                if value in self.plan.stored:
                    self.plan.through_temporary.add(op)
                else:  # as NumPy: the right-hand side is computed first
                    self.plan.stored.add(value)
                    self.plan.storage[value] = self.fresh(value)
        else:
            self.plan.storage[result] = self.fresh(result)

    def _grow(self, op: Op) -> None:
        """The result's buffer is the operand's or a new one: as if it moved."""
        base, storage = op.operands[0], Storage("heap", moved=True)
        self.plan.storage[op.result] = storage
        if self.can_take(base, (op, 0)) and self.plan.storage[base].find().kind in ("heap", "slot"):
            self.take(base, (op, 0))
            self.moves(base, storage)

    # -- taking

    def can_take(self, value: Value, point: Point) -> bool:
        """Whether the consuming use at `point` may have the value's buffer."""
        if value not in self.plan.stored or point[0] in self.takers.get(value, ()):
            return False
        if not self.plan.storage[value].find().writable:
            return False
        node, _ = point
        block = node if isinstance(node, Block) else self.structure.block_of[node]
        if self.structure.loops_between(block, self.structure.home[value]):
            return False
        # Virtual arrays defined later read it by way of a later use of its own, or of a virtual array that `take` stores.
        return not any(self._is_later(use, point) for use in self.structure.uses[value])

    def _is_later(self, use: Use, point: Point) -> bool:
        """Whether the use reads the value after (or while) `point` takes its buffer."""
        node, _ = point
        if use.op is not None and use.op.name == "dim":
            return False
        if isinstance(node, Block):
            return use.at > self.structure.block_end[node] and not self.structure.exclusive(node, use.block)
        if use.op is node:
            return False
        return use.at > self.structure.start[node] and not self.structure.exclusive(
            self.structure.block_of[node], use.block
        )

    def take(self, value: Value, point: Point) -> None:
        """Give the buffer to `point`; virtual arrays that would read it later are stored."""
        self.plan.taken.add(point)
        self.takers.setdefault(value, set()).add(point[0])
        for v in self.readers(value):
            if any(self._is_later(use, point) for use in self.structure.uses[v]):
                self.plan.stored.add(v)
                self.plan.storage[v] = self.fresh(v)

    def _reads_elsewhere(self, op: Op) -> bool:
        """Whether the value written to a region reads the same buffer at other places than it is written to."""
        base, value = op.operands[:2]
        storage = self.plan.storage[base].find()

        known: dict[Value, bool] = {}

        def reads(v: Value) -> bool:
            if v in self.plan.stored:
                return self.plan.storage[v].find() is storage
            if v not in known:
                known[v] = v.owner is not None and any(reads(o) for o in v.owner.operands if o.type.is_array)
            return known[v]

        fine: dict[Value, bool] = {}

        def harmless(v: Value) -> bool:
            """Elements of v at an index of the region are read at that element of the base, or not from it."""
            if not reads(v):
                return True
            if v in fine:
                return fine[v]
            fine[v] = harmless_owner(v)
            return fine[v]

        def harmless_owner(v: Value) -> bool:
            owner = v.owner
            if v in self.plan.stored or owner is None:
                return self._covers_from_start(op)
            if REGISTRY[owner.name].kind == "elementwise":
                return all(harmless(o) for o in owner.operands if o.type.is_array)
            if owner.name != "slice" or owner.operands[0] not in self.plan.stored:
                return REGISTRY[owner.name].kind == "view" and owner.operands[0].type.is_array and self._reads_apart(v, op)
            return self._same_region(owner, op) or self._reads_apart(v, op)

        return not harmless(value)

    def _reads_apart(self, view: Value, op: Op) -> bool:
        """Whether a view, or a view of one, is of a region of the buffer that the update does not write to."""
        owner = view.owner
        while owner is not None and owner.operands[0] not in self.plan.stored:
            if REGISTRY[owner.name].kind != "view" or not owner.operands[0].type.is_array:
                return False
            owner = owner.operands[0].owner
        if owner is None or owner.name != "slice":
            return False
        _, starts, sizes = split_slice(owner)
        drop = owner.attrs["drop"]
        read = Region(starts, tuple(None if k in drop else n for k, n in enumerate(sizes)), owner.attrs["steps"])
        base, value, *at = op.operands
        extents = iter(range(value.type.rank))
        written_sizes: list[Value | None] = []
        for k in range(base.type.rank):
            if k in op.attrs["drop"]:
                written_sizes.append(None)
                continue
            place = self.plan.places.of(value, next(extents))
            if not isinstance(place, Value):
                written_sizes.append(self._unknown)
            else:
                written_sizes.append(place)
        written = Region(tuple(at), tuple(written_sizes), op.attrs["steps"])
        return self.bounds.apart(read, written)

    def _covers_from_start(self, op: Op) -> bool:
        starts = op.operands[2:]
        return not op.attrs["drop"] and all(s == 1 for s in op.attrs["steps"]) and all(
            self.plan.places.scalar(s) == 0 for s in starts
        )

    def _same_region(self, part: Op, op: Op) -> bool:
        rank = op.operands[0].type.rank
        a = [self.plan.places.scalar(v) for v in part.operands[1 : 1 + rank]]
        b = [self.plan.places.scalar(v) for v in op.operands[2:]]
        return a == b and part.attrs["steps"] == op.attrs["steps"] and tuple(part.attrs["drop"]) == tuple(op.attrs["drop"])

    # -- control

    def _loop(self, op: Op) -> None:
        first = AHEAD[op.name]
        body = op.regions[-1]
        params = carried_params(op)
        arrays = [k for k, p in enumerate(params) if p.type.is_array]
        slots = {}
        for k in arrays:
            small = is_small(params[k].type) and not self._in_callers_memory(op.operands[first + k])
            slots[k] = Storage("stack" if small else "slot")
            self.plan.storage[params[k]] = slots[k]
            if op.name == "while":
                seen = Storage("slot", writable=False)
                seen.same = None
                self.plan.storage[op.regions[0].params[k]] = _read_only(slots[k])
        if op.name == "while":
            self._block(op.regions[0])
        self._block(body)
        for k in arrays:
            self._resolve_slot(op, k, first + k, params[k], body.results[k], slots[k])

    def _in_callers_memory(self, value: Value) -> bool:
        """Whether a loop begins with an array that the caller gave to be written: then it is written there and then.
        (The threads of a kernel share it, so that a copy of each on its stack would be wrong.)"""
        storage = self.plan.storage[value].find()
        return storage.kind == "slot" or storage.kind == "parameter" and storage.writable

    def _resolve_slot(self, op: Op, k: int, operand: int, param: Value, yielded: Value, storage: Storage) -> None:
        init, result = op.operands[operand], op.results[k]
        body = op.regions[-1]
        point: Point = (body, k)
        takes = self.can_take(yielded, point) and self._movable(yielded, storage)
        same = takes and self.plan.storage[yielded].find() is storage
        if takes:
            self.take(yielded, point)
        kind = "stack" if storage.kind == "stack" else "fixed" if same else "moving"
        if kind == "moving" and takes:
            self.moves(yielded, storage)
        init_point: Point = (op, operand)
        if self.can_take(init, init_point) and self._fits(init, kind):
            self.take(init, init_point)
            if kind == "moving":
                self.moves(init, storage)
            else:
                storage.same = self.plan.storage[init].find()
        elif kind == "fixed":
            storage.kind, storage.site = "heap", param
        if kind == "moving":
            storage.kind, storage.moved = "heap", True
        self.plan.slots[op, k] = Slot(kind, storage)
        self.plan.storage[result] = storage

    def _movable(self, value: Value, storage: Storage) -> bool:
        """Whether a yielded buffer may be given to a slot: it is the slot's own, or one from the heap."""
        own = self.plan.storage[value].find()
        return own is storage or (storage.kind != "stack" and own.kind in ("heap", "slot"))

    def _fits(self, value: Value, kind: str) -> bool:
        """Whether an initial value's buffer can be the slot's."""
        own = self.plan.storage[value].find().kind
        if kind == "moving":
            return own in ("heap", "slot")
        return (own == "stack") == (kind == "stack")

    def moves(self, value: Value, to: Storage) -> None:
        storage = self.plan.storage[value].find()
        storage.moved = True
        storage.joins(to)

    def _if(self, op: Op) -> None:
        for region in op.regions:
            self._block(region)
        for k, result in enumerate(op.results):
            if result.type.is_array:
                self._resolve_branch(op, k, result)

    def _resolve_branch(self, op: Op, k: int, result: Value) -> None:
        yields = [region.results[k] for region in op.regions]
        points: list[Point] = [(region, k) for region in op.regions]
        takes = [self.can_take(v, point) for v, point in zip(yields, points, strict=True)]
        if all(takes):
            storages = [self.plan.storage[v].find() for v in yields]
            if storages[0] is storages[1]:
                for v, point in zip(yields, points, strict=True):
                    self.take(v, point)
                self.plan.slots[op, k] = Slot("fixed", storages[0])
                self.plan.storage[result] = storages[0]
                return
        kind = "stack" if is_small(result.type) else "heap"
        storage = Storage(kind, site=None, moved=kind == "heap")
        self.plan.slots[op, k] = Slot("stack" if kind == "stack" else "moving", storage)
        self.plan.storage[result] = storage
        for v, point, can in zip(yields, points, takes, strict=True):
            if kind == "heap" and can and self.plan.storage[v].find().kind in ("heap", "slot"):
                self.take(v, point)
                self.moves(v, storage)

    # -- the end of the function

    def _results(self) -> None:
        body = self.plan.function.body
        for k, (v, written) in enumerate(zip(body.results, self.plan.function.written, strict=True)):
            if not v.type.is_array or not self.can_take(v, (body, k)):
                continue
            storage = self.plan.storage[v].find()
            if written is not None and storage.parameter == written or written is None and storage.kind == "heap":
                self.take(v, (body, k))
                storage.moved = True


def _read_only(storage: Storage) -> Storage:
    """The same buffer, seen by the condition of a `while`, which may not write to it."""
    view = Storage("slot", writable=False)
    view.group = storage
    return view
