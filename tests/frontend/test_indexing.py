"""Advanced indexing and masks as NumPy has them: interpreted, compiled, and differentiated."""

from __future__ import annotations

import copy
import linecache
import re

import numpy as np
import pytest

import wengert as wg
from tests.frontend.oracle import check, compare
from tests.harness.derivatives import check_derivatives
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.tree import flatten

RNG = np.random.default_rng(3)
X, A, B = RNG.normal(size=7), RNG.normal(size=(5, 6)), RNG.normal(size=(3, 4, 5))
I, J, I2 = np.array([2, 0, -1, 2]), np.array([1, 0, 1, 2]), np.array([[0, 1], [2, -2]])

READS = {
    # integer arrays of any rank, beside slices, integers and new axes
    "vector": (lambda x, i: x[i], X, I), "matrix_of_indices": (lambda x, i: x[i], X, I2),
    "rows": (lambda a, i: a[i], A, I2), "columns": (lambda a, i: a[:, i], A, I2),
    "one_column": (lambda a, i: a[i, 1], A, I), "slice_after": (lambda a, i: a[i, 1:3], A, I),
    "pairs": (lambda a, i, j: a[i, j], A, I, J), "apart": (lambda b, i, j: b[i, :, j], B, J[:3], I[:3]),
    "together": (lambda b, i, j: b[:, i, j], B, J, I), "integer_apart": (lambda b, i: b[0, :, i], B, I),
    "integer_together": (lambda b, i: b[:, 0, i], B, I), "new_axis": (lambda b, i: b[i, None, 1:, i], B, J[:3]),
    "broadcast": (lambda b, i, j: b[i[:, None], j], B, J, I), "reversed_slice": (lambda b, i: b[::-1, i, 1::2], B, J),
    "lists": (lambda a: a[[0, 2], [1, 3]], A), "nested_list": (lambda a: a[[[0, 2], [1, 3]]], A),
    "ellipsis": (lambda b, i: b[..., i], B, I), "open_mesh": (lambda b, i: b[np.ix_(i, [0, 1], [2])], B, J),
    "empty": (lambda a, i: a[i], A, np.zeros(0, np.int64)), "small_ints": (lambda x, i: x[i], X, I.astype(np.int8)),
    "of_a_view": (lambda a, i: a.T[1:, ::2][i], A, J), "take": (lambda a, i: a.take(i, axis=1) + np.take(a, 2, 1)[:, None], A, I),
    "take_flat": (lambda a, i: np.take(a, i), A, I2),
    "take_along_axis": (lambda a, i: np.take_along_axis(a, i, axis=1), A, RNG.integers(-6, 6, (5, 3))),
    # masks
    "mask": (lambda x: x[x > 0], X), "mask_sum": (lambda x: (x[x > 0] ** 2).sum(), X), "mask_all": (lambda a: a[a > 0], A),
    "mask_rows": (lambda a: a[a[:, 0] > 0], A), "mask_columns": (lambda a: a[1:, a[0] > 0], A),
    "mask_leading": (lambda b: b[b[:, :, 0] > 0], B), "mask_and_index": (lambda a: a[a[:, 0] > 0, 1], A),
    "mask_none_holds": (lambda x: x[x > 99], X), "mask_of_empty": (lambda x: x[x > 0], X[:0]),
    "two_by_one_mask": (lambda x, y: x[x > 0] * y[x > 0], X, X + 1), "compress": (lambda a: np.compress(a[0] > 0, a, axis=1), A),
    "extract": (lambda a: np.extract(a > 0, a), A),
    # where they hold
    "nonzero": (lambda a: np.nonzero(a > 0), A), "flatnonzero": (lambda a: np.flatnonzero(a > 0), A),
    "where_of_one": (lambda x: np.where(x > 0)[0], X), "argwhere": (lambda a: np.argwhere(a), np.eye(3)),
    "nonzero_used": (lambda a: a[np.nonzero(a > 0)].sum(), A), "count_nonzero": (lambda a: np.count_nonzero(a > 0), A),
    "count_nonzero_axis": (lambda a: np.count_nonzero(a > 0, axis=1), A),
}  # fmt: skip


