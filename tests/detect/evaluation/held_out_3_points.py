"""The third set, written before the rules were looked at again: kinks, edges, branches, rounding, floating point."""

import math
from dataclasses import dataclass

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


@dataclass
class Contract:
    strike: float
    premium: float


def straddle_payoff(spot, contract):
    long_call = max(spot - contract.strike, 0.0)  #: kink
    long_put = max(contract.strike - spot, 0.0)  #| kink
    return 2.0 * long_call + long_put - contract.premium


def huber_gradient_norm(residual, delta):
    def huber(r):
        return np.where(np.abs(r) <= delta, 0.5 * r * r, 2.0 * delta * (np.abs(r) - 0.5 * delta))  #: parametric_discontinuity

    return np.sum(huber(residual))


def chebyshev_misfit(weights, samples, target):
    prediction = samples @ weights
    gaps = np.abs(prediction - target)
    worst = np.max(gaps)  #: kink
    return worst


def drawdown(prices):
    peak = prices[0]
    deepest = 0.0
    for k in range(1, prices.size):
        peak = np.maximum(peak, prices[k])  #: kink
        loss = (peak - prices[k]) / peak
        deepest = max(deepest, loss)  #| kink
    return deepest


def cosine_similarity_loss(a, b):
    na = np.sqrt(np.sum(a * a))  #: domain_edge
    nb = np.sqrt(np.sum(b * b))
    return 1.0 - np.dot(a, b) / (na * nb + 1e-8)


def manning_discharge(depth, slope, n_manning):
    area = 3.0 * depth + 0.5 * depth ** 2
    velocity = 0.4 / n_manning * np.sqrt(slope)  #: domain_edge
    return area * velocity


def geodesic_angle(u, v):
    c = 0.0
    for k in range(3):
        c += u[k] * v[k]
    angle = np.arccos(min(1.0, max(-1.0, c)))  #: domain_edge
    return angle * 6371.0


def freundlich_uptake(concentration, k, n):
    q = np.zeros(concentration.size)
    for i in range(concentration.size):
        q[i] = k * concentration[i] ** (1.0 / n)  #: domain_edge
    return q.sum()


def kl_divergence(p, q):
    ratio = p / q
    return np.sum(np.where(p > 0, p * np.log(ratio), 0.0))  #: masked_nan


def lens_deflection(theta, core):
    r = np.hypot(theta[0], theta[1] - core)
    shear = np.where(r > 0.0, np.sqrt(theta[0]) / r, 0.0)  #: masked_nan
    return shear + theta[1]


def bessel_j1_ratio(x):
    small = np.abs(x) < 1e-12
    exact = (np.sin(x) / x - np.cos(x)) / x
    return np.sum(np.where(small, x / 3.0, exact))  #: masked_nan


def power_law_integral(index, low, high):
    if index == -1.0:  #: equality_branch
        area = math.log(high / low)
    else:
        area = (high ** (index + 1.0) - low ** (index + 1.0)) / (index + 1.0)
    return 3.0 * area


def annuity(rate, years):
    if rate != 0.0:  #: equality_branch
        factor = (1.0 - (1.0 + rate) ** (-years)) / rate
    else:
        factor = years
    return 1200.0 * factor


def slerp_weight(omega, t):
    s = np.sin(omega)
    return np.where(omega == 0.0, 1.0 - t, np.sin((1.0 - t) * omega) / np.where(omega == 0.0, 1.0, s))  # right: the slope at 0 is 0 by either formula


def horner_skip(coefficients, x):
    acc = 0.0
    k = coefficients.shape[0] - 1
    while k >= 0:
        acc = acc * x
        if coefficients[k] != 0.0:  #: pruned_zero
            acc = acc + coefficients[k]
        k -= 1
    return acc


def reaction_rates(flux, stoichiometry):
    produced = 0.0
    for i in range(stoichiometry.shape[0]):
        for j in range(stoichiometry.shape[1]):
            s = stoichiometry[i, j]
            if s == 0:  #: pruned_zero
                continue
            produced += s * flux[j] * (i + 1.0)
    return produced


def packed_bits(volume, levels):
    step = 2.0 / levels
    coded = step * np.floor(volume / step)  #: quantisation
    return np.sum(coded * coded)


def bill_in_cents(amount, tax):
    gross = amount * (1.0 + tax)
    cents = round(gross * 100.0)  #: quantisation
    return cents / 100.0


@dataclass
class Atmosphere:
    base: float
    spacing: float
    pressure: np.ndarray


def pressure_at(altitude, air):
    position = (altitude - air.base) / air.spacing
    cell = int(position)  #| table_lookup
    return air.pressure[cell] * 0.01  #: table_lookup


def opacity_table(temperature, grid, kappa):
    k = np.searchsorted(grid, temperature)  #| table_lookup
    return kappa[k] * temperature ** 2  #: table_lookup


def elevation_nearest(path, terrain):
    climb = 0.0
    for k in range(path.shape[0]):
        i = int(np.floor(path[k, 0]))  #| table_lookup
        j = int(np.floor(path[k, 1]))  #| table_lookup
        climb += terrain[i, j]  #: table_lookup
    return climb


def resonance_position(stiffness, frequencies):
    response = 1.0 / ((stiffness - frequencies ** 2) ** 2 + 0.01)
    best = np.argmax(response)  #: order_index
    return frequencies[best]  #| order_index


def winner_score(scores, payouts):
    order = np.argsort(scores)  #: order_index
    total = 0.0
    for rank in range(scores.size):
        total += rank * payouts[order[rank]]  #| order_index
    return total


def debye_small(x):
    value = (math.exp(x) - 1.0 - x) / (x * x)  #: cancellation
    return value


