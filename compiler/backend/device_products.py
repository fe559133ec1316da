"""Transposed matrices around products: the library reads and writes them as they lie.

    %t = transpose %a {axes = (1, 0)}                       %c = dot_general %a, %b {contract = ((0,), (0,))}
    %c = dot_general %t, %b {contract = ((1,), (0,))}   =>

    %c = dot_general %a, %b {contract = ((0,), (0,))}       %d = dot_general %b, %a {contract = ((0,), (0,))}
    %d = transpose %c {axes = (1, 0)}                   =>

A transposed copy of a matrix takes as long as any pass over it.
"""

from __future__ import annotations

from collections import Counter

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.rewrite import rewrite
from wengert.compiler.passes.optimise.prune import prune

NO_BATCH = ((), ())


def turn_products(function: Function) -> Function:
    """The function itself where there are none."""
    uses = _uses(function.body)
    given = {op for op in function.walk() if _is_product(op) and any(_source(v, uses) is not None for v in op.operands)}
    read = {v for op in given for v in op.operands}  # by a product, as it lies
    turned = [op for op in function.walk() if _is_turned(op) and op.result not in read]
    found = {op for op in turned if _is_product(op.operands[0].owner) and uses[op.operands[0]] == 1}
    if not found | given:
        return function

    def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
        if op in found:
            product = operands[0].owner
            assert product is not None
            a, b = product.operands
            ca, cb = product.attrs["contract"]
            return [builder.emit("dot_general", b, a, hint=op.result.hint, contract=(cb, ca), batch=NO_BATCH)]
        if op in given:
            contract = list(op.attrs["contract"])
            for k, old in enumerate(op.operands):
                if _source(old, uses) is not None:
                    owner = operands[k].owner
                    assert owner is not None
                    operands[k], contract[k] = owner.operands[0], (1 - contract[k][0],)
            return [builder.emit("dot_general", *operands, hint=op.result.hint, contract=tuple(contract), batch=NO_BATCH)]
        return None

    return prune(rewrite(function, replace))


def _uses(body: Block) -> Counter[Value]:
    uses = Counter(body.results)
    for op in body.walk():
        uses.update(op.operands)
        for region in op.regions:
            uses.update(region.results)
    return uses


def _is_turned(op: Op | None) -> bool:
    return op is not None and op.name == "transpose" and tuple(op.attrs["axes"]) == (1, 0)


def _is_product(op: Op | None) -> bool:
    """Whether it is a product of two matrices."""
    if op is None or op.name != "dot_general" or tuple(map(tuple, op.attrs["batch"])) != NO_BATCH:
        return False
    return all(v.type.rank == 2 for v in op.operands) and all(len(axes) == 1 for axes in op.attrs["contract"])


def _source(value: Value, uses: Counter[Value]) -> Value | None:
    """What a matrix that nothing else reads is the transposed of."""
    op = value.owner
    return op.operands[0] if op is not None and _is_turned(op) and uses[value] == 1 else None
