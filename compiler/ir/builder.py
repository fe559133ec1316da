"""Making ops: `Builder` appends to a block and infers types; `Sym` lets rules be written as arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wengert.compiler.diag.span import Span
from wengert.compiler.ir.core import Block, Op, Value
from wengert.compiler.ir.opdef import REGISTRY, extent_of
from wengert.compiler.ir.types import BOOL, I64, DType, Type


class Builder:
    """Appends ops to `block`. `span` and `role` are stamped on every op it makes (see `at`)."""

    def __init__(self, block: Block, span: Span | None = None, role: str = "primal"):
        self.block, self.span, self.role = block, span, role

    @contextmanager
    def at(self, span: Span | None = None, role: str | None = None) -> Iterator[None]:
        """Within it, ops are made for `span` and `role` (None keeps what holds)."""
        before = self.span, self.role
        self.span, self.role = span or self.span, role or self.role
        try:
            yield
        finally:
            self.span, self.role = before

    @contextmanager
    def inside(self, block: Block) -> Iterator[Block]:
        """Within it, ops are appended to `block`."""
        before, self.block = self.block, block
        try:
            yield block
        finally:
            self.block = before

    def append(self, op: Op) -> Op:
        self.block.ops.append(op)
        return op

    def op(
        self,
        name: str,
        operands: Sequence[Value] = (),
        regions: Sequence[Block] = (),
        hint: str | Sequence[str] = "",
        types: Sequence[Type] | None = None,
        **attrs: Any,
    ) -> Op:
        """Make any op. Result types come from its row, or are given (`types`, for control ops)."""
        operands = tuple(operands)
        if types is None:
            types = REGISTRY[name].infer(operands, attrs)
        op = Op(name, operands, attrs, tuple(regions), (), self.span, self.role)
        hints = [hint] * len(types) if isinstance(hint, str) else list(hint)
        op.results = tuple(Value(t, h, op) for t, h in zip(types, hints, strict=True))
        return self.append(op)

    def emit(self, name: str, *operands: Value, hint: str = "", **attrs: Any) -> Value:
        """Make an op with one result and return that."""
        return self.op(name, operands, hint=hint, **attrs).result

    # -- the few that are needed everywhere

    def constant(self, value: bool | int | float | complex, dtype: DType, hint: str = "") -> Value:
        """A scalar constant."""
        kind = {"b": bool, "i": int, "u": int, "f": float, "c": complex}[dtype.kind]
        return self.emit("constant", value=kind(value), dtype=dtype.name, hint=hint)

    def integer(self, value: int) -> Value:
        return self.constant(value, I64)

    def boolean(self, value: bool) -> Value:
        return self.constant(value, BOOL)

    def cast(self, value: Value, dtype: DType) -> Value:
        return value if value.type.dtype == dtype else self.emit("cast", value, dtype=dtype.name)

    def extent(self, array: Value, axis: int) -> Value:
        """The extent of an axis: a constant or the value it was made from where that is known, else a `dim`."""
        known = array.type.shape[axis]
        if known is not None:
            return self.integer(known)
        found = extent_of(array, axis)
        if isinstance(found, tuple):  # (array, axis): ask there
            return self.extent(*found)
        if found is not None:
            return found
        return self.emit("dim", array, axis=axis)

    def extents(self, array: Value) -> list[Value]:
        return [self.extent(array, k) for k in range(array.type.rank)]

    def zeros_like(self, value: Value) -> Value:
        """Zeros of the type and extents of `value`."""
        zero = self.constant(0, value.type.dtype)
        return zero if value.type.is_scalar else self.broadcast(zero, self.extents(value))

    def broadcast(self, value: Value, extents: Sequence[Value], axes: tuple[int, ...] | None = None) -> Value:
        """`value` repeated to `extents`; its axis k becomes axis `axes[k]` (default: the trailing ones, as NumPy)."""
        rank = value.type.rank
        axes = tuple(range(len(extents) - rank, len(extents))) if axes is None else axes
        return self.emit("broadcast", value, *extents, axes=axes)

    def for_(self, low: Value, high: Value, step: Value, inits: Sequence[Value], block: Block, **attrs: Any) -> Op:
        """`for i in range(low, high, step)` carrying `inits`; block params: i, carried...; results: carried."""
        types = [p.type for p in block.params[1:]]
        hints = [p.hint for p in block.params[1:]]
        return self.op("for", (low, high, step, *inits), (block,), types=types, hint=hints, **({"parallel": False} | attrs))

    def while_(self, inits: Sequence[Value], condition: Block, body: Block) -> Op:
        """`while condition: body` carrying `inits`; both blocks take the carried; condition results in one bool."""
        types = [p.type for p in body.params]
        return self.op("while", inits, (condition, body), types=types, hint=[p.hint for p in body.params])

    def if_(self, condition: Value, then: Block, orelse: Block, types: Sequence[Type] | None = None) -> Op:
        """`then` or `orelse`; neither has params; both result in the same number of values of joinable types."""
        if types is None:
            joined = [a.type.join(b.type) for a, b in zip(then.results, orelse.results, strict=True)]
            assert None not in joined, "branches of an `if` result in values of different types"
            types = [t for t in joined if t is not None]
        return self.op("if", (condition,), (then, orelse), types=types, hint=[v.hint for v in then.results])


class Sym:
    """A value with arithmetic, for writing derivative rules: `-sin(x) * dx` emits ops at the builder's place."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Builder, value: Value):
        self.builder, self.value = builder, value

    def lift(self, other: Sym | float) -> Sym:
        """`other` as a Sym; Python numbers become constants of this value's dtype."""
        return other if isinstance(other, Sym) else Sym(self.builder, self.builder.constant(other, self.value.type.dtype))

    def apply(self, name: str, *others: Sym | float, **attrs: Any) -> Sym:
        values = [self.lift(o).value for o in others]
        return Sym(self.builder, self.builder.emit(name, self.value, *values, **attrs))

    def reverse(self, name: str, other: float) -> Sym:
        return self.lift(other).apply(name, self)

    def __add__(self, o: Sym | float) -> Sym:
        return self.apply("add", o)

    def __radd__(self, o: float) -> Sym:
        return self.reverse("add", o)

    def __sub__(self, o: Sym | float) -> Sym:
        return self.apply("subtract", o)

    def __rsub__(self, o: float) -> Sym:
        return self.reverse("subtract", o)

    def __mul__(self, o: Sym | float) -> Sym:
        return self.apply("multiply", o)

    def __rmul__(self, o: float) -> Sym:
        return self.reverse("multiply", o)

    def __truediv__(self, o: Sym | float) -> Sym:
        return self.apply("divide", o)

    def __rtruediv__(self, o: float) -> Sym:
        return self.reverse("divide", o)

    def __neg__(self) -> Sym:
        return self.apply("negative")

    def __lt__(self, o: Sym | float) -> Sym:
        return self.apply("less", o)

    def __le__(self, o: Sym | float) -> Sym:
        return self.apply("less_equal", o)

    def __gt__(self, o: Sym | float) -> Sym:
        return self.apply("greater", o)

    def __ge__(self, o: Sym | float) -> Sym:
        return self.apply("greater_equal", o)

    def equals(self, o: Sym | float) -> Sym:
        return self.apply("equal", o)

    def differs(self, o: Sym | float) -> Sym:
        return self.apply("not_equal", o)

    def both(self, o: Sym) -> Sym:
        return self.apply("bitwise_and", o)

    def where(self, yes: Sym | float, no: Sym | float, like: Sym | None = None) -> Sym:
        """This condition ? yes : no. Numbers take the dtype of the other arm, or of `like`."""
        model = yes if isinstance(yes, Sym) else no if isinstance(no, Sym) else like
        assert model is not None
        return self.apply("where", model.lift(yes), model.lift(no))
