"""Clean functions of the kinds that tempt the rules: optimisers, limiters, clipped physics, tables read between their
entries, iterations run to the end, stiff equations, random draws with fixed seeds, positions for a report only, whole-number
arguments, masks from constants. Written before the detector ran on them; one was warned of, a map that is linear between
its entries, which counts as a pitfall in the catalogue and is marked as one."""

import math

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case

RNG = np.random.default_rng(4242)

# optimisers


def descent_steps(rate, target):
    x = np.array([1.5, -0.5])
    for _ in range(80):
        x = x - rate * 2.0 * (x - target)
    return np.sum(x * x)


def adam_run(rate, curvature):
    x, m, v = 2.0, 0.0, 0.0
    for k in range(1, 40):
        g = curvature * x
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g * g
        x = x - rate * (m / (1.0 - 0.9**k)) / (math.sqrt(v / (1.0 - 0.99**k)) + 1e-8)
    return x * x


def momentum_path(rate, friction):
    x, v = 1.0, 0.0
    length = 0.0
    for _ in range(60):
        v = friction * v - rate * (4.0 * x**3 - 2.0 * x)
        x += v
        length += v * v
    return length


def line_search_fixed(slope, curve):
    best = 1e9
    for k in range(1, 9):
        step = 0.3 * k
        value = slope * step + curve * step * step
        best = min(best, value)
    return best


def newton_to_the_end(a, b):
    x = 1.0
    for _ in range(100):
        f = math.exp(x) + a * x - b
        dx = f / (math.exp(x) + a)
        x -= dx
        if abs(dx) < 1e-15:
            break
    return x


def gauss_newton(times, values, rate):
    a = 1.0
    for _ in range(25):
        e = np.exp(-a * times)
        r = rate * values - e
        j = times * e
        a = a - np.sum(j * r) / np.sum(j * j)
    return a


# limiters and clipped physics


def limited_slope(left, right):
    product = left * right
    if product <= 0.0:
        return 0.0
    return 2.0 * product / (left + right)


def superbee_inside(r):
    return np.mean(np.maximum(0.0, np.maximum(np.minimum(2.0 * r, 1.0), np.minimum(r, 2.0))))


def saturated_valve(signal, gain):
    opening = np.clip(gain * signal, 0.0, 1.0)
    return np.sum(opening * 3.0)


def thermostat_room(outside, loss):
    temperature, energy = 18.0, 0.0
    for k in range(outside.size):
        heat = max(0.0, min(2.0, 0.8 * (20.0 - temperature)))
        temperature += 0.1 * (heat - loss * (temperature - outside[k]))
        energy += heat
    return energy + temperature


def terminal_speed(drag, mass):
    v = 0.0
    for _ in range(200):
        v = v + 0.05 * (9.81 - drag / mass * v * abs(v))
    return v


def bounded_population(growth, capacity):
    n = 5.0
    for _ in range(50):
        n = max(n + 0.1 * growth * n * (1.0 - n / capacity), 0.0)
    return n


def huber_loss(residuals, delta):
    small = np.abs(residuals) <= delta
    return np.sum(np.where(small, 0.5 * residuals**2, delta * (np.abs(residuals) - 0.5 * delta)))


def rectified_layers(weights, inputs):
    hidden = np.maximum(weights @ inputs, 0.0)
    out = np.maximum(weights @ hidden, 0.01 * (weights @ hidden))
    return np.sum(out**2)


# tables


def bilinear_map(table, x, y):
    i = min(int(x), table.shape[0] - 2)
    j = min(int(y), table.shape[1] - 2)
    u, v = x - i, y - j
    low = table[i, j] * (1.0 - v) + table[i, j + 1] * v  #: table_lookup
    high = table[i + 1, j] * (1.0 - v) + table[i + 1, j + 1] * v
    return low * (1.0 - u) + high * u


def smooth_table(values, x):
    n = values.size
    total = 0.0
    weight = 0.0
    for k in range(n):
        w = math.exp(-0.5 * (x - k) ** 2)
        total += w * values[k]
        weight += w
    return total / weight


