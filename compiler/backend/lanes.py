"""Which values of a parallel loop's body differ between iterations; the others are the same in every lane of a block.

    for i in parallel:            i, x, live and y vary; n and k do not
        x = a[i]
        for k in range(n):        the same trips in every lane
            x = x * 0.5 + k
        while x > 1: x = x - 1    lanes leave it at different trips: what it carries varies, whatever it is made from
"""

from __future__ import annotations

from wengert.compiler.backend.bufferise import Plan
from wengert.compiler.backend.fuse import is_virtual_kind
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.opdef import REGISTRY

_SCALAR_OPS = {"constant", "load", "index", "wrap_index", "same_extent", "check"}


def varying_values(loop: Op) -> set[Value]:
    """The values in the body of a `for` that depend on its index."""
    varying = {loop.regions[0].params[0]}
    size = 0
    while size != len(varying):
        size = len(varying)
        _block(loop.regions[0], varying)
    return varying


def _block(block: Block, varying: set[Value]) -> None:
    for op in block.ops:
        if op.name == "for":
            _for(op, varying)
        elif op.name == "while":
            _while(op, varying)
        elif op.name == "if":
            parts = op.operands[0] in varying
            for region in op.regions:
                _block(region, varying)
            for k, result in enumerate(op.results):
                if parts or any(region.results[k] in varying for region in op.regions):
                    varying.add(result)
        elif any(v in varying for v in op.operands):
            varying.update(op.results)


def _for(op: Op, varying: set[Value]) -> None:
    (body,) = op.regions
    parts = any(v in varying for v in op.operands[:3]) or constant_of(op.operands[2]) is None and body.params[0] in varying
    if parts:
        varying.update((*body.params, *op.results))
    _carried(op.operands[3:], body.params[1:], body, op, varying)
    _block(body, varying)
    _carried(op.operands[3:], body.params[1:], body, op, varying)


def _while(op: Op, varying: set[Value]) -> None:
    condition, body = op.regions
    if condition.results[0] in varying:
        varying.update((*condition.params, *body.params, *op.results))
    _carried(op.operands, body.params, body, op, varying)
    varying.update(p for p, q in zip(condition.params, body.params, strict=True) if q in varying)
    _block(condition, varying)
    _block(body, varying)
    _carried(op.operands, body.params, body, op, varying)


def _carried(inits: tuple[Value, ...], params: list[Value], body: Block, op: Op, varying: set[Value]) -> None:
    for init, param, following, result in zip(inits, params, body.results, op.results, strict=True):
        if init in varying or following in varying or param in varying:
            varying.update((param, result))


# -- which loops


def fits_lanes(plan: Plan, op: Op) -> bool:
    """Whether the body is made of scalars, reads nothing it writes, and writes at the lane's own place."""
    (body,) = op.regions
    outputs = set(body.params[1:])
    if any(p.type.is_scalar for p in outputs) or not _worth(body):
        return False
    return _fits(plan, body, outputs, body.params[0])


def _worth(body: Block) -> bool:
    """Straight-line bodies LLVM's vectoriser does by itself."""
    return any(op.name in ("for", "while") for op in body.walk())


def _fits(plan: Plan, block: Block, outputs: set[Value], lane: Value) -> bool:
    for op in block.ops:
        written = [v for v in op.operands if v in outputs]
        row = REGISTRY[op.name]
        if any(v.type.is_array and v not in plan.stored and not is_virtual_kind(op) for v in op.results):
            return False
        if any(v.type.dtype.kind == "c" for v in (*op.operands, *op.results)):
            return False
        if op.name in ("update", "update_slice"):
            if op.operands[0] not in outputs or len(written) != 1 or not _at_own_place(op, lane):
                return False
            if op.name == "update_slice" and not _is_pack(op.operands[1], block):
                return False
            outputs.add(op.result)
        elif op.name == "dim":
            continue
        elif written:
            return False
        elif op.name == "pack":
            if not _goes_out(plan, op):
                return False
        elif op.regions:
            if op.name == "for" and constant_of(op.operands[2]) is None:
                return False
            if any(v.type.is_array for v in (*op.operands, *op.results)):
                return False
            if not all(_fits(plan, region, outputs, lane) for region in op.regions):
                return False
        elif any(v.type.is_array for v in op.results):
            if any(v in plan.stored for v in op.results):
                return False
        elif row.kind not in ("constant", "elementwise") and op.name not in _SCALAR_OPS:
            return False
    return True


def _at_own_place(op: Op, lane: Value) -> bool:
    """Whether an output is written where only the loop's index varies, which alone is the first index."""
    starts = op.operands[2:]
    dropped = op.name == "update" or 0 in op.attrs["drop"]
    return dropped and starts[0] is lane and all(constant_of(v) is not None for v in starts[1:])


def _is_pack(value: Value, block: Block) -> bool:
    return value.owner is not None and value.owner.name == "pack" and value.owner in block.ops


def _goes_out(plan: Plan, op: Op) -> bool:
    uses = plan.structure.uses[op.result]
    return all(use.op is not None and use.op.name == "update_slice" and use.index == 1 for use in uses)
