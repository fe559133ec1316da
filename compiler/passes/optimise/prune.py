"""Dead code: ops and loop-carried values that no result needs. Checks are always needed.

    %1 = sin %x : f64
    %2, %3 = for ... (%i, %a, %b) { ... yield %a1, %b1 }      =>     %2 = for ... (%i, %a) { ... yield %a1 }
    return %2
"""

from __future__ import annotations

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.loops import AHEAD, LOOPS, carried_params
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import clone_value, copy_op


def prune(function: Function) -> Function:
    needed: set[Value] = set()
    _mark_block(function.body, list(function.results), needed)
    mapping: dict[Value, Value] = {}
    return Function(function.name, _copy(function.body, mapping, needed, None), function.written)


def _traps(op: Op) -> bool:
    return REGISTRY[op.name].traps or any(_traps(inner) for region in op.regions for inner in region.ops)


def _mark_block(block: Block, roots: list[Value], needed: set[Value]) -> None:
    """Add to `needed` what `roots` and the checks of the block depend on."""
    needed.update(roots)
    for op in reversed(block.ops):
        if not _traps(op) and not any(r in needed for r in op.results):
            continue
        if op.name in LOOPS:
            _mark_loop(op, needed)
        elif op.name == "if":
            needed.add(op.operands[0])
            for region in op.regions:
                _mark_block(region, [v for v, r in zip(region.results, op.results, strict=True) if r in needed], needed)
        else:
            needed.update(op.operands)


def _mark_loop(op: Op, needed: set[Value]) -> None:
    """A carried value is needed if its result is, or if the body needs its parameter; to a fixed point."""
    first = AHEAD[op.name]
    needed.update(op.operands[:first])
    body, params = op.regions[-1], carried_params(op)
    kept = {k for k, r in enumerate(op.results) if r in needed}
    while True:
        if op.name == "while":
            _mark_block(op.regions[0], list(op.regions[0].results), needed)
        _mark_block(body, [body.results[k] for k in kept], needed)
        more = {k for k, p in enumerate(params) if p in needed}
        if op.name == "while":
            more |= {k for k, p in enumerate(op.regions[0].params) if p in needed}
        if more <= kept:
            break
        kept |= more
    for k in kept:
        needed.update((op.operands[first + k], op.results[k], params[k]))


def _copy(block: Block, mapping: dict[Value, Value], needed: set[Value], keep: list[bool] | None) -> Block:
    """`keep`: which of the block's results stay (and which carried parameters, the last ones)."""
    fixed = len(block.params) - len(keep) if keep is not None and block.params else len(block.params)
    kept_params = [p for k, p in enumerate(block.params) if k < fixed or (keep and keep[k - fixed])]
    new = Block([clone_value(p) for p in kept_params])
    mapping.update(zip(kept_params, new.params, strict=True))
    builder = Builder(new)
    for op in block.ops:
        if not _traps(op) and not any(r in needed for r in op.results):
            continue
        _copy_op(builder, op, mapping, needed)
    results = block.results if keep is None else [v for v, k in zip(block.results, keep, strict=True) if k]
    new.results = [mapping.get(v, v) for v in results]
    return new


def _copy_op(builder: Builder, op: Op, mapping: dict[Value, Value], needed: set[Value]) -> None:
    if not op.regions:
        results = copy_op(builder, op, [mapping.get(v, v) for v in op.operands]).results
        mapping.update(zip(op.results, results, strict=True))
        return
    keep = [r in needed for r in op.results]
    first = AHEAD[op.name]
    operands = [mapping.get(v, v) for v in op.operands[:first]]
    if op.name != "if":
        operands += [mapping.get(v, v) for v, k in zip(op.operands[first:], keep, strict=True) if k]
    if op.name == "while":
        condition = op.regions[0]
        params = [p for p, k in zip(condition.params, keep, strict=True) if k]
        trimmed = Block(params, condition.ops, condition.results)
        regions: tuple[Block, ...] = (_copy(trimmed, mapping, needed, None), _copy(op.regions[1], mapping, needed, keep))
    else:
        regions = tuple(_copy(r, mapping, needed, keep) for r in op.regions)
    kept = [r for r in op.results if r in needed]
    with builder.at(op.span, op.role):
        new = builder.op(op.name, operands, regions, [r.hint for r in kept], [r.type for r in kept], **op.attrs)
    mapping.update(zip(kept, new.results, strict=True))
