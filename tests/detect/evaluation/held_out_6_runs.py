"""The sixth set, written without running the detector: what goes wrong over the trips of a loop."""

import math
from typing import NamedTuple

import numpy as np

from tests.detect.evaluation.case import case


class Pendulum(NamedTuple):
    length: float
    gravity: float


class Market(NamedTuple):
    spot: float
    strike: float
    expiry: float


class Growth(NamedTuple):
    rate: float
    capacity: float


# adaptive steps


def cooling_adaptive(k, ambient):
    def rate(y):
        return -k * (y - ambient)

    t, y, h = 0.0, 90.0, 0.05
    while t < 3.0:
        k1 = rate(y)
        k2 = rate(y + h * k1)
        err = abs(0.5 * h * (k2 - k1)) + 1e-12
        y = y + 0.5 * h * (k1 + k2)
        t = t + h
        h = 0.9 * h * math.sqrt(0.05 / err)  #: adaptive_step
    return y


def population_adaptive(growth, start):
    tol = 1e-3
    t = 0.0
    n = start
    h = 0.1
    while t < 4.0:
        a = growth.rate * n * (1.0 - n / growth.capacity)
        mid = n + 0.5 * h * a
        b = growth.rate * mid * (1.0 - mid / growth.capacity)
        far = n + 0.75 * h * b
        c = growth.rate * far * (1.0 - far / growth.capacity)
        new = n + h * (2.0 * a + 3.0 * b + 4.0 * c) / 9.0
        d = growth.rate * new * (1.0 - new / growth.capacity)
        err = abs(h * (-5.0 * a / 72.0 + b / 12.0 + c / 9.0 - d / 8.0)) + 1e-12
        if err < tol:
            t += h
            n = new
        h = h * min(3.0, max(0.2, 0.9 * (tol / err) ** (1.0 / 3.0)))  #: adaptive_step
    return n


def burgers_cfl(amplitude, end):
    m = 40
    dx = 1.0 / m
    x = (np.arange(m) + 0.5) * dx
    u = amplitude * (1.2 + np.sin(2.0 * np.pi * x))
    t = 0.0
    while t < end:
        dt = 0.8 * dx / np.max(np.abs(u))  #: adaptive_step
        flux = 0.5 * u * u
        u = u - dt / dx * (flux - np.roll(flux, 1))
        t += dt
    return np.sum(u * u) * dx


# chaos


def henon_average(a, b):
    x, y = 0.1, 0.1
    total = 0.0
    n = 600
    for _ in range(n):  #: chaos
        x, y = 1.0 - a * x * x + y, b * x
        total += x
    return total / n


def double_pendulum_energy(arm, theta):
    dt = 0.01
    a1, a2 = theta[0], theta[1]
    w1 = w2 = 0.0
    kinetic = 0.0
    for _ in range(4000):  #: chaos
        d = a1 - a2
        den = 3.0 - math.cos(2.0 * d)
        g = arm.gravity / arm.length
        acc1 = (-3.0 * g * math.sin(a1) - g * math.sin(a1 - 2.0 * a2) - 2.0 * math.sin(d) * (w2 * w2 + w1 * w1 * math.cos(d))) / den
        acc2 = 2.0 * math.sin(d) * (2.0 * w1 * w1 + 2.0 * g * math.cos(a1) + w2 * w2 * math.cos(d)) / den
        w1 += dt * acc1
        w2 += dt * acc2
        a1 += dt * w1
        a2 += dt * w2
        kinetic += w1 * w1 + 0.5 * w2 * w2
    return kinetic / 4000


def metapopulation(r, dispersal, start):
    n = start.copy()
    harvest = 0.0
    for _ in range(250):  #: chaos
        grown = n * np.exp(r * (1.0 - n))
        n = (1.0 - dispersal) * grown + 0.5 * dispersal * (np.roll(grown, 1) + np.roll(grown, -1))
        harvest += np.mean(n)
    return harvest / 250


# iterations stopped by their value


def true_anomaly(mean_anomaly, e):
    big = mean_anomaly
    change = 1.0
    while change > 1e-2:  #: fixed_point_lag
        new = mean_anomaly + e * math.sin(big)
        change = abs(new - big)
        big = new
    half = math.sqrt((1.0 + e) / (1.0 - e)) * math.tan(0.5 * big)
    return 2.0 * math.atan(half)


