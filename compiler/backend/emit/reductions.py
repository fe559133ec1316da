"""`sum`, `prod`, `max`, ... and `dot_general` as nests with reduced axes."""

from __future__ import annotations

from dataclasses import replace

from wengert.compiler.backend.emit.host import EMIT, HostEmitter
from wengert.compiler.backend.emit.nest import Body, Elements, FlatElements, Nest, address, is_flat, store
from wengert.compiler.backend.emit.scalars import apply_instruction
from wengert.compiler.backend.emit.scope import Buffer, Scope
from wengert.compiler.ir.core import Op
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ops.contraction import free_axes


def _reduce(host: HostEmitter, op: Op) -> None:
    array, axes = op.operands[0], tuple(op.attrs["axes"])
    instruction = REGISTRY[op.name].instruction
    assert instruction is not None
    extents = tuple(host.scope.extents(array))
    if op.result.type.is_scalar and array.type.rank > 1 and is_flat(host.scope, array):
        nest = Nest(
            (host.scope.index.product(extents),),
            lambda scope, index: FlatElements(scope).at(array, index),
            host.weight(array),
            (0,),
            instruction["combine"],
            array.type.dtype,
            counted=_counted(host, op),
        )
    else:
        nest = Nest(
            extents,
            lambda scope, index: Elements(scope).at(array, index),
            host.weight(array),
            axes,
            instruction["combine"],
            array.type.dtype,
            counted=_counted(host, op),
        )
    _run(host, op, nest)


def _counted(host: HostEmitter, op: Op) -> int:
    """The bits of what a sum of bools is found from: as many numbers of so many bits are counted at a time."""
    cast = op.operands[0].owner
    if op.name != "sum" or op.result.type.dtype.kind != "i" or host.scope.is_stored(op.operands[0]):
        return 0
    if cast is None or cast.name != "cast" or cast.operands[0].type.dtype.kind != "b":
        return 0
    widest, waiting = 16, [cast.operands[0]]
    while waiting:
        value = waiting.pop()
        widest = max(widest, value.type.dtype.bits)
        if value.owner is not None and value.type.is_array and not host.scope.is_stored(value):
            waiting += value.owner.operands
    return widest if widest < op.result.type.dtype.bits else 0


def _run(host: HostEmitter, op: Op, nest: Nest) -> None:
    if op.result.type.is_scalar:
        operand = host.target.run(host, nest)
        assert operand is not None
        host.scope.scalars[op.result] = operand
        return
    buffer = host.allocate(op.result)
    host.target.run(
        host, replace(nest, into=buffer) if nest.reduced else replace(nest, body=_storing(nest.body, buffer))
    )
    host.scope.buffers[op.result] = buffer


def _storing(element: Body, buffer: Buffer) -> Body:
    """A product that sums over nothing: each element is stored."""

    def body(scope: Scope, index: list[str]) -> None:
        value = element(scope, index)
        assert value is not None
        own = scope.outer_buffer(buffer)
        store(scope, own, address(scope, own, index), value)

    return body


def _dot_general(host: HostEmitter, op: Op) -> None:
    """Axes in the order batch, free of a, contracted, free of b: the last ones are contiguous in a product of matrices."""
    if host.target.contract(host, op):
        return
    a, b = op.operands
    (ca, cb), (ba, bb) = op.attrs["contract"], op.attrs["batch"]
    fa, fb = free_axes(a.type.rank, ca, ba), free_axes(b.type.rank, cb, bb)
    domain = [("batch", k) for k in range(len(ba))] + [("a", k) for k in fa]
    contracted = [("contract", k) for k in range(len(ca))]
    domain += contracted + [("b", k) for k in fb]
    axes = {
        "batch": lambda k: (a, ba[k]),
        "a": lambda k: (a, k),
        "b": lambda k: (b, k),
        "contract": lambda k: (a, ca[k]),
    }
    extents = tuple(host.scope.extent(*axes[kind](k)) for kind, k in domain)
    multiply = REGISTRY["multiply"].instruction
    assert multiply is not None
    dtype = op.result.type.dtype
    instruction = multiply.get(dtype.kind) or multiply["f"]

    def body(scope: Scope, index: list[str]) -> str:
        at = dict(zip(domain, index, strict=True))
        index_a, index_b = [""] * a.type.rank, [""] * b.type.rank
        for k, (p, q) in enumerate(zip(ba, bb, strict=True)):
            index_a[p] = index_b[q] = at["batch", k]
        for k, (p, q) in enumerate(zip(ca, cb, strict=True)):
            index_a[p] = index_b[q] = at["contract", k]
        for k in fa:
            index_a[k] = at["a", k]
        for k in fb:
            index_b[k] = at["b", k]
        elements = Elements(scope)
        return apply_instruction(scope.text, instruction, dtype, [elements.at(a, index_a), elements.at(b, index_b)])

    reduced = tuple(k for k, (kind, _) in enumerate(domain) if kind == "contract")
    weight = 1 + host.weight(a) + host.weight(b)
    _run(host, op, Nest(extents, body, weight, reduced, "add", dtype))


EMIT.update({"reduce": _reduce, "dot_general": _dot_general})
