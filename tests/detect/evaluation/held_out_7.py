"""The seventh set, written after the mending for the sixth and before the detector ran on it: planted pitfalls."""

import math
from dataclasses import dataclass

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


@dataclass
class Exchanger:
    area: float
    coefficient: float


@dataclass
class Room:
    loss: float
    power: float


@dataclass
class Soil:
    nitrogen: float
    phosphorus: float
    uptake: float


# a point


def svm_objective(w, b, points, labels, c):
    margin_loss = 0.0
    for i in range(labels.size):
        score = labels[i] * (points[i] @ w + b)
        margin_loss += max(0.0, 1.0 - score)  #: kink
    return 0.5 * (w @ w) + c * margin_loss


def liebig_yield(soil, days):
    biomass = 0.1
    for _ in range(days):
        rate = min(soil.nitrogen / (soil.nitrogen + 1.0), soil.phosphorus / (soil.phosphorus + 1.0))  #: kink
        biomass += 0.05 * soil.uptake * rate * biomass
    return biomass


def bond_angle(r1, r2, stiffness, rest):
    u = r1 / np.linalg.norm(r1)
    v = r2 / np.linalg.norm(r2)
    theta = np.arccos(u @ v)  #: domain_edge
    return 0.5 * stiffness * (theta - rest) ** 2


def geometric_index(prices, base):
    relatives = prices / base
    n = relatives.size
    index = np.prod(relatives) ** (1.0 / n)  #: domain_edge
    return 100.0 * index


def cut_off_energy(x, cutoff):
    r = np.abs(x[:, None] - x[None, :])
    away = (r > 0.0) & (r < cutoff)
    pair = (0.4 / r) ** 12 - (0.4 / r) ** 6  #| masked_nan
    return 2.0 * np.sum(np.where(away, pair, 0.0))  #: masked_nan


def supernova_flux(t, onset, scale):
    rise = np.sqrt(t - onset)  #| masked_nan
    flux = np.where(t > onset, scale * rise, 0.0)  #: masked_nan
    return np.sum(flux * np.exp(-0.1 * t))


def escape_probability(tau, emissivity):
    beta = np.zeros(tau.size)
    for k in range(tau.size):
        if tau[k] == 0.0:  #: equality_branch
            beta[k] = 1.0
        else:
            beta[k] = (1.0 - math.exp(-tau[k])) / tau[k]
    return np.sum(beta * emissivity)


def exchanger_duty(unit, inlet, outlet):
    hot, cold = inlet, outlet
    if hot == cold:  #: equality_branch
        mean = hot
    else:
        mean = (hot - cold) / math.log(hot / cold)
    return unit.area * unit.coefficient * mean


def response_surface(coefficients, powers, x):
    y = 0.0
    for c, p in zip(coefficients, powers):
        if not c:  #: pruned_zero
            continue
        y += c * x ** p
    return y * y


def principal_axis(points, mass, axis):
    inertia = np.zeros((3, 3))
    for i in range(mass.size):
        r = points[i]
        inertia += mass[i] * ((r @ r) * np.eye(3) - np.outer(r, r))
    moments, axes = np.linalg.eigh(inertia)  #: degenerate_eig
    return axes[:, 0] @ axis * moments[0]


# floating point


def continuous_rate(growth, dt):
    factor = 1.0 + growth * dt  #| cancellation
    log_return = np.log(factor)  #: cancellation
    return log_return / dt


def numeric_hessian(x, k):
    h = 1e-7

    def potential(q):
        return k * (np.cosh(q) - 1.0)

    up, middle, down = potential(x + h), potential(x), potential(x - h)
    return (up - 2.0 * middle + down) / (h * h)  #: cancellation


def log_partition(field, moments):
    total = 0.0
    for m in moments:
        total += math.log(2.0 * math.cosh(field * m))  #: overflow
    return total / moments.size


