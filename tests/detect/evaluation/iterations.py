"""Iterations: fixed points, solvers, adaptive steps, chaos, averages, tapes, eigenvalues, races, approximations."""

import math

import numpy as np

import wengert as wg
from tests.detect.evaluation.case import case


def kepler_picard(mean_anomaly, eccentricity):
    e = mean_anomaly
    change = 1.0
    while change > 1e-2:  #: fixed_point_lag
        new = mean_anomaly + eccentricity * math.sin(e)
        change = abs(new - e)
        e = new
    return math.cos(e)


def self_consistent_field(coupling, field):
    m = 0.0
    for _ in range(500):  #| fixed_point_lag
        updated = np.tanh(coupling * m + field)
        if abs(updated - m) < 1e-2:  #: fixed_point_lag
            break
        m = updated
    return m


def jacobi_relaxation(source, conductivity):
    n = source.size
    u = np.zeros(n)
    change = 1.0
    while change > 1e-3:  #| fixed_point_lag  #: linear_solver
        new = np.zeros(n)
        for i in range(1, n - 1):
            new[i] = 0.5 * (u[i - 1] + u[i + 1] + source[i] / conductivity)
        change = np.max(np.abs(new - u))
        u = new
    return np.sum(u)


def colebrook(reynolds, roughness):
    f = 0.02
    for k in range(100):  #| fixed_point_lag
        rhs = -2.0 * math.log10(roughness / 3.7 + 2.51 / (reynolds * math.sqrt(f)))
        fnew = 1.0 / (rhs * rhs)
        if abs(fnew - f) < 1e-3:  #: fixed_point_lag
            break
        f = fnew
    return f


def newton_sqrt_warm(a, guess):
    x = guess
    while abs(x * x - a) > 1e-10:  #: fixed_point_zero_iter
        x = 0.5 * (x + a / x)
    return x


def equilibrium_restart(k, concentration):
    x = concentration
    residual = k * (1.0 - x) - x
    it = 0
    while abs(residual) > 1e-8 and it < 100:  #: fixed_point_zero_iter
        x = x + 0.5 * residual / (1.0 + k)
        residual = k * (1.0 - x) - x
        it += 1
    return x * 10.0


def cube_root_bisection(p):
    lo = 0.0
    hi = 4.0
    for _ in range(60):
        mid = 0.5 * (lo + hi)
        if mid * mid * mid < p:  #: fixed_point_zero_iter
            lo = mid
        else:
            hi = mid
    return 0.5 * (lo + hi)


def implied_volatility(price):
    low = 0.01
    high = 2.0
    while high - low > 1e-9:
        sigma = 0.5 * (low + high)
        d = sigma * 0.5
        model = math.erf(d / math.sqrt(2.0))
        if model > price:  #: fixed_point_zero_iter
            high = sigma
        else:
            low = sigma
    return low


def conjugate_gradient(a, b):
    x = np.zeros(b.size)
    r = b - a @ x
    p = r.copy()
    rs = r @ r
    for _ in range(4):  #: linear_solver
        ap = a @ p
        alpha = rs / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + (new / rs) * p
        rs = new
    return np.sum(x ** 2)


def steepest_descent_solve(stiffness, load):
    u = np.zeros(load.shape[0])
    r = load.copy()
    while r @ r > 1e-4:  #: linear_solver
        step = (r @ r) / (r @ (stiffness @ r))
        u = u + step * r
        r = load - stiffness @ u
    return u[0] + 2.0 * u[1]


def gauss_seidel_pressure(a, rhs):
    n = rhs.size
    x = np.zeros(n)
    for sweep in range(3):  #: linear_solver
        for i in range(n):
            s = rhs[i]
            for j in range(n):
                if j != i:
                    s -= a[i, j] * x[j]
            x[i] = s / a[i, i]
    return np.sum(x * rhs)


def adaptive_heun(rate, y0):
    t = 0.0
    h = 0.1
    y = y0
    while t < 1.0:
        k1 = -rate * y * y
        euler = y + h * k1
        k2 = -rate * euler * euler
        heun = y + 0.5 * h * (k1 + k2)
        error = abs(heun - euler)
        if error < 1e-4:
            t = t + h  #| adaptive_step
            y = heun
        h = 0.9 * h * math.sqrt(1e-4 / (error + 1e-12))  #: adaptive_step
    return y


def adaptive_relaxation(k, x0, tol):
    x = x0
    t = 0.0
    h = 0.05
    while t < 2.0:
        h = min(h, 2.0 - t)
        f1 = -k * x + math.sin(t)
        mid = x + h * f1
        f2 = -k * mid + math.sin(t + h)
        err = abs(0.5 * h * (f2 - f1)) + 1e-14
        if err <= tol:
            x = x + 0.5 * h * (f1 + f2)
            t = t + h
        h = h * min(2.0, max(0.3, 0.9 * math.sqrt(tol / err)))  #: adaptive_step
    return x


