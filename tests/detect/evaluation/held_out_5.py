"""A small fifth set, written after the mending for the fourth: how the detector does on what it has not seen."""
import math

import numpy as np

from tests.detect.evaluation.case import case


def irrigation_cost(moisture, target, price):
    deficit = target - moisture
    water = np.where(deficit > 0.0, deficit, 0.0)  #: kink
    return price * np.sum(water) + 0.01 * np.sum(moisture)


def contact_force(gap, k):
    depth = max(-gap, 0.0)  #: kink
    return k * depth + 0.5 * k * gap


def resultant(f):
    total = np.sum(f, axis=0)
    return np.linalg.norm(total) * 2.0  #: domain_edge


def poisson_deviance(y, mu):
    term = np.where(y > 0, y * np.log(y / mu), 0.0)  #: masked_nan
    return 2.0 * np.sum(term - (y - mu))


def ramsey_savings(rho, wealth):
    if rho == 1.0:  #: equality_branch
        return math.log(wealth)
    return (wealth ** (1.0 - rho) - 1.0) / (1.0 - rho)


def sparse_polynomial_2d(c, x, y):
    s = 0.0
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            if abs(c[i, j]) > 0.0:  #: pruned_zero
                s += c[i, j] * x ** i * y ** j
    return s


def stamps(weight, rate):
    units = np.ceil(weight / 20.0)  #: quantisation
    return rate * units.sum()


def vapor_table(t, table):
    i = int(round(t * 2.0))  #| table_lookup
    return table[i] * 0.622  #: table_lookup


def simulate_until(horizon, k):
    n = int(round(horizon / 0.01))  #: step_count
    c = 1.0
    for _ in range(n):
        c -= 0.01 * k * c * c
    return c


def exceed(level, waves):
    over = 0
    for w in waves:
        if w > level:  #: parametric_discontinuity
            over += 1
    return over / len(waves)


def coin_reward(p, coins):
    reward = 0.0
    for c in coins:
        reward += 2.0 if c < p else -1.0  #: discrete_random
    return reward / coins.size


def friction(re):
    f = 0.03
    for _ in range(100):
        new = (-2.0 * math.log10(2.51 / (re * math.sqrt(f)) + 1e-4)) ** -2
        done = abs(new - f) < 1e-3 * f
        f = new
        if done:  # silent: the derivative has converged to four digits
            break
    return f


def invert_cdf(q):
    lo, hi = -5.0, 5.0
    while hi - lo > 1e-9:  #| fixed_point_zero_iter
        mid = 0.5 * (lo + hi)
        if 0.5 * (1.0 + math.erf(mid)) < q:  #: fixed_point_zero_iter
            lo = mid
        else:
            hi = mid
    return lo


def heat_jacobi(q):
    u = np.zeros(q.size + 2)
    err = 1.0
    while err > 1e-2:  #: linear_solver
        new = u.copy()
        new[1:-1] = 0.5 * (u[:-2] + u[2:] + q)
        err = np.max(np.abs(new - u))
        u = new
    return np.sum(u)


def logistic_orbit(r):
    x, total = 0.3, 0.0
    for _ in range(500):  #: chaos
        x = r * x * (1.0 - x)
        total += x
    return total / 500


def rounding_gap(eps):
    a = math.exp(eps)
    return (a - 1.0 - eps) / eps ** 2  #: cancellation


def softmin(x):
    return -np.log(np.sum(np.exp(-x)))  #: overflow


def rank_loss(score, gain):
    order = np.argsort(score)  #: order_index
    return np.sum(gain[order] / np.log2(2.0 + np.arange(score.size)))


# clean


def irrigation_smooth(moisture, target):
    return np.sum(np.maximum(target - moisture, 0.0) ** 2)


def crra(rho, wealth):
    return math.expm1((1.0 - rho) * math.log(wealth)) / (1.0 - rho)


def running_best(x):
    best = -np.inf
    for v in x:
        if v > best:
            best = v
    return best * best


def converged_friction(re):
    f = 0.03
    for _ in range(200):
        new = (-2.0 * math.log10(2.51 / (re * math.sqrt(f)) + 1e-4)) ** -2
        if abs(new - f) < 1e-15:
            break
        f = new
    return f


def upwind_step(u, a):
    v = u.copy()
    for _ in range(50):
        v[1:] = v[1:] - a * (v[1:] - v[:-1])
    return np.sum(v ** 2)


