"""The verifier: run after every pass, always. It raises `InvalidIR`, which is a fault of ours, never of the user's."""

from __future__ import annotations

from wengert.compiler.ir.core import ROLES, Block, Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY, InferenceError
from wengert.compiler.ir.printer import print_function
from wengert.compiler.ir.types import BOOL, I64, Type


class InvalidIR(Exception):
    """A pass made IR that is not valid; the message holds the function's text."""


def verify(function: Function, after: str = "") -> Function:
    """Return `function` unchanged, or raise InvalidIR. `after` names the pass to blame."""
    try:
        defined = set(function.params)
        _check(len(defined) == len(function.params), "a parameter stands twice")
        _block(function.body, defined)
        _check(len(function.written) == len(function.results), "`written` does not match the results")
        for result, target in zip(function.results, function.written, strict=True):
            if target is not None:
                declared = function.params[target].type
                _check(declared.dtype == result.type.dtype and declared.rank == result.type.rank, "written type differs")
    except _Invalid as error:
        raise InvalidIR(f"{f'after {after}: ' if after else ''}{error}\n{print_function(function)}") from None
    return function


class _Invalid(Exception):
    pass


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise _Invalid(message)


def _block(block: Block, visible: set[Value]) -> None:
    """`visible` holds the values defined so far around and in the block; the block's own are added to it."""
    for op in block.ops:
        _op(op, visible)
    for v in block.results:
        if v not in visible:
            raise _Invalid(f"{v!r} is not defined where it is a block's result")


def _op(op: Op, visible: set[Value]) -> None:
    if op.name not in REGISTRY:
        raise _Invalid(f"no row for op {op.name}")
    if op.role not in ROLES:
        raise _Invalid(f"{op!r} has role {op.role}")
    for v in op.operands:
        if v not in visible:
            raise _Invalid(f"{op!r} uses {v!r}, which is not defined there")
    for region in op.regions:
        if not visible.isdisjoint(region.params):
            raise _Invalid(f"a parameter of a region of {op!r} is already defined")
        _block(region, visible | set(region.params))
    for v in op.results:
        if v.owner is not op:
            raise _Invalid(f"{v!r} has another owner than the op it results from")
        if v in visible:
            raise _Invalid(f"{v!r} is defined twice")
    if op.name in _CONTROL:
        _CONTROL[op.name](op)
    else:
        _inferred(op)
    visible.update(op.results)


def _inferred(op: Op) -> None:
    try:
        types = REGISTRY[op.name].infer(op.operands, dict(op.attrs))
    except InferenceError as error:
        raise _Invalid(f"{op!r}: {error}") from None
    if len(types) != len(op.results):
        raise _Invalid(f"{op!r} has {len(op.results)} results, its row says {len(types)}")
    for v, t in zip(op.results, types, strict=True):
        if v.type is not t and not v.type.accepts(t):
            raise _Invalid(f"{op!r} is declared {v.type}, its row infers {t}")


def _carries(op: Op, params: list[Value], inits: tuple[Value, ...], yields: list[Value]) -> None:
    count = len(op.results)
    if not len(params) == len(inits) == len(yields) == count:
        raise _Invalid(f"{op!r} carries different numbers of values")
    for p, i, y, r in zip(params, inits, yields, op.results, strict=True):
        if not p.type.accepts(i.type):
            raise _Invalid(f"{op!r} carries {p!r} but starts with {i!r}")
        if not p.type.accepts(y.type):
            raise _Invalid(f"{op!r} carries {p!r} but yields {y!r}")
        if not r.type.accepts(p.type):
            raise _Invalid(f"{op!r} carries {p!r} but results in {r!r}")


def _for(op: Op) -> None:
    if len(op.regions) != 1 or len(op.operands) < 3:
        raise _Invalid(f"{op!r} is not of the form of a `for`")
    body = op.regions[0]
    if any(v.type != Type(I64) for v in (*op.operands[:3], *body.params[:1])):
        raise _Invalid(f"{op!r} needs i64 bounds and index")
    _carries(op, body.params[1:], op.operands[3:], body.results)


def _while(op: Op) -> None:
    if len(op.regions) != 2:
        raise _Invalid(f"{op!r} is not of the form of a `while`")
    condition, body = op.regions
    if [v.type for v in condition.results] != [Type(BOOL)]:
        raise _Invalid(f"{op!r} needs one bool from its condition")
    _carries(op, condition.params, op.operands, body.results)
    _carries(op, body.params, op.operands, body.results)


def _if(op: Op) -> None:
    if len(op.regions) != 2 or len(op.operands) != 1:
        raise _Invalid(f"{op!r} is not of the form of an `if`")
    if op.operands[0].type != Type(BOOL):
        raise _Invalid(f"{op!r} needs a bool")
    for region in op.regions:
        if region.params:
            raise _Invalid(f"a branch of {op!r} has parameters")
        if len(region.results) != len(op.results):
            raise _Invalid(f"branches of {op!r} result in different numbers of values")
        for v, r in zip(region.results, op.results, strict=True):
            if not r.type.accepts(v.type):
                raise _Invalid(f"{op!r} results in {r!r}, a branch in {v!r}")


_CONTROL = {"for": _for, "while": _while, "if": _if}
