"""Counted loops in LLVM text, with phis for what goes round."""

from __future__ import annotations

from collections.abc import Callable

from wengert.compiler.backend.emit.scope import IndexArithmetic
from wengert.compiler.backend.emit.text import Module, Text

PLAIN = '!{!"llvm.loop.vectorize.enable", i1 false}', '!{!"llvm.loop.unroll.disable"}'
Carried = list[tuple[str, str]]
"""(LLVM type, operand) of everything that goes round a loop."""


def counted_loop(
    text: Text,
    low: str,
    high: str,
    carried: Carried,
    body: Callable[[str, list[str]], list[str]],
    latch: str | Callable[[], str] = "",
) -> list[str]:
    """`for i in range(low, high)`; `body` gets i and the carried operands and returns the next ones.

    latch: metadata of the branch back, or what tells it once the body is written. Returns the carried operands after the loop.
    """

    def trip(i: str, inner: list[str]) -> tuple[str, list[str]]:
        following = body(i, inner)
        return text.value(f"add nsw i64 {i}, 1", "i"), following

    return _loop(text, ("head", "body"), low, high, carried, trip, latch)


def plain(module: Module) -> str:
    """Metadata of the latch of a loop that is to be compiled as it stands."""
    nodes = ", ".join(module.node(node) for node in PLAIN)
    return f"!llvm.loop {module.node(f'!{{self, {nodes}}}')}"


def work_of(e: IndexArithmetic, low: str, high: str, weight: int) -> str:
    """What range(low, high) tells the poll for interrupts: its own work. More than that, and loops of few trips within loops
    would look for signals most of the time."""
    return e.multiply(e.subtract(high, low), str(weight))


def chunked(
    text: Text, low: str, high: str, size: int | str, carried: Carried, chunk: Callable[[str, str, list[str]], list[str]]
) -> list[str]:
    """`chunk(start, end, carried)` for consecutive stretches of up to `size` of range(low, high).

    A long loop as a loop of loops, so that the inner one stays free of calls and is vectorised.
    """
    text.module.declare("llvm.smin", "declare i64 @llvm.smin.i64(i64, i64)")

    def trip(start: str, inner: list[str]) -> tuple[str, list[str]]:
        end = text.value(f"add nsw i64 {start}, {size}")
        end = text.value(f"call i64 @llvm.smin.i64(i64 {end}, i64 {high})")
        return end, chunk(start, end, inner)

    return _loop(text, ("chunks", "chunk"), low, high, carried, trip, "")


def _loop(
    text: Text,
    names: tuple[str, str],
    low: str,
    high: str,
    carried: Carried,
    trip: Callable[[str, list[str]], tuple[str, list[str]]],
    latch: str | Callable[[], str],
) -> list[str]:
    """`trip` gets the index and the carried operands and returns the next of both."""
    head, inside, done = (text.fresh(n) for n in (*names, "done"))
    before = text.block
    text.branch(head)
    text.label(head)
    index = text.phi("i64", "i")
    index.add(low, before)
    phis = [text.phi(type_) for type_, _ in carried]
    for phi, (_, operand) in zip(phis, carried, strict=True):
        phi.add(operand, before)
    text.branch_if(text.value(f"icmp slt i64 {index.name}, {high}"), inside, done)
    text.label(inside)
    following_index, following = trip(index.name, [phi.name for phi in phis])
    index.add(following_index, text.block)
    for phi, operand in zip(phis, following, strict=True):
        phi.add(operand, text.block)
    text.branch(head, latch if isinstance(latch, str) else latch())
    text.label(done)
    return [phi.name for phi in phis]
