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
from dataclasses import dataclass, field, replace

from wengert.compiler.backend.device_cells import Cells, carried_numbers, drop_unused, used_on_host
from wengert.compiler.backend.device_folded import REGION_UPDATES
from wengert.compiler.backend.device_fusion import Fusion, fuse, is_harmless, is_lazy
from wengert.compiler.backend.device_jam import jam
from wengert.compiler.backend.device_kernels import KernelBuilder, Site
from wengert.compiler.backend.device_ops import ON_DEVICE  # registers its rows, too
from wengert.compiler.backend.device_reductions import contract, reduce
from wengert.compiler.backend.device_regions import is_serial, loop_kernel, serial_kernel
from wengert.compiler.backend.fuse import is_fill, is_undefined, op_cost
from wengert.compiler.backend.threads import literal_trips
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.diag.span import Span
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.ir.opdef import extent_of, row_of
from wengert.compiler.ir.printer import print_function
from wengert.compiler.ir.types import DType
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.own_index import is_independent

FEW = 32
"""Iterations up to which a plain loop stays on one thread."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel. function: (count, outputs..., inputs...) -> outputs; iteration: (i, outputs..., inputs...) -> outputs.

    one_thread: its loop has to run in order. shared: several iterations may add to the same element.
    columns: iterations are pairs (i, j), as threads are; then `columns` is the parameter that says how many j there are,
    counted from 1 after the indices, or that number, negative. rows: how many of them a thread does, each of another i.
    chunk: iterations are short, without loops.
    combine: (row, group) where iterations leave a value for each output, of which `group` beside each other are combined by
    the row; group as columns. resident: how many blocks of BLOCK threads a multiprocessor should hold, which says how many
    registers there are; 0: the assembler decides. inputs: how many of the parameters after the outputs are arrays is for their
    types to say.
    """

    name: str
    function: Function
    iteration: Function
    outputs: int
    span: Span | None
    one_thread: bool = False
    shared: bool = False
    columns: int | None = None
    chunk: bool = False
    combine: tuple[str, int] | None = None
    rows: int = 1
    resident: int = 0

    @property
    def indices(self) -> int:
        """Parameters of the iteration before its outputs."""
        return 1 if self.columns is None else 2


@dataclass(slots=True)
class Outlined:
    """on_device: for each result whether it is a number that the host part gives as an array of one element."""

    host: Function
    kernels: list[Kernel]
    on_device: tuple[bool, ...]
    notes: list[tuple[str, Span | None]] = field(default_factory=list)


def outline(function: Function, deterministic: bool = False) -> Outlined:
    """Split `function`, whose composite rows are expanded. Raises UnsupportedError for what no kernel can do, or not with
    the same bits in every run where `deterministic`."""
    outliner = Outliner(fuse(function), deterministic)
    body = outliner.block(function.body)
    on_device = outliner.leave_numbers(body)
    host = verify(Function(function.name, body, function.written), "outline")
    for kernel in outliner.kernels:
        verify(kernel.function, f"outline of {kernel.name}")
    return Outlined(host, outliner.kernels, on_device, outliner.notes)


_NOTHING = Function("", Block())


