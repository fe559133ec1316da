"""Where values are defined and used, as positions in program order: the ground of fusion and bufferisation."""

from __future__ import annotations

from dataclasses import dataclass

from wengert.compiler.ir.core import Block, Function, Op, Value


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """Operand `index` of `op`, or result `index` of `block` where `op` is None. `at` is its position."""

    op: Op | None
    block: Block
    index: int
    at: int


class Structure:
    """Positions: ops are numbered in program order; an op with regions spans [start, end] of all that is in it.

    The results of a block are used at the end of the op around it (or of the function).
    """

    def __init__(self, function: Function):
        self.function = function
        self.around: dict[Block, Op | None] = {function.body: None}
        self.block_of: dict[Op, Block] = {}
        self.home: dict[Value, Block] = {}
        self.start: dict[Op, int] = {}
        self.end: dict[Op, int] = {}
        self.block_end: dict[Block, int] = {}
        self.uses: dict[Value, list[Use]] = {}
        self.ops: list[Op] = []
        self._count = 0
        self._block(function.body)

    def _block(self, block: Block) -> None:
        for p in block.params:
            self.home[p] = block
            self.uses[p] = []
        for op in block.ops:
            self._op(op, block)
        self._count += 1
        self.block_end[block] = self._count
        for k, v in enumerate(block.results):
            self.uses[v].append(Use(None, block, k, self._count))

    def _op(self, op: Op, block: Block) -> None:
        self._count += 1
        self.start[op] = self._count
        self.block_of[op] = block
        self.ops.append(op)
        for k, v in enumerate(op.operands):
            self.uses[v].append(Use(op, block, k, self._count))
        for region in op.regions:
            self.around[region] = op
            self._block(region)
        self._count += bool(op.regions)
        self.end[op] = self._count
        for v in op.results:
            self.home[v] = block
            self.uses[v] = []

    def outward(self, block: Block) -> list[tuple[Op, Block]]:
        """The ops around a block, innermost first, each with its region that the block is in."""
        chain = []
        op = self.around[block]
        while op is not None:
            chain.append((op, block))
            block = self.block_of[op]
            op = self.around[block]
        return chain

    def loops_between(self, inner: Block, outer: Block) -> list[Op]:
        """The loops around `inner` that are inside `outer`, innermost first."""
        loops = []
        block = inner
        while block is not outer:
            op = self.around[block]
            if op is None:
                break
            if op.name != "if":
                loops.append(op)
            block = self.block_of[op]
        return loops

    def exclusive(self, a: Block, b: Block) -> bool:
        """Whether the blocks are in different branches of one `if`."""
        branch = {op: region for op, region in self.outward(a) if op.name == "if"}
        return any(op in branch and branch[op] is not region for op, region in self.outward(b))

    def is_inside(self, block: Block, op: Op) -> bool:
        return any(o is op for o, _ in self.outward(block))
