"""Operators and element-wise functions: dtype promotion (NEP 50), broadcasting, and the row to emit.

x32 + 1.0        a Python number gives way: f32
u[1:] * w        extents that are not the same affine form get a `same_extent`
row + column     static extents of 1 and missing axes get a `broadcast`
"""

from __future__ import annotations

import ast
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend.index import Affine, Term, atom, number
from wengert.compiler.frontend.kinds import describe, scalar_type, to_value
from wengert.compiler.frontend.objects import (
    Array,
    ArrayValue,
    Iteration,
    Object,
    Scalar,
    Static,
    Tuple,
    is_list,
    is_number,
)
from wengert.compiler.frontend.tracer import SERVICES, WEAK_DTYPES, Tracer
from wengert.compiler.frontend.written_grids import integer_power as integer_power_by_squaring
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.opdef import InferenceError
from wengert.compiler.ir.types import BOOL, F64, I64, DType, dtype_of

PYTHON: dict[str, type] = {"b": bool, "i": int, "f": float, "c": complex}


# -- operands


def dtype_and_weakness(item: Object) -> tuple[DType, bool] | None:
    if isinstance(item, Array):
        return item.dtype, False
    return scalar_type(item)


def operand(tracer: Tracer, item: Object) -> Object:
    """A number or array; lists and tuples of numbers become arrays. Raises TypeMismatch for the rest."""
    if isinstance(item, Scalar | Array) or is_number(item):
        return item
    if isinstance(item, Tuple) and (item.kind in (tuple, list) or is_list(item)):
        return as_array(tracer, item)
    if isinstance(item, Iteration) and item.bounds is not None:  # a range
        return as_array(tracer, item)
    if (
        isinstance(item, Static)
        and item.value is not None
        and not isinstance(item.value, str | type)
        and not callable(item.value)
    ):
        tracer.refuse("opaque", kind=type(item.value).__name__)
    tracer.refuse("number_expected", what=describe(item))


def as_array(tracer: Tracer, item: Object) -> Array:
    """An array of the elements of a (nested) list."""
    made: Array = SERVICES["as_array"](tracer, item)
    return made


@functools.lru_cache(maxsize=4096)
def resolve(name: str, operands: tuple[DType | type, ...]) -> tuple[tuple[DType | None, ...], DType | None] | None:
    """NumPy's own answer: the dtypes a ufunc computes in and gives, for dtypes and (weak) Python number types."""
    ufunc = getattr(np, name, None) or np.exp  # erf, erfc: not NumPy's, promoted as its functions are
    asked: list[Any] = [o.numpy if isinstance(o, DType) else o for o in operands]
    asked = [np.dtype(bool) if o is bool else o for o in asked]
    if all(o in (int, float, complex) or o == np.dtype(bool) for o in asked) and not any(
        isinstance(o, DType) for o in operands
    ):
        asked = [WEAK_DTYPES[o].numpy if isinstance(o, type) else o for o in asked]
    try:
        found = ufunc.resolve_dtypes((*asked, *[None] * (ufunc.nargs - len(asked))))
    except TypeError:
        return None
    return tuple(dtype_of(d) for d in found[: len(asked)]), dtype_of(found[len(asked)])


def promoted(tracer: Tracer, name: str, items: Sequence[Object]) -> tuple[tuple[DType, ...], DType]:
    """The dtypes to convert the operands to, and that of the result."""
    kinds = [dtype_and_weakness(i) for i in items]
    key = tuple(PYTHON[k[0].kind] if k[1] else k[0] for k in kinds)  # type: ignore[index]
    found = resolve(name, key)
    if found is None:
        tracer.refuse("operand", name=name, types=" and ".join(map(describe, items)))
    inputs, output = found
    if output is None or None in inputs:
        tracer.refuse("operand_result", name=name, types=" and ".join(map(describe, items)), dtype="float16")
    for item, dtype in zip(items, inputs, strict=True):
        require_range(tracer, item, dtype)  # type: ignore[arg-type]
    return inputs, output  # type: ignore[return-value]


# -- broadcasting


