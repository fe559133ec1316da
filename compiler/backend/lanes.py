"""Which values of a parallel loop's body differ between iterations; the others are the same in every lane of a block.

    for i in parallel:            i, x, live and y vary; n and k do not
        x = a[i]
        for k in range(n):        the same trips in every lane
            x = x * 0.5 + k
        while x > 1:              lanes leave it at different trips: t varies afterwards, but not for those still in it
            x, t = x - 1, t + 1
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from wengert.compiler.backend.bufferise import Plan
from wengert.compiler.backend.fuse import is_virtual_kind
from wengert.compiler.backend.lane_arrays import LaneArray, lane_arrays
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
        elif op.name in _WRITES or op.name != "dim" and any(v in varying for v in op.operands):
            varying.update(op.results)


_WRITES = ("update", "accumulate", "grow")
"""What these write to is an array of each lane, or one for all lanes that no lane reads."""


def parted(op: Op, varying: Collection[Value]) -> str:
    """How lanes go through a `for`: "" together; "early" where they begin at one index and leave at different ones; "late" where
    they begin at different ones and leave at one, so that those inside share the index, too; or "each" with its own."""
    low, high, step = (v in varying for v in op.operands[:3])
    if not (low or high or step):
        return ""
    if not low:
        return "early"
    return "late" if not high and constant_of(op.operands[2]) in (1, -1) else "each"


def _for(op: Op, varying: set[Value]) -> None:
    (body,) = op.regions
    how = parted(op, varying)
    if how:
        varying.update(op.results)
    if how == "late":
        varying.update(body.params[1:])
    if how == "each":
        varying.add(body.params[0])
    varying.update(p for p in body.params[1:] if p.type.is_array)
    _carried(op.operands[3:], body.params[1:], body, op, varying)
    _block(body, varying)
    _carried(op.operands[3:], body.params[1:], body, op, varying)


def _while(op: Op, varying: set[Value]) -> None:
    condition, body = op.regions
    if condition.results[0] in varying:
        varying.update(op.results)
    varying.update(p for p in body.params if p.type.is_array)
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
    """Whether the body is made of scalars and arrays of each lane, reads nothing else that it writes, and writes at the lane's
    own place."""
    (body,) = op.regions
    outputs = set(body.params[1:])
    if any(p.type.is_scalar for p in outputs) or not _worth(body):
        return False
    own = lane_arrays(plan, op)
    return not _scatter(body, own, varying_values(op)) and _fits(plan, body, outputs, body.params[0], own)


def _scatter(block: Block, own: Mapping[Value, LaneArray], varying: Collection[Value], apart: bool = False) -> bool:
    """Whether lanes that have parted write to their arrays at different places, one by one: they are faster alone."""
    for op in block.ops:
        if apart and op.name in ("update", "accumulate") and op.result in own and any(v in varying for v in op.operands[2:]):
            return True
        inside = apart
        if op.name == "if":
            inside = apart or op.operands[0] in varying
        elif op.name == "while":
            inside = apart or op.regions[0].results[0] in varying
        elif op.name == "for":
            inside = apart or bool(parted(op, varying))
        if any(_scatter(region, own, varying, inside) for region in op.regions):
            return True
    return False


def _worth(body: Block) -> bool:
    """Straight-line bodies LLVM's vectoriser does by itself."""
    return any(op.name in ("for", "while") for op in body.walk())


def _fits(plan: Plan, block: Block, outputs: set[Value], lane: Value, own: Mapping[Value, LaneArray]) -> bool:
    for op in block.ops:
        written = [v for v in op.operands if v in outputs]
        row = REGISTRY[op.name]
        if any(v.type.is_array and v not in plan.stored and not is_virtual_kind(op) for v in op.results):
            return False
        if any(v.type.dtype.kind == "c" for v in (*op.operands, *op.results)):
            return False
        if not op.regions and any(v in own for v in (*op.operands, *op.results)):
            if not _keeps_apart(plan, op, own):
                return False
        elif op.name in ("update", "update_slice"):
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
            if not all(v in own for v in (*op.results, *(p for r in op.regions for p in r.params)) if v.type.is_array):
                return False
            if not all(_fits(plan, region, outputs, lane, own) for region in op.regions):
                return False
        elif any(v.type.is_array for v in op.results):
            if any(v in plan.stored for v in op.results):
                return False
        elif row.kind not in ("constant", "elementwise") and op.name not in _SCALAR_OPS:
            return False
    return True


def _keeps_apart(plan: Plan, op: Op, own: Mapping[Value, LaneArray]) -> bool:
    """Whether the op makes an array of each lane, or reads or writes an element of one."""
    first, *rest = op.operands
    if op.name == "broadcast":
        return op.result in own
    if first not in own or any(v in own for v in rest):
        return op.name in _WRITES and op.result in own and first not in own and not any(v in own for v in rest)
    if op.name == "dim":
        return not isinstance(plan.places.of(first, op.attrs["axis"]), tuple)
    if op.name == "accumulate" and first.type.dtype.kind == "b":
        return False
    return op.name == "load" or op.name in _WRITES and op.result in own


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
