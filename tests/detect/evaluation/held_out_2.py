"""The second set, written after the rules reached the first and before they were run on this one."""

import math

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


def total_variation(image, weight):
    rows, cols = image.shape
    tv = 0.0
    for i in range(rows):
        for j in range(cols - 1):
            tv += abs(image[i, j + 1] - image[i, j])  #: kink
    return weight * tv


def dead_zone(control, width):
    out = 0.0
    for c in control:
        if c > width:  #: kink
            out += c - width
        elif c < -width:
            out += c + width
    return out


def minmod_reconstruction(u):
    s = 0.0
    for i in range(1, u.size - 1):
        left = u[i] - u[i - 1]
        right = u[i + 1] - u[i]
        slope = np.minimum(np.abs(left), np.abs(right))  #: kink
        s += u[i] + 0.5 * slope
    return s


def relative_speed_loss(v, w):
    diff = v - w
    speed = np.linalg.norm(diff)  #: domain_edge
    return 0.5 * speed + np.sum(v * v)


def porous_flow(saturation, n):
    effective = (saturation - 0.2) / 0.8
    krel = effective ** n  #: domain_edge
    return np.sum(krel * (1.0 - saturation))


def log_likelihood_zero(rates, counts):
    terms = np.where(counts > 0, counts * np.log(rates), 0.0)  #: masked_nan
    return np.sum(terms - rates)


def relativistic_gamma(p, m):
    gamma = np.sqrt(1.0 + (p / m) ** 2)
    beta = np.where(p > 0, np.sqrt(1.0 - 1.0 / gamma ** 2), 0.0)  #: masked_nan
    return np.sum(beta)


def arrhenius_overflow(temperature, energy):
    forward = np.exp(energy / temperature)  #: overflow
    occupancy = forward / (1.0 + forward)
    return np.sum(occupancy)


def cosh_mass(t, m, a):
    c = a * np.cosh(m * t)  #: overflow
    return np.sum(1.0 / c) + np.sum(np.log(c))


def triangle_area(a, b, c):
    s = 0.5 * (a + b + c)
    area2 = s * (s - a) * (s - b) * (s - c)  #: cancellation
    return math.sqrt(area2)


def sin_difference(x, delta):
    change = math.sin(x + delta) - math.sin(x)  #: cancellation
    return change / delta


def energy_drift(k, x, v, offset):
    e0 = offset + 0.5 * k * x * x
    e1 = offset + 0.5 * k * (x * x + 2.0 * x * v)
    return (e1 - e0) / v  #: cancellation


def running_mean32(samples):
    mean = np.float32(0.0)
    for i in range(samples.shape[0]):
        mean = mean + samples[i] * samples[i]  #: precision
    return mean


def spherical_bessel(x):
    if x == 0.0:  #: equality_branch
        j1 = 0.0
    else:
        j1 = math.sin(x) / (x * x) - math.cos(x) / x
    return 3.0 * j1 + 1.0


def langevin_sum(fields):
    m = 0.0
    for h in fields:
        m += 0.0 if h == 0.0 else 1.0 / math.tanh(h) - 1.0 / h  #: equality_branch
    return m


def sparse_matvec_energy(values, rows, cols, x):
    y = np.zeros(x.shape[0])
    for k in range(values.shape[0]):
        if values[k] == 0.0:  #: pruned_zero
            continue
        y[rows[k]] += values[k] * x[cols[k]]
    return np.sum(y * x)


def active_sources(strengths, positions):
    field = 0.0
    for i in range(strengths.size):
        if strengths[i] != 0:  #: pruned_zero
            field += strengths[i] / (1.0 + positions[i] ** 2)
    return field


def flooded_area(level, elevation):
    wet = 0.0
    rows, cols = elevation.shape
    for i in range(rows):
        for j in range(cols):
            if elevation[i, j] < level:  #: parametric_discontinuity
                wet += 1.0
    return wet / (rows * cols)