def choice_share(price, taste):
    u = taste - price
    e = np.exp(u)  #: overflow
    share = e / (1.0 + e)
    return np.sum(share * price)


def integrated_signal(gain, signal):
    total = np.float32(0.0)
    peak = np.float32(0.0)
    for s in signal:
        total += gain * s  #: precision
        peak = max(peak, s)
    return total / peak


# steps


def traded_value(price, size, tick):
    value = 0.0
    for k in range(price.size):
        quoted = math.floor(price[k] / tick) * tick  #: quantisation
        value += quoted * size[k]
    return value


def sector_power(angle, gain):
    step = 0.1
    sector = angle // step  #: quantisation
    pointed = sector * step
    return gain * np.cos(pointed) ** 2


def insulation_loss(temperature, edges, conductance):
    k = np.digitize(temperature, edges)  #| table_lookup
    g = conductance[k]  #: table_lookup
    return g * (temperature - 5.0)


def nearest_calibration(reading, grid, response):
    k = np.argmin(np.abs(grid - reading))  #: order_index
    return response[k] * 1.02  #| table_lookup


def recommended_gain(user, items, value):
    scores = items @ user
    top = np.argsort(-scores)[:3]  #: order_index
    return np.sum(value[top])


def charge_delivered(end, current):
    dt = 0.01
    q = 0.0
    soc = 0.2
    for _ in range(int(end // dt)):  #: step_count
        i = current * (1.0 - soc)
        q += i * dt
        soc += 0.1 * i * dt
    return q


def sampled_energy(duration, damping):
    n = int(duration * 80.0)  #: step_count
    t = np.arange(n) / 80.0
    x = np.exp(-damping * t) * np.cos(4.0 * t)
    return np.sum(x * x) / 80.0


def above_water(level, heights, area):
    dry = np.heaviside(heights - level, 0.5)  #: parametric_discontinuity
    return np.sum(dry * area) / np.sum(area)


def exposed_population(threshold, dose, people):
    exposed = 0.0
    for k in range(dose.size):
        if dose[k] > threshold:  #: parametric_discontinuity
            exposed += people[k]
    return exposed / 1000.0


def thermostat_energy(setpoint, room):
    t = 15.0
    energy = 0.0
    dt = 0.02
    for _ in range(1500):
        heat = room.power if t < setpoint else 0.0  #: parametric_discontinuity
        t += dt * (heat - room.loss * (t - 5.0))
        energy += heat * dt
    return energy


def random_walk_mean(p, xi):
    walks, steps = xi.shape
    total = 0.0
    for w in range(walks):
        x = 0.0
        for k in range(steps):
            x += 1.0 if xi[w, k] < p else -1.0  #: discrete_random
        total += x
    return total / walks


def float_hash_noise(x, seed):
    bits = np.array([x * seed]).view(np.uint64)  #: bit_trick
    low = bits & np.uint64(1023)
    return x + 0.001 * low[0] / 1024.0


def temporal_difference(weights, states, rewards):
    loss = 0.0
    for k in range(rewards.size):
        now = states[k] @ weights
        target = rewards[k] + 0.9 * wg.stop_gradient(states[k + 1] @ weights)  #: detached
        loss += (target - now) ** 2
    return loss


@wg.custom_derivative
def smooth_step(x):
    return x * x * (3.0 - 2.0 * x)


@smooth_step.def_jvp
def smooth_step_slope(args, tangents):
    return smooth_step(args[0]), 6.0 * args[0] * (1.0 + args[0]) * tangents[0]


def blended_height(position, low, high):
    s = position / 4.0
    w = smooth_step(s)  #: wrong_rule
    return (1.0 - w) * low + w * high


def splat(image, shift):
    out = np.zeros(image.size)
    for i in wg.prange(image.size):
        j = (i * 3 + 1) % 7
        out[j] = out[j] + image[i] * shift  #: parallel_race
    return np.sum(out * out)


def filtered_heartbeat(t, amplitude):
    beat = amplitude * math.exp(-8.0 * (t - 0.4) ** 2)
    hum = 4e-6 * math.sin(6e5 * t)  #: approximation
    return beat + hum


# loops


def van_der_pol(mu, start):
    def slope(x, v):
        return v, mu * (1.0 - x * x) * v - x

    t, h = 0.0, 0.05
    x, v = start, 0.0
    while t < 3.0:
        a, b = slope(x, v)
        c, d = slope(x + h * a, v + h * b)
        err = 0.5 * h * max(abs(c - a), abs(d - b)) + 1e-12
        x += 0.5 * h * (a + c)
        v += 0.5 * h * (b + d)
        t += h
        h = h * min(2.0, max(0.3, 0.9 * (2e-2 / err) ** 0.5))  #: adaptive_step
    return x


def standard_map_action(k, p0):
    theta, p = 0.5, p0
    spread = 0.0
    for _ in range(300):  #: chaos
        p = p + k * math.sin(theta)
        theta = (theta + p) % (2.0 * math.pi)
        spread += math.cos(theta)
    return spread / 300.0


def market_price(a, b):
    price = 1.0
    for _ in range(1000):  #: fixed_point_lag
        excess = a / (price + 0.5) - b * price
        if abs(excess) < 2e-2:  #| fixed_point_lag
            break
        price += 0.1 * excess
    return price


def facility_location(sites, demand):
    x = np.mean(sites[:, 0])
    y = np.mean(sites[:, 1])
    moved = 1.0
    while moved > 1e-2:  #: fixed_point_lag
        w = demand / np.sqrt((sites[:, 0] - x) ** 2 + (sites[:, 1] - y) ** 2 + 1e-6)
        nx = np.sum(w * sites[:, 0]) / np.sum(w)
        ny = np.sum(w * sites[:, 1]) / np.sum(w)
        moved = abs(nx - x) + abs(ny - y)
        x, y = nx, ny
    return x + 2.0 * y


def dew_point(vapour, altitude):
    def excess(t):
        return 0.611 * math.exp(17.6 * t / (t + 243.0)) * (1.0 - 1e-5 * altitude) - vapour

    lo, hi = -40.0, 60.0
    while hi - lo > 1e-8:  #| fixed_point_zero_iter
        mid = 0.5 * (lo + hi)
        if excess(lo) * excess(mid) <= 0.0:  #: fixed_point_zero_iter
            hi = mid
        else:
            lo = mid
    return 0.5 * (lo + hi)


def resistor_jacobi(conductance, injected):
    n = injected.size
    diagonal = np.diag(conductance)
    off = conductance - np.diag(diagonal)
    v = np.zeros(n)
    for _ in range(6):  #: linear_solver
        v = (injected - off @ v) / diagonal
    return np.sum(v * injected)


def deblurred(a, blurred):
    x = np.zeros(blurred.size)
    for _ in range(8):  #: linear_solver
        r = blurred - a @ x
        step = (r @ r) / (r @ (a @ r))
        x = x + step * r
    return np.sum(x * x)


def shallow_water(height, dt):
    h = height.copy()
    u = np.zeros(height.size)
    for _ in range(5000):  #: tape_memory
        u = u - dt * 0.5 * (np.roll(h, -1) - np.roll(h, 1)) - dt * 0.1 * u * u
        h = h - dt * 0.5 * (np.roll(h * u, -1) - np.roll(h * u, 1))
    return np.sum(h * h)


def rectified_mean(frequency, load):
    n = 20000
    dt = 0.01
    total = 0.0
    for k in range(n):  #: time_average
        v = math.cos(frequency * k * dt)
        total += v * v / (1.0 + load)
    return total / n


R = np.random.default_rng(71)
F32 = np.float32
SPD = R.normal(size=(7, 7))
SPD = SPD @ SPD.T + 3.0 * np.eye(7)
CASES = [
    case(svm_objective, np.array([1.0, 0.5]), 0.0, np.array([[1.0, 0.0], [-2.0, 1.0], [0.5, 0.5]]), np.array([1.0, -1.0, 1.0]), 0.7),
    case(liebig_yield, Soil(2.0, 2.0, 0.8), 20),
    case(bond_angle, np.array([1.0, 0.0, 0.0]), np.array([2.0, 0.0, 0.0]), 3.0, 1.9),
    case(geometric_index, np.array([1.2, 0.0, 0.9]), np.array([1.0, 1.0, 1.0])),
    case(cut_off_energy, np.array([0.0, 0.5, 1.1, 2.4]), 1.5),
    case(supernova_flux, np.linspace(0.0, 10.0, 9), 3.3, 1.5),
    case(escape_probability, np.array([0.3, 0.0, 1.2]), np.array([1.0, 2.0, 0.5])),
    case(exchanger_duty, Exchanger(12.0, 0.4), 30.0, 30.0),
    case(response_surface, np.array([1.0, 0.0, -0.3]), np.array([0, 1, 2]), 1.4),
    case(principal_axis, np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]), np.ones(4), np.array([0.3, 0.5, 0.1])),
    case(continuous_rate, 0.07, 1e-11),
    case(numeric_hessian, 0.4, 1.5),
    case(log_partition, 3.0, np.array([10.0, 150.0, 300.0])),
    case(choice_share, np.array([1.0, 2.0]), np.array([800.0, 3.0])),
    case(integrated_signal, F32(0.7), np.full(50000, 1.1, F32)),
    case(traded_value, np.array([10.03, 11.47, 9.88]), np.array([100.0, 50.0, 75.0]), 0.25),
    case(sector_power, 0.77, 2.0),
    case(insulation_loss, 17.0, np.array([0.0, 10.0, 15.0, 20.0]), np.array([2.0, 1.5, 1.2, 0.9, 0.5])),
    case(nearest_calibration, 0.6234, np.linspace(0.0, 1.0, 400), np.linspace(0.0, 1.0, 400) ** 2),
    case(recommended_gain, np.array([0.4, 1.0, -0.2]), R.normal(size=(12, 3)), R.random(12)),
    case(charge_delivered, 2.345, 0.8),
    case(sampled_energy, 2.7, 0.3),
    case(above_water, 0.45, np.cos(np.linspace(0.0, 12.0, 2000)), np.linspace(1.0, 2.0, 2000)),
    case(exposed_population, 0.3, np.exp(-np.linspace(0.0, 3.0, 1200)), np.full(1200, 2.0)),
    case(thermostat_energy, 19.3, Room(0.3, 9.0)),
    case(random_walk_mean, 0.55, R.random((60, 40))),
    case(float_hash_noise, 0.37, 12.9),
    case(temporal_difference, np.array([0.2, -0.5]), R.normal(size=(7, 2)), R.normal(size=6)),
    case(blended_height, 1.3, 2.0, 5.0),
    case(splat, R.random(14), 0.7),
    case(filtered_heartbeat, 0.52, 1.2),
    case(van_der_pol, 1.2, 1.5),
    case(standard_map_action, 3.5, 0.3),
    case(market_price, 1.5, 0.7),
    case(facility_location, np.array([[0.0, 0.0], [4.0, 0.5], [3.0, 4.0], [0.5, 3.0]]), np.array([1.0, 2.0, 1.0, 0.5])),
    case(dew_point, 1.4, 300.0),
    case(resistor_jacobi, SPD + 12.0 * np.eye(7), R.random(7)),
    case(deblurred, SPD, R.random(7)),
    case(shallow_water, 1.0 + 0.2 * np.exp(-np.linspace(-4.0, 4.0, 300) ** 2), 0.02),
    case(rectified_mean, 2.3, 0.4),
]
