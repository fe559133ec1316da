"""The ops that trap: a branch to the function's failing end, with the number of the fault and the operands of its message."""

from __future__ import annotations

from wengert.compiler.backend.emit.host import EMIT, Fault, HostEmitter
from wengert.compiler.backend.emit.scope import is_literal
from wengert.compiler.ir.core import Op
from wengert.compiler.ir.opdef import REGISTRY


def _index(host: HostEmitter, op: Op) -> None:
    i, n = (host.scope.scalar(v) for v in op.operands)
    if op in host.proved:
        host.scope.scalars[op.result] = i
        return
    wrapped = _wrapped(host, i, n)
    fault = REGISTRY[op.name].fault
    if fault is not None and not (is_literal(wrapped) and is_literal(n) and 0 <= int(wrapped) < int(n)):
        host.check(host.text.value(f"icmp ult i64 {wrapped}, {n}"), Fault(fault, op), i, n)
    host.scope.scalars[op.result] = wrapped


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


EMIT.update({"index": _index, "wrap_index": _index, "same_extent": _same_extent, "check": _check})
