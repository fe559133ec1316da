"""Transforms within compiled code, of functions defined there: what these read of the functions around them is seen by
derivatives and batches of the whole."""

import functools

import numpy as np
import pytest

import wengert.compiler.api as wg

X = np.array([0.3, 0.8, 1.1])
A = np.array([[1.0, 0.5, 0.2], [0.1, -0.7, 0.3], [0.4, 0.6, 2.0]])


def cube(v):
    return v * v * v


def slopes(x, k):
    def inner(v):
        s = 0.0
        for i in range(v.shape[0]):
            s += cube(v[i]) * (i + 1)
        return s

    rows = wg.batch(lambda a, b: a * b + k, in_axes=(0, None))
    return wg.grad(inner)(x) * k + rows(x, 2.0) + wg.grad(lambda v: np.sum(v**2))(x)


def every_transform(x, A):
    def q(v):
        return v @ A @ v + np.sum(x * v)

    (value, gradient), (out, (cotangent,)) = wg.value_and_grad(q)(x), wg.vjp(q)((x,), 2.0)
    out += wg.jvp(q)((x,), (x,))[1] + wg.jit(q)(x) + value
    return wg.hessian(q)(x) @ x + gradient + wg.hvp(q)((x,), x) + cotangent + wg.jacobian(q, mode="reverse")(x) + out


def every_transform_by_hand(x, A):
    S, q = A + A.T, x @ A @ x + x @ x
    return 2 * S @ x + 4 * (S @ x + x) + 3 * q + (S @ x + x) @ x


def over_trips(x, n):
    """The function changes from trip to trip, what it reads too."""
    s = x
    for i in range(n):
        s = 0.3 * (s + wg.grad(lambda v: np.sin(v) * i + x * v * s)(s))  # noqa: B023
    return s


def over_trips_by_hand(x, n):
    s = x
    for i in range(n):
        s = 0.3 * (s + np.cos(s) * i + x * s)
    return s


def helpers_and_defaults(x, k):
    def a(v, p=k):
        return v * p

    def power(v, n):
        return k if n == 0 else v * power(v, n - 1)

    weights, k = {"w": (k, x)}, k + 1.0  # `power` reads the later one, as Python does
    return wg.grad(wg.grad(lambda v: a(v) ** 2 + power(v, 3) * weights["w"][0]))(x) + wg.grad(functools.partial(a, p=k))(x)


def implicit_steps(p, n):
    x = 1.0
    for _ in range(n):
        x = wg.root(lambda z: z - x + 0.1 * p * z * z, x) + 0.0 * wg.fixed_point(lambda z: 0.5 * np.cos(z * p) + x, x)  # noqa: B023
    return x


def implicit_steps_by_hand(p, n):
    x = 1.0
    for _ in range(n):
        x = (np.sqrt(1.0 + 0.4 * p * x) - 1.0) / (0.2 * p)
    return x


CASES = [
    (slopes, (X, 2.0), lambda x, k: 3 * x**2 * np.arange(1, 4) * k + 4 * x + k),
    (every_transform, (X, A), every_transform_by_hand),
    (over_trips, (0.4, 5), over_trips_by_hand),
    (helpers_and_defaults, (0.7, 2.0), lambda x, k: 2 * k**2 + 6 * x * k * (k + 1) + k + 1),
    (implicit_steps, (0.7, 5), implicit_steps_by_hand),
]


@pytest.mark.parametrize(("f", "args", "by_hand"), CASES, ids=lambda v: getattr(v, "__name__", None))
def test_values_and_derivatives_of_the_whole(f, args, by_hand):
    np.testing.assert_allclose(wg.jit(f)(*args), by_hand(*args), rtol=1e-11)
    rng, h = np.random.default_rng(0), 1e-5
    moves = tuple(None if isinstance(a, int) else rng.standard_normal(np.shape(a)) for a in args)
    moves = tuple(float(m) if m is not None and np.ndim(m) == 0 else m for m in moves)
    ends = [by_hand(*(a if m is None else a + s * m for a, m in zip(args, moves, strict=True))) for s in (h, -h)]
    _, tangent = wg.jvp(f)(args, moves)
    np.testing.assert_allclose(tangent, (ends[0] - ends[1]) / (2 * h), rtol=1e-6)
    weights = np.ones(np.shape(tangent))[()]
    _, cotangents = wg.vjp(f)(args, weights)
    total = sum(np.sum(c * m) for c, m in zip(cotangents, moves, strict=True) if m is not None)
    assert total == pytest.approx(np.sum(weights * tangent), rel=1e-10)


def test_batches_of_the_whole_and_within():
    def f(rows, w):
        return wg.batch(wg.grad(lambda x: np.sum(x * w) ** 2))(rows)

    np.testing.assert_allclose(wg.jit(f)(A, X), 2 * (A @ X)[:, None] * X)
    stacked = np.stack([X, 2 * X])
    np.testing.assert_allclose(wg.batch(f, (None, 0))(A, stacked), [f(A, w) for w in stacked])


def written_around(x):
    kept = np.zeros(3)

    def g(v):
        kept[0] = v
        return v * v

    return wg.grad(g)(x[0])


def written_argument(x):
    def g(v):
        v[0] = 3.0
        return np.sum(v * x)

    return wg.grad(g)(x)


def too_many(x):
    return wg.grad(lambda v: np.sum(v * x), 1)(x)


def of_a_list(x):
    xs = []
    for i in range(len(x)):
        xs.append(x[i])
    return wg.grad(lambda v: v * xs[0])(x[1])


REFUSED = {
    written_around: "writes an array of the function around it",
    written_argument: "`v` is written by the function, and `x` may be",
    too_many: "called with 1 arguments",
    of_a_list: "cannot read it",
}


@pytest.mark.parametrize(("f", "says"), REFUSED.items(), ids=lambda v: getattr(v, "__name__", ""))
def test_what_cannot_be_is_refused_at_its_line(f, says):
    with pytest.raises(wg.errors.WengertError, match=says) as caught:
        wg.jit(f)(X)
    assert caught.value.line is not None
