"""The reference interpreter: the meaning of the IR in NumPy, slow and plain. It is the oracle of every other back end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import FAULTS
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import REGISTRY


class Trap(Exception):
    """Raised by a row's `evaluate` where the op traps; becomes the located Python exception."""

    def __init__(self, fault: str, message: str):
        super().__init__(message)
        self.fault, self.message = fault, message


def interpret(function: Function, arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The function's results for `arguments` (numbers or NumPy arrays, one per parameter).

    Returns NumPy scalars and arrays. Never writes into an argument: results written back to a parameter
    are returned like the others. Raises the RuntimeFault that compiled code would.
    """
    env: dict[Value, Any] = {}
    for parameter, argument in zip(function.params, arguments, strict=True):
        env[parameter] = np.asarray(argument, dtype=parameter.type.dtype.numpy)
        if env[parameter].ndim != parameter.type.rank:
            raise TypeError(f"{parameter!r} is given an array of rank {env[parameter].ndim}")
    with np.errstate(all="ignore"):
        return tuple(np.array(v)[()] for v in _run(function.body, env))


def _run(block: Block, env: dict[Value, Any]) -> list[Any]:
    for op in block.ops:
        results = _CONTROL[op.name](op, env) if op.name in _CONTROL else _evaluate(op, env)
        for value, result in zip(op.results, results, strict=True):
            env[value] = np.asarray(result, dtype=value.type.dtype.numpy)
            assert env[value].ndim == value.type.rank, f"{op!r} made an array of shape {env[value].shape}"
    return [env[v] for v in block.results]


def _evaluate(op: Op, env: dict[Value, Any]) -> Sequence[Any]:
    evaluate = REGISTRY[op.name].evaluate
    assert evaluate is not None, f"row {op.name} has no reference"
    try:
        result = evaluate(*(env[v] for v in op.operands), **op.attrs)
    except Trap as trap:
        raise FAULTS[trap.fault](trap.message, op.span) from None
    if not op.results:
        return ()
    return result if len(op.results) > 1 else (result,)


def _for(op: Op, env: dict[Value, Any]) -> Sequence[Any]:
    low, high, step = (int(env[v]) for v in op.operands[:3])
    carried = [env[v] for v in op.operands[3:]]
    (body,) = op.regions
    for i in range(low, high, step):
        env.update(zip(body.params, [np.int64(i), *carried], strict=True))
        carried = _run(body, env)
    return carried


def _while(op: Op, env: dict[Value, Any]) -> Sequence[Any]:
    carried = [env[v] for v in op.operands]
    condition, body = op.regions
    while True:
        env.update(zip(condition.params, carried, strict=True))
        if not _run(condition, env)[0]:
            return carried
        env.update(zip(body.params, carried, strict=True))
        carried = _run(body, env)


def _if(op: Op, env: dict[Value, Any]) -> Sequence[Any]:
    return _run(op.regions[0] if env[op.operands[0]] else op.regions[1], env)


_CONTROL = {"for": _for, "while": _while, "if": _if}
