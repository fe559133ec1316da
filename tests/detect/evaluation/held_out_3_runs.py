"""The third set, written before the rules were looked at again: iterations, steps, averages, draws, memory, matrices."""

import math
from typing import NamedTuple

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


class Tank(NamedTuple):
    area: float
    outlet: float


def drain_time_level(duration, tank):
    dt = 0.25
    level = 2.0
    steps = int(duration / dt)  #: step_count
    for _ in range(steps):  #| step_count
        level -= dt * tank.outlet / tank.area * np.sqrt(2.0 * 9.81 * level)
    return level


def trapezoid_until(b, spacing):
    n = math.ceil(b / spacing)  #: step_count
    total = 0.0
    for k in range(n):
        x = k * spacing
        total += 0.5 * spacing * (np.exp(-x) + np.exp(-x - spacing))
    return total


def cable_segments(length):
    count = int(np.floor(length / 0.05))  #: step_count
    nodes = np.zeros(count)
    for k in range(count):
        nodes[k] = 0.05 * (0.3 + math.sin(0.05 * k) ** 2)
    return np.sum(nodes)


def reactor_adaptive(k_rate):
    def rate(c):
        return -k_rate * c * c

    t, c, h = 0.0, 1.0, 0.05
    while t < 2.0:  #: adaptive_step
        slope = rate(c)
        euler = c + h * slope
        heun = c + 0.5 * h * (slope + rate(euler))
        err = abs(heun - euler) + 1e-12
        t += h  #| adaptive_step
        c = heun
        h = h * min(2.0, 0.9 * math.sqrt(1e-3 / err))  #| adaptive_step
    return c


def comet_step_control(speed):
    x, v, t = 1.0, speed, 0.0
    h = 0.02
    while t < 1.5:  #: adaptive_step
        a = -1.0 / (x * x)
        h = 0.05 * np.sqrt(np.abs(x / a))  #| adaptive_step
        v = v + h * a
        x = x + h * v
        t = t + h  #| adaptive_step
    return x


def exposure_fraction(threshold, doses):
    hit = np.where(doses > threshold, 1.0, 0.0)  #: parametric_discontinuity
    return np.mean(hit)


def flooded_area(level, ground):
    wet = 0.0
    for i in range(ground.shape[0]):
        for j in range(ground.shape[1]):
            if ground[i, j] < level:  #: parametric_discontinuity
                wet += 25.0
    return wet


def optimal_stock(stock, demand):
    cost = 0.0
    for d in demand:
        if d > stock:  #: parametric_discontinuity
            cost += 40.0
        cost += 0.5 * stock
    return cost / demand.size


def infection_draws(beta, u):
    sick = 0.0
    for k in range(u.size):
        p = 1.0 - math.exp(-beta)
        if u[k] < p:  #: discrete_random
            sick += 1.0
    return sick / u.size


def metropolis_mean(temperature, u, proposals):
    x, total = 0.0, 0.0
    for k in range(u.size):
        trial = x + proposals[k]
        accept = math.exp(-(trial * trial - x * x) / temperature)
        if u[k] < accept:  #: discrete_random
            x = trial
        total += x * x
    return total / u.size


def digital_option(vol, spot, normals):
    end = spot * np.exp(-0.5 * vol * vol + vol * normals)
    paid = np.where(end > 100.0, 1.0, 0.0)  #: discrete_random
    return np.exp(-0.02) * np.mean(paid)


def wien_displacement(c):
    x = 4.0
    for _ in range(100):  #| fixed_point_lag
        new = 5.0 - c * math.exp(-0.4 * x)
        if abs(new - x) < 5e-2:  #: fixed_point_lag
            return new
        x = new
    return x


def pagerank_sum(damping, links):
    n = links.shape[0]
    rank = np.ones(n) / n
    diff = 1.0
    while diff > 1e-2:  #: fixed_point_lag
        new = (1.0 - damping) / n + damping * (links @ rank)
        diff = np.sum(np.abs(new - rank))
        rank = new
    return rank[0]


def flash_iteration(k_value):
    def split(v):
        return 0.5 + 0.45 * math.cos(k_value * v)

    v = 0.5
    delta = 1.0
    laps = 0
    while delta > 1e-2 and laps < 200:  #: fixed_point_lag
        nxt = split(v)
        delta = abs(nxt - v)
        v = nxt
        laps += 1
    return v * v


