"""The sixth set, written without running the detector: functions of the same shapes that are right."""

import math
from typing import NamedTuple

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


class Aperture(NamedTuple):
    radius: float
    leak: float


class Arm(NamedTuple):
    low: np.ndarray
    high: np.ndarray
    weight: float


class Plant(NamedTuple):
    gain: float
    lag: float


class Market(NamedTuple):
    spot: float
    strike: float
    expiry: float


# beside kinks and edges


def beam_clipping_off_axis(offset, waist, aperture):
    reach = aperture.radius - abs(offset)
    edge = reach / waist
    return 0.5 * (1.0 + math.erf(edge)) + aperture.leak * offset


def reach_cost_inside(q, target, arm):
    limited = np.clip(q, arm.low, arm.high)
    angle = 0.0
    x = y = 0.0
    for k in range(limited.size):
        angle += limited[k]
        x += 0.4 * math.cos(angle)
        y += 0.4 * math.sin(angle)
    return arm.weight * ((x - target[0]) ** 2 + (y - target[1]) ** 2)


def smooth_ramp_at_zero(x, gain):
    positive = np.maximum(x, 0.0)
    return np.sum(gain * positive ** 3) + 0.5 * np.sum(x)


def huber_fit(slope, x, y):
    total = 0.0
    for i in range(x.size):
        r = y[i] - slope * x[i]
        if abs(r) <= 0.5:
            total += 0.5 * r * r
        else:
            total += 0.5 * (abs(r) - 0.25)
    return total


def two_arms_cancel(x, k):
    pull = k * np.maximum(x, 0.0)
    push = k * np.minimum(x, 0.0)
    return np.sum((pull + push) ** 2)


def soft_turnover(weights, held, mu, cost):
    trade = weights - held
    spread = np.sqrt(trade ** 2 + 1e-4)
    return weights @ mu - cost * np.sum(spread)


def replicate_score_spread(readings, reference):
    bias = np.mean(readings) - reference
    return 2.0 * np.std(readings) + bias ** 2


def regularised_variation(image, strength):
    tv = 0.0
    for i in range(image.shape[0] - 1):
        for j in range(image.shape[1] - 1):
            gx = image[i, j + 1] - image[i, j]
            gy = image[i + 1, j] - image[i, j]
            tv += np.sqrt(gx * gx + gy * gy + 1e-3)
    return strength * tv


def pair_energy(positions):
    n = positions.shape[0]
    e = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            d = positions[i] - positions[j]
            r2 = d @ d
            s6 = (0.25 / r2) ** 3
            e += 4.0 * (s6 * s6 - s6)
    return e


def nearest_neighbour_length(points):
    n = points.shape[0]
    total = 0.0
    for i in range(n):
        best = np.inf
        for j in range(n):
            if i == j:
                continue
            d = (points[i, 0] - points[j, 0]) ** 2 + (points[i, 1] - points[j, 1]) ** 2
            if d < best:
                best = d
        total += math.sqrt(best)
    return total / n


# beside masks and branches


def shannon_double_where(counts):
    p = counts / counts.sum()
    safe = np.where(p > 0.0, p, 1.0)
    terms = np.where(p > 0.0, -p * np.log(safe), 0.0)
    return np.sum(terms[1:] * np.arange(1.0, counts.size))


def shannon_positive(counts):
    p = counts / counts.sum()
    return np.sum(np.where(p > 0.0, -p * np.log(p), 0.0)) / np.log(counts.size)


def form_factor_sinc(q, radius, intensity):
    shape = np.sinc(q * radius / np.pi)
    return np.sum((shape ** 2 - intensity) ** 2)


def missing_data_mean(values, weights):
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    w = np.where(known, weights, 0.0)
    return np.sum(w * filled) / np.sum(w)


def loan_with_rate(rate, payment, years):
    months = 12 * years
    r = rate / 12.0
    if r == 0.0:
        return payment * months
    return payment * -np.expm1(-months * np.log1p(r)) / r


