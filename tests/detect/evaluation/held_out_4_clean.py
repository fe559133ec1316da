"""The fourth set, written before the rules were looked at: realistic code without a pitfall at these arguments."""

import math
from dataclasses import dataclass

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


@dataclass
class Spring:
    rest: float
    stiffness: float


def tendon_off_slack(length, spring):
    stretch = max(length - spring.rest, 0.0)
    return 0.5 * spring.stiffness * stretch ** 2 + 0.1 * length


def squared_hinge(margin, weight):
    slack = np.maximum(1.0 - weight * margin, 0.0)
    return np.sum(slack ** 2)


def elastic_net_smooth(beta, design, y):
    r = y - design @ beta
    return np.sum(r ** 2) + 0.1 * np.sum(np.sqrt(beta ** 2 + 1e-4)) + 0.01 * np.sum(beta ** 2)


def nearest_obstacle(waypoints, obstacle):
    best = 1e9
    for i in range(waypoints.shape[0]):
        d2 = (waypoints[i, 0] - obstacle[0]) ** 2 + (waypoints[i, 1] - obstacle[1]) ** 2
        best = min(best, d2)
    return math.exp(-best)


def two_compartment(dose, k12, k21, ke):
    central, peripheral = dose, 0.0
    dt = 0.02
    auc = 0.0
    for _ in range(600):
        flow = k12 * central - k21 * peripheral
        central = central - dt * (flow + ke * central)
        peripheral = peripheral + dt * flow
        auc += dt * central
    return auc


def michaelis_progress(vmax, km):
    s = 10.0
    for _ in range(400):
        s = s - 0.01 * vmax * s / (km + s)
    return s