def ph_bisection(acid):
    low, high = 0.0, 14.0
    for _ in range(50):  #: fixed_point_zero_iter
        mid = 0.5 * (low + high)
        charge = 10.0 ** (-mid) - acid - 10.0 ** (mid - 14.0)
        if charge > 0.0:  #| fixed_point_zero_iter
            low = mid
        else:
            high = mid
    return 0.5 * (low + high)


def implied_rate(price):
    r = 0.05
    value = 100.0 * math.exp(-5.0 * r)
    while abs(value - price) > 1e-6:  #: fixed_point_zero_iter
        r -= (value - price) / (-5.0 * value)
        value = 100.0 * math.exp(-5.0 * r)
    return r


def golden_section(shift):
    a, b = 0.0, 4.0
    g = 0.6180339887498949
    while b - a > 1e-9:  #: fixed_point_zero_iter
        c, d = b - g * (b - a), a + g * (b - a)
        if (c - shift) ** 2 + 0.1 * c < (d - shift) ** 2 + 0.1 * d:  #| fixed_point_zero_iter
            b = d
        else:
            a = c
    return 0.5 * (a + b)


def gauss_seidel_heat(source, conduct):
    n = source.size
    u = np.zeros(n + 2)
    for sweep in range(30):  #: linear_solver
        for i in range(1, n + 1):  #| linear_solver
            u[i] = (conduct * (u[i - 1] + u[i + 1]) + source[i - 1]) / (2.0 * conduct + 0.01)
    return np.sum(u)


def richardson_norm(b, matrix):
    x = np.zeros(b.size)
    residual = b - matrix @ x
    while np.sqrt(residual @ residual) > 0.05:  #: linear_solver
        step = (residual @ residual) / (residual @ (matrix @ residual))
        x = x + step * residual
        residual = b - matrix @ x
    return x @ x


def cg_loose(b, matrix):
    x = np.zeros(b.size)
    r = b.copy()
    p = b.copy()
    rho = r @ r
    for k in range(b.size):  #| linear_solver
        if rho < 1e-1:  #: linear_solver
            break
        q = matrix @ p
        alpha = rho / (p @ q)
        x += alpha * p
        r -= alpha * q
        new = r @ r
        p = r + (new / rho) * p
        rho = new
    return np.sum(x)


def lorenz_mean(rho):
    def flow(s):
        return np.array([10.0 * (s[1] - s[0]), s[0] * (rho - s[2]) - s[1], s[0] * s[1] - 8.0 / 3.0 * s[2]])

    s = np.array([1.0, 1.5, 20.0])
    dt = 0.01
    total = 0.0
    for _ in range(3000):  #: chaos
        k1 = flow(s)
        k2 = flow(s + 0.5 * dt * k1)
        k3 = flow(s + 0.5 * dt * k2)
        k4 = flow(s + dt * k3)
        s = s + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        total += s[2]
    return total / 3000.0


def duffing_energy(drive):
    x, v, t = 0.5, 0.0, 0.0
    dt = 0.01
    energy = 0.0
    for _ in range(20000):  #: chaos
        v += dt * (-0.25 * v + x - x ** 3 + drive * math.cos(t))
        x += dt * v
        t += dt
        energy += 0.5 * v * v * dt
    return energy / t


def ricker_population(growth, years):
    n = 0.4
    history = np.zeros(years)
    for year in range(years):  #: chaos
        n = n * np.exp(growth * (1.0 - n))
        history[year] = n
    return np.mean(history)


def rms_voltage(frequency):
    dt = 1e-3
    total = 0.0
    for k in range(20000):  #: time_average
        v = np.sin(2.0 * np.pi * frequency * k * dt)
        total += v * v
    return total / 20000.0


def pendulum_mean_square(stiffness):
    x, v = 1.0, 0.0
    dt = 0.01
    acc = 0.0
    n = 12000
    for _ in range(n):  #: time_average
        v -= dt * stiffness * x
        x += dt * v
        acc += x * x
    return acc / n


def signal_power(omega, times):
    return np.mean(np.cos(omega * times) ** 2)  #: time_average


def heat_rod_history(diffusivity, initial):
    u = initial.copy()
    for _ in range(4000):  #: tape_memory
        u[1:-1] = u[1:-1] + diffusivity * (u[2:] - 2.0 * u[1:-1] + u[:-2]) * (1.0 - 0.1 * u[1:-1])
    return np.sum(u * u)


def advection_limited(speed, field):
    q = field.copy()
    for _ in range(4000):  #: tape_memory
        q = q - speed * (q - np.roll(q, 1)) * np.exp(-0.01 * q)
    return np.sum(q ** 2)