def turning_vehicle(v, omega, dt):
    x = y = 0.0
    theta = 0.3
    for k in range(v.size):
        x += v[k] * dt * np.sinc(0.5 * omega[k] * dt / np.pi) * math.cos(theta + 0.5 * omega[k] * dt)
        y += v[k] * dt * np.sinc(0.5 * omega[k] * dt / np.pi) * math.sin(theta + 0.5 * omega[k] * dt)
        theta += omega[k] * dt
    return x + 0.5 * y


def reflecting_walls(x0, v0, steps):
    x, v = x0, v0
    for _ in range(steps):
        x = x + 0.05 * v
        if x < 0.0:
            x = -x
            v = -v
        elif x > 1.0:
            x = 2.0 - x
            v = -v
    return x * x + 0.1 * v


def graph_with_mask(weight, mask, potential):
    loss = 0.0
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            if not mask[i, j]:
                continue
            drop = potential[i] - potential[j]
            loss += weight[i, j] * drop * drop
    return loss


def tariff_blocks(use, price):
    cost = 0.0
    left = use
    for width, unit in ((10.0, 1.0), (20.0, 1.3), (1000.0, 1.8)):
        block = min(left, width)
        cost += price * unit * block
        left -= block
    return cost


def upwind_flux(c, speed, dx):
    total = 0.0
    for i in range(1, c.size - 1):
        if speed > 0.0:
            g = (c[i] - c[i - 1]) / dx
        else:
            g = (c[i + 1] - c[i]) / dx
        total += speed * g * c[i]
    return total


# beside eigenvalues


def natural_frequencies(k, m):
    a = np.zeros((3, 3))
    for i in range(3):
        a[i, i] = (k[i] + k[i + 1]) / m[i]
    for i in range(2):
        a[i, i + 1] = -k[i + 1] / math.sqrt(m[i] * m[i + 1])
        a[i + 1, i] = a[i, i + 1]
    w, modes = np.linalg.eigh(a)
    return math.sqrt(w[0]) + modes[0, 0] ** 2


def invariants_of_isotropic(tensor):
    s = 0.5 * (tensor + tensor.T)
    w = np.linalg.eigvalsh(s)
    return np.sum(w) + 0.5 * np.sum(w * w)


def first_loading_apart(samples, contrast):
    centred = samples - np.mean(samples, axis=0)
    _, s, vt = np.linalg.svd(centred, full_matrices=False)
    return np.sum(vt[0] * contrast) ** 2 + s[0]


# beside floating point


def welford_variance(x):
    mean = 0.0
    m2 = 0.0
    k = 0
    for v in x:
        k += 1
        d = v - mean
        mean += d / k
        m2 += d * (v - mean)
    return m2 / k


def kinetic_energy_expm1(v, mass):
    c = 299792458.0
    beta2 = (v / c) ** 2
    excess = np.expm1(-0.5 * np.log1p(-beta2))
    return mass * c ** 2 * excess


def dissociation_stable(total, ka):
    disc = math.sqrt(ka * ka + 4.0 * ka * total)
    h = 2.0 * ka * total / (ka + disc)
    return h / total


def boltzmann_shifted(energy, observable, beta):
    x = -beta * energy
    weights = np.exp(x - np.max(x))
    return np.sum(observable * weights) / np.sum(weights)


def carrier_density_tanh(levels, mu, kt):
    n = 0.0
    for e in levels:
        n += 1.0 - np.tanh(0.5 * (e - mu) / kt)
    return n


def evidence_in_logs(x, shift):
    log_odds = 0.0
    for v in x:
        log_odds += shift * v - 0.5 * shift * shift
    return np.logaddexp(0.0, log_odds) / x.size


def rounded_temperature_difference(hot, cold):
    d = hot - cold
    mean = 0.5 * (hot + cold)
    return d / mean + 0.01 * d * d


