"""Kinks, edges of domains, masked NaN, overflow, cancellation, precision."""

import math

import numpy as np

from tests.detect.evaluation.case import case


def leaky_membrane(voltage, threshold, slope):
    total = 0.0
    for k in range(len(voltage)):
        excess = voltage[k] - threshold
        total += slope * abs(excess)  #: kink
    return total / len(voltage)


def rectified_response(x, w1, w2):
    drive = w1 * x
    inhibition = w2 * x
    left = np.maximum(drive, 0.0)  #: kink
    right = np.maximum(-inhibition, 0.0)  #| kink
    return np.sum(left) - 0.5 * np.sum(right)


def upwind_flux_sum(u, c, dx):
    n = u.shape[0]
    total = 0.0
    for i in range(1, n - 1):
        speed = c * (u[i + 1] - u[i - 1])
        if speed > 0:  #: kink
            flux = speed * (u[i] - u[i - 1]) / dx
        else:
            flux = speed * (u[i + 1] - u[i]) / dx
        total += flux * u[i]
    return total


def huberless_misfit(model, data, weight):
    residual = model - data
    l1 = np.sum(weight * np.abs(residual))  #: kink
    smooth = 0.5 * np.sum(np.diff(model) ** 2)
    return l1 + 0.1 * smooth


def limiter_energy(q, dx):
    energy = 0.0
    for i in range(1, q.size - 1):
        a = (q[i] - q[i - 1]) / dx
        b = (q[i + 1] - q[i]) / dx
        s = min(a, b)  #: kink
        energy += s * s + q[i] * s
    return energy * dx


def charge_distance(positions, charges):
    n = positions.shape[0]
    energy = 0.0
    for i in range(n):
        for j in range(i):
            d = positions[i] - positions[j]
            r = np.sqrt(np.sum(d * d))  #: domain_edge
            energy += charges[i] * charges[j] * r
    return energy


def wave_dispersion(k, depth, g):
    omega2 = g * k * np.tanh(k * depth)
    omega = np.sqrt(omega2)  #: domain_edge
    group = omega * (1.0 + depth)
    return np.sum(group)


def entropy_of_mixture(p):
    logp = np.where(p > 0, np.log(p), 0.0)  #: masked_nan
    return -np.sum(p * logp)


def angle_penalty(a, b):
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    angle = math.acos(cosine)  #: domain_edge
    return angle * angle + 0.1 * angle


def safe_power_law(flux, index):
    scaled = flux / 10.0
    powered = np.where(scaled > 0.0, scaled ** index, 0.0)  #: masked_nan
    return powered.sum()


def optical_depth(density, ds):
    column = 0.0
    for i in range(density.shape[0]):
        column += density[i] * ds
    root = density ** 0.5  #: domain_edge
    return column + np.sum(root)


def inverse_distance(x, y, eps):
    r2 = x * x + y * y
    field = np.where(r2 > eps, 1.0 / r2, 0.0)  #: masked_nan
    return np.sum(field * x)


def softplus_energy(z, scale):
    t = scale * z
    soft = np.log(1.0 + np.exp(t))  #: overflow
    return np.mean(soft)


def partition_function(energies, beta):
    weights = np.exp(-beta * energies)  #: overflow
    z = np.sum(weights)
    average = np.sum(energies * weights) / z
    return average


def logistic_score(features, w, label):
    score = features @ w
    p = np.exp(score) / (1.0 + np.exp(score))  #: overflow
    return np.sum((p - label) ** 2)


def haversine_small(angle, radius):
    total = 0.0
    for i in range(len(angle)):
        x = angle[i]
        c = (1.0 - math.cos(x)) / (x * x)  #: cancellation
        total += radius * c
    return total


def phi_function(h, lam):
    z = h * lam
    phi = (np.exp(z) - 1.0) / z  #: cancellation
    return np.sum(phi) * h


def quadratic_root(b, c):
    disc = b * b - 4.0 * c
    root = (-b + math.sqrt(disc)) / 2.0  #: cancellation
    return root / c


def single_pass_variance(samples):
    n = samples.size
    mean_of_squares = np.sum(samples ** 2) / n
    mean = np.sum(samples) / n
    variance = mean_of_squares - mean * mean  #: cancellation
    return np.sqrt(variance + 1e-3)


def float_accumulator(values, gain):
    total = np.float32(0.0)
    for i in range(values.shape[0]):
        total = total + np.float32(gain) * values[i]  #: precision
    return float(total) / values.shape[0]


def background_sum(signal, offset):
    acc = offset
    for k in range(signal.size):
        acc += signal[k]  #: precision
    return (acc - offset) * 2.0


def harmonic_weights(weights):
    s = np.float32(1.0e8)
    for i in range(weights.shape[0]):
        s = s + weights[i] * weights[i]  #: precision
    return s


# clean look-alikes


def smooth_abs(voltage, threshold, slope):
    total = 0.0
    for k in range(len(voltage)):
        excess = voltage[k] - threshold
        total += slope * math.sqrt(excess * excess + 1e-4)
    return total / len(voltage)


def rectified_off_kink(x, w1, w2):
    left = np.maximum(w1 * x, 0.0)
    right = np.maximum(w2 * x, 0.0)
    return np.sum(left * left) + np.sum(right)


def positive_part_squared(x, w):
    r = np.maximum(x * w, 0.0)
    return np.sum(r * r)


def upwind_away_from_zero(u, c, dx):
    n = u.shape[0]
    total = 0.0
    for i in range(1, n - 1):
        speed = c + u[i]
        if speed > 0:
            flux = speed * (u[i] - u[i - 1]) / dx
        else:
            flux = speed * (u[i + 1] - u[i]) / dx
        total += flux * u[i]
    return total


