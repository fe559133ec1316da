"""The eighth set: look-alikes that have no pitfall at their arguments."""

import math

import numpy as np

from tests.detect.evaluation.case import case

RNG = np.random.default_rng(818)


def contact_apart(position, stiffness, floor_height):
    energy = 0.0
    for k in range(position.size):
        depth = floor_height - position[k]
        if depth > 0.0:
            energy += stiffness * depth
    return energy


def quadratic_penalty(length, rest, modulus):
    stretch = max(length - rest, 0.0)
    return modulus * stretch * stretch


def smooth_roughness(image, weight):
    d = image[1:] - image[:-1]
    return weight * np.sum(np.sqrt(d * d + 1e-3))


def speed_away_from_rest(vx, vy):
    return math.sqrt(vx * vx + vy * vy) ** 3


def great_circle_haversine(lat1, lon1, lat2, lon2):
    a = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2.0 * 6371.0 * np.arcsin(np.sqrt(a))


def counts_guarded(rate, counts):
    safe = np.where(counts > 0, counts, 1.0)
    return np.sum(rate - counts * np.log(rate)) + np.sum(np.where(counts > 0, counts * np.log(safe), 0.0))


def branch_elsewhere(voltage, permeability):
    if voltage == 0.0:
        return permeability
    return permeability * voltage / math.expm1(voltage)


def full_polynomial(coefficients, x):
    total = 0.0
    for k in range(coefficients.size - 1, -1, -1):
        total = total * x + coefficients[k]
    return total


def stress_invariants(sxx, syy, sxy):
    s = np.array([[sxx, sxy], [sxy, syy]])
    return np.sum(np.linalg.eigvalsh(s) ** 3)


def lens_sag_stable(radius, height):
    return height**2 / (radius + math.sqrt(radius**2 - height**2))


def boltzmann_shifted(levels, temperature):
    z = -levels / temperature
    w = np.exp(z - np.max(z))
    return np.sum(levels * w) / np.sum(w)


def fixed_pixels(width, n):
    pitch = width / n
    area = 0.0
    for _ in range(n):
        area += pitch * pitch
    return area


def binned_reference(speed, edges):
    bin_of = int(np.searchsorted(edges, 12.0))
    return speed**2 * edges[bin_of]


def cubic_viscosity(temperature, a, b, c):
    t = temperature / 100.0
    return math.exp(a + b * t + c * t * t)


def soft_argmax(centre, pixels):
    w = np.exp(-((pixels - centre) ** 2) / 0.02)
    return np.sum(w * pixels) / np.sum(w)


def smooth_flooding(level, heights):
    return np.mean(1.0 / (1.0 + np.exp(-(level - heights) / 0.05)))


def reparameterised(mu, sigma, z):
    s = mu + sigma * z
    return np.mean(np.exp(-s * s))


def newton_fixed(a):
    x = 1.0
    for _ in range(30):
        x = 0.5 * (x + a / x)
    return x


def colebrook_tight(reynolds, roughness):
    f = 0.02
    while True:
        new = (-2.0 * math.log10(roughness / 3.7 + 2.51 / (reynolds * math.sqrt(f)))) ** -2.0
        if abs(new - f) < 1e-14:
            return new
        f = new


def direct_temperature(conductance, source):
    x = np.linalg.solve(conductance, source)
    return np.sum(x * x)


def damped_duffing(amplitude, omega):
    x, v, t, h = 1.0, 0.0, 0.0, 0.02
    for _ in range(3000):
        v = v + h * (-x - 0.5 * v + amplitude * math.cos(omega * t))
        x = x + h * v
        t = t + h
    return x


def hann_current(omega, gain):
    n = 4000
    t = np.linspace(0.0, 200.0, n)
    window = 1.0 - np.cos(2.0 * np.pi * (np.arange(n) + 0.5) / n)
    return np.mean(window * (gain * np.sin(omega * t)) ** 2)


def upwind(u0, speed):
    u = u0.copy()
    for _ in range(60):
        flux = max(speed, 0.0) * u + min(speed, 0.0) * np.roll(u, -1)
        u = u - 0.2 * (flux - np.roll(flux, 1))
    return np.sum(u * u)


def clipped_inside(x, low, high):
    y = np.clip(x, low, high)
    return np.sum(y**3)


def viterbi_score(emission, transition):
    score = emission[0].copy()
    for t in range(1, emission.shape[0]):
        score = np.max(score[:, None] + transition, axis=0) + emission[t]
    return np.max(score)


def _spd(n):
    return 2.0 * np.eye(n) - 0.9 * np.eye(n, k=1) - 0.9 * np.eye(n, k=-1)


CASES = [
    case(contact_apart, np.array([0.2, 0.55, 0.9]), 3.0, 0.5),
    case(quadratic_penalty, 2.0, 2.0, 40.0),
    case(smooth_roughness, np.array([0.1, 0.1, 0.7, 0.4]), 0.3),
    case(speed_away_from_rest, 0.0, 1.5),
    case(great_circle_haversine, 0.7, 0.3, 0.9, 0.1),
    case(counts_guarded, np.array([1.2, 0.4, 2.5]), np.array([2.0, 0.0, 3.0])),
    case(branch_elsewhere, 0.7, 0.8),
    case(full_polynomial, np.array([1.0, 0.0, -0.5, 0.0, 2.0]), 0.8),
    case(stress_invariants, 2.0, 1.0, 0.4),
    case(lens_sag_stable, 1e4, 1e-3),
    case(boltzmann_shifted, np.array([-900.0, 10.0, 30.0]), 100.0),
    case(fixed_pixels, 10.3, 20),
    case(binned_reference, 12.3, np.array([0.0, 5.0, 10.0, 15.0, 20.0])),
    case(cubic_viscosity, 31.0, 0.6, -2.4, 0.9),
    case(soft_argmax, 0.413, np.linspace(0.0, 1.0, 101)),
    case(smooth_flooding, 0.52, np.sort(RNG.uniform(0.0, 1.0, 400))),
    case(reparameterised, 0.3, 0.8, RNG.standard_normal(500)),
    case(newton_fixed, 7.0),
    case(colebrook_tight, 8e4, 2e-3),
    case(direct_temperature, _spd(24), RNG.uniform(0.5, 1.5, 24)),
    case(damped_duffing, 0.3, 1.2),
    case(hann_current, 2.3, 1.4),
    case(upwind, RNG.uniform(0.5, 1.0, 60), 0.7),
    case(clipped_inside, np.array([0.2, 0.5, 1.7]), 0.0, 1.0),
    case(viterbi_score, RNG.standard_normal((12, 4)), RNG.standard_normal((4, 4))),
]