WRITES = {
    "vector": ("x[i] = 1.5", X, I), "repeated": ("x[i] = v", X, I, RNG.normal(size=4)), "matrix": ("x[i] = v", X, I2, RNG.normal(size=(2, 2))),
    "rows": ("x[i] = v", A, I, RNG.normal(size=6)), "columns": ("x[:, i] += 2.0", A, I), "parts": ("x[1:3, i] = x[2:4, i] * 2", A, I),
    "apart": ("x[i, 1:3, i] = 1.0", B, J[:3]), "integer_apart": ("x[0, :, i] += v", B, I, RNG.normal(size=(4, 4))),
    "swap_rows": ("x[[0, 1]] = x[[1, 0]]", A), "list_value": ("x[i] = [1.0, 2.0, 3.0, 4.0]", X, I),
    "mask": ("x[x > 0] = 2", X), "mask_value": ("x[x > 0] = v[x > 0] * 2 + 1", X, X + 1), "mask_itself": ("x[x > 0] *= x[x > 0]", X),
    "mask_range": ("x[x > 0] = np.arange(np.sum(x > 0))", X), "mask_row": ("x[x[:, 0] > 0] = v", A, RNG.normal(size=6)),
    "mask_and_index": ("x[x[:, 0] > 0, 1] = 7.0", A), "mask_columns": ("x[:, x[0] > 0] += 1.5", A),
    "add_at": ("np.add.at(x, i, v)", X, I, RNG.normal(size=4)), "add_at_rows": ("np.add.at(x, i, 1.0)", A, I),
    "add_at_pairs": ("np.add.at(x, (i, i), 2.0)", A, I), "subtract_at": ("np.subtract.at(x, i, 1.0)", X, I),
    "multiply_at": ("np.multiply.at(x, i, 3.0)", X, I), "maximum_at": ("np.maximum.at(x, i, v)", X, I, RNG.normal(size=4)),
    "put_along_axis": ("np.put_along_axis(x, i, 9.0, 1)", A, RNG.integers(0, 6, (5, 2))),
    "integers": ("x[i] += 1", np.arange(7), I), "complex": ("x[i] = 2j", X + 1j, I), "narrow": ("x[i] = v", X.astype(np.float32), I, X[:4]),
}  # fmt: skip


def function_of(text: str):
    """The function of x, i, v (as far as they occur) that runs a statement."""
    names = [n for n in "xiv" if re.search(rf"\b{n}\b", text)]
    source, name = f"def f({', '.join(names)}):\n    {text}\n", f"<store {text}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {"np": np}
    exec(compile(source, name, "exec"), space)
    return space["f"]


CASES = {f"read {k}": v for k, v in READS.items()} | {
    f"write {k}": (function_of(v[0]), *v[1:]) for k, v in WRITES.items()
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    function, *args = CASES[name]
    traced = check(function, *copy.deepcopy(args))
    ours, theirs = copy.deepcopy(args), copy.deepcopy(args)
    compare(wg.jit(function)(*ours), function(*theirs), 1e-12)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    if args[0].dtype == np.float64 and traced.function.results and any(r.type.dtype.kind == "f" for r in traced.function.results):
        leaves = flatten(tuple(args))[0]
        check_derivatives(traced.function, leaves, order=1, step=2e-4, tolerance=1e-5, smooth="maximum" not in name)


@pytest.mark.parametrize(
    "function, args",
    [
        (lambda x, i: x[i], (X, np.array([0, 7]))),
        (lambda x, i: x[i], (X, np.array([-8]))),
        (lambda a, i: a[i, 1:], (A, np.array([[5]]))),
        (lambda x, m: x[m], (X, np.ones(6, bool))),
        (lambda a, i, j: a[i, j], (A, np.array([0, 1, 2]), np.array([0, 1]))),
    ],
)
def test_outside_raises_as_numpy_and_writes_nothing(function, args) -> None:
    with pytest.raises(IndexError):
        function(*args)
    with pytest.raises((IndexError, ValueError)):
        wg.jit(function)(*args)


def test_masks_through_batches() -> None:
    def f(x, t):
        return np.sqrt(x[x > t]).sum()

    xs = np.abs(RNG.normal(size=(4, 9)))
    ts = np.array([0.1, 0.5, 9.0, 0.0])
    np.testing.assert_allclose(wg.batch(f)(xs, ts), [f(x, t) for x, t in zip(xs, ts, strict=True)])
    np.testing.assert_allclose(wg.batch(wg.grad(f))(xs, ts), np.where(xs > ts[:, None], 0.5 / np.sqrt(xs), 0.0))


def test_a_result_that_differs_between_calls_is_not_batched() -> None:
    with pytest.raises(wg.errors.WengertError):
        wg.batch(lambda x: x[x > 0])(RNG.normal(size=(4, 9)))


def test_one_pass_of_a_mask_serves_its_vectors() -> None:
    def f(x, y):
        m = x > 0
        return x[m] * y[m]

    traced = trace(f, signature_of((X, X)))
    assert sum(op.name == "for" and not op.attrs["parallel"] for op in traced.function.walk()) == 1


def parts_turned(a, b, c, d, e):
    for i in range(len(a)):
        for j in range(i, len(a)):
            a[i : j + 1] = a[i : j + 1][::-1]
            b[i], c[j], d[i], e[j] = a[j], a[i], c[i], b[j]


def test_every_process_makes_the_same_ir() -> None:
    """Nothing depends on the order of sets, which differs from process to process: arrays are carried by the order of their names,
    and bounds are proved from the innermost index outwards, which needs no luck."""
    text = str(wg.jit(parts_turned).lower(X, *4 * [X]).ir("typed"))
    assert re.findall(r"%(\w)\.\d", re.search(r"(.*) = for ", text)[1]) == list("abcde")
    assert not re.search("maximum|minimum|same_extent", text)
    check(parts_turned, X.copy(), *[x.copy() for x in 4 * [X]])
