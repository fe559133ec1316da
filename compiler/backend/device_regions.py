"""Loops as kernels: a parallel `for` is one thread for each iteration, a loop over single elements one thread for all.

    %y = for 0, %n, 1, %a {parallel = True} (%i, %p) {...}    ->    %y = launch %n, %a, ... {kernel = the body}

A scalar that a parallel loop carries is a reduction: each thread starts it from the neutral element and leaves what it
adds in an array, which is combined in a fixed order afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wengert.compiler.backend.device_iterations import captured, combine_of, counted, on_host, trip_count
from wengert.compiler.backend.device_kernels import KernelBuilder
from wengert.compiler.backend.device_ragged import in_any_order, launch_lanes, ragged
from wengert.compiler.backend.device_reductions import identity, sum_all
from wengert.compiler.backend.device_spread import Sums, adds_only, copy_with_sums, is_zero, spread_sums
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.loops import AHEAD
from wengert.compiler.ir.opdef import row_of
from wengert.compiler.ir.rewrite import copy_block, copy_op, copy_ops
from wengert.compiler.ir.types import Type
from wengert.compiler.passes.own_index import uses_of

if TYPE_CHECKING:
    from wengert.compiler.backend.device_outline import Outliner

SMALL = 64
"""Elements up to which an array operation inside a loop is better done by the loop's one thread than by a kernel."""

_ELEMENTS = ("load", "update", "accumulate")

# -- loops over single elements


def is_serial(op: Op) -> bool:
    """Whether a loop touches single elements, and nothing in it is worth a kernel of its own."""
    if op.name == "if":
        return False
    inside = [o for region in op.regions for o in region.walk()]
    return any(o.name in _ELEMENTS for o in inside) and not any(_worth_a_kernel(o) for o in inside)


def _worth_a_kernel(op: Op) -> bool:
    if op.regions:
        return bool(op.attrs.get("parallel"))
    if row_of(op).kind == "library":
        return True
    arrays = [v for v in (*op.operands, *op.results) if v.type.is_array]
    if not arrays or row_of(op).kind == "view" or op.name in (*_ELEMENTS, "dim"):
        return False
    if op.name.endswith("_slice"):
        arrays = [op.operands[1]]  # the region, not the whole
    return any(not v.type.is_static or _size(v.type) > SMALL for v in arrays)


def _size(type_: Type) -> int:
    size = 1
    for n in type_.shape:
        size *= n or 1
    return size


def serial_kernel(outliner: Outliner, op: Op) -> list[Value]:
    """The whole loop in a kernel of one thread. Arrays are outputs; scalars come back in arrays of one element."""
    one = outliner.host.integer(1)
    first = AHEAD[op.name]
    arrays = [k for k, r in enumerate(op.results) if r.type.is_array]
    scalars = [k for k, r in enumerate(op.results) if r.type.is_scalar]
    outputs = [outliner.values[op.operands[first + k]] for k in arrays]
    outputs += [outliner.empty([one], op.results[k].type.dtype, op.results[k].hint) for k in scalars]

    def write(kernel: KernelBuilder) -> list[Value]:
        mapping = captured(kernel, op.regions, op.operands)
        operands = [mapping.get(v, v) for v in op.operands]
        for k, out in zip(arrays, kernel.outputs, strict=False):
            operands[first + k] = out
        regions = tuple(copy_block(region, mapping) for region in op.regions)
        made = copy_op(kernel.builder, op, operands, regions)
        results = [made.results[k] for k in arrays]
        for out, k in zip(kernel.outputs[len(arrays) :], scalars, strict=True):
            results.append(kernel.builder.emit("update", out, made.results[k], kernel.zero()))
        return results

    made = outliner.launch(op.name, one, outputs, write, one_thread=True)
    values = dict(zip(arrays, made, strict=False))
    for k, array in zip(scalars, made[len(arrays) :], strict=True):
        values[k] = outliner.read(array, op.results[k].hint)
    return [values[k] for k in range(len(op.results))]


# -- parallel loops


