"""The public API, as written in its contract: names, calling conventions, structures, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import wengert as wg

X = np.array([0.3, -0.7, 1.1])


def product(x, y):
    return x * x * y + np.sin(y)


def norm(x):
    return np.sum(x * x * x)


def outer(x, y):
    a = np.empty((x.shape[0], y.shape[0]))
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            a[i, j] = np.sin(x[i]) * y[j]
    return a


def scale(x, factor):
    for i in range(x.shape[0]):
        x[i] = x[i] * factor


def scale_and_sum(x, factor):
    x *= factor
    return x.sum()


@dataclass
class State:
    position: np.ndarray
    mass: float


class Pair(NamedTuple):
    left: np.ndarray
    right: float


def energy(s, k):
    return 0.5 * k * np.sum(s.position**2) * s.mass


def differences(f, x, h=1e-6):
    """Central differences of f at the array x."""
    flat = np.asarray(x, dtype=float)
    columns = []
    for k in range(flat.size):
        d = np.zeros(flat.size)
        d[k] = h
        d = d.reshape(flat.shape)
        columns.append((np.asarray(f(flat + d)) - np.asarray(f(flat - d))) / (2 * h))
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape(stacked.shape[:-1] + flat.shape)


def test_jit_computes_and_keeps_the_name() -> None:
    f = wg.jit(product)
    assert f(2.0, 3.0) == product(2.0, 3.0) and f.__name__ == "product"
    assert isinstance(f(2.0, 3.0), float)
    np.testing.assert_array_equal(f(X, 2.0), product(X, 2.0))


def test_jit_takes_keywords_and_defaults() -> None:
    def f(x, a=2.0, b=3.0):
        return x * a + b

    assert wg.jit(f)(1.0) == 5.0
    assert wg.jit(f)(1.0, b=1.0) == 3.0
    with pytest.raises(TypeError):
        wg.jit(f)(1.0, c=1.0)


def test_jit_writes_into_the_callers_arrays() -> None:
    x = X.copy()
    assert wg.jit(scale)(x, 2.0) is None
    np.testing.assert_array_equal(x, 2 * X)
    y = X.copy()
    assert wg.jit(scale_and_sum)(y, 2.0) == pytest.approx(2 * X.sum())
    np.testing.assert_array_equal(y, 2 * X)


def test_grad_and_its_wrt() -> None:
    assert wg.grad(product)(2.0, 3.0) == pytest.approx(12.0)
    assert wg.grad(product, wrt=1)(2.0, 3.0) == pytest.approx(4.0 + np.cos(3.0))
    assert wg.grad(product, wrt="y")(2.0, 3.0) == pytest.approx(4.0 + np.cos(3.0))
    both = wg.grad(product, wrt=("x", 1))(2.0, 3.0)
    assert isinstance(both, tuple) and both == pytest.approx((12.0, 4.0 + np.cos(3.0)))
    np.testing.assert_allclose(wg.grad(norm)(X), 3 * X**2)


def test_value_and_grad_and_aux() -> None:
    value, gradient = wg.value_and_grad(norm)(X)
    assert value == pytest.approx(norm(X))
    np.testing.assert_allclose(gradient, 3 * X**2)

    def with_aux(x):
        return np.sum(x * x), (x + 1.0, 3)

    gradient, (moved, three) = wg.grad(with_aux, has_aux=True)(X)
    np.testing.assert_allclose(gradient, 2 * X)
    np.testing.assert_allclose(moved, X + 1)
    assert three == 3


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: wg.grad(outer)(X, X), wg.errors.DifferentiationError, "returns one float"),
        (lambda: wg.grad(product)(2, 3.0), wg.errors.DifferentiationError, "no derivative"),
        (lambda: wg.grad(product, wrt="z")(2.0, 3.0), wg.errors.OptionError, "only x, y"),
        (lambda: wg.grad(product, wrt=5)(2.0, 3.0), wg.errors.OptionError, "2 arguments"),
        (lambda: wg.jacobian(norm, mode="sideways"), wg.errors.OptionError, "forward, reverse"),
        (lambda: wg.jit(3), wg.errors.TypeMismatch, "function"),
        (lambda: wg.jvp(product)((2.0, 3.0), (1.0,)), wg.errors.TypeMismatch, "structure"),
        (lambda: wg.vjp(norm)((X,), X), wg.errors.TypeMismatch, "must be of type f64"),
        (lambda: wg.batch(norm, in_axes=(None,))(X), wg.errors.OptionError, "no axis"),
        (lambda: wg.batch(product, in_axes=(0,))(X, X), wg.errors.OptionError, "1 entries"),
        (lambda: wg.batch(product, in_axes=2)(X, X), wg.errors.OptionError, "axis 2"),
        (lambda: wg.offload(norm, "tpu:0"), wg.errors.DeviceError, "cpu"),
        (lambda: wg.offload(norm, "cpu", fallback="gpu"), wg.errors.OptionError, "fallback"),
        (lambda: wg.jit(norm)("text"), wg.errors.TypeMismatch, "x|static|text"),
    ],
)
def test_wrong_use_is_a_wengert_error(call: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_jvp() -> None:
    out, tangent = wg.jvp(product)((X, 2.0), (np.ones(3), None))
    np.testing.assert_array_equal(out, product(X, 2.0))
    np.testing.assert_allclose(tangent, 2 * X * 2.0)
    _, both = wg.jvp(product)((X, 2.0), (np.ones(3), 1.0))
    np.testing.assert_allclose(both, 4 * X + X * X + np.cos(2.0))
    _, none = wg.jvp(product)((X, 2.0), (None, None))
    np.testing.assert_array_equal(none, np.zeros(3))


def test_vjp() -> None:
    ct = np.array([1.0, 2.0, -1.0])
    out, (cx, cy) = wg.vjp(product)((X, 2.0), ct)
    np.testing.assert_array_equal(out, product(X, 2.0))
    np.testing.assert_allclose(cx, ct * 4 * X)
    assert cy == pytest.approx(np.sum(ct * (X * X + np.cos(2.0))))
    _, (ca, none) = wg.vjp(lambda x, n: np.sum(x) * n)((X, 3), 1.0)
    np.testing.assert_allclose(ca, np.full(3, 3.0))
    assert none is None
    _, (zero, _) = wg.vjp(product)((X, 2.0), None)
    np.testing.assert_array_equal(zero, np.zeros(3))


def test_written_arguments_are_results_of_jvp_and_vjp() -> None:
    x, ct = X.copy(), np.array([1.0, 2.0, 3.0])
    (returned, written), (no_tangent, tangent) = wg.jvp(scale)((x, 2.0), (np.ones(3), 1.0))
    assert returned is None and no_tangent is None
    np.testing.assert_allclose(written, 2 * X)
    np.testing.assert_allclose(tangent, 2 + X)
    (returned, written), (cx, cf) = wg.vjp(scale)((x, 2.0), (None, ct))
    np.testing.assert_allclose(written, 2 * X)
    np.testing.assert_allclose(cx, 2 * ct)
    assert cf == pytest.approx(ct @ X)
    (total, written), (cx, _) = wg.vjp(scale_and_sum)((x, 2.0), (1.0, None))
    np.testing.assert_allclose(cx, np.full(3, 2.0))
    np.testing.assert_array_equal(x, X, err_msg="the caller's array was touched")


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobian(mode: str) -> None:
    y = np.array([1.5, -0.5])
    j = wg.jacobian(outer, mode=mode)(X, y)
    assert j.shape == (3, 2, 3)
    np.testing.assert_allclose(j, differences(lambda x: outer(x, y), X), atol=1e-8)
    jx, jy = wg.jacobian(outer, wrt=(0, 1), mode=mode)(X, y)
    np.testing.assert_allclose(jx, j)
    np.testing.assert_allclose(jy, differences(lambda v: outer(X, v), y), atol=1e-8)
    assert wg.jacobian(product, mode=mode)(2.0, 3.0) == pytest.approx(12.0)
    m = np.arange(6.0).reshape(2, 3)
    j = wg.jacobian(lambda a: a @ a.T, mode=mode)(m)
    assert j.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(j, differences(lambda a: a @ a.T, m), atol=1e-7)


def test_jacobian_picks_the_cheaper_mode() -> None:
    tall = wg.jacobian(lambda x: np.ones(10) * np.sum(x))
    tall(X)
    assert tall.chosen_mode == "forward"
    wide = wg.jacobian(lambda x: np.sum(x * x))
    wide(X)
    assert wide.chosen_mode == "reverse"


def test_jacobian_of_a_function_that_writes() -> None:
    x = X.copy()
    returned, j = wg.jacobian(scale)(x, 2.0)
    assert returned is None
    np.testing.assert_allclose(j, 2 * np.eye(3))
    np.testing.assert_array_equal(x, X)


def test_hessian_and_hvp() -> None:
    def f(x):
        return np.sum(np.sin(x) * x[::-1])

    h = wg.hessian(f)(X)
    np.testing.assert_allclose(h, differences(lambda x: wg.grad(f)(x), X), atol=1e-7)
    np.testing.assert_allclose(h, h.T)
    v = np.array([1.0, -1.0, 0.5])
    np.testing.assert_allclose(wg.hvp(f)((X,), v), h @ v)
    assert wg.hessian(product)(2.0, 3.0) == pytest.approx(6.0)
    assert wg.grad(wg.grad(product))(2.0, 3.0) == pytest.approx(6.0)
    assert wg.grad(wg.grad(wg.grad(lambda x: x**4)))(2.0) == pytest.approx(48.0)


def test_user_types_go_in_and_come_out() -> None:
    s = State(X.copy(), 2.0)
    g = wg.grad(energy)(s, 3.0)
    assert isinstance(g, State)
    np.testing.assert_allclose(g.position, 3.0 * X * 2.0)
    assert g.mass == pytest.approx(1.5 * np.sum(X**2))

    def swap(p, q):
        return Pair(p.left * q, p.right + q)

    result = wg.jit(swap)(Pair(X, 1.0), 2.0)
    assert isinstance(result, Pair) and result.right == 3.0
    np.testing.assert_array_equal(result.left, 2 * X)


def test_integer_parts_of_a_structure_have_no_gradient() -> None:
    @dataclass
    class Mixed:
        x: np.ndarray
        n: int

    g = wg.grad(lambda m: np.sum(m.x) * m.n)(Mixed(X, 4))
    assert g.n is None
    np.testing.assert_allclose(g.x, np.full(3, 4.0))


def test_batch() -> None:
    xs = np.stack([X, 2 * X, -X, X + 1])
    np.testing.assert_allclose(wg.batch(norm)(xs), [norm(x) for x in xs])
    np.testing.assert_allclose(wg.vmap(norm)(xs), [norm(x) for x in xs])
    np.testing.assert_allclose(wg.batch(norm)([X, 2 * X]), [norm(X), norm(2 * X)])
    np.testing.assert_allclose(wg.batch(norm, in_axes=1)(xs.T), [norm(x) for x in xs])
    np.testing.assert_allclose(wg.batch(norm, in_axes=-1)(xs.T), [norm(x) for x in xs])
    got = wg.batch(product, in_axes=(0, None))(xs, 2.0)
    np.testing.assert_allclose(got, product(xs, 2.0))
    moved = wg.batch(product, in_axes=(0, None), out_axes=1)(xs, 2.0)
    np.testing.assert_allclose(moved, product(xs, 2.0).T)
    assert wg.batch(norm)(np.empty((0, 3))).shape == (0,)


def test_batch_of_loops_branches_and_structures() -> None:
    def collatz(n):
        steps = 0
        while n != 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
        return steps

    ns = np.arange(1, 30)
    np.testing.assert_array_equal(wg.batch(collatz)(ns), [collatz(int(n)) for n in ns])
    states = State(np.stack([X, 2 * X]), np.array([1.0, 3.0]))
    gradients = wg.batch(wg.grad(energy), in_axes=(0, None))(states, 2.0)
    assert isinstance(gradients, State) and gradients.position.shape == (2, 3)
    one = wg.grad(energy)(State(2 * X, 3.0), 2.0)
    np.testing.assert_allclose(gradients.position[1], one.position)
    assert gradients.mass[1] == pytest.approx(one.mass)


def test_batched_gradients_and_gradients_of_batches_agree() -> None:
    xs = np.stack([X, 2 * X, -X])
    inner = wg.batch(wg.grad(norm))(xs)
    outside = wg.grad(lambda a: np.sum(wg.batch(norm)(a)))(xs)
    np.testing.assert_allclose(inner, 3 * xs**2)
    np.testing.assert_allclose(outside, inner)


def test_batch_leaves_written_arguments_alone() -> None:
    xs = np.stack([X, 2 * X])
    kept = xs.copy()
    returned, written = wg.batch(scale, in_axes=(0, None))(xs, 3.0)
    assert returned is None
    np.testing.assert_allclose(written, 3 * kept)
    np.testing.assert_array_equal(xs, kept)


def test_lanes_must_agree() -> None:
    with pytest.raises(ValueError, match="lanes"):
        wg.batch(product)(X, np.ones(4))


def test_transforms_compose_in_any_order() -> None:
    xs = np.stack([X, 2 * X])
    np.testing.assert_allclose(np.asarray(wg.offload(wg.batch(wg.grad(norm)), "cpu")(xs)), 3 * xs**2)
    np.testing.assert_allclose(wg.batch(wg.hessian(norm))(xs), [np.diag(6 * x) for x in xs])
    np.testing.assert_allclose(wg.jacobian(wg.grad(norm))(X), np.diag(6 * X))
    np.testing.assert_allclose(wg.grad(wg.jit(norm))(X), 3 * X**2)


def test_transforms_inside_compiled_functions() -> None:
    def step(x):
        return x - 0.1 * wg.grad(norm)(x)

    np.testing.assert_allclose(wg.jit(step)(X), X - 0.3 * X**2)


def test_an_offloaded_function_is_not_moved_back_silently() -> None:
    far = wg.offload(norm, "cpu")
    with pytest.raises(wg.errors.UnsupportedError, match="offloaded"):
        wg.jit(lambda x: far(x) + 1.0)(X)


def test_stop_gradient() -> None:
    assert wg.grad(lambda x: x * wg.stop_gradient(x))(3.0) == pytest.approx(3.0)


def test_prange_outside_and_inside() -> None:
    def total(x):
        s = 0.0
        for i in wg.prange(x.shape[0]):
            s += x[i] * x[i]
        return s

    assert wg.jit(total)(X) == pytest.approx(total(X)) == pytest.approx(X @ X)
    np.testing.assert_allclose(wg.grad(total)(X), 2 * X)


def test_extents_of_one_are_specialised() -> None:
    f = wg.jit(lambda x, y: x + y)
    np.testing.assert_array_equal(f(np.ones((3, 1)), np.ones((1, 2))), np.full((3, 2), 2.0))
    np.testing.assert_array_equal(f(np.ones((3, 2)), np.ones((3, 2))), np.full((3, 2), 2.0))
    with pytest.raises(ValueError):
        f(np.ones((3, 2)), np.ones((2, 2)))
    assert len(f.programs) == 2


def test_annotations_compile_at_once_and_are_enforced() -> None:
    def f(x: float, n: int) -> float:
        return x * n

    compiled = wg.jit(f)
    assert len(compiled.programs) == 1
    assert compiled(2, 3) == 6.0
    with pytest.raises(wg.errors.TypeMismatch, match="n of f is declared i64"):
        compiled(2.0, 3.5)
    assert wg.grad(compiled)(2, 3) == 3.0  # what f declares holds for its gradient, too


def test_calls_with_wrong_arguments_are_type_errors() -> None:
    def f(x: float, y: float = 2.0) -> float:
        return x * y

    compiled = wg.jit(f)
    assert compiled(3.0) == 6.0 and compiled(3.0, y=1.0) == 3.0
    for call in (lambda: compiled(), lambda: compiled(1.0, z=2.0), lambda: compiled(1.0, 2.0, 3.0)):
        with pytest.raises(wg.errors.CallError):
            call()
    with pytest.raises(TypeError, match="without x"):
        compiled()


def test_lower_shows_the_stages() -> None:
    lowered = wg.grad(norm).lower(X)
    assert "def norm(x):" in lowered.source
    assert [name for name, _, _ in lowered.stages][:2] == ["typed", "optimised"]
    assert lowered.ir("typed").startswith("func @norm(%x: f64[?])")
    assert "#adjoint" in lowered.ir()
    assert "define" in lowered.llvm
    assert lowered.asm
    graph = lowered.graph
    assert graph.has_adjoint and any(n.mirror for n in graph.nodes)
    with pytest.raises(wg.errors.OptionError):
        lowered.ir("no such stage")
    with pytest.raises(wg.errors.OptionError, match="offload"):
        _ = lowered.ptx


def test_benchmark_says_what_it_could_not_measure() -> None:
    timings = wg.benchmark(norm, X, devices=["cpu", "cuda:7"], seconds=0.02)
    assert [r.device for r in timings.rows] == ["cpu"] and timings.rows[0].median > 0
    assert timings.unavailable[0][0] == "cuda:7"
    assert "cuda:7" in repr(timings)


def test_a_closure_array_is_a_constant() -> None:
    weights = np.array([1.0, 2.0, 3.0])

    def f(x):
        return np.sum(weights * x * x)

    np.testing.assert_allclose(wg.grad(f)(X), 2 * weights * X)


CONTRACT = {"jit", "grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "hvp", "batch", "vmap", "offload", "prange"}
CONTRACT |= {"custom_derivative", "stop_gradient", "checkpoint", "devices", "check", "benchmark", "transfers", "errors"}


def test_every_name_of_the_contract_exists() -> None:
    assert CONTRACT <= set(wg.__all__) <= set(dir(wg))
    for name in wg.__all__:
        assert getattr(wg, name) is not None
    for name in ("WengertError", "CompileError", "TypeMismatch", "UnsupportedError", "RaceError", "DeviceError"):
        assert issubclass(getattr(wg.errors, name), wg.errors.WengertError)
    with pytest.raises(AttributeError, match="no attribute 'vmapp'"):
        _ = wg.vmapp