def bubble_temperature(pressure, x):
    t = 350.0
    for _ in range(200):  #: fixed_point_lag
        p1 = math.exp(16.6 - 3640.0 / (t - 53.5))
        p2 = math.exp(16.3 - 3816.0 / (t - 46.1))
        total = x * p1 + (1.0 - x) * p2
        new = t * (1.0 + 0.02 * math.log(pressure / total))
        if abs(new - t) < 0.05:  #| fixed_point_lag
            t = new
            break
        t = new
    return t / 100.0


def magnetisation(coupling, field):
    m = np.full(field.size, 0.5)
    while True:  #: fixed_point_lag
        h = coupling * (np.roll(m, 1) + np.roll(m, -1)) + field
        new = np.tanh(h)
        gap = np.max(np.abs(new - m))
        m = new
        if gap < 5e-3:  #| fixed_point_lag
            break
    return np.mean(m)


# results that only decisions depend on


def implied_volatility(price, market):
    lo, hi = 0.01, 2.0
    root = math.sqrt(market.expiry)
    for _ in range(60):
        vol = 0.5 * (lo + hi)
        d1 = (math.log(market.spot / market.strike) + 0.5 * vol * vol * market.expiry) / (vol * root)
        d2 = d1 - vol * root
        call = market.spot * 0.5 * (1.0 + math.erf(d1 / 1.4142135623730951)) - market.strike * 0.5 * (1.0 + math.erf(d2 / 1.4142135623730951))
        if call > price:  #: fixed_point_zero_iter
            hi = vol
        else:
            lo = vol
    return 0.5 * (lo + hi)


def manning_depth(flow, slope, guess):
    width = 4.0
    n = 0.03
    h = guess
    f = width * h * (width * h / (width + 2.0 * h)) ** (2.0 / 3.0) * math.sqrt(slope) / n - flow
    while abs(f) > 1e-6:  #: fixed_point_zero_iter
        step = 1e-5
        up = h + step
        g = width * up * (width * up / (width + 2.0 * up)) ** (2.0 / 3.0) * math.sqrt(slope) / n - flow
        h = h - f * step / (g - f)
        f = width * h * (width * h / (width + 2.0 * h)) ** (2.0 / 3.0) * math.sqrt(slope) / n - flow
    return h


def best_price(cost, elasticity):
    def profit(p):
        return (p - cost) * p ** (-elasticity)

    ratio = 0.6180339887498949
    a, b = 1.0, 10.0
    while b - a > 1e-7:  #| fixed_point_zero_iter
        left = b - ratio * (b - a)
        right = a + ratio * (b - a)
        if profit(left) > profit(right):  #: fixed_point_zero_iter
            b = right
        else:
            a = left
    return 0.5 * (a + b)


# linear solvers


def heat_plate_cg(source, conductivity):
    n = source.shape[0]

    def apply(u):
        out = 4.0 * u
        out[1:, :] -= u[:-1, :]
        out[:-1, :] -= u[1:, :]
        out[:, 1:] -= u[:, :-1]
        out[:, :-1] -= u[:, 1:]
        return conductivity * out

    u = np.zeros((n, n))
    r = source - apply(u)
    p = r.copy()
    rs = np.sum(r * r)
    for _ in range(6):  #: linear_solver
        ap = apply(p)
        alpha = rs / np.sum(p * ap)
        u = u + alpha * p
        r = r - alpha * ap
        new = np.sum(r * r)
        p = r + new / rs * p
        rs = new
    return np.sum(u * u)