def kepler_energy_error(v, r, mu):
    kinetic = 0.5 * v * v
    potential = mu / r
    return (kinetic - potential) / (1e-12 * mu) + 0.0 * r  # escape speed: no digit lost beyond the inputs


def variance_two_pass_missing(x):
    n = x.size
    mean = np.sum(x) / n
    mean_square = np.sum(x * x) / n
    return mean_square - mean * mean  #: cancellation


def quadratic_small_root(b, c):
    disc = np.sqrt(b * b - 4.0 * c)
    return (-b + disc) / 2.0  #: cancellation


def fermi_energy(x, beta):
    occupation = 1.0 - np.exp(beta * x) / (1.0 + np.exp(beta * x))  #: overflow
    return np.sum(occupation * x)


def gaussian_evidence(misfits):
    biggest = np.exp(misfits)  #: overflow
    return np.log(np.sum(biggest))


def far_field_distance(x, y):
    r2 = x * x + y * y  #: overflow
    return np.sqrt(r2)


def signal_energy32(signal, gain):
    energy = np.float32(0.0)
    for k in range(signal.size):
        energy += gain * signal[k] * signal[k]  #: precision
    return energy


def clock_drift(rate):
    t = np.float32(0.0)
    dt = np.float32(1e-4) * rate
    for _ in range(60000):
        t = t + dt  #: precision
    return t


def lognormal_trick(x):
    i = np.float64(x).view(np.int64)  #: bit_trick
    return float(i) * 2.0 ** -52 - 1023.0


def fast_rsqrt32(x):
    half = np.float32(0.5) * x
    bits = x.view(np.int32)  #: bit_trick
    bits = 0x5F3759DF - (bits >> 1)
    y = bits.view(np.float32)
    return np.sum(y * (np.float32(1.5) - half * y * y))


def scaled_reward(advantage, ratio):
    baseline = wg.stop_gradient(np.mean(advantage * ratio))  #: detached
    return np.sum(ratio) * baseline


def normalised_output(x, w):
    z = w * x
    scale = wg.stop_gradient(np.sqrt(np.sum(z * z)))  #: detached
    return np.sum(z ** 3) / scale


_RAY = np.array([0.31, 0.77, 1.2, 2.6, 3.3])

CASES = [
    case(straddle_payoff, 100.0, Contract(100.0, 7.5)),
    case(huber_gradient_norm, np.linspace(-2.0, 2.0, 201), 1.003),
    case(chebyshev_misfit, np.array([1.0, 0.5]), np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.array([2.0, 1.5, 1.0])),
    case(drawdown, np.array([5.0, 7.0, 6.0, 7.0, 4.2, 6.5])),
    case(cosine_similarity_loss, np.zeros(4), np.array([1.0, 2.0, -0.5, 0.3])),
    case(manning_discharge, 1.3, 0.0, 0.03),
    case(geodesic_angle, np.array([0.0, 0.6, 0.8]), np.array([0.0, 0.6, 0.8])),
    case(freundlich_uptake, np.array([0.4, 0.0, 2.5]), 1.7, 2.4),
    case(kl_divergence, np.array([0.5, 0.0, 0.5]), np.array([0.3, 0.3, 0.4])),
    case(lens_deflection, np.array([0.0, 0.0]), 0.0),
    case(bessel_j1_ratio, np.array([0.0, 0.8, 2.0])),
    case(power_law_integral, -1.0, 0.5, 4.0),
    case(annuity, 0.0, 12.0),
    case(slerp_weight, 0.0, 0.3),
    case(horner_skip, np.array([1.0, 0.0, -0.5, 2.0]), 1.4),
    case(reaction_rates, np.array([0.5, 1.5, 2.0]), np.array([[1.0, 0.0, -1.0], [0.0, 2.0, -1.0]])),
    case(packed_bits, np.array([0.31, -0.77, 0.52, 0.9]), 16.0),
    case(bill_in_cents, 17.31, 0.19),
    case(pressure_at, 3450.0, Atmosphere(0.0, 1000.0, np.array([1013.0, 899.0, 795.0, 701.0, 617.0, 540.0]))),
    case(opacity_table, 5.3, np.linspace(1.0, 10.0, 19), np.linspace(3.0, 0.4, 20) ** 2),
    case(elevation_nearest, np.array([[0.4, 1.3], [1.7, 2.2], [2.6, 0.9]]), np.arange(16.0).reshape(4, 4) ** 1.3),
    case(resonance_position, 2.37, np.linspace(0.1, 4.0, 400)),
    case(winner_score, np.array([0.3, 0.1, 0.9, 0.45]), np.array([3.0, 5.0, 1.0, 8.0])),
    case(debye_small, 3e-7),
    case(kepler_energy_error, 1.1, 0.9, 1.0),
    case(variance_two_pass_missing, 1e6 + np.array([0.11, 0.37, 0.93, 0.24, 0.6])),
    case(quadratic_small_root, 1e6, 1.3),
    case(fermi_energy, np.array([0.2, 1.1, 9.0]), 100.0),
    case(gaussian_evidence, np.array([720.0, 3.0, 715.0])),
    case(far_field_distance, 3e160, 4e160),
    case(signal_energy32, np.concatenate([np.full(40, 300.0), np.full(20000, 0.05)]).astype(np.float32), np.float32(1.0)),
    case(clock_drift, np.float32(1.3)),
    case(lognormal_trick, 3.7),
    case(fast_rsqrt32, np.array([2.0, 5.0], np.float32)),
    case(scaled_reward, np.array([0.3, 1.2, -0.4]), np.array([1.1, 0.9, 1.4])),
    case(normalised_output, _RAY, 0.8),
]
