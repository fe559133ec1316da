"""Functions that are constant in pieces: rounding, bit tricks, tables, orders, step counts, detached values."""

import math

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


def dose_in_tablets(weight, per_kg):
    needed = weight * per_kg
    tablets = np.round(needed / 5.0)  #: quantisation
    return tablets * 5.0 - 0.1 * weight


def adc_energy(signal, gain):
    levels = np.floor(signal * gain * 64.0)  #: quantisation
    restored = levels / 64.0
    return np.sum(restored ** 2)


def bins_of_histogram(samples, width):
    energy = 0.0
    for i in range(samples.size):
        bin_number = int(samples[i] / width)  #: quantisation
        energy += (bin_number + 0.5) * width
    return energy


def ceil_batches(rate, hours):
    batches = math.ceil(rate * hours / 12.0)  #: quantisation
    return 40.0 * batches


def euler_cooling(temperature, horizon):
    dt = 0.01
    steps = int(horizon / dt)  #: step_count
    for _ in range(steps):
        temperature = temperature - dt * 0.7 * (temperature - 20.0)
    return temperature


def trajectory_range(speed, angle):
    x = 0.0
    y = 0.0
    vx = speed * math.cos(angle)
    vy = speed * math.sin(angle)
    dt = 0.001
    while y >= 0.0:  #: step_count
        x = x + dt * vx
        y = y + dt * vy
        vy = vy - dt * 9.81
    return x


def decay_time(rate):
    amount = 1.0
    t = 0.0
    while amount > 0.1:  #: step_count
        amount = amount * (1.0 - 0.001 * rate)
        t += 0.001
    return t


def number_of_samples(freq, duration):
    n = int(freq * duration)  #: step_count
    total = 0.0
    for k in range(n):
        t = k / 50.0
        total += math.exp(-t)
    return total / 50.0


def density_lookup(height, table):
    total = 0.0
    for i in range(height.shape[0]):
        k = int(height[i] / 0.1)  #| table_lookup
        total += table[k]  #: table_lookup
    return total


def spectral_table(wavelength, grid, response):
    k = np.searchsorted(grid, wavelength)  #| table_lookup
    return response[k] * 2.0  #: table_lookup


def nearest_neighbour(x, nodes, values):
    best = 0
    distance = abs(nodes[0] - x)
    for i in range(1, nodes.size):
        d = abs(nodes[i] - x)
        if d < distance:  #: table_lookup
            distance = d
            best = i
    return values[best]  #| table_lookup


def texture_sample(u, v, image):
    i = int(round(u * (image.shape[0] - 1)))
    j = int(round(v * (image.shape[1] - 1)))
    return image[i, j] ** 2  #: table_lookup


def linear_table_at_node(x, grid, values):
    return np.interp(x, grid, values) * 3.0  #: table_lookup


def brightest_position(offset, pixels):
    scene = np.exp(-((pixels - offset) ** 2) / 0.02)
    k = np.argmax(scene)  #: order_index
    return pixels[k]


def rank_score(scores, truth):
    order = np.argsort(scores)  #: order_index
    ranks = np.zeros(scores.size)
    for i in range(scores.size):
        ranks[order[i]] = i
    return np.sum(ranks * truth)


def best_route_index(costs, fee):
    k = np.argmin(costs + fee)  #: order_index
    return k * 1.0


def fast_inverse_sqrt(x):
    half = 0.5 * x
    bits = np.float32(x).view(np.int32)  #: bit_trick
    bits = np.int32(0x5F3759DF) - (bits >> 1)
    y = float(bits.view(np.float32))
    return y + 0.0 * half


def exponent_of(x):
    bits = np.float64(x).view(np.int64)  #: bit_trick
    exponent = (bits >> 52) - 1023
    return float(exponent) * math.log(2.0)


def integer_percent(share, total):
    percent = int(100.0 * share / total)  #: quantisation
    remainder = 100.0 - percent
    return remainder * 0.5


def truncated_cast(x, scale):
    y = (x * scale * 1000.0).astype(np.int64)  #: quantisation
    return np.sum(y) / 1000.0


def stopped_drag(v, c):
    drag = wg.stop_gradient(c * v * v)  #: detached
    return np.sum(v - 0.1 * drag)


def frozen_normaliser(logits, target):
    top = wg.stop_gradient(np.sum(np.exp(logits)))  #: detached
    p = np.exp(logits) / top
    return np.sum((p - target) ** 2)


# clean look-alikes


def fixed_count_cooling(temperature, horizon):
    steps = 200
    dt = horizon / steps
    for _ in range(steps):
        temperature = temperature - dt * 0.7 * (temperature - 20.0)
    return temperature


