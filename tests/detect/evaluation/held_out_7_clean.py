"""The seventh set, written before the detector ran on it: functions that are right."""

import math
from dataclasses import dataclass

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


@dataclass
class Lens:
    curvature: float
    index: float


@dataclass
class Tank:
    area: float
    outlet: float


def hinge_squared(w, b, points, labels):
    loss = 0.0
    for i in range(labels.size):
        gap = max(0.0, 1.0 - labels[i] * (points[i] @ w + b))
        loss += gap * gap
    return 0.5 * (w @ w) + loss


def saturating_uptake(nitrogen, phosphorus, days):
    biomass = 0.1
    for _ in range(days):
        rate = min(nitrogen / (nitrogen + 1.0), phosphorus / (phosphorus + 1.0))
        biomass += 0.05 * rate * biomass
    return biomass


def dihedral(a, b, c):
    n1 = np.cross(a, b)
    n2 = np.cross(b, c)
    return np.arctan2(np.linalg.norm(np.cross(n1, n2)), n1 @ n2) ** 2


def lens_sag(lens, r):
    root = np.sqrt(1.0 - (lens.curvature * r) ** 2)
    sag = lens.curvature * r ** 2 / (1.0 + root)
    return np.sum(sag) * (lens.index - 1.0)


def torricelli(tank, level, n):
    h = level
    for _ in range(n):
        h = h - 0.01 * tank.outlet / tank.area * math.sqrt(2.0 * 9.81 * h)
    return h


def guarded_log_ratio(a, b):
    ok = (a > 0.0) & (b > 0.0)
    sa = np.where(ok, a, 1.0)
    sb = np.where(ok, b, 1.0)
    return np.sum(np.log(sa / sb))


def sigmoid_stable(x):
    y = np.zeros(x.size)
    for k in range(x.size):
        if x[k] >= 0.0:
            y[k] = 1.0 / (1.0 + math.exp(-x[k]))
        else:
            e = math.exp(x[k])
            y[k] = e / (1.0 + e)
    return np.sum(y * y)


def even_series_at_zero(x):
    if abs(x) < 1e-4:
        return 1.0 - x * x / 6.0
    return math.sin(x) / x


def sparse_by_pattern(values, rows, columns, x):
    y = np.zeros(x.size)
    for k in range(values.size):
        y[rows[k]] += values[k] * x[columns[k]]
    return np.sum(y ** 2)


def spectrum_trace(a):
    s = a @ a.T
    w, v = np.linalg.eigh(s)
    return np.sum(np.sqrt(w)) + np.sum((v * w) @ v.T)


def log1p_rate(growth, dt):
    return np.log1p(growth * dt) / dt


def central_difference(x, k):
    h = 1e-2

    def potential(q):
        return k * np.cosh(q)

    return (potential(x + h) - potential(x - h)) / (2.0 * h)


def log_cosh(field, moments):
    z = np.abs(field * moments)
    return np.mean(z + np.log1p(np.exp(-2.0 * z)))


def simulated_annealing_cost(x, temperatures):
    e = 0.0
    for t in temperatures:
        e += np.sum(np.exp(-x * x / t))
    return e / temperatures.size


def float32_mean(signal):
    return np.mean(signal * signal) + np.float32(0.5) * signal[0]


def ticks_for_report(price, size, tick):
    n_ticks = 0
    value = 0.0
    for k in range(price.size):
        n_ticks += int(price[k] / tick)
        value += price[k] * size[k]
    assert n_ticks >= 0
    return value


def cubic_convolution(x, samples):
    k = int(math.floor(x))
    s = x - k
    p0, p1, p2, p3 = samples[k - 1], samples[k], samples[k + 1], samples[k + 2]
    return p1 + 0.5 * s * (p2 - p0 + s * (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3 + s * (3.0 * (p1 - p2) + p3 - p0)))


def strongest_response(filters, signal):
    r = filters @ signal
    k = np.argmax(r)
    return r[k] ** 2


def ranked_weights(scores, weight):
    s = np.sort(scores)[::-1]
    return np.sum(s * weight)


def integrate_to_end(end, current):
    n = 200
    dt = end / n
    q = 0.0
    soc = 0.2
    for _ in range(n):
        i = current * (1.0 - soc)
        q += i * dt
        soc += 0.1 * i * dt
    return q


def excess_over(threshold, dose, people):
    excess = 0.0
    for k in range(dose.size):
        if dose[k] > threshold:
            excess += people[k] * (dose[k] - threshold)
    return excess


def proportional_heating(setpoint, loss):
    t = 15.0
    energy = 0.0
    dt = 0.02
    for _ in range(800):
        heat = 2.0 * (setpoint - t)
        t += dt * (heat - loss * (t - 5.0))
        energy += heat * dt
    return energy


def control_variate(mu, noise):
    s = 0.0
    for e in noise:
        x = mu + 0.3 * e
        s += math.sin(x) - (x - mu)
    return s / noise.size


@wg.custom_derivative
def smooth_step(x):
    return x * x * (3.0 - 2.0 * x)


