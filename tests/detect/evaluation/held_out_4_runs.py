"""The fourth set, written before the rules were looked at: pitfalls of loops, solvers, sampling and dynamics."""

import math

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case

# step counts


def drug_washout(half_life, hours):
    amount = 500.0
    n = int(hours / 0.05)  #: step_count
    for _ in range(n):
        amount -= 0.05 * amount * math.log(2.0) / half_life
    return amount


def ray_march(direction, depth):
    opacity = 0.0
    t = 0.0
    while t < depth:  #: step_count
        density = np.exp(-((t * direction[0] - 1.0) ** 2 + (t * direction[1] - 0.5) ** 2))
        opacity += 0.01 * density
        t += 0.01
    return 1.0 - math.exp(-opacity)


def simpson_panels(upper):
    n = 2 * int(np.ceil(upper * 40.0))  #: step_count
    h = 0.025
    s = 0.0
    for i in range(n + 1):
        w = 1.0 if i == 0 or i == n else (4.0 if i % 2 == 1 else 2.0)
        s += w * math.sin(i * h) ** 2
    return s * h / 3.0


# adaptive steps


def battery_discharge(load):
    charge, t, h = 1.0, 0.0, 0.05
    while t < 2.0:  #| adaptive_step
        k1 = -load * charge * (1.0 + charge)
        k2 = -load * (charge + h * k1) * (1.0 + charge + h * k1)
        err = abs(0.5 * h * (k2 - k1))
        charge += 0.5 * h * (k1 + k2)
        t += h
        h = h * min(2.0, max(0.3, 0.9 * (1e-3 / (err + 1e-12)) ** 0.5))  #: adaptive_step
    return charge


# parametric discontinuity


def species_range(threshold, suitability):
    count = 0.0
    for s in suitability:
        if s > threshold:  #: parametric_discontinuity
            count += 1.0
    return count / suitability.size


def heating_degree_cost(setpoint, outside):
    on = outside < setpoint  #| parametric_discontinuity
    power = np.where(on, 2.5, 0.1)  #: parametric_discontinuity
    return np.sum(power) * 0.25


def earthquake_loss(yield_accel, motion):
    loss = 0.0
    for a in motion:
        if a < yield_accel:  #: parametric_discontinuity
            loss += 0.0
        else:
            loss += 3.0 + 0.1 * a
    return loss


def triage_score(limit, severity):
    admitted = (severity >= limit).astype(np.float64)  #: parametric_discontinuity
    beds = admitted.sum()
    return 100.0 - 0.7 * beds


# discrete random


def queue_length(arrival, u):
    waiting = 0.0
    total = 0.0
    for k in range(u.size):
        if u[k] < arrival:  #: discrete_random
            waiting += 1.0
        elif waiting > 0.0:
            waiting -= 1.0
        total += waiting
    return total / u.size


def wright_fisher(selection, draws):
    wins = 0.0
    for i in range(draws.shape[0]):
        p = 0.2 * (1.0 + selection) / (1.0 + 0.2 * selection)
        wins += np.where(draws[i] < p, 1.0, 0.0)  #: discrete_random
    return wins / draws.shape[0]


def dropout_response(keep, uniforms, weights):
    mask = uniforms < keep  #| discrete_random
    response = np.where(mask, weights, 0.0)  #: discrete_random
    return response.mean()


# fixed points


def saturation_temperature(pressure):
    t = 350.0
    for _ in range(60):  #| fixed_point_lag
        new = 3816.44 / (18.3036 - np.log(pressure) - 0.004 * (t - 350.0)) + 46.13
        if np.abs(new - t) < 0.5:  #: fixed_point_lag
            break
        t = 0.6 * t + 0.4 * new
    return t


def cournot_equilibrium(cost):
    q1, q2 = 0.0, 0.0
    change = 1.0
    while change > 0.5:  #: fixed_point_lag
        n1 = 0.5 * (10.0 - cost - q2 ** 1.1)
        n2 = 0.5 * (10.0 - 1.2 * cost - n1)
        change = abs(n1 - q1) + abs(n2 - q2)
        q1, q2 = n1, n2
    return (10.0 - q1 - q2) * q1


def mean_field_magnet(coupling):
    m = np.full(4, 0.9)
    neighbours = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]])
    while True:  #| fixed_point_lag
        new = np.tanh(coupling * (neighbours @ m) + 0.05)
        gap = np.max(np.abs(new - m))
        m = new
        if gap < 1e-2:  #: fixed_point_lag
            return m.sum()


# zero iterations


