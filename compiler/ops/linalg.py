"""Linear algebra by LAPACK, through NumPy's own loops. Derivatives after Giles, "An extended collection of matrix
derivative results for forward and reverse mode algorithmic differentiation" (Oxford 2008); only the forward rules are
written here, the reverse ones are their transposes (passes/autodiff/transposed.py).

All matrices may be stacks: the last two axes are the matrix. Complex: solve, inv and det are differentiable (their rules
need no conjugation); slogdet, cholesky and eigh are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Op, Value
from wengert.compiler.ir.types import BOOL
from wengert.compiler.ops.library import row

# -- products and parts of stacks of matrices


def product(b: Builder, x: Value, y: Value) -> Value:
    """x @ y"""
    n = x.type.rank
    batch = tuple(range(n - 2))
    return b.emit("dot_general", x, y, contract=((n - 1,), (n - 2,)), batch=(batch, batch))


def turned(b: Builder, x: Value) -> Value:
    """The transposes."""
    n = x.type.rank
    return b.emit("transpose", x, axes=(*range(n - 2), n - 1, n - 2))


def first(op: Op) -> Value:
    return op.results[0]


def _places(b: Builder, x: Value) -> tuple[Value, Value]:
    """The row and the column of every element."""
    extents, n = b.extents(x), x.type.rank
    rows, columns = (b.broadcast(b.emit("iota", extents[k]), extents, (k,)) for k in (n - 2, n - 1))
    return rows, columns


def part(b: Builder, x: Value, where: str) -> Value:
    """The elements for which row `where` column, zero elsewhere."""
    return b.emit("where", b.emit(where, *_places(b, x)), x, b.constant(0, x.type.dtype))


def seen(b: Builder, x: Value) -> Value:
    """The symmetric matrix of which the lower triangle of x is a half."""
    return b.emit("add", part(b, x, "greater_equal"), turned(b, part(b, x, "greater")))


def _diagonal(b: Builder, x: Value) -> Value:
    return b.emit("sum", part(b, x, "equal"), axes=(x.type.rank - 1,))


def _fine(b: Builder) -> Value:
    return b.constant(True, BOOL)


def _inverse(b: Builder, a: Value) -> Value:
    return first(b.op("inv", (a,)))


def _real(op: Op) -> None:
    """For rules that would need conjugation."""
    if op.operands[0].type.dtype.kind == "c":
        raise DifferentiationError(
            f"`{op.name}` of complex matrices has no derivative",
            op.span,
            "use real matrices, or give the function around it a rule with `wengert.custom_derivative`",
        )


# -- forward rules


def _push_solve(ctx: Any, op: Op, da: Value | None, db: Value | None) -> Sequence[Value]:
    """A X = B: dX = A⁻¹ (dB - dA X)"""
    b: Builder = ctx.builder
    a, x = ctx.primal(op.operands[0]), ctx.primal(first(op))
    right = db
    if da is not None:
        moved = b.emit("negative", product(b, da, x))
        right = moved if right is None else b.emit("add", right, moved)
    return first(b.op("solve", (a, right))), _fine(b)  # type: ignore[arg-type]


def _pull_solve(ctx: Any, op: Op, cotangent: Value, fine: Value) -> None:
    """B gets G = A⁻ᵀ X̄, and A gets -G Xᵀ. By hand, since the forward rule is a `solve` itself."""
    b: Builder = ctx.builder
    a, right = op.operands
    found = first(b.op("solve", (turned(b, ctx.primal(a)), cotangent)))
    ctx.add(right, found)
    if ctx.wants(a):
        ctx.add(a, b.emit("negative", product(b, found, turned(b, ctx.primal(first(op))))))


def _push_inv(ctx: Any, op: Op, da: Value) -> Sequence[Value]:
    """dX = -X dA X"""
    b, x = ctx.builder, ctx.primal(first(op))
    return b.emit("negative", product(b, product(b, x, da), x)), _fine(b)


def _log_det(b: Builder, a: Value, da: Value) -> Value:
    """tr(A⁻¹ dA)"""
    n = a.type.rank
    return b.emit("sum", b.emit("multiply", turned(b, _inverse(b, a)), da), axes=(n - 2, n - 1))


def _push_det(ctx: Any, op: Op, da: Value) -> Sequence[Value]:
    b = ctx.builder
    change = _log_det(b, ctx.primal(op.operands[0]), da)
    return b.emit("multiply", change, ctx.primal(first(op))), _fine(b)


def _push_slogdet(ctx: Any, op: Op, da: Value) -> Sequence[Value]:
    _real(op)
    b, (sign, _, _) = ctx.builder, op.results
    return b.zeros_like(ctx.primal(sign)), _log_det(b, ctx.primal(op.operands[0]), da), _fine(b)


def _push_cholesky(ctx: Any, op: Op, da: Value) -> Sequence[Value]:
    """dL = L Φ(L⁻¹ dA L⁻ᵀ), where Φ takes the lower triangle and half of the diagonal."""
    _real(op)
    b: Builder = ctx.builder
    lower = ctx.primal(first(op))
    inverse = _inverse(b, lower)
    inner = product(b, product(b, inverse, seen(b, da)), turned(b, inverse))
    half = b.emit("multiply", part(b, inner, "equal"), b.constant(0.5, inner.type.dtype))
    return product(b, lower, b.emit("add", part(b, inner, "greater"), half)), _fine(b)


def _push_eigh(ctx: Any, op: Op, da: Value) -> Sequence[Value]:
    """With P = Vᵀ dA V: dw = diag P, dV = V (P / (w_j - w_i), 0 on the diagonal)."""
    _real(op)
    b: Builder = ctx.builder
    w, v = (ctx.primal(r) for r in op.results[:2])
    inner = product(b, product(b, turned(b, v), seen(b, da)), v)
    extents, n = b.extents(inner), inner.type.rank
    stack = tuple(range(n - 2))
    gaps = b.emit("subtract", b.broadcast(w, extents, (*stack, n - 1)), b.broadcast(w, extents, (*stack, n - 2)))
    zero = b.constant(0, inner.type.dtype)
    on_diagonal = b.emit("equal", *_places(b, inner))
    scale = b.emit("where", on_diagonal, zero, (1.0 / Sym(b, gaps)).value)
    return _diagonal(b, inner), product(b, v, b.emit("multiply", inner, scale)), _fine(b)


def _push_eigvalsh(ctx: Any, op: Op, da: Value) -> Sequence[Value]:
    _real(op)
    b: Builder = ctx.builder
    v = b.op("eigh", (ctx.primal(op.operands[0]),)).results[1]
    return _diagonal(b, product(b, product(b, turned(b, v), seen(b, da)), v)), _fine(b)


def _push_svd(ctx: Any, op: Op, da: Value, size: None) -> Sequence[Value]:
    """With P = Uᵀ dA V and F = 1 / (s_j² - s_i²), 0 on the diagonal:

    ds = diag P,  dU = U (F ∘ (P S + S Pᵀ)) + (1 - U Uᵀ) dA V S⁻¹,  and dV the same of the transpose.
    """
    _real(op)
    b: Builder = ctx.builder
    u, s, vh = (ctx.primal(r) for r in op.results[:3])
    v = turned(b, vh)
    moved = product(b, da, v)
    inner = product(b, turned(b, u), moved)
    extents, n = b.extents(inner), inner.type.rank
    stack = tuple(range(n - 2))
    rows, columns = (Sym(b, b.broadcast(s, extents, (*stack, k))) for k in (n - 2, n - 1))
    zero = b.constant(0, inner.type.dtype)
    on_diagonal = b.emit("equal", *_places(b, inner))
    scale = Sym(b, b.emit("where", on_diagonal, zero, (1.0 / ((columns - rows) * (columns + rows))).value))
    p, q = Sym(b, inner), Sym(b, turned(b, inner))

    def vectors(x: Value, turn: Sym, change: Value) -> Value:
        """x turn + (1 - x xᵀ) change S⁻¹"""
        rest = b.emit("subtract", change, product(b, x, product(b, turned(b, x), change)))
        inverse = b.broadcast((1.0 / Sym(b, s)).value, b.extents(rest), (*stack, n - 1))
        return b.emit("add", product(b, x, turn.value), b.emit("multiply", rest, inverse))

    du = vectors(u, scale * (p * columns + rows * q), moved)
    dv = vectors(v, scale * (rows * p + q * columns), product(b, turned(b, da), u))
    return du, _diagonal(b, inner), turned(b, dv), _fine(b)


def _push_svdvals(ctx: Any, op: Op, da: Value, size: None) -> Sequence[Value]:
    _real(op)
    b: Builder = ctx.builder
    u, _, vh, _ = b.op("svd", [ctx.primal(v) for v in op.operands]).results
    return _diagonal(b, product(b, product(b, turned(b, u), da), turned(b, vh))), _fine(b)


def _no_rule(op: Op, help: str) -> NoReturn:
    raise DifferentiationError(f"`np.linalg.{op.name.removesuffix('_full')}` has no derivative here", op.span, help)


def _push_svd_full(ctx: Any, op: Op, da: Value, size: None) -> Sequence[Value]:
    """Of square matrices, which are known as such at run time only, it is `svd`."""
    a = op.operands[0]
    m, n = a.type.shape[-2:]
    if None not in (m, n) and m != n:
        _no_rule(op, "pass `full_matrices=False`: the further vectors are arbitrary, only the first min(m, n) have a derivative")
    b = ctx.builder
    rows, columns = b.extents(ctx.primal(a))[-2:]
    message = "the full np.linalg.svd has a derivative for square matrices only: pass full_matrices=False"
    b.op("check", (b.emit("equal", rows, columns),), fault="value", message=message)
    return _push_svd(ctx, op, da, size)


def _push_eig(ctx: Any, op: Op, da: Value) -> Sequence[Value]:
    _no_rule(op, "use `np.linalg.eigh` if the matrix is symmetric, or give the function around it a rule with `wengert.custom_derivative`")


def _complex_eig(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """np.linalg.eig, complex also where all eigenvalues are real: a type may not depend on data."""
    w, v = np.linalg.eig(a)
    kind = np.result_type(a.dtype, np.complex64)
    return w.astype(kind), v.astype(kind)


def _numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: tuple(found) if isinstance(found := function(*xs), tuple) else found


def _identity(b: Builder, a: Value) -> Value:
    """The identity of as many rows as `a`, for each matrix."""
    *stack, m, _ = b.extents(a)
    return part(b, b.broadcast(b.constant(1, a.type.dtype), [*stack, m, m]), "equal")


def _push_lstsq(ctx: Any, op: Op, da: Value | None, db: Value | None, *_: Any) -> Sequence[Value]:
    """x = P b with the pseudo-inverse P of A, of constant rank (Golub and Pereyra, SIAM J. Numer. Anal. 10, 1973):
    dx = P (db - dA x) + P Pᵀ dAᵀ (b - A x) + (I - P A) dAᵀ Pᵀ x, and d |b - A x|² = 2 (b - A x)ᵀ (db - dA x)."""
    _real(op)
    b: Builder = ctx.builder
    a, right, *numbers = (ctx.primal(v) for v in op.operands)
    x, residuals, rank, values = (ctx.primal(v) for v in op.results[:4])
    inverse = first(b.op("lstsq", (a, _identity(b, a), *numbers)))
    rest = b.emit("subtract", right, product(b, a, x))
    change = db
    if da is not None:
        moved = b.emit("negative", product(b, da, x))
        change = moved if change is None else b.emit("add", change, moved)
    dx = product(b, inverse, change)  # type: ignore[arg-type]
    if da is not None:
        back = turned(b, da)
        dx = b.emit("add", dx, product(b, inverse, product(b, turned(b, inverse), product(b, back, rest))))
        off = product(b, back, product(b, turned(b, inverse), x))
        dx = b.emit("add", dx, b.emit("subtract", off, product(b, inverse, product(b, a, off))))
    n = right.type.rank
    twice = b.emit("multiply", b.emit("multiply", rest, change), b.constant(2, a.type.dtype))  # type: ignore[arg-type]
    squares = b.emit("sum", twice, axes=(n - 2,))
    return dx, squares, b.zeros_like(rank), b.zeros_like(values), _fine(b)


row("solve", "solve", "(m,m),(m,n)->(m,n)", np.linalg.solve, _push_solve, ("solve",), pullback=_pull_solve, doc="X with A X = B; operands: A, B")  # fmt: skip
row("inv", "inv", "(m,m)->(m,m)", np.linalg.inv, _push_inv, ("inv",), doc="the inverse")
row("det", "det", "(m,m)->()", np.linalg.det, _push_det, ("det",), kinks="at singular matrices: NaN", doc="the determinant")
row("slogdet", "slogdet", "(m,m)->(),()", _numpy(np.linalg.slogdet), _push_slogdet, ("slogdet",), kinks="at singular matrices: NaN", doc="sign and logarithm of the determinant")  # fmt: skip
row("cholesky", "cholesky_lo", "(m,m)->(m,m)", np.linalg.cholesky, _push_cholesky, ("cholesky",), kinks="only the lower triangle is read: the derivative in the elements above the diagonal is 0", doc="lower triangular L with L Lᵀ = A")  # fmt: skip
row("eigh", "eigh_lo", "(m,m)->(m),(m,m)", _numpy(np.linalg.eigh), _push_eigh, ("eigh",), kinks="only the lower triangle is read: the derivative in the elements above the diagonal is 0; vectors of repeated eigenvalues: NaN or infinite", doc="eigenvalues in ascending order, and eigenvectors as columns")  # fmt: skip
row("eigvalsh", "eigvalsh_lo", "(m,m)->(m)", np.linalg.eigvalsh, _push_eigvalsh, ("eigvalsh",), kinks="as eigh; repeated eigenvalues: those of the vectors LAPACK gives", doc="eigenvalues in ascending order")  # fmt: skip
_VALUES = "repeated singular values: the vectors' derivatives are NaN or infinite"
row("svd", "svd_s", "(m,n)->(m,p),(p),(p,n)", _numpy(lambda a: np.linalg.svd(a, full_matrices=False)), _push_svd, ("svd",), kinks=_VALUES, doc="U, s, Vᴴ with p = min(m, n) columns, values and rows; operands: A, p")  # fmt: skip
row("svd_full", "svd_f", "(m,n)->(m,m),(p),(n,n)", _numpy(np.linalg.svd), _push_svd_full, ("svd",), kinks="of square matrices as svd, of others no derivative", doc="U, s, Vᴴ with all columns and rows; operands: A, p = min(m, n)")  # fmt: skip
row("eig", "eig", "(m,m)->(m),(m,m)", _complex_eig, _push_eig, ("eig",), kinks="no derivative", doc="complex eigenvalues, and eigenvectors as columns")  # fmt: skip
row("eigvals", "eigvals", "(m,m)->(m)", lambda a: _complex_eig(a)[0], _push_eig, ("eigvals",), kinks="no derivative", doc="complex eigenvalues")  # fmt: skip
row("svdvals", "svd", "(m,n)->(p)", lambda a: np.linalg.svd(a, compute_uv=False), _push_svdvals, ("svdvals",), kinks="as svd; at a repeated value: that of the vectors LAPACK gives", doc="the singular values in descending order; operands: A, p = min(m, n)")  # fmt: skip
row("lstsq", "lstsq", "(m,n),(m,k),()->(n,k),(k),(),(p)", lambda a, b, rcond: np.linalg._umath_linalg.lstsq(a, b, rcond), _push_lstsq, ("lstsq",), kinks="where the rank changes; only in the solution and the residuals", doc="the X of least norm that minimises |A X - B|, squared residuals, rank, singular values; operands: A, B, rcond, p = min(m, n)")  # fmt: skip