def float32_filter(signal, alpha):
    y = np.float32(0.0)
    out = np.float32(0.0)
    for s in signal:
        y = y + alpha * (s - y)
        out = out + y * y
    return out


# beside steps and tables


def digitised_for_display(voltage, scale):
    scaled = voltage * scale
    bar = np.floor(scaled * 10.0)
    power = np.mean(scaled ** 2)
    return power + 0.0 * np.sum(bar)


def phase_wrapped(angle, order):
    turns = np.round(angle / (2.0 * np.pi))
    inside = angle - 2.0 * np.pi * turns
    return np.sum(np.cos(order * inside) + 0.1 * np.sin(inside))


def hermite_table(x, table):
    h = 0.1
    i = int(x / h)
    s = x / h - i
    m0 = 0.5 * (table[i + 1] - table[i - 1])
    m1 = 0.5 * (table[i + 2] - table[i])
    a = 2.0 * s ** 3 - 3.0 * s ** 2 + 1.0
    b = s ** 3 - 2.0 * s ** 2 + s
    c = -2.0 * s ** 3 + 3.0 * s ** 2
    d = s ** 3 - s ** 2
    return a * table[i] + b * m0 + c * table[i + 1] + d * m1


def batch_index(day, rates):
    n = rates.size
    total = 0.0
    for k in range(40):
        total += rates[(k * 7) % n] * math.exp(-0.1 * k * day)
    return total


def peak_height(centre, width, wavelength):
    profile = np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    k = np.argmax(profile)
    return profile[k] + 0.1 * width


def median_of_sorted(x, w):
    order = np.argsort(x)
    ranked = x[order]
    return np.sum(ranked * w)


def trimmed_mean(x, cut):
    s = np.sort(x)
    kept = s[cut : x.size - cut]
    return np.mean(kept) ** 2


def soft_centre(centre, width, wavelength):
    profile = np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    return np.sum(profile * wavelength) / np.sum(profile)


def plasma_fixed_steps(dose, clearance, duration):
    n = 160
    dt = duration / n
    gut = dose
    blood = 0.0
    for _ in range(n):
        absorbed = 1.2 * gut
        gut -= dt * absorbed
        blood += dt * (absorbed - clearance * blood)
    return blood


def drop_with_last_step(duration, drag):
    t = 0.0
    v = 0.0
    h = 0.0
    while t < duration:
        dt = min(0.005, duration - t)
        a = 9.81 - drag * v * abs(v)
        h += dt * (v + 0.5 * dt * a)
        v += dt * a
        t += dt
    return h


def simpson_window(window, decay):
    n = 200
    t = window * np.linspace(0.0, 1.0, n + 1)
    f = np.exp(-decay * t) * (1.0 + 0.2 * np.cos(3.0 * t))
    return window / (3.0 * n) * (f[0] + f[n] + 4.0 * np.sum(f[1:n:2]) + 2.0 * np.sum(f[2 : n - 1 : 2]))


# beside jumps and draws


def flooded_smoothly(rise, terrain, weight):
    level = 0.4 + rise
    wet = 1.0 / (1.0 + np.exp(-(level - terrain) / 0.02))
    return np.sum(wet * weight) / np.sum(weight)


def call_by_quadrature(strike, sigma, rate):
    z = np.linspace(-6.0, 6.0, 2401)
    dz = z[1] - z[0]
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    terminal = 100.0 * np.exp(rate - 0.5 * sigma * sigma + sigma * z)
    payoff = np.where(terminal > strike, terminal - strike, 0.0)
    return math.exp(-rate) * np.sum(payoff * density) * dz


def seasonal_mask(rate, day):
    season = np.where((day > 90.0) & (day < 240.0), 1.0, 0.3)
    return np.sum(season * np.exp(-rate * day / 365.0))


