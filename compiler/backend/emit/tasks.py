"""Parallel loops and large nests as tasks for the pool of threads (runtime/threads.py).

    for 0, %n, 1, %o, %s {parallel}  =>   define internal i32 @task(ptr %env, i64 %first, i64 %last, ptr %frame, i64 %context) {
        body                                  what the body needs from outside, read from %env
                                              for i in range(%first, %last): body
                                              the chunk's part of %s, stored behind the fault's words of %frame
                                          }
                                          %done = call i64 @wg_run(@task, env, 0, n, weight, align, records, words, whole)

A task has a table of live buffers, a fuel and a failing end of its own. Chunks of a reduction depend on its length alone, and
their parts are combined in order: the result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wengert.compiler.backend.bufferise import Storage
from wengert.compiler.backend.emit.control import Slots, has_inner_loops, trip_count, write_loop
from wengert.compiler.backend.emit.host import FAULT_WORDS, FUEL, HostEmitter, HostScope, symbol
from wengert.compiler.backend.emit.lanes import write_blocks
from wengert.compiler.backend.emit.loops import counted_loop, plain
from wengert.compiler.backend.emit.nest import Nest, combine_elements, identity_of
from wengert.compiler.backend.emit.outline import Made, NestHost, Outlined, call_nest, outline
from wengert.compiler.backend.emit.scope import Buffer, CapturingScope, is_literal
from wengert.compiler.backend.emit.text import COLD, Text, register_type
from wengert.compiler.backend.lanes import fits_lanes
from wengert.compiler.backend.threads import GRAIN, LEAST, weight
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.types import DType

CHUNKS = 256
"""Chunks at most; see runtime/threads.py: `wg_chunk_size`."""
ALIGN, WIDE = 64, 512
"""Iterations that chunks are a multiple of where a vector loop runs over them: its scalar rest is then where it would be
without chunks, and with it the last bits. The latter: columns of a sum over rows, which are read by cache lines."""
SLOT = 2
"""Words of a captured operand, or of a reduction's part: a complex number fills them."""
PARAMETERS = "ptr %env, i64 %first, i64 %last, ptr noalias %frame, i64 %context"
Merge = tuple[str, DType, str]
"""(name of the combining row, dtype, the operand to begin with)."""


class TaskScope(HostScope):
    """Has values of its own, and sees the host's through the environment."""

    def __init__(self, parent: HostScope, text: Text):
        super().__init__(parent.places, text, parent.dialect)
        self.aliases = parent.aliases
        self.outside = CapturingScope(parent, text, parent.dialect)

    def scalar(self, value: Value) -> str:
        return self.scalars[value] if value in self.scalars else self.outside.scalar(value)

    def is_stored(self, value: Value) -> bool:
        return value in self.buffers or self.outside.is_stored(value)

    def buffer(self, value: Value) -> Buffer:
        return self.buffers[value] if value in self.buffers else self.outside.buffer(value)

    def extent(self, value: Value, axis: int) -> str:
        place = self.places.of(value, axis)
        if isinstance(place, tuple) and place[0] not in self.buffers:
            return self.outside.extent(value, axis)
        return super().extent(value, axis)