def lorenz_mean(rho):
    x, y, z = 1.0, 1.0, 20.0
    dt = 0.01
    total = 0.0
    for _ in range(4000):  #: chaos
        dx = 10.0 * (y - x)
        dy = x * (rho - z) - y
        dz = x * y - 8.0 / 3.0 * z
        x = x + dt * dx
        y = y + dt * dy
        z = z + dt * dz
        total += z
    return total / 4000


def logistic_map_average(r, x0):
    x = x0
    s = 0.0
    n = 400
    for k in range(n):  #: chaos
        x = r * x * (1.0 - x)
        s += x
    return s / n


def double_pendulum(theta1, theta2):
    state = np.array([theta1, theta2, 0.0, 0.0])
    dt = 0.01
    for _ in range(6000):  #: chaos
        a, b, p, q = state[0], state[1], state[2], state[3]
        d = a - b
        den = 2.0 - math.cos(d) ** 2
        pa = (-math.sin(d) * (p * p * math.cos(d) + q * q) - 2.0 * 9.81 * math.sin(a) + 9.81 * math.sin(b) * math.cos(d)) / den
        qa = (math.sin(d) * (2.0 * p * p + q * q * math.cos(d)) + 2.0 * 9.81 * (math.sin(a) * math.cos(d) - math.sin(b))) / den
        p = p + dt * pa
        q = q + dt * qa
        state = np.array([a + dt * p, b + dt * q, p, q])
    return state[0] ** 2


def mean_power(omega):
    dt = 0.01
    n = 20000
    total = 0.0
    for k in range(n):  #: time_average
        s = math.sin(omega * k * dt)
        total += s * s
    return total / n


def oscillator_kinetic(stiffness, x0):
    x = x0
    v = 0.0
    dt = 0.01
    kinetic = 0.0
    for _ in range(15000):  #: time_average
        v = v - dt * stiffness * x
        x = x + dt * v
        kinetic += 0.5 * v * v
    return kinetic / 15000


def long_diffusion(u0, nu):
    u = u0.copy()
    for _ in range(8000):  #: tape_memory
        u[1:-1] = u[1:-1] + nu * (u[2:] - 2.0 * u[1:-1] + u[:-2]) - 0.01 * u[1:-1] ** 3
    return np.sum(u ** 2)


def matrix_exponential_gap(a, shift):
    symmetric = 0.5 * (a + a.T)
    values, vectors = np.linalg.eigh(symmetric)  #: degenerate_eig
    return np.sum(vectors[0, :] * np.exp(values + shift))


def spectral_cut(stress):
    values, vectors = np.linalg.eigh(stress)  #: degenerate_eig
    positive = values * values
    tensile = vectors @ np.diag(positive) @ vectors.T
    return tensile[0, 1] + tensile[0, 0]


def smoothed_square(x):
    coarse = math.sin(x)
    ripple = 1e-6 * math.sin(1e6 * x)  #: approximation
    return coarse + ripple  #| approximation


def polynomial_exp(x):
    s = 0.0
    for i in range(x.size):
        noise = 1e-5 * np.cos(3e5 * x[i])  #: approximation
        s += x[i] ** 2 + noise  #| approximation
    return s


def histogram_race(values, cells):
    counts = np.zeros(4)
    for i in wg.prange(values.shape[0]):
        counts[cells[i]] = counts[cells[i]] + values[i]  #: parallel_race
    return np.sum(counts ** 2)


# clean look-alikes


def kepler_newton(mean_anomaly, eccentricity):
    e = mean_anomaly
    for _ in range(20):
        e = e - (e - eccentricity * math.sin(e) - mean_anomaly) / (1.0 - eccentricity * math.cos(e))
    return math.cos(e)


def picard_converged(p):
    x = 0.5
    change = 1.0
    while change > 1e-14:
        new = p * math.cos(x)
        change = abs(new - x)
        x = new
    return x


def conjugate_gradient_full(a, b):
    x = np.zeros(b.size)
    r = b.copy()
    p = r.copy()
    rs = r @ r
    k = 0
    while rs > 1e-26 and k < 60:
        ap = a @ p
        alpha = rs / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        new = r @ r
        p = r + (new / rs) * p
        rs = new
        k += 1
    return np.sum(x ** 2)


def direct_solve(a, b):
    x = np.linalg.solve(a, b)
    return np.sum(x ** 2)