@smooth_step.def_jvp
def smooth_step_slope(args, tangents):
    return smooth_step(args[0]), 6.0 * args[0] * (1.0 - args[0]) * tangents[0]


def blended_height_right(position, low, high):
    w = smooth_step(position / 4.0)
    return (1.0 - w) * low + w * high


def vibration_sum(t, amplitude):
    return amplitude * math.exp(-t) * math.sin(30.0 * t) + 0.2 * math.cos(3.0 * t)


def rk_fixed_oscillator(mu, start):
    x, v, h = start, 0.0, 0.02
    for _ in range(150):
        a = mu * (1.0 - x * x) * v - x
        xm, vm = x + 0.5 * h * v, v + 0.5 * h * a
        x, v = x + h * vm, v + h * (mu * (1.0 - xm * xm) * vm - xm)
    return x


def market_price_tight(a, b):
    price = 1.0
    for _ in range(5000):
        excess = a / (price + 0.5) - b * price
        if abs(excess) < 1e-14:
            break
        price += 0.3 * excess
    return price


def jacobi_to_the_end(conductance, injected):
    diagonal = np.diag(conductance)
    off = conductance - np.diag(diagonal)
    v = np.zeros(injected.size)
    for _ in range(150):
        v = (injected - off @ v) / diagonal
    return np.sum(v * injected)


def explicit_heat(u0, kappa):
    u = u0.copy()
    for _ in range(80):
        u[1:-1] += kappa * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.max(u) + np.sum(u)


def damped_average(frequency, load):
    total = 0.0
    for k in range(2000):
        t = 0.01 * k
        total += math.exp(-t) * math.cos(frequency * t) ** 2 / (1.0 + load)
    return 0.01 * total


def stiff_relaxation(k, y0):
    y = y0
    for _ in range(300):
        y = (y + 0.05 * math.cos(k)) / (1.0 + 0.05 * k)
    return y


def convex_envelope(x, slopes, offsets):
    best = slopes[0] * x + offsets[0]
    for k in range(1, slopes.size):
        line = slopes[k] * x + offsets[k]
        if line > best:
            best = line
    return best ** 2


R = np.random.default_rng(72)
F32 = np.float32
SPD = R.normal(size=(7, 7))
SPD = SPD @ SPD.T + 15.0 * np.eye(7)
CASES = [
    case(hinge_squared, np.array([1.0, 0.5]), 0.0, np.array([[1.0, 0.0], [-2.0, 1.0], [0.5, 0.5]]), np.array([1.0, -1.0, 1.0])),
    case(saturating_uptake, 2.0, 1.2, 20),
    case(dihedral, np.array([1.0, 0.1, 0.0]), np.array([0.2, 1.0, 0.3]), np.array([0.1, 0.4, 1.0])),
    case(lens_sag, Lens(0.05, 1.52), np.linspace(0.0, 10.0, 9)),
    case(torricelli, Tank(1.0, 0.02), 1.5, 100),
    case(guarded_log_ratio, np.array([0.0, 2.0, 3.0, -1.0]), np.array([1.0, 1.5, 2.0, 0.0])),
    case(sigmoid_stable, np.array([-800.0, -0.3, 0.0, 2.0, 700.0])),
    case(even_series_at_zero, 0.0),
    case(sparse_by_pattern, np.array([1.0, 0.0, 2.0, -0.5]), np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), np.array([1.0, 0.5, -1.0])),
    case(spectrum_trace, R.normal(size=(4, 4))),
    case(log1p_rate, 0.07, 1e-11),
    case(central_difference, 0.4, 1.5),
    case(log_cosh, 3.0, np.array([10.0, 150.0, 300.0])),
    case(simulated_annealing_cost, R.normal(size=9), np.array([2.0, 1.0, 0.5])),
    case(float32_mean, R.random(400).astype(F32)),
    case(ticks_for_report, np.array([10.03, 11.47, 9.88]), np.array([100.0, 50.0, 75.0]), 0.25),
    case(cubic_convolution, 7.3, np.sin(0.4 * np.arange(20.0))),
    case(strongest_response, R.normal(size=(6, 10)), R.normal(size=10)),
    case(ranked_weights, R.normal(size=8), np.linspace(1.0, 0.1, 8)),
    case(integrate_to_end, 2.345, 0.8),
    case(excess_over, 0.3, np.exp(-np.linspace(0.0, 3.0, 1200)), np.full(1200, 2.0)),
    case(proportional_heating, 19.3, 0.3),
    case(control_variate, 0.4, R.normal(size=300)),
    case(blended_height_right, 1.3, 2.0, 5.0),
    case(vibration_sum, 0.52, 1.2),
    case(rk_fixed_oscillator, 1.2, 1.5),
    case(market_price_tight, 1.5, 0.7),
    case(jacobi_to_the_end, SPD, R.random(7)),
    case(explicit_heat, np.exp(-np.linspace(-2.0, 2.5, 40) ** 2), 0.3),
    case(damped_average, 2.3, 0.4),
    case(stiff_relaxation, 3.0, 1.0),
    case(convex_envelope, 0.7, np.array([-1.0, 0.2, 1.1]), np.array([0.5, 0.3, -0.2])),
]