def truss_gauss_seidel(k, load):
    n = load.size
    u = np.zeros(n)
    change = 1.0
    while change > 1e-2:  #: linear_solver
        change = 0.0
        for i in range(n):
            s = load[i]
            if i > 0:
                s += k * u[i - 1]
            if i < n - 1:
                s += k * u[i + 1]
            new = s / (2.0 * k + 0.1)
            change = max(change, abs(new - u[i]))
            u[i] = new
    return u[n // 2]


def citation_rank(damping, links):
    n = links.shape[0]
    rank = np.ones(n) / n
    delta = 1.0
    while delta > 1e-2:  #: fixed_point_lag
        new = damping * (links @ rank) + (1.0 - damping) / n
        delta = np.sum(np.abs(new - rank))
        rank = new
    return rank[0]


# memory of the reverse sweep


def porous_medium(u0, dt):
    u = u0.copy()
    for _ in range(4000):  #: tape_memory
        flux = u * u
        u[1:-1] = u[1:-1] + dt * (flux[2:] - 2.0 * flux[1:-1] + flux[:-2])
    return np.sum(u)


def echo_state(weight, leak, drive):
    h = np.zeros(weight.size)
    out = 0.0
    for s in range(9000):  #: tape_memory
        x = np.sin(0.01 * s) * drive
        h = (1.0 - leak) * h + leak * np.tanh(weight * h + x)
        out += h[0] * h[0]
    return out / 9000


def gray_scott(u0, v0, feed, kill):
    u = u0.copy()
    v = v0.copy()
    for _ in range(800):  #: tape_memory
        lu = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4.0 * u
        lv = np.roll(v, 1, 0) + np.roll(v, -1, 0) + np.roll(v, 1, 1) + np.roll(v, -1, 1) - 4.0 * v
        uvv = u * v * v
        u = u + 0.16 * lu - uvv + feed * (1.0 - u)
        v = v + 0.08 * lv + uvv - (feed + kill) * v
    return np.mean(v)


# averages over time


def dissipated_power(omega, resistance):
    t = np.linspace(0.0, 200.0, 8001)
    current = 2.0 * np.sin(omega * t) / (1.0 + 0.1 * omega)
    power = resistance * current ** 2
    return np.mean(power)  #: time_average


def mean_kinetic(stiffness, mass):
    x, v = 1.0, 0.0
    dt = 0.02
    n = 12000
    total = 0.0
    for _ in range(n):  #: time_average
        v -= dt * stiffness / mass * x
        x += dt * v
        total += 0.5 * mass * v * v
    return total / n


def mean_prey(birth, hunt):
    dt = 0.01
    prey, hunters = 1.5, 0.8
    total = 0.0
    steps = 15000
    for _ in range(steps):  #: time_average
        hunters = hunters + dt * hunters * (0.6 * prey - 0.9)
        prey = prey + dt * prey * (birth - hunt * hunters)
        total += prey
    return total / steps


R = np.random.default_rng(63)
LINKS = R.random((6, 6)) + np.eye(6)
CASES = [
    case(cooling_adaptive, 0.7, 20.0),
    case(population_adaptive, Growth(1.3, 8.0), 0.4),
    case(burgers_cfl, 0.8, 0.3),
    case(henon_average, 1.4, 0.3),
    case(double_pendulum_energy, Pendulum(1.0, 9.81), np.array([2.2, 2.6])),
    case(metapopulation, 3.0, 0.1, 0.5 + R.random(12)),
    case(true_anomaly, 0.8, 0.7),
    case(bubble_temperature, 90.0, 0.4),
    case(magnetisation, 0.4, np.linspace(0.01, 0.2, 9)),
    case(implied_volatility, 9.0, Market(100.0, 101.0, 0.75)),
    case(manning_depth, 3.904923966039134, 0.002, 0.9),
    case(best_price, 1.5, 2.6),
    case(heat_plate_cg, R.random((9, 9)), 1.4),
    case(truss_gauss_seidel, 2.0, np.linspace(0.2, 1.0, 15)),
    case(citation_rank, 0.85, LINKS / LINKS.sum(axis=0)),
    case(porous_medium, 0.2 + np.exp(-np.linspace(-3.0, 3.0, 700) ** 2), 0.1),
    case(echo_state, 0.9 * R.random(300), 0.3, R.normal(size=300)),
    case(gray_scott, 1.0 - 0.5 * R.random((40, 40)), 0.25 * R.random((40, 40)), 0.035, 0.062),
    case(dissipated_power, 1.3, 0.5),
    case(mean_kinetic, 1.7, 1.1),
    case(mean_prey, 1.1, 0.9),
]
