"""An offloaded function split in two: a host part that launches, and the kernels it launches.

    %t = exp %x                         %n = dim %x {axis = 0}
    %y = add %t, %b            ->       %m = empty %n {dtype = 'f64'}
    return %y                           %y = launch %n, %m, %x, %b {kernel = exp(x[i]) + b[i], ...}
                                        return %y

Both parts are IR: the host part runs in the reference interpreter too, launches included. What is left in the host
part: scalars, checks, control flow, `empty`, `launch`, `reshape` (of what is stored: the same memory), and `load` of
single elements, each of which waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wengert.compiler.backend import device_ops as device_ops  # registers its rows
from wengert.compiler.backend.device_fusion import is_lazy, stored_values
from wengert.compiler.backend.device_kernels import KernelBuilder, Site
from wengert.compiler.backend.device_reductions import contract, reduce
from wengert.compiler.backend.device_regions import is_serial, loop_kernel, serial_kernel
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.diag.span import Span
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.opdef import extent_of, row_of
from wengert.compiler.ir.types import DType
from wengert.compiler.ir.verify import verify


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel. function: (count, outputs..., inputs...) -> outputs; iteration: (i, outputs..., inputs...) -> outputs.

    one_thread: its loop has to run in order. shared: several iterations may add to the same element.
    """

    name: str
    function: Function
    iteration: Function
    outputs: int
    span: Span | None
    one_thread: bool = False
    shared: bool = False


@dataclass(slots=True)
class Outlined:
    host: Function
    kernels: list[Kernel]
    notes: list[tuple[str, Span | None]] = field(default_factory=list)


def outline(function: Function) -> Outlined:
    """Split `function`, whose composite rows are expanded. Raises UnsupportedError for what no kernel can do."""
    outliner = Outliner(stored_values(function))
    body = outliner.block(function.body)
    host = verify(Function(function.name, body, function.written), "outline")
    for kernel in outliner.kernels:
        verify(kernel.function, f"outline of {kernel.name}")
    return Outlined(host, outliner.kernels, outliner.notes)


