"""Branches: equality, pruned work, parametric discontinuities, discrete randomness."""

import math

import numpy as np

from tests.detect.evaluation.case import case


def exprel_filter(taps, cutoff):
    total = 0.0
    for k in range(taps.shape[0]):
        x = taps[k] * cutoff
        if x == 0.0:  #: equality_branch
            value = 1.0
        else:
            value = (math.exp(x) - 1.0) / x
        total += value * (k + 1)
    return total


def growth_integral(rate, horizon):
    if rate == 0:  #: equality_branch
        return horizon
    return (math.exp(rate * horizon) - 1.0) / rate


def boxcox_sum(y, lam):
    out = 0.0
    for i in range(len(y)):
        if lam == 0.0:  #: equality_branch
            out += math.log(y[i])
        else:
            out += (y[i] ** lam - 1.0) / lam
    return out


def matched_lens(f, target):
    shift = np.where(f == target, 0.0, f - target)  #: equality_branch
    return np.sum(shift * 3.0)


def discount_factor(r1, r2, t):
    early = math.exp(-r1 * t)
    if r1 == r2:  #: equality_branch
        weight = t * early
    else:
        weight = (early - math.exp(-r2 * t)) / (r2 - r1)
    return weight * 100.0


def sparse_polynomial(coefficients, x):
    total = 0.0
    for k in range(len(coefficients)):
        if coefficients[k] != 0.0:  #: pruned_zero
            total += coefficients[k] * x ** k
    return total


def skip_empty_cells(mass, velocity):
    momentum = 0.0
    energy = 0.0
    for i in range(mass.shape[0]):
        m = mass[i]
        if m == 0:  #: pruned_zero
            continue
        momentum += m * velocity[i]
        energy += 0.5 * m * velocity[i] ** 2
    return energy + momentum


def gaussian_elimination_skip(a, b):
    n = b.shape[0]
    m = a.copy()
    x = b.copy()
    for k in range(n):
        for i in range(k + 1, n):
            if m[i, k] != 0.0:  #: pruned_zero
                factor = m[i, k] / m[k, k]
                for j in range(k, n):
                    m[i, j] = m[i, j] - factor * m[k, j]
                x[i] = x[i] - factor * x[k]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            x[k] = x[k] - m[k, j] * x[j]
        x[k] = x[k] / m[k, k]
    return np.sum(x)


def exceedance(threshold, data):
    count = 0.0
    for i in range(data.shape[0]):
        if data[i] > threshold:  #: parametric_discontinuity
            count += 1.0
    return count / data.shape[0]


def melted_fraction(temperature, melting_point):
    grid = np.linspace(0.0, 1.0, 200)
    profile = temperature * (1.0 - grid)
    liquid = np.where(profile > melting_point, 1.0, 0.0)  #: parametric_discontinuity
    return np.mean(liquid)


def digital_payoff(spot, strike, sigma, shocks):
    terminal = spot * np.exp(sigma * shocks - 0.5 * sigma ** 2)
    payoff = np.where(terminal > strike, 1.0, 0.0)  #: discrete_random
    return np.mean(payoff)


def shock_position(speed, left, right):
    cells = np.linspace(-1.0, 1.0, 401)
    t = 0.2
    total = 0.0
    for i in range(cells.size):
        if cells[i] < speed * t:  #: parametric_discontinuity
            total += left
        else:
            total += right
    return total * (cells[1] - cells[0])


def heater_cost(setpoint, power):
    temperature = 15.0
    cost = 0.0
    for step in range(300):
        if temperature < setpoint:  #: parametric_discontinuity
            heat = power
        else:
            heat = 0.0
        temperature = temperature + 0.1 * (heat - 0.3 * (temperature - 10.0))
        cost += heat
    return cost


def infection_mean(p, uniforms):
    infected = np.where(uniforms < p, 3.0, 1.0)  #: discrete_random
    return np.mean(infected)


def random_walk_drift(p, u):
    position = 0.0
    for k in range(u.shape[0]):
        if u[k] < p:  #: discrete_random
            position += 1.0
        else:
            position -= 1.0
    return position / u.shape[0]


def branching_population(rate, draws):
    population = 1.0
    for i in range(draws.size):
        survive = draws[i] < math.exp(-rate)  #: discrete_random
        if survive:
            population += 1.0
    return population


def metropolis_energy(beta, proposals, uniforms):
    x = 0.5
    energy = 0.0
    for k in range(len(proposals)):
        candidate = x + proposals[k]
        ratio = math.exp(-beta * (candidate ** 2 - x ** 2))
        if uniforms[k] < ratio:  #: discrete_random
            x = candidate
        energy += x ** 2
    return energy / len(proposals)


# clean look-alikes


