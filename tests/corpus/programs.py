"""Differentiable programs in NumPy style, kept as data: each runs as plain Python (the oracle) and compiles.

    for program in PROGRAMS:
        args = program.arguments()          fresh, from a seeded generator
        program.function(*args)             may write into array arguments: pass copies
        program.wrt                         positions of the arguments that are differentiable

The functions return a scalar, an array, or a tuple or structure of these, or write into their arguments. Points where
a derivative does not exist are avoided by the sample arguments unless the program is about them (see `kinks`).
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wengert.compiler.frontend.intrinsics import prange

Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class Program:
    """name; function; sample: rng -> arguments; wrt: differentiable argument positions.

    writes: positions of arguments it writes into. kinks: the sample lies on a point without a derivative.
    """

    name: str
    function: Callable[..., Any]
    sample: Callable[[np.random.Generator], tuple[Any, ...]]
    wrt: tuple[int, ...]
    writes: tuple[int, ...] = ()
    kinks: bool = False

    def arguments(self, seed: int = 0) -> tuple[Any, ...]:
        return self.sample(np.random.default_rng(seed))


PROGRAMS: list[Program] = []


def program(
    sample: Callable[[np.random.Generator], tuple[Any, ...]],
    wrt: tuple[int, ...] = (0,),
    writes: tuple[int, ...] = (),
    kinks: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the decorated function to the corpus."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS.append(Program(function.__name__, function, sample, wrt, writes, kinks))
        return function

    return add


def vector(n: int, low: float = 0.3, high: float = 1.5) -> Callable[[np.random.Generator], tuple[Any, ...]]:
    return lambda rng: (rng.uniform(low, high, n),)


# -- scalars


@program(lambda rng: (rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)), wrt=(0, 1))
def scalar_chain(x, y):
    a = x * y + math.sin(x)
    b = a**2 / (1.0 + y)
    return b * math.exp(-a) - x**3


@program(lambda rng: (rng.uniform(0.5, 1.5), 5), wrt=(0,))
def horner(x, n):
    result = 0.0
    for k in range(n, -1, -1):
        result = result * x + 1.0 / (k + 1)
    return result


@program(lambda rng: (rng.uniform(0.2, 0.8),), wrt=(0,))
def early_return(x):
    if x > 2.0:
        return x * x
    y = math.exp(x)
    if y > 1.5:
        return y * x
    return x


@program(lambda rng: (rng.uniform(1.5, 3.0),), wrt=(0,))
def newton_sqrt(a):
    """A `while` whose trip count depends on the data."""
    x = 1.0
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


@program(lambda rng: (rng.uniform(5.0, 9.0), rng.uniform(0.1, 0.3)), wrt=(0, 1))
def cooling(T, k):
    steps = 0
    while T > 1.0:
        T = T - k * T
        steps += 1
        if steps >= 50:
            break
    return T * steps


@program(lambda rng: (rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.4)), wrt=(0, 1))
def nested_while(x, y):
    i = 0
    total = 0.0
    while i < 4:
        j = 0
        p = x
        while p < 2.0 and j < 10:
            p = p * (1.0 + y) + 0.1
            j += 1
        total += p * (i + 1)
        i += 1
    return total


@program(lambda rng: (rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.0)), wrt=(0, 1))
def ternaries(x, y):
    a = x * 2.0 if x > y else y * 3.0
    b = a if 0.0 < a < 10.0 else -a
    return max(a, b * y) + min(x, y) + abs(x - y)


# -- vectors, element by element


@program(vector(8))
def overwrite_own(x):
    """A loop that overwrites the array it reads."""
    x = x.copy()
    for i in range(1, len(x)):
        x[i] = x[i] * x[i - 1] + math.sin(x[i])
    return x.sum()


@program(vector(7), writes=(0,))
def overwrite_argument(x):
    for i in range(1, x.shape[0] - 1):
        x[i] = 0.5 * (x[i - 1] + x[i + 1]) * x[i]
    return (x * x).sum()


@program(lambda rng: (rng.uniform(-1.0, 1.0, 9),))
def branch_in_loop(x):
    """A branch on an active value inside a loop."""
    s = 0.0
    for i in range(len(x)):
        if x[i] > 0.1:
            s += x[i] * x[i]
        elif x[i] < -0.1:
            s -= 3.0 * x[i] * s
        else:
            s = s * 0.5
    return s


@program(lambda rng: (rng.uniform(0.5, 1.5, 6), np.array([0, 3, 3, 5, 1])))
def gather_loop(x, idx):
    s = 0.0
    for i in range(len(idx)):
        s += x[idx[i]] ** 2 * (i + 1)
    return s


@program(lambda rng: (rng.uniform(0.5, 1.5, 5), np.array([2, 0, 2, 2, 4, 1])))
def gather_repeated(x, idx):
    y = np.zeros(len(idx))
    for i in range(len(idx)):
        y[i] = x[idx[i]] * 3.0
    return y


@program(lambda rng: (rng.uniform(0.5, 1.5, 5), np.array([2, 0, 2, 2, 4, 1])))
def gather_vector(x, idx):
    y = x[idx] * np.arange(len(idx))
    return y @ y


@program(lambda rng: (rng.uniform(0.5, 1.5, 6), np.array([0, 1, 1, 3, 0, 1])))
def scatter_add(w, bins):
    h = np.zeros(4)
    for i in range(len(w)):
        h[bins[i]] += w[i] * w[i]
    return h


@program(lambda rng: (rng.uniform(0.2, 1.0, 10), 1.6))
def break_and_continue(x, limit):
    s = 0.0
    for i in range(len(x)):
        if x[i] < 0.4:
            continue
        s += x[i] ** 2
        if s > limit:
            break
    return s


@program(lambda rng: (rng.uniform(0.2, 1.0, 10), 2.0))
def first_above(x, limit):
    """An early return from inside a loop, with for ... else."""
    s = 1.0
    for v in x:
        s = s + s * v
        if s > limit:
            return s * v
    else:
        s = -s
    return s


@program(vector(9))
def overwritten_after_use(x):
    y = x * x
    z = np.sin(y)
    y[:] = z + 1.0
    y[2:5] = y[4:7] * z[2:5]
    z[0] = y[3]
    return (y * z).sum()


def _blend(u, w):
    for k in range(1, len(u)):
        u[k] = math.sin(u[k] + 0.5 * w[k - 1])
    return u[0] * w[-1]


@program(vector(6))
def one_array_given_twice(x):
    v = x.copy()

    def scaled(a):
        a[1:] = a[1:] * v[:-1]
        return a[2] + v[3]

    total = _blend(v, v) + _blend(v[1:], v[:-1]) + _blend(v[::2], v[::-1])
    return total + scaled(v) + np.sum(v * v)


@program(lambda rng: (np.array([0.3, 0.9, 0.05, 2.0, 0.7]), 0.2), wrt=(0,))
def halved_until_small_in_a_loop(x, limit):
    total = 0.0
    for i in range(len(x)):
        v = x[i]
        while v > 0.1:
            v *= 0.5
            if v < limit and i > 2:
                return total + v * total
        total += v
    return total


@program(vector(6), writes=(0,))
def in_place_everything(x):
    x *= 2.0
    x += np.cos(x)
    x[1:] -= 0.3 * x[:-1]
    x[0] /= 3.0
    x[::2] = x[::2] ** 2
    x[-1] = x[0] * x[-2]


@program(vector(7))
def running_sum(x):
    return np.cumsum(x * x) @ np.arange(1.0, 8.0)


@program(vector(6))
def recurrence_two_states(x):
    a, b = 1.0, 0.5
    for v in x:
        a, b = a * b + v, a - b * v
    return a * b


# -- whole-array expressions


@program(lambda rng: (rng.uniform(-1, 1, 7), rng.uniform(-1, 1, 7)), wrt=(0, 1))
def array_expression(x, y):
    return np.exp(-(x**2)) * np.tanh(y) + np.sqrt(1.0 + x * x) / (2.0 + np.cos(y))


@program(lambda rng: (rng.normal(size=8),))
def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


@program(lambda rng: (rng.normal(size=(3, 4)),))
def logsumexp_rows(x):
    m = x.max(axis=1, keepdims=True)
    return (np.log(np.sum(np.exp(x - m), axis=1, keepdims=True)) + m)[:, 0]


@program(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(4, 1))), wrt=(0, 1, 2))
def broadcasting(a, row, column):
    return ((a + row) * column - row[None, :] * 2.0).sum(axis=0)


@program(lambda rng: (rng.normal(size=4), rng.normal(size=5)), wrt=(0, 1))
def pairwise(x, y):
    d = x[:, None] - y[None, :]
    return np.exp(-(d**2)).sum(axis=1)


@program(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)), wrt=(0, 1, 2))
def matmul_chain(A, B, v):
    return np.tanh(A @ B) @ v + A.sum(axis=1)


@program(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)), wrt=(0, 1, 2))
def bilinear(A, x, y):
    return y @ A @ x + np.dot(A.T, y) @ np.outer(x, y).sum(axis=1)


@program(lambda rng: (rng.normal(size=(3, 3)),))
def transposes(A):
    S = 0.5 * (A + A.T)
    S[0, :] = S.T[:, 1] * 2.0
    return (S @ S.T).T[1:, :].sum() + np.trace(S)


@program(lambda rng: (rng.uniform(0.5, 1.5, (2, 3, 4)),))
def axis_reductions(t):
    a = t.sum(axis=(0, 2))
    b = np.mean(t, axis=-1, keepdims=True)
    c = np.prod(t, axis=0)
    return a.sum() * c[1, 2] + (t - b).max() * b.min()


@program(lambda rng: (rng.uniform(-2, 2, 9),))
def where_clip(x):
    a = np.where(x > 0.5, x * x, -x)
    b = np.clip(x, -1.0, 1.0) + np.maximum(x, 0.25) * np.minimum(a, 1.5)
    return a * b


@program(lambda rng: (np.array([0.0, 1.0, -1.0, 2.0]),), kinks=True)
def where_log_at_zero(x):
    """The arm that is not taken is infinite: its derivative must not reach the result."""
    return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0).sum()


@program(lambda rng: (np.array([0.0, 0.5, 2.0]),), kinks=True)
def where_unguarded(x):
    return np.where(x > 0, np.log(x), 0.0).sum()


@program(lambda rng: (rng.uniform(-1, 1, 8),))
def masked_store(x):
    y = x.copy()
    y[x < 0.0] = 0.0
    z = x * 3.0
    z[y > 0.5] = y[y > 0.5]
    return (y * z).sum()


@program(lambda rng: (rng.uniform(0.5, 1.5, 12),))
def reshaping(x):
    m = x.reshape(3, 4)
    t = m.T.copy()
    t[1, :] = t[0, :] * t[2, :]
    return (t @ m)[::-1, :].ravel()[::2]


@program(lambda rng: (rng.normal(size=4), rng.normal(size=4)), wrt=(0, 1))
def stacking(x, y):
    rows = np.stack([x, y * 2.0, x * y])
    both = np.concatenate([x[1:], y])
    return (rows @ x).sum() + (both[::-1] * both).sum()


@program(lambda rng: (rng.normal(size=(4, 5)),))
def standardise(x):
    mu = np.mean(x, axis=0)
    sd = np.sqrt(np.mean((x - mu) ** 2, axis=0) + 1e-3)
    return (x - mu) / sd


# -- stencils and time loops


@program(lambda rng: (rng.normal(size=12), 6))
def heat_1d(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return u


@program(lambda rng: (rng.normal(size=10), rng.uniform(0.1, 0.3), 5), wrt=(0, 1), writes=(0,))
def burgers(u, dt, steps):
    for n in range(steps):
        un = u.copy()
        u[1:] = un[1:] - dt * un[1:] * (un[1:] - un[:-1])
        u[0] = un[-1] * 0.5
    return u.sum()


@program(lambda rng: (rng.normal(size=(6, 7)), 4))
def heat_2d(u, steps):
    v = u.copy()
    for t in range(steps):
        v[1:-1, 1:-1] += 0.1 * (v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4.0 * v[1:-1, 1:-1])
        v[:, 0] = v[:, 1]
    return v


@program(lambda rng: (rng.normal(size=(5, 4, 6)), 3))
def heat_3d(A, steps):
    B = np.zeros_like(A)
    A = A.copy()
    for t in range(steps):
        B[1:-1, 1:-1, 1:-1] = (
            0.1 * (A[2:, 1:-1, 1:-1] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[:-2, 1:-1, 1:-1])
            + 0.1 * (A[1:-1, 2:, 1:-1] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[1:-1, :-2, 1:-1])
            + A[1:-1, 1:-1, 1:-1]
        )
        A[1:-1, 1:-1, 1:-1] = B[1:-1, 1:-1, 1:-1] * B[1:-1, 1:-1, 1:-1]
    return A.sum()


@program(lambda rng: (rng.normal(size=(5, 6)), 3), writes=(0,))
def seidel(A, steps):
    for t in range(steps):
        for i in range(1, A.shape[0] - 1):
            for j in range(1, A.shape[1] - 1):
                A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j] + A[i, j + 1] + A[i + 1, j]) / 5.0


@program(lambda rng: (rng.normal(size=9), 5))
def double_buffer(u, steps):
    """Two buffers that change places."""
    a = u.copy()
    b = np.zeros_like(a)
    for n in range(steps):
        b[1:-1] = 0.25 * a[:-2] + 0.5 * a[1:-1] + 0.25 * a[2:]
        b[0] = a[0] * a[1]
        b[-1] = a[-1]
        a, b = b, a
    return a


@program(lambda rng: (rng.normal(size=10), rng.normal(size=10), 6), wrt=(0, 1))
def wave(u0, v0, steps):
    u = u0.copy()
    prev = u - 0.1 * v0
    for n in range(steps):
        new = 2.0 * u - prev
        new[1:-1] += 0.3 * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        prev = u
        u = new
    return u * prev


# -- linear algebra by loops


def _spd(rng: np.random.Generator, n: int) -> Array:
    a = rng.normal(size=(n, n))
    return a @ a.T + n * np.eye(n)


@program(lambda rng: (_spd(rng, 4), rng.normal(size=4)), wrt=(0, 1))
def lu_solve(A, b):
    A = A.copy()
    x = b.copy()
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            A[i, k] /= A[k, k]
            A[i, k + 1 :] -= A[i, k] * A[k, k + 1 :]
    for i in range(n):
        x[i] -= A[i, :i] @ x[:i]
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - A[i, i + 1 :] @ x[i + 1 :]) / A[i, i]
    return x


@program(lambda rng: (_spd(rng, 4),), writes=(0,))
def cholesky(A):
    """As PolyBench: slices of variable size."""
    A[0, 0] = np.sqrt(A[0, 0])
    for i in range(1, A.shape[0]):
        for j in range(i):
            A[i, j] -= np.dot(A[i, :j], A[j, :j])
            A[i, j] /= A[j, j]
        A[i, i] -= np.dot(A[i, :i], A[i, :i])
        A[i, i] = np.sqrt(A[i, i])


@program(lambda rng: (np.tril(rng.uniform(0.5, 1.5, (5, 5))) + np.eye(5), rng.normal(size=5)), wrt=(0, 1))
def forward_substitution(L, b):
    x = np.empty(len(b))
    for i in range(len(b)):
        x[i] = (b[i] - np.dot(L[i, :i], x[:i])) / L[i, i]
    return x


@program(lambda rng: (rng.normal(size=(4, 3)) + np.eye(4, 3) * 3,))
def gram_schmidt(A):
    Q = np.zeros_like(A)
    for k in range(A.shape[1]):
        v = A[:, k].copy()
        for j in range(k):
            v -= (Q[:, j] @ A[:, k]) * Q[:, j]
        Q[:, k] = v / np.sqrt(v @ v)
    return Q


@program(lambda rng: (rng.uniform(0.5, 1.5, (4, 4)),), writes=(0,))
def row_updates(A):
    for i in range(1, A.shape[0]):
        row = A[i]
        row -= A[i - 1] * (A[i, 0] / A[0, 0])
        A[i, ::2] *= 0.5
    A[0] = A[-1] + A[1]


@program(lambda rng: (_spd(rng, 3), rng.normal(size=3)), wrt=(0, 1))
def power_iteration(A, v):
    for _ in range(8):
        w = A @ v
        v = w / np.linalg.norm(w)
    return v @ A @ v


@program(lambda rng: (_spd(rng, 3), rng.normal(size=3)), wrt=(0, 1))
def conjugate_gradient(A, b):
    x = np.zeros_like(b)
    r = b - A @ x
    p = r.copy()
    rs = r @ r
    for i in range(len(b)):
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x = x + alpha * p
        r = r - alpha * Ap
        new = r @ r
        if np.sqrt(new) < 1e-12:
            break
        p = r + (new / rs) * p
        rs = new
    return x


# -- functions of functions, structures


def _lotka_volterra(state, p):
    out = np.empty_like(state)
    out[0] = p[0] * state[0] - p[1] * state[0] * state[1]
    out[1] = p[2] * state[0] * state[1] - p[3] * state[1]
    return out


@program(lambda rng: (np.array([1.0, 0.6]), np.array([0.9, 0.7, 0.5, 0.8]), 0.1, 8), wrt=(0, 1, 2))
def lotka_volterra_rk4(y0, p, h, steps):
    y = y0.copy()

    def rhs(state):
        return _lotka_volterra(state, p)

    for n in range(steps):
        k1 = rhs(y)
        k2 = rhs(y + 0.5 * h * k1)
        k3 = rhs(y + 0.5 * h * k2)
        k4 = rhs(y + h * k3)
        y += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return y


def _integrate(f, a, b, n):
    h = (b - a) / n
    s = 0.5 * (f(a) + f(b))
    for i in range(1, n):
        s += f(a + i * h)
    return s * h


@program(lambda rng: (rng.uniform(0.5, 1.5), rng.uniform(1.0, 2.0)), wrt=(0, 1))
def function_of_function(a, k):
    return _integrate(lambda t: math.sin(k * t) * a, 0.0, a, 8) + _integrate(functools.partial(_gaussian, k), 0.0, 1.0, 5)


def _gaussian(width, t):
    return math.exp(-t * t / width)


class Particle(NamedTuple):
    position: Any
    velocity: Any
    mass: float


@program(lambda rng: (Particle(rng.normal(size=3), rng.normal(size=3), 1.5), 0.05, 6), wrt=(0, 1))
def named_tuple_state(p, dt, steps):
    for _ in range(steps):
        force = -p.position / (1.0 + p.position @ p.position)
        velocity = p.velocity + dt * force / p.mass
        p = p._replace(position=p.position + dt * velocity, velocity=velocity)
    return p


@dataclasses.dataclass
class Layer:
    weights: Any
    bias: Any
    slope: float = 0.1

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        z = self.weights @ x + self.bias
        return np.where(z > 0, z, self.slope * z)


@dataclasses.dataclass
class Network:
    first: Layer
    second: Layer


@program(
    lambda rng: (
        Network(Layer(rng.normal(size=(4, 3)), rng.normal(size=4)), Layer(rng.normal(size=(2, 4)), rng.normal(size=2), 0.2)),
        rng.normal(size=3),
    ),
    wrt=(0, 1),
)
def dataclass_network(net, x):
    h = net.first.forward(x)
    y = net.second.forward(h)
    return (y * y).sum()


@program(lambda rng: (Layer(rng.normal(size=(2, 2)), rng.normal(size=2)), 0.1))
def dataclass_in_and_out(layer, rate):
    return Layer(layer.weights * (1.0 - rate), layer.bias - rate * layer.weights.sum(axis=1), layer.slope * 2.0)


@program(lambda rng: ((rng.normal(size=3), rng.uniform(0.5, 1.0)), [1.0, 2.0]), wrt=(0,))
def tuples_in_and_out(state, scales):
    x, t = state
    parts = [x * s for s in scales]
    return parts[0] + parts[1] * t, (t * t, parts[1].sum())


# -- parallel loops


@program(lambda rng: (rng.uniform(0.5, 1.5, (5, 6)),))
def parallel_rows(A):
    out = np.zeros(A.shape[0])
    for i in prange(A.shape[0]):
        s = 0.0
        for j in range(A.shape[1]):
            s += A[i, j] * A[i, j] * (j + 1)
        out[i] = math.sqrt(s)
    return out


@program(lambda rng: (rng.uniform(0.5, 1.5, 9),))
def parallel_reduction(x):
    total = 0.0
    for i in prange(len(x)):
        v = x[i] * x[i]
        if v > 0.8:
            total += math.log(v)
        else:
            total += v
    return total


@program(lambda rng: (rng.uniform(0.5, 1.5, (6, 5)),))
def parallel_stencil(u):
    v = np.zeros_like(u)
    for i in prange(1, u.shape[0] - 1):
        v[i, 1:-1] = u[i - 1, 1:-1] + u[i + 1, 1:-1] - 2.0 * u[i, 1:-1] * u[i, :-2]
    return v


@program(lambda rng: (rng.normal(size=(5, 2)),))
def n_body_energy(x):
    n = x.shape[0]
    energy = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            d = x[i] - x[j]
            energy -= 1.0 / np.sqrt(d @ d + 0.01)
    return energy


@program(lambda rng: (rng.normal(size=(4, 4)), rng.uniform(0.1, 0.2)), wrt=(0, 1))
def fixed_point(A, damping):
    x = np.ones(4)
    error = 1.0
    count = 0
    while error > 1e-8 and count < 200:
        new = np.tanh(damping * (A @ x) + 0.5)
        error = np.max(np.abs(new - x))
        x = new
        count += 1
    return x


@program(lambda rng: (rng.uniform(0.2, 0.9, 6), rng.uniform(0.5, 1.0)), wrt=(0, 1))
def conditional_arrays(x, t):
    y = x * t
    if t > 0.1:
        y = y + x[::-1]
        y[0] = 0.0
    else:
        y = y - 1.0
    for k in range(3):
        if k % 2 == 0:
            y = y * t
        else:
            y[k] += t
    return y


@program(lambda rng: (rng.uniform(0.5, 1.5, (4, 4)), rng.uniform(0.5, 1.5, 4)), wrt=(0, 1), writes=(1,))
def two_outputs(A, x):
    y = A @ x
    x[:] = y / np.linalg.norm(y)
    return y.sum(), x[1:3] * y[0]


# -- as array code wrote it in float32 and with integers


@program(lambda rng: (rng.uniform(0.5, 1.5, 6).astype(np.float32),))
def single_precision(x):
    s = np.float32(0.0)
    for v in x:
        s += v * 2.0
    return s * x


@program(lambda rng: (rng.uniform(0.5, 1.5, 7), 3))
def integer_powers(x, n):
    total = np.zeros_like(x)
    term = np.ones_like(x)
    for k in range(1, n + 1):
        term = term * x / k
        total += term
    return total + x**2 - x**-1 + x**0.5


@program(lambda rng: (rng.uniform(0.5, 1.5, 6), rng.uniform(0.5, 1.5, 6)), wrt=(0, 1))
def selection_of_equal_arms(x, y):
    """Both arms are one array, of which the condition knows more extents (found by the generator, seed 307502)."""
    y = np.arctan(y[[3, 3, -1, -2, -2, -2]])
    x = np.cos(np.where(y > x[-1], x, x))
    for _ in range(3):
        w = x[1:-1]
        w[0] = np.tanh(y.std() + x[0])
    return x


@program(lambda rng: (rng.uniform(0.3, 1.2, 5), rng.uniform(0.3, 1.2, 5)), wrt=(0, 1))
def left_after_exchange(x, y):
    x, y = 1.0 * x, 1.0 * y
    for k in range(6):
        x, y = y, x
        x[0] += 0.3 * y[1] ** 2
        if k > 1 and x[0] > 0.01:
            return x
    return y


@program(lambda rng: (rng.uniform(0.3, 0.9, 4), 1.0, 4))
def ended_by_what_is_carried(y, s, n):
    """What only the condition of the inner loop reads (found by the generator, seed 700370230)."""
    y = y.copy()
    for _ in range(n):
        while s > 0.2:
            y *= np.cos(0.3 * y[::-1])
            s = 0.6 * y[0] * y[-1]
    return y


BY_NAME = {p.name: p for p in PROGRAMS}