class Outliner:
    """Writes the host part. `values` maps scalars and stored arrays of the original function to the host's."""

    def __init__(self, stored: set[Value]):
        self._stored = stored
        self.values: dict[Value, Value] = {}
        self.kernels: list[Kernel] = []
        self.notes: list[tuple[str, Span | None]] = []
        self.host = Builder(Block())

    # -- what kernels ask

    def scalar(self, old: Value) -> Value:
        return self.values[old]

    def stored(self, old: Value) -> Value | None:
        return self.values.get(old)

    def extent(self, old: Value, axis: int) -> Value:
        """An extent of a value of the original function, on the host."""
        known = old.type.shape[axis]
        if known is not None:
            return self.host.integer(known)
        if old in self.values:
            return self.host.extent(self.values[old], axis)
        found = extent_of(old, axis)
        assert found is not None, f"extent {axis} of {old!r} is not known"
        return self.extent(*found) if isinstance(found, tuple) else self.scalar(found)

    def extents(self, old: Value) -> list[Value]:
        return [self.extent(old, k) for k in range(old.type.rank)]

    # -- what the writers of kernels use

    def empty(self, extents: Sequence[Value], dtype: DType, hint: str = "") -> Value:
        return self.host.emit("empty", *extents, dtype=dtype.name, hint=hint)

    def product(self, extents: Sequence[Value]) -> Value:
        total = self.host.integer(1) if not extents else extents[0]
        for n in extents[1:]:
            total = self.host.emit("multiply", total, n)
        return total

    def launch(
        self,
        label: str,
        count: Value,
        outputs: Sequence[Value],
        write: Callable[[KernelBuilder], Sequence[Value]],
        one_thread: bool = False,
        shared: bool = False,
        heavy: bool = False,
    ) -> list[Value]:
        """A kernel of `count` iterations whose body `write` writes; returns the outputs after it.

        one_thread: in order. shared: several may add to one element. heavy: an iteration is long, so that it matters
        that also a few thousand of them are spread over the whole GPU.
        """
        kernel = KernelBuilder(self, outputs)
        kernel.builder.span, kernel.builder.role = self.host.span, self.host.role
        name = f"{label}_{len(self.kernels)}"
        function, inputs = kernel.finish(name, write(kernel), self.host.span)
        iteration = kernel.iteration_function(name)
        self.kernels.append(Kernel(name, function, iteration, len(outputs), self.host.span, one_thread, shared))
        op = self.host.op(
            "launch", (count, *outputs, *inputs), hint=[v.hint for v in outputs], kernel=function,
            outputs=len(outputs), threads="one" if one_thread else "few" if heavy else "many",
        )  # fmt: skip
        return list(op.results)

    def fill(
        self, label: str, extents: Sequence[Value], dtype: DType, element: Callable[..., Value], hint: str
    ) -> Value:
        """A new array; `element(kernel, index)` computes one of its elements."""

        def write(kernel: KernelBuilder) -> list[Value]:
            index = kernel.unflatten(kernel.iteration, extents)
            value = element(kernel, index)
            return [kernel.builder.emit("update", kernel.outputs[0], value, *index)]

        return self.launch(label, self.product(extents), [self.empty(extents, dtype, hint)], write)[0]

    # -- the walk

    def block(self, old: Block) -> Block:
        new = Block(params=[Value(v.type, v.hint) for v in old.params])
        self.values.update(zip(old.params, new.params, strict=True))
        with self.host.inside(new):
            for op in old.ops:
                with self.host.at(op.span, op.role):
                    self._op(op)
            new.results = [self.values[v] for v in old.results]
        return new

    def _op(self, op: Op) -> None:
        if op.name in _BY_NAME:
            _BY_NAME[op.name](self, op)
        elif op.regions:
            self._region(op)
        elif is_lazy(op):
            if op.result in self._stored:
                self.values[op.result] = self._store(op)
        else:
            _BY_KIND.get(row_of(op).kind, Outliner._scalar_op)(self, op)

    def _scalar_op(self, op: Op) -> None:
        assert all(v.type.is_scalar for v in (*op.operands, *op.results)), f"{op!r} has no form on a device"
        made = self.host.op(
            op.name, [self.values[v] for v in op.operands], hint=[v.hint for v in op.results], **op.attrs
        )
        self.values.update(zip(op.results, made.results, strict=True))

    def _store(self, op: Op) -> Value:
        value = op.result
        stored = self.values.pop(value, None)
        assert stored is None
        return self.fill(
            op.name, self.extents(value), value.type.dtype, lambda k, index: k.element(value, index), value.hint
        )

    def whole(self, old: Value) -> Value:
        """An array in memory, on the host. Those that a library reads are stored already (see device_fusion)."""
        return self.values[old]

    def _dim(self, op: Op) -> None:
        self.values[op.result] = self.extent(op.operands[0], op.attrs["axis"])

    def _load(self, op: Op) -> None:
        site = Site(self.host, self)
        self.values[op.result] = site.element(op.operands[0], [self.values[i] for i in op.operands[1:]])

    def _reshape(self, op: Op) -> None:
        array, *extents = op.operands
        self.values[op.result] = self.host.emit(
            "reshape", self.values[array], *(self.values[n] for n in extents), hint=op.result.hint
        )

    def _pack(self, op: Op) -> None:
        shape = op.attrs["shape"]
        extents = [self.host.integer(n) for n in shape]

        def write(kernel: KernelBuilder) -> list[Value]:
            array = kernel.outputs[0]
            for flat, element in enumerate(op.operands):
                index: list[Value] = []
                rest = flat
                for n in reversed(shape):
                    index.insert(0, kernel.integer(rest % n))
                    rest //= n
                array = kernel.builder.emit("update", array, kernel.scalar(element), *index)
            return [array]

        out = self.empty(extents, op.result.type.dtype, op.result.hint)
        self.values[op.result] = self.launch("pack", self.host.integer(1), [out], write, one_thread=True)[0]

    def _update(self, op: Op) -> None:
        array, value, *index = op.operands

        def write(kernel: KernelBuilder) -> list[Value]:
            place = [kernel.scalar(i) for i in index]
            return [kernel.builder.emit(op.name, kernel.outputs[0], kernel.scalar(value), *place)]

        target = self.values[array]
        self.values[op.result] = self.launch(op.name, self.host.integer(1), [target], write, one_thread=True)[0]

    def _update_region(self, op: Op) -> None:
        array, value, *starts = op.operands
        extents, steps, drop = self.extents(value), op.attrs["steps"], op.attrs["drop"]

        def write(kernel: KernelBuilder) -> list[Value]:
            index = kernel.unflatten(kernel.iteration, extents)
            rest = iter(index)
            place = [
                kernel.scalar(start) if k in drop else kernel.add(kernel.scalar(start), kernel.scale(next(rest), step))
                for k, (start, step) in enumerate(zip(starts, steps, strict=True))
            ]
            kernel.here = (kernel.outputs[0], place)
            element = kernel.element(value, index)
            name = {"update_slice": "update", "accumulate_slice": "accumulate"}[op.name]
            return [kernel.builder.emit(name, kernel.outputs[0], element, *place)]

        target = self.values[array]
        if op.name == "update_slice" and self._covers(op):
            target = self.empty(self.extents(array), array.type.dtype, op.result.hint)  # nothing of the old one is left
        self.values[op.result] = self.launch(op.name, self.product(extents), [target], write)[0]

    def _covers(self, op: Op) -> bool:
        """Whether every element of operand 0 is replaced, as far as can be seen."""
        array, value, *starts = op.operands
        return (
            array.type.is_static
            and array.type.shape == value.type.shape
            and all(s.owner is not None and s.owner.attrs.get("value") == 0 for s in starts)
            and all(step == 1 for step in op.attrs["steps"])
        )

    def _grow(self, op: Op) -> None:
        """`if count > n: empty(max(count, 2 n)), with the old elements`; else the array itself."""
        old, wanted = self.values[op.operands[0]], self.values[op.operands[1]]
        host, extents = self.host, self.host.extents(self.values[op.operands[0]])
        then, orelse = Block(), Block(results=[old])
        with host.inside(then):
            doubled = host.emit("multiply", extents[0], host.integer(2))
            more = host.emit("where", host.emit("greater", wanted, doubled), wanted, doubled)
            space = self.empty([more, *extents[1:]], old.type.dtype, op.result.hint)

            def write(kernel: KernelBuilder) -> list[Value]:
                index = kernel.unflatten(kernel.iteration, extents)
                element = kernel.builder.emit("load", kernel.capture(old), *index)
                return [kernel.builder.emit("update", kernel.outputs[0], element, *index)]

            then.results = self.launch("grow", self.product(extents), [space], write)
        self.values[op.result] = host.if_(host.emit("greater", wanted, extents[0]), then, orelse, [old.type]).result

    # -- regions

    def _region(self, op: Op) -> None:
        if op.name == "for" and op.attrs.get("parallel"):
            results = loop_kernel(self, op)
        elif is_serial(op):
            results = serial_kernel(self, op)
            self.notes.append(
                (f"this {op.name} reads or writes single elements in order: it runs on one GPU thread", op.span)
            )
        else:
            regions = [self.block(region) for region in op.regions]
            operands = [self.values[v] for v in op.operands]
            made = self.host.op(
                op.name, operands, regions, [v.hint for v in op.results], [v.type for v in op.results], **op.attrs
            )
            results = list(made.results)
        self.values.update(zip(op.results, results, strict=True))


def _reduce(outliner: Outliner, op: Op) -> None:
    outliner.values[op.result] = reduce(outliner, op)


def _contract(outliner: Outliner, op: Op) -> None:
    outliner.values[op.result] = contract(outliner, op)


_BY_NAME: dict[str, Callable[[Outliner, Op], None]] = {
    "dim": Outliner._dim,
    "load": Outliner._load,
    "reshape": Outliner._reshape,
    "pack": Outliner._pack,
    "update": Outliner._update,
    "accumulate": Outliner._update,
    "update_slice": Outliner._update_region,
    "accumulate_slice": Outliner._update_region,
    "grow": Outliner._grow,
}
def _library(outliner: Outliner, op: Op) -> None:
    raise UnsupportedError(
        f"`{op.name}` is computed by NumPy's library and cannot run on a device",
        op.span,
        "compute it outside of the offloaded function, or leave this function on the CPU",
    )


_BY_KIND: dict[str, Callable[[Outliner, Op], None]] = {"reduce": _reduce, "contract": _contract, "library": _library}
