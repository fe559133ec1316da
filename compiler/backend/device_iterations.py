"""What kernels of loops are written with: trip counts on the host, how carried scalars are combined, what is captured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from wengert.compiler.backend.device_kernels import KernelBuilder
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.core import Block, Op, Value, constant_of, free_values
from wengert.compiler.ir.loops import AHEAD, LOOPS, carried_inits
from wengert.compiler.ir.rewrite import Mapping
from wengert.compiler.passes.own_index import COMBINES

if TYPE_CHECKING:
    from wengert.compiler.backend.device_outline import Outliner

_COMBINES = COMBINES | {"maximum": "maximum", "minimum": "minimum"}


def on_host(outliner: Outliner, v: Value) -> Value:
    number = constant_of(v)
    return outliner.values[v] if number is None else outliner.host.integer(int(number))


def trip_count(outliner: Outliner, low: Value, high: Value, step: Value) -> Value:
    """max(0, ceil((high - low) / step)), for either sign of step."""
    host = outliner.host
    span = host.emit("subtract", high, low)
    by = constant_of(step)
    if by == 1:
        count = span
    else:
        one, zero = host.integer(1), host.integer(0)
        towards = host.emit("where", host.emit("greater", step, zero), one, host.integer(-1))
        padded = host.emit("subtract", host.emit("add", span, step), towards)
        count = host.emit("truncated_divide", padded, step)
    zero = host.integer(0)
    return host.emit("where", host.emit("greater", count, zero), count, zero)


def combine_of(body: Block, position: int, op: Op) -> str:
    """How a carried scalar is combined over the iterations: the rows on the way from its parameter to its result."""
    found = set(_combines(body.results[position], body.params[1 + position]))
    if _is_read(body, position):
        raise UnsupportedError(
            "a parallel loop that reads a number that it carries from iteration to iteration",
            op.span,
            help="numbers carried by prange are sums, products or extrema, and known after the loop; use range for anything else",
        )
    if len(found) == 1:
        return found.pop()
    if not found:
        return "add"  # handed through unchanged: each iteration adds nothing
    raise UnsupportedError(
        f"a parallel loop that combines one number in different ways ({', '.join(sorted(found))})",
        op.span,
        help="use one variable for each, or range instead of prange",
    )


def _is_read(body: Block, position: int) -> bool:
    """Whether what is carried there is used for anything but to be combined and handed on."""
    carried, chain, values = [(body.results[position], body.params[1 + position])], set[Op](), set[Value]()
    while carried:
        value, parameter = carried.pop()
        values.update((value, parameter))
        op = value.owner
        if value is parameter or op is None:
            continue
        chain.add(op)
        if op.name in ("for", "while", "if"):
            at = op.results.index(value)
            ahead = AHEAD[op.name] if op.name in LOOPS else None
            for region in op.regions[-1:] if op.name == "while" else op.regions:
                inner = parameter if ahead is None else region.params[len(region.params) - len(op.results) + at]
                carried.append((region.results[at], inner))
            if ahead is not None:
                carried.append((op.operands[ahead + at], parameter))
        else:
            carried += [(v, parameter) for v in op.operands if _leads_to(v, parameter)]
    uses = [(o, v) for o in body.walk() for v in o.operands if v in values]
    conditions = [r.results for o in body.walk() if o.name == "while" for r in o.regions[:1]]
    return any(o not in chain for o, _ in uses) or any(v in values for results in conditions for v in results)


def _leads_to(value: Value, parameter: Value) -> bool:
    seen, waiting = set[Value](), [value]
    while waiting:
        v = waiting.pop()
        if v is parameter:
            return True
        if v not in seen and v.owner is not None:
            waiting += [*v.owner.operands, *(w for region in v.owner.regions for w in region.results)]
        seen.add(v)
    return False


def _combines(value: Value, parameter: Value) -> Iterator[str]:
    if value is parameter:
        return
    op = value.owner
    if op is None:
        return
    if op.name in ("for", "while", "if"):
        position = op.results.index(value)
        for region in op.regions[-1:] if op.name == "while" else op.regions:
            yield from _combines(region.results[position], parameter)
        if op.name in LOOPS:
            yield from _combines(carried_inits(op)[position], parameter)
        return
    if op.name in _COMBINES:
        yield _COMBINES[op.name]
        return
    raise UnsupportedError(
        f"a parallel loop that carries a number through {op.name}",
        op.span,
        help="numbers carried by prange are sums, products or extrema; use range for anything else",
    )


def captured(kernel: KernelBuilder, blocks: Sequence[Block], operands: Sequence[Value]) -> Mapping:
    """What is used within the blocks and comes from around them, and scalars among the operands, inside the kernel."""
    free = dict.fromkeys(v for block in blocks for v in free_values(block))
    scalars = dict.fromkeys(v for v in operands if v.type.is_scalar)
    return {v: kernel.scalar(v) if v.type.is_scalar else kernel.array(v) for v in (free | scalars)}


def counted(kernel: KernelBuilder, number: Value, start: Value, step: Value) -> Value:
    """start + number * step, of values of the host."""
    far = kernel.builder.emit("multiply", number, kernel.capture(step))
    return kernel.builder.emit("add", kernel.capture(start), far)