def reparameterised_mean(mu, sigma, draws):
    total = 0.0
    for z in draws:
        x = mu + sigma * z
        total += math.exp(-0.5 * x * x)
    return total / draws.size


def score_function_mean(p, draws):
    hits = np.where(draws < 0.4, 1.0, 0.0)
    logp = hits * np.log(p) + (1.0 - hits) * np.log(1.0 - p)
    return np.mean(logp)


# cuts and rules that are meant


def frozen_normaliser(x):
    top = wg.stop_gradient(np.max(x))
    return top + np.log(np.sum(np.exp(x - top)))


@wg.custom_derivative
def squash(x):
    return 1.0 / (1.0 + np.exp(-3.0 * x))


def squash_forward(x):
    s = 1.0 / (1.0 + np.exp(-3.0 * x))
    return s, s


def squash_backward(s, cotangent):
    return (3.0 * s * (1.0 - s) * cotangent,)


squash.def_vjp(squash_forward, squash_backward)


def neuron_loss_right(weights, inputs, labels):
    rate = squash(inputs @ weights)
    miss = rate - labels
    return 0.5 * np.sum(miss * miss)


def deposited_charge_serial(position, charge, cells):
    rho = np.zeros(cells)
    for p in wg.prange(position.size):
        rho[p % cells] += charge[p] * position[p]
    return np.sum(rho * rho)


# beside what goes wrong in loops


def cooling_rk4(k, ambient):
    def rate(y):
        return -k * (y - ambient)

    y, h = 90.0, 0.05
    for _ in range(60):
        k1 = rate(y)
        k2 = rate(y + 0.5 * h * k1)
        k3 = rate(y + 0.5 * h * k2)
        k4 = rate(y + h * k3)
        y = y + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0
    return y


def burgers_fixed(amplitude, end):
    m = 40
    dx = 1.0 / m
    x = (np.arange(m) + 0.5) * dx
    u = amplitude * (1.2 + np.sin(2.0 * np.pi * x))
    dt = end / 60
    for _ in range(60):
        flux = 0.5 * u * u
        u = u - dt / dx * (flux - np.roll(flux, 1))
    return np.sum(u * u) * dx


def henon_regular(a, b):
    x, y = 0.1, 0.1
    total = 0.0
    for _ in range(600):
        x, y = 1.0 - a * x * x + y, b * x
        total += x
    return total / 600


def growing_population(rate, years):
    n = 1.0
    eaten = 0.0
    for _ in range(years):
        n = n * (1.0 + rate)
        eaten += 0.1 * n
    return eaten


def true_anomaly_newton(mean_anomaly, e):
    big = mean_anomaly
    change = 1.0
    while abs(change) > 1e-11:
        change = (big - e * math.sin(big) - mean_anomaly) / (1.0 - e * math.cos(big))
        big = big - change
    half = math.sqrt((1.0 + e) / (1.0 - e)) * math.tan(0.5 * big)
    return 2.0 * math.atan(half)


def magnetisation_converged(coupling, field):
    m = np.full(field.size, 0.5)
    for _ in range(400):
        new = np.tanh(coupling * (np.roll(m, 1) + np.roll(m, -1)) + field)
        gap = np.max(np.abs(new - m))
        m = new
        if gap < 1e-13:
            break
    return np.mean(m)


def volatility_polished(price, market):
    root = math.sqrt(market.expiry)
    vol = 0.3
    for _ in range(40):
        d1 = (math.log(market.spot / market.strike) + 0.5 * vol * vol * market.expiry) / (vol * root)
        d2 = d1 - vol * root
        call = market.spot * 0.5 * (1.0 + math.erf(d1 / 1.4142135623730951)) - market.strike * 0.5 * (1.0 + math.erf(d2 / 1.4142135623730951))
        vega = market.spot * root * math.exp(-0.5 * d1 * d1) / 2.5066282746310002
        vol = vol - (call - price) / vega
    return vol


