"""Control flow of the host part: arrays go through phis as their handles and extents, each with a reference of its own."""

from __future__ import annotations

from collections.abc import Sequence

from wengert.compiler.backend.device_graphs import state_words, turns_of_a_graph
from wengert.compiler.backend.device_host import WRITE, HostWriter
from wengert.compiler.backend.emit.text import Phi
from wengert.compiler.ir.core import Block, Op


def _if(host: HostWriter, op: Op) -> None:
    """Arrays whose last use this is belong to the branches: each uses its reference up, or drops it."""
    text, then, orelse, after = host.text, *(host.text.fresh(h) for h in ("then", "else", "after"))
    owned = host.scopes[-1].owned
    passed = [v for v, last in owned.items() if last is op and v not in op.operands]
    for v in passed:
        del owned[v]
    text.branch_if(host.scalars[op.operands[0]], then, orelse)
    arms: list[tuple[str, list[list[tuple[str, str]]]]] = []
    for label, region in zip((then, orelse), op.regions, strict=True):
        text.label(label)
        pieces: list[list[tuple[str, str]]] = []
        host.block(region, lambda r=region, p=pieces: p.extend(host.pieces(v, None) for v in r.results), passed)  # type: ignore[misc]
        arms.append((text.block, pieces))
        text.branch(after)
    text.label(after)
    host.join(op.results, arms)


def _for(host: HostWriter, op: Op) -> None:
    text, (body,) = host.text, op.regions
    low, high, step = (host.scalars[v] for v in op.operands[:3])
    inits = [host.pieces(v, op) for v in op.operands[3:]]
    turns = turns_of_a_graph(op)
    state = _graph_state(host, op) if turns else ("", "")
    start, head, inside, after = text.block, *(text.fresh(h) for h in ("head", "body", "after"))
    text.branch(head)
    text.label(head)
    i = text.phi("i64", "i")
    i.add(low, start)
    phis = [[text.phi(type_) for type_, _ in pieces] for pieces in inits]
    _feed(phis, inits, start)
    up, rising = text.value(f"icmp slt i64 {i.name}, {high}"), text.value(f"icmp sgt i64 {step}, 0")
    down = text.value(f"icmp sgt i64 {i.name}, {high}")
    text.branch_if(text.value(f"select i1 {rising}, i1 {up}, i1 {down}"), inside, after)
    text.label(inside)
    at = i.name
    if turns:
        at = _skipped(host, op, at, high, turns, state, [row[0].name for row in phis], after)
    else:
        host.poll()
    host.scalars[body.params[0]] = at
    for p, row in zip(body.params[1:], phis, strict=True):
        host.bind(p, [phi.name for phi in row])
    pieces: list[list[tuple[str, str]]] = []
    host.block(body, lambda: pieces.extend(host.pieces(v, None) for v in body.results))
    i.add(text.value(f"add i64 {at}, {step}"), text.block)
    _feed(phis, pieces, text.block)
    text.branch(head)
    text.label(after)
    for v, row in zip(op.results, phis, strict=True):
        host.bind(v, [phi.name for phi in row])


def _graph_state(host: HostWriter, op: Op) -> tuple[str, str]:
    """(memory of `wg_repeat`, set to zero; room for the handles carried)"""
    host.graphs = True
    carried = len(op.operands) - 3
    words = state_words(carried, len(host.kernels))
    state = host.text.alloca(f"[{words} x i64]", "state")
    host.text.module.declare("llvm.memset.p0.i64", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    host.text.do(f"call void @llvm.memset.p0.i64(ptr {state}, i8 0, i64 {8 * words}, i1 false)")
    return state, host.text.alloca(f"[{max(1, carried)} x ptr]", "carried")


def _skipped(
    host: HostWriter, op: Op, i: str, high: str, turns: int, state: tuple[str, str], handles: Sequence[str], after: str
) -> str:
    """The turn to do now, after those that a graph has done; leaves to `after` where those were the last."""
    text = host.text
    for k, handle in enumerate(handles):
        text.do(f"store ptr {handle}, ptr {text.value(f'getelementptr ptr, ptr {state[1]}, i64 {k}')}")
    left = text.value(f"sub i64 {high}, {i}")
    skipped = text.value(
        f"call i64 @wg_repeat(ptr {host.table}, ptr {state[0]}, i64 {left}, i64 {turns}, i64 {len(handles)}, ptr {state[1]}, "
        f"i64 {len(host.kernels)})"
    )
    go, on = text.fresh("go"), text.fresh("on")
    text.branch_if(text.value(f"icmp ne i64 {skipped}, -1"), go, "interrupted")
    text.label(go)
    host.check(text.value(f"icmp ne i64 {skipped}, -2"), "device", op)
    at = text.value(f"add i64 {i}, {skipped}")
    text.branch_if(text.value(f"icmp slt i64 {at}, {high}"), on, after)
    text.label(on)
    return at


def _while(host: HostWriter, op: Op) -> None:
    text, (condition, body) = host.text, op.regions
    inits = [host.pieces(v, op) for v in op.operands]
    start, head, inside, after = text.block, *(text.fresh(h) for h in ("head", "body", "after"))
    text.branch(head)
    text.label(head)
    phis = [[text.phi(type_) for type_, _ in pieces] for pieces in inits]
    _feed(phis, inits, start)
    held = [[phi.name for phi in row] for row in phis]
    for values in (condition.params, body.params, op.results):
        for v, operands in zip(values, held, strict=True):
            host.bind(v, operands)
    lent = Block(condition.params, condition.ops, condition.results)
    for p in condition.params:  # the condition only looks at them
        if p.type.is_array:
            text.do(f"call void @wg_share(ptr {host.arrays[p].handle})")
    host.block(lent, lambda: None)
    text.branch_if(host.scalars[condition.results[0]], inside, after)
    text.label(inside)
    host.poll()
    pieces: list[list[tuple[str, str]]] = []
    host.block(body, lambda: pieces.extend(host.pieces(v, None) for v in body.results))
    _feed(phis, pieces, text.block)
    text.branch(head)
    text.label(after)


def _feed(phis: Sequence[Sequence[Phi]], pieces: Sequence[Sequence[tuple[str, str]]], block: str) -> None:
    for row, values in zip(phis, pieces, strict=True):
        for phi, (_, operand) in zip(row, values, strict=True):
            phi.add(operand, block)


WRITE.update({"if": _if, "for": _for, "while": _while})
