"""The same program changed a little, to see what that does to value and derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.compiler.frontend.source import unwrap
from wengert.compiler.frontend.trace import Traced, trace
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.rewrite import copy_block, copy_op, copy_ops
from wengert.compiler.ir.types import BOOL, DTYPES, I64, Type
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.settle import replace_function


class Variant:
    """A callable for the transforms: the function with `change` applied to its IR."""

    def __init__(self, function: Callable[..., Any], change: Callable[[Function], Function]):
        self.function, self.change = function, change
        self.__name__ = getattr(function, "__name__", "f")

    def __call__(self, *args: Any) -> Any:
        raise TypeError("a variant is only compiled")

    def __wengert_trace__(self, signature: Any, recorder: Recorder | None = None) -> Traced:
        traced = trace(unwrap(self.function), signature)
        return replace_function(traced, optimise(self.change(traced.function), recorder or Recorder()))


def more_laps(laps: int, lines: set[int]) -> Callable[[Function], Function]:
    """Runs `laps` more trips of the `while` loops that start on these lines, whatever their exit test says."""

    def change(function: Function) -> Function:
        mapping: dict[Value, Value] = {}

        def replace(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            if op.name != "while" or op.span is None or op.span.line not in lines:
                return None
            regions = tuple(copy_block(r, mapping, replace) for r in op.regions)
            made = copy_op(builder, op, operands, regions)
            body, again = op.regions[1], Block([Value(Type(I64), "lap")])
            again.params += [Value(p.type, p.hint) for p in body.params]
            mapping.update(zip(body.params, again.params[1:], strict=True))
            copy_ops(Builder(again, op.span), body.ops, mapping, stay)
            again.results = [mapping.get(v, v) for v in body.results]
            low, high, step = (builder.integer(n) for n in (0, laps, 1))
            return list(builder.for_(low, high, step, list(made.results), again).results)

        def stay(builder: Builder, op: Op, operands: list[Value]) -> list[Value] | None:
            """A branch that would leave the loop is not taken: one side yields True where the other does not."""
            for k, result in enumerate(op.results if op.name == "if" else ()):
                ends = [constant_of(region.results[k]) for region in op.regions]
                if result.type.dtype == BOOL and ends.count(True) == 1:
                    regions = tuple(copy_block(r, mapping, stay) for r in op.regions)
                    return list(copy_op(builder, op, [builder.boolean(ends[0] is not True)], regions).results)
            return None

        return Function(function.name, copy_block(function.body, mapping, replace), function.written)

    return change


def widened(function: Function) -> Function:
    """The function with f64 in place of f32 inside: parameters are cast up, results down to what they were."""
    body = Block([Value(p.type, p.hint) for p in function.params])
    mapping: dict[Value, Value] = {}
    builder = Builder(body)
    for p, q in zip(function.params, body.params, strict=True):
        mapping[p] = builder.cast(q, DTYPES["f64"]) if p.type.dtype.name == "f32" else q
    _widen_ops(builder, function.body.ops, mapping)
    body.results = [mapping.get(v, v) for v in function.results]
    return Function(function.name, body)


def _wide(type_: Type) -> Type:
    return type_.with_dtype(DTYPES["f64"]) if type_.dtype.name == "f32" else type_


def _widen_ops(builder: Builder, ops: list[Op], mapping: dict[Value, Value]) -> None:
    for op in ops:
        operands = [mapping.get(v, v) for v in op.operands]
        attrs = {k: ("f64" if k == "dtype" and v == "f32" else v) for k, v in op.attrs.items()}
        with builder.at(op.span, op.role):
            if op.name == "cast" and operands[0].type.dtype.name == attrs["dtype"]:
                made = [operands[0]]
            else:
                regions = tuple(_widen_block(r, mapping) for r in op.regions)
                types = [_wide(v.type) for v in op.results] if op.regions else None
                made = list(builder.op(op.name, operands, regions, [v.hint for v in op.results], types, **attrs).results)
        mapping.update(zip(op.results, made, strict=True))


def _widen_block(block: Block, mapping: dict[Value, Value]) -> Block:
    new = Block([Value(_wide(p.type), p.hint) for p in block.params])
    mapping.update(zip(block.params, new.params, strict=True))
    _widen_ops(Builder(new), block.ops, mapping)
    new.results = [mapping.get(v, v) for v in block.results]
    return new