def require_same(tracer: Tracer, a: Affine, b: Affine, message: str = "shapes do not match") -> None:
    """Extents that must be equal: known to be, checked at run time, or known not to be (TypeMismatch)."""
    if a == b:
        return
    if a.is_constant and b.is_constant:
        tracer.refuse("shapes", a=a.constant, b=b.constant)
    key = atom(Term("same", a, b))
    made = tracer.index.made
    if any(key in made.get(scope, ()) for scope in tracer.builder.open):
        return
    value = tracer.builder.emit("same_extent", tracer.index.value(a), tracer.index.value(b), message=message)
    made.setdefault(tracer.builder.scope, {})[key] = value
    made[tracer.builder.scope][atom(Term("same", b, a))] = value


ONE = number(1)


def common_extents(tracer: Tracer, shapes: Sequence[tuple[Affine, ...]]) -> tuple[Affine, ...]:
    """The shape these broadcast to."""
    rank = max(map(len, shapes))
    result = []
    for axis in range(-rank, 0):
        extent = ONE
        for shape in shapes:
            if len(shape) < -axis or shape[axis] == ONE:
                continue
            if extent == ONE:
                extent = shape[axis]
            else:
                require_same(tracer, extent, shape[axis], "operands could not be broadcast together, extents differ")
                extent = shape[axis] if shape[axis].is_constant else extent
        result.append(extent)
    return tuple(result)


def broadcast_to(tracer: Tracer, content: ArrayValue, extents: tuple[Affine, ...]) -> Value:
    """The array repeated to `extents`, with which it is known (or was checked) to agree."""
    value, own = content
    missing = len(extents) - len(own)
    if not missing and all(a == b or a != ONE for a, b in zip(own, extents, strict=True)):
        return value
    fixed = tuple(1 if e == ONE else n for e, n in zip(own, value.type.shape, strict=True))
    if fixed != value.type.shape:
        value = tracer.reshape(value, own)
    return tracer.builder.broadcast(value, [tracer.index.value(e) for e in extents])


# -- emitting


def emit(tracer: Tracer, row: str, values: Sequence[Value], **attrs: Any) -> Value:
    try:
        return tracer.builder.emit(row, *values, **attrs)
    except InferenceError:
        types = " and ".join(str(v.type) for v in values)
        tracer.refuse("operand", name=row, types=types)


def spread(tracer: Tracer, items: Sequence[Object], dtypes: Sequence[DType]) -> tuple[list[Value], tuple[Affine, ...]]:
    """The operands converted and broadcast to one shape; () where all are scalars."""
    contents = [tracer.read(i) if isinstance(i, Array) else None for i in items]
    shapes = [c.extents for c in contents if c is not None]
    extents = () if not shapes else shapes[0] if len(shapes) == 1 else common_extents(tracer, shapes)
    values = []
    for item, content, dtype in zip(items, contents, dtypes, strict=True):
        if content is None:
            values.append(to_value(tracer, item, dtype))
        else:
            wide = broadcast_to(tracer, content, extents)
            values.append(tracer.builder.cast(wide, dtype))
    return values, extents


def wrap(tracer: Tracer, value: Value, extents: tuple[Affine, ...], weak: bool) -> Object:
    if value.type.is_scalar:
        return Scalar(value, weak)
    return tracer.fresh(ArrayValue(value, extents))


def apply(
    tracer: Tracer, row: str, items: Sequence[Object], name: str | None = None, weak: bool | None = None
) -> Object:
    """An element-wise row on objects, with NumPy's promotion for the ufunc `name` (default: the row's name)."""
    items = [operand(tracer, i) for i in items]
    inputs, output = promoted(tracer, name or row, items)
    values, extents = spread(tracer, items, inputs)
    made = emit(tracer, row, values)
    if weak is None:
        weak = all(dtype_and_weakness(i)[1] for i in items)  # type: ignore[index]
    return wrap(tracer, tracer.builder.cast(made, output), extents, weak)


# -- operators

OPERATORS: dict[type[ast.AST], tuple[str, str, Callable[..., Any]]] = {
    ast.Add: ("add", "+", operator.add),
    ast.Sub: ("subtract", "-", operator.sub),
    ast.Mult: ("multiply", "*", operator.mul),
    ast.Div: ("divide", "/", operator.truediv),
    ast.FloorDiv: ("floor_divide", "//", operator.floordiv),
    ast.Mod: ("remainder", "%", operator.mod),
    ast.Pow: ("power", "**", operator.pow),
    ast.BitAnd: ("bitwise_and", "&", operator.and_),
    ast.BitOr: ("bitwise_or", "|", operator.or_),
    ast.BitXor: ("bitwise_xor", "^", operator.xor),
    ast.LShift: ("left_shift", "<<", operator.lshift),
    ast.RShift: ("right_shift", ">>", operator.rshift),
    ast.Lt: ("less", "<", operator.lt),
    ast.LtE: ("less_equal", "<=", operator.le),
    ast.Gt: ("greater", ">", operator.gt),
    ast.GtE: ("greater_equal", ">=", operator.ge),
    ast.Eq: ("equal", "==", operator.eq),
    ast.NotEq: ("not_equal", "!=", operator.ne),
}