def double_where_entropy(p):
    safe = np.where(p > 0, p, 1.0)
    logp = np.where(p > 0, np.log(safe), 0.0)
    return -np.sum(safe * logp)


def norm_away_from_zero(a, b):
    d = a - b
    return np.sqrt(np.sum(d * d)) + np.linalg.norm(a)


def stable_softplus(z, scale):
    return np.mean(np.logaddexp(0.0, scale * z))


def shifted_partition(energies, beta):
    lowest = np.min(energies)
    weights = np.exp(-beta * (energies - lowest))
    return np.sum(energies * weights) / np.sum(weights)


def stable_phi(h, lam):
    z = h * lam
    return np.sum(np.expm1(z) / z) * h


def two_pass_variance(samples):
    mean = np.mean(samples)
    return np.sqrt(np.sum((samples - mean) ** 2) / samples.size)


def stable_root(b, c):
    disc = b * b - 4.0 * c
    q = -0.5 * (b + math.sqrt(disc))
    return c / q


def double_accumulator(values, gain):
    total = 0.0
    for i in range(values.shape[0]):
        total = total + gain * values[i]
    return total / values.shape[0]


def clipped_inside(x, low, high):
    y = np.clip(x, low, high)
    return np.sum(y ** 3)


def branchy_friction(v, mu):
    out = 0.0
    for i in range(v.size):
        if v[i] > 0:
            out += mu * v[i] * v[i]
        else:
            out -= mu * v[i] * v[i]
    return out


def peak_to_peak(signal):
    return np.max(signal) - np.min(signal)


def lorentz_factor(beta):
    g = 1.0 / np.sqrt(1.0 - beta ** 2)
    return np.sum(g)


def relative_difference(measured, reference):
    return np.sum(((measured - reference) / reference) ** 2)


rng = np.random.default_rng(1)
CASES = [
    case(leaky_membrane, np.array([-1.0, 0.5, 1.0, 2.0]), 0.5, 2.0),
    case(rectified_response, np.array([0.0, 1.0, 2.0]), 1.0, 1.0),
    case(upwind_flux_sum, np.array([0.3, 1.0, 0.3, 1.2, 0.5]), 0.8, 0.1),
    case(huberless_misfit, np.array([1.0, 2.0, 2.5]), np.array([1.5, 2.0, 2.0]), np.array([1.0, 0.5, 2.0])),
    case(limiter_energy, np.array([0.0, 1.0, 2.0, 2.5]), 1.0),
    case(charge_distance, np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]]), np.array([1.0, -2.0, 0.7])),
    case(wave_dispersion, np.array([0.0, 0.3, 1.0]), 5.0, 9.81),
    case(entropy_of_mixture, np.array([0.2, 0.0, 0.8])),
    case(angle_penalty, np.array([1.0, 2.0]), np.array([2.0, 4.0])),
    case(safe_power_law, np.array([0.0, 3.0, 20.0]), 0.5),
    case(optical_depth, np.array([0.4, 0.0, 0.1]), 0.2),
    case(inverse_distance, np.array([0.0, 1.0]), np.array([0.0, 0.5]), 1e-9),
    case(softplus_energy, np.array([-2.0, 1.0, 9.0]), 100.0),
    case(partition_function, np.array([-900.0, -880.0, -870.0]), 1.0),
    case(logistic_score, np.array([[1.0, 400.0], [0.5, 1.0]]), np.array([0.3, 2.0]), np.array([1.0, 0.0])),
    case(haversine_small, np.array([1e-7, 3e-8]), 6371.0),
    case(phi_function, 1e-3, np.array([1e-9, 3e-10])),
    case(quadratic_root, 1e8, 1.0),
    case(single_pass_variance, 1e7 + np.array([0.01, 0.02, 0.03, 0.05])),
    case(float_accumulator, np.full(200_000, 0.1, np.float32), 1.0),
    case(background_sum, np.full(50, 0.3), 1e17),
    case(harmonic_weights, np.full(30, 0.5, np.float32)),
    case(smooth_abs, np.array([-1.0, 0.5, 1.0, 2.0]), 0.5, 2.0),
    case(rectified_off_kink, np.array([-1.0, 1.0, 2.0]), 1.0, 2.0),
    case(positive_part_squared, np.array([0.0, 1.0, -2.0]), 1.5),
    case(upwind_away_from_zero, np.array([0.3, 1.0, 0.4, -2.2, 0.5]), 0.8, 0.1),
    case(double_where_entropy, np.array([0.2, 0.5, 0.3])),
    case(norm_away_from_zero, np.array([1.0, 2.0]), np.array([0.0, 0.5])),
    case(stable_softplus, np.array([-2.0, 1.0, 9.0]), 100.0),
    case(shifted_partition, np.array([-900.0, -880.0, -870.0]), 1.0),
    case(stable_phi, 1e-3, np.array([1e-2, 3e-1])),
    case(two_pass_variance, 1e3 + np.array([0.1, 0.2, 0.3, 0.5])),
    case(stable_root, 1e3, 1.0),
    case(double_accumulator, rng.random(200), 1.0),
    case(clipped_inside, np.array([0.1, 0.5, 2.0, -3.0]), -1.0, 1.0),
    case(branchy_friction, np.array([0.0, 1.0, -2.0]), 0.3),
    case(peak_to_peak, np.array([0.3, 1.0, -2.0, 0.7])),
    case(lorentz_factor, np.array([0.1, 0.9, 0.99])),
    case(relative_difference, np.array([1.1, 2.0, 3.2]), np.array([1.0, 2.1, 3.0])),
]
