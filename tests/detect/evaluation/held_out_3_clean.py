"""The third set, written before the rules were looked at again: look-alikes without a pitfall at these arguments."""

import math
from dataclasses import dataclass

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


@dataclass
class Option:
    strike: float
    maturity: float


def straddle_off_strike(spot, option):
    return max(spot - option.strike, 0.0) + max(option.strike - spot, 0.0) * math.exp(-0.01 * option.maturity)


def smooth_huber(residual, delta):
    return np.sum(delta * delta * (np.sqrt(1.0 + (residual / delta) ** 2) - 1.0))


def continuous_huber(residual, delta):
    a = np.abs(residual)
    return np.sum(np.where(a <= delta, 0.5 * residual ** 2, delta * (a - 0.5 * delta)))


def colebrook_tight(reynolds, roughness):
    f = 0.02
    for _ in range(200):
        rhs = -2.0 * math.log10(roughness / 3.7 + 2.51 / (reynolds * math.sqrt(f)))
        new = 1.0 / (rhs * rhs)
        if abs(new - f) < 1e-15:
            break
        f = new
    return f


def kepler_newton(m, ecc):
    e = m + ecc * math.sin(m)
    change = 1.0
    while abs(change) > 1e-13:
        change = (e - ecc * math.sin(e) - m) / (1.0 - ecc * math.cos(e))
        e = e - change
    return math.cos(e) - ecc


def pagerank_converged(damping, links):
    rank = np.ones(links.shape[0]) / links.shape[0]
    diff = 1.0
    while diff > 1e-14:
        new = (1.0 - damping) / rank.size + damping * (links @ rank)
        diff = np.sum(np.abs(new - rank))
        rank = new
    return rank[0]


def cubic_table(x, start, step, values):
    k = int((x - start) / step)
    t = (x - start) / step - k
    p0, p1, p2, p3 = values[k - 1], values[k], values[k + 1], values[k + 2]
    return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))


def interp_inside(x, grid, table):
    return np.interp(x, grid, table) ** 2  #: table_lookup


def clipped_inactive(velocity, limit):
    bounded = np.clip(velocity, -limit, limit)
    return np.sum(bounded ** 2)


def sorted_l_moment(samples):
    ordered = np.sort(samples)
    n = ordered.size
    weights = (2.0 * np.arange(n) - n + 1.0) / (n * n)
    return np.sum(weights * ordered)


def median_income(incomes, tax):
    return np.median(incomes * (1.0 - tax))


def european_call(vol, spot, normals):
    paths = spot * np.exp(-0.5 * vol * vol + vol * normals)
    return np.mean(np.maximum(paths - 100.0, 0.0))


def importance_weights(mu, normals):
    x = mu + normals
    return np.mean(x * x * np.exp(-0.1 * x))


def quasi_monte_carlo(decay):
    total = 0.0
    x = 0.5
    for _ in range(500):
        x = (x + 0.6180339887498949) % 1.0
        total += math.exp(-decay * x)
    return total / 500.0


def damped_oscillator(k, c):
    x, v = 1.0, 0.0
    dt = 0.01
    acc = 0.0
    for _ in range(3000):
        v += dt * (-k * x - c * v)
        x += dt * v
        acc += x * x * dt
    return acc


def stable_logistic(r):
    x = 0.3
    for _ in range(400):
        x = r * x * (1.0 - x)
    return x


def rk4_rotation(omega):
    x, y = 1.0, 0.0
    h = 0.05
    for _ in range(100):
        ax, ay = -omega * y, omega * x
        bx, by = -omega * (y + 0.5 * h * ay), omega * (x + 0.5 * h * ax)
        x, y = x + h * bx, y + h * by
    return x * y


def fixed_steps_horizon(horizon):
    n = 64
    dt = horizon / n
    y = 1.0
    for _ in range(n):
        y = y + dt * (1.0 - y) * y * 0.5
    return y


def steps_from_constant(rate):
    n = int(3.0 / 0.01)
    y = 2.0
    for _ in range(n):
        y -= 0.01 * rate * y
    return y


def frozen_adaptive(k):
    t, c, h = 0.0, 1.0, 0.1
    while t < 1.0:
        h = min(h, 1.0 - t)
        mid = c + 0.5 * h * (-k * c)
        new = c + h * (-k * mid)
        err = wg.stop_gradient(abs(new - (c + h * (-k * c))))
        t += h
        c = new
        h = h * min(2.0, max(0.5, 0.9 * math.sqrt(1e-4 / (err + 1e-14))))
    return c