def lambert_warm(x):
    w = 0.5671432904097838
    f = w * math.exp(w) - x
    while abs(f) > 1e-12:  #: fixed_point_zero_iter
        w = w - f / (math.exp(w) * (1.0 + w))
        f = w * math.exp(w) - x
    return w


def ballistic_angle(distance):
    low, high = 0.0, math.pi / 4.0
    for _ in range(45):
        mid = 0.5 * (low + high)
        reach = 40.0 ** 2 * math.sin(2.0 * mid) / 9.81
        if reach < distance:  #: fixed_point_zero_iter
            low = mid
        else:
            high = mid
    return 0.5 * (low + high)


def regula_bracket(target):
    a = 0.0
    b = 3.0
    while b - a > 1e-10:  #| fixed_point_zero_iter
        c = 0.5 * (a + b)
        value = c + math.sinh(c)
        if value > target:  #: fixed_point_zero_iter
            b = c
        else:
            a = c
    return a


# linear solvers


def jacobi_traffic(demand, routing):
    flow = np.zeros(demand.size)
    for _ in range(500):  #| linear_solver
        update = demand + routing @ flow
        if np.linalg.norm(update - flow) < 1e-2:  #: linear_solver
            break
        flow = update
    return flow @ flow


def bicg_like(load, stiffness):
    x = np.zeros(load.size)
    r = load.copy()
    p = r.copy()
    rho = r @ r
    while rho > 1e-3:  #: linear_solver
        q = stiffness @ p
        step = rho / (p @ q)
        x = x + step * p
        r = r - step * q
        new = r @ r
        p = r + new / rho * p
        rho = new
    return np.sum(x ** 2)


def sor_potential(boundary):
    u = np.zeros(30)
    for sweep in range(2000):  #| linear_solver
        worst = 0.0
        for i in range(30):
            left = boundary if i == 0 else u[i - 1]
            right = 0.0 if i == 29 else u[i + 1]
            new = u[i] + 1.2 * (0.5 * (left + right) - u[i])
            worst = max(worst, abs(new - u[i]))
            u[i] = new
        if worst < 2e-2:  #: linear_solver
            break
    return u[10]


# chaos


def henon_heiles_energy(y0):
    x, y, px, py = 0.0, y0, 0.5, 0.0
    dt = 0.05
    for _ in range(8000):  #: chaos
        px -= dt * (x + 2.0 * x * y)
        py -= dt * (y + x * x - y * y)
        x += dt * px
        y += dt * py
    return x * x + y


def coupled_maps(strength):
    u = np.array([0.1, 0.37, 0.52, 0.83])
    for _ in range(300):  #: chaos
        f = 3.9 * u * (1.0 - u)
        u = (1.0 - strength) * f + 0.5 * strength * (np.roll(f, 1) + np.roll(f, -1))
    return u.sum()


def kicked_rotor(kick):
    theta, p = 0.7, 0.2
    total = 0.0
    for _ in range(400):  #: chaos
        p = p + kick * math.sin(theta)
        theta = theta + p
        total += math.cos(theta)
    return total / 400


# time averages


def mean_heat_flux(freq, times):
    flux = np.cos(freq * times) ** 2
    return flux.mean()  #: time_average


def spring_mean_potential(k):
    x, v = 1.0, 0.0
    acc = 0.0
    n = 20000
    for _ in range(n):  #| time_average
        v = v - 0.01 * k * x
        x = x + 0.01 * v
        acc += 0.5 * x * x  #: time_average
    return acc / n


def damped_drive(freq):
    x, v, acc = 0.0, 0.0, 0.0
    for k in range(3000):  #: time_average
        v = v + 0.02 * (math.cos(freq * 0.02 * k) - x - 0.8 * v)
        x = x + 0.02 * v
        acc += x * x  #| time_average
    return acc / 3000


# tape memory


def reaction_diffusion(feed, u0):
    u = u0.copy()
    v = 0.3 * u0
    for _ in range(4000):  #: tape_memory
        lap = np.roll(u, 1) + np.roll(u, -1) - 2.0 * u
        uvv = u * v * v
        u = u + 0.1 * lap - 0.01 * uvv + 0.01 * feed * (1.0 - u)
        v = v + 0.01 * uvv - 0.01 * v * (feed + 0.06)
    return u.sum() + v.sum()


def wave_string(tension, shape):
    now = shape.copy()
    before = shape.copy()
    for _ in range(8000):  #: tape_memory
        after = 2.0 * now - before
        after[1:-1] += 0.2 * tension * (now[2:] - 2.0 * now[1:-1] + now[:-2]) * (1.0 - 0.01 * now[1:-1] ** 2)
        before = now
        now = after
    return now @ now