def binary(tracer: Tracer, kind: type[ast.AST], a: Object, b: Object) -> Object:
    """`a op b` for every operator but @, in and is."""
    row, sign, python = OPERATORS[kind]
    if is_number(a) and is_number(b):
        return fold(tracer, python, a, b)
    if isinstance(a, Tuple) and isinstance(b, Tuple) and kind is ast.Add and a.kind is b.kind and a.kind is not frozenset:
        return Tuple(a.kind, a.items + b.items, fresh=a.kind is list)
    if isinstance(a, Tuple) and isinstance(b, Static) and kind is ast.Mult and type(b.value) is int:
        return Tuple(a.kind, a.items * b.value, fresh=a.kind is list)
    if (
        isinstance(a, Static)
        and isinstance(b, Static)
        and kind in (ast.Eq, ast.NotEq)
        and not (is_number(a) and is_number(b))
    ):
        return Static(python(a.value, b.value))
    a, b = operand(tracer, a), operand(tracer, b)
    special = SPECIAL.get(row)
    if special is not None:
        return special(tracer, a, b)
    if row in ("add", "subtract", "multiply"):
        made = integer_arithmetic(tracer, row, a, b)
        if made is not None:
            return made
    return ring(tracer, row, a, b)


def fold(tracer: Tracer, python: Callable[..., Any], a: Any, b: Any) -> Object:
    """Python's own arithmetic on numbers known at compile time."""
    try:
        return Static(python(a.value, b.value))
    except ZeroDivisionError:
        tracer.refuse("static_division")
    except (TypeError, ValueError, OverflowError) as error:
        tracer.refuse("binding", name=python.__name__, problem=str(error))


def integer_arithmetic(tracer: Tracer, row: str, a: Object, b: Object) -> Object | None:
    """+ - * of Python ints, kept as affine forms where they are."""
    if scalar_type(a) != (I64, True) or scalar_type(b) != (I64, True):
        return None
    index = tracer.index
    forms = [number(x.value) if isinstance(x, Static) else index.of(x.value) for x in (a, b)]  # type: ignore[union-attr]
    if row == "multiply":
        if not forms[0].is_constant and not forms[1].is_constant:
            return None
        factor, other = (forms[0], forms[1]) if forms[0].is_constant else (forms[1], forms[0])
        if abs(factor.constant) >= 2**20:
            return None
        form = other * factor.constant
    else:
        form = forms[0] + forms[1] if row == "add" else forms[0] - forms[1]
    return tracer.integer(form)


def ring(tracer: Tracer, row: str, a: Object, b: Object) -> Object:
    """Rows whose only peculiarity is what bools mean: ints between Python numbers, logic between arrays."""
    kinds = [dtype_and_weakness(x) for x in (a, b)]
    both_bool = all(k[0] == BOOL for k in kinds)  # type: ignore[index]
    if both_bool and row in _LOGIC:
        if all(k[1] for k in kinds):  # type: ignore[index]
            a, b = (Scalar(to_value(tracer, x, I64), True) for x in (a, b))
        elif row == "subtract":
            tracer.refuse("operand", name=row, types="bools")
        else:
            return apply(tracer, _LOGIC[row], (a, b))
    return apply(tracer, row, (a, b))


_LOGIC = {"add": "bitwise_or", "multiply": "bitwise_and", "subtract": ""}


