"""The reference interpreter: the meaning of the IR in NumPy, slow and plain. It is the oracle of every other back end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


Observer = Callable[[Op, Sequence[Any]], None]


def interpret(function: Function, arguments: Sequence[Any], observe: Observer | None = None) -> tuple[Any, ...]:
    """The function's results for `arguments` (numbers or NumPy arrays, one per parameter).

    observe: called with each op that ran and the values of its results; what it raises ends the run.

    Returns NumPy scalars and arrays. Never writes into an argument: results written back to a parameter
    are returned like the others. Raises the RuntimeFault that compiled code would.
    """
    env: dict[Value, Any] = {}
    for parameter, argument in zip(function.params, arguments, strict=True):
        env[parameter] = np.asarray(argument, dtype=parameter.type.dtype.numpy)
        if env[parameter].ndim != parameter.type.rank:
            raise TypeError(f"{parameter!r} is given an array of rank {env[parameter].ndim}")
    with np.errstate(all="ignore"):
        return tuple(np.array(v)[()] for v in _Run(env, observe).block(function.body))


class _Run:
    """One run: env holds what each value is now."""

    def __init__(self, env: dict[Value, Any], observe: Observer | None):
        self.env, self.observe = env, observe

    def block(self, block: Block) -> list[Any]:
        env = self.env
        for op in block.ops:
            results = _CONTROL[op.name](self, op) if op.name in _CONTROL else _evaluate(op, env)
            for value, result in zip(op.results, results, strict=True):
                env[value] = np.asarray(result, dtype=value.type.dtype.numpy)
                assert env[value].ndim == value.type.rank, f"{op!r} made an array of shape {env[value].shape}"
            if self.observe is not None:
                self.observe(op, [env[v] for v in op.results])
        return [env[v] for v in block.results]

    def loop(self, op: Op) -> Sequence[Any]:
        low, high, step = (int(self.env[v]) for v in op.operands[:3])
        carried = [self.env[v] for v in op.operands[3:]]
        (body,) = op.regions
        for i in range(low, high, step):
            self.env.update(zip(body.params, [np.int64(i), *carried], strict=True))
            carried = self.block(body)
        return carried

    def repeat(self, op: Op) -> Sequence[Any]:
        carried = [self.env[v] for v in op.operands]
        condition, body = op.regions
        while True:
            self.env.update(zip(condition.params, carried, strict=True))
            if not self.block(condition)[0]:
                return carried
            self.env.update(zip(body.params, carried, strict=True))
            carried = self.block(body)

    def choose(self, op: Op) -> Sequence[Any]:
        return self.block(op.regions[0] if self.env[op.operands[0]] else op.regions[1])


_CONTROL = {"for": _Run.loop, "while": _Run.repeat, "if": _Run.choose}


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