def guarded_entropy(p):
    safe = np.where(p > 0.0, p, 1.0)
    return -np.sum(np.where(p > 0.0, p * np.log(safe), 0.0))


def softplus_stable(x):
    return np.sum(np.logaddexp(0.0, x))


def log_sum_exp_shifted(z):
    top = np.max(z)
    return top + np.log(np.sum(np.exp(z - top)))


def safe_norm(d):
    return np.sqrt(np.sum(d * d) + 1e-12)


def distance_apart(a, b):
    d = a - b
    return 1.0 / np.linalg.norm(d)


def expm1_ratio(x):
    return np.expm1(x) / x


def welford_variance(x):
    mean, m2 = 0.0, 0.0
    for k in range(x.size):
        d = x[k] - mean
        mean += d / (k + 1)
        m2 += d * (x[k] - mean)
    return m2 / x.size


def residual_sum(observed, slope, times):
    r = observed - slope * times
    return r @ r


def float32_means(x):
    return np.mean(x * x, dtype=np.float64)


def float32_filter(signal, alpha):
    y = np.float32(0.0)
    for k in range(signal.size):
        y = y + alpha * (signal[k] - y)
    return y


def direct_solve(b, matrix):
    x = np.linalg.solve(matrix, b)
    return x @ x


def cg_exact(b, matrix):
    x = np.zeros(b.size)
    r = b - matrix @ x
    p = r.copy()
    rs = r @ r
    while rs > 1e-26:
        q = matrix @ p
        alpha = rs / (p @ q)
        x = x + alpha * p
        r = r - alpha * q
        new = r @ r
        p = r + (new / rs) * p
        rs = new
    return np.sum(x)


def distinct_eigenvalues(stress):
    w, v = np.linalg.eigh(stress)
    return w[2] - w[0] + v[0, 0] ** 2


def sparse_skip_mask(coefficients, active, x):
    total = 0.0
    for k in range(coefficients.size):
        if active[k]:
            total += coefficients[k] * x ** k
    return total


def bincount_mass(cells, mass):
    density = np.zeros(4)
    for i in wg.prange(mass.size):
        density[cells[i]] += mass[i]
    return np.sum(density ** 2)


def nonzero_guard(x, y):
    if y == 0.0:
        return 0.0
    return x / y


def piecewise_tax(income):
    brackets = np.array([0.0, 10000.0, 40000.0, 90000.0])
    rates = np.array([0.0, 0.15, 0.25, 0.4])
    tax = 0.0
    for k in range(4):
        upper = brackets[k + 1] if k < 3 else 1e12
        if income > brackets[k]:
            tax += rates[k] * (min(income, upper) - brackets[k])
    return tax


def upwind_smooth(u, speed):
    total = 0.0
    for i in range(1, u.size - 1):
        flux = speed * (u[i] - u[i - 1]) if speed > 0 else speed * (u[i + 1] - u[i])
        total += flux * flux
    return total


def short_stencil(nu, u0):
    u = u0.copy()
    for _ in range(50):
        u[1:-1] = u[1:-1] + nu * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def angle_wrap(phase, rate):
    turns = np.floor(phase / (2.0 * np.pi))
    wrapped = phase - 2.0 * np.pi * turns
    return np.sin(wrapped) * rate


def erf_series(x):
    power, total = x, 0.0
    for n in range(60):
        term = power / (2 * n + 1)
        total += term
        if abs(term) < 1e-18:
            break
        power *= -x * x / (n + 1)
    return total * 2.0 / math.sqrt(math.pi)


def detrended_energy(y):
    n = y.size
    t = np.arange(n) - 0.5 * (n - 1)
    slope = (t @ y) / (t @ t)
    r = y - np.mean(y) - slope * t
    return r @ r


def best_fit_energy(offsets, scale):
    energy = scale * offsets ** 2 + offsets
    return np.min(energy)


def relu_network(w1, w2, x):
    hidden = np.maximum(w1 @ x, 0.0)
    return np.tanh(w2 @ hidden)


def gaussian_histogram(values, width):
    edges = np.linspace(-2.0, 2.0, 9)
    counts = np.zeros(9)
    for v in values:
        for k in range(9):
            counts[k] += np.exp(-0.5 * ((v - edges[k]) / width) ** 2)
    return np.max(counts)


def hann_power(omega):
    n = 4000
    dt = 0.05
    total, weight = 0.0, 0.0
    for k in range(n):
        w = 1.0 - math.cos(2.0 * math.pi * (k + 0.5) / n)
        total += w * math.sin(omega * k * dt) ** 2
        weight += w
    return total / weight


