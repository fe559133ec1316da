"""What an operation is: one `OpDef`, one row. The rows stand in `wengert.compiler.ops`; this is their form.

From a row alone come its type rule, NumPy meaning, interpreter, both derivative modes, both back ends,
documentation and tests. Adding an op is adding a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.types import Type

Infer = Callable[[Sequence[Value], dict[str, Any]], tuple[Type, ...]]


class InferenceError(Exception):
    """Operands that do not fit an op; the front end turns it into a located TypeMismatch."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a row's operands are sampled by its generated tests: each operand uniformly in its (low, high)."""

    ranges: tuple[tuple[float, float], ...]

    def sample(self, rng: np.random.Generator, position: int, shape: tuple[int, ...]) -> np.ndarray:
        low, high = self.ranges[min(position, len(self.ranges) - 1)]
        return rng.uniform(low, high, shape)


@dataclass(frozen=True, eq=False)
class OpDef:
    """One operation.

    name        the name in the IR, NumPy's where NumPy has one
    kind        "elementwise": acts on each element; operands are scalars or arrays of one common shape
                "view": its elements are elements of operand 0 (no arithmetic); `view_index` says which
                "source": makes an array from scalars (no array operand is read)
                "update": operand 0 with some elements replaced or added to; done in place where operand 0 dies
                "reduce", "contract": array to smaller array
                "library": computed by a loop of NumPy's over leading axes; reads arrays, makes new ones
                "structural": everything else without regions (constant, dim, checks, ...)
                "control": has regions
    infer       (operands, attrs) -> result types; raises InferenceError
    evaluate    (*numpy inputs, **attrs) -> NumPy result: the meaning of the op, used by the interpreter and the tests
    numpy       the NumPy names the front end maps to this row
    partials    elementwise: (result, *operands as Sym) -> the partial derivative for each operand, None where zero
    singular    partials may be infinite at finite operands: adjoints multiply with a strong zero (0 * inf = 0)
    linear_in   operand positions in which the op is jointly linear: its tangent is the op itself on their tangents
    pullback    (ctx, op, *result cotangents): adds to the operands' cotangents; see passes/autodiff
    pushforward (ctx, op, *operand tangents) -> result tangents; only for rows neither elementwise nor linear
    instruction LLVM instruction by dtype kind, e.g. {"f": "fadd", "i": "add"}
    call        math function: (libm name for f64, CUDA libdevice name); f32 names add "f"
    expand      (*operands as Sym) -> result as Sym, in terms of other rows: done before the back end
    extent      (op, axis) -> the value that is that extent of the result, or (operand, axis) to ask there; None where
                neither is known. Rows of several results take the result's position besides
    library     for kind "library": the loop of NumPy's own that computes it (ops/library.py)
    view_index  (e, op, index) -> index into operand 0, written with the index arithmetic `e` of the back end
    guarded     undefined where the check before it fails (division by zero, an index not checked): never moved out of
                its loop or branch
    traps       may raise at run time: never removed or moved
    untrapped   (builder, op, operands) -> what the op results in where it is known not to trap; the adjoint recomputes by it
    cheap       reverse mode recomputes it from its operands rather than save it; None: by kind (see autodiff/store.py)
    fault       for an elementwise row that traps on bad operands: the fault kind (diag.errors.FAULTS)
    domain, kinks, doc   sampling domain, convention at points without a derivative, one line of documentation
    """

    name: str
    kind: str
    infer: Infer
    evaluate: Callable[..., Any] | None = None
    numpy: tuple[str, ...] = ()
    partials: Callable[..., Sequence[Any]] | None = None
    singular: bool = False
    linear_in: tuple[int, ...] = ()
    pullback: Callable[..., None] | None = None
    pushforward: Callable[..., Sequence[Any]] | None = None
    instruction: dict[str, str] | None = None
    call: tuple[str, str] | None = None
    expand: Callable[..., Any] | None = None
    extent: Callable[..., Value | tuple[Value, int] | None] | None = None
    library: Any = None
    view_index: Callable[[Any, Op, list[Any]], list[Any]] | None = None
    guarded: bool = False
    traps: bool = False
    untrapped: Callable[[Any, Op, Sequence[Value]], Value] | None = None
    cheap: bool | None = None
    fault: str | None = None
    domain: Domain = field(default_factory=lambda: Domain(((-2.0, 2.0),)))
    kinks: str = ""
    doc: str = ""

    @property
    def is_pure(self) -> bool:
        return not self.traps and self.kind != "control"


REGISTRY: dict[str, OpDef] = {}
"""Every row by name; filled by importing `wengert.compiler.ops`."""


def register(row: OpDef) -> OpDef:
    if row.name in REGISTRY:
        raise ValueError(f"two rows named {row.name}")
    REGISTRY[row.name] = row
    return row


def row_of(op: Op) -> OpDef:
    return REGISTRY[op.name]


def extent_of(array: Value, axis: int) -> Value | tuple[Value, int] | None:
    """What the row of the op that made `array` says about one of its extents; None where that is nothing."""
    op = array.owner
    rule = REGISTRY[op.name].extent if op is not None else None
    if op is None or rule is None:
        return None
    return rule(op, axis) if len(op.results) == 1 else rule(op, axis, op.results.index(array))