def integer_division(row: str) -> Callable[[Tracer, Object, Object], Object]:
    """// and %: Python raises for a zero divisor, NumPy gives 0 for integer arrays; INT_MIN // -1 wraps."""

    def build(tracer: Tracer, a: Object, b: Object) -> Object:
        inputs, output = promoted(tracer, row, (a, b))
        if inputs[0] == BOOL:
            inputs = (I64, I64)
        weak = all(dtype_and_weakness(x)[1] for x in (a, b))  # type: ignore[index]
        if not inputs[0].is_integer:
            return apply(tracer, row, (a, b))
        values, extents = spread(tracer, (a, b), inputs)
        x, y = values
        builder, dtype = tracer.builder, inputs[0]
        if isinstance(b, Static) and b.value not in (0, -1):
            made = emit(tracer, row, values)
            if weak and b.value > 0 and row == "floor_divide":
                form = tracer.index.quotient(tracer.index.of(x), b.value)
                tracer.index.define(made, form)
            return wrap(tracer, made, extents, weak)
        zero = builder.constant(0, dtype)
        if weak:
            tracer.check(builder.emit("not_equal", y, zero), "zero_division", "integer division or modulo by zero")
        one = builder.constant(1, dtype)
        bad = builder.emit("equal", y, zero)
        unsafe = bad
        if dtype.kind == "i":
            minus = builder.emit("equal", y, builder.constant(-1, dtype))
            unsafe = builder.emit("bitwise_or", bad, minus)
        made = emit(tracer, row, (x, builder.emit("where", unsafe, one, y)))
        if dtype.kind == "i":
            negated = builder.emit("negative", x) if row == "floor_divide" else zero
            made = builder.emit("where", minus, negated, made)
        return wrap(tracer, builder.emit("where", bad, zero, made), extents, weak)

    return build


def divide(tracer: Tracer, a: Object, b: Object) -> Object:
    return apply(tracer, "divide", (a, b))


def power(tracer: Tracer, a: Object, b: Object) -> Object:
    """x ** y. Small constant exponents become products, square roots and quotients, as in NumPy."""
    (dtype, weak), (other, _) = dtype_and_weakness(a), dtype_and_weakness(b)  # type: ignore[misc]
    if isinstance(b, Static) and type(b.value) in (int, float):
        exponent = b.value
        if dtype.kind in "iub":
            if type(exponent) is int:
                return integer_power(tracer, a, exponent, weak)
        elif exponent in (0, 1, 2, 3, 0.5, -1):
            return small_power(tracer, a, exponent)
    if other.kind in "iub" and dtype.kind in "iub":
        return power_of_integers(tracer, a, b, weak and dtype_and_weakness(b)[1])  # type: ignore[index]
    return apply(tracer, "power", (a, b))


def power_of_integers(tracer: Tracer, a: Object, b: Object, weak: bool) -> Object:
    """By squaring, in a loop; a negative exponent raises, as NumPy does (Python gives a float)."""
    (first, second), _ = promoted(tracer, "power", (a, b))
    if BOOL in (first, second):
        tracer.refuse("operand", name="**", types="bools")
    (x, y), extents = spread(tracer, (a, b), (first, second))
    if second.kind == "i":
        natural = tracer.builder.emit("greater_equal", y, tracer.constant(0, second))
        if y.type.is_array:
            natural = emit(tracer, "all", [natural], axes=tuple(range(len(extents))))
        tracer.check(natural, "value", "integers to negative integer powers are not allowed")
    operands = [wrap(tracer, v, extents if v.type.is_array else (), False) for v in (x, y)]
    made: Object = SERVICES["inline"](tracer, integer_power_by_squaring, operands)
    return Scalar(made.value, weak) if isinstance(made, Scalar) else made


def small_power(tracer: Tracer, a: Object, exponent: float) -> Object:
    if exponent == 0.5:
        return apply(tracer, "sqrt", (a,))
    if exponent == -1:
        return apply(tracer, "divide", (Static(1), a))
    if exponent == 0:
        return apply(tracer, "add", (apply(tracer, "multiply", (zeroed(tracer, a), Static(0))), Static(1)))
    made = a
    for _ in range(int(exponent) - 1):
        made = apply(tracer, "multiply", (made, a))
    return made if exponent != 1 else apply(tracer, "multiply", (a, Static(1)))


def zeroed(tracer: Tracer, a: Object) -> Object:
    """Zeros in the shape of `a`."""
    if isinstance(a, Array):
        content = tracer.read(a)
        zero = tracer.constant(0, content.dtype)
        value = tracer.builder.broadcast(zero, [tracer.index.value(e) for e in content.extents])
        return tracer.fresh(ArrayValue(value, content.extents))
    dtype, weak = scalar_type(a)  # type: ignore[misc]
    return Scalar(tracer.constant(0, dtype), weak)


