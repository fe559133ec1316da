"""What must be known of a function before it is cut into portions (portion.py): which extents are the same, which of them could
be shared out, and which loops keep to an index of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Op, Value, constant_of
from wengert.compiler.passes.optimise.extents import Finder
from wengert.compiler.passes.outside import OutsideScalars
from wengert.compiler.passes.own_index import combine_of, keeps, own_offset, uses_of

REDUCTIONS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum", "any": "bitwise_or", "all": "bitwise_and"}
Key = int | Value | tuple[Value, int]
"""An extent: a number, a scalar, or that of a parameter's axis."""


def refusal(why: str, op: Op | None) -> UnsupportedError:
    return UnsupportedError(
        f"it cannot be split over several devices: {why}",
        op.span if op is not None else None,
        "Name one device, or make the outer loop a batch: wg.offload(wg.batch(f), [...]).",
    )


class Shape:
    """What is known of the extents of a function's values."""

    def __init__(self, function: Function):
        self.function = function
        self.params = set(function.params)
        self.finder = Finder(function)
        self.equal: dict[Key, Key] = {}
        self.top = self.params | {v for op in function.body.ops for v in op.results}
        for op in function.body.ops:
            if op.name == "same_extent":
                a, b = (self.scalar(v) for v in op.operands)
                if a != b:
                    self.equal[a] = b

    def extent(self, array: Value, axis: int) -> Key:
        known = array.type.shape[axis]
        if known is not None:
            return known
        found = self.finder.outermost((array, axis))
        if isinstance(found, Value):
            return self.scalar(found)
        known = found[0].type.shape[found[1]]
        return self._root(found if known is None else known)

    def scalar(self, value: Value) -> Key:
        known = constant_of(value)
        if known is not None:
            return int(known)
        op = value.owner
        if op is not None and op.name == "same_extent":
            return self.scalar(op.operands[0])
        if op is not None and op.name == "dim":
            return self.extent(op.operands[0], op.attrs["axis"])
        return self._root(value)

    def _root(self, key: Key) -> Key:
        while key in self.equal:
            key = self.equal[key]
        return key

    def candidates(self) -> list[Key]:
        """Extents that could be shared out: outer axes of results, then of what results are reduced from."""
        found: list[Key] = []
        for result in self.function.results:
            found += [self.extent(result, k) for k in range(result.type.rank)][:1]
        for op in self.function.body.ops:
            if op.name in REDUCTIONS:
                found.append(self.extent(op.operands[0], op.attrs["axes"][0]))
            elif op.name == "for":
                found.append(self.scalar(op.operands[1]))
            elif op.name == "dot_general" and op.attrs["contract"][0]:
                found.append(self.extent(op.operands[0], op.attrs["contract"][0][0]))
        return [key for key in dict.fromkeys(found) if key not in (0, 1)]

    def count(self, places: Key) -> Function:
        """A function of the whole arguments that says how many places there are."""
        body = Block([Value(p.type, p.hint) for p in self.function.params])
        builder, outer = Builder(body), dict(zip(self.function.params, body.params, strict=True))
        scalars = OutsideScalars(
            builder, self.function, outer.__getitem__, lambda p, k: builder.extent(outer[p], k), "splitting"
        )
        if isinstance(places, int):
            body.results = [builder.integer(places)]
        else:
            body.results = [scalars.extent(*places) if isinstance(places, tuple) else scalars.value(places)]
        return Function(f"count_{self.function.name}", body)


def _called(value: Value) -> str:
    return f"`{value.hint}`" if value.hint else f"the {'array' if value.type.is_array else 'number'} that it carries"


@dataclass(slots=True)
class Loop:
    """A loop whose iterations keep to an index of their own. axes: by position of the carried arrays; combines: of the others."""

    offset: int
    axes: dict[int, int] = field(default_factory=dict)
    combines: dict[int, str] = field(default_factory=dict)
    versions: dict[int, set[Value]] = field(default_factory=dict)


def independent(op: Op) -> Loop:
    """What each iteration keeps to. Raises UnsupportedError where iterations depend on each other."""
    (body,) = op.regions
    low = constant_of(op.operands[0])
    if constant_of(op.operands[2]) != 1 or low is None or low < 0:
        raise refusal("the loop does not count up by 1 from a number that is known", op)
    loop, offsets = Loop(0), set[int]()
    for k, parameter in enumerate(body.params[1:]):
        if parameter.type.is_scalar:
            how = combine_of(body, parameter, body.results[k])
            if how is None:
                raise refusal(f"each iteration of the loop needs {_called(parameter)} of the one before", op)
            loop.combines[k] = how
            continue
        uses, versions = uses_of(body, parameter)
        found = [(axis, own_offset(op, uses, versions, axis)) for axis in range(parameter.type.rank)]
        axis, offset = next(((a, o) for a, o in found if o is not None), (0, None))
        if offset is None or body.results[k] not in versions or not keeps(body, versions):
            raise refusal(f"iterations of the loop do not keep to places of their own in {_called(parameter)}", op)
        loop.axes[k], loop.versions[k] = axis, versions
        offsets.add(offset)
    if len(offsets) > 1:
        raise refusal("an iteration of the loop writes at different indices", op)
    loop.offset = next(iter(offsets), 0)
    if low + loop.offset < 0:
        raise refusal("the loop writes at indices that count from the end", op)
    return loop