class Outliner:
    """Writes the host part. `values` maps scalars and stored arrays of the original function to the host's."""

    def __init__(self, fusion: Fusion, deterministic: bool = False):
        self.deterministic = deterministic
        self._stored, self._groups, self._folded = fusion.stored, fusion.groups, fusion.folded
        self._pending: list[Value] = []  # stored values of one group that no kernel writes yet
        self.values: dict[Value, Value] = {}
        self.kernels: list[Kernel] = []
        self._known: dict[object, Kernel] = {}
        self.notes: list[tuple[str, Span | None]] = []
        self.host = Builder(Block())
        self._cells = Cells(self)

    # -- what kernels ask

    def scalar(self, old: Value) -> Value:
        return self.values[old]

    def source(self, value: Value, whole: bool) -> Value | Op | None:
        """Where a kernel has a number of the host part from: an array of one element on the device, or the op that makes it of
        such; None: the host hands it over. whole: also an integer, which is usually an index or extent that the host knows."""
        return self._cells.source(value, whole) if value.type.is_scalar else None

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

    def read(self, cell: Value, hint: str = "") -> Value:
        """The only element of an array that is written no more: kernels load it, the host waits for it where it needs it."""
        return self._cells.read(cell, hint)

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
        columns: Value | None = None,
        combine: tuple[str, Value] | None = None,
        resident: int = 0,
    ) -> list[Value]:
        """A kernel of `count` iterations (of `count` times `columns`) whose body `write` writes; returns the outputs.

        one_thread: in order. shared: several may add to one element. heavy: an iteration is long, so that it matters
        that also a few thousand of them are spread over the whole GPU. combine: (row, group): `write` returns a value for
        each output, and those of `group` iterations beside each other, a power of two, are combined to one element of it.
        resident: see Kernel.
        """
        kernel = KernelBuilder(self, outputs, columns, combine)
        kernel.builder.span, kernel.builder.role = self.host.span, self.host.role
        results = write(kernel)
        name = f"{label}_{len(self.kernels)}"  # after `write`, which may have made a kernel for a number
        function, inputs = kernel.finish(name, results, self.host.span)
        iteration = jam(kernel.iteration_function(name))
        operands = (count, *outputs, *inputs)

        def place(value: Value) -> int:
            """As an operand if it is one, else the number, negative."""
            number = constant_of(value)
            # among the inputs: where there are as many rows as columns, the count is the same value
            return 1 + len(outputs) + inputs.index(value) if number is None else -int(number)

        wide = None if columns is None else place(columns)
        combined = None if combine is None else (combine[0], place(combine[1]))
        size = _size(iteration)
        chunk = not (one_thread or shared or heavy or wide is not None or combined) and size is not None and size <= SHORT
        rows = 1 if wide is None or shared else _rows(iteration)
        if resident:
            resident = min(resident, _resident(iteration))
        made = Kernel(
            name, function, iteration, len(outputs), self.host.span, one_thread, shared, wide, chunk, combined, rows, resident
        )
        function = self._kept(label, made).function
        threads = (
            "one" if one_thread else "few" if heavy else "plane" if wide is not None else "group" if combined
            else "chunk" if chunk else "many"
        )  # fmt: skip
        op = self.host.op(
            "launch", operands, hint=[v.hint for v in outputs], kernel=function, outputs=len(outputs), threads=threads,
            columns=wide, rows=rows,
        )  # fmt: skip
        return list(op.results)

    def _kept(self, label: str, kernel: Kernel) -> Kernel:
        """The kernel, or one before it that does the same; those that find faults tell their line, and are kept apart."""
        key: object = kernel
        if not any(row_of(op).traps for op in kernel.iteration.walk()):
            flags = replace(kernel, name="", function=_NOTHING, iteration=_NOTHING, span=None)
            key = label, flags, print_function(Function("", kernel.iteration.body, kernel.iteration.written))
        if key not in self._known:
            self._known[key] = kernel
            self.kernels.append(kernel)
        return self._known[key]

    def fill(
        self, label: str, extents: Sequence[Value], dtype: DType, element: Callable[..., Value], hint: str
    ) -> Value:
        """A new array; `element(kernel, index)` computes one of its elements."""

        def write(kernel: KernelBuilder) -> list[Value]:
            index = kernel.place(extents)
            value = element(kernel, index)
            return [kernel.builder.emit("update", kernel.outputs[0], value, *index)]

        count, columns = self.plane(extents)
        return self.launch(label, count, [self.empty(extents, dtype, hint)], write, columns=columns)[0]

    def plane(self, extents: Sequence[Value]) -> tuple[Value, Value | None]:
        """(iterations, columns) of a kernel with one iteration an element: with columns nobody divides for the last index."""
        if len(extents) < 2:
            return self.product(extents), None
        return self.product(extents[:-1]), extents[-1]

    # -- the walk

    def block(self, old: Block, on_device: Sequence[int] = ()) -> Block:
        """on_device: which of its results, and of its last parameters, as many, are numbers in arrays of one element."""
        carried = {len(old.params) - len(old.results) + k for k in on_device}
        types = [v.type.with_shape((None,)) if k in carried else v.type for k, v in enumerate(old.params)]
        new = Block(params=[Value(type_, v.hint) for type_, v in zip(types, old.params, strict=True)])
        self.values.update(zip(old.params, new.params, strict=True))
        with self.host.inside(new), self._cells.within(new):
            for k in carried:
                self.values[old.params[k]] = self.read(new.params[k], old.params[k].hint)
            for op in old.ops:
                with self.host.at(op.span, op.role):
                    self._op(op)
            self._flush()
            new.results = [
                self._cells.cell(self.values[v]) if k in on_device else self.values[v] for k, v in enumerate(old.results)
            ]
        return new

    def leave_numbers(self, body: Block) -> tuple[bool, ...]:
        """Results of the function that the host part need not know become arrays of one element."""
        numbers = [k for k, v in enumerate(body.results) if v.type.is_scalar and self._cells.is_derived(v)]
        rest = [v for k, v in enumerate(body.results) if k not in numbers]
        needed = used_on_host(body, rest)
        numbers = [k for k in numbers if not self._cells.reads(body.results[k]) <= needed]
        with self.host.inside(body), self._cells.within(body):
            for k in numbers:
                body.results[k] = self._cells.cell(body.results[k])
        drop_unused(body)
        return tuple(k in numbers for k in range(len(body.results)))

    def _op(self, op: Op) -> None:
        if op.name in REGION_UPDATES and op.result in self._folded:
            return
        if not is_lazy(op) and not is_harmless(op):
            self._flush()
        if op.name in _BY_NAME:
            _BY_NAME[op.name](self, op)
        elif op.regions:
            self._region(op)
        elif is_lazy(op):
            if op.result in self._stored and is_undefined(op.result):
                self.values[op.result] = self.empty(self.extents(op.result), op.result.type.dtype, op.result.hint)
            elif op.result in self._stored:
                if self._pending and self._groups[self._pending[0]] != self._groups[op.result]:
                    self._flush()
                self._pending.append(op.result)
        else:
            _BY_KIND.get(row_of(op).kind, Outliner._scalar_op)(self, op)

    def _scalar_op(self, op: Op) -> None:
        assert all(v.type.is_scalar for v in (*op.operands, *op.results)), f"{op!r} has no form on a device"
        made = self.host.op(
            op.name, [self.values[v] for v in op.operands], hint=[v.hint for v in op.results], **op.attrs
        )
        self.values.update(zip(op.results, made.results, strict=True))

    def _flush(self) -> None:
        """One kernel for the pending values: an element of each, what they have in common computed once."""
        values, self._pending = self._pending, []
        if not values:
            return
        first = values[0].owner
        assert first is not None
        extents = self.extents(values[0])
        outputs = [self.empty(extents, v.type.dtype, v.hint) for v in values]

        def write(kernel: KernelBuilder) -> list[Value]:
            index = kernel.place(extents)
            elements = [kernel.element(v, index) for v in values]
            update = kernel.builder.emit
            return [update("update", out, e, *index) for out, e in zip(kernel.outputs, elements, strict=True)]

        count, columns = self.plane(extents)
        with self.host.at(first.span, first.role):
            made = self.launch(first.name, count, outputs, write, columns=columns)
        self.values.update(zip(values, made, strict=True))

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
            index = kernel.place(extents)
            rest = iter(index)
            place = [
                kernel.scalar(start) if k in drop else kernel.add(kernel.scalar(start), kernel.scale(next(rest), step))
                for k, (start, step) in enumerate(zip(starts, steps, strict=True))
            ]
            kernel.here = (kernel.outputs[0], place)
            element = kernel.element(value, index)
            name = {"update_slice": "update", "accumulate_slice": "accumulate"}[op.name]
            return [kernel.builder.emit(name, kernel.outputs[0], element, *place)]

        if not drop and self._reads_others(value, array, op):
            self.values[op.result] = self._replaced_region(op)
            return
        target = self.values[array]
        if op.name == "update_slice" and self._covers(op):
            target = self.empty(self.extents(array), array.type.dtype, op.result.hint)  # nothing of the old one is left
        count, columns = self.plane(extents)
        self.values[op.result] = self.launch(op.name, count, [target], write, columns=columns)[0]

    def _reads_others(self, value: Value, array: Value, op: Op) -> bool:
        """Whether an element of `value` is computed from elements of `array` elsewhere than where it goes.

        Such an update in place would need a copy of the whole array first. So does one of what is not stored.
        """
        if self.stored(array) is None or is_fill(array):
            return True
        array_here = self.stored(array)
        starts = op.operands[2:]

        def walk(v: Value, in_place: bool) -> bool:
            if v in self._folded:
                return True
            if self.stored(v) is not None or v.owner is None or not is_lazy(v.owner):
                return self.stored(v) is array_here and not in_place
            source = v.owner
            if source.name == "slice" and source.operands[0] is array:
                same = list(source.operands[1 : 1 + len(starts)]) == list(starts)
                return not (same and in_place and source.attrs["steps"] == op.attrs["steps"] and not source.attrs["drop"])
            straight = row_of(source).view_index is None
            return any(walk(w, in_place and straight) for w in source.operands if w.type.is_array)

        return walk(value, True)

    def _replaced_region(self, op: Op) -> Value:
        """A new array: within the region elements of the value, elsewhere those of the old array; one kernel."""
        array = op.operands[0]

        def element(kernel: KernelBuilder, index: Sequence[Value]) -> Value:
            return kernel.mostly_inside(lambda: kernel.updated(op, index))

        return self.fill(op.name, self.extents(array), array.type.dtype, element, op.result.hint)

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
        self.values[op.result] = host.if_(host.emit("greater", wanted, extents[0]), then, orelse, [op.result.type]).result

    # -- regions

    def _is_worth_threads(self, op: Op) -> bool:
        """Whether a plain loop over single elements has many iterations and could run them in any order."""
        trips = literal_trips(op)
        many = (trips is None or trips >= FEW) and bool(op.results) and not self.deterministic
        return many and is_serial(op) and is_independent(op)

    def _is_kernel(self, op: Op) -> bool:
        return is_serial(op) or (op.name == "for" and bool(op.attrs.get("parallel")))

    def _region(self, op: Op) -> None:
        if op.name == "for" and (op.attrs.get("parallel") or self._is_worth_threads(op)):
            results = loop_kernel(self, op)
        elif is_serial(op):
            results = serial_kernel(self, op)
            self.notes.append(
                (f"this {op.name} reads or writes single elements in order: it runs on one GPU thread", op.span)
            )
        else:
            numbers = carried_numbers(op, self._is_kernel) if op.name == "for" else []
            operands = [self.values[v] for v in op.operands]
            for k in numbers:
                operands[3 + k] = self._cells.cell(operands[3 + k])
            regions = [self.block(region, numbers) for region in op.regions]
            types = [regions[0].params[1 + k].type if k in numbers else v.type for k, v in enumerate(op.results)]
            made = self.host.op(op.name, operands, regions, [v.hint for v in op.results], types, **op.attrs)
            results = [self.read(v, v.hint) if k in numbers else v for k, v in enumerate(made.results)]
        self.values.update(zip(op.results, results, strict=True))