def spline_cell(knots, values, slopes, x):
    k = 0
    while k < knots.size - 2 and knots[k + 1] < x:
        k += 1
    h = knots[k + 1] - knots[k]
    s = (x - knots[k]) / h
    a = values[k] * (1.0 - s) ** 2 * (1.0 + 2.0 * s) + values[k + 1] * s**2 * (3.0 - 2.0 * s)
    return a + h * slopes[k] * s * (1.0 - s) ** 2 - h * slopes[k + 1] * s**2 * (1.0 - s)


def table_of_constants(codes, scale):
    cost = np.array([1.0, 3.0, 4.5, 7.0])
    return scale * np.sum(cost[codes]) + scale**2


def histogram_of_fixed(scale, bins):
    counts = np.zeros(4)
    for k in range(bins.size):
        counts[bins[k]] += scale * scale
    return np.sum(counts * np.arange(4.0))


# iterations and solvers


def fixed_point_to_the_end(p):
    x = 0.5
    while True:
        new = math.cos(p * x)
        if abs(new - x) < 1e-15:
            return new
        x = new


def sinkhorn_settled(cost, weight):
    k = np.exp(-weight * cost)
    u = np.ones(cost.shape[0])
    v = np.ones(cost.shape[1])
    for _ in range(600):
        u = (1.0 / cost.shape[0]) / (k @ v)
        v = (1.0 / cost.shape[1]) / (k.T @ u)
    return np.sum(u[:, None] * k * v[None, :] * cost)


def gmean_by_iteration(a, b):
    for _ in range(8):
        a, b = 0.5 * (a + b), math.sqrt(a * b)
    return a


def series_until_small(x):
    term, total, k = 1.0, 1.0, 1
    while abs(term) > 1e-18:
        term *= x / k
        total += term
        k += 1
    return total


def gauss_seidel_to_the_end(b, coupling):
    u = np.zeros(b.size + 2)
    for _ in range(300):
        for i in range(1, b.size + 1):
            u[i] = (b[i - 1] + coupling * (u[i - 1] + u[i + 1])) / 2.5
    return np.sum(u**2)


# differential equations


def stiff_implicit(rate, forcing):
    y = 1.0
    for k in range(400):
        t = 0.01 * (k + 1)
        y = (y + 0.01 * rate * forcing * math.cos(t)) / (1.0 + 0.01 * rate)
    return y


def robertson_implicit(k1, k2):
    a, b = 1.0, 0.0
    h = 0.05
    for _ in range(200):
        b_new = b
        for _ in range(12):
            f = b_new - b - h * (k1 * a / (1.0 + h * k1) - k2 * b_new * b_new)
            b_new = b_new - f / (1.0 + 2.0 * h * k2 * b_new)
        a = a / (1.0 + h * k1)
        b = b_new
    return a + b


def oscillator_leapfrog(omega, x0):
    x, v = x0, 0.0
    for _ in range(300):
        v -= 0.01 * omega * omega * x
        x += 0.01 * v
    return x


def last_partial_step(duration, rate):
    t, y = 0.0, 1.0
    while t < duration:
        h = min(0.02, duration - t)
        y = y * (1.0 - 0.5 * h * rate) / (1.0 + 0.5 * h * rate)
        t += h
    return y


def growth_of_bacteria(rate, duration):
    n = 1.0
    h = duration / 100.0
    for _ in range(100):
        n += h * rate * n
    return math.log(n)


# draws with fixed seeds


def walk_with_drift(drift, normals):
    x, best = 0.0, -1e9
    for k in range(normals.size):
        x += drift + 0.1 * normals[k]
        best = max(best, x)
    return best + 0.5 * x


def portfolio_mean(weights, returns):
    growth = 1.0 + returns @ weights
    return np.mean(np.log(growth))


def importance_weights(mean, normals):
    w = np.exp(mean * normals - 0.5 * mean * mean)
    return np.sum(w * normals**2) / np.sum(w)


def dropout_mask(weights, uniforms):
    keep = uniforms > 0.3
    return np.sum(np.where(keep, weights, 0.0) ** 2) / 0.7


# positions for a report, whole numbers, masks from constants


def fit_and_worst(scale, x, y):
    error = (scale * x - y) ** 2
    worst = np.argmax(error)
    return np.mean(error), worst


def softmax_and_class(logits, label):
    shifted = logits - np.max(logits)
    loss = np.log(np.sum(np.exp(shifted))) - shifted[label]
    return loss, np.argmax(logits) == label