def sinc_away(taps, cutoff):
    total = 0.0
    for k in range(taps.shape[0]):
        x = taps[k] * cutoff
        if x == 0.0:
            value = 1.0
        else:
            value = math.sin(x) / x
        total += value * (k + 1)
    return total


def boundary_by_index(u, left, right):
    n = u.shape[0]
    out = 0.0
    for i in range(n):
        if i == 0:
            out += left * u[i]
        elif i == n - 1:
            out += right * u[i]
        else:
            out += u[i] ** 2
    return out


def mode_switch(x, mode):
    if mode == 1:
        y = np.sin(x)
    elif mode == 2:
        y = np.cos(x)
    else:
        y = x * x
    return np.sum(y)


def tariff(consumption, rate):
    bill = 0.0
    for c in consumption:
        if c > 100.0:
            bill += 100.0 * rate + (c - 100.0) * rate * 1.5
        else:
            bill += c * rate
    return bill


def masked_loss(prediction, target, mask):
    total = 0.0
    for i in range(prediction.size):
        if mask[i]:
            total += (prediction[i] - target[i]) ** 2
    return total


def validated_rate(k, t):
    if k <= 0.0:
        raise ValueError("the rate must be positive")
    return k * math.exp(-k * t)


def sparse_without_zeros(coefficients, x):
    total = 0.0
    for k in range(len(coefficients)):
        if coefficients[k] != 0.0:
            total += coefficients[k] * x ** k
    return total


def sigmoid_exceedance(threshold, data):
    return np.mean(1.0 / (1.0 + np.exp(-(data - threshold) / 0.3)))


def call_option(spot, strike, sigma, shocks):
    terminal = spot * np.exp(sigma * shocks - 0.5 * sigma ** 2)
    return np.mean(np.maximum(terminal - strike, 0.0))


def reparameterised(mu, sigma, normals):
    draws = mu + sigma * normals
    return np.mean(draws ** 2)


def piecewise_viscosity(rate, eta):
    total = 0.0
    for i in range(rate.size):
        g = rate[i]
        if g < 1.0:
            total += eta * g
        else:
            total += eta * (2.0 * math.sqrt(g) - 1.0)
    return total


def rare_sentinel(values, scale):
    total = 0.0
    for i in range(values.size):
        if values[i] == -999.0:
            continue
        total += scale * values[i]
    return total


rng = np.random.default_rng(2)
CASES = [
    case(exprel_filter, np.array([-1.0, 0.0, 1.0, 2.0]), 0.7),
    case(growth_integral, 0.0, 2.0),
    case(boxcox_sum, np.array([1.5, 2.0, 4.0]), 0.0),
    case(matched_lens, np.array([1.0, 2.0, 3.5]), 2.0),
    case(discount_factor, 0.05, 0.05, 4.0),
    case(sparse_polynomial, np.array([1.0, 0.0, 3.0, 0.0]), 1.5),
    case(skip_empty_cells, np.array([1.0, 0.0, 2.0]), np.array([0.5, 3.0, -1.0])),
    case(gaussian_elimination_skip, np.array([[4.0, 1.0, 0.5], [0.0, 3.0, 1.0], [1.0, 1.0, 5.0]]), np.array([1.0, 2.0, 3.0])),
    case(exceedance, 0.4, rng.standard_normal(300)),
    case(melted_fraction, 40.0, 17.0),
    case(digital_payoff, 100.0, 105.0, 0.2, rng.standard_normal(500)),
    case(shock_position, 1.3, 2.0, 0.5),
    case(heater_cost, 20.0, 8.0),
    case(infection_mean, 0.35, rng.random(400)),
    case(random_walk_drift, 0.6, rng.random(300)),
    case(branching_population, 0.8, rng.random(200)),
    case(metropolis_energy, 1.2, 0.8 * rng.standard_normal(300), rng.random(300)),
    case(sinc_away, np.array([-1.0, 0.3, 1.0, 2.0]), 0.7),
    case(boundary_by_index, np.array([1.0, 2.0, 0.5]), 0.3, 0.4),
    case(mode_switch, np.array([0.1, 0.5]), 2),
    case(tariff, np.array([20.0, 150.0, 99.0]), 0.3),
    case(masked_loss, np.array([0.1, 0.5, 0.2]), np.array([0.0, 0.4, 0.3]), np.array([True, False, True])),
    case(validated_rate, 0.7, 2.0),
    case(sparse_without_zeros, np.array([1.0, 0.5, 3.0, 0.2]), 1.5),
    case(sigmoid_exceedance, 0.4, rng.random(300)),
    case(call_option, 100.0, 105.0, 0.2, rng.standard_normal(500)),
    case(reparameterised, 0.4, 1.2, rng.standard_normal(500)),
    case(piecewise_viscosity, np.array([0.2, 0.9, 1.7, 3.0]), 1.4),
    case(rare_sentinel, np.array([0.2, 0.9, -999.0, 3.0]), 1.4),
]
