"""When buffers are allocated and freed: after the last reader, in the branches that do not pass them on, before loops.

    for ... (%i, %u) {                             %t is allocated once before the loop (its extents do not change),
        %t = ... stored : f64[?]                   and freed after it
        %w = ... stored : f64[?]                   %w is yielded to a moving slot: it and the buffer of %u, which is dropped,
        yield %w                                   are exchanged every trip; no allocation in the loop
    }
"""

from __future__ import annotations

from wengert.compiler.backend.bufferise import Plan, Storage
from wengert.compiler.backend.places import Equals, Extent
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.loops import LOOPS, carried_params


def plan_memory(plan: Plan) -> Plan:
    """Fill in `free_after`, `free_at_end`, `hoisted` and `rotations`."""
    planner = _Planner(plan)
    planner.hoist()
    planner.rotate()
    planner.free()
    return plan


class _Planner:
    def __init__(self, plan: Plan):
        self.plan, self.structure = plan, plan.structure
        self.spared: set[Value] = set()
        """Values whose buffer goes to a rotation instead of being freed."""

    # -- allocations before loops

    def hoist(self) -> None:
        for value, storage in list(self.plan.storage.items()):
            own = storage.find()
            if storage.site is not value or own.kind != "heap" or own.moved or own.hoisted is not None:
                continue
            block = self.structure.home[value]
            if value.owner is None:  # the copy that a loop's initial value is put in
                around = self.structure.around[block]
                assert around is not None
                block = self.structure.block_of[around]
            loop = self._outermost(block, self.plan.places.shape(value))
            if loop is not None:
                own.hoisted = loop
                self.plan.hoisted.setdefault(loop, []).append(value)

    def _outermost(self, block: Block, shape: tuple[Extent, ...]) -> Op | None:
        """The outermost loop around a block before which the extents are known; each thread has buffers of its own."""
        found = None
        chain = self.structure.outward(block)
        threads = next((k for k, (op, _) in enumerate(chain) if op in self.plan.threaded), len(chain))
        for op, _ in chain[: threads + 1]:
            if op.name == "if":
                continue
            if not all(self._known_before(extent, op) for extent in shape):
                break
            found = op
        return found

    def _known_before(self, extent: Extent, op: Op) -> bool:
        if isinstance(extent, int):
            return True
        value = extent if isinstance(extent, Value) else extent[0]
        home = self.structure.home[value]
        return not (any(home is region for region in op.regions) or self.structure.is_inside(home, op)) and (
            value.owner is None or self.structure.start[value.owner] < self.structure.start[op]
        )

    # -- two buffers that change places

    def rotate(self) -> None:
        for op in self.structure.ops:
            if op.name in LOOPS:
                self._rotate(op)

    def _rotate(self, op: Op) -> None:
        body = op.regions[-1]
        params = carried_params(op)
        moving = [k for k, _ in enumerate(params) if (op, k) in self.plan.slots and self.plan.slots[op, k].kind == "moving"]
        dropped = [k for k in moving if not self._is_taken(params[k])]
        equal = self._equal_extents(body) if dropped else Equals(self.plan.places)
        for k in moving:
            if (body, k) not in self.plan.taken:
                continue
            storage = self.plan.storage[body.results[k]].find()
            site = storage.site
            if site is None or site.owner is None or site.owner.regions or self.structure.home[site] is not body:
                continue
            if site in self.spared or self.plan.storage[site].find() is not storage:
                continue
            shape = self.plan.places.shape(site)
            for j in dropped:
                same_type = params[j].type.dtype == site.type.dtype
                same = equal.shape(params[j]) == equal.shape(site)
                if same_type and same and all(self._known_before(n, op) for n in shape):
                    self.plan.rotations.setdefault(op, []).append((site, j))
                    self.spared |= {params[j], site}
                    dropped.remove(j)
                    break

    def _equal_extents(self, body: Block) -> Equals:
        """Extents that must be equal where a trip through the body comes to its end."""
        equal = Equals(self.plan.places)
        for block in (body, *(self.structure.block_of[op] for op, _ in self.structure.outward(body))):
            end = self.structure.block_end[body]
            for op in block.ops:
                if self.structure.start[op] > end:
                    break
                equal.note(op)
        return equal

    def _is_taken(self, value: Value) -> bool:
        return any(self._takes(value, use.op, use.block, use.index) for use in self.structure.uses[value])

    def _takes(self, value: Value, op: Op | None, block: Block, index: int) -> bool:
        return ((op if op is not None else block), index) in self.plan.taken

    # -- frees

    def free(self) -> None:
        for value in self.plan.storage:
            if self._owns_heap(value, self.plan.storage[value]):
                self._free(value)

    def _owns_heap(self, value: Value, storage: Storage) -> bool:
        own = storage.find()
        if own.kind != "heap" or own.hoisted is not None or value in self.spared and value.owner is None:
            return False
        block = self.structure.home[value]
        around = self.structure.around[block]
        return not (around is not None and around.name == "while" and block is around.regions[0] and value.owner is None)

    def _free(self, value: Value) -> None:
        points = [u for u in self.structure.uses[value] if self._takes(value, u.op, u.block, u.index)]
        home = self.structure.home[value]
        if not points:
            self._free_after_last_reader(value, home)
            return
        for use in points:
            inner = use.block
            for op, region in self.structure.outward(inner):
                if region is home:
                    break
                for other in op.regions:
                    if other is not region and not any(self._within(u.block, other) for u in points):
                        drops = self.plan.free_at_end.setdefault(other, [])
                        if value not in drops:
                            drops.append(value)

    def _within(self, block: Block, region: Block) -> bool:
        return block is region or any(r is region for _, r in self.structure.outward(block))

    def _free_after_last_reader(self, value: Value, home: Block) -> None:
        reads = list(self.structure.uses[value])
        for v in self._readers_of(value):
            reads += self.structure.uses[v]
        last: Op | None = value.owner
        at = self.structure.start[value.owner] if value.owner is not None else 0
        for use in reads:
            if use.op is None and use.block is home:
                self.plan.free_at_end.setdefault(home, []).append(value)
                return
            if use.at >= at:
                at, last = use.at, self._op_in(home, use.op, use.block)
        if last is None:
            self.plan.free_at_end.setdefault(home, []).append(value)
        else:
            self.plan.free_after.setdefault(last, []).append(value)

    def _op_in(self, home: Block, op: Op | None, block: Block) -> Op | None:
        """The op of block `home` that holds the use."""
        if block is home:
            return op
        for around, _ in self.structure.outward(block):
            if self.structure.block_of[around] is home:
                return around
        raise AssertionError("a value is used outside its block")

    def _readers_of(self, value: Value) -> list[Value]:
        """The virtual arrays computed from it."""
        if self._virtual_readers is None:
            readers: dict[Value, list[Value]] = {}
            reads: dict[Value, set[Value]] = {}
            for op in self.structure.ops:
                if len(op.results) != 1 or not op.result.type.is_array or op.result in self.plan.stored:
                    continue
                mine = set[Value]()
                for v in op.operands:
                    mine |= {v} if v in self.plan.stored else reads.get(v, set())
                reads[op.result] = mine
                for v in mine:
                    readers.setdefault(v, []).append(op.result)
            self._virtual_readers = readers
        return self._virtual_readers.get(value, [])

    _virtual_readers: dict[Value, list[Value]] | None = None