def repeated_filter(signal, strength, times):
    u = signal.copy()
    for _ in range(times):
        u = u + strength * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1))
    return np.sum(u * u)


def power_of_order(x, order):
    if order == 0:
        return 1.0 + 0.0 * x
    return x**order / order


def season_weighted(months, level, swing):
    winter = (months < 3) | (months == 12)
    return np.sum(np.where(winter, level + swing, level - 0.5 * swing) ** 2)


def masked_sensors(readings, gain):
    valid = ~np.isnan(readings)
    good = np.where(valid, readings, 0.0)
    return np.sum(gain * good) / np.sum(valid)


def frozen_norm(x, shift):
    size = wg.stop_gradient(np.max(np.abs(x)))
    z = (x + shift) / size
    return size * size * np.sum(z * z)


def even_odd_masks(x, weight):
    even = np.arange(x.size) % 2 == 0
    return np.sum(np.where(even, weight * x, x / weight))


CASES = [
    case(descent_steps, 0.03, np.array([0.2, 0.1])),
    case(adam_run, 0.01, 0.7),
    case(momentum_path, 0.02, 0.8),
    case(line_search_fixed, -1.3, 0.45),
    case(newton_to_the_end, 0.7, 3.0),
    case(gauss_newton, np.linspace(0.1, 2.0, 20), np.exp(-1.2 * np.linspace(0.1, 2.0, 20)), 1.1),
    case(limited_slope, 0.7, 0.3),
    case(superbee_inside, np.array([0.3, 0.8, 1.4, 2.6])),
    case(saturated_valve, np.array([0.1, 0.4, 0.9]), 2.0),
    case(thermostat_room, RNG.uniform(-2.0, 6.0, 80), 0.05),
    case(terminal_speed, 0.3, 2.0),
    case(bounded_population, 0.6, 90.0),
    case(huber_loss, np.array([0.1, -0.4, 1.7, -2.2]), 1.0),
    case(rectified_layers, RNG.standard_normal((6, 6)), RNG.standard_normal(6)),
    case(bilinear_map, RNG.uniform(0.0, 1.0, (6, 6)), 2.37, 3.61),
    case(smooth_table, RNG.uniform(0.0, 1.0, 12), 5.3),
    case(spline_cell, np.array([0.0, 1.0, 2.5, 4.0]), np.array([0.0, 0.8, 0.6, -0.7]), np.array([1.0, 0.5, -0.8, -0.6]), 1.7),
    case(table_of_constants, np.array([0, 3, 1, 1]), 0.8),
    case(histogram_of_fixed, 0.7, np.array([0, 1, 1, 3, 2])),
    case(fixed_point_to_the_end, 0.8),
    case(sinkhorn_settled, RNG.uniform(0.2, 1.0, (5, 6)), 2.0),
    case(gmean_by_iteration, 1.0, 0.4),
    case(series_until_small, 1.3),
    case(gauss_seidel_to_the_end, RNG.uniform(0.5, 1.0, 8), 0.9),
    case(stiff_implicit, 900.0, 0.7),
    case(robertson_implicit, 0.4, 300.0),
    case(oscillator_leapfrog, 2.0, 1.0),
    case(last_partial_step, 1.337, 2.0),
    case(growth_of_bacteria, 0.7, 4.0),
    case(walk_with_drift, 0.05, RNG.standard_normal(60)),
    case(portfolio_mean, np.array([0.5, 0.3, 0.2]), 0.05 * RNG.standard_normal((200, 3))),
    case(importance_weights, 0.3, RNG.standard_normal(400)),
    case(dropout_mask, RNG.standard_normal(100), RNG.uniform(0.0, 1.0, 100)),
    case(fit_and_worst, 1.2, np.linspace(0.0, 1.0, 9), np.linspace(0.1, 1.4, 9) ** 2),
    case(softmax_and_class, np.array([0.3, 1.2, -0.4]), 1),
    case(repeated_filter, RNG.standard_normal(30), 0.2, 12),
    case(power_of_order, 1.7, 3),
    case(season_weighted, np.arange(1, 13), 4.0, 1.5),
    case(masked_sensors, np.array([1.0, np.nan, 2.5, 0.7]), 1.3),
    case(frozen_norm, np.array([0.5, -2.0, 1.0]), 0.3),
    case(even_odd_masks, RNG.standard_normal(11), 1.4),
]