def isotropic_tensor(stress):
    values, vectors = np.linalg.eigh(stress)  #: degenerate_eig
    return np.sum(values[0] * vectors[:, 0])


def twisted_bands(kx, ky):
    h = np.array([[kx, ky], [ky, -kx]])
    w, v = np.linalg.eigh(h)  #: degenerate_eig
    return w[1] + v[0, 1] ** 2


def procrustes_like(points):
    u, s, vt = np.linalg.svd(points, full_matrices=False)  #: degenerate_eig
    return u[0, 0] * vt[0, 1] + s[0]


def histogram_weights(cells, mass):
    density = np.zeros(4)
    for i in wg.prange(mass.size):
        density[cells[i]] = density[cells[i]] + mass[i]  #: parallel_race
    return np.sum(density ** 2)


def scatter_forces(pairs, stiffness):
    force = np.zeros(5)
    for k in wg.prange(pairs.shape[0]):
        i, j = pairs[k, 0], pairs[k, 1]
        force[i] = stiffness * (i - j)  #: parallel_race
    return force @ force


def rough_potential(x):
    smooth = 0.5 * (x - 1.0) ** 2
    return smooth + 1e-5 * np.cos(2e5 * x)  #: approximation


def dithered_sensor(angle):
    clean = np.exp(-0.3 * angle)
    ripple = 3e-6 * np.sin(angle * 4.0e5)  #: approximation
    return clean + ripple


_RNG = np.random.default_rng(11)
_SPD = np.diag(np.linspace(1.0, 6.0, 12)) + 0.2 * np.ones((12, 12))
_LINKS = np.array([[0.0, 0.5, 0.0, 1.0], [0.3, 0.0, 0.5, 0.0], [0.3, 0.5, 0.0, 0.0], [0.4, 0.0, 0.5, 0.0]])
_TERRAIN = np.add.outer(np.linspace(0.0, 3.0, 30) ** 1.5, np.sin(np.linspace(0.0, 2.0, 30)))

CASES = [
    case(drain_time_level, 60.1, Tank(1.5, 0.001)),
    case(trapezoid_until, 2.013, 0.1),
    case(cable_segments, 3.33),
    case(reactor_adaptive, 1.7),
    case(comet_step_control, 0.9),
    case(exposure_fraction, 1.31, np.linspace(0.0, 4.0, 400)),
    case(flooded_area, 2.11, _TERRAIN),
    case(optimal_stock, 55.3, np.linspace(20.0, 90.0, 300)),
    case(infection_draws, 0.45, _RNG.random(2000)),
    case(metropolis_mean, 1.2, _RNG.random(3000), _RNG.normal(size=3000)),
    case(digital_option, 0.25, 98.0, _RNG.standard_normal(5000)),
    case(wien_displacement, 4.8),
    case(pagerank_sum, 0.9, _LINKS),
    case(flash_iteration, 1.6),
    case(ph_bisection, 0.004),
    case(implied_rate, 100.0 * math.exp(-0.25)),
    case(golden_section, 1.7),
    case(gauss_seidel_heat, np.linspace(0.5, 1.5, 20), 2.0),
    case(richardson_norm, np.linspace(1.0, 2.0, 12), _SPD),
    case(cg_loose, np.linspace(-1.0, 2.0, 12), _SPD),
    case(lorenz_mean, 28.0),
    case(duffing_energy, 0.4),
    case(ricker_population, 2.9, 500),
    case(rms_voltage, 3.3),
    case(pendulum_mean_square, 2.0),
    case(signal_power, 7.0, np.linspace(0.0, 200.0, 20000)),
    case(heat_rod_history, 0.2, np.sin(np.linspace(0.0, 3.0, 600))),
    case(advection_limited, 0.3, np.exp(-np.linspace(-3.0, 3.0, 800) ** 2)),
    case(isotropic_tensor, 2.0 * np.eye(3)),
    case(twisted_bands, 0.0, 0.0),
    case(procrustes_like, np.array([[2.0, 0.0], [0.0, 2.0]])),
    case(histogram_weights, np.array([0, 1, 1, 3, 2, 0]), np.linspace(0.5, 1.0, 6)),
    case(scatter_forces, np.array([[0, 1], [1, 2], [2, 4], [0, 3]]), 1.5),
    case(rough_potential, 0.3),
    case(dithered_sensor, 0.7),
]
