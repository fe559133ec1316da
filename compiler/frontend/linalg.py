"""np.linalg: the rows of ops/linalg.py, with NumPy's promotion, broadcasting of leading axes, and LinAlgError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.compiler.frontend import arithmetic, complexes, reductions, written_grids
from wengert.compiler.frontend.arithmetic import ONE, common_extents, require_same
from wengert.compiler.frontend.creation import array_only, eye
from wengert.compiler.frontend.index import Affine
from wengert.compiler.frontend.kinds import describe, scalar_type
from wengert.compiler.frontend.objects import FALSE, NONE, Array, ArrayValue, Object, Scalar, Static, Tuple
from wengert.compiler.frontend.products import matmul
from wengert.compiler.frontend.tracer import SERVICES, Tracer
from wengert.compiler.ir.core import Value
from wengert.compiler.ir.opdef import InferenceError
from wengert.compiler.ir.types import C128, F64, PART, DType, dtype_of

SINGULAR, NO_SVD = "Singular matrix", "SVD did not converge"
EigenResult: Any = type(np.linalg.eigh(np.eye(1)))
EigResult: Any = type(np.linalg.eig(np.eye(1)))
TRUE = Static(True)
SvdResult: Any = type(np.linalg.svd(np.eye(1)))
SignResult: Any = type(np.linalg.slogdet(np.eye(1)))


def inexact(tracer: Tracer, name: str, items: Sequence[Array]) -> DType:
    """The dtype LAPACK computes in, as NumPy chooses it."""
    kinds = [i.dtype for i in items]
    if any(k.kind not in "biufc" for k in kinds):
        tracer.refuse("operand", name=name, types=" and ".join(map(describe, items)))
    found = dtype_of(np.result_type(*(k.numpy if k.kind in "fc" else np.dtype(np.float64) for k in kinds)))
    assert found is not None
    return found


def matrix(tracer: Tracer, name: str, item: Object, square: bool = True) -> Array:
    array = array_only(tracer, item)
    if array.rank < 2:
        tracer.refuse("contract", name=name, problem=f"needs a matrix, not an array of {array.rank} dimensions")
    if square:
        n, m = tracer.extents(array)[-2:]
        require_same(tracer, n, m, "Last 2 dimensions of the array must be square")
    return array


def call(tracer: Tracer, row: str, contents: Sequence[ArrayValue], fault: str | None) -> list[Any]:
    """The results of a row, without the last, after the check of it."""
    values = [c.value for c in contents]
    try:
        made = tracer.builder.op(row, values)
    except InferenceError:
        kinds = " and ".join(str(c.dtype) for c in contents)
        tracer.refuse("operand", name=f"np.linalg.{row}", types=f"matrices of {kinds} in compiled code")
    if fault is not None:
        tracer.check(made.results[-1], "linalg", fault)
    return list(made.results[:-1])


def _content(tracer: Tracer, name: str, item: Object) -> ArrayValue:
    array = matrix(tracer, name, item)
    dtype = inexact(tracer, name, [array])
    content = tracer.read(array)
    return ArrayValue(tracer.builder.cast(content.value, dtype), content.extents)


def _wrapped(tracer: Tracer, value: Any, extents: Any) -> Object:
    return tracer.fresh(ArrayValue(value, tuple(extents))) if extents else Scalar(value, False)


def inv(tracer: Tracer, a: Object) -> Object:
    content = _content(tracer, "np.linalg.inv", a)
    return _wrapped(tracer, call(tracer, "inv", [content], SINGULAR)[0], content.extents)


def det(tracer: Tracer, a: Object) -> Object:
    content = _content(tracer, "np.linalg.det", a)
    return _wrapped(tracer, call(tracer, "det", [content], None)[0], content.extents[:-2])


def slogdet(tracer: Tracer, a: Object) -> Object:
    content = _content(tracer, "np.linalg.slogdet", a)
    parts = [_wrapped(tracer, v, content.extents[:-2]) for v in call(tracer, "slogdet", [content], None)]
    return Tuple(SignResult, tuple(parts), SignResult._fields)


def cholesky(tracer: Tracer, a: Object) -> Object:
    content = _content(tracer, "np.linalg.cholesky", a)
    made = call(tracer, "cholesky", [content], "Matrix is not positive definite")
    return _wrapped(tracer, made[0], content.extents)


def _lower(tracer: Tracer, uplo: Object) -> None:
    if uplo not in (Static("L"), Static("l")):
        tracer.refuse("call", name='UPLO="U"', help="Pass the transpose: `a.T`.")


def eigh(tracer: Tracer, a: Object, UPLO: Object = Static("L")) -> Object:
    _lower(tracer, UPLO)
    content = _content(tracer, "np.linalg.eigh", a)
    w, v = call(tracer, "eigh", [content], "Eigenvalues did not converge")
    parts = _wrapped(tracer, w, content.extents[:-1]), _wrapped(tracer, v, content.extents)
    return Tuple(EigenResult, parts, EigenResult._fields)


def eigvalsh(tracer: Tracer, a: Object, UPLO: Object = Static("L")) -> Object:
    _lower(tracer, UPLO)
    content = _content(tracer, "np.linalg.eigvalsh", a)
    made = call(tracer, "eigvalsh", [content], "Eigenvalues did not converge")
    return _wrapped(tracer, made[0], content.extents[:-1])


def eig(tracer: Tracer, a: Object) -> Object:
    content = _finite(tracer, "np.linalg.eig", a)
    w, v = call(tracer, "eig", [content], "Eigenvalues did not converge")
    parts = _wrapped(tracer, w, content.extents[:-1]), _wrapped(tracer, v, content.extents)
    return Tuple(EigResult, parts, EigResult._fields)


def eigvals(tracer: Tracer, a: Object) -> Object:
    content = _finite(tracer, "np.linalg.eigvals", a)
    made = call(tracer, "eigvals", [content], "Eigenvalues did not converge")
    return _wrapped(tracer, made[0], content.extents[:-1])


def _finite(tracer: Tracer, name: str, a: Object) -> ArrayValue:
    """The matrices, checked as NumPy checks them: LAPACK may not return from others."""
    content = _content(tracer, name, a)
    builder = tracer.builder
    fine = builder.emit("all", builder.emit("isfinite", content.value), axes=tuple(range(len(content.extents))))
    tracer.check(fine, "linalg", "Array must not contain infs or NaNs")
    return content


def svd(tracer: Tracer, a: Object, full_matrices: Object = TRUE, compute_uv: Object = TRUE) -> Object:
    if compute_uv == FALSE:
        return svdvals(tracer, a)
    if full_matrices not in (TRUE, FALSE):
        tracer.refuse("static_needed", what="`full_matrices` of np.linalg.svd")
    content, size, operands = _decomposed(tracer, "np.linalg.svd", a)
    full = full_matrices == TRUE
    made = tracer.builder.op("svd_full" if full else "svd", operands).results
    tracer.check(made[-1], "linalg", NO_SVD)
    *stack, m, n = content.extents
    shapes = (*stack, m, m if full else size), (*stack, size), (*stack, n if full else size, n)
    return Tuple(SvdResult, tuple(map(_wrapped, [tracer] * 3, made, shapes)), SvdResult._fields)


def svdvals(tracer: Tracer, x: Object) -> Object:
    content, size, operands = _decomposed(tracer, "np.linalg.svdvals", x)
    values, fine = tracer.builder.op("svdvals", operands).results
    tracer.check(fine, "linalg", NO_SVD)
    return _wrapped(tracer, values, (*content.extents[:-2], size))


def _decomposed(tracer: Tracer, name: str, a: Object) -> tuple[ArrayValue, Affine, list[Value]]:
    """The matrix, min(m, n), and both as operands."""
    array = matrix(tracer, name, a, square=False)
    content = tracer.read(array)
    value = tracer.builder.cast(content.value, inexact(tracer, name, [array]))
    size = tracer.index.minimum(*content.extents[-2:])
    return content, size, [value, tracer.index.value(size)]


def norm(tracer: Tracer, x: Object, ord: Object = NONE, axis: Object = NONE, keepdims: Object = FALSE) -> Object:
    """Orders of matrices that are not a sum of squares; the rest is in reductions."""
    item = array_only(tracer, x)
    of_matrix = item.rank == 2 and axis == NONE and keepdims == FALSE
    if of_matrix and ord in (Static(2), Static(-2), Static("nuc")):
        pick = {2: reductions.MAX, -2: reductions.MIN, "nuc": reductions.SUM}[ord.value]  # type: ignore[union-attr]
        return pick(tracer, svdvals(tracer, item))
    if of_matrix and isinstance(ord, Static) and ord.value in (1, -1, np.inf, -np.inf):
        along = Static(0 if abs(ord.value) == 1 else 1)
        sums = reductions.SUM(tracer, complexes.absolute(tracer, _float(tracer, item)), along)
        return (reductions.MAX if ord.value > 0 else reductions.MIN)(tracer, sums)
    return reductions.norm(tracer, x, ord, axis, keepdims)


def _float(tracer: Tracer, item: Array) -> Object:
    return arithmetic.convert(tracer, item, F64) if item.dtype.kind in "biu" else item


def solve(tracer: Tracer, a: Object, b: Object) -> Object:
    """A vector b is one right-hand side; any other b is a stack of matrices (NumPy 2)."""
    left, right = matrix(tracer, "np.linalg.solve", a), array_only(tracer, b)
    dtype = inexact(tracer, "np.linalg.solve", [left, right])
    one = right.rank == 1
    x, y = tracer.read(left), tracer.read(right)
    if one:
        y = ArrayValue(tracer.reshape(y.value, (*y.extents, ONE)), (*y.extents, ONE))
    require_same(tracer, x.extents[-1], y.extents[-2], "np.linalg.solve: rows of A and b differ")
    stack = common_extents(tracer, [x.extents[:-2], y.extents[:-2]]) if left.rank > 2 or len(y.extents) > 2 else ()
    contents = []
    for c in (x, y):
        extents = (*stack, *c.extents[-2:])
        value = arithmetic.broadcast_to(tracer, c, extents)
        contents.append(ArrayValue(tracer.builder.cast(value, dtype), extents))
    (made,) = call(tracer, "solve", contents, SINGULAR)
    extents = contents[1].extents
    if one:
        made, extents = tracer.reshape(made, extents[:-1]), extents[:-1]
    return _wrapped(tracer, made, extents)


def matrix_power(tracer: Tracer, a: Object, n: Object) -> Object:
    item: Object = matrix(tracer, "np.linalg.matrix_power", a)
    if not isinstance(n, Static) or type(n.value) is not int:
        if item.rank > 2 or item.dtype.kind in "biu" or scalar_type(n) is None:  # type: ignore[union-attr]
            tracer.refuse("static_needed", what="the exponent of np.linalg.matrix_power of integers or stacks")
        made: Object = SERVICES["inline"](tracer, written_grids.matrix_power, [item, n])
        return made
    exponent = n.value
    if exponent == 0:
        if item.rank > 2:  # type: ignore[union-attr]
            tracer.refuse("call", name="np.linalg.matrix_power(stack, 0)", help="Use `np.eye`.")
        return eye(tracer, tracer.integer(tracer.extents(item)[0]), dtype=Static(item.dtype.numpy.type))  # type: ignore[union-attr, arg-type]
    if exponent < 0:
        item, exponent = inv(tracer, item), -exponent
    result: Object | None = None
    while exponent:
        if exponent & 1:
            result = item if result is None else matmul(tracer, result, item)
        exponent >>= 1
        if exponent:
            item = matmul(tracer, item, item)
    assert result is not None
    return result if n.value not in (1,) else arithmetic.convert(tracer, result, result.dtype)  # type: ignore[union-attr]


def _least_squares(tracer: Tracer, a: ArrayValue, b: ArrayValue, rcond: Value) -> Any:
    size = tracer.index.value(tracer.index.minimum(*a.extents[-2:]))
    made = tracer.builder.op("lstsq", (a.value, b.value, rcond, size)).results
    tracer.check(made[-1], "linalg", "SVD did not converge in Linear Least Squares")
    return made


def lstsq(tracer: Tracer, a: Object, b: Object, rcond: Object = NONE) -> Object:
    """As NumPy in double precision. The residuals are empty where the rank is less than the number of columns."""
    left, right = matrix(tracer, "np.linalg.lstsq", a, square=False), array_only(tracer, b)
    if left.rank != 2 or right.rank > 2:
        tracer.refuse("contract", name="np.linalg.lstsq", problem="takes one matrix and a vector or matrix")
    dtype = inexact(tracer, "np.linalg.lstsq", [left, right])
    wide = C128 if dtype.kind == "c" else F64
    contents = [ArrayValue(tracer.builder.cast(c.value, wide), c.extents) for c in map(tracer.read, (left, right))]
    one = right.rank == 1
    if one:
        extents = (*contents[1].extents, ONE)
        contents[1] = ArrayValue(tracer.reshape(contents[1].value, extents), extents)
    (m, n), count = contents[0].extents, contents[1].extents[1]
    require_same(tracer, m, contents[1].extents[0], "np.linalg.lstsq: rows of A and b differ")
    builder = tracer.builder
    if rcond == NONE:
        larger = builder.cast(tracer.index.value(tracer.index.maximum(m, n)), F64)
        limit = builder.emit("multiply", larger, builder.constant(float(np.finfo(np.float64).eps), F64))
    else:
        limit = arithmetic.scalar_value(tracer, rcond, F64)
    x, residuals, rank, _, _ = _least_squares(tracer, contents[0], contents[1], limit)
    columns = builder.cast(tracer.index.value(n), rank.type.dtype)
    full = builder.emit("equal", rank, columns)
    tall = builder.emit("greater", tracer.index.value(m), tracer.index.value(n))
    kept = builder.emit("where", builder.emit("bitwise_and", full, tall), tracer.index.value(count), builder.integer(0))
    tracer.index.suppose_natural(kept)
    some = builder.emit("slice", residuals, builder.integer(0), kept, steps=(1,), drop=())
    values = builder.op("svdvals", (contents[0].value, tracer.index.value(tracer.index.minimum(m, n)))).results[0]
    real = PART.get(dtype, dtype)
    found = builder.cast(tracer.reshape(x, (n,)) if one else x, dtype)
    return Tuple(tuple, (
        _wrapped(tracer, found, (n,) if one else (n, count)),
        _wrapped(tracer, builder.cast(some, real), (tracer.index.of(kept),)), Scalar(rank, False),
        _wrapped(tracer, builder.cast(values, real), (tracer.index.minimum(m, n),)),
    ))  # fmt: skip


def pinv(tracer: Tracer, a: Object, rcond: Object = NONE, hermitian: Object = FALSE) -> Object:
    """The least squares solution for the identity."""
    if hermitian != FALSE:
        tracer.refuse("call", name="np.linalg.pinv(hermitian=True)", help="Leave it out.")
    array = matrix(tracer, "np.linalg.pinv", a, square=False)
    dtype, content = inexact(tracer, "np.linalg.pinv", [array]), tracer.read(array)
    wide = C128 if dtype.kind == "c" else F64
    content = ArrayValue(tracer.builder.cast(content.value, wide), content.extents)
    *stack, m, n = content.extents
    builder = tracer.builder
    sizes = [tracer.index.value(e) for e in (*stack, m, m)]
    rows, columns = (builder.broadcast(builder.emit("iota", sizes[-1]), sizes, (len(stack) + k,)) for k in (0, 1))
    ones = builder.emit("where", builder.emit("equal", rows, columns), builder.constant(1, wide), builder.constant(0, wide))
    limit = builder.constant(1e-15, F64) if rcond == NONE else arithmetic.scalar_value(tracer, rcond, F64)
    made = _least_squares(tracer, content, ArrayValue(ones, (*stack, m, m)), limit)[0]
    return _wrapped(tracer, builder.cast(made, dtype), (*stack, n, m))


LINALG: dict[Any, Any] = {
    np.linalg.solve: solve, np.linalg.inv: inv, np.linalg.det: det, np.linalg.slogdet: slogdet,
    np.linalg.cholesky: cholesky, np.linalg.eigh: eigh, np.linalg.eigvalsh: eigvalsh,
    np.linalg.matrix_power: matrix_power, np.linalg.svd: svd, np.linalg.norm: norm,
    np.linalg.lstsq: lstsq, np.linalg.eig: eig, np.linalg.eigvals: eigvals, np.linalg.pinv: pinv,
}  # fmt: skip
if hasattr(np.linalg, "svdvals"):
    LINALG[np.linalg.svdvals] = svdvals
