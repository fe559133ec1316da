"""The sixth set, written without running the detector: pitfalls at a point and of floating point."""

import math
from typing import NamedTuple

import numpy as np

from tests.detect.evaluation.case import case


class Aperture(NamedTuple):
    radius: float
    leak: float


class Arm(NamedTuple):
    low: np.ndarray
    high: np.ndarray
    weight: float


class Beam(NamedTuple):
    modulus: float
    load: np.ndarray


# kinks


def beam_clipping(offset, waist, aperture):
    reach = aperture.radius - abs(offset)  #: kink
    edge = reach / waist
    passed = 0.5 * (1.0 + math.erf(edge))
    background = aperture.leak * offset
    return passed + background


def rebalanced_utility(weights, held, mu, cost):
    def turnover(new, old):
        trade = new - old
        return np.sum(np.abs(trade))  #: kink

    gross = weights @ mu
    risk = 0.5 * np.sum(weights ** 2)
    return gross - risk - cost * turnover(weights, held)


def reach_cost(q, target, arm):
    limited = np.clip(q, arm.low, arm.high)  #: kink
    angle = 0.0
    x = y = 0.0
    for k in range(limited.size):
        angle += limited[k]
        x += 0.4 * math.cos(angle)
        y += 0.4 * math.sin(angle)
    return arm.weight * ((x - target[0]) ** 2 + (y - target[1]) ** 2)


# domain edges


def replicate_score(readings, reference):
    bias = np.mean(readings) - reference
    noise = np.std(readings)  #: domain_edge
    return 2.0 * noise + bias ** 2


def chain_reaction(c0, k1, k2):
    c = c0.copy()
    dt = 0.01
    for _ in range(20):
        start = k1 * c[0]
        grow = k2 * c[1] * math.sqrt(c[2])  #: domain_edge
        c[0] -= dt * start
        c[1] -= dt * grow
        c[2] += dt * (start - 0.1 * grow)
    return c[1]


def total_variation(image, noisy, strength):
    rows, columns = image.shape
    tv = 0.0
    for i in range(rows - 1):
        for j in range(columns - 1):
            gx = image[i, j + 1] - image[i, j]
            gy = image[i + 1, j] - image[i, j]
            tv += np.sqrt(gx * gx + gy * gy)  #: domain_edge
    fit = np.sum((image - noisy) ** 2)
    return 0.5 * fit + strength * tv


# masked NaN


def shannon_evenness(counts):
    p = counts / counts.sum()
    terms = np.where(p > 0.0, -p * np.log(p), 0.0)  #: masked_nan
    h = terms.sum()
    return h / np.log(counts.size)


def form_factor(q, radius, intensity):
    x = q * radius
    shape = np.where(x == 0.0, 1.0, np.sin(x) / x)  #: masked_nan
    model = shape ** 2
    return np.sum((model - intensity) ** 2)


def vegetation_index(nir, red, valid):
    ratio = (nir - red) / (nir + red)  #| masked_nan
    index = np.where(valid, ratio, 0.0)  #: masked_nan
    n = np.sum(valid)
    return np.sum(index) / n


# equality branches


def loan_present_value(rate, payment, years):
    months = 12 * years
    r = rate / 12.0
    if r == 0.0:  #: equality_branch
        return payment * months
    discount = (1.0 + r) ** (-months)
    return payment * (1.0 - discount) / r


def box_cox_likelihood(lam, y):
    if lam == 0.0:  #: equality_branch
        z = np.log(y)
    else:
        z = (y ** lam - 1.0) / lam
    mean = np.mean(z)
    spread = np.mean((z - mean) ** 2)
    return -0.5 * y.size * np.log(spread) + (lam - 1.0) * np.sum(np.log(y))


def dead_reckoning(v, omega, dt):
    x = y = 0.0
    theta = 0.3
    for k in range(v.size):
        w = omega[k]
        if w == 0.0:  #: equality_branch
            x += v[k] * dt * math.cos(theta)
            y += v[k] * dt * math.sin(theta)
        else:
            x += v[k] / w * (math.sin(theta + w * dt) - math.sin(theta))
            y -= v[k] / w * (math.cos(theta + w * dt) - math.cos(theta))
        theta += w * dt
    return x + 0.5 * y


# pruned zeros


def network_loss(weight, source, target, potential):
    loss = 0.0
    for e in range(weight.size):
        if weight[e] == 0.0:  #: pruned_zero
            continue
        drop = potential[source[e]] - potential[target[e]]
        loss += weight[e] * drop * drop
    return loss


def energy_expectation(h, psi):
    norm = 0.0
    energy = 0.0
    for i in range(psi.size):
        norm += psi[i] * psi[i]
        for j in range(psi.size):
            if h[i, j] != 0.0:  #: pruned_zero
                energy += psi[i] * h[i, j] * psi[j]
    return energy / norm


def sparse_prediction(design, coef, y):
    fitted = np.zeros(y.size)
    for j in range(coef.size):
        if coef[j] != 0.0:  #: pruned_zero
            fitted += design[:, j] * coef[j]
    r = y - fitted
    return 0.5 * r @ r


# repeated eigenvalues


def modal_participation(k1, k2, coupling, load):
    stiffness = np.zeros((2, 2))
    stiffness[0, 0] = k1 + coupling
    stiffness[1, 1] = k2 + coupling
    stiffness[0, 1] = -coupling
    stiffness[1, 0] = -coupling
    values, modes = np.linalg.eigh(stiffness)  #: degenerate_eig
    return modes[:, 0] @ load / values[0]