def barrier_knockout(barrier, path):
    alive = np.where(path < barrier, 1.0, 0.0)  #: parametric_discontinuity
    return np.sum(alive * path)


def photon_absorption(mu, xi):
    absorbed = 0.0
    for n in range(xi.shape[0]):
        if xi[n] < 1.0 - math.exp(-mu * 0.5):  #: discrete_random
            absorbed += 1.0
    return absorbed / xi.shape[0]


def ising_flip_rate(beta, uniforms):
    accept = math.exp(-2.0 * beta)
    flips = np.where(uniforms < accept, 1.0, 0.0)  #: discrete_random
    return flips.mean() * 4.0


def gray_levels(intensity, exposure):
    codes = np.rint(intensity * exposure * 255.0)  #: quantisation
    return np.mean(codes) / 255.0


def pill_schedule(dose):
    half_pills = math.floor(dose * 2.0)  #: quantisation
    waste = dose - half_pills / 2.0
    return half_pills * 3.0 + 0.0 * waste


def capacitor_discharge(resistance, t_final):
    v = 5.0
    dt = 1e-3
    n = math.ceil(t_final / dt)  #: step_count
    for _ in range(n):
        v -= dt * v / (resistance * 1.0)
    return v


def freefall_time(height):
    y = height
    v = 0.0
    t = 0.0
    while y > 0.0:  #: step_count
        v += 9.81 * 1e-3
        y -= v * 1e-3
        t += 1e-3
    return t


def opacity_table(temperature, table):
    index = np.floor(temperature / 100.0).astype(np.int64)
    kappa = table[index]  #: table_lookup
    return np.sum(kappa)


def psychrometric(t, grid, sat):
    i = 0
    while i < grid.size - 1 and grid[i + 1] <= t:
        i += 1
    return sat[i] * 0.8  #: table_lookup


def strongest_line(shift, grid):
    spectrum = 1.0 / (1.0 + ((grid - shift) / 0.05) ** 2)
    return grid[np.argmax(spectrum)]  #: order_index


def median_rank(x):
    ranks = np.argsort(np.argsort(x))  #: order_index
    return np.sum(ranks * np.arange(x.size)) * 1.0


def quake_norm(v):
    s = np.float32(v)
    i = s.view(np.int32)  #: bit_trick
    i = 0x1FBD1DF5 + (i >> 1)
    return float(i.view(np.float32))


def frozen_viscosity(u, nu):
    eddy = wg.stop_gradient(nu * np.sum(np.diff(u) ** 2))  #: detached
    return eddy * np.sum(u ** 2)


def picard_wire(current, length):
    temperature = 300.0
    for _ in range(200):  #| fixed_point_lag
        resistance = 0.1 * (1.0 + 0.0039 * (temperature - 300.0))
        new = 300.0 + current ** 2 * resistance / length
        if abs(new - temperature) < 1.0:  #: fixed_point_lag
            break
        temperature = new
    return temperature


def anderson_free_scf(u):
    n = 0.5
    err = 1.0
    while err > 5e-3:  #: fixed_point_lag
        n_new = 1.0 / (1.0 + math.exp(u * n - 1.0))
        err = abs(n_new - n)
        n = n_new
    return u * n


def warm_newton(k):
    x = 1.0
    f = x ** 3 - k
    while abs(f) > 1e-8:  #: fixed_point_zero_iter
        x = x - f / (3.0 * x * x)
        f = x ** 3 - k
    return x


def depth_bisection(flow):
    a = 0.0
    b = 10.0
    while b - a > 1e-10:
        m = (a + b) / 2
        q = 2.0 * m ** (5.0 / 3.0)
        if q < flow:  #: fixed_point_zero_iter
            a = m
        else:
            b = m
    return (a + b) / 2


def minres_like(matrix, rhs):
    x = np.zeros_like(rhs)
    res = rhs - matrix @ x
    while np.linalg.norm(res) > 1e-2:  #: linear_solver
        mr = matrix @ res
        omega = (res @ mr) / (mr @ mr)
        x = x + omega * res
        res = res - omega * mr
    return np.sum(x)


