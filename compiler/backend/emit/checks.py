"""The ops that trap: a branch to the function's failing end, with the number of the fault and the operands of its message."""

from __future__ import annotations

from wengert.compiler.backend.emit.host import EMIT, Fault, HostEmitter, Shown
from wengert.compiler.backend.emit.scope import is_literal
from wengert.compiler.backend.emit.text import COLD
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.opdef import REGISTRY


def _index(host: HostEmitter, op: Op) -> None:
    i, n = (host.scope.scalar(v) for v in op.operands)
    if op in host.proved:
        host.scope.scalars[op.result] = i
        return
    fault = REGISTRY[op.name].fault
    if fault is not None and host.target.splits_loops and _is_read(op.operands[0]):
        host.scope.scalars[op.result] = _mostly_positive(host, op, i, n, Fault(fault, op))
        return
    wrapped = i if _is_positive(host, op.operands[0]) else _wrapped(host, i, n)
    if fault is not None and not (is_literal(wrapped) and is_literal(n) and 0 <= int(wrapped) < int(n)):
        host.check(host.text.value(f"icmp ult i64 {wrapped}, {n}"), Fault(fault, op), i, n)
    host.scope.scalars[op.result] = wrapped


def _is_positive(host: HostEmitter, value: Value) -> bool:
    """Whether an index certainly does not count from the end."""
    least = host.least.of(value) if host.target.splits_loops else None
    return least is not None and least >= 0


def _is_read(value: Value) -> bool:
    """Whether an index comes from an array, by sums and conversions."""
    while (op := value.owner) is not None and op.name in ("cast", "add", "subtract"):
        value = op.operands[0]
    return op is not None and op.name == "load"


def _mostly_positive(host: HostEmitter, op: Op, i: str, n: str, fault: Fault) -> str:
    """The index, wrapped in a branch of its own: what is read at such indices is seldom in the cache, and the fewer
    instructions there are from one index to the next, the more of them are under way (np.bincount: 0.6 of the time)."""
    text = host.text
    wraps, whole = text.fresh("wraps"), text.fresh("whole")
    before = text.block
    text.branch_if(text.value(f"icmp ult i64 {i}, {n}"), whole, wraps, COLD)
    text.label(wraps)
    shifted = text.value(f"add i64 {i}, {n}")
    host.check(text.value(f"icmp ult i64 {shifted}, {n}"), fault, i, n)
    negative = text.block
    text.branch(whole)
    text.label(whole)
    place = text.phi("i64")
    place.add(i, before)
    place.add(shifted, negative)
    return place.name


def _wrapped(host: HostEmitter, i: str, n: str) -> str:
    """A negative index counts from the end."""
    text = host.text
    if is_literal(i):
        return i if int(i) >= 0 else host.scope.index.add(n, i)
    negative = text.value(f"icmp slt i64 {i}, 0")
    shifted = text.value(f"add i64 {i}, {n}")
    return text.value(f"select i1 {negative}, i64 {shifted}, i64 {i}")


def _same_extent(host: HostEmitter, op: Op) -> None:
    n, m = (host.scope.scalar(v) for v in op.operands)
    if n != m:
        host.check(host.text.value(f"icmp eq i64 {n}, {m}"), Fault("shape", op), n, m)
    host.scope.scalars[op.result] = n


def _check(host: HostEmitter, op: Op) -> None:
    host.check(host.scope.scalar(op.operands[0]), Fault(op.attrs["fault"], op))


def _print(host: HostEmitter, op: Op) -> None:
    """The numbers side by side in memory, and the place among the prints, for the host's `wg_print`."""
    text = host.text
    place = text.alloca(f"[{max(1, len(op.operands))} x i64]", "shown")
    for k, v in enumerate(op.operands):
        type_ = "double" if v.type.dtype.kind == "f" else "i64"
        where = text.value(f"getelementptr i64, ptr {place}, i64 {k}")
        text.do(f"store {type_} {host.scope.scalar(v)}, ptr {where}")
    text.module.declare("wg_print", "declare void @wg_print(i64, ptr)")
    text.do(f"call void @wg_print(i64 {len(host.prints)}, ptr {place})")
    host.prints.append(Shown(op.attrs["texts"], op.attrs["formats"], tuple(v.type.dtype.kind for v in op.operands)))


EMIT.update({"print": _print, "index": _index, "wrap_index": _index, "same_extent": _same_extent, "check": _check})
