"""Where faults of compiled code come from, as plain data that can be kept on disk, and the errors they are raised as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from wengert.compiler.diag.errors import FAULTS, WengertError
from wengert.compiler.diag.span import Span
from wengert.compiler.ir.core import Op
from wengert.compiler.ir.interpret import Trap
from wengert.compiler.ir.opdef import REGISTRY


class HasOp(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def op(self) -> Op | None: ...


@dataclass(frozen=True, slots=True)
class Site:
    """Where a fault comes from: its kind, and the op's name, number of operands, attributes and span."""

    kind: str
    op: str | None
    operands: int
    attrs: dict[str, Any]
    span: Span | None

    @classmethod
    def of(cls, fault: HasOp) -> Site:
        op = fault.op
        if op is None:
            return cls(fault.kind, None, 0, {}, None)
        return cls(fault.kind, op.name, len(op.operands), dict(op.attrs), op.span)

    def error(self, a: int, b: int) -> WengertError:
        """The located error; its message is the one the op's reference gives."""
        if self.kind == "memory":
            return FAULTS["memory"](f"no memory for {a} elements of {b} bytes", self.span)
        if self.op is None:
            return FAULTS[self.kind](f"an array that is written to has extent {b}, its new value {a}", self.span)
        evaluate = REGISTRY[self.op].evaluate
        assert evaluate is not None
        try:
            evaluate(*([a, b] if self.operands == 2 else [False]), **self.attrs)
        except Trap as trap:
            return FAULTS[trap.fault](trap.message, self.span)
        raise AssertionError(f"{self!r} trapped in compiled code but not in its reference, for {a}, {b}")