def dosing_schedule(clearance, doses):
    level = 0.0
    for hour in range(48):
        if hour % 8 == 0:
            level = level + doses[hour // 8]
        level = level * math.exp(-clearance)
    return level


def seir_peak(beta):
    s, e, i = 0.99, 0.0, 0.01
    peak = 0.0
    for _ in range(300):
        new = beta * s * i
        s, e, i = s - 0.2 * new, e + 0.2 * (new - 0.3 * e), i + 0.2 * (0.3 * e - 0.2 * i)
        peak = max(peak, i)
    return peak


def black_scholes(vol, rate):
    d1 = (math.log(100.0 / 95.0) + rate + 0.5 * vol ** 2) / vol
    d2 = d1 - vol
    n1 = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
    n2 = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    return 100.0 * n1 - 95.0 * math.exp(-rate) * n2


def binomial_tree(vol, steps):
    dt = 1.0 / steps
    up = math.exp(vol * math.sqrt(dt))
    p = (math.exp(0.03 * dt) - 1.0 / up) / (up - 1.0 / up)
    values = np.zeros(steps + 1)
    for k in range(steps + 1):
        values[k] = max(100.0 * up ** (2 * k - steps) - 97.3, 0.0)
    for m in range(steps, 0, -1):
        values[:m] = math.exp(-0.03 * dt) * (p * values[1:m + 1] + (1.0 - p) * values[:m])
    return values[0]


def asian_call(vol, spot, normals):
    log_s = np.log(spot) + np.cumsum(-0.5 * vol ** 2 / 12.0 + vol * math.sqrt(1.0 / 12.0) * normals, axis=1)
    average = np.mean(np.exp(log_s), axis=1)
    return np.mean(np.maximum(average - 100.0, 0.0))


def kalman_likelihood(q, r, observed):
    mean, var = 0.0, 1.0
    ll = 0.0
    for z in observed:
        var = var + q
        gain = var / (var + r)
        innovation = z - mean
        ll -= 0.5 * (math.log(var + r) + innovation ** 2 / (var + r))
        mean = mean + gain * innovation
        var = (1.0 - gain) * var
    return ll


def hmm_forward(stay, emission):
    alpha = np.array([0.5, 0.5])
    transition = np.array([[0.0, 1.0], [1.0, 0.0]]) * (1.0 - stay) + np.eye(2) * stay
    loglik = 0.0
    for t in range(emission.shape[0]):
        alpha = (alpha @ transition) * emission[t]
        scale = alpha.sum()
        loglik += np.log(scale)
        alpha = alpha / scale
    return loglik


def gaussian_process(lengthscale, x, y):
    d = x[:, None] - x[None, :]
    k = np.exp(-0.5 * (d / lengthscale) ** 2) + 0.1 * np.eye(x.size)
    chol = np.linalg.cholesky(k)
    alpha = np.linalg.solve(k, y)
    return 0.5 * y @ alpha + np.sum(np.log(np.diag(chol)))


def logistic_regression(w, features, labels):
    z = features @ w
    return np.mean(np.logaddexp(0.0, z) - labels * z)


def softmax_attention(q, k, v):
    scores = q @ k.T / math.sqrt(q.shape[1])
    weights = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    weights = weights / np.sum(weights, axis=1, keepdims=True)
    return np.sum((weights @ v) ** 2)


def batch_norm(x, gamma):
    mean = x.mean(axis=0)
    var = ((x - mean) ** 2).mean(axis=0)
    return np.sum(np.tanh(gamma * (x - mean) / np.sqrt(var + 1e-5)) ** 3)


def conv_pool(image, kernel):
    n = image.shape[0] - 2
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            out[i, j] = np.sum(image[i:i + 3, j:j + 3] * kernel)
    relu = np.maximum(out, 0.0)
    return np.max(relu) + relu.mean()


def shallow_water(depth, gravity):
    h = depth + 0.1 * np.exp(-np.linspace(-3.0, 3.0, 60) ** 2)
    u = np.zeros(60)
    for _ in range(100):
        u[1:-1] = u[1:-1] - 0.01 * gravity * (h[2:] - h[:-2])
        h[1:-1] = h[1:-1] - 0.01 * depth * (u[2:] - u[:-2])
    return np.sum((h - depth) ** 2)


def multigrid_free_thomas(conductivity, source):
    n = source.size
    c = np.zeros(n)
    d = np.zeros(n)
    diag = 2.0 * conductivity + 0.1
    c[0] = -conductivity / diag
    d[0] = source[0] / diag
    for i in range(1, n):
        m = diag + conductivity * c[i - 1]
        c[i] = -conductivity / m
        d[i] = (source[i] + conductivity * d[i - 1]) / m
    x = d[n - 1]
    total = x
    for i in range(n - 2, -1, -1):
        x = d[i] - c[i] * x
        total += x
    return total


def groundwater_theis(transmissivity, t):
    u = 100.0 / (4.0 * transmissivity * t)
    w = -0.5772156649 - math.log(u)
    term = 1.0
    for k in range(1, 30):
        term = term * u / k
        w += (1.0 if k % 2 == 1 else -1.0) * term / k
    return 2.0 / (4.0 * math.pi * transmissivity) * w


def bessel_recurrence(x):
    j_next, j = 0.0, 1e-30
    norm = 0.0
    for m in range(30, 0, -1):
        j_next, j = j, 2.0 * m / x * j - j_next
        if m % 2 == 1:
            norm += 2.0 * j
    return j / (norm - j)


def legendre_gauss(a):
    nodes = np.array([-0.7745966692414834, 0.0, 0.7745966692414834])
    weights = np.array([5.0, 8.0, 5.0]) / 9.0
    return np.sum(weights * np.exp(-a * nodes ** 2))


def romberg(rate):
    table = np.zeros((5, 5))
    for k in range(5):
        n = 2 ** k
        h = 2.0 / n
        x = np.arange(n + 1) * h
        y = np.exp(-rate * x)
        table[k, 0] = h * (np.sum(y) - 0.5 * (y[0] + y[-1]))
        for m in range(1, k + 1):
            table[k, m] = table[k, m - 1] + (table[k, m - 1] - table[k - 1, m - 1]) / (4.0 ** m - 1.0)
    return table[4, 4]


def van_der_pol_short(mu):
    x, v = 1.0, 0.0
    for _ in range(300):
        v = v + 0.01 * (mu * (1.0 - x * x) * v - x)
        x = x + 0.01 * v
    return x


def rocket_ascent(thrust):
    height, speed, mass = 0.0, 0.0, 10.0
    for k in range(500):
        drag = 0.01 * speed * abs(speed)
        force = thrust if k < 300 else 0.0
        speed = speed + 0.02 * ((force - drag) / mass - 9.81)
        height = height + 0.02 * speed
        mass = mass - (0.01 if k < 300 else 0.0)
    return height


def orbital_elements(r, v):
    h = r[0] * v[1] - r[1] * v[0]
    speed2 = v @ v
    dist = np.sqrt(r @ r)
    energy = 0.5 * speed2 - 1.0 / dist
    return np.sqrt(1.0 + 2.0 * energy * h * h)


def quaternion_rotation(q, p):
    n = q / np.linalg.norm(q)
    w, x, y, z = n[0], n[1], n[2], n[3]
    return (1 - 2 * (y * y + z * z)) * p[0] + 2 * (x * y - w * z) * p[1] + 2 * (x * z + w * y) * p[2]


def rodrigues_safe(axis, point):
    t2 = axis @ axis
    safe = np.where(t2 > 1e-8, t2, 1.0)
    theta = np.sqrt(safe)
    s = np.where(t2 > 1e-8, np.sin(theta) / theta, 1.0 - t2 / 6.0)
    return point[1] + s * (axis[2] * point[0] - axis[0] * point[2])


def robot_arm(angles, lengths):
    x = y = heading = 0.0
    for k in range(angles.size):
        heading = heading + angles[k]
        x = x + lengths[k] * math.cos(heading)
        y = y + lengths[k] * math.sin(heading)
    return math.hypot(x - 1.0, y - 1.0)


def newton_kepler_while(mean_anomaly, ecc):
    e = mean_anomaly + ecc
    step = 1.0
    while abs(step) > 1e-13:
        step = (e - ecc * math.sin(e) - mean_anomaly) / (1.0 - ecc * math.cos(e))
        e = e - step
    return math.cos(e)


def picard_tight(coupling):
    m = 0.9
    for _ in range(2000):
        new = math.tanh(0.5 * coupling * m + 0.3)
        done = abs(new - m) < 1e-15
        m = new
        if done:
            break
    return m


def power_iteration_tight(a):
    v = np.ones(a.shape[0])
    for _ in range(300):
        w = a @ v
        v = w / np.linalg.norm(w)
    return v @ (a @ v)


def cg_fixed_sweeps(b, a):
    x = np.zeros(b.size)
    r = b - a @ x
    p = r.copy()
    rr = r @ r
    for _ in range(40):
        if rr < 1e-28:
            break
        ap = a @ p
        alpha = rr / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + new / rr * p
        rr = new
    return np.sum(x ** 2)


def least_squares_fit(scale, x, y):
    design = np.stack((np.ones(x.size), np.exp(-x / scale)), axis=1)
    coef = np.linalg.solve(design.T @ design, design.T @ y)
    return np.sum((design @ coef - y) ** 2)


def eigen_gap_fine(stiffness):
    k = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]]) * stiffness
    w, v = np.linalg.eigh(k)
    return w[0] + v[2, 0] ** 2