def steps_from_constant(y, rate):
    dt = 0.02
    n = int(1.0 / dt)
    for _ in range(n):
        y = y + dt * (-rate * y)
    return y


def catmull_rom(x, values):
    i = int(x)
    t = x - i
    p0 = values[i - 1]
    p1 = values[i]
    p2 = values[i + 1]
    p3 = values[i + 2]
    a = 2.0 * p1
    b = p2 - p0
    c = 2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3
    d = -p0 + 3.0 * p1 - 3.0 * p2 + p3
    return 0.5 * (a + b * t + c * t * t + d * t * t * t)


def interp_inside(x, grid, values):
    return np.sum(np.interp(x, grid, values) ** 2)


def sorted_quantile(samples, weight):
    ordered = np.sort(samples)
    return weight * ordered[samples.size // 2] + np.sum(ordered[:2])


def maximum_by_index(scores, w):
    k = np.argmax(scores)
    return scores[k] * w


def gather_by_cell(values, cells):
    total = 0.0
    for i in range(cells.shape[0]):
        total += values[cells[i]] ** 2
    return total


def phase_wrap(phi, omega):
    turns = np.floor(phi / (2.0 * math.pi))
    wrapped = phi - 2.0 * math.pi * turns
    return np.sum(np.sin(wrapped) * omega)


def rounded_label(x, day):
    week = day // 7
    return np.sum(x) * (1.0 + 0.1 * week)


def frexp_free_log(x):
    return math.log(x) * 2.0 + math.log1p(x)


def even_odd_sum(a, b):
    total = 0.0
    for i in range(a.size):
        if i % 2 == 0:
            total += a[i] * b[i]
        else:
            total -= a[i]
    return total


rng = np.random.default_rng(3)
nodes = np.linspace(0.0, 1.0, 21)
CASES = [
    case(dose_in_tablets, 71.3, 1.7),
    case(adc_energy, np.array([0.312, 0.77, 1.21]), 0.9),
    case(bins_of_histogram, np.array([0.312, 0.77, 1.21, 2.2]), 0.05),
    case(ceil_batches, 31.7, 8.3),
    case(euler_cooling, 90.0, 1.234),
    case(trajectory_range, 12.0, 0.8),
    case(decay_time, 0.9),
    case(number_of_samples, 50.3, 1.27),
    case(density_lookup, np.array([0.33, 0.75, 1.26]), np.exp(-np.linspace(0.0, 2.0, 21))),
    case(spectral_table, 0.52, nodes, np.sin(3.0 * nodes)),
    case(nearest_neighbour, 0.53, nodes, nodes ** 2),
    case(texture_sample, 0.43, 0.71, np.add.outer(nodes, 2.0 * nodes)),
    case(linear_table_at_node, 0.5, np.linspace(0.0, 1.0, 5), np.array([0.0, 0.4, 1.0, 0.2, 0.1])),
    case(brightest_position, 0.437, np.linspace(0.0, 1.0, 101)),
    case(rank_score, rng.random(40), rng.random(40)),
    case(best_route_index, (np.linspace(-1.0, 1.0, 60) - 0.3) ** 2, 0.1 * np.linspace(-1.0, 1.0, 60)),
    case(fast_inverse_sqrt, 4.0),
    case(exponent_of, 11.3),
    case(integer_percent, 31.7, 84.0),
    case(truncated_cast, np.array([0.312, 0.77, 1.21]), 0.9),
    case(stopped_drag, np.array([1.0, 2.0]), 0.3),
    case(frozen_normaliser, np.array([0.2, -0.3, 1.0]), np.array([0.0, 0.0, 1.0])),
    case(fixed_count_cooling, 90.0, 1.234),
    case(steps_from_constant, 1.0, 0.7),
    case(catmull_rom, 3.4, np.sin(np.arange(9.0))),
    case(interp_inside, np.array([0.13, 0.52]), np.linspace(0.0, 1.0, 5), np.array([0.0, 0.4, 1.0, 0.2, 0.1])),
    case(sorted_quantile, np.array([0.3, -1.0, 2.0, 0.7, 1.5]), 2.0),
    case(maximum_by_index, np.array([0.3, 1.0, 0.5]), 2.0),
    case(gather_by_cell, np.array([0.3, 1.0, 0.5]), np.array([0, 2, 2, 1])),
    case(phase_wrap, np.array([1.0, 7.5, 20.0]), 0.8),
    case(rounded_label, np.array([0.3, 1.0, 0.5]), 17),
    case(frexp_free_log, 2.3),
    case(even_odd_sum, np.array([0.3, 1.0, 0.5]), np.array([0.1, 0.2, 2.0])),
]