def embedded_rk(rate):
    t, y, h = 0.0, 1.0, 0.05
    tol = 1e-4
    while t < 1.0:
        k1 = -rate * y
        k2 = -rate * (y + 0.5 * h * k1)
        k3 = -rate * (y - h * k1 + 2.0 * h * k2)
        low = y + h * k2
        high = y + h * (k1 + 4.0 * k2 + k3) / 6.0
        err = abs(high - low)
        if err <= tol:
            t += h
            y = high
        h *= min(3.0, max(0.2, 0.85 * (tol / max(err, 1e-15)) ** (1.0 / 3.0)))  #: adaptive_step
    return y


def rossler_average(c):
    x, y, z = 1.0, 1.0, 1.0
    dt = 0.005
    acc = 0.0
    for _ in range(60000):  #: chaos
        dx = -y - z
        dy = x + 0.2 * y
        dz = 0.2 + z * (x - c)
        x += dt * dx
        y += dt * dy
        z += dt * dz
        acc += x * x
    return acc / 60000


def henon_orbit(a):
    x, y = 0.1, 0.1
    s = 0.0
    for _ in range(500):  #: chaos
        x, y = 1.0 - a * x * x + y, 0.3 * x
        s += x
    return s / 500


def mean_square_voltage(freq):
    n = 5000
    t = np.arange(n) * 0.02
    v = np.cos(freq * t)
    return np.mean(v * v)  #: time_average


def heavy_tape(u0, c):
    u = u0.copy()
    v = np.zeros(u0.size)
    for _ in range(15000):  #: tape_memory
        a = np.sin(u)
        v = v * 0.99 - c * a
        u = u + 0.01 * v
    return np.sum(u * u)


def principal_direction(c):
    w, v = np.linalg.eigh(c)  #: degenerate_eig
    return v[0, 2] ** 2 + w[2]


def scatter_race(weights, index):
    bins = np.zeros(3)
    for i in wg.prange(weights.size):
        bins[index[i]] = weights[i] ** 2  #: parallel_race
    return np.sum(bins)


# clean look-alikes


def clean_total_variation(image, weight):
    rows, cols = image.shape
    tv = 0.0
    for i in range(rows):
        for j in range(cols - 1):
            tv += abs(image[i, j + 1] - image[i, j])
    return weight * tv


def clean_newton_tight(k):
    x = 2.0
    for _ in range(50):
        f = x ** 3 - k
        if abs(f) < 1e-14:
            break
        x = x - f / (3.0 * x * x)
    return x


def clean_lennard_jones(r, eps, sigma):
    sr6 = (sigma / r) ** 6
    return np.sum(4.0 * eps * (sr6 * sr6 - sr6))


def clean_upsampled_table(x, table):
    i = int(x)
    f = x - i
    w = f * f * (3.0 - 2.0 * f)
    return table[i] * (1.0 - w) + table[i + 1] * w


def clean_log_sum_exp(a):
    m = np.max(a)
    return m + np.log(np.sum(np.exp(a - m)))


def clean_rk4(k, y0):
    y = y0
    h = 0.01
    for _ in range(200):
        k1 = -k * y
        k2 = -k * (y + 0.5 * h * k1)
        k3 = -k * (y + 0.5 * h * k2)
        k4 = -k * (y + h * k3)
        y = y + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0
    return y


def clean_verlet(omega, x0):
    x, v = x0, 0.0
    dt = 0.01
    for _ in range(3000):
        v -= 0.5 * dt * omega * omega * x
        x += dt * v
        v -= 0.5 * dt * omega * omega * x
    return x


def clean_softmax_cross_entropy(z, w):
    shifted = z - np.max(z)
    p = np.exp(shifted) / np.sum(np.exp(shifted))
    return -np.sum(w * np.log(p))


def clean_switch(x, scheme):
    out = 0.0
    for i in range(1, x.size):
        if scheme == 0:
            out += (x[i] - x[i - 1]) ** 2
        else:
            out += x[i] * x[i - 1]
    return out