def trace_of_inverse(a):
    return np.trace(np.linalg.inv(a)) + np.log(np.linalg.det(a))


def linear_between_nodes(x, grid, table):
    return np.interp(x, grid, table) ** 2


def hermite_table(x, values, slopes):
    k = int(x)
    t = x - k
    h00 = (1 + 2 * t) * (1 - t) ** 2
    h10 = t * (1 - t) ** 2
    h01 = t * t * (3 - 2 * t)
    h11 = t * t * (t - 1)
    return h00 * values[k] + h10 * slopes[k] + h01 * values[k + 1] + h11 * slopes[k + 1]


def look_up_by_id(ids, prices, quantity):
    total = 0.0
    for k in range(ids.size):
        total += prices[ids[k]] * quantity[k]
    return total


def trimmed_mean(samples):
    ordered = np.sort(samples)
    k = samples.size // 5
    return np.mean(ordered[k:samples.size - k])


def best_of(scores):
    return scores[np.argmax(scores)] - 0.5 * np.mean(scores)


def log_safe(p):
    q = np.where(p > 0.0, p, 1.0)
    return -np.sum(q * np.log(q))


def norm_with_floor(v):
    return np.sqrt(v @ v + 1e-12) + v[0]


def expm1_yield(rate, n):
    return math.expm1(n * math.log1p(rate)) / rate


def hypot_distances(a, b):
    d = np.hypot(a[:, 0] - b[:, 0], a[:, 1] - b[:, 1])
    return d.mean()


