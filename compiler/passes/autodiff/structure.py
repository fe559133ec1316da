"""Where every value of a function is at home: its block, the loops and branches around it, its place in program order.

    func @f(%n: i64, %x: f64) {                 home(%x) = home(%r) = the function's body, path ()
        %r = for %0, %n, %1, %x (%i, %c) {      home(%i) = home(%c) = home(%y) = the loop's body, path ((for, body),)
            %y = multiply %c, %c : f64
            yield %y
        } : f64
        return %r
    }
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.loops import LOOPS, carried_params
from wengert.compiler.passes.optimise.extents import Finder

Root = int | Value | tuple[Value, int]
"""Where an extent comes from: a constant, an i64 value, or the (array, axis) beyond which nothing is known."""


@dataclass(slots=True)
class Structure:
    """Built once per function, in time linear in its ops.

    home: value -> block. parent: region -> (the op it belongs to, the block that op stands in).
    order: value -> position in program order. carrier: parameter of a loop's body -> (loop, position among the carried).
    """

    function: Function
    home: dict[Value, Block] = field(default_factory=dict)
    parent: dict[Block, tuple[Op, Block]] = field(default_factory=dict)
    order: dict[Value, int] = field(default_factory=dict)
    carrier: dict[Value, tuple[Op, int]] = field(default_factory=dict)
    standing: dict[Op, Block] = field(default_factory=dict)
    paths: dict[Block, tuple[tuple[Op, Block], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._visit(self.function.body, ())

    def _visit(self, block: Block, path: tuple[tuple[Op, Block], ...]) -> None:
        self.paths[block] = path
        for p in block.params:
            self.place(p, block)
        for op in block.ops:
            self.standing[op] = block
            for region in op.regions:
                self.parent[region] = (op, block)
                self._visit(region, (*path, (op, region)))
            if op.name in LOOPS:
                for k, p in enumerate(carried_params(op)):
                    self.carrier[p] = (op, k)
            for v in op.results:
                self.place(v, block)

    def place(self, value: Value, block: Block, order: int | None = None) -> None:
        self.home[value] = block
        self.order[value] = len(self.order) if order is None else order

    def path(self, block: Block) -> tuple[tuple[Op, Block], ...]:
        """The region ops around `block`, outermost first, each with the region of it that leads there."""
        return self.paths[block]

    def loops(self, block: Block) -> list[Op]:
        return [op for op, _ in self.path(block) if op.name in LOOPS]

    def is_inside(self, value: Value, op: Op) -> bool:
        """Whether `value` is defined within a region of `op`."""
        return any(around is op for around, _ in self.path(self.home[value]))


class Extents:
    """Follows the extents of arrays to where they come from, through loops and branches that keep them."""

    def __init__(self, structure: Structure):
        self.finder = Finder(structure.function)
        self.known: dict[tuple[Value, int], Root] = {}

    def root(self, array: Value, axis: int) -> Root:
        place = (array, axis)
        if place not in self.known:
            self.known[place] = self._follow(array, axis)
        return self.known[place]

    def _follow(self, array: Value, axis: int) -> Root:
        while True:
            static = array.type.shape[axis]
            if static is not None:
                return static
            found: Root = self.finder.outermost((array, axis))
            if isinstance(found, Value):
                found = self._scalar(found)
            if not isinstance(found, tuple) or found == (array, axis):
                return found
            array, axis = found

    def _scalar(self, value: Value) -> Root:
        """An i64 value as a constant, as the extent it was read from, or as itself."""
        while (op := value.owner) is not None:
            if op.name == "dim":
                return op.operands[0], op.attrs["axis"]
            if op.name != "same_extent":
                break
            value = op.operands[0]
        known = constant_of(value)
        return value if known is None else int(known)