def periodic_index(x, n):
    k = int(np.floor(x)) % n
    frac = x - np.floor(x)
    return math.sin(frac) + 0.0 * k


def median_filter(x):
    out = 0.0
    for i in range(1, x.size - 1):
        a, b, c = x[i - 1], x[i], x[i + 1]
        m = max(min(a, b), min(max(a, b), c))
        out += m * m
    return out


def dtw(a, b):
    n, m = a.size, b.size
    d = np.full((n + 1, m + 1), np.inf)
    d[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            c = (a[i - 1] - b[j - 1]) ** 2
            d[i, j] = c + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[n, m]


def qr_fit(x, y):
    a = np.stack((np.ones(x.size), x), axis=1)
    q, r = np.linalg.qr(a)
    c = np.linalg.solve(r, q.T @ y)
    return c[1] ** 2


def leapfrog_pair(r0):
    x, v = r0, 0.0
    for _ in range(400):
        v -= 0.005 * (x - 1.0) * 3.0
        x += 0.005 * v
        v -= 0.005 * (x - 1.0) * 3.0
    return x


def normal_loglik(mu, sigma, x):
    z = (x - mu) / sigma
    return -0.5 * np.sum(z * z) - x.size * math.log(sigma)


def mixture(w, mu, x):
    p = w / np.sum(w)
    lp = np.log(p) - 0.5 * (x[:, None] - mu) ** 2
    top = np.max(lp, axis=1)
    return np.sum(top + np.log(np.sum(np.exp(lp - top[:, None]), axis=1)))


def power_grid(theta, b):
    flow = 0.0
    for i in range(theta.size):
        for j in range(theta.size):
            if i != j:
                flow += b[i, j] * math.sin(theta[i] - theta[j])
    return flow ** 2


def early_stop_by_count(x, most):
    total = 0.0
    for k in range(x.size):
        if k >= most:
            break
        total += math.exp(-x[k])
    return total


R = np.random.default_rng(5)
CASES = [
    case(irrigation_cost, np.array([0.2, 0.3, 0.1]), 0.3, 4.0),
    case(contact_force, 0.0, 50.0),
    case(resultant, np.array([[1.0, 0.0], [-0.5, 0.5], [-0.5, -0.5]])),
    case(poisson_deviance, np.array([0.0, 2.0, 5.0]), np.array([0.5, 1.5, 4.0])),
    case(ramsey_savings, 1.0, 3.0),
    case(sparse_polynomial_2d, np.array([[1.0, 0.0], [0.5, 2.0]]), 0.7, 0.3),
    case(stamps, np.array([33.0, 47.0, 12.0]), 0.85),
    case(vapor_table, 12.3, np.exp(np.linspace(0.0, 3.0, 80))),
    case(simulate_until, 1.504, 0.8),
    case(exceed, 0.4, np.sin(np.linspace(0.0, 20.0, 900))),
    case(coin_reward, 0.6, R.random(1500)),
    case(friction, 5e4),
    case(invert_cdf, 0.7),
    case(heat_jacobi, np.linspace(0.1, 0.5, 20)),
    case(logistic_orbit, 3.9),
    case(rounding_gap, 1e-6),
    case(softmin, np.array([-800.0, 1.0])),
    case(rank_loss, np.array([0.4, 0.1, 0.35, 0.8]), np.array([1.0, 3.0, 2.0, 0.5])),
    case(irrigation_smooth, np.array([0.2, 0.3, 0.1]), 0.3),
    case(crra, 0.9999999, 3.0),
    case(running_best, np.array([0.3, 0.9, 0.2])),
    case(converged_friction, 5e4),
    case(upwind_step, np.exp(-np.linspace(-2.0, 2.0, 40) ** 2), 0.4),
    case(periodic_index, 3.7, 5),
    case(median_filter, R.normal(size=12)),
    case(dtw, R.normal(size=8), R.normal(size=7)),
    case(qr_fit, np.linspace(0.0, 1.0, 9), np.cos(np.linspace(0.0, 1.0, 9))),
    case(leapfrog_pair, 1.4),
    case(normal_loglik, 0.3, 1.2, R.normal(size=30)),
    case(mixture, np.array([0.3, 0.7]), np.array([-1.0, 1.0]), R.normal(size=25)),
    case(power_grid, R.normal(size=5), R.random((5, 5))),
    case(early_stop_by_count, R.random(9), 5),
]