# degenerate eigenvalues


def inertia_axes(mass):
    inertia = np.diag(np.array([mass, mass, 2.0 * mass]))
    inertia[0, 1] += 0.3 * (mass - 1.0)
    inertia[1, 0] += 0.3 * (mass - 1.0)
    values, axes = np.linalg.eigh(inertia)  #: degenerate_eig
    return axes[0, 0] * axes[1, 0] + values[2]


def graph_fiedler(weights):
    n = weights.shape[0]
    laplacian = np.diag(np.sum(weights, axis=1)) - weights
    lam, vec = np.linalg.eigh(laplacian)  #: degenerate_eig
    return np.sum(vec[: n // 2, 1] ** 3)


def polar_factor_stretch(deformation):
    u, s, vt = np.linalg.svd(deformation)  #: degenerate_eig
    r = u @ np.diag(np.array([1.0, 2.0])) @ vt
    return r[0, 0] + r[0, 1]


# races


def particle_deposit(cells, charge):
    grid = np.zeros(16)
    for p in wg.prange(charge.size):
        grid[cells[p]] += charge[p]  #| parallel_race
        grid[cells[p]] = grid[cells[p]] * 1.01  #: parallel_race
    return np.sum(grid ** 2)


def colour_edges(edges, flow):
    pressure = np.zeros(6)
    for e in wg.prange(flow.size):
        pressure[edges[e]] = 0.5 * flow[e] ** 2  #: parallel_race
    return pressure.sum()


# approximation


def seasonal_price(demand):
    base = 4.0 - 0.5 * demand
    tick = 2e-6 * math.sin(7e5 * demand)  #: approximation
    return base * demand + tick  #| approximation


def rough_wall_drag(reynolds_log):
    smooth = 0.074 * np.exp(-0.2 * reynolds_log)
    texture = 1e-7 * np.cos(3e6 * reynolds_log)  #: approximation
    return smooth + texture  #| approximation


_RNG = np.random.default_rng(404)
_STIFF = np.diag(np.linspace(2.0, 8.0, 10)) + 0.3
_ROUTE = 0.18 * _RNG.random((5, 5))
_RING = np.ones((4, 4)) - np.eye(4)

CASES = [
    case(drug_washout, 6.0, 12.02),
    case(ray_march, np.array([0.8, 0.6]), 2.503),
    case(simpson_panels, 1.33),
    case(battery_discharge, 1.3),
    case(species_range, 0.47, np.sort(_RNG.random(300))),
    case(heating_degree_cost, 15.3, np.linspace(-5.0, 30.0, 700)),
    case(earthquake_loss, 0.31, np.abs(np.sin(np.arange(400.0)))),
    case(triage_score, 3.3, 5.0 * _RNG.random(500)),
    case(queue_length, 0.42, _RNG.random(4000)),
    case(wright_fisher, 0.3, _RNG.random(3000)),
    case(dropout_response, 0.8, _RNG.random(1500), 1.0 + _RNG.random(1500)),
    case(saturation_temperature, 101.3),
    case(cournot_equilibrium, 1.5),
    case(mean_field_magnet, 0.55),
    case(lambert_warm, 1.0),
    case(ballistic_angle, 100.0),
    case(regula_bracket, 2.5),
    case(jacobi_traffic, np.array([1.0, 2.0, 0.5, 1.5, 1.0]), _ROUTE),
    case(bicg_like, np.linspace(1.0, 2.0, 10), _STIFF),
    case(sor_potential, 3.0),
    case(henon_heiles_energy, -0.1),
    case(coupled_maps, 0.11),
    case(kicked_rotor, 6.0),
    case(mean_heat_flux, 5.0, np.linspace(0.0, 300.0, 30000)),
    case(spring_mean_potential, 1.6),
    case(damped_drive, 0.7),
    case(reaction_diffusion, 0.04, 0.5 + 0.3 * np.sin(np.linspace(0.0, 6.0, 400))),
    case(wave_string, 0.9, np.sin(np.linspace(0.0, math.pi, 500))),
    case(inertia_axes, 1.0),
    case(graph_fiedler, _RING),
    case(polar_factor_stretch, np.array([[1.5, 0.0], [0.0, 1.5]])),
    case(particle_deposit, np.array([1, 4, 4, 9, 15, 1]), np.linspace(0.1, 1.0, 6)),
    case(colour_edges, np.array([0, 2, 2, 5]), np.array([1.0, -0.5, 2.0, 0.3])),
    case(seasonal_price, 1.37),
    case(rough_wall_drag, 6.3),
]