def clean_masked_sum(x, limit):
    s = 0.0
    for i in range(x.size):
        if x[i] < limit:
            s += (x[i] - limit) ** 2
    return s


def clean_integer_grid(a, n):
    total = 0.0
    for i in range(n):
        x = (i + 0.5) / n
        total += math.exp(-a * x * x)
    return total / n


def clean_reflect(pos, vel, box):
    e = 0.0
    for i in range(pos.size):
        p = pos[i] + 0.1 * vel[i]
        if p > box:
            p = 2.0 * box - p
        e += p * p
    return e


def clean_weighted_median_like(x):
    s = np.sort(x)
    return 0.25 * s[1] + 0.5 * s[2] + 0.25 * s[3]


def clean_cholesky_logdet(a):
    n = a.shape[0]
    l = np.zeros((n, n))
    logdet = 0.0
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= l[i, k] * l[j, k]
            if i == j:
                l[i, i] = math.sqrt(s)
                logdet += 2.0 * math.log(l[i, i])
            else:
                l[i, j] = s / l[j, j]
    return logdet


def clean_sir(beta, gamma):
    s, i, r = 0.99, 0.01, 0.0
    for _ in range(500):
        new = 0.1 * beta * s * i
        rec = 0.1 * gamma * i
        s, i, r = s - new, i + new - rec, r + rec
    return r


def clean_stopped_on_nothing(x, data):
    mean = np.mean(data)
    centred = data - mean
    return np.sum((x - centred) ** 2)


def clean_stencil(u0, alpha):
    u = u0.copy()
    for _ in range(100):
        u[1:-1, 1:-1] += alpha * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1])
    return np.sum(u ** 2)


def clean_secant_converged(c):
    x0, x1 = 1.0, 1.5
    f0 = math.exp(x0) - c
    f1 = math.exp(x1) - c
    while abs(f1) > 1e-13:
        x2 = x1 - f1 * (x1 - x0) / (f1 - f0)
        x0, f0 = x1, f1
        x1 = x2
        f1 = math.exp(x1) - c
    return x1


def clean_histogram_weights(w, idx):
    h = np.zeros(4)
    for i in range(w.size):
        h[idx[i]] += w[i] ** 2
    return np.sum(h ** 2)


def clean_eigen_gap(t):
    a = np.array([[2.0, t], [t, 1.0]])
    w, v = np.linalg.eigh(a)
    return w[1] - w[0] + v[0, 0] ** 2


def clean_float32_dot(a, b):
    s = np.float32(0.0)
    for i in range(a.size):
        s = s + a[i] * b[i]
    return s