class TaskEmitter(HostEmitter):
    """Writes one task. It shares the host's plan, module, faults and statistics."""

    context = "%context"

    def __init__(self, host: HostEmitter):
        self.plan, self.module, self.target = host.plan, host.module, host.target
        self.layouts, self.count, self.least = host.layouts, host.count, host.least
        self.function, self.layout = host.function, host.layout
        self.name = f"{symbol(host.function)}_{host.text.fresh('task')}"
        self.text = Text(host.module, f"define internal i32 @{self.name}({PARAMETERS}) nounwind")
        assert isinstance(host.scope, HostScope)
        self.scope: TaskScope = TaskScope(host.scope, self.text)
        self.faults, self.statistics = host.faults, host.statistics
        self.depth, self.op, self.proved, self.held = host.depth, host.op, host.proved, dict[Op, str]()
        self.spare, self.hoisted, self.stack = {}, dict[Storage, str](), {}
        self.allocations, self.fuel = 0, ""
        self._alias_number = host._alias_number
        self.text.begin()
        self._fail_phis()

    def finish(self, parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Write the end of the task; what it captured as (LLVM type, host operand). parts: (type, operand) of reductions."""
        for k, (type_, operand) in enumerate(parts):
            self.text.do(f"store {type_} {operand}, ptr {self.frame_pointer(FAULT_WORDS + SLOT * k)}")
        if self.allocations:
            self.text.do("call void @wg_free_all(ptr %live)")
        self.text.do("ret i32 0")
        captured = self.scope.outside.captured
        self.text.entry[:0] = unpack([(type_, name) for _, type_, name in captured])
        self._finish()
        self.module.functions.append(str(self.text))
        return [(type_, operand) for operand, type_, _ in captured]


def unpack(captured: Sequence[tuple[str, str]]) -> list[str]:
    """Instructions that read the environment into (type, name)."""
    lines = []
    for k, (type_, name) in enumerate(captured):
        lines.append(f"  {name}.at = getelementptr i64, ptr %env, i64 {SLOT * k}")
        lines.append(f"  {name} = load {type_}, ptr {name}.at")
    return lines


# -- loops


def run_loop(host: HostEmitter, op: Op) -> None:
    """A parallel `for` that `find_threaded` found."""
    slots, combines = Slots(host, op), host.plan.threaded[op]
    low, high, step = (host.scope.scalar(v) for v in op.operands[:3])
    carried = slots.enter()
    first, trips = ("0", trip_count(host, low, high, step)) if step != "1" else (low, high)
    task = TaskEmitter(host)
    inner = Slots(task, op)
    inner.fixed = {k: task.scope.outside.outer_buffer(buffer) for k, buffer in slots.fixed.items()}
    inner.hoist()
    start, merges = [], list[Merge | None]()
    for (type_, operand), (k, how) in zip(carried, combines.items(), strict=True):
        dtype = inner.params[k].type.dtype
        start.append((type_, identity_of(how, dtype) if how else task.scope.outside.outer(operand, type_)))
        merges.append((how, dtype, operand) if how else None)
    own_low, own_step = (task.scope.outside.outer(operand, "i64") for operand in (low, step))
    begin, lanes = "%first", host.target.lanes
    if lanes > 1 and step == "1" and fits_lanes(host.plan, op):
        begin = write_blocks(inner, op, "%first", "%last", lanes)
    results = write_loop(inner, own_low, own_step, begin, "%last", start)
    inner.unhoist()
    parts = [(type_, v) for (type_, _), v, m in zip(carried, results, merges, strict=True) if m is not None]
    captured = task.finish(parts)
    align = 1 if has_inner_loops(host, slots.body) and begin == "%first" else ALIGN
    known = [m for m in merges if m is not None]
    cost = weight(slots.body)
    outcome, records = _start(host, task.name, captured, first, trips, cost, align, len(known))
    _leave_if_failed(host, outcome, records, _words(len(known)))
    merged = iter(_merged(host, known, records, first, trips, cost, align))
    slots.leave([operand if m is None else next(merged) for (_, operand), m in zip(carried, merges, strict=True)])


# -- nests


def split_axis(nest: Nest) -> int | None:
    """The axis of a nest to cut into chunks; None where it stays on one thread."""
    if all(is_literal(n) for n in nest.extents):
        total = nest.weight
        for n in nest.extents:
            total *= int(n)
        if total < LEAST * GRAIN:
            return None
    if nest.into is not None:
        return nest.kept[0] if nest.kept and nest.extents[nest.kept[0]] != "1" else None
    return next((k for k, n in enumerate(nest.extents) if n != "1"), None)


def run_nest(host: HostEmitter, nest: Nest, axis: int, loops: Callable[[NestHost, Nest], str | None]) -> str | None:
    """A nest that is large, or may turn out to be when the program runs.

    What starts the task is a function, too, and so, outside of loops, is what decides whether to: equal nests share it, and
    the host's own function stays short.
    """
    made = outline(host, nest, loops, axis)
    sizes = Sizes(nest, axis, _nest_task(host, made))
    if host.depth == 0:
        whole = _as_function(host, made, lambda own, m: _either(own, m, sizes, lambda: _many(own, m, sizes)))
        return call_nest(host, whole)
    many = _as_function(host, made, lambda own, m: _many(own, m, sizes))
    return _either(host, made, sizes, lambda: call_nest(host, many))


@dataclass(frozen=True, slots=True)
class Sizes:
    """A nest, the axis it is cut along, and the task that does a part of it."""

    nest: Nest
    axis: int
    task: str

    def written(self, host: NestHost) -> tuple[str, str, str]:
        """The operands of the axis' extent, of the work of one index of it, and of all work."""
        index = host.scope.index
        extents = [host.scope.outer(n, "i64") for n in self.nest.extents]
        weight_ = index.multiply(index.product([n for k, n in enumerate(extents) if k != self.axis]), str(self.nest.weight))
        return extents[self.axis], weight_, index.multiply(extents[self.axis], weight_)


def _as_function(host: HostEmitter, made: Made, write: Callable[[Outlined, Made], str | None]) -> Made:
    """What `write` does with a nest, as a function that takes what the nest takes."""
    own = Outlined(host)
    inside = replace(made, arguments=[(type_, own.scope.outer(operand, type_)) for type_, operand in made.arguments])
    name, returns = own.finish(write(own, inside), made.type)
    return replace(made, name=name, returns=returns, arguments=[(t, v) for v, t, _ in own.scope.captured], polls=own.polls)


def _either(host: NestHost, made: Made, sizes: Sizes, many: Callable[[], str | None]) -> str | None:
    """The nest at once where it is small, else `many`."""
    extent, _, work = sizes.written(host)
    if is_literal(work):
        return many()
    text = host.text
    small, large, joined = text.fresh("small"), text.fresh("large"), text.fresh("joined")
    text.branch_if(text.value(f"icmp slt i64 {work}, {LEAST * GRAIN}"), small, large)
    text.label(small)
    alone = call_nest(host, made, [("i64", "0"), ("i64", extent)])
    after_small = text.block
    text.branch(joined)
    text.label(large)
    together = many()
    after_large = text.block
    text.branch(joined)
    text.label(joined)
    if alone is None or together is None:
        return None
    phi = text.phi(made.type)
    phi.add(alone, after_small)
    phi.add(together, after_large)
    return phi.name


def _many(host: NestHost, made: Made, sizes: Sizes) -> str | None:
    """The nest on threads."""
    nest, (extent, weight_, _) = sizes.nest, sizes.written(host)
    merges: list[Merge] = []
    if made.type:
        assert nest.dtype is not None
        merges.append((nest.combine, nest.dtype, ""))
    last = max(k for k, n in enumerate(nest.extents) if n != "1")
    align = 1 if sizes.axis != last else ALIGN if nest.into is None else WIDE
    captured = _captured(host, made)
    outcome, records = _start(host, sizes.task, captured, "0", extent, weight_, align, len(merges))
    host.leave_unless(host.text.value(f"icmp eq i64 {outcome}, -1"), "0")
    merged = _merged(host, merges, records, "0", extent, weight_, align)
    return merged[0] if merged else None


def _captured(host: NestHost, made: Made) -> list[tuple[str, str]]:
    """Without the fuel: every task has its own."""
    fuel = host.fuel_pointer() if made.polls else ""
    return [(type_, operand) for type_, operand in made.arguments if operand != fuel]


def _nest_task(host: HostEmitter, made: Made) -> str:
    """The task that calls an outlined nest for a range."""
    module = host.module
    names = [(t, "%fuel" if operand == host.fuel else f"%c{k}") for k, (t, operand) in enumerate(made.arguments)]
    arguments = ", ".join(f"{t} {name}" for t, name in (*names, ("i64", "%first"), ("i64", "%last")))
    body = unpack([(t, name) for t, name in names if name != "%fuel"])
    body += ["  %fuel = alloca [2 x i64]", f"  store [2 x i64] [i64 {FUEL}, i64 0], ptr %fuel"]
    body += ["  %who = getelementptr i64, ptr %fuel, i64 1", "  store i64 %context, ptr %who"]
    result = "%r"
    body.append(f"  {'' if made.returns == 'void' else '%r = '}call {made.returns} @{made.name}({arguments})")
    status = "0"
    if made.polls:
        done = "%r"
        if made.type:
            body += [f"  %d = extractvalue {made.returns} %r, 1", f"  %v = extractvalue {made.returns} %r, 0"]
            done, result = "%d", "%v"
        body.append(f"  %s = select i1 {done}, i32 0, i32 2")
        status = "%s"
    if made.type:
        body += [f"  %p = getelementptr i64, ptr %frame, i64 {FAULT_WORDS}", f"  store {made.type} {result}, ptr %p"]
    body.append(f"  ret i32 {status}")
    key = f"task {made.name} " + "\n".join(body)
    if key not in module.shared:
        module.shared[key] = name = f"{made.name}_task{len(module.shared)}"
        module.functions.append(f"define internal i32 @{name}({PARAMETERS}) nounwind {{\n" + "\n".join(body) + "\n}\n")
    return module.shared[key]


# -- the call


def _start(
    host: NestHost,
    task: str,
    captured: Sequence[tuple[str, str]],
    first: str,
    last: str,
    weight_: int | str,
    align: int,
    parts: int,
) -> tuple[str, str]:
    """Run a task for all chunks of a range; the operands of what `wg_run` returns and of the chunks' records, which have
    `parts` numbers of reductions each."""
    text = host.text
    host.module.declare("wg_run", "declare i64 @wg_run(ptr, ptr, i64, i64, i64, i64, ptr, i64, i64)")
    env = text.alloca(f"[{max(1, SLOT * len(captured))} x i64]", "env", 16)
    for k, (type_, operand) in enumerate(captured):
        where = text.value(f"getelementptr i64, ptr {env}, i64 {SLOT * k}")
        text.do(f"store {type_} {operand}, ptr {where}")
    words = _words(parts)
    records = text.alloca(f"[{CHUNKS * words} x i64]", "records", 16)
    arguments = f"ptr @{task}, ptr {env}, i64 {first}, i64 {last}, i64 {weight_}, i64 {align}"
    return text.value(f"call i64 @wg_run({arguments}, ptr {records}, i64 {words}, i64 {int(not parts)})"), records


def _words(parts: int) -> int:
    return FAULT_WORDS + SLOT * parts


def _merged(
    host: NestHost, merges: Sequence[Merge], records: str, first: str, last: str, weight_: int | str, align: int
) -> list[str]:
    """What the chunks left of each reduction, combined."""
    if not merges:
        return []
    host.module.declare("wg_chunk_count", "declare i64 @wg_chunk_count(i64, i64, i64)")
    trips = host.scope.index.subtract(last, first)
    chunks = host.text.value(f"call i64 @wg_chunk_count(i64 {trips}, i64 {weight_}, i64 {align})")
    return [_merge(host, k, merge, records, _words(len(merges)), chunks) for k, merge in enumerate(merges)]


def _leave_if_failed(host: HostEmitter, outcome: str, records: str, words: int) -> None:
    text = host.text
    failed, after = text.fresh("failed"), text.fresh("done")
    text.branch_if(text.value(f"icmp eq i64 {outcome}, -1"), after, failed, COLD)
    text.label(failed)
    interrupted = text.value(f"icmp eq i64 {outcome}, -2")
    chunk = text.value(f"select i1 {interrupted}, i64 0, i64 {outcome}")
    at = text.value(f"mul i64 {chunk}, {words}")
    found = []
    for word in range(FAULT_WORDS):
        where = text.value(f"getelementptr i64, ptr {records}, i64 {text.value(f'add i64 {at}, {word}')}")
        found.append(text.value(f"load i64, ptr {where}"))
    found[0] = text.value(f"select i1 {interrupted}, i64 0, i64 {found[0]}")
    for phi, value in zip((host.fail_code, host.fail_a, host.fail_b), found, strict=True):
        phi.add(value, text.block)
    text.branch("fail")
    text.label(after)


def _merge(host: NestHost, number: int, merge: Merge, records: str, words: int, chunks: str) -> str:
    """The chunks' parts of a reduction combined in order; of a sum of floats, with the rounding error carried along."""
    how, dtype, operand = merge
    text, type_ = host.text, register_type(dtype)
    exact = how == "add" and dtype.kind == "f"
    start = operand or identity_of(how, dtype)

    def trip(k: str, before: list[str]) -> list[str]:
        at = host.scope.index.add(host.scope.index.multiply(k, str(words)), str(FAULT_WORDS + SLOT * number))
        where = text.value(f"getelementptr i64, ptr {records}, i64 {at}")
        part = text.value(f"load {type_}, ptr {where}")
        return (
            carry(host, type_, before, part) if exact else [combine_elements(host.scope, how, dtype, before[0], part)]
        )

    carried = [(type_, start)] + ([(type_, identity_of(how, dtype))] if exact else [])
    after = counted_loop(
        text, "0", chunks, carried, trip, plain(host.module)
    )  # vectors of 256 numbers took long to compile
    return corrected(host, type_, after) if exact else after[0]


def carry(host: NestHost, type_: str, totals: list[str], block: str) -> list[str]:
    """Add the sum of a block to (sum, error) without losing the rounding error (Knuth's two-sum)."""

    def do(instruction: str, a: str, b: str) -> str:
        return host.text.value(f"{instruction} {type_} {a}, {b}")

    total, error = totals
    added = do("fadd", total, block)
    part = do("fsub", added, total)
    lost = do("fadd", do("fsub", total, do("fsub", added, part)), do("fsub", block, part))
    return [added, do("fadd", error, lost)]


def corrected(host: NestHost, type_: str, totals: list[str]) -> str:
    """The sum that (sum, error) stand for."""
    sum_ = host.text.value(f"fadd {type_} {totals[0]}, {totals[1]}")
    lost = host.text.value(f"fcmp uno {type_} {totals[1]}, {totals[1]}")  # infinities leave no error to correct
    return host.text.value(f"select i1 {lost}, {type_} {totals[0]}, {type_} {sum_}")