SHORT = 64
"""Operations of an iteration of which four side by side are worth their code."""
ROWS = ((40, 4), (120, 2))
"""(operations of an iteration up to which a thread does so many, how many)."""


RESIDENT = ((10, 4), (20, 3))
"""(loads of an iteration up to which a multiprocessor may hold so many blocks, how many): the registers they are held in."""
MOST_COST = 320
"""The cost of an iteration (see `op_cost`) above which nobody but the assembler can say how many registers it needs."""


def _resident(iteration: Function) -> int:
    every = list(iteration.body.walk())
    loads = sum(op.name == "load" for op in every)
    fits = sum(op_cost(op) for op in every) <= MOST_COST
    return next((blocks for most, blocks in RESIDENT if loads <= most), 0) if fits else 0


def _rows(iteration: Function) -> int:
    """How many iterations side by side are worth their code."""
    size = _size(iteration)
    return 1 if size is None else next((rows for most, rows in ROWS if size <= most), 1)


def _size(iteration: Function) -> int | None:
    """How many operations it has; None where it has loops."""
    every = list(iteration.body.walk())
    return None if any(op.name in ("for", "while") for op in every) else sum(op.name != "constant" for op in every)


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
    """A call of the device's library on whole arrays; results that are numbers come back in arrays of one element."""
    if op.name not in ON_DEVICE:
        raise UnsupportedError(
            f"`{op.name}` is computed by NumPy's library and cannot run on a device",
            op.span,
            "compute it outside of the offloaded function, or leave this function on the CPU",
        )
    host, one = outliner.host, outliner.host.integer(1)
    made = op.results[:-1]
    outputs = [
        outliner.empty(outliner.extents(v) if v.type.is_array else [one], v.type.dtype, v.hint) for v in made
    ]
    given = [outliner.whole(v) if v.type.is_array else outliner.scalar(v) for v in op.operands]
    call = host.op("library_call", [*outputs, *given], hint=[v.hint for v in op.results], row=op.name, outputs=len(outputs))
    for v, result in zip(op.results, call.results, strict=True):
        is_number = v.type.is_scalar and result.type.is_array
        outliner.values[v] = outliner.read(result, v.hint) if is_number else result


_BY_KIND: dict[str, Callable[[Outliner, Op], None]] = {"reduce": _reduce, "contract": _contract, "library": _library}