rng = np.random.default_rng(22)
spd = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 1.0], [0.5, 1.0, 5.0]])
CASES = [
    case(total_variation, np.array([[0.0, 1.0, 1.0], [2.0, 0.5, 0.1]]), 0.3),
    case(dead_zone, np.array([0.5, -0.2, 1.0, 0.1]), 0.5),
    case(minmod_reconstruction, np.array([0.0, 1.0, 2.0, 2.7])),
    case(relative_speed_loss, np.array([1.0, 2.0, 0.5]), np.array([1.0, 2.0, 0.5])),
    case(porous_flow, np.array([0.2, 0.5, 0.9]), 0.7),
    case(log_likelihood_zero, np.array([0.0, 1.2, 3.0]), np.array([0.0, 2.0, 1.0])),
    case(relativistic_gamma, np.array([0.0, 1.0, 2.0]), 1.0),
    case(arrhenius_overflow, np.array([1.0, 300.0]), 900.0),
    case(cosh_mass, np.array([0.1, 1.0, 800.0]), 1.0, 2.0),
    case(triangle_area, 1.0, 1.0, 1e-9 + 1e-13),
    case(sin_difference, 1.0, 1e-11),
    case(energy_drift, 2.0, 1.0, 1e-3, 1e12),
    case(running_mean32, np.full(300_000, 0.3, np.float32)),
    case(spherical_bessel, 0.0),
    case(langevin_sum, np.array([0.0, 1.0, -2.0])),
    case(sparse_matvec_energy, np.array([1.0, 0.0, 2.0]), np.array([0, 1, 2]), np.array([1, 2, 0]), np.array([0.5, 1.0, 2.0])),
    case(active_sources, np.array([1.0, 0.0, -2.0]), np.array([0.3, 0.4, 1.0])),
    case(flooded_area, 0.45, rng.standard_normal((20, 20))),
    case(barrier_knockout, 1.2, 1.0 + 0.3 * rng.standard_normal(300)),
    case(photon_absorption, 0.9, rng.random(400)),
    case(ising_flip_rate, 0.4, rng.random(500)),
    case(gray_levels, np.array([0.21, 0.47, 0.9]), 0.8),
    case(pill_schedule, 3.3),
    case(capacitor_discharge, 0.8, 0.5003),
    case(freefall_time, 3.0),
    case(opacity_table, np.array([330.0, 512.0, 790.0]), np.linspace(1.0, 0.2, 12) ** 2),
    case(psychrometric, 23.0, np.linspace(0.0, 50.0, 11), np.exp(np.linspace(0.0, 3.0, 11))),
    case(strongest_line, 0.3712, np.linspace(0.0, 1.0, 201)),
    case(median_rank, rng.random(25)),
    case(quake_norm, 7.5),
    case(frozen_viscosity, np.array([0.1, 0.5, 0.3]), 0.2),
    case(picard_wire, 30.0, 0.4),
    case(anderson_free_scf, 2.0),
    case(warm_newton, 1.0),
    case(depth_bisection, 7.0),
    case(minres_like, spd, np.array([1.0, -2.0, 0.5])),
    case(embedded_rk, 3.0),
    case(rossler_average, 5.7),
    case(henon_orbit, 1.4),
    case(mean_square_voltage, 2.3),
    case(heavy_tape, np.linspace(0.1, 1.0, 150), 0.3),
    case(principal_direction, np.diag([1.0, 2.0, 2.0])),
    case(scatter_race, np.array([0.5, 1.0, 2.0]), np.array([0, 1, 1])),
    case(clean_total_variation, np.array([[0.0, 1.0, 1.3], [2.0, 0.5, 0.1]]), 0.3),
    case(clean_newton_tight, 5.0),
    case(clean_lennard_jones, np.array([1.1, 1.5, 2.0]), 0.7, 1.0),
    case(clean_upsampled_table, 2.3, np.array([1.0, 0.7, 0.4, 0.3, 0.2])),
    case(clean_log_sum_exp, np.array([900.0, 901.0, 899.5])),
    case(clean_rk4, 1.2, 2.0),
    case(clean_verlet, 1.3, 0.8),
    case(clean_softmax_cross_entropy, np.array([0.3, -0.8, 1.2]), np.array([0.2, 0.3, 0.5])),
    case(clean_switch, np.array([0.3, -0.8, 1.2]), 0),
    case(clean_masked_sum, np.array([0.3, 1.0, 1.2]), 1.0),
    case(clean_integer_grid, 1.3, 64),
    case(clean_reflect, np.array([0.3, 0.95, 0.8]), np.array([0.3, 1.0, 0.1]), 1.0),
    case(clean_weighted_median_like, np.array([0.3, 1.0, 1.2, 0.1, 2.0])),
    case(clean_cholesky_logdet, spd),
    case(clean_sir, 0.6, 0.2),
    case(clean_stopped_on_nothing, 0.7, np.array([0.3, 1.0, 1.2])),
    case(clean_stencil, rng.random((16, 16)), 0.1),
    case(clean_secant_converged, 5.0),
    case(clean_histogram_weights, np.array([0.3, 1.0, 1.2]), np.array([1, 1, 3])),
    case(clean_eigen_gap, 0.4),
    case(clean_float32_dot, rng.random(50).astype(np.float32), rng.random(50).astype(np.float32)),
]