def plate_cg_to_the_end(source, conductivity):
    n = source.size

    def apply(u):
        out = 2.1 * u
        out[1:] -= u[:-1]
        out[:-1] -= u[1:]
        return conductivity * out

    u = np.zeros(n)
    r = source - apply(u)
    p = r.copy()
    rs = r @ r
    for _ in range(n):
        ap = apply(p)
        alpha = rs / (p @ ap)
        u = u + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + new / rs * p
        rs = new
    return np.sum(u * u)


def citation_rank_converged(damping, links):
    n = links.shape[0]
    rank = np.ones(n) / n
    delta = 1.0
    while delta > 1e-14:  #: fixed_point_lag (sums of columns are kept, and their derivative by others converges slowly)
        new = damping * (links @ rank) + (1.0 - damping) / n
        delta = np.sum(np.abs(new - rank))
        rank = new
    return rank[0]


def porous_medium_short(u0, dt):
    u = u0.copy()
    for _ in range(60):
        flux = u * u
        u[1:-1] = u[1:-1] + dt * (flux[2:] - 2.0 * flux[1:-1] + flux[:-2])
    return np.sum(u * u)


def power_over_whole_periods(amplitude, resistance):
    t = np.linspace(0.0, 200.0, 8001)
    current = amplitude * np.sin(1.3 * t)
    return np.mean(resistance * current ** 2)


def damped_mean_kinetic(stiffness, mass):
    x, v = 1.0, 0.0
    dt = 0.02
    total = 0.0
    for _ in range(3000):
        v -= dt * (stiffness * x + 0.4 * v) / mass
        x += dt * v
        total += 0.5 * mass * v * v
    return total * dt