_RNG = np.random.default_rng(5)
_SPD = np.diag(np.linspace(1.0, 6.0, 12)) + 0.2 * np.ones((12, 12))
_LINKS = np.array([[0.0, 0.5, 0.0, 1.0], [0.3, 0.0, 0.5, 0.0], [0.3, 0.5, 0.0, 0.0], [0.4, 0.0, 0.5, 0.0]])
_GRID = np.linspace(0.0, 5.0, 51)
_SYM = np.array([[3.0, 0.4, 0.1], [0.4, 1.5, -0.3], [0.1, -0.3, 0.2]])

CASES = [
    case(straddle_off_strike, 104.2, Option(100.0, 0.5)),
    case(straddle_off_strike, 93.7, Option(100.0, 2.0)),
    case(smooth_huber, np.linspace(-2.0, 2.0, 201), 1.003),
    case(continuous_huber, np.linspace(-2.0, 2.0, 200), 1.003),
    case(continuous_huber, _RNG.normal(size=50), 0.7),
    case(colebrook_tight, 5e4, 1e-3),
    case(kepler_newton, 1.1, 0.3),
    case(kepler_newton, 0.4, 0.8),
    case(pagerank_converged, 0.85, _LINKS),
    case(cubic_table, 2.437, 0.0, 0.1, np.sin(_GRID)),
    case(interp_inside, 2.437, _GRID, np.sin(_GRID)),
    case(clipped_inactive, np.array([0.4, -1.2, 0.9]), 5.0),
    case(sorted_l_moment, _RNG.normal(size=40)),
    case(median_income, np.array([31.0, 52.0, 44.0, 90.0, 28.0]), 0.3),
    case(european_call, 0.25, 101.0, _RNG.standard_normal(4000)),
    case(importance_weights, 0.3, _RNG.standard_normal(1000)),
    case(quasi_monte_carlo, 1.3),
    case(damped_oscillator, 2.0, 0.4),
    case(stable_logistic, 2.6),
    case(rk4_rotation, 1.3),
    case(fixed_steps_horizon, 3.7),
    case(steps_from_constant, 0.8),
    case(frozen_adaptive, 1.7),
    case(guarded_entropy, np.array([0.5, 0.2, 0.3])),
    case(softplus_stable, np.array([800.0, -3.0, 0.0])),
    case(log_sum_exp_shifted, np.array([720.0, 3.0, 715.0])),
    case(safe_norm, np.array([0.3, 0.4, -1.0])),
    case(distance_apart, np.array([0.0, 1.0, 2.0]), np.array([0.5, -1.0, 0.3])),
    case(expm1_ratio, 1e-7),
    case(welford_variance, 1e6 + _RNG.random(50)),
    case(residual_sum, 0.1 + 2.0 * np.linspace(0.0, 1.0, 30), 1.99, np.linspace(0.0, 1.0, 30)),
    case(float32_means, _RNG.random(20000).astype(np.float32)),
    case(float32_filter, _RNG.random(2000).astype(np.float32), np.float32(0.1)),
    case(direct_solve, np.linspace(1.0, 2.0, 12), _SPD),
    case(cg_exact, np.linspace(-1.0, 2.0, 12), _SPD),
    case(distinct_eigenvalues, _SYM),
    case(sparse_skip_mask, np.array([1.0, 0.0, -0.5]), np.array([True, True, False]), 1.4),
    case(bincount_mass, np.array([0, 1, 1, 3, 2, 0]), np.linspace(0.5, 1.0, 6)),
    case(nonzero_guard, 2.0, 3.0),
    case(piecewise_tax, 55000.0),
    case(upwind_smooth, np.sin(np.linspace(0.0, 3.0, 50)), 0.7),
    case(short_stencil, 0.2, np.sin(np.linspace(0.0, 3.0, 60))),
    case(angle_wrap, 17.3, 2.0),
    case(erf_series, 0.0),
    case(erf_series, 0.7),
    case(detrended_energy, np.cumsum(_RNG.normal(size=60))),
    case(best_fit_energy, np.linspace(-2.0, 2.0, 41), 1.3),
    case(relu_network, _RNG.normal(size=(8, 5)), _RNG.normal(size=8), _RNG.normal(size=5)),
    case(gaussian_histogram, _RNG.normal(size=30), 0.4),
    case(hann_power, 3.3),
]