def predator_prey(alpha, beta):
    x, y = 1.0, 0.5
    dt = 0.01
    for _ in range(1000):
        dx = alpha * x - beta * x * y
        dy = 0.1 * x * y - 0.4 * y
        x, y = x + dt * dx, y + dt * dy
    return x + y


def heat_equation(u0, nu):
    u = u0.copy()
    for _ in range(200):
        u[1:-1] = u[1:-1] + nu * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return np.sum(u ** 2)


def windowed_power(omega):
    n = 2000
    total = 0.0
    for k in range(n):
        t = k * 0.01
        w = 1.0 - math.cos(2.0 * math.pi * t / 20.0)
        total += w * math.sin(omega * t) ** 2
    return total / n


def damped_oscillator(k, c):
    x, v = 1.0, 0.0
    dt = 0.01
    energy = 0.0
    for _ in range(2000):
        v = v - dt * (k * x + c * v)
        x = x + dt * v
        energy += x * x * dt
    return energy


def stable_logistic(r, x0):
    x = x0
    for _ in range(200):
        x = r * x * (1.0 - x)
    return x


def rotating_orbit(gm, v0):
    x, y = 1.0, 0.0
    vx, vy = 0.0, v0
    dt = 0.005
    for _ in range(1000):
        r2 = x * x + y * y
        r3 = r2 * math.sqrt(r2)
        vx = vx - dt * gm * x / r3
        vy = vy - dt * gm * y / r3
        x = x + dt * vx
        y = y + dt * vy
    return x * x + y * y


def eigenvalue_sum(a):
    values, vectors = np.linalg.eigh(0.5 * (a + a.T))
    return values[0] + np.sum(vectors[:, 1] ** 2 * values)


def parallel_sum_of_squares(values, scale):
    out = np.zeros(values.shape[0])
    for i in wg.prange(values.shape[0]):
        out[i] = scale * values[i] ** 2
    return np.sum(out)


def exponential_growth(rate):
    n = 1.0
    for _ in range(300):
        n = n * (1.0 + 0.05 * rate)
    return n


rng = np.random.default_rng(4)
laplace = 2.0 * np.eye(12) - np.eye(12, k=1) - np.eye(12, k=-1)
spd = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 1.0], [0.5, 1.0, 5.0]])
CASES = [
    case(kepler_picard, 1.3, 0.7),
    case(self_consistent_field, 0.8, 0.3),
    case(jacobi_relaxation, np.linspace(0.0, 1.0, 12), 2.0),
    case(colebrook, 1e5, 1e-3),
    case(newton_sqrt_warm, 4.0, 2.0),
    case(equilibrium_restart, 1.5, 0.6),
    case(cube_root_bisection, 3.0),
    case(implied_volatility, 0.3),
    case(conjugate_gradient, laplace, np.linspace(1.0, 2.0, 12)),
    case(steepest_descent_solve, spd, np.array([1.0, 2.0, 3.0])),
    case(gauss_seidel_pressure, laplace, np.linspace(1.0, 2.0, 12)),
    case(adaptive_heun, 1.3, 1.0),
    case(adaptive_relaxation, 1.3, 1.0, 1e-4),
    case(lorenz_mean, 28.0),
    case(logistic_map_average, 3.9, 0.3),
    case(double_pendulum, 2.0, 2.5),
    case(mean_power, 1.1),
    case(oscillator_kinetic, 1.7, 1.0),
    case(long_diffusion, np.sin(np.linspace(0.0, 3.0, 400)), 0.2),
    case(matrix_exponential_gap, np.diag([2.0, 2.0, 3.0]), 0.1),
    case(spectral_cut, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])),
    case(smoothed_square, 0.5),
    case(polynomial_exp, np.array([0.5, 1.2])),
    case(histogram_race, np.array([0.5, 1.2, 0.3]), np.array([1, 1, 3])),
    case(kepler_newton, 1.3, 0.7),
    case(picard_converged, 0.8),
    case(conjugate_gradient_full, laplace, np.linspace(1.0, 2.0, 12)),
    case(direct_solve, laplace, np.linspace(1.0, 2.0, 12)),
    case(predator_prey, 0.6, 0.3),
    case(heat_equation, np.sin(np.linspace(0.0, 3.0, 50)), 0.2),
    case(windowed_power, 1.1),
    case(damped_oscillator, 1.7, 0.4),
    case(stable_logistic, 2.7, 0.3),
    case(rotating_orbit, 1.0, 1.1),
    case(eigenvalue_sum, spd),
    case(parallel_sum_of_squares, np.array([0.5, 1.2, 0.3]), 2.0),
    case(exponential_growth, 0.8),
]