def fermi_dirac(energy, mu, kt):
    x = (energy - mu) / kt
    return np.sum(1.0 / (1.0 + np.exp(x)))


def sum_of_positives(flux):
    total = 0.0
    for f in flux:
        if f > 0.0:
            total += f * f
    return total


def skip_missing(values, weights, missing):
    acc = 0.0
    for i in range(values.size):
        if missing[i]:
            continue
        acc += weights[i] * values[i]
    return acc / values.size


def nonzero_division(x, y):
    if y == 0.0:
        return 0.0
    return x / y


def relu_layers(w, x):
    h = x
    for layer in range(w.shape[0]):
        h = np.maximum(w[layer] @ h, 0.01 * (w[layer] @ h))
    return h.sum()


def gamma_tax(income):
    brackets = np.array([0.0, 10.0, 40.0, 90.0])
    rates = np.array([0.1, 0.2, 0.3, 0.4])
    tax = 0.0
    for k in range(4):
        upper = brackets[k + 1] if k < 3 else 1e9
        part = min(income, upper) - brackets[k]
        if part > 0.0:
            tax += rates[k] * part
    return tax


def float32_softmax(z):
    e = np.exp(z - np.max(z))
    p = e / np.sum(e)
    return np.sum(p * p)


def blood_flow_network(resistance):
    laplacian = np.array([[2.0, -1.0], [-1.0, 3.0]]) / resistance
    p = np.linalg.solve(laplacian, np.array([1.0, 0.0]))
    return (p[0] - p[1]) / resistance


def stopped_step(x, data):
    n = wg.stop_gradient(np.sum(data > 0.0))
    return np.sum((x - data) ** 2) / n


def window_average(freq):
    n = 4000
    t = np.linspace(0.0, 200.0, n)
    w = np.sin(np.pi * np.arange(n) / (n - 1)) ** 2
    return np.sum(w * np.sin(freq * t) ** 2) / np.sum(w)


def periodic_boundary(position, box):
    wrapped = position - box * np.floor(position / box)
    return np.sum(np.sin(2.0 * np.pi * wrapped / box))


def pair_energy(positions, box):
    n = positions.shape[0]
    e = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            d = positions[i] - positions[j]
            d = d - box * np.rint(d / box)
            r2 = d @ d
            e += 1.0 / r2 ** 6 - 1.0 / r2 ** 3
    return e


def parallel_dot(a, b):
    s = 0.0
    for i in wg.prange(a.size):
        s += a[i] * b[i] ** 2
    return s


def deposit_linear(x, charge):
    grid = np.zeros(12)
    for k in range(x.size):
        cell = int(x[k])
        w = x[k] - cell
        grid[cell] += charge[k] * (1.0 - w)
        grid[cell + 1] += charge[k] * w
    return np.sum(np.sin(grid))


def neutron_star_radius(stiffness):
    p, r, dr = 1.0, 0.1, 0.01
    while p > 1e-3:
        slope = -stiffness * p ** 0.8 * r
        p = p + dr * slope
        r = r + dr
        dr = 0.02 * p / (1e-6 + abs(slope))
    return r


_RNG = np.random.default_rng(40)
_X = np.linspace(0.0, 5.0, 25)
_SPD = np.eye(8) * 3.0 + 0.2 * np.ones((8, 8)) + np.diag(np.arange(8.0))