def integer_power(tracer: Tracer, a: Object, exponent: int, weak: bool) -> Object:
    """By repeated squaring, in the base's own dtype."""
    if exponent < 0:
        if not weak:
            tracer.refuse("binding", name="**", problem="integers to negative integer powers are not allowed")
        return apply(tracer, "power", (Scalar(to_value(tracer, a, F64), True), Static(float(exponent))))
    if dtype_and_weakness(a)[0] == BOOL:  # type: ignore[index]
        tracer.refuse("operand", name="**", types="bools")
    result: Object | None = None
    square = a
    while exponent:
        if exponent & 1:
            result = square if result is None else apply(tracer, "multiply", (result, square))
        exponent >>= 1
        if exponent:
            square = apply(tracer, "multiply", (square, square))
    if result is None:
        return apply(tracer, "add", (zeroed(tracer, a), Static(1)))
    return result if result is not a else apply(tracer, "multiply", (a, Static(1)))


SPECIAL: dict[str, Callable[[Tracer, Object, Object], Object]] = {
    "divide": divide,
    "floor_divide": integer_division("floor_divide"),
    "remainder": integer_division("remainder"),
    "power": power,
}


def negate(tracer: Tracer, a: Object) -> Object:
    if is_number(a):
        return Static(-a.value)  # type: ignore[union-attr]
    a = operand(tracer, a)
    if scalar_type(a) == (I64, True):
        return tracer.integer(-tracer.index.of(a.value))  # type: ignore[union-attr]
    dtype, weak = dtype_and_weakness(a)  # type: ignore[misc]
    if dtype == BOOL:
        if not weak:
            tracer.refuse("operand", name="-", types="bools")
        a = Scalar(to_value(tracer, a, I64), True)
    return apply(tracer, "negative", (a,))


def convert(tracer: Tracer, item: Object, dtype: DType) -> Object:
    """`astype`: a new array (or number) of another dtype. float -> int truncates; complex -> real is refused."""
    item = operand(tracer, item)
    source, _ = dtype_and_weakness(item)  # type: ignore[misc]
    if source.kind == "c" and dtype.kind != "c":
        tracer.refuse("complex_store", target=dtype)
    if isinstance(item, Array):
        content = tracer.read(item)
        return tracer.fresh(ArrayValue(cast(tracer, content.value, dtype), content.extents))
    return Scalar(cast(tracer, to_value(tracer, item, source), dtype), False)


def cast(tracer: Tracer, value: Value, dtype: DType) -> Value:
    """A conversion; to bool it is `!= 0`."""
    if value.type.dtype == dtype:
        return value
    if dtype == BOOL:
        return tracer.builder.emit("not_equal", value, tracer.constant(0, value.type.dtype))
    return tracer.builder.cast(value, dtype)


def require_range(tracer: Tracer, item: Object, dtype: DType) -> None:
    """A Python integer has to fit into the dtype it gives way to, as NumPy has it (NEP 50): OverflowError where not."""
    if not dtype.is_integer or dtype == I64:
        return
    info = np.iinfo(dtype.numpy)
    if isinstance(item, Static) and type(item.value) is int:
        if not info.min <= item.value <= info.max:
            tracer.refuse("weak_range", value=item.value, dtype=dtype)
    elif isinstance(item, Scalar) and item.weak and item.value.type.dtype == I64:
        builder = tracer.builder
        fits = builder.emit("greater_equal", item.value, builder.integer(info.min))
        if info.max < 2**63 - 1:
            fits = builder.emit("bitwise_and", fits, builder.emit("less_equal", item.value, builder.integer(info.max)))
        tracer.check(fits, "overflow", f"Python integer out of bounds for {dtype.numpy.name}")


def scalar_value(tracer: Tracer, item: Object, dtype: DType) -> Value:
    """A number as an IR value of `dtype`, converted as assignment to an element converts."""
    require_range(tracer, item, dtype)
    if isinstance(item, Static) and is_number(item):
        value = item.value
        if isinstance(value, complex) and dtype.kind != "c":
            tracer.refuse("complex_store", target=dtype)
        if dtype.is_integer and isinstance(value, float):
            value = int(value)
        return tracer.constant(value, dtype)
    if not isinstance(item, Scalar):
        tracer.refuse("number_expected", what=describe(item))
    if item.value.type.dtype.kind == "c" and dtype.kind != "c":
        tracer.refuse("complex_store", target=dtype)
    return cast(tracer, item.value, dtype)