R = np.random.default_rng(64)
F32 = np.float32
LINKS = R.random((6, 6)) + np.eye(6)
TERRAIN = np.sin(np.linspace(0.0, 9.0, 1500)) ** 2
CASES = [
    case(beam_clipping_off_axis, 0.2, 0.8, Aperture(1.0, 0.05)),
    case(reach_cost_inside, np.array([0.4, 1.4, -0.3]), np.array([0.7, 0.6]), Arm(np.array([-1.0, -1.2, -1.5]), np.array([1.0, 1.2, 1.5]), 2.0)),
    case(smooth_ramp_at_zero, np.array([0.0, 0.4, -0.2]), np.array([1.0, 2.0, 3.0])),
    case(huber_fit, 1.1, np.linspace(0.0, 2.0, 8), np.linspace(0.1, 3.0, 8) + R.normal(size=8)),
    case(two_arms_cancel, np.array([0.0, 0.3, -0.4]), 2.0),
    case(soft_turnover, np.array([0.3, 0.5, 0.2]), np.array([0.3, 0.4, 0.3]), np.array([0.05, 0.08, 0.03]), 0.002),
    case(replicate_score_spread, np.array([2.5, 2.7, 2.4, 2.5]), 2.3),
    case(regularised_variation, np.array([[1.0, 1.0, 0.2], [1.0, 0.7, 0.1], [0.3, 0.9, 0.5]]), 0.3),
    case(pair_energy, np.array([[0.0, 0.0], [0.6, 0.1], [0.2, 0.7], [0.9, 0.8]])),
    case(nearest_neighbour_length, R.random((7, 2))),
    case(shannon_double_where, np.array([12.0, 4.0, 5.0, 3.0])),
    case(shannon_positive, np.array([12.0, 4.0, 5.0, 3.0])),
    case(form_factor_sinc, np.linspace(0.0, 2.0, 6), 1.3, R.random(6)),
    case(missing_data_mean, np.array([1.0, np.nan, 2.5, 0.7]), np.array([1.0, 2.0, 0.5, 1.5])),
    case(loan_with_rate, 0.04, 800.0, 10),
    case(turning_vehicle, np.array([1.0, 1.2, 0.8]), np.array([0.2, 0.0, -0.3]), 0.5),
    case(reflecting_walls, 0.37, 1.1, 50),
    case(graph_with_mask, R.random((4, 4)), R.random((4, 4)) > 0.4, R.normal(size=4)),
    case(tariff_blocks, 23.0, 0.15),
    case(upwind_flux, R.random(9), 0.7, 0.1),
    case(natural_frequencies, np.array([1.0, 2.0, 1.5, 0.7]), np.array([1.0, 1.2, 0.8])),
    case(invariants_of_isotropic, 2.0 * np.eye(3)),
    case(first_loading_apart, R.normal(size=(9, 3)) * np.array([3.0, 1.0, 0.3]), np.array([1.0, 0.4, 0.2])),
    case(welford_variance, 2e4 + R.normal(size=30)),
    case(kinetic_energy_expm1, 12.0, 1.5),
    case(dissociation_stable, 1e-7, 1e5),
    case(boltzmann_shifted, np.array([-900.0, -850.0, -700.0]), np.array([1.0, 2.0, 0.5]), 0.01),
    case(carrier_density_tanh, np.array([0.1, 0.5, 2.0]), 0.3, 0.001),
    case(evidence_in_logs, 8.0 + R.normal(size=60), 2.0),
    case(rounded_temperature_difference, 300.25, 299.75),
    case(float32_filter, R.random(200).astype(F32), F32(0.2)),
    case(digitised_for_display, np.array([0.21, 0.35, 0.48]), 3.0),
    case(phase_wrapped, np.array([7.0, -12.0, 30.0]), 3.0),
    case(hermite_table, 1.234, np.sin(np.linspace(0.0, 3.0, 31))),
    case(batch_index, 0.7, R.random(5)),
    case(peak_height, 5.013, 0.4, np.linspace(3.0, 7.0, 801)),
    case(median_of_sorted, R.normal(size=7), np.array([0.0, 0.1, 0.2, 0.4, 0.2, 0.1, 0.0])),
    case(trimmed_mean, R.normal(size=11), 2),
    case(soft_centre, 5.013, 0.4, np.linspace(3.0, 7.0, 401)),
    case(plasma_fixed_steps, 2.0, 0.4, 3.333),
    case(drop_with_last_step, 1.2345, 0.05),
    case(simpson_window, 2.345, 0.8),
    case(flooded_smoothly, 0.1, TERRAIN, np.linspace(0.5, 1.5, 1500)),
    case(call_by_quadrature, 103.0, 0.25, 0.02),
    case(seasonal_mask, 0.8, np.linspace(1.0, 364.0, 52)),
    case(reparameterised_mean, 0.3, 0.8, R.normal(size=500)),
    case(score_function_mean, 0.37, R.random(400)),
    case(frozen_normaliser, np.array([1.0, 3.0, 2.0])),
    case(neuron_loss_right, np.array([0.3, -0.2, 0.5]), R.normal(size=(7, 3)), R.random(7)),
    case(deposited_charge_serial, R.random(20), np.ones(20), 8),
    case(cooling_rk4, 0.7, 20.0),
    case(burgers_fixed, 0.8, 0.3),
    case(henon_regular, 0.3, 0.3),
    case(growing_population, 0.07, 60),
    case(true_anomaly_newton, 0.8, 0.7),
    case(magnetisation_converged, 0.4, np.linspace(0.01, 0.2, 9)),
    case(volatility_polished, 9.0, Market(100.0, 101.0, 0.75)),
    case(plate_cg_to_the_end, R.random(12), 1.4),
    case(citation_rank_converged, 0.85, LINKS / LINKS.sum(axis=0)),
    case(porous_medium_short, 0.2 + np.exp(-np.linspace(-3.0, 3.0, 60) ** 2), 0.1),
    case(power_over_whole_periods, 1.3, 0.5),
    case(damped_mean_kinetic, 1.7, 1.1),
]