CASES = [
    case(tendon_off_slack, 0.25, Spring(0.22, 900.0)),
    case(squared_hinge, np.array([0.2, 1.0, 2.0]), 1.0),
    case(elastic_net_smooth, np.array([0.5, 0.0]), _RNG.normal(size=(6, 2)), _RNG.normal(size=6)),
    case(nearest_obstacle, np.array([[0.3, 1.0], [1.0, 0.2], [2.0, 1.5]]), np.array([0.1, 0.0])),
    case(two_compartment, 100.0, 0.3, 0.2, 0.15),
    case(michaelis_progress, 1.2, 3.0),
    case(dosing_schedule, 0.12, np.array([100.0, 50.0, 50.0, 50.0, 50.0, 50.0])),
    case(seir_peak, 0.9),
    case(black_scholes, 0.2, 0.03),
    case(binomial_tree, 0.25, 40),
    case(asian_call, 0.2, 100.0, _RNG.normal(size=(500, 12))),
    case(kalman_likelihood, 0.1, 0.5, _RNG.normal(size=60)),
    case(hmm_forward, 0.9, 0.1 + _RNG.random((40, 2))),
    case(gaussian_process, 0.8, _X, np.sin(_X)),
    case(logistic_regression, np.array([0.2, -0.4, 1.0]), _RNG.normal(size=(30, 3)), (_RNG.random(30) > 0.5).astype(np.float64)),
    case(softmax_attention, _RNG.normal(size=(4, 3)), _RNG.normal(size=(5, 3)), _RNG.normal(size=(5, 2))),
    case(batch_norm, _RNG.normal(size=(10, 3)), 0.7),
    case(conv_pool, _RNG.normal(size=(8, 8)), _RNG.normal(size=(3, 3))),
    case(shallow_water, 1.0, 9.81),
    case(multigrid_free_thomas, 1.5, np.linspace(0.2, 1.0, 40)),
    case(groundwater_theis, 30.0, 2.0),
    case(bessel_recurrence, 3.7),
    case(legendre_gauss, 0.6),
    case(romberg, 0.7),
    case(van_der_pol_short, 1.5),
    case(rocket_ascent, 200.0),
    case(orbital_elements, np.array([1.0, 0.1]), np.array([0.0, 1.1])),
    case(quaternion_rotation, np.array([0.8, 0.1, 0.3, -0.2]), np.array([1.0, 2.0, 3.0])),
    case(rodrigues_safe, np.zeros(3), np.array([1.0, 2.0, 3.0])),
    case(robot_arm, np.array([0.3, 0.5, -0.2]), np.array([1.0, 0.7, 0.4])),
    case(newton_kepler_while, 1.1, 0.35),
    case(picard_tight, 1.2),
    case(power_iteration_tight, np.array([[4.0, 1.0], [1.0, 2.0]])),
    case(cg_fixed_sweeps, np.linspace(1.0, 2.0, 8), _SPD),
    case(least_squares_fit, 1.3, _X, np.cos(_X)),
    case(eigen_gap_fine, 1.7),
    case(trace_of_inverse, np.array([[3.0, 1.0], [0.5, 2.0]])),
    case(linear_between_nodes, 2.34, np.arange(6.0), np.array([0.0, 1.0, 1.5, 1.2, 0.7, 0.4])),
    case(hermite_table, 3.0, np.sin(np.arange(8.0)), np.cos(np.arange(8.0))),
    case(look_up_by_id, np.array([3, 0, 2]), np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 1.5, 2.0])),
    case(trimmed_mean, _RNG.normal(size=20)),
    case(best_of, np.array([0.3, 1.7, 0.9])),
    case(log_safe, np.array([0.5, 0.5, 0.0])),
    case(norm_with_floor, np.array([0.3, -0.4])),
    case(expm1_yield, 1e-7, 12.0),
    case(hypot_distances, _RNG.normal(size=(7, 2)), _RNG.normal(size=(7, 2))),
    case(fermi_dirac, np.linspace(-1.0, 3.0, 50), 1.0, 0.05),
    case(sum_of_positives, np.array([0.4, -0.3, 0.0, 2.0])),
    case(skip_missing, _RNG.normal(size=6), _RNG.random(6), np.array([False, True, False, False, True, False])),
    case(nonzero_division, 2.0, 0.5),
    case(relu_layers, _RNG.normal(size=(3, 4, 4)), np.array([0.3, -0.2, 0.8, 0.1])),
    case(gamma_tax, 57.0),
    case(float32_softmax, np.array([0.2, 1.1, -0.4], dtype=np.float32)),
    case(blood_flow_network, 2.0),
    case(stopped_step, np.array([0.1, 0.2, 0.3]), np.array([1.0, -1.0, 2.0])),
    case(window_average, 3.3),
    case(periodic_boundary, np.array([0.3, 4.4, -1.2]), 2.0),
    case(pair_energy, np.array([[0.1, 0.2, 0.0], [1.3, 0.1, 0.4], [2.7, 2.8, 0.2]]), 3.0),
    case(parallel_dot, _RNG.random(100), _RNG.random(100)),
    case(neutron_star_radius, 2.2),
    case(deposit_linear, np.array([1.3, 4.6, 7.2]), np.array([1.0, 2.0, -0.5])),
]