def dominant_orientation(gx, gy):
    tensor = np.zeros((2, 2))
    for k in range(gx.size):
        tensor[0, 0] += gx[k] * gx[k]
        tensor[0, 1] += gx[k] * gy[k]
        tensor[1, 0] += gx[k] * gy[k]
        tensor[1, 1] += gy[k] * gy[k]
    _, vectors = np.linalg.eigh(tensor)  #: degenerate_eig
    return vectors[0, 1] ** 2 + 0.3 * vectors[1, 1]


def first_loading(samples, contrast):
    centred = samples - np.mean(samples, axis=0)
    _, s, vt = np.linalg.svd(centred, full_matrices=False)  #: degenerate_eig
    return np.sum(vt[0] * contrast) * s[0]


# cancellation


def running_variance(x):
    total = 0.0
    squares = 0.0
    for v in x:
        total += v
        squares += v * v
    n = x.size
    mean = total / n
    return squares / n - mean * mean  #: cancellation


def kinetic_energy(v, mass):
    c = 299792458.0
    beta2 = (v / c) ** 2
    gamma = 1.0 / math.sqrt(1.0 - beta2)
    excess = gamma - 1.0  #: cancellation
    return mass * c ** 2 * excess


def dissociation(total, ka):
    b = ka
    disc = math.sqrt(b * b + 4.0 * ka * total)
    h = 0.5 * (disc - b)  #: cancellation
    fraction = h / total
    return fraction


# overflow


def boltzmann_mean(energy, observable, beta):
    weights = np.exp(-beta * energy)  #: overflow
    z = np.sum(weights)
    return np.sum(observable * weights) / z


def carrier_density(levels, mu, kt):
    n = 0.0
    for e in levels:
        x = (e - mu) / kt
        f = 1.0 / (np.exp(x) + 1.0)  #: overflow
        n += 2.0 * f
    return n


def sequential_evidence(x, shift):
    odds = 1.0
    for v in x:
        llr = shift * v - 0.5 * shift * shift
        odds = odds * math.exp(llr)  #: overflow
    return math.log(odds) / x.size


# single precision


def mean_dose(rate, detector, dt):
    dose = np.float32(0.0)
    for k in range(detector.size):
        dose = dose + np.float32(rate * dt) * detector[k]  #: precision
    return float(dose) / detector.size


def swept_phase(f0, chirp):
    dt = np.float32(1e-4)
    t = np.float32(0.0)
    phase = np.float32(0.0)
    for _ in range(30000):
        phase = phase + dt * np.float32(6.2831853) * (f0 + chirp * t)  #: precision
        t = t + dt  #| precision
    return phase


def reservoir_balance(inflow, area):
    volume = np.float32(4.0e8)
    for q in inflow:
        volume += q * area  #: precision
    return volume * np.float32(1e-8)


R = np.random.default_rng(61)
F32 = np.float32
CASES = [
    case(beam_clipping, 0.0, 0.8, Aperture(1.0, 0.05)),
    case(rebalanced_utility, np.array([0.3, 0.5, 0.2]), np.array([0.3, 0.4, 0.3]), np.array([0.05, 0.08, 0.03]), 0.002),
    case(reach_cost, np.array([0.4, 1.2, -0.3]), np.array([0.7, 0.6]), Arm(np.array([-1.0, -1.2, -1.5]), np.array([1.0, 1.2, 1.5]), 2.0)),
    case(replicate_score, np.array([2.5, 2.5, 2.5, 2.5]), 2.3),
    case(chain_reaction, np.array([1.0, 2.0, 0.0]), 0.4, 1.3),
    case(total_variation, np.array([[1.0, 1.0, 0.2], [1.0, 0.7, 0.1], [0.3, 0.9, 0.5]]), R.random((3, 3)), 0.3),
    case(shannon_evenness, np.array([12.0, 0.0, 5.0, 3.0])),
    case(form_factor, np.linspace(0.0, 2.0, 6), 1.3, R.random(6)),
    case(vegetation_index, np.array([0.5, 0.0, 0.4]), np.array([0.1, 0.0, 0.2]), np.array([True, False, True])),
    case(loan_present_value, 0.0, 800.0, 10),
    case(box_cox_likelihood, 0.0, np.array([1.2, 0.7, 3.1, 2.2])),
    case(dead_reckoning, np.array([1.0, 1.2, 0.8]), np.array([0.2, 0.0, -0.3]), 0.5),
    case(network_loss, np.array([1.0, 0.0, 2.0]), np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([1.0, 0.4, -0.2])),
    case(energy_expectation, np.array([[1.0, 0.0, 0.2], [0.0, 2.0, 0.1], [0.2, 0.1, 3.0]]), np.array([0.8, 0.5, 0.1])),
    case(sparse_prediction, R.normal(size=(6, 3)), np.array([0.5, 0.0, -1.0]), R.normal(size=6)),
    case(modal_participation, 2.0, 2.0, 0.0, np.array([1.0, 0.5])),
    case(dominant_orientation, np.array([1.0, 0.0, 0.5, 0.5]), np.array([0.0, 1.0, 0.5, -0.5])),
    case(first_loading, np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.array([1.0, 0.4])),
    case(running_variance, 2e7 + R.normal(size=30)),
    case(kinetic_energy, 12.0, 1.5),
    case(dissociation, 1e-7, 1e5),
    case(boltzmann_mean, np.array([-900.0, -850.0, -700.0]), np.array([1.0, 2.0, 0.5]), 1.0),
    case(carrier_density, np.array([0.1, 0.5, 2.0]), 0.3, 0.001),
    case(sequential_evidence, np.full(60, 8.0) + R.normal(size=60), 2.0),
    case(mean_dose, F32(0.37), np.full(40000, 1.0, F32), F32(0.1)),
    case(swept_phase, F32(120.0), F32(3.0)),
    case(reservoir_balance, np.full(500, 2.0, F32), F32(1.5)),
]