def loop_kernel(outliner: Outliner, op: Op) -> list[Value]:
    """A parallel `for`, one thread for each iteration; with another one directly within it, for each pair."""
    low, high, step = (outliner.values[v] for v in op.operands[:3])
    (body,) = op.regions
    shared = _meeting(body)
    inner = _directly_within(op, shared is not None and not outliner.deterministic)
    count = trip_count(outliner, low, high, step)
    arrays = [k for k, v in enumerate(op.results) if v.type.is_array]
    scalars = [k for k, v in enumerate(op.results) if v.type.is_scalar]
    combines = {k: combine_of(body, k, op) for k in scalars}
    outputs = [outliner.values[op.operands[3 + k]] for k in arrays]
    outputs += [outliner.empty([count], op.results[k].type.dtype, op.results[k].hint) for k in scalars]
    columns, bounds, sums = None, tuple[Value, ...](), dict[Op, Sums]()
    if inner is not None:
        bounds = tuple(on_host(outliner, v) for v in inner.operands[:3])
        columns = trip_count(outliner, *bounds)
    elif not scalars and (last := ragged(op, shared is not None and not outliner.deterministic)) is not None:
        return launch_lanes(outliner, op, count, last, outputs, shared is not None)
    else:
        sums = spread_sums(outliner, op, count)
        for inner_sum, one in sums.items():
            if one.stored:
                return one.partial
            if adds_only(op, sums) is inner_sum:
                return [_total(outliner, op, 0, "add", one.partial[0])]

    def write(kernel: KernelBuilder) -> list[Value]:
        mapping = captured(kernel, op.regions, op.operands)
        mapping[body.params[0]] = counted(kernel, kernel.iteration, low, step)
        for k, out in zip(arrays, kernel.outputs, strict=False):
            mapping[body.params[1 + k]] = out
        for k in scalars:
            dtype = op.results[k].type.dtype
            mapping[body.params[1 + k]] = kernel.constant(identity(combines[k], dtype), dtype)
        last = body
        if inner is None:
            copy_with_sums(kernel, body.ops, mapping, kernel.iteration, sums)
        else:
            copy_ops(kernel.builder, body.ops[:-1], mapping)
            (last,) = inner.regions
            mapping[last.params[0]] = counted(kernel, kernel.body.params[1], bounds[0], bounds[2])
            mapping.update(zip(last.params[1:], kernel.outputs, strict=True))
            copy_ops(kernel.builder, last.ops, mapping)
        results = [mapping.get(last.results[k], last.results[k]) for k in arrays]
        for out, k in zip(kernel.outputs[len(arrays) :], scalars, strict=True):
            results.append(kernel.builder.emit("update", out, mapping[body.results[k]], kernel.iteration))
        return results

    if shared is not None and outliner.deterministic and shared.result.type.dtype.kind in "fc":
        raise UnsupportedError(
            "additions to elements that iterations share, in an order that changes from run to run",
            shared.span or op.span,
            help="Let each iteration write elements of its own, or leave `deterministic=True` out.",
        )
    made = outliner.launch("for", count, outputs, write, shared=shared is not None, heavy=columns is None, columns=columns)
    values = dict(zip(arrays, made, strict=False))
    for k, partial in zip(scalars, made[len(arrays) :], strict=True):
        values[k] = _total(outliner, op, k, combines[k], partial)
    return [values[k] for k in range(len(op.results))]


def _total(outliner: Outliner, op: Op, position: int, how: str, partial: Value) -> Value:
    """What iterations leave and what the loop begins with, combined."""
    init = op.operands[3 + position]
    total = sum_all(outliner, partial, how, op.results[position].type.dtype)
    return total if how == "add" and is_zero(init) else outliner.host.emit(how, outliner.values[init], total)


def _meeting(body: Block) -> Op | None:
    """An addition to an element that another iteration may add to, too; None where the loop's index is always in one place, or
    the array is the iteration's own."""
    for array in body.params[1:]:
        additions = [o for o in uses_of(body, array)[0] if o.name in ("accumulate", "accumulate_slice")]
        own = [{k for k, v in enumerate(_place(o)) if v is not None and _is_index(v, body.params[0])} for o in additions]
        if own and not set.intersection(*own):
            return additions[own.index(set()) if set() in own else 0]
    return None


def _place(op: Op) -> list[Value | None]:
    """The index of each axis that one element is taken of; None for axes of which more are."""
    if op.name == "accumulate":
        return list(op.operands[2:])
    return [start if k in op.attrs["drop"] else None for k, start in enumerate(op.operands[2:])]


def _is_index(value: Value, index: Value) -> bool:
    while value is not index:
        op = value.owner
        if op is None or op.name not in ("index", "wrap_index"):
            return False
        value = op.operands[0]
    return True


def _directly_within(op: Op, meet: bool) -> Op | None:
    """A parallel loop, or one whose trips may come in any order, that is all a parallel loop does, but for scalars that cannot
    fail; its range known before. meet: additions may meet in an element."""
    (body,) = op.regions
    if not body.ops or any(v.type.is_scalar for v in op.results):
        return None
    *before, last = body.ops
    if last.name != "for" or list(body.results) != list(last.results):
        return None
    if not last.attrs.get("parallel") and not in_any_order(last, meet):
        return None
    if list(last.operands[3:]) != list(body.params[1:]):
        return None
    if not all(_is_plain_scalar(o) for o in before):
        return None
    if any(_makes_an_array(o) for o in last.regions[0].walk()):
        return None
    inside = {v for o in before for v in o.results if constant_of(v) is None} | set(body.params)
    return None if inside & set(last.operands[:3]) else last


def _is_plain_scalar(op: Op) -> bool:
    scalars = all(v.type.is_scalar for v in (*op.operands, *op.results))
    return scalars and not op.regions and row_of(op).kind in ("elementwise", "source")


def _makes_an_array(op: Op) -> bool:
    made = any(v.type.is_array for v in op.results)
    return made and (op.name in ("broadcast", "grow") or row_of(op).kind not in ("update", "control", "view"))
