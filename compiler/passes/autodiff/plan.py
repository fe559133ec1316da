"""What a reverse sweep keeps, as data for the views and for messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.compiler.diag.span import Span
from wengert.compiler.ir.types import Type


@dataclass(frozen=True, slots=True)
class Kept:
    """One value that is saved for the reverse sweep.

    name: its hint in the IR, else the op that makes it. type: its type. loops: how many loops stand around it.
    scheme: "array" (preallocated, by trip number), "growing" (the same, growing with a `while`), "stack" (pushed and
    popped), "result" (handed out of the branches around it). bytes_per_trip and bytes: None where an extent or trip
    count is known only at run time.
    """

    name: str
    span: Span | None
    type: Type
    loops: int
    scheme: str
    bytes_per_trip: int | None
    bytes: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One value that the reverse sweep computes again: its hint (else its op), place, and the op that makes it."""

    name: str
    span: Span | None
    op: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is kept and what is recomputed, each in program order. Values at function level are in neither list:
    they are still there."""

    kept: tuple[Kept, ...] = field(default=())
    recomputed: tuple[Recomputed, ...] = field(default=())
